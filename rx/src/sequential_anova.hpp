// Analysis of variance of a linear model, term by term.
#pragma once
#include <vector>

#include "regression.hpp"
#include "rxhpc/lin_mod.hpp"

namespace rxhpc::impl {

/// Of response y, as R's anova(): the terms in the order of their degree, then of the formula; none of the intercept. The squares of
/// the factor's column of the response, by term (Golub & Van Loan, 5.3). Terms without an estimable column are left out.
std::vector<AnovaTerm> sequential_anova(const Regression& r, const RegressionFit& fit, int y, double df_residual, double tolerance);

}  // namespace rxhpc::impl
