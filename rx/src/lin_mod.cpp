#include "rxhpc/lin_mod.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "distributions.hpp"
#include "model_rows.hpp"
#include "rxhpc/dd_matrix.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/moments.hpp"

namespace rxhpc {
namespace {

constexpr double rank_tolerance = 1e-11;   // Filip's columns leave 5e-8 and are kept; rounded aliases leave 2e-16
constexpr double r_rank_tolerance = 1e-7;  // lm()'s
constexpr double log_two_pi = 1.8378770664093454836;
constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// Everything that the passes share.
struct Problem {
  RowSource rows;
  Formula formula;
  Design design;
  BoundDesign bound;
  std::vector<int> read;       // columns of `rows` to read
  CrossProductSpec spec;
  int dense = 0;               // numeric columns with the constant and the responses
};

/// Sums over the rows that the answer is made of.
struct Sums {
  DdMatrix gram;  // [expanded columns + constant first where the design has none] + responses
  std::int64_t n_valid = 0, n_missing = 0;
  DD weight_sum;
  std::vector<std::vector<char>> level_in_use;  // [variable][level]
  std::vector<char> cell_in_use;                // [design column]
};

std::string weight_name(const LinModOptions& o) { return o.fweights.empty() ? o.pweights : o.fweights; }

int read_place(Problem& p, int column) {
  auto const at = std::find(p.read.begin(), p.read.end(), column);
  if (at != p.read.end()) return static_cast<int>(at - p.read.begin());
  p.read.push_back(column);
  return static_cast<int>(p.read.size()) - 1;
}

void resolve(Problem& p, std::string_view text, const LinModOptions& options) {
  p.formula = impl::model_formula(text, p.rows.schema(), options.like_r);
  if (p.formula.responses.empty()) throw UsageError("the formula has no response: write 'y ~ ...'");
  if (!p.formula.offsets.empty()) throw UsageError("linmod takes no offset(); subtract it from the response: 'y - x ~ ...'");
  p.design = make_design(p.formula, p.rows, options.cube);
  p.bound = bind(p.design, p.rows);
  p.read = p.bound.read;
  if (!p.design.intercept) p.spec.terms.push_back({});  // means and centred sums need the constant all the same
  p.spec.terms.insert(p.spec.terms.end(), p.bound.kernel_terms.begin(), p.bound.kernel_terms.end());
  for (auto const& y : p.formula.responses) p.spec.responses.push_back(read_place(p, numeric_column(p.rows, *y, "the response")));
  if (auto const w = weight_name(options); !w.empty()) {
    p.spec.weight = read_place(p, numeric_column(p.rows, *parse_expression(impl::quoted_name(w)), "the weight"));
    p.spec.frequency = !options.fweights.empty();
  }
  p.dense = static_cast<int>(p.spec.responses.size());
  for (auto const& t : p.spec.terms) p.dense += t.factors.empty();
}

/// Small or narrow problems go the exact way at once: there it costs next to nothing.
bool small_or_narrow(const Problem& p) {
  double const columns = static_cast<double>(p.dense);
  return static_cast<double>(p.rows.grid().total()) * columns * (columns + 1) / 2 <= 1e8 || p.dense - 1 <= 4;
}

/// The same from what the table knows of its first chunk, where every numeric term is a column of it.
std::vector<double> stored_means(const Problem& p) {
  auto const* zones = p.rows.zone_map();
  if (!zones || p.rows.grid().chunks() == 0) return {};
  std::vector<double> means;
  auto const add = [&](int place) {
    int const column = p.read[place];
    bool const known = column < static_cast<int>(zones->moments.size()) && zones->moments[column][0].n > 0 && std::isfinite(zones->moments[column][0].mean);
    if (known) means.push_back(zones->moments[column][0].mean);
    return known;
  };
  for (auto const& t : p.spec.terms)
    if (t.factors.empty() && !t.numeric.empty() && (t.numeric.size() > 1 || !add(t.numeric[0]))) return {};
  for (int y : p.spec.responses)
    if (!add(y)) return {};
  return means;
}

/// Means of the first rows that count, one for each purely numeric term but the constant, then the responses: any value near the data
/// will do, as long as it is the same for everybody.
std::vector<double> first_means(const Problem& p, Communicator& comm) {
  if (auto known = stored_means(p); !known.empty()) return known;
  auto spec = p.spec;
  spec.precision = Precision::exact;
  std::vector<DesignTerm> dense_terms;
  for (auto const& t : spec.terms)
    if (t.factors.empty()) dense_terms.push_back(t);
  spec.terms = dense_terms;
  auto const packed = impl::first_rows_state(p.rows, p.read, CrossProducts(spec), [](const CrossProducts& c) { return c.n_valid() > 0; }, comm);
  CrossProducts first(spec);
  first.unpack(packed);
  if (first.n_valid() == 0) return {};
  auto const g = first.gram();
  int constant = 0;
  while (!dense_terms[constant].numeric.empty()) ++constant;
  std::vector<double> shift;
  for (int j = 0; j < g.n; ++j)
    if (j != constant) shift.push_back(static_cast<double>(g(constant, j) / g(constant, constant)));
  for (double& s : shift)
    if (!std::isfinite(s)) s = 0;
  return shift;
}

Sums sweep_sums(const Problem& p, const CrossProductSpec& spec, const LinModOptions& options, Communicator& comm, Timing& timing) {
  auto const state = sweep(p.rows, p.read, CrossProducts(spec), options.run, comm, &timing);
  if (state.n_infinite() > 0)
    throw DataError(std::to_string(state.n_infinite()) + " rows have an infinite value in a variable of the formula '" + p.formula.text + "'");
  if (state.n_negative() > 0)
    throw DataError("column '" + weight_name(options) + "': " + std::to_string(state.n_negative()) + " rows have a negative weight");
  if (state.n_valid() == 0) throw DataError("no row is complete: every row has a missing value in a variable of the formula, weight 0, or was not selected");
  Sums s;
  s.gram = state.gram();
  s.n_valid = state.n_valid();
  s.n_missing = state.n_missing();
  s.weight_sum = state.weight_sum();
  int const skip = p.design.intercept ? 0 : 1;
  for (auto const& v : p.design.variables) s.level_in_use.emplace_back(v.levels.size(), 0);
  for (int t = 0; t < static_cast<int>(p.design.terms.size()); ++t) {
    auto const counts = state.cell_counts(t + skip);
    std::int64_t before = 1;
    for (auto c : counts) s.cell_in_use.push_back(c > 0);
    for (int v : p.design.terms[t].variables) {
      if (!p.design.variables[v].factor) continue;
      auto const levels = static_cast<std::int64_t>(p.design.variables[v].levels.size());
      for (std::int64_t cell = 0; cell < static_cast<std::int64_t>(counts.size()); ++cell)
        if (counts[cell] > 0) s.level_in_use[v][(cell / before) % levels] = 1;
      before *= levels;
    }
  }
  return s;
}

/// Columns of the gram in the order of elimination, and the factor.
struct Solution {
  std::vector<DesignColumn> columns;  // of the design, references marked
  std::vector<int> order;             // [candidates] positions in `columns`
  DdMatrix gram;                      // candidates in that order, then responses, then the constant
  Cholesky factor;
  int candidates = 0;
};

DdMatrix chosen(const DdMatrix& gram, const std::vector<int>& at) {
  DdMatrix g(static_cast<int>(at.size()));
  for (std::size_t i = 0; i < at.size(); ++i)
    for (std::size_t j = 0; j < at.size(); ++j) g.set(static_cast<int>(i), static_cast<int>(j), gram(at[i], at[j]));
  return g;
}

Solution solve_coded(const Problem& p, const Sums& s, Coding coding, const LinModOptions& options) {
  Solution out;
  out.columns = p.design.coded(coding, s.level_in_use);
  int const skip = p.design.intercept ? 0 : 1;
  for (int j = 0; j < static_cast<int>(out.columns.size()); ++j)
    if (!out.columns[j].reference) out.order.push_back(j);
  if (options.drop_main && !options.like_r) {
    // What comes later is dropped first: main effects after interactions, the intercept and a cube's cells before all.
    auto const rank_of = [&](int j) {
      int const t = out.columns[j].term;
      auto const degree = p.design.terms[t].variables.size();
      return degree == 0 || (p.design.cube && t == 0) ? 0 : degree > 1 ? 1 : 2;
    };
    std::stable_sort(out.order.begin(), out.order.end(), [&](int a, int b) { return rank_of(a) < rank_of(b); });
  }
  std::vector<int> at;
  for (int j : out.order) at.push_back(j + skip);
  out.candidates = static_cast<int>(at.size());
  int const responses = static_cast<int>(p.spec.responses.size());
  for (int r = 0; r < responses; ++r) at.push_back(s.gram.n - responses + r);
  out.gram = chosen(s.gram, at);
  out.factor = cholesky(out.gram, out.candidates, options.like_r ? r_rank_tolerance : rank_tolerance);
  return out;
}

/// RevoScaleR leaves out the last level; where that level is empty or the design is singular a second attempt leaves out the first.
Solution solve_design(const Problem& p, const Sums& s, const LinModOptions& options) {
  bool const has_factor = std::any_of(p.design.variables.begin(), p.design.variables.end(), [](auto const& v) { return v.factor; });
  if (options.drop_first || options.like_r || !has_factor)
    return solve_coded(p, s, options.drop_first || options.like_r ? Coding::drop_first : Coding::drop_last, options);
  auto last = solve_coded(p, s, Coding::drop_last, options);
  bool empty_last = false;
  for (std::size_t v = 0; v < p.design.variables.size(); ++v)
    empty_last |= p.design.variables[v].factor && !s.level_in_use[v].back();
  if (!empty_last && last.factor.rank == last.candidates) return last;
  return solve_coded(p, s, Coding::drop_first, options);
}

/// ||R||_1 ||R^-1||_1 of the correlation matrix of the kept columns, the intercept and a cube's cells left out (specification, 13.3).
/// Without an intercept, and not a cube, correlations are about zero. `inv` is (X'X)^-1 over the candidates.
double condition_of(const Problem& p, const Sums& s, const Solution& sol, const DdMatrix& inv) {
  bool const centred = p.design.intercept || p.design.cube;
  int const skip = p.design.intercept ? 0 : 1;
  std::vector<int> at, place;
  for (int k = 0; k < sol.candidates; ++k) {
    auto const& c = sol.columns[sol.order[k]];
    bool const apart = p.design.terms[c.term].variables.empty() || (p.design.cube && c.term == 0);
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
  if (p.design.cube) {
    DdMatrix products(n);
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j) products.set(i, j, product(i, j));
    apart_inverse = inverse(cholesky(products, n, 0), n);
  }
  double worst = 0, worst_inverse = 0;
  for (int i = 0; i < n; ++i) {
    double sum = 0, sum_inverse = 0;
    for (int j = 0; j < n; ++j) {
      DD const of_inverse = p.design.cube ? apart_inverse(i, j) : inv(place[i], place[j]);
      sum += i == j ? 1 : std::abs(static_cast<double>(product(i, j)) / (scale[i] * scale[j]));
      sum_inverse += std::abs(static_cast<double>(of_inverse)) * scale[i] * scale[j];
    }
    worst = std::max(worst, sum);
    worst_inverse = std::max(worst_inverse, sum_inverse);
  }
  return worst * worst_inverse;
}

/// True where sums in plain double may have cost digits that the reader sees (design, section 6).
bool lost_digits(const Problem& p, const Sums& s, const Solution& sol, double condition) {
  if (!(condition <= 1e4)) return true;
  int const skip = p.design.intercept ? 0 : 1;
  auto const centred = [&](int j) { return static_cast<double>(s.gram(j, j) - s.gram(0, j) * s.gram(0, j) / s.gram(0, 0)); };
  for (int k = 0; k < sol.candidates; ++k) {
    int const j = sol.order[k];
    if (p.design.terms[sol.columns[j].term].variables.empty()) continue;
    if (!s.cell_in_use[j]) continue;                     // an empty cell is known from its count
    if (sol.factor.aliased[k]) return true;              // never decided in plain double
    double const left = static_cast<double>(sol.factor.r(k, k)) * static_cast<double>(sol.factor.r(k, k));
    if (!(left >= 1e-4 * centred(j + skip))) return true;
  }
  for (int y = 0; y < static_cast<int>(p.spec.responses.size()); ++y) {
    double const rss = static_cast<double>(residual(sol.factor, sol.gram, sol.candidates + y, sol.candidates + y));
    int const at = s.gram.n - static_cast<int>(p.spec.responses.size()) + y;
    if (!(rss >= 1e-4 * centred(at))) return true;
  }
  return false;
}

/// The shift was so far from a column's mean that its sum of squares is mostly the shift's.
bool shift_far_off(const Problem& p, const Sums& s, const std::vector<double>& shift) {
  std::size_t k = 0;
  int column = 0;
  DD const n = s.gram(0, 0);
  auto const far = [&](int j, double about) {
    DD const mean = s.gram(0, j) / n;
    double const d = static_cast<double>(mean - DD(about));
    double const centred = static_cast<double>(s.gram(j, j) - s.gram(0, j) * mean);
    return static_cast<double>(n) * d * d > 1e4 * centred;
  };
  for (auto const& t : p.spec.terms) {
    if (t.factors.empty() && !t.numeric.empty() && far(column, shift[k++])) return true;
    column += static_cast<int>(t.cells());
  }
  for (std::size_t y = 0; y < p.spec.responses.size(); ++y)
    if (far(s.gram.n - static_cast<int>(p.spec.responses.size() - y), shift[k + y])) return true;
  return false;
}

/// Sum of log(w) over the rows used: the one part of R's log likelihood that cross products do not hold.
double sum_log_weights(Problem& p, const LinModOptions& options, Communicator& comm, Timing& timing) {
  auto const w = impl::quoted_name(options.pweights);
  auto const expression = "ifelse(" + w + " > 0, log(" + w + "), NA)";
  CellMoments::Spec spec;
  auto read = p.read;
  for (int k = 0; k < static_cast<int>(read.size()); ++k) spec.also_present.push_back(k);
  spec.value = static_cast<int>(read.size());
  read.push_back(p.rows.derive(*parse_expression(expression), expression));
  auto const state = sweep(p.rows, read, CellMoments(spec), options.run, comm, &timing).finalize();
  return static_cast<double>((DD(state[0].base.mean) + DD(state[0].base.mean_lo)) * DD(static_cast<double>(state[0].base.n)));
}

ResponseFit fit_response(const Problem& p, const Sums& s, const Solution& sol, const DdMatrix& inv, int y, double df, double observations,
                         double log_weights, const LinModOptions& options) {
  ResponseFit f;
  f.name = deparse(*p.formula.responses[y]);
  int const column = sol.candidates + y, at = s.gram.n - static_cast<int>(p.spec.responses.size()) + y;
  DD rss = residual(sol.factor, sol.gram, column, column);
  if (rss.hi < 0) rss = DD(0);
  DD const raw = s.gram(at, at), about_mean = raw - s.gram(0, at) * s.gram(0, at) / s.gram(0, 0);
  DD const variance = df > 0 ? rss / DD(df) : DD(none);
  auto const beta = solve(sol.factor, sol.candidates, column);

  f.coefficients.resize(sol.columns.size());
  for (std::size_t j = 0; j < sol.columns.size(); ++j)
    f.coefficients[j] = {options.like_r ? sol.columns[j].r_name : sol.columns[j].name, none, none, none, none, true};
  for (int k = 0; k < sol.candidates; ++k) {
    if (sol.factor.aliased[k]) continue;
    auto& c = f.coefficients[sol.order[k]];
    DD const error = df > 0 ? sqrt(inv(k, k) * variance) : DD(none);
    c.aliased = false;
    c.estimate = static_cast<double>(beta[k]);
    c.std_error = static_cast<double>(error);
    c.t_value = error.hi == 0 ? c.estimate / 0.0 : static_cast<double>(beta[k] / error);
    c.p_value = impl::t_two_sided(c.t_value, df);
  }
  f.residual_squares = static_cast<double>(rss);
  f.total_squares = static_cast<double>(raw);
  f.y_var = static_cast<double>(about_mean);
  f.sigma = static_cast<double>(df > 0 ? sqrt(variance) : DD(none));
  // A cube's tests are those of the same model with an intercept.
  bool const centred = p.design.intercept || p.design.cube;
  DD const total = centred ? about_mean : raw;
  double const num_df = sol.factor.rank - (centred ? 1 : 0);
  if (num_df > 0) {
    f.r_squared = total.hi > 0 ? static_cast<double>(DD(1) - rss / total) : none;
    f.adj_r_squared = df > 0 && total.hi > 0 ? static_cast<double>(DD(1) - (rss / total) * DD((observations - (centred ? 1 : 0)) / df)) : none;
    double const value = df > 0 ? (rss.hi > 0 ? static_cast<double>((total - rss) / DD(num_df) / variance) : INFINITY) : none;
    f.f = {value, num_df, df, impl::f_upper(value, num_df, df)};
  } else {
    f.r_squared = f.adj_r_squared = 0;
    f.f = {none, 0, df, none};
  }
  f.log_likelihood = 0.5 * (log_weights - observations * (log_two_pi + 1 - std::log(observations) + std::log(f.residual_squares)));
  f.aic = -2 * f.log_likelihood + 2 * (sol.factor.rank + 1);
  if (options.cov_coef) {
    f.cov_coef.assign(sol.columns.size(), std::vector<double>(sol.columns.size(), none));
    for (int i = 0; i < sol.candidates; ++i)
      for (int j = 0; j < sol.candidates; ++j)
        if (!sol.factor.aliased[i] && !sol.factor.aliased[j])
          f.cov_coef[sol.order[i]][sol.order[j]] = static_cast<double>(inv(i, j) * variance);
  }
  return f;
}

}  // namespace

LinMod lin_mod(const ChunkSource& source, std::string_view formula, const LinModOptions& options, Communicator& comm) {
  if (!options.pweights.empty() && !options.fweights.empty()) throw UsageError("--pweights and --fweights cannot be used together");
  if (options.cube && options.cov_coef) throw UsageError("--cov-coef cannot be had with --cube");
  LinMod model;
  Problem p{RowSource(source, options.rows), {}, {}, {}, {}, {}, 0};
  impl::use_sweep_for_ranges(p.rows, options.run, comm);
  resolve(p, formula, options);

  // Pass 1: plain where that is worth it, else exact.
  auto spec = p.spec;
  if (!small_or_narrow(p)) {
    spec.shift = first_means(p, comm);
    spec.precision = Precision::plain;
  }
  if (spec.shift.empty()) spec.precision = Precision::exact;
  auto sums = sweep_sums(p, spec, options, comm, model.timing);
  auto solution = solve_design(p, sums, options);
  auto inv = inverse(solution.factor, solution.candidates);
  model.condition_number = condition_of(p, sums, solution, inv);
  // Pass 2: the same sums in double-double where the first lost digits.
  if (spec.precision == Precision::plain &&
      (shift_far_off(p, sums, spec.shift) || lost_digits(p, sums, solution, model.condition_number))) {
    spec.precision = Precision::exact;
    spec.shift.clear();
    sums = sweep_sums(p, spec, options, comm, model.timing);
    solution = solve_design(p, sums, options);
    inv = inverse(solution.factor, solution.candidates);
    model.condition_number = condition_of(p, sums, solution, inv);
  }

  model.exact = spec.precision == Precision::exact;
  model.n_valid_obs = sums.n_valid;
  model.n_missing_obs = sums.n_missing;
  model.weight_sum = static_cast<double>(sums.weight_sum);
  model.rank = solution.factor.rank;
  double const observations = options.fweights.empty() ? static_cast<double>(sums.n_valid) : model.weight_sum;
  model.df_residual = observations - model.rank;
  double const log_weights = options.pweights.empty() ? 0 : sum_log_weights(p, options, comm, model.timing);
  for (int y = 0; y < static_cast<int>(p.spec.responses.size()); ++y)
    model.fits.push_back(fit_response(p, sums, solution, inv, y, model.df_residual, observations, log_weights, options));
  if (model.rank < solution.candidates)
    model.warnings.push_back(std::to_string(solution.candidates - model.rank) + " coefficients are not estimable and were dropped: their columns are empty or depend on others");
  model.design = std::move(p.design);
  model.formula = p.formula.text;
  model.rows = options.rows;
  model.pweights = options.pweights;
  model.fweights = options.fweights;
  model.like_r = options.like_r;
  return model;
}

}  // namespace rxhpc
