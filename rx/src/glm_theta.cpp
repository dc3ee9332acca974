// The shape of a negative binomial law.
#include <algorithm>
#include <cmath>
#include <limits>

#include "glm_driver.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {

namespace {
constexpr double none = std::numeric_limits<double>::quiet_NaN();
}

/// Pearson's chi-squared of the Poisson fit against 1 + mean / theta.
double GlmDriver::theta_by_moments() const {
  int const y = last.solution.candidates;
  double const df = std::max(1.0, static_cast<double>(state.weight) - last.solution.factor.rank);
  double const excess = static_cast<double>(last.solution.gram(y, y)) / df - 1, mean = static_cast<double>(state.weighted_y / state.weight);
  return excess > 1e-3 ? mean / excess : 1e3;
}

/// The null model waits for a theta: where the search for it ends early it stands as it is. What a fit that is resumed needs is noted.
void GlmDriver::give_theta_up() {
  if (state.theta_done) return;
  state.theta_given_up = state.theta;
  if (state.theta == 0) state.theta = theta_by_moments();
  state.theta_done = true;
}

/// A fit that had given up looks for its theta again, and for the null deviance that goes with it.
void GlmDriver::take_theta_up() {
  if (std::isnan(state.theta_given_up)) return;
  state.theta = state.theta_given_up;
  state.theta_given_up = none;
  state.theta_done = false;
  state.null_done = false;
  state.null_passes = 0;
  state.null_base = none;
  state.null_value = null_start();
}

/// Newton's step for ln(theta) at the coefficients found; false where it stands.
bool GlmDriver::advance_theta() {
  auto const& s = last.of_rows;
  double const old = state.theta;
  if (old == 0) {
    state.theta = theta_by_moments();
  } else {
    double const score = static_cast<double>(s.theta_score) * old, information = static_cast<double>(s.theta_information) * old * old;
    double const newton = information > 0 ? score / information : score > 0 ? 1 : -1;
    state.theta = old * std::exp(std::clamp(newton, -1.5, 1.5));
  }
  if (++state.theta_rounds >= most_theta_rounds || state.theta > 1e9 || (old > 0 && std::abs(state.theta - old) <= 1e-10 * old)) {
    state.theta_done = true;
    if (state.theta > 1e9) state.theta_rounds = most_theta_rounds;
  }
  state.base.clear();
  state.base_deviance = none;
  state.iteration = 0;
  return true;
}

}  // namespace rxhpc::impl
