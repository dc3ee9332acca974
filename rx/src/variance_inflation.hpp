// Variance inflation of linear models.
#pragma once
#include <vector>

#include "regression.hpp"
#include "rxhpc/lin_mod.hpp"

namespace rxhpc::impl {

/// Of every term but the intercept, from the correlations of its coefficients.
std::vector<VarianceInflation> variance_inflation(const Regression& r, const RegressionFit& fit);

}  // namespace rxhpc::impl
