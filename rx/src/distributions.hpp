// Tail probabilities and quantiles; never thrown from, never floored.
#pragma once

namespace rxhpc::impl {

/// P(|T| > |t|) for Student's t with df degrees of freedom; NaN where t or df give none.
double t_two_sided(double t, double df);
/// P(|Z| > |z|) for the standard normal law.
double normal_two_sided(double z);
/// P(X > x) for chi-squared with df degrees of freedom.
double chi_squared_upper(double x, double df);
/// P(F > f).
double f_upper(double f, double num_df, double den_df);
/// t such that P(|T| <= t) = level.
double t_quantile_two_sided(double level, double df);
/// z such that P(|Z| <= z) = level.
double normal_quantile_two_sided(double level);

}  // namespace rxhpc::impl
