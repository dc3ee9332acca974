#include "regression.hpp"

#include <algorithm>
#include <cmath>

#include "chunk_loop.hpp"
#include "memory_check.hpp"
#include "model_rows.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/moments.hpp"

namespace rxhpc::impl {
namespace {

/// Of a term: a mean well within its column's spread costs no digit, and values less nothing can be used where they lie.
double shift_of(double mean, double variance) { return 16 * mean * mean <= variance ? 0 : mean; }

/// Shifts by what the table knows of its first chunk, where every numeric term is a column of it and every row counts: one that does not may hold anything.
std::vector<double> stored_shift(const Regression& r) {
  auto const* zones = r.rows.zone_map();
  if (!zones || r.rows.grid().chunks() == 0 || r.spec.weight >= 0) return {};
  for (int column : r.read)
    if (column >= static_cast<int>(zones->moments.size()) || zones->moments[column][0].missing > 0) return {};
  std::vector<double> shift;
  auto const add = [&](int place, bool response) {
    auto const& z = zones->moments[r.read[place]][0];
    bool const known = z.n > 0 && std::isfinite(z.mean);
    if (known) shift.push_back(response ? z.mean : shift_of(z.mean, z.m2 / static_cast<double>(z.n)));
    return known;
  };
  for (auto const& t : r.spec.terms)
    if (t.factors.empty() && !t.numeric.empty() && (t.numeric.size() > 1 || !add(t.numeric[0], false))) return {};
  for (int y : r.spec.responses)
    if (!add(y, true)) return {};
  return shift;
}

}  // namespace

int Regression::place(int column) {
  auto const at = std::find(read.begin(), read.end(), column);
  if (at != read.end()) return static_cast<int>(at - read.begin());
  read.push_back(column);
  return static_cast<int>(read.size()) - 1;
}

void resolve_design(Regression& r, Formula formula, const FitOptions& options) {
  if (options.cube_predictions && !options.cube)
    throw UsageError("--cube-predictions needs --cube: they are made for the cells of a cube's first term");
  r.workers = workers_of(options.run);
  r.formula = std::move(formula);
  r.design = make_design(r.formula, r.rows, options.cube);
  r.bound = bind(r.design, r.rows);
  r.read = r.bound.read;
  if (!r.design.intercept) r.spec.terms.push_back({});  // means and centred sums need the constant all the same
  r.spec.terms.insert(r.spec.terms.end(), r.bound.kernel_terms.begin(), r.bound.kernel_terms.end());
}

void resolve_weight(Regression& r, const FitOptions& options) {
  if (auto const w = weight_name(options.pweights, options.fweights); !w.empty()) {
    r.spec.weight = r.place(numeric_column(r.rows, *parse_expression(quoted_name(w)), "the weight"));
    r.spec.frequency = !options.fweights.empty();
  }
  r.dense = static_cast<int>(r.spec.responses.size());
  for (auto const& t : r.spec.terms) r.dense += t.factors.empty();
  double columns = static_cast<double>(r.spec.responses.size());
  for (auto const& t : r.spec.terms) columns += static_cast<double>(t.cells());
  // sums, those of the columns chosen, their factor and inverse, and what is at work while they are made
  require_memory(options.run.memory_limit, 6 * columns * columns * sizeof(DD), "the cross products of " + number_text(columns) + " columns");
}

Formula formula_with_response(const Regression& r, std::string_view text, const FitOptions& options) {
  auto formula = model_formula(text, r.rows.schema(), options.like_r);
  if (formula.responses.empty()) throw UsageError("the formula has no response: write 'y ~ ...'");
  return formula;
}

void resolve(Regression& r, std::string_view text, const FitOptions& options) { resolve_terms(r, formula_with_response(r, text, options), options); }

void resolve_terms(Regression& r, Formula formula, const FitOptions& options) {
  resolve_design(r, std::move(formula), options);
  for (auto const& y : r.formula.responses) r.spec.responses.push_back(r.place(numeric_column(r.rows, *y, "the response")));
  resolve_weight(r, options);
}

bool small_or_narrow(const Regression& r) {
  double const columns = static_cast<double>(r.dense);
  return static_cast<double>(r.rows.grid().total()) * columns * (columns + 1) / 2 <= 1e8 || r.dense - 1 <= 4;
}

std::vector<double> first_shift(const Regression& r, Communicator& comm) {
  if (auto known = stored_shift(r); !known.empty()) return known;
  auto spec = r.spec;
  spec.precision = Precision::exact;
  std::vector<DesignTerm> dense_terms;
  for (auto const& t : spec.terms)
    if (t.factors.empty()) dense_terms.push_back(t);
  spec.terms = dense_terms;
  auto const packed = first_rows_state(r.rows, r.read, CrossProducts(spec), [](const CrossProducts& c) { return c.n_valid() > 0; }, comm);
  CrossProducts first(spec);
  first.unpack(packed);
  if (first.n_valid() == 0) return {};
  auto const g = first.gram();
  int constant = 0;
  while (!dense_terms[constant].numeric.empty()) ++constant;
  std::vector<double> shift;
  int const responses = g.n - static_cast<int>(spec.responses.size());
  for (int j = 0; j < g.n; ++j) {
    if (j == constant) continue;
    DD const n = g(constant, constant), mean = g(constant, j) / n;
    auto const m = static_cast<double>(mean);
    shift.push_back(j >= responses ? m : shift_of(m, static_cast<double>(g(j, j) / n - mean * mean)));
  }
  for (double& s : shift)
    if (!std::isfinite(s)) s = 0;
  return shift;
}

RegressionSums sweep_sums(const Regression& r, const CrossProductSpec& spec, const FitOptions& options, Communicator& comm, Timing& timing) {
  return sums_of(r, sweep(r.rows, r.read, CrossProducts(spec), options.run, comm, &timing), options, comm);
}

namespace {

/// Collective. Names the first column that has infinite values.
[[noreturn]] void refuse_infinite(const Regression& r, std::int64_t count, const RunOptions& run, Communicator& comm) {
  std::vector<int> numeric;
  for (std::size_t k = 0; k < r.read.size(); ++k)
    if (!r.rows.schema()[static_cast<std::size_t>(r.read[k])].coded()) numeric.push_back(static_cast<int>(k));
  auto const moments = sweep(r.rows, r.read, Moments(numeric), run, comm).finalize();
  std::string column;
  for (std::size_t k = 0; k < numeric.size() && column.empty(); ++k)
    if (moments[k].n > 0 && (std::isinf(moments[k].min) || std::isinf(moments[k].max)))
      column = "column '" + r.rows.schema()[static_cast<std::size_t>(r.read[static_cast<std::size_t>(numeric[k])])].name + "': ";
  throw DataError(column + "infinite values; " + std::to_string(count) + (count == 1 ? " row" : " rows") + " of '" + r.formula.text +
                  "' have one, a row selection can leave them out");
}

}  // namespace

RegressionSums sums_of(const Regression& r, const CrossProducts& state, const FitOptions& options, Communicator& comm) {
  if (state.n_infinite() > 0) refuse_infinite(r, state.n_infinite(), options.run, comm);
  refuse_negative_weights(weight_name(options.pweights, options.fweights), state.n_negative());
  require_rows(state.n_valid());
  RegressionSums s;
  s.gram = state.gram();
  s.n_valid = state.n_valid();
  s.n_missing = state.n_missing();
  s.weight_sum = state.weight_sum();
  int const skip = r.skip();
  for (auto const& v : r.design.variables) s.level_in_use.emplace_back(v.levels.size(), 0);
  for (int t = 0; t < static_cast<int>(r.design.terms.size()); ++t) {
    auto const counts = state.cell_counts(t + skip);
    std::int64_t before = 1;
    for (auto c : counts) s.cell_in_use.push_back(c > 0);
    if (r.design.cube && t == 0) s.cube_rows = counts;
    for (int v : r.design.terms[t].variables) {
      if (!r.design.variables[v].factor) continue;
      auto const levels = static_cast<std::int64_t>(r.design.variables[v].levels.size());
      for (std::int64_t cell = 0; cell < static_cast<std::int64_t>(counts.size()); ++cell)
        if (counts[cell] > 0) s.level_in_use[v][(cell / before) % levels] = 1;
      before *= levels;
    }
  }
  return s;
}

void note_unused_levels(Design& design, const RegressionSums& sums) {
  for (std::size_t v = 0; v < design.variables.size(); ++v) {
    auto& variable = design.variables[v];
    variable.unused.clear();
    for (std::size_t l = 0; l < variable.levels.size(); ++l)
      if (!sums.level_in_use[v][l]) variable.unused.push_back(variable.levels[l]);
  }
}

void refuse_overflow(const Regression& r, const RegressionSums& s) {
  auto const columns = r.design.columns();
  int const responses = static_cast<int>(r.spec.responses.size());
  for (int j = r.skip(); j < s.gram.n; ++j) {
    if (std::isfinite(s.gram(j, j).hi)) continue;
    int const response = j - (s.gram.n - responses);
    auto const name = response >= 0 ? deparse(*r.formula.responses[static_cast<std::size_t>(response)]) : columns[static_cast<std::size_t>(j - r.skip())].name;
    throw DataError("column '" + name + "': squares of its values overflow; scale it, or leave out the rows where it is huge");
  }
}

bool far_off(DD n, DD distance, DD squares, double about) {
  double const d = static_cast<double>(distance), own = static_cast<double>(n) * d * d;
  if (std::abs(d) <= 1e-14 * std::abs(about)) return false;
  return !(own <= 1e4 * static_cast<double>(squares)) || !std::isfinite(own);
}

bool shift_far_off(const Regression& r, const RegressionSums& s, const std::vector<double>& shift, bool responses) {
  std::size_t k = 0;
  int column = 0;
  DD const n = s.gram(0, 0);
  auto const far = [&](int j, double about) {
    DD const mean = s.gram(0, j) / n;
    return far_off(n, mean - DD(about), s.gram(j, j) - s.gram(0, j) * mean, about);
  };
  for (auto const& t : r.spec.terms) {
    if (t.factors.empty() && !t.numeric.empty() && far(column, shift[k++])) return true;
    column += static_cast<int>(t.cells());
  }
  for (std::size_t y = 0; responses && y < r.spec.responses.size(); ++y)
    if (far(s.gram.n - static_cast<int>(r.spec.responses.size() - y), shift[k + y])) return true;
  return false;
}

}  // namespace rxhpc::impl
