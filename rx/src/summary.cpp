#include "rxhpc/summary.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "cell_terms.hpp"
#include "masked_expression.hpp"
#include "model_rows.hpp"
#include "order_statistics.hpp"
#include "quantile_position.hpp"
#include "rxhpc/dd.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/merge_tree.hpp"
#include "rxhpc/moments.hpp"
#include "rxhpc/packed_counts.hpp"
#include "rxhpc/self_communicator.hpp"

namespace rxhpc {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
using Term = impl::CellTerm;

/// The state of a whole summary: plain variables together, one table a term with factors (or weights), and the rows seen.
class SummaryState {
 public:
  SummaryState(std::vector<int> plain, std::vector<CellMoments> tables) : moments_(std::move(plain)), tables_(std::move(tables)) {}
  void reset() {
    rows_ = 0;
    moments_.reset();
    for (auto& t : tables_) t.reset();
  }
  void update(const Chunk& chunk) {
    rows_ += chunk.rows;
    moments_.update(chunk);
    for (auto& t : tables_) t.update(chunk);
  }
  std::size_t packed_size() const {
    std::size_t n = 1 + moments_.packed_size();
    for (auto const& t : tables_) n += t.packed_size();
    return n;
  }
  void pack(std::span<double> out) const {
    std::memcpy(out.data(), &rows_, sizeof rows_);
    each([&](auto const& part, std::size_t at, std::size_t n) { part.pack(out.subspan(at, n)); });
  }
  void unpack(std::span<double const> in) {
    std::memcpy(&rows_, in.data(), sizeof rows_);
    std::size_t at = 1;
    moments_.unpack(in.subspan(at, moments_.packed_size()));
    at += moments_.packed_size();
    for (auto& t : tables_) {
      t.unpack(in.subspan(at, t.packed_size()));
      at += t.packed_size();
    }
  }
  void merge(std::span<double> into, std::span<double const> from) const {
    add_packed_counts(into, from, 1);
    each([&](auto const& part, std::size_t at, std::size_t n) { part.merge(into.subspan(at, n), from.subspan(at, n)); });
  }
  std::int64_t rows() const { return rows_; }
  const Moments& moments() const { return moments_; }
  const std::vector<CellMoments>& tables() const { return tables_; }

 private:
  template <class Visit>
  void each(Visit&& visit) const {
    std::size_t at = 1;
    visit(moments_, at, moments_.packed_size());
    at += moments_.packed_size();
    for (auto const& t : tables_) {
      visit(t, at, t.packed_size());
      at += t.packed_size();
    }
  }
  std::int64_t rows_ = 0;
  Moments moments_;
  std::vector<CellMoments> tables_;
};
static_assert(Accumulator<SummaryState>);

/// `y ~ f` is `~ y:f`.
std::vector<FormulaTerm> terms_of(const Formula& f) {
  if (f.responses.size() > 1) throw UsageError("a summary has at most one variable on the left side of its formula");
  if (f.responses.empty()) return f.terms;
  FormulaTerm t{{f.responses[0]}};
  if (!f.terms.empty()) t.variables.insert(t.variables.end(), f.terms[0].variables.begin(), f.terms[0].variables.end());
  return {t};
}

Statistics statistics_of(const WeightedMoments& m, bool weighted, bool frequency) {
  Statistics s;
  auto const& b = m.base;
  double const n = static_cast<double>(b.n), w = weighted ? m.weight_sum + m.weight_sum_lo : n;
  s.valid_obs = b.n;
  s.missing_obs = b.missing;
  s.sum_of_weights = w;
  s.mean = b.n ? b.mean + b.mean_lo : none;
  s.min = b.n ? b.min : none;
  s.max = b.n ? b.max : none;
  DD const total = weighted ? DD(m.weight_sum) + DD(m.weight_sum_lo) : DD(n);
  s.sum = b.n ? b.mean * w : 0;
  if (std::isfinite(s.sum)) s.sum = static_cast<double>((DD(b.mean) + DD(b.mean_lo)) * total);
  s.std_dev = std::sqrt(variance_of(m, weighted, frequency));
  return s;
}

/// `missing`: rows that are in no cell.
SummaryTable table_of(const Term& t, const CellMoments& state, std::int64_t missing, bool weighted, bool frequency, Summary& into) {
  SummaryTable out{t.name, t.factor_names, t.value >= 0, {}, 0, 0};
  WeightedMoments all;
  auto const& cells = state.finalize();
  for (std::size_t c = 0; c < cells.size(); ++c) {
    SummaryCell cell;
    std::size_t rest = c;
    for (auto const& l : t.levels) {
      cell.levels.push_back(l[rest % l.size()]);
      rest /= l.size();
    }
    cell.statistics = statistics_of(cells[c], weighted, frequency);
    cell.counts = weighted ? cells[c].weight_sum + cells[c].weight_sum_lo : static_cast<double>(cells[c].base.n);
    out.valid_obs += cells[c].base.n;
    out.missing_obs += cells[c].base.missing;
    if (t.value >= 0) merge_weighted_moments(all, cells[c]);
    out.cells.push_back(std::move(cell));
  }
  out.missing_obs += missing;
  if (t.value >= 0) {
    auto overall = statistics_of(all, weighted, frequency);
    overall.missing_obs = out.missing_obs;
    into.variables.push_back({t.name, overall});
  }
  return out;
}

/// Merges what the zone map holds along the canonical tree: the bits of a sweep over the rows.
std::vector<ZoneMoments> merged_zones(const ZoneMap& zones, const std::vector<int>& columns, std::int64_t chunks) {
  constexpr std::size_t width = sizeof(ZoneMoments) / sizeof(double);
  auto const merge = [](std::span<double> into, std::span<double const> from) {
    for (std::size_t at = 0; at < into.size(); at += width) {
      ZoneMoments a, b;
      std::memcpy(static_cast<void*>(&a), &into[at], sizeof a);
      std::memcpy(static_cast<void*>(&b), &from[at], sizeof b);
      merge_moments(a, b);
      std::memcpy(&into[at], &a, sizeof a);
    }
  };
  MergeTree tree(chunks, merge);
  for (std::int64_t c = 0; c < chunks; ++c) {
    std::vector<double> state(columns.size() * width);
    for (std::size_t k = 0; k < columns.size(); ++k) std::memcpy(&state[k * width], &zones.moments[columns[k]][c], sizeof(ZoneMoments));
    tree.insert(c, std::move(state));
  }
  std::vector<ZoneMoments> result(columns.size());
  std::vector<double> fresh(columns.size() * width);
  if (!fresh.empty()) std::memcpy(fresh.data(), result.data(), fresh.size() * sizeof(double));
  SelfCommunicator self;
  auto const root = all_merge(self, tree, std::move(fresh));
  if (!root.empty()) std::memcpy(static_cast<void*>(result.data()), root.data(), root.size() * sizeof(double));
  return result;
}

/// Tables leave the counts of factors with very many levels out.
bool level_counts_known(const ZoneMap& zones, int column) {
  return column < static_cast<int>(zones.level_counts.size()) && zones.level_counts[column].size() == zones.moments[column].size();
}

/// Answers everything from the zone map where that is possible: whole table, no weights, single variables.
bool from_zones(const RowSource& rows, const std::vector<Term>& terms, const SummaryOptions& o, Summary& out) {
  auto const* zones = rows.zone_map();
  if (!zones || !o.use_zone_map || !o.pweights.empty() || !o.fweights.empty() || !o.by_term) return false;
  for (auto const& t : terms)
    if (t.plain() ? t.value >= static_cast<int>(zones->moments.size())
                  : t.value >= 0 || t.factors.size() > 1 || !level_counts_known(*zones, t.factors[0]))
      return false;
  std::vector<int> plain;
  for (auto const& t : terms)
    if (t.plain()) plain.push_back(t.value);
  auto const moments = merged_zones(*zones, plain, rows.grid().chunks());
  std::size_t next = 0;
  for (auto const& t : terms) {
    if (t.plain()) {
      out.variables.push_back({t.name, statistics_of({moments[next++], 0, 0}, false, false)});
      continue;
    }
    SummaryTable table{t.name, t.factor_names, false, {}, 0, 0};
    for (std::size_t l = 0; l < t.levels[0].size(); ++l) {
      SummaryCell cell{{t.levels[0][l]}, 0, {}};
      for (auto const& chunk : zones->level_counts[t.factors[0]]) cell.counts += static_cast<double>(chunk[l]);
      table.valid_obs += static_cast<std::int64_t>(cell.counts);
      table.cells.push_back(std::move(cell));
    }
    table.missing_obs = rows.grid().total() - table.valid_obs;
    out.categorical.push_back(std::move(table));
  }
  out.n_valid_obs = rows.grid().total();
  out.from_zone_map = true;
  return true;
}

/// Reads the rows.
void from_rows(RowSource& rows, const std::vector<Term>& terms, const SummaryOptions& o, Communicator& comm, Summary& out) {
  bool const weighted = out.weighted, frequency = !o.fweights.empty();
  std::vector<int> read;
  auto const place = [&](int column) {
    auto const at = std::find(read.begin(), read.end(), column);
    if (at != read.end()) return static_cast<int>(at - read.begin());
    read.push_back(column);
    return static_cast<int>(read.size()) - 1;
  };
  CellMoments::Spec common;
  if (weighted) {
    auto const e = parse_expression(quoted_name(frequency ? o.fweights : o.pweights));
    int const column = rows.derive(*e, deparse(*e));
    if (rows.schema()[column].coded()) throw UsageError("the weight '" + deparse(*e) + "' must be a number");
    common.weight = place(column);
  }
  if (!o.by_term)
    for (auto const& t : terms) {
      if (t.value >= 0) common.also_present.push_back(place(t.value));
      for (int f : t.factors) common.also_present.push_back(place(f));
    }
  std::vector<int> plain;
  std::vector<CellMoments> tables;
  auto const in_table = [&](const Term& t) { return !t.plain() || weighted || !o.by_term; };
  for (auto const& t : terms) {
    if (!in_table(t)) {
      plain.push_back(place(t.value));
      continue;
    }
    auto spec = common;
    spec.value = t.value < 0 ? -1 : place(t.value);
    for (std::size_t k = 0; k < t.factors.size(); ++k) {
      spec.factors.push_back(place(t.factors[k]));
      spec.levels.push_back(static_cast<int>(t.levels[k].size()));
    }
    tables.emplace_back(spec);
  }
  if (tables.empty()) {  // moments alone: each column added as it is read
    auto const moments = sweep(rows, read, Moments(plain), o.run, comm, &out.timing).finalize();
    for (std::size_t k = 0; k < terms.size(); ++k) out.variables.push_back({terms[k].name, statistics_of({moments[k], 0, 0}, false, false)});
    out.n_valid_obs = moments[0].n + moments[0].missing;
    return;
  }
  auto const state = sweep(rows, read, SummaryState(plain, tables), o.run, comm, &out.timing);

  std::size_t next_plain = 0, next_table = 0;
  std::int64_t excluded = 0, no_row = 0;
  for (auto const& t : terms) {
    if (!in_table(t)) {
      out.variables.push_back({t.name, statistics_of({state.moments().finalize()[next_plain++], 0, 0}, false, false)});
      continue;
    }
    auto const& table = state.tables()[next_table++];
    impl::refuse_weights(impl::weight_name(o.pweights, o.fweights), table.refused_weight());
    auto missing = table.missing_factor() + table.missing_weight();
    // every table leaves the same rows out
    no_row = table.zero_weight();
    excluded = o.by_term ? table.without_weight() : table.excluded() + std::exchange(missing, 0);
    if (t.plain()) {
      out.variables.push_back({t.name, statistics_of(table.finalize()[0], weighted, frequency)});
      out.variables.back().statistics.missing_obs += missing;
    } else {
      out.categorical.push_back(table_of(t, table, missing, weighted, frequency, out));
    }
  }
  out.n_valid_obs = state.rows() - excluded - no_row;
  out.n_missing_obs = excluded;
}

/// Quantiles of type 7 of every cell, [term][cell][share].
std::vector<std::vector<std::vector<double>>> quantiles(RowSource& rows, impl::RankRequest request, const std::vector<double>& shares, const SummaryOptions& o,
                                                        Communicator& comm, Timing& timing) {
  request.shares = shares;
  request.ranks = [&](std::size_t, double n) {
    std::vector<double> ranks;
    for (double p : shares) {
      double const j = impl::quantile_position(7, n, p).j;
      ranks.insert(ranks.end(), {std::max(1.0, j), std::max(1.0, std::min(j + 1, n))});
    }
    return ranks;
  };
  std::vector<std::vector<std::vector<double>>> out;
  for (auto const& term : impl::order_statistics(rows, request, o.run, comm, &timing)) {
    out.emplace_back();
    for (auto const& cell : term.cells) {
      out.back().emplace_back(shares.size(), none);
      for (std::size_t k = 0; k < shares.size() && cell.rows > 0; ++k)
        out.back().back()[k] = impl::interpolated(impl::quantile_position(7, cell.scaled_size, shares[k]), cell.values[2 * k], cell.values[2 * k + 1]);
    }
  }
  return out;
}

/// The column of a term's numbers, missing in rows that are in none of its cells.
int in_a_cell(const FormulaTerm& part, const Term& term, RowSource& rows) {
  if (term.plain()) return term.value;
  auto there = term.number;
  for (auto const& v : part.variables) there = impl::where_there(*there, *v);
  return rows.derive(*there, deparse(*there));
}

/// Medians and quartiles in one search, distances from the medians in another.
void add_order_statistics(const ChunkSource& source, const Formula& formula, const SummaryOptions& o, Communicator& comm, Summary& out) {
  auto options = o.rows;
  auto const parts = terms_of(formula);
  if (!o.by_term)
    for (auto const& t : parts)
      for (auto const& v : t.variables) {
        auto const there = "!is.na(" + deparse(*v) + ")";
        options.row_selection = options.row_selection.empty() ? there : "(" + options.row_selection + ") & " + there;
      }
  RowSource rows(source, options);
  impl::use_sweep_for_ranges(rows, o.run, comm);
  impl::RankRequest request;
  std::vector<std::vector<Statistics*>> places;
  std::size_t variable = 0, table = 0;
  for (auto const& part : parts) {
    auto const term = impl::cell_term(part, rows, "a summary");
    auto* cells = term.plain() ? nullptr : &out.categorical.at(table++).cells;
    if (term.value < 0) continue;
    auto* whole = &out.variables.at(variable++).statistics;
    places.push_back({whole});
    request.terms.push_back({in_a_cell(part, term, rows), {}, {}, {}});
    if (term.plain()) continue;
    places.emplace_back();
    for (auto& c : *cells) places.back().push_back(&c.statistics);
    request.terms.push_back({term.value, term.factors, term.level_counts(), {}});
  }
  if (request.terms.empty()) return;
  request.weight = impl::weight_column(rows, o.pweights, o.fweights);
  request.frequency = !o.fweights.empty();
  auto const quartiles = quantiles(rows, request, {0.25, 0.5, 0.75}, o, comm, out.timing);
  for (std::size_t t = 0; t < places.size(); ++t)
    for (auto const& cell : quartiles[t]) request.terms[t].centres.push_back(cell[1]);
  auto const distances = quantiles(rows, request, {0.5}, o, comm, out.timing);
  constexpr double normal = 1.4826;  // a normal distribution's deviation over its median absolute deviation, as R's mad() has it
  for (std::size_t t = 0; t < places.size(); ++t)
    for (std::size_t c = 0; c < places[t].size(); ++c) {
      auto& s = *places[t][c];
      s.median = quartiles[t][c][1];
      s.iqr = quartiles[t][c][2] - quartiles[t][c][0];
      s.mad = normal * distances[t][c][0];
    }
}

}  // namespace

Summary summarize(const ChunkSource& source, std::string_view formula, const SummaryOptions& options, Communicator& comm) {
  impl::weight_name(options.pweights, options.fweights);  // refuses both kinds before a pass
  Summary out;
  RowSource rows(source, options.rows);
  impl::use_sweep_for_ranges(rows, options.run, comm);
  auto const parsed = parse_formula(formula, impl::not_text(rows.schema()));
  if (!parsed.offsets.empty()) throw UsageError("a summary takes no offset()");
  out.formula = parsed.text;
  out.weighted = !options.pweights.empty() || !options.fweights.empty();
  std::vector<Term> terms;
  for (auto const& t : terms_of(parsed)) terms.push_back(impl::cell_term(t, rows, "a summary"));
  if (terms.empty()) throw UsageError("the formula names no variable to summarize");
  impl::require_cells(options.run.memory_limit, terms);
  if (!from_zones(rows, terms, options, out)) from_rows(rows, terms, options, comm, out);
  out.order_statistics = options.order_statistics;
  if (options.order_statistics) add_order_statistics(source, parsed, options, comm, out);
  return out;
}

}  // namespace rxhpc
