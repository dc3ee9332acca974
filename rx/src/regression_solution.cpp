#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>
#include <utility>

#include "regression.hpp"

namespace rxhpc::impl {
namespace {

DdMatrix chosen(const DdMatrix& gram, const std::vector<int>& at) {
  DdMatrix g(static_cast<int>(at.size()));
  for (std::size_t i = 0; i < at.size(); ++i)
    for (std::size_t j = 0; j < at.size(); ++j) g.set(static_cast<int>(i), static_cast<int>(j), gram(at[i], at[j]));
  return g;
}

/// The products of the columns in `order`, then the responses; and their factor.
void factor_columns(const Regression& r, const RegressionSums& s, RegressionSolution& out, double tolerance) {
  std::vector<int> at;
  for (int j : out.order) at.push_back(j + r.skip());
  out.candidates = static_cast<int>(at.size());
  int const responses = static_cast<int>(r.spec.responses.size());
  for (int y = 0; y < responses; ++y) at.push_back(s.gram.n - responses + y);
  out.gram = chosen(s.gram, at);
  out.factor = cholesky(out.gram, out.candidates, tolerance, tolerance == rank_tolerance ? rank_rounding : 0, r.workers);
}

double tolerance_of(const FitOptions& options) { return options.like_r ? r_rank_tolerance : rank_tolerance; }

constexpr int large_factor = 32;  ///< levels from which the order of elimination is felt

/// The term with the most columns, if it is a factor's alone and large, else -1.
int largest_factor(const Regression& r) {
  std::int64_t most = large_factor - 1;
  int found = -1;
  for (int t = 0; t < static_cast<int>(r.design.terms.size()); ++t) {
    auto const& term = r.spec.terms[t + r.skip()];
    if (!term.factors.empty() && term.cells() > most) {
      most = term.cells();
      found = t;
    }
  }
  return found;
}

/// The columns of `term` first: they are orthogonal to one another, so that eliminating them touches the few other columns alone.
void begin_with(int term, const std::vector<DesignColumn>& columns, std::vector<int>& order) {
  std::stable_partition(order.begin(), order.end(), [&](int j) { return columns[j].term == term; });
}

/// Whether each column stays clear of the span of all the others: then it would have been kept in any order of elimination.
bool clear_of_others(const RegressionSolution& sol, const DdMatrix& inv, double tolerance) {
  for (int k = 0; k < sol.candidates; ++k)
    if (!(inv(k, k).hi * sol.gram(k, k).hi * (100 * tolerance * tolerance) < 1)) return false;
  return true;
}

/// The columns of a coding in the order of elimination, nothing factored yet.
RegressionSolution columns_coded(const Regression& r, const RegressionSums& s, Coding coding, const FitOptions& options) {
  RegressionSolution out;
  out.coding = coding;
  out.columns = r.design.coded(coding, s.level_in_use);
  for (int j = 0; j < static_cast<int>(out.columns.size()); ++j)
    if (!out.columns[j].reference) out.order.push_back(j);
  if (options.drop_main && !options.like_r) {
    // What comes later is dropped first: main effects after interactions, the intercept and a cube's cells before all.
    auto const rank_of = [&](int j) {
      int const t = out.columns[j].term;
      auto const degree = r.design.terms[t].variables.size();
      return degree == 0 || (r.design.cube && t == 0) ? 0 : degree > 1 ? 1 : 2;
    };
    std::stable_sort(out.order.begin(), out.order.end(), [&](int a, int b) { return rank_of(a) < rank_of(b); });
  }
  return out;
}

/// Factors the columns with a large factor's first: what costs least. False where there is none, or not all columns can be kept so.
bool factor_large_first(const Regression& r, const RegressionSums& s, RegressionSolution& columns, double tolerance) {
  int const term = largest_factor(r);
  if (term < 0) return false;
  auto out = columns;
  begin_with(term, out.columns, out.order);
  factor_columns(r, s, out, tolerance);
  if (out.factor.rank < out.candidates) return false;
  columns = std::move(out);
  return true;
}

/// The same, else in their order.
void factor_cheaply(const Regression& r, const RegressionSums& s, RegressionSolution& columns, double tolerance) {
  if (!factor_large_first(r, s, columns, tolerance)) factor_columns(r, s, columns, tolerance);
}

}  // namespace

RegressionSolution solve_coded(const Regression& r, const RegressionSums& s, Coding coding, const FitOptions& options, double tolerance) {
  auto out = columns_coded(r, s, coding, options);
  factor_columns(r, s, out, tolerance);
  return out;
}

RegressionSolution solve_cheaply(const Regression& r, const RegressionSums& s, Coding coding, const FitOptions& options, double tolerance) {
  auto out = columns_coded(r, s, coding, options);
  factor_cheaply(r, s, out, tolerance);
  return out;
}

RegressionSolution factor_in_order(const Regression& r, const RegressionSums& s, const std::vector<int>& order, double tolerance) {
  RegressionSolution out;
  out.order = order;
  factor_columns(r, s, out, tolerance);
  return out;
}

RegressionSolution solve_again(const Regression& r, const RegressionSums& s, const RegressionSolution& first, double tolerance) {
  RegressionSolution out;
  out.coding = first.coding;
  out.columns = first.columns;
  for (int k = 0; k < first.candidates; ++k)
    if (!first.factor.aliased[k]) out.order.push_back(first.order[k]);
  factor_cheaply(r, s, out, tolerance);
  return out;
}

bool nearly_dependent(const Regression& r, const RegressionSums& s, const RegressionSolution& sol) {
  int const skip = r.skip();
  for (int k = 0; k < sol.candidates; ++k) {
    int const j = sol.order[k];
    if (r.design.terms[sol.columns[j].term].variables.empty()) continue;
    if (!s.cell_in_use[j]) continue;                     // an empty cell is known from its count
    if (sol.factor.aliased[k]) return true;              // never decided in plain double
    double const left = static_cast<double>(sol.factor.r(k, k)) * static_cast<double>(sol.factor.r(k, k));
    int const i = j + skip;
    if (!(left >= 1e-4 * static_cast<double>(s.gram(i, i) - s.gram(0, i) * s.gram(0, i) / s.gram(0, 0)))) return true;
  }
  return false;
}

namespace {

/// True where sums in plain double may have cost digits that the reader sees (design, section 6).
bool lost_digits(const Regression& r, const RegressionSums& s, const RegressionSolution& sol, double condition) {
  if (!(condition <= 1e4)) return true;
  if (nearly_dependent(r, s, sol)) return true;
  auto const centred = [&](int j) { return static_cast<double>(s.gram(j, j) - s.gram(0, j) * s.gram(0, j) / s.gram(0, 0)); };
  for (int y = 0; y < static_cast<int>(r.spec.responses.size()); ++y) {
    double const rss = static_cast<double>(residual(sol.factor, sol.gram, sol.candidates + y, sol.candidates + y));
    int const at = s.gram.n - static_cast<int>(r.spec.responses.size()) + y;
    if (!(rss >= 1e-4 * centred(at))) return true;
  }
  return false;
}

}  // namespace

Coding coding_of(const FitOptions& options) { return options.like_r ? Coding::as_r : options.drop_first ? Coding::drop_first : Coding::drop_last; }

/// RevoScaleR leaves out the last level; where that level is empty or the design is singular a second attempt leaves out the first.
RegressionSolution solve_design(const Regression& r, const RegressionSums& s, const FitOptions& options, double tolerance) {
  bool const has_factor = std::any_of(r.design.variables.begin(), r.design.variables.end(), [](auto const& v) { return v.factor; });
  if (coding_of(options) != Coding::drop_last || !has_factor) return solve_coded(r, s, coding_of(options), options, tolerance);
  auto last = solve_coded(r, s, Coding::drop_last, options, tolerance);
  bool empty_last = false;
  for (std::size_t v = 0; v < r.design.variables.size(); ++v)
    empty_last |= r.design.variables[v].factor && !s.level_in_use[v].back();
  if (!empty_last && last.factor.rank == last.candidates) return last;
  return solve_coded(r, s, Coding::drop_first, options, tolerance);
}

RegressionSolution solve_design(const Regression& r, const RegressionSums& s, const FitOptions& options) {
  return solve_design(r, s, options, options.like_r ? r_rank_tolerance : rank_tolerance);
}

double condition_of(const Regression& r, const RegressionSums& s, const RegressionSolution& sol, const DdMatrix& inv) {
  bool const centred = r.design.intercept || r.design.cube;
  int const skip = r.skip();
  std::vector<int> at, place;
  for (int k = 0; k < sol.candidates; ++k) {
    auto const& c = sol.columns[sol.order[k]];
    bool const apart = r.design.terms[c.term].variables.empty() || (r.design.cube && c.term == 0);
    if (apart || sol.factor.aliased[k]) continue;
    at.push_back(sol.order[k] + skip);
    place.push_back(k);
  }
  int const n = static_cast<int>(at.size());
  if (n == 0) return 1;
  std::vector<DD> mean;
  for (int i : at) mean.push_back(centred ? s.gram(0, i) / s.gram(0, 0) : DD(0));
  auto const product = [&](int i, int j) { return s.gram(at[i], at[j]) - mean[i] * s.gram(0, at[j]); };
  std::vector<double> scale;
  for (int i = 0; i < n; ++i) scale.push_back(static_cast<double>(sqrt(product(i, i))));
  // The inverse of the centred products is the block of (X'X)^-1 beside the intercept; a cube's cells span more than the mean.
  DdMatrix apart_inverse;
  if (r.design.cube) {
    DdMatrix products(n);
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j) products.set(i, j, product(i, j));
    apart_inverse = inverse(cholesky(products, n, 0, 0, r.workers), n, r.workers);
  }
  double worst = 0, worst_inverse = 0;
  for (int i = 0; i < n; ++i) {
    double sum = 0, sum_inverse = 0;
    for (int j = 0; j < n; ++j) {
      DD const of_inverse = r.design.cube ? apart_inverse(i, j) : inv(place[i], place[j]);
      sum += i == j ? 1 : std::abs(static_cast<double>(product(i, j)) / (scale[i] * scale[j]));
      sum_inverse += std::abs(static_cast<double>(of_inverse)) * scale[i] * scale[j];
    }
    worst = std::max(worst, sum);
    worst_inverse = std::max(worst_inverse, sum_inverse);
  }
  return worst * worst_inverse;
}

namespace {

/// As solve_design and inverse, fast: a large factor's columns are eliminated first. Null where that could choose other columns than
/// R's order does.
std::optional<std::pair<RegressionSolution, DdMatrix>> solve_large_factor(const Regression& r, const RegressionSums& s, const FitOptions& options) {
  for (std::size_t v = 0; v < r.design.variables.size(); ++v)
    if (r.design.variables[v].factor && !s.level_in_use[v].back()) return {};
  auto solution = columns_coded(r, s, coding_of(options), options);
  if (!factor_large_first(r, s, solution, tolerance_of(options))) return {};
  auto inv = inverse(solution.factor, solution.candidates, r.workers);
  if (!clear_of_others(solution, inv, tolerance_of(options))) return {};
  return std::pair(std::move(solution), std::move(inv));
}

}  // namespace

RegressionFit fit_from_sums(const Regression& r, const FitOptions& options, Communicator& comm, Timing& timing) {
  RegressionFit fit;
  auto spec = r.spec;
  auto const pass = [&] {
    fit.exact = spec.precision == Precision::exact;
    fit.sums = sweep_sums(r, spec, options, comm, timing);
    // The judgement of what plain sums lost is one on pivots in R's order.
    if (auto fast = fit.exact ? solve_large_factor(r, fit.sums, options) : std::nullopt) {
      std::tie(fit.solution, fit.inverse) = std::move(*fast);
    } else {
      fit.solution = solve_design(r, fit.sums, options);
      fit.inverse = inverse(fit.solution.factor, fit.solution.candidates, r.workers);
    }
    fit.condition = condition_of(r, fit.sums, fit.solution, fit.inverse);
  };
  // Pass 1: plain where that is worth it, else exact.
  if (!small_or_narrow(r)) spec.shift = first_shift(r, comm);
  spec.precision = spec.shift.empty() ? Precision::exact : Precision::plain;
  pass();
  // Pass 2: the same sums in double-double where the first lost digits.
  if (!fit.exact && (shift_far_off(r, fit.sums, spec.shift) || lost_digits(r, fit.sums, fit.solution, fit.condition))) {
    spec.precision = Precision::exact;
    spec.shift.clear();
    pass();
  }
  refuse_overflow(r, fit.sums);
  return fit;
}

void check_frequencies(const FitOptions& options, double observations, int rank, std::vector<std::string>& warnings) {
  if (options.fweights.empty()) return;
  if (observations < rank)
    throw DataError("column '" + options.fweights + "': the frequency weights sum to " + number_text(observations) + " rows, fewer than the " + std::to_string(rank) + " coefficients");
  if (observations != std::floor(observations)) warnings.push_back("frequency weights are not all whole numbers: they sum to " + number_text(observations) + " rows");
}

UsageError no_offset(const Formula& formula) {
  auto const response = formula.responses.empty() ? std::string("y") : deparse(*formula.responses[0]);
  return UsageError("linmod takes no offset(); subtract it from the response: '" + response + " - " + deparse(*formula.offsets[0]) + " ~ ...'");
}

std::string dropped_note(int dropped) {
  if (dropped == 0) return "";
  return dropped == 1 ? "1 coefficient is not estimable and was dropped: its column is empty or depends on others"
                      : std::to_string(dropped) + " coefficients are not estimable and were dropped: their columns are empty or depend on others";
}

}  // namespace rxhpc::impl
