#include "coefficient_covariance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rxhpc::impl {
namespace {

/// Whether x'Cx of the fit's rows, summed in double, loses more than six digits: where columns lie far from 0, or depend on one another, large
/// terms cancel. C and X'WX over the candidates: rows have (sum over j of sqrt(C_jj (X'WX)_jj))^2 in terms for trace(C X'WX) of result.
bool quadratic_forms_cancel(const std::function<DD(int, int)>& covariance, const RegressionSolution& fit) {
  double terms = 0;
  DD trace;
  for (int i = 0; i < fit.candidates; ++i) {
    if (fit.factor.aliased[i]) continue;
    terms += std::sqrt(std::max(0.0, covariance(i, i).hi * fit.gram(i, i).hi));
    for (int j = 0; j < fit.candidates; ++j)
      if (!fit.factor.aliased[j]) trace += covariance(i, j) * fit.gram(i, j);
  }
  return terms * terms > 1e6 * trace.hi;
}

}  // namespace

CoefficientCovariance coefficient_covariance(const std::function<DD(int, int)>& covariance, const RegressionSolution& fit) {
  CoefficientCovariance out;
  auto const columns = fit.columns.size();
  out.value.assign(columns, std::vector<double>(columns, std::numeric_limits<double>::quiet_NaN()));
  if (quadratic_forms_cancel(covariance, fit)) out.low.assign(columns, std::vector<double>(columns, 0.0));
  for (int i = 0; i < fit.candidates; ++i)
    for (int j = 0; j < fit.candidates; ++j) {
      if (fit.factor.aliased[i] || fit.factor.aliased[j]) continue;
      auto const row = static_cast<std::size_t>(fit.order[i]), column = static_cast<std::size_t>(fit.order[j]);
      DD const c = covariance(i, j);
      out.value[row][column] = static_cast<double>(c);
      if (!out.low.empty()) out.low[row][column] = static_cast<double>(c - DD(out.value[row][column]));
    }
  return out;
}

}  // namespace rxhpc::impl
