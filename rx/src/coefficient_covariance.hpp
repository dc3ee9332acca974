// The covariance of coefficients as models keep it.
#pragma once
#include <functional>
#include <vector>

#include "regression.hpp"

namespace rxhpc::impl {

/// Whether x'Cx of the fit's rows, summed in double, loses more than six digits: where columns lie far from 0, or depend on one another, large
/// terms cancel. C and X'WX over the candidates: rows have (sum over j of sqrt(C_jj (X'WX)_jj))^2 in terms for trace(C X'WX) of result.
bool quadratic_forms_cancel(const std::function<DD(int, int)>& covariance, const RegressionSolution& fit);

struct CoefficientCovariance {
  std::vector<std::vector<double>> value;  ///< [columns x columns]; NaN where aliased
  std::vector<std::vector<double>> low;    ///< what rounding has taken off `value`, where quadratic forms cancel; else empty
};
CoefficientCovariance coefficient_covariance(const std::function<DD(int, int)>& covariance, const RegressionSolution& fit);

}  // namespace rxhpc::impl
