// Logarithms of the laws of counts, right to rounding however large the counts are, and slopes of ln Gamma.
// Loader, Fast and accurate computation of binomial probabilities (2000): Stirling's formula is divided out, so that large terms never meet.
#pragma once

namespace rxhpc::impl {

/// ln Gamma(y + 1), by table for small counts.
double log_factorial(double y);

/// y ln y - y - ln Gamma(y + 1), 0 at 0: the likelihood of a Poisson count by the mean that it is.
double perfect_poisson(double y);

/// ln of the probability of `successes` in `trials`, each with probability mu; rest = 1 - mu.
double log_binomial(double successes, double trials, double mu, double rest);

/// ln of the negative binomial density of y, which need not be whole.
double log_negative_binomial(double y, double mu, double theta);

/// psi(x + d) - psi(x), and psi'(x) - psi'(x + d), for x, d > 0.
struct GammaSlopes {
  double psi, tri;
};
GammaSlopes gamma_slopes(double x, double d);

}  // namespace rxhpc::impl
