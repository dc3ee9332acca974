// Coming near the answer by some of the rows: a start for the passes over all of them, at a fraction of their cost.
#include <cmath>
#include <limits>
#include <memory>

#include "glm_driver.hpp"
#include "unchecked_source.hpp"

namespace rxhpc::impl {
namespace {

constexpr int coarse = 128, fine = 16;           // every so manieth tile
constexpr std::int64_t share_of_memory = 4;      // of which a quarter may hold the fine subset
constexpr auto unlimited = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t least_rows = 400'000;     // fewer are read whole from the first
constexpr std::int64_t rows_a_coefficient = 50;  // that a coarse subset has at least
constexpr int most_iterations = 10;              // with one subset

}  // namespace

void GlmDriver::begin_subset() {
  auto const rows = r_.rows.grid().total(), coefficients = static_cast<std::int64_t>(state.beta.size());
  if (state.exact || rows < least_rows || !state.theta_done || starts_[0] == Start::values) return;
  bool const soon_solved = static_cast<double>(coefficients) * coefficients * coefficients <= rows;  // in less time than a pass over the fine subset takes
  state.subset = soon_solved && rows / coarse >= rows_a_coefficient * coefficients ? coarse : fine;
}

/// Rows that are used where they lie in memory are best left there. Others are read once: those of the fine subset, of which the coarse one is a part.
GlmStep GlmDriver::subset_pass(GlmStepSpec spec) {
  spec.tile_step = state.subset;
  GlmStep const step(spec);
  if (!read_again_) {
    auto const limit = options_.run.memory_limit;
    auto const share = rank_chunks(r_.rows, comm_);
    double bytes = 0;
    for (auto chunk = share.first; chunk < share.last; ++chunk) bytes += static_cast<double>(r_.rows.stored_bytes(chunk, r_.read));
    read_again_ = r_.rows.held_bytes(r_.read) == 0 && (limit == 0 || bytes <= static_cast<double>(limit));
    if (!*read_again_)
      sample_ = std::make_unique<SampledSource>(r_.rows, r_.read, step.products().tile_rows(), fine, limit > 0 ? limit / share_of_memory : unlimited);
  }
  if (!sample_) return sweep(UncheckedSource(r_.rows), r_.read, step, options_.run, comm_, &timing_);
  spec.tile_step /= fine;
  return sweep(*sample_, r_.read, GlmStep(spec), options_.run, comm_, &timing_);
}

/// On to the next subset or to all rows, with these coefficients where they are useful. Where another subset's turn out not to be, the subset begins anew.
void GlmDriver::leave_subset(bool useful) {
  bool const again = !useful && state.subset_inherits;
  if (!again) state.subset = state.subset == coarse ? fine : 0;
  state.subset_inherits = useful && state.subset > 0;
  if (state.subset == 0) sample_.reset();
  state.subset_begin = state.subset_iteration;
  state.base.clear();
  state.base_deviance = std::numeric_limits<double>::quiet_NaN();
  state.halvings = 0;
  state.from_response = false;
  if (!useful) begin(starts_[static_cast<std::size_t>(state.attempt)]);
}

void GlmDriver::decide_subset(const GlmStep& step, const RegressionSums& sums, bool valid) {
  double const deviance = static_cast<double>(step.sums().deviance);
  bool const worse = std::isfinite(state.base_deviance) && !state.base.empty() && deviance > state.base_deviance * (1 + 1e-6) + 1e-6;
  if (!valid || worse || shift_far_off(r_, sums, state.shift, false) || state.subset_iteration - state.subset_begin >= most_iterations) return leave_subset(false);
  auto const solution = solve_cheaply(r_, sums, coding_of(options_), options_, 1e-6);
  auto const d = solve_step(solution);
  bool const from_response = state.from_response;
  state.base = from_response ? std::vector<DD>{} : state.beta;
  state.base_deviance = deviance;
  for (std::size_t j = 0; j < d.size(); ++j) state.beta[j] += d[j];
  state.from_response = false;
  ++state.subset_iteration;
  // The subset's own answer is off by about one dispersion a coefficient. Newton's method comes nearer: what is left of a fall f of the deviance is about
  // f^2 over the number of rows.
  double const n = static_cast<double>(sums.n_valid), fall = fall_of(solution);
  double const near = dispersion_of(sums, solution) * std::sqrt(0.1 * solution.factor.rank * n);
  if (!from_response && fall <= std::min(near, 0.05 * size_of(deviance))) leave_subset(true);
}

}  // namespace rxhpc::impl
