// Covariances of linear models that hold where variances differ, and variance inflation.
#pragma once
#include <string>
#include <vector>

#include "regression.hpp"
#include "rxhpc/lin_mod.hpp"

namespace rxhpc::impl {

/// Collective. One pass. (X'WX)^-1 X' diag(u) X (X'WX)^-1 over the candidates, u being the squared weighted residuals of response y, scaled by
/// `kind`: HC0 as they are (White, Econometrica 48, 1980), HC1 times n / (n - p), HC2 over 1 - h, HC3 over (1 - h)^2 (MacKinnon &
/// White, J. Econometrics 29, 1985), h the leverage. Frequency weights repeat rows.
DdMatrix robust_covariance(const Regression& r, const RegressionFit& fit, int y, double observations, const std::string& kind,
                           const FitOptions& options, Communicator& comm, Timing& timing);

/// Of every term but the intercept, from the correlations of its coefficients.
std::vector<VarianceInflation> variance_inflation(const Regression& r, const RegressionFit& fit);

}  // namespace rxhpc::impl
