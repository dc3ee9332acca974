// RevoScaleR's covData: the covariance of the columns that a regression is of.
#pragma once
#include <vector>

#include "regression.hpp"

namespace rxhpc::impl {

/// What sums of products about the means are divided by: rows - 1; with frequency weights their sum - 1; with others their sum times (rows - 1) / rows.
DD covariance_divisor(const Regression& r, const RegressionSums& sums);

/// [columns but the intercept, reference levels included, twice]. `sums` are those of the data, not of a reweighted fit; the design has an intercept.
std::vector<std::vector<double>> data_covariance(const Regression& r, const RegressionSums& sums);

/// Throws UsageError where it is asked for and cannot be had.
void check_cov_data(const Regression& r, const FitOptions& options);

}  // namespace rxhpc::impl
