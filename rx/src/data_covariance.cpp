#include "data_covariance.hpp"

#include "rxhpc/errors.hpp"

namespace rxhpc::impl {

DD covariance_divisor(const Regression& r, const RegressionSums& sums) {
  DD const rows(static_cast<double>(sums.n_valid));
  if (r.spec.weight < 0) return rows - DD(1);
  return r.spec.frequency ? sums.weight_sum - DD(1) : sums.weight_sum * (rows - DD(1)) / rows;
}

std::vector<std::vector<double>> data_covariance(const Regression& r, const RegressionSums& sums) {
  auto const n = static_cast<int>(r.design.columns().size()) - 1;
  DD const divisor = covariance_divisor(r, sums);
  std::vector<std::vector<double>> c(static_cast<std::size_t>(n), std::vector<double>(static_cast<std::size_t>(n)));
  for (int i = 0; i < n; ++i)
    for (int j = i; j < n; ++j) {
      auto const& g = sums.gram;
      DD const about_means = g(i + 1, j + 1) - g(0, i + 1) * g(0, j + 1) / g(0, 0);
      c[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)] = c[static_cast<std::size_t>(j)][static_cast<std::size_t>(i)] = static_cast<double>(about_means / divisor);
    }
  return c;
}

void check_cov_data(const Regression& r, const FitOptions& options) {
  if (options.cov_data && !r.design.intercept) throw UsageError("--cov-data needs a model with an intercept");
  if (options.cov_data && r.design.columns().size() < 2) throw UsageError("--cov-data needs a term beside the intercept");
}

}  // namespace rxhpc::impl
