// Sums free of the coefficients, and the model with one number beside the offset.
#include <algorithm>
#include <cmath>
#include <limits>

#include "glm_driver.hpp"
#include "glm_response.hpp"

namespace rxhpc::impl {

namespace {
constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr int most_null_passes = 60;
}  // namespace

double GlmDriver::null_start() const {
  if (!intercept_like(r_)) return 0;
  double const mean = static_cast<double>(state.weighted_y / state.weight);
  double const value = offset_ ? glm_link(family_.functions, mean) : mean;
  return std::isfinite(value) ? value : 0;
}

void GlmDriver::take_constants(const GlmStep& step) {
  state.constants = true;
  state.weight = step.sums().weight;
  state.weighted_y = step.sums().weighted_y;
  state.likelihood = step.sums().likelihood;
  state.fractional = step.n_fractional();
  if (step.products().n_valid() > 0) state.unit = std::min(1.0, static_cast<double>(state.weight) / static_cast<double>(step.products().n_valid()));
  refuse_responses(family_, step);
  double const total = static_cast<double>(state.weighted_y), weight = static_cast<double>(state.weight);
  state.null_value = null_start();
  state.null_base = none;
  if (family_.functions.range == Range::zero_or_one && intercept_like(r_) && !offset_ && options_.pweights.empty()) {
    // Of 0 and 1 alone the deviance about the mean is known from their numbers.
    double const m = total / weight;
    state.null_deviance = DD(-2 * (total * std::log(m) + (weight - total) * std::log1p(-m)));
    state.null_done = true;
  }
}

void GlmDriver::decide_null(const GlmStep& step) {
  auto const& s = step.sums();
  bool const mean = !offset_ && intercept_like(r_);
  double const deviance = static_cast<double>(s.null_deviance);
  if (mean || !intercept_like(r_)) {
    state.null_deviance = s.null_deviance;
    state.null_done = true;
    return;
  }
  // Newton's method for the one number beside the offset, halved as the model's own steps
  bool const first = std::isnan(state.null_base);
  if (++state.null_passes >= most_null_passes) {
    state.null_deviance = s.null_deviance;
    state.null_done = true;
    return;
  }
  double const score = static_cast<double>(s.null_score), way = state.null_value - state.null_base;
  if (!first && rose(state.null_base_deviance, deviance, state.null_base_score * way, score * way)) {
    state.null_value = (state.null_value + state.null_base) / 2;
    return;
  }
  // By a log link the equation can be solved outright: all means change by one factor.
  double const newton = static_cast<double>(s.null_score / s.null_weight);
  double const d = family_.functions.link == Link::log && newton > -1 ? std::log1p(newton) : newton;
  state.null_deviance = s.null_deviance;
  if (!std::isfinite(d) || std::abs(d) <= 1e-9 * std::max(1.0, std::abs(state.null_value))) {
    state.null_done = true;
    return;
  }
  state.null_base = state.null_value;
  state.null_base_deviance = deviance;
  state.null_base_score = score;
  state.null_value += d;
}

}  // namespace rxhpc::impl
