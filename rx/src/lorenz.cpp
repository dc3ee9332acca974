#include "rxhpc/lorenz.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "bucket_pass.hpp"
#include "cell_terms.hpp"
#include "column_range.hpp"
#include "histogram_breaks.hpp"
#include "masked_expression.hpp"
#include "memory_check.hpp"
#include "model_rows.hpp"
#include "rxhpc/design.hpp"
#include "rxhpc/errors.hpp"
#include "thread_pass.hpp"

namespace rxhpc {
namespace {

/// Rows that follow one another in the order: their weight and what they have.
struct Group {
  DD weight, amount;
};

struct Work {
  RowSource& rows;
  const LorenzOptions& options;
  Communicator& comm;
  Timing& timing;
  int weight = -1;
  std::string weight_name;
};

struct Pair {
  int value = -1, order = -1;
  ExprPtr value_number, order_number;
  std::string value_name, order_name;
};

std::vector<Pair> pairs_of(const Formula& f, RowSource& rows) {
  if (!f.offsets.empty()) throw UsageError("offset() has no meaning here");
  std::vector<Pair> pairs;
  auto const column = [&](const FormulaTerm& t) {
    auto const term = impl::cell_term(t, rows, "a curve");
    if (term.value < 0 || !term.plain()) throw UsageError("'" + term.name + "' is no number to share out");
    return term;
  };
  for (auto const& t : f.terms) {
    Pair p;
    auto const order = column(t);
    p.order = p.value = order.value;
    p.order_number = p.value_number = order.number;
    p.order_name = p.value_name = impl::result_name(t);
    if (!f.responses.empty()) {
      p.value_name = result_name(*f.responses[0]);
      p.value_number = f.responses[0];
      p.value = numeric_column(rows, *p.value_number, "the value");
    }
    pairs.push_back(p);
  }
  if (f.responses.size() > 1) throw UsageError("a curve shares out one variable: 'value ~ order'");
  if (pairs.empty()) throw UsageError("the formula names no variable");
  return pairs;
}

void refuse_infinite(const ZoneMoments& m, const std::string& name) {
  if (m.n > 0 && (std::isinf(m.min) || std::isinf(m.max))) throw DataError("column '" + name + "' has infinite values; no share of them can be told");
}

/// Bins of equal width.
std::vector<Group> binned(Work& w, const Pair& p, const ZoneMoments& range, LorenzCurve& out) {
  auto const breaks = impl::even_breaks(range.min, range.max, w.options.num_breaks);
  auto edges = std::make_shared<BucketEdges>();
  for (std::size_t k = 1; k + 1 < breaks.size(); ++k)
    if (edges->edges.empty() ? breaks[k] > range.min : breaks[k] > edges->edges.back()) edges->edges.push_back(breaks[k]);
  edges->first = {0, static_cast<std::uint32_t>(edges->edges.size())};
  impl::ReadList read;
  BucketSpec spec;
  spec.value = read.place(p.order);
  spec.summed = read.place(p.value);
  spec.weight = read.place(w.weight);
  spec.edges = edges;
  auto const counts = std::move(impl::bucket_pass(w.rows, read.columns(), {spec}, w.options.run, w.comm, &w.timing)[0]);
  if (w.weight >= 0) impl::check_weights(counts, w.weight_name);
  std::vector<Group> groups;
  out.missing_obs = counts.missing();
  for (std::size_t b = 0; b < edges->buckets(); ++b) {
    out.valid_obs += counts.rows(b);
    if (counts.rows(b) > 0) groups.push_back({counts.weight(b), counts.sum(b)});
  }
  return groups;
}

/// Every distinct value. All rows are gathered on rank 0 and sorted by all they have, so that sums have one order.
std::vector<Group> exact(Work& w, const Pair& p, LorenzCurve& out) {
  struct Row {
    double order, value, weight;
    bool operator<(const Row& o) const { return order != o.order ? order < o.order : value != o.value ? value < o.value : weight < o.weight; }
  };
  struct State {
    std::vector<Row> rows;
    std::int64_t missing = 0, negative = 0, infinite = 0;
    std::vector<double> order, value, weight;
  };
  impl::ReadList read;
  auto const order = static_cast<std::size_t>(read.place(p.order)), value = static_cast<std::size_t>(read.place(p.value));
  int const weight = read.place(w.weight);
  std::int64_t total = w.rows.grid().total();
  if (w.rows.local()) w.comm.all_sum(std::span(&total, 1));
  if (w.options.run.memory_limit > 0 && total > w.options.run.memory_limit / static_cast<std::int64_t>(4 * sizeof(Row)))
    throw UsageError("--num-breaks 0 sorts all " + std::to_string(total) + " rows on one rank, more than --memory-limit allows");
  auto const threads = impl::thread_pass(w.rows, read.columns(), [] { return State(); },
    [&](State& s, impl::ChunkReader& reader) {
      auto const& chunk = reader.whole();
      auto const n = static_cast<std::size_t>(chunk.rows);
      s.order.resize(n), s.value.resize(n), s.weight.assign(n, 1);
      load_values(chunk.columns[order], 0, chunk.rows, s.order.data());
      load_values(chunk.columns[value], 0, chunk.rows, s.value.data());
      if (weight >= 0) load_values(chunk.columns[static_cast<std::size_t>(weight)], 0, chunk.rows, s.weight.data());
      for (std::size_t i = 0; i < n; ++i) {
        double const v = s.weight[i];
        if (v == 0) continue;
        if (s.order[i] != s.order[i] || s.value[i] != s.value[i] || v != v) ++s.missing;
        else if (v < 0) ++s.negative;
        else if (std::isinf(v)) ++s.infinite;
        else s.rows.push_back({s.order[i] + 0.0, s.value[i], v});
      }
    }, w.options.run, w.comm, &w.timing);
  std::int64_t counts[4] = {};
  std::vector<Row> mine;
  for (auto const& s : threads) {
    counts[0] += s->missing, counts[1] += s->negative, counts[2] += s->infinite, counts[3] += static_cast<std::int64_t>(s->rows.size());
    mine.insert(mine.end(), s->rows.begin(), s->rows.end());
    s->rows = {};
  }
  w.comm.all_sum(counts);
  if (counts[1] + counts[2] > 0)
    throw DataError("column '" + w.weight_name + "': " + std::to_string(counts[1] + counts[2]) + " rows have a negative or infinite weight");
  out.missing_obs = counts[0], out.valid_obs = counts[3];
  std::vector<Row> all;
  if (w.comm.size() == 1) {
    all = std::move(mine);
  } else {
    for (auto const& part : w.comm.gather(std::as_bytes(std::span(mine)))) {
      auto const before = all.size();
      all.resize(before + part.size() / sizeof(Row));
      if (!part.empty()) std::memcpy(static_cast<void*>(all.data() + before), part.data(), part.size());
    }
  }
  std::sort(all.begin(), all.end());
  std::vector<Group> groups;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i == 0 || all[i].order != all[i - 1].order) groups.push_back({});
    groups.back().weight += DD(all[i].weight);
    groups.back().amount += two_prod(all[i].weight, all[i].value);
  }
  auto const bytes = std::as_bytes(std::span(groups));
  Bytes sent(bytes.begin(), bytes.end());
  w.comm.broadcast(sent);
  groups.resize(sent.size() / sizeof(Group));
  if (!groups.empty()) std::memcpy(static_cast<void*>(groups.data()), sent.data(), sent.size());
  return groups;
}

/// Cumulates, and adds up trapezoids.
void draw(const std::vector<Group>& groups, LorenzCurve& curve) {
  DD weight, amount;
  for (auto const& g : groups) weight += g.weight, amount += g.amount;
  curve.total = amount.hi;
  if (amount.hi == 0) throw NumericalError("the values of '" + curve.name + "' add up to zero; no share of them exists");
  curve.points.push_back({0, 0});
  DD up_to_weight, up_to_amount, area;
  for (auto const& g : groups) {
    // twice the area of the trapezoid, in shares: products of weight and amount may overflow
    area += g.weight / weight * ((up_to_amount + up_to_amount + g.amount) / amount);
    up_to_weight += g.weight;
    up_to_amount += g.amount;
    curve.points.push_back({static_cast<double>(DD(100) * up_to_weight / weight), static_cast<double>(DD(100) * up_to_amount / amount)});
  }
  curve.points.back() = {100, 100};
  curve.gini = static_cast<double>(DD(1) - area);
}

}  // namespace

Lorenz lorenz(const ChunkSource& source, std::string_view formula, const LorenzOptions& options, Communicator& comm) {
  Lorenz out;
  if (options.num_breaks < 0 || options.num_breaks > 10'000'000) throw UsageError("--num-breaks lies between 0 and 10 million");
  impl::require_memory(options.run.memory_limit, 128.0 * (2 + options.run.threads) * options.num_breaks, "so many bins");
  RowSource rows(source, options.rows);
  impl::use_sweep_for_ranges(rows, options.run, comm);
  auto const parsed = parse_formula(formula, impl::numeric_names(rows.schema()));
  out.formula = parsed.text;
  Work work{rows, options, comm, out.timing, impl::weight_column(rows, options.pweights, options.fweights), options.pweights.empty() ? options.fweights : options.pweights};
  for (auto const& p : pairs_of(parsed, rows)) {
    LorenzCurve curve;
    curve.name = p.value_name;
    curve.order = p.order_name;
    auto const range_of = [&](int column, const ExprPtr& number) {
      int const counted = impl::where_weighted(rows, number, column, options.pweights, options.fweights);
      return impl::column_moments(rows, counted, true, options.run, comm, &out.timing);
    };
    auto range = range_of(p.order, p.order_number);
    if (p.value != p.order) {
      auto values = range_of(p.value, p.value_number);
      std::int64_t total = rows.grid().total();
      if (rows.local()) comm.all_sum(std::span(&total, 1));
      if (std::min(range.n, values.n) < total) {
        // of the rows that have both
        auto const beside = [&](const ExprPtr& number, const ExprPtr& other) {
          auto const both = impl::where_there(*number, *other);
          return range_of(rows.derive(*both, deparse(*both)), both);
        };
        range = beside(p.order_number, p.value_number);
        values = beside(p.value_number, p.order_number);
      }
      refuse_infinite(values, p.value_name);
    }
    refuse_infinite(range, p.order_name);
    auto const groups = range.n == 0 ? std::vector<Group>() : options.num_breaks == 0 ? exact(work, p, curve) : binned(work, p, range, curve);
    if (groups.empty()) throw DataError("column '" + p.value_name + "' has no value in the rows used");
    draw(groups, curve);
    if (curve.valid_obs >= out.n_valid_obs) out.n_valid_obs = curve.valid_obs, out.n_missing_obs = curve.missing_obs;
    out.curves.push_back(std::move(curve));
  }
  return out;
}

}  // namespace rxhpc
