#include "glm_driver.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr int most_halvings = 40, most_followed = 2;
constexpr double running_away = 0.05, creeping = 0.005;  // what eta changes by at least, where a coefficient has no limit
constexpr double settled = 2e-5;                  // what eta changes by at most in a step that needs no pass
constexpr double most_flops_exact = 2e7;          // n p^2 / 2 up to which every pass is exact

std::vector<DD> difference(std::vector<DD> a, const std::vector<DD>& b) {
  for (std::size_t j = 0; j < a.size(); ++j) a[j] -= b[j];
  return a;
}

/// How large column i is in the rows where it is not 0, be they few: the mean square over the mean, which is 1 for a dummy of any share, and never less
/// than the root mean square there. `otherwise` for a column about 0, of which the mean says nothing.
double size_where_present(const DdMatrix& gram, int i, double otherwise) {
  double const sum = std::abs(gram(0, i).hi), squares = gram(i, i).hi;
  return sum > 1e-12 * std::sqrt(squares * gram(0, 0).hi) ? squares / sum : otherwise;
}

/// The score times a way of the coefficients.
double slope_along(const RegressionSums& sums, const std::vector<DD>& way) {
  int const y = sums.gram.n - 1;
  DD slope(0);
  for (std::size_t j = 0; j < way.size(); ++j)
    if (way[j].hi != 0) slope += sums.gram(static_cast<int>(j), y) * way[j];
  return static_cast<double>(slope);
}

}  // namespace

GlmStepSpec GlmDriver::step_spec() const {
  GlmStepSpec s;
  s.products = r_.spec;
  s.products.precision = state.exact ? Precision::exact : Precision::plain;
  s.products.shift = state.exact ? std::vector<double>{} : state.shift;
  s.has_offset = offset_;
  s.family = family_.functions;
  s.family.theta = state.theta;
  if (s.family.variance == Variance::negative_binomial && state.theta == 0) s.family.variance = Variance::mu;  // Poisson comes first
  for (DD b : state.beta) s.beta.push_back(b.hi), s.beta_low.push_back(b.lo);
  s.from_response = state.from_response;
  s.unit_weights_start = r_.spec.frequency;
  if (state.subset) return s;
  s.constants = !state.constants;
  if (!state.null_done && state.theta_done && (state.constants || !intercept_like(r_))) {
    s.null = offset_ || !intercept_like(r_) ? GlmStepSpec::Null::linear : GlmStepSpec::Null::mean;
    s.null_value = state.null_value;
  }
  return s;
}

GlmStep GlmDriver::pass(const GlmStepSpec& spec) {
  if (state.subset) return subset_pass(spec);
  return sweep(r_.rows, r_.read, GlmStep(spec), options_.run, comm_, &timing_);
}

std::vector<DD> GlmDriver::solve_step(const RegressionSolution& solution) const {
  std::vector<DD> step(state.beta.size(), DD(0));
  auto const d = solve(solution.factor, solution.candidates, solution.candidates);
  for (int k = 0; k < solution.candidates; ++k)
    if (!solution.factor.aliased[k]) step[static_cast<std::size_t>(solution.order[k] + r_.skip())] = d[k];
  return step;
}

bool GlmDriver::is_numeric(const DesignColumn& column) const {
  auto const& variables = r_.design.terms[static_cast<std::size_t>(column.term)].variables;
  return std::any_of(variables.begin(), variables.end(), [&](int v) { return !r_.design.variables[v].factor; });
}

/// [columns] The standard deviation of a numeric column, of one in a cell that in the cell's rows; 1 for others.
std::vector<double> GlmDriver::scales(const RegressionSums& sums, const std::vector<DesignColumn>& columns) const {
  auto const& terms = r_.design.terms;
  std::map<std::vector<int>, int> cells;  // variables of a term of factors alone: its first column
  for (std::size_t j = columns.size(); j-- > 0;)
    cells[terms[static_cast<std::size_t>(columns[j].term)].variables] = static_cast<int>(j) + r_.skip();
  std::vector<double> scale(columns.size(), 1.0);
  for (std::size_t j = 0; j < columns.size(); ++j) {
    if (!is_numeric(columns[j])) continue;
    auto factors = terms[static_cast<std::size_t>(columns[j].term)].variables;
    std::erase_if(factors, [&](int v) { return !r_.design.variables[v].factor; });
    auto const cell = factors.empty() ? cells.end() : cells.find(factors);
    int const i = static_cast<int>(j) + r_.skip();
    DD const n = cell == cells.end() ? sums.gram(0, 0) : sums.gram(0, cell->second + static_cast<int>(columns[j].cell));
    if (!(n.hi > 0)) continue;
    scale[j] = std::sqrt(std::max(static_cast<double>((sums.gram(i, i) - sums.gram(0, i) * sums.gram(0, i) / n) / n), 0.0));
  }
  return scale;
}

/// Chooses coding, order and rank; false where the pass must be done again.
bool GlmDriver::choose_columns(const RegressionSums& sums) {
  auto const solution = solve_design(r_, sums, options_, rank_tolerance);
  if (!state.exact && (nearly_dependent(r_, sums, solution) || shift_far_off(r_, sums, state.shift, false))) {
    state.exact = true;  // rank is never decided in plain double, nor by sums that lost digits
    return false;
  }
  refuse_overflow(r_, sums);
  std::int64_t in_use = 0;
  for (int j : solution.order) in_use += sums.cell_in_use[static_cast<std::size_t>(j)];
  if (sums.n_valid < in_use)
    throw DataError("there are " + std::to_string(in_use) + " coefficients and only " + std::to_string(sums.n_valid) + " rows to estimate them from");
  int const skip = r_.skip();
  state.decided = true;
  state.coding = solution.coding;
  state.order = solution.order;
  state.aliased.assign(solution.factor.aliased.begin(), solution.factor.aliased.begin() + solution.candidates);
  state.scale = scales(sums, solution.columns);
  // A start found by other columns than these is of no use.
  bool foreign = false;
  std::vector<char> kept(solution.columns.size(), 0);
  for (int k = 0; k < solution.candidates; ++k)
    if (!solution.factor.aliased[k]) kept[static_cast<std::size_t>(solution.order[k])] = 1;
  for (std::size_t j = 0; j < kept.size(); ++j)
    if (!kept[j] && state.beta[j + static_cast<std::size_t>(skip)].hi != 0) foreign = true, state.beta[j + static_cast<std::size_t>(skip)] = DD(0);
  if (foreign && starts_[static_cast<std::size_t>(state.attempt)] != Start::values) begin(starts_[static_cast<std::size_t>(state.attempt)]);
  return !foreign;
}

/// Whether a step raised the deviance. Rounding of a large deviance hides what a short step makes of it, but not what it makes of the slope; by the
/// trapezoidal rule slopes tell a true rise (Hager & Zhang, SIAM J. Optim. 16 (2005), 170-192, accept steps by slopes for this reason).
bool GlmDriver::rose(double before, double after, double slope_before, double slope_after) const {
  double rise = after - before;
  if (slope_before >= 0 && slope_before <= 1e-6 * size_of(before)) rise = std::min(rise, -(slope_before + slope_after));
  return !(rise <= 1e-11 * size_of(before));
}

/// R halves steps into nowhere; so do we, and those that raise the deviance.
bool GlmDriver::halve(bool valid, double deviance, const RegressionSums& sums) {
  bool worse = false;
  if (valid && !state.base.empty() && std::isfinite(state.base_deviance)) {
    worse = rose(state.base_deviance, deviance, state.base_slope, slope_along(sums, difference(state.beta, state.base)));
  }
  if (valid && !worse) return false;
  bool const hopeless = state.halvings >= most_halvings && state.iteration == 1 && state.attempt + 1 < static_cast<int>(starts_.size());
  if (state.base.empty() || hopeless) {
    next_start();
  } else if (state.halvings < most_halvings) {
    ++state.halvings;
    ++state.all_halvings;
    state.base_slope /= 2;
    for (std::size_t j = 0; j < state.beta.size(); ++j) state.beta[j] = (state.beta[j] + state.base[j]) * DD(0.5);
  } else {
    // No step along this way lowers the deviance: what came before is the best there is.
    state.beta = state.base;
    state.base.clear();
    state.finished = true;
    state.converged = false;
    give_theta_up();
  }
  return true;
}

double GlmDriver::fall_of(const RegressionSolution& solution) {
  int const y = solution.candidates;
  double fall = 0;
  for (int k = 0; k < y; ++k) fall += solution.factor.r(k, y).hi * solution.factor.r(k, y).hi;
  return fall;
}

double GlmDriver::dispersion_of(const RegressionSums& sums, const RegressionSolution& solution) const {
  int const y = solution.candidates;
  double const pearson = static_cast<double>(solution.gram(y, y)), df = static_cast<double>(sums.n_valid - solution.factor.rank);
  return family_.fixed_dispersion || !(df > 0) ? state.unit : pearson / df;
}

/// The two tests of convergence, and a third that ends what rounding keeps alive: a step far below every standard error.
bool GlmDriver::step_is_small(double deviance) const {
  if (state.halvings > 0) return false;
  if (options_.objective_tolerance > 0 && std::isfinite(state.base_deviance) && state.iteration > 0 &&
      std::abs(deviance - state.base_deviance) <= options_.objective_tolerance * size_of(deviance))
    return true;
  if (!(options_.coeff_tolerance > 0) || state.base.empty()) return false;
  double change = 0, largest = 0;
  for (std::size_t j = 0; j < state.beta.size(); ++j) {
    change = std::max(change, std::abs(static_cast<double>(state.beta[j] - state.base[j])));
    largest = std::max(largest, std::abs(static_cast<double>(state.beta[j])));
  }
  if (change <= options_.coeff_tolerance * largest) return true;
  return state.iteration > 2 && fall_of(last.solution) <= 1e-24 * dispersion_of(last.sums, last.solution);
}

void GlmDriver::accept(const RegressionSums& sums, double deviance) {
  last.beta = state.beta;
  last.sums = sums;
  RegressionSolution first;
  first.coding = state.coding;
  first.columns = r_.design.coded(state.coding, sums.level_in_use);
  first.order = state.order;
  first.candidates = static_cast<int>(state.order.size());
  first.factor.aliased = state.aliased;
  last.solution = solve_again(r_, sums, first, rank_tolerance);
  last.inverse = {};
  last.step = solve_step(last.solution);
  last.previous = state.base.empty() ? std::vector<DD>{} : difference(state.beta, state.base);
  last.deviance = deviance;
  if (state.finished) return;
  bool const tiny = next_step_is_tiny(deviance), follow = tiny && worth_following();
  if (tiny && !follow) return take_last_step(deviance);
  if (!tiny && step_is_small(deviance)) return finish_or_refine(true);
  state.followed += follow;
  if (state.iteration >= options_.max_iterations) return finish_or_refine(state.converged);
  state.base = state.from_response ? std::vector<DD>{} : state.beta;
  state.base_deviance = deviance;
  state.base_slope = slope_along(sums, last.step);
  for (std::size_t j = 0; j < state.beta.size(); ++j) state.beta[j] += last.step[j];
  state.from_response = false;
  state.halvings = 0;
  ++state.iteration;
}

/// In a large problem, where a visit of the rows is dear, a step that will change the deviance by less than 1e-10 of itself is taken without one.
bool GlmDriver::next_step_is_tiny(double deviance) const {
  if (state.exact || state.subset_iteration == 0 || !(options_.objective_tolerance >= 1e-10) || state.halvings > 0 || !state.theta_done || state.base.empty()) return false;
  return fall_of(last.solution) <= 1e-10 * size_of(deviance);
}

std::vector<std::size_t> GlmDriver::runaways() const {
  std::vector<std::size_t> columns;
  bool const hardly_begun = !state.converged && state.iteration + state.subset_iteration < 5;
  if (hardly_begun || !(fall_of(last.solution) <= 1e-5 * size_of(last.deviance))) return columns;
  auto const skip = static_cast<std::size_t>(r_.skip());
  bool const before = !last.previous.empty();
  for (std::size_t j = 0; j < state.scale.size(); ++j) {
    auto const i = static_cast<int>(j + skip);
    double const step = std::abs(last.step[j + skip].hi), estimate = std::abs(state.beta[j + skip].hi);
    double const previous = before ? std::abs(last.previous[j + skip].hi) : 0;
    double const size = is_numeric(last.solution.columns[j]) ? size_where_present(last.sums.gram, i, state.scale[j]) : 1;
    if (step * size > (before ? creeping : running_away) && step >= 0.5 * previous && step > 0.002 * estimate) columns.push_back(j);
  }
  return columns;
}

/// Whether a coefficient is still on its way of which the deviance says little, that of a rare level: some more passes bring it to its end where Newton's
/// method doubles the digits each time; where the link is not the family's own it may take many, and they are not worth it.
bool GlmDriver::worth_following() const {
  if (state.followed >= most_followed || state.iteration >= options_.max_iterations) return false;
  double longest = 0;  // change of eta by one coefficient, for a standard deviation of its column
  for (std::size_t j = 0; j < state.scale.size(); ++j) {
    if (r_.design.terms[static_cast<std::size_t>(last.solution.columns[j].term)].variables.empty()) continue;  // the intercept makes up for the others where these are far from 0
    longest = std::max(longest, std::abs(last.step[j + static_cast<std::size_t>(r_.skip())].hi) * state.scale[j]);
  }
  return longest > settled && longest < running_away;
}

/// The deviance follows from the quadratic that the step minimises; standard errors are those before it.
void GlmDriver::take_last_step(double deviance) {
  finish_or_refine(true);
  if (!state.finished) return;
  for (std::size_t j = 0; j < state.beta.size(); ++j) state.beta[j] += last.step[j];
  last.deviance = deviance - fall_of(last.solution);
  ++state.iteration;
}

/// Ends the iterations, unless sums in plain double lost digits, or theta still moves.
void GlmDriver::finish_or_refine(bool converged) {
  if (!state.exact) {
    last.inverse = inverse(last.solution.factor, last.solution.candidates, r_.workers);
    if (nearly_dependent(r_, last.sums, last.solution) || shift_far_off(r_, last.sums, state.shift, false) || !(condition_of(r_, last.sums, last.solution, last.inverse) <= 1e4)) {
      state.exact = true;
      state.decided = false;
      state.halvings = 0;
      if (converged) {
        // The same coefficients again, by exact sums; one more step follows unless they stand still.
        state.base.clear();
        state.base_deviance = none;
        state.converged = true;
        return;
      }
    }
  }
  if (converged && !state.theta_done && advance_theta()) return;
  state.finished = true;
  state.converged = converged && (state.theta_done || state.theta_rounds < most_theta_rounds);
  give_theta_up();
}

void GlmDriver::decide(const GlmStep& step) {
  double const deviance = static_cast<double>(step.sums().deviance);
  auto const& products = step.products();
  // Bytes that nobody has checked may be anything: what is to be refused is for whole passes to find.
  if (state.subset && (products.n_valid() == 0 || products.n_infinite() > 0 || products.n_negative() > 0)) return leave_subset(false);
  auto const sums = sums_of(r_, products, options_, comm_);
  int const y = sums.gram.n - 1;
  bool const valid = step.n_invalid() == 0 && std::isfinite(deviance) && std::isfinite(sums.gram(y, y).hi) && std::isfinite(sums.gram(0, 0).hi);
  if (state.subset) return decide_subset(step, sums, valid);
  if (!state.constants) take_constants(step);
  else if (!state.null_done && state.theta_done) decide_null(step);
  last.of_rows = step.sums();
  last.at_bound = step.n_at_bound();
  if (state.finished && state.decided) return accept(sums, deviance);
  if (halve(valid, deviance, sums)) return;
  if (!state.decided && !choose_columns(sums)) return;
  accept(sums, deviance);
}

void GlmDriver::run() {
  if (options_.resume.empty()) {
    state.theta_done = !family_.estimate_theta;
    state.theta = family_.estimate_theta ? 0 : family_.functions.theta;
    first_shift_ = first_shift(r_, comm_);
    double const columns = static_cast<double>(r_.dense), rows = static_cast<double>(r_.rows.grid().total());
    state.exact = first_shift_.empty() || rows * columns * (columns + 1) / 2 <= most_flops_exact;
    if (!state.exact) {
      state.shift = first_shift_;
      state.shift.back() = 0;
    }
    begin(starts_[0]);
    begin_subset();
  } else {
    state = state_from(options_.resume);
    if (state.beta.size() != r_.design.columns().size() + static_cast<std::size_t>(r_.skip())) throw DataError("the checkpoint is of another model");
    first_shift_ = first_shift(r_, comm_);
    // A fit that had used up its iterations goes on.
    state.finished = state.finished && state.converged;
    if (!state.finished) take_theta_up();
  }
  while (!(state.finished && state.decided && state.null_done && !last.step.empty())) {
    decide(pass(step_spec()));
    // The answer itself is no checkpoint: its last pass is done again.
    if (options_.checkpoint && !(state.finished && state.converged)) options_.checkpoint(text_of(state));
  }
  if (last.inverse.n == 0) last.inverse = inverse(last.solution.factor, last.solution.candidates, r_.workers);
  last.condition = condition_of(r_, last.sums, last.solution, last.inverse);
  bool const own_likelihood = family_.likelihood == NamedFamily::Likelihood::binomial && (!options_.pweights.empty() || state.fractional > 0);
  if (own_likelihood) {
    auto spec = step_spec();
    spec.row_likelihood = true;
    spec.trials = trials;
    last.of_rows.row_likelihood = pass(spec).sums().row_likelihood;
  }
}

}  // namespace rxhpc::impl
