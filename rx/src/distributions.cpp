#include "distributions.hpp"

#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/fisher_f.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>

namespace rxhpc::impl {
namespace {

namespace bm = boost::math;
// Boost answers bad arguments with exceptions unless told otherwise; they are ruled out before each call all the same.
using Policy = bm::policies::policy<bm::policies::domain_error<bm::policies::ignore_error>, bm::policies::overflow_error<bm::policies::ignore_error>,
                                    bm::policies::pole_error<bm::policies::ignore_error>, bm::policies::evaluation_error<bm::policies::ignore_error>,
                                    bm::policies::promote_double<true>>;
constexpr double none = std::numeric_limits<double>::quiet_NaN();

}  // namespace

double t_two_sided(double t, double df) {
  if (std::isnan(t) || !(df > 0)) return none;
  if (std::isinf(t)) return 0;
  return 2 * bm::cdf(bm::complement(bm::students_t_distribution<double, Policy>(df), std::abs(t)));
}

double normal_two_sided(double z) { return std::isnan(z) ? none : std::erfc(std::abs(z) / std::sqrt(2.0)); }

double chi_squared_upper(double x, double df) {
  if (std::isnan(x) || !(df > 0)) return none;
  if (std::isinf(x)) return 0;
  return x <= 0 ? 1 : bm::cdf(bm::complement(bm::chi_squared_distribution<double, Policy>(df), x));
}

double f_upper(double f, double num_df, double den_df) {
  if (std::isnan(f) || !(num_df > 0) || !(den_df > 0)) return none;
  if (std::isinf(f)) return 0;
  if (f <= 0) return 1;
  return bm::cdf(bm::complement(bm::fisher_f_distribution<double, Policy>(num_df, den_df), f));
}

double t_quantile_two_sided(double level, double df) {
  if (!(df > 0)) return none;
  return bm::quantile(bm::complement(bm::students_t_distribution<double, Policy>(df), (1 - level) / 2));
}

double normal_quantile_two_sided(double level) {
  return bm::quantile(bm::complement(bm::normal_distribution<double, Policy>(), (1 - level) / 2));
}

}  // namespace rxhpc::impl
