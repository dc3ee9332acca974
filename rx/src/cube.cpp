#include "rxhpc/cube.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "cell_terms.hpp"
#include "contingency_pass.hpp"
#include "cube_result.hpp"
#include "memory_check.hpp"
#include "model_rows.hpp"
#include "rxhpc/contingency.hpp"
#include "rxhpc/design.hpp"
#include "rxhpc/errors.hpp"
#include "thread_pass.hpp"

namespace rxhpc {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr double most_dense_cells = 1 << 26;

/// The formula against the source: what is read and what becomes of it.
struct Plan {
  Cube result;                  // factors and variables, no cells yet
  ContingencySpec spec;
  std::vector<int> read;
  double cells = 1;
};

/// Crosses the factors of all terms: each once, in the order written.
Formula crossed(const Formula& f) {
  Formula out = f;
  FormulaTerm all;
  for (auto const& term : f.terms)
    for (auto const& e : term.variables)
      if (std::none_of(all.variables.begin(), all.variables.end(), [&](auto const& known) { return deparse(*known) == deparse(*e); }))
        all.variables.push_back(e);
  if (all.variables.empty()) throw UsageError("the formula names no factor on its right side");
  if (!f.offsets.empty()) throw UsageError("a cube takes no offset()");
  out.terms = {all};
  out.intercept = false;
  return out;
}

int place_in(std::vector<int>& read, int column) {
  auto const at = std::find(read.begin(), read.end(), column);
  if (at != read.end()) return static_cast<int>(at - read.begin());
  read.push_back(column);
  return static_cast<int>(read.size()) - 1;
}

[[noreturn]] void refuse_number(const std::string& name, VarType type) {
  auto const wanted = "; on the right side of a cube stand factors, such as ";
  bool const time = type == VarType::posixct;
  if (type != VarType::date && !time) throw UsageError("'" + name + "' is a number" + wanted + "F(" + name + ")");
  throw UsageError("'" + name + "' is a " + (time ? "time" : "date") + wanted + "F(year(" + name + ")), F(" +
                   (time ? "hour(" : "month(") + name + ")) or cut(" + name + ", breaks = c(\"2020-01-01\", ...))");
}

void plan_factors(const Formula& formula, RowSource& rows, const CubeOptions& o, Plan& plan) {
  auto const design = make_design(formula, rows, false);
  auto const bound = bind(design, rows);
  for (std::size_t v = 0; v < design.variables.size(); ++v) {
    auto const& variable = design.variables[v];
    if (!variable.factor) refuse_number(variable.label, rows.schema()[static_cast<std::size_t>(bound.variable_columns[v])].type);
    auto const e = parse_expression(variable.label);
    bool const missing = o.use_missing != UseMissing::no;
    plan.result.factors.push_back({e->kind == Expr::Kind::name ? result_name(*e) : shown_name(variable), variable.levels, missing, e->is_call("F")});
    plan.spec.factors.push_back(place_in(plan.read, bound.variable_columns[v]));
    plan.spec.levels.push_back(static_cast<std::int64_t>(variable.levels.size()) + missing);
    plan.spec.missing_level.push_back(missing);
    plan.cells *= static_cast<double>(plan.spec.levels.back());
  }
}

Plan make_plan(std::string_view formula, RowSource& rows, const CubeOptions& o) {
  Plan plan;
  auto const parsed = impl::model_formula(formula, rows.schema(), false);
  plan.result.formula = parsed.text;
  plan.result.shows_means = o.means;
  plan_factors(crossed(parsed), rows, o, plan);
  for (auto const& e : parsed.responses) {
    plan.result.variables.push_back(result_name(*e));
    plan.spec.values.push_back(place_in(plan.read, numeric_column(rows, *e, "the response")));
  }
  if (int const weight = impl::weight_column(rows, o.pweights, o.fweights); weight >= 0) {
    plan.result.weighted = true;
    plan.spec.weight = place_in(plan.read, weight);
  }
  return plan;
}

/// Bytes of the counters of all possible cells, a set of them a thread.
double bytes_of_counters(const Plan& plan, const CubeOptions& o) {
  auto const values = static_cast<double>(plan.spec.values.size());
  return plan.cells * (32 * (1 + values) + 8 + 40 * values) * std::max(1, o.run.threads);
}

/// Whether cells are looked up as they occur; refuses what cannot be shown in full.
bool looked_up(const Plan& plan, const CubeOptions& o) {
  if (o.sparse) return true;
  if (plan.cells > most_dense_cells) {
    char cells[32];
    std::snprintf(cells, sizeof cells, "%.15g", plan.cells);
    throw UsageError("the factors have " + std::string(cells) + " possible cells; beyond " + std::to_string(static_cast<long long>(most_dense_cells)) +
                     " only a sparse cube (cube --use-sparse-cube) keeps those that occur");
  }
  return o.run.memory_limit > 0 && bytes_of_counters(plan, o) > static_cast<double>(o.run.memory_limit) / 2;
}

/// Refuses a cube of all possible cells that the memory limit does not hold: its columns, beside the counters first, then beside what is
/// made of them.
void require_cells(const Plan& plan, const CubeOptions& o) {
  if (o.sparse || o.remove_zero_counts) return;
  auto const factors = static_cast<double>(plan.spec.factors.size()), values = static_cast<double>(plan.spec.values.size());
  double const columns = 4 * factors + 16 + 16 * values, table = o.as_table ? 4 * factors + 8 * values + 8 : 0;
  double const json = o.as_json ? 500 + 100 * factors + 450 * values : 0;  // measured: an object a cell, and its text
  double const counters = plan.spec.sparse ? 0 : bytes_of_counters(plan, o);
  impl::require_memory(o.run.memory_limit, plan.cells * columns + std::max(counters, plan.cells * (table + json)),
                       std::to_string(static_cast<long long>(plan.cells)) + (o.as_json ? " cells and their JSON" : " cells"));
}

/// Collective. The cells of this rank's rows.
Contingency cells_of_rank(const ChunkSource& rows, const std::vector<int>& columns, const Contingency& fresh, const RunOptions& run, Communicator& comm,
                          Timing& timing) {
  auto const use = [](Contingency& table, int, const Chunk& chunk, std::int64_t first, std::int64_t count) { table.update_rows(chunk, first, count); };
  auto states = impl::piece_pass(rows, columns, false, [&] { return Contingency(fresh); }, use, run, comm, &timing);
  together(comm, [&] {
    for (std::size_t t = 1; t < states.size(); ++t) {
      states[0]->add(*states[t]);
      states[t].reset();
    }
  });
  return std::move(*states[0]);
}

/// The digits of a key of 128 bits in these radices.
void split(CellKey key, const std::vector<std::int64_t>& levels, std::int32_t* code) {
  for (std::size_t f = 0; f < levels.size(); ++f) {
    auto const radix = static_cast<std::uint64_t>(levels[f]);
    if (key.high == 0) {
      code[f] = static_cast<std::int32_t>(key.low % radix);
      key.low /= radix;
      continue;
    }
    // long division by 32-bit digits: a level fits in 31 bits
    std::uint64_t digit[4] = {key.high >> 32, key.high & 0xFFFFFFFF, key.low >> 32, key.low & 0xFFFFFFFF}, rest = 0;
    for (auto& d : digit) {
      std::uint64_t const part = rest << 32 | d;
      d = part / radix;
      rest = part % radix;
    }
    code[f] = static_cast<std::int32_t>(rest);
    key = {digit[2] << 32 | digit[3], digit[0] << 32 | digit[1]};
  }
}

/// The mean of a cell; a sum that is, or all but is, beyond the doubles is divided scaled.
double mean_of(const Contingency& table, int value, std::uint32_t place, DD sum, DD weight) {
  constexpr int scale = 128;
  bool const large = std::abs(sum.hi) > 0x1p1000;
  if (large) sum = table.sum(value, place, -scale);
  if (!std::isfinite(sum.hi)) return sum.hi;
  auto const mean = static_cast<double>(sum / weight);
  return large ? std::ldexp(mean, scale) : mean;
}

/// Appends one cell; place 0: an empty one.
void append(Cube& out, const std::int32_t* code, const Contingency& table, std::uint32_t place) {
  for (std::size_t f = 0; f < out.factors.size(); ++f) out.codes[f].push_back(code[f]);
  DD const weight = place ? table.weight(place) : DD(0);
  out.rows.push_back(place ? table.rows(place) : 0);
  out.counts.push_back(weight.hi);
  for (std::size_t v = 0; v < out.variables.size(); ++v) {
    DD const sum = place ? table.sum(static_cast<int>(v), place) : DD(0);
    out.sums[v].push_back(sum.hi);
    out.means[v].push_back(place ? mean_of(table, static_cast<int>(v), place, sum, weight) : none);
  }
}

/// Factors of `ifany` in which nothing is missing lose that level.
void drop_unused_levels(Cube& out, std::vector<std::int64_t>& levels, const std::vector<CellKey>& keys) {
  std::vector<char> used(levels.size(), 0);
  std::vector<std::int32_t> code(levels.size());
  for (auto const& key : keys) {
    split(key, levels, code.data());
    for (std::size_t f = 0; f < levels.size(); ++f) used[f] |= code[f] == levels[f] - 1;
  }
  for (std::size_t f = 0; f < levels.size(); ++f) out.factors[f].missing_level = used[f] != 0;
}

void fill(Cube& out, const Contingency& table, std::vector<std::int64_t> levels, const CubeOptions& o) {
  auto const places = table.occupied();
  std::vector<CellKey> keys;
  keys.reserve(places.size());
  for (auto p : places) keys.push_back(table.key(p));
  if (o.use_missing == UseMissing::ifany) drop_unused_levels(out, levels, keys);
  std::size_t const factors = out.factors.size();
  out.codes.resize(factors);
  out.sums.resize(out.variables.size());
  out.means.resize(out.variables.size());
  std::size_t cells = places.size();
  if (!o.sparse && !o.remove_zero_counts) {
    cells = 1;
    for (auto const& f : out.factors) cells *= f.levels.size() + f.missing_level;
  }
  out.rows.reserve(cells);
  out.counts.reserve(cells);
  for (auto& c : out.codes) c.reserve(cells);
  for (auto& s : out.sums) s.reserve(cells);
  for (auto& m : out.means) m.reserve(cells);
  std::vector<std::int32_t> code(factors, 0), occupied(factors);
  if (o.sparse || o.remove_zero_counts) {
    for (std::size_t k = 0; k < places.size(); ++k) {
      split(keys[k], levels, code.data());
      append(out, code.data(), table, places[k]);
    }
    return;
  }
  // every cell in order, those that occur as they come
  std::vector<std::int32_t> shown;
  for (std::size_t f = 0; f < factors; ++f) shown.push_back(static_cast<std::int32_t>(out.factors[f].levels.size()) + out.factors[f].missing_level);
  std::size_t next = 0;
  for (;;) {
    if (next < places.size()) split(keys[next], levels, occupied.data());
    bool const here = next < places.size() && occupied == code;
    append(out, code.data(), table, here ? places[next++] : 0);
    std::size_t f = 0;
    while (f < factors && ++code[f] == shown[f]) code[f++] = 0;
    if (f == factors) break;
  }
}

}  // namespace

Cube cube(const ChunkSource& source, std::string_view formula, const CubeOptions& options, Communicator& comm) {
  RowSource rows(source, options.rows);
  impl::use_sweep_for_ranges(rows, options.run, comm);
  auto plan = make_plan(formula, rows, options);
  if (options.as_table) impl::refuse_double_names(plan.result);
  plan.spec.sparse = looked_up(plan, options);
  require_cells(plan, options);
  Contingency const fresh(plan.spec);
  auto& out = plan.result;
  auto const table = impl::merge_ranks(cells_of_rank(rows, plan.read, fresh, options.run, comm, out.timing), fresh, comm, out.timing);
  impl::refuse_weights(impl::weight_name(options.pweights, options.fweights), table.refused());
  fill(out, table, plan.spec.levels, options);
  for (auto n : out.rows) out.n_valid_obs += n;
  out.n_missing_obs = table.missing();
  return std::move(out);
}

}  // namespace rxhpc
