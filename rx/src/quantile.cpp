#include "rxhpc/quantile.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cell_terms.hpp"
#include "model_rows.hpp"
#include "order_statistics.hpp"
#include "quantile_position.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

std::vector<double> checked(const std::vector<double>& probs) {
  if (probs.empty()) throw UsageError("--probs: no probability is given");
  std::vector<double> out;
  double const slack = 100 * std::numeric_limits<double>::epsilon();  // as R's quantile()
  for (double p : probs) {
    if (!(p >= -slack && p <= 1 + slack)) throw UsageError("--probs: " + number_text(p) + " is outside 0 to 1");
    out.push_back(std::clamp(p, 0.0, 1.0));
  }
  return out;
}

bool whole_numbers(VarType type) {
  switch (type) {
    case VarType::integer: case VarType::int16: case VarType::uint16: case VarType::int64: case VarType::date: return true;
    default: return false;
  }
}

std::vector<impl::CellTerm> resolve(const Formula& formula, RowSource& rows) {
  std::vector<impl::CellTerm> terms;
  for (auto const& t : impl::terms_by_cells(formula)) {
    terms.push_back(impl::cell_term(t, rows, "a table of quantiles"));
    if (terms.back().value >= 0) continue;
    auto kind = std::string("all of it are factors");
    if (t.variables.size() == 1) {
      auto const& e = *t.variables[0];
      auto const type = rows.schema()[static_cast<std::size_t>(rows.derive(e, deparse(e)))].type;
      kind = type == VarType::logical     ? "it is logical (as is a column with only missing values, unless --col-classes says otherwise)"
             : type == VarType::character ? "it is text"
                                          : "it is a factor";
    }
    throw UsageError("'" + terms.back().name + "' has no number to order: " + kind);
  }
  if (terms.empty()) throw UsageError("the formula names no variable");
  return terms;
}

/// Ranks that the quantiles of a cell of that size are made of: x[j] and x[j + 1] of each probability, side by side.
std::vector<double> ranks_for(const std::vector<double>& probs, int type, double size, bool shares) {
  std::vector<double> ranks;
  for (double p : probs) {
    if (p == 0 || p == 1) {  // the extremes, also where weights give no rank to them
      ranks.insert(ranks.end(), 2, p == 0 ? 0 : std::numeric_limits<double>::infinity());
      continue;
    }
    if (shares && type == 1) {  // the smallest value with a share of p of the weight: ranks need not be whole
      ranks.insert(ranks.end(), 2, p * size);
      continue;
    }
    auto const at = impl::quantile_position(type, size, p);
    double const last = std::max(1.0, size);
    ranks.push_back(std::clamp(at.j, 1.0, last));
    ranks.push_back(at.h == 0 ? ranks.back() : std::clamp(at.j + 1, 1.0, last));
  }
  return ranks;
}

}  // namespace

Quantiles quantile(const ChunkSource& source, std::string_view formula, const QuantileOptions& options, Communicator& comm) {
  Quantiles out;
  out.probs = checked(options.probs);
  if (options.type < 0 || options.type > 9) throw UsageError("--type: " + std::to_string(options.type) + " is not one of 1 to 9");
  RowSource rows(source, options.rows);
  impl::use_sweep_for_ranges(rows, options.run, comm);
  auto const parsed = parse_formula(formula, impl::numeric_names(rows.schema()));
  out.formula = parsed.text;
  auto const terms = resolve(parsed, rows);
  impl::require_cells(options.run.memory_limit, terms);
  impl::RankRequest request;
  request.weight = impl::weight_column(rows, options.pweights, options.fweights);
  request.frequency = !options.fweights.empty();
  request.shares = out.probs;
  out.weighted = request.weight >= 0;
  for (auto const& t : terms) {
    int const type = options.type ? options.type : whole_numbers(rows.schema()[static_cast<std::size_t>(t.value)].type) ? 1 : 4;
    out.variables.push_back({t.name, t.factor_names, type, {}, 0, 0});
    request.terms.push_back({t.value, t.factors, t.level_counts(), {}});
  }
  request.ranks = [&](std::size_t term, double size) { return ranks_for(out.probs, out.variables[term].type, size, !options.pweights.empty()); };
  auto const answer = impl::order_statistics(rows, request, options.run, comm, &out.timing);

  for (std::size_t t = 0; t < terms.size(); ++t) {
    auto& variable = out.variables[t];
    variable.missing_obs = answer[t].missing;
    for (std::size_t c = 0; c < answer[t].cells.size(); ++c) {
      auto const& from = answer[t].cells[c];
      QuantileCell cell{terms[t].levels_of(c), from.rows, from.size, {}};
      for (std::size_t k = 0; k < out.probs.size(); ++k)
        cell.quantiles.push_back(from.rows == 0 ? none
                                                : impl::interpolated(impl::quantile_position(variable.type, from.scaled_size, out.probs[k]),
                                                                     from.values[2 * k], from.values[2 * k + 1]));
      variable.valid_obs += from.rows;
      variable.cells.push_back(std::move(cell));
    }
  }
  for (auto const& v : out.variables)
    if (v.valid_obs >= out.n_valid_obs) out.n_valid_obs = v.valid_obs, out.n_missing_obs = v.missing_obs;
  return out;
}

}  // namespace rxhpc
