// The covariance of coefficients as models keep it.
#pragma once
#include <functional>
#include <vector>

#include "regression.hpp"

namespace rxhpc::impl {

struct CoefficientCovariance {
  std::vector<std::vector<double>> value;  ///< [columns x columns]; NaN where aliased
  std::vector<std::vector<double>> low;    ///< what rounding has taken off `value`, where sums of x'Cx in double would lose digits; else empty
};
/// `covariance`: over the candidates of the fit.
CoefficientCovariance coefficient_covariance(const std::function<DD(int, int)>& covariance, const RegressionSolution& fit);

}  // namespace rxhpc::impl
