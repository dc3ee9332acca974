#include "rxhpc/roc.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "chunk_loop.hpp"
#include "distributions.hpp"
#include "memory_check.hpp"
#include "model_rows.hpp"
#include "roc_compare.hpp"
#include "roc_rows.hpp"
#include "rxhpc/design.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc {
namespace {

using impl::RocRun;
using impl::RocTotals;

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// The column of actual values; a text or factor column becomes codes 0 and 1.
int actual_column(RowSource& rows, const Expr& e) {
  auto const name = deparse(e);
  int const column = rows.derive(e, name);
  auto const& v = rows.schema()[column];
  if (v.storage == Storage::text) throw DataError("column '" + name + "': a text column with very many values is no yes or no");
  if (!v.coded() || v.type == VarType::logical) return column;
  auto levels = v.levels;
  if (levels.size() != 2)
    throw DataError("column '" + name + "': the actual value is a factor of two levels, logical, or 0 and 1; this factor has " + std::to_string(levels.size()) + " levels");
  if (v.type != VarType::character) return column;
  std::sort(levels.begin(), levels.end());
  return rows.derive_factor(column, levels, ".factor(" + name + ")");
}

/// What one thread has seen.
struct Seen {
  std::vector<impl::RocRuns> runs;  // [predictions]
  std::int64_t missing = 0, others = 0;  // others: the actual value is neither 0 nor 1
};

class Counter {
 public:
  Counter(int predictions, bool coded, Seen& seen) : rows_(predictions, coded), seen_(seen) { seen_.runs.resize(predictions); }

  void add(const Chunk& chunk) {
    for (std::int64_t first = 0; first < chunk.rows; first += impl::RocRows::tile_rows) {
      int const rows = static_cast<int>(std::min<std::int64_t>(impl::RocRows::tile_rows, chunk.rows - first));
      rows_.load(chunk, first, rows);
      for (int i = 0; i < rows; ++i) add_row(i);
    }
    for (auto& r : seen_.runs) r.shrink();
  }

 private:
  void add_row(int i) {
    double const actual = rows_.actual(i);
    if (rows_.missing(i)) {
      ++seen_.missing;
    } else if (actual != 0 && actual != 1) {
      ++seen_.others;
    } else {
      for (std::size_t k = 0; k < seen_.runs.size(); ++k) seen_.runs[k].add(rows_.key(k, i), actual == 1);
    }
  }

  impl::RocRows rows_;
  Seen& seen_;
};

void check_memory(const std::vector<Seen>& seen, std::int64_t limit) {
  std::size_t bytes = 0;
  for (auto const& s : seen)
    for (auto const& r : s.runs) bytes += r.bytes();
  if (limit > 0 && 3 * bytes > static_cast<std::size_t>(limit))  // sorted runs, those sent and those received
    throw UsageError("the distinct predictions of this rank take " + std::to_string(3 * bytes >> 20) + " MiB, more than --memory-limit: use more ranks, or round the predictions");
}

/// Collective. One pass over this rank's chunks.
Seen count_rows_of(const RowSource& rows, const std::vector<int>& read, const RocOptions& o, Communicator& comm, Timing& timing) {
  auto const range = impl::chunk_range(rows, comm);
  int threads = 1;
  together(comm, [&] { threads = impl::thread_count(o.run, range.last - range.first, rows.held_bytes(read)); });
  auto const& actual = rows.schema()[read[0]];
  std::vector<Seen> seen(threads);
  together(comm, [&] {
    std::vector<impl::ChunkWork> works;
    for (auto& s : seen)
      works.emplace_back([counter = std::make_shared<Counter>(static_cast<int>(read.size()) - 1, actual.coded(), s)](impl::ChunkReader& reader) { counter->add(reader.whole()); });
    impl::ChunkLoop loop(rows, read, range, o.run, std::move(works), &timing);
    for (auto c = range.first; c < range.last; c += 4 * threads) {
      loop.run(c, std::min<std::int64_t>(range.last, c + 4 * threads));
      check_memory(seen, o.run.memory_limit);
    }
    loop.finish();
    impl::on_threads(threads, [&](int t) {
      for (auto& r : seen[t].runs) r.sorted();
    });
  });
  for (int t = 1; t < threads; ++t) {
    for (std::size_t k = 0; k < seen[0].runs.size(); ++k) seen[0].runs[k].append(seen[t].runs[k]);
    seen[0].missing += seen[t].missing;
    seen[0].others += seen[t].others;
  }
  return std::move(seen[0]);
}

RocPoint point_at(double threshold, std::int64_t positive_above, std::int64_t negative_above, const RocTotals& t) {
  return {threshold, static_cast<double>(positive_above) / static_cast<double>(t.positive),
          static_cast<double>(t.negative - negative_above) / static_cast<double>(t.negative)};
}

/// Collective. A point at every distinct prediction.
std::vector<RocPoint> exact_points(const std::vector<RocRun>& range, const RocTotals& t, Communicator& comm) {
  std::vector<RocPoint> mine;
  std::int64_t positive = t.positive - t.positive_below, negative = t.negative - t.negative_below;
  for (auto const& run : range) {
    mine.push_back(point_at(impl::value_of(run.key), positive, negative, t));
    positive -= run.positive;
    negative -= run.negative;
  }
  Bytes all;
  for (auto const& part : comm.gather(std::as_bytes(std::span(mine)))) all.insert(all.end(), part.begin(), part.end());
  comm.broadcast(all);
  std::vector<RocPoint> points(all.size() / sizeof(RocPoint));
  if (!points.empty()) std::memcpy(static_cast<void*>(points.data()), all.data(), all.size());
  points.push_back({INFINITY, 0, 1});
  return points;
}

/// Collective. Points at thresholds 0, 1/n, ..., 1.
std::vector<RocPoint> binned_points(const std::vector<RocRun>& range, const RocTotals& t, std::int64_t breaks, Communicator& comm, bool& outside) {
  std::vector<std::int64_t> above(2 * (breaks + 2), 0);  // positives and negatives between thresholds, then cumulated from above
  for (auto const& run : range) {
    double const x = impl::value_of(run.key);
    std::int64_t k = std::clamp<std::int64_t>(x >= 1 ? breaks : x < 0 ? -1 : static_cast<std::int64_t>(x * static_cast<double>(breaks)), -1, breaks);
    while (k < breaks && x >= static_cast<double>(k + 1) / static_cast<double>(breaks)) ++k;
    while (k >= 0 && x < static_cast<double>(k) / static_cast<double>(breaks)) --k;
    above[2 * (k + 1)] += run.positive;
    above[2 * (k + 1) + 1] += run.negative;
  }
  std::int64_t beyond = !range.empty() && (impl::value_of(range.front().key) < 0 || impl::value_of(range.back().key) > 1);
  comm.all_sum(above);
  comm.all_sum({&beyond, 1});
  outside = beyond > 0;
  for (std::size_t k = above.size() - 1; k >= 2; --k) above[k - 2] += above[k];
  std::vector<RocPoint> points;
  for (std::int64_t k = 0; k <= breaks; ++k)
    points.push_back(point_at(static_cast<double>(k) / static_cast<double>(breaks), above[2 * (k + 1)], above[2 * (k + 1) + 1], t));
  return points;
}

/// The area and its interval.
void add_area(RocCurve& c, const RocTotals& t, double conf_level) {
  DD const m(static_cast<double>(t.positive)), n(static_cast<double>(t.negative));
  c.auc = static_cast<double>(t.ranked / (DD(2) * m * n));
  bool const known = t.positive > 1 && t.negative > 1;
  double const variance = known ? static_cast<double>(impl::delong_covariance({t.positive_squares, t.negative_squares}, t, t)) : none;
  c.std_error = known ? std::sqrt(std::max(variance, 0.0)) : none;
  double const width = impl::normal_quantile_two_sided(conf_level) * c.std_error;
  c.conf_low = known ? std::max(0.0, c.auc - width) : none;
  c.conf_high = known ? std::min(1.0, c.auc + width) : none;
}

double trapezoids(const std::vector<RocPoint>& points) {
  double area = 0;
  for (std::size_t k = 1; k < points.size(); ++k)
    area += (points[k].specificity - points[k - 1].specificity) * (points[k].sensitivity + points[k - 1].sensitivity) / 2;
  return area;
}

}  // namespace

Roc roc(const ChunkSource& source, std::string_view text, const RocOptions& options, Communicator& comm) {
  if (!(options.conf_level > 0 && options.conf_level < 1)) throw UsageError("--conf-level lies between 0 and 1");
  if (options.num_breaks < 0 || options.num_breaks > 100'000'000) throw UsageError("--num-breaks lies between 0 and 100 million");
  impl::require_memory(options.run.memory_limit, 64.0 * static_cast<double>(options.num_breaks), "points at so many thresholds");
  Roc out;
  RowSource rows(source, options.rows);
  impl::use_sweep_for_ranges(rows, options.run, comm);
  auto const formula = impl::model_formula(text, rows.schema(), false);
  if (formula.responses.size() != 1 || formula.terms.empty() || !formula.offsets.empty())
    throw UsageError("the formula names the actual value and the predictions: 'actual ~ p1 + p2'");
  out.formula = formula.text;
  out.conf_level = options.conf_level;
  std::vector<int> read{actual_column(rows, *formula.responses[0])};
  for (auto const& term : formula.terms) {
    if (term.variables.size() != 1) throw UsageError("a prediction is a column or a function of columns, not the interaction '" + term.label() + "'");
    read.push_back(numeric_column(rows, *term.variables[0], "the prediction"));
  }
  auto seen = count_rows_of(rows, read, options, comm, out.timing);
  std::int64_t counts[2] = {seen.missing, seen.others};
  comm.all_sum(counts);
  auto const actual = deparse(*formula.responses[0]);
  if (counts[1] > 0)
    throw DataError("column '" + actual + "': " + std::to_string(counts[1]) + " rows have an actual value that is neither 0 nor 1");
  out.n_missing_obs = counts[0];

  std::vector<impl::RocPlaces> places;
  std::vector<RocTotals> all_totals;
  for (std::size_t k = 0; k < seen.runs.size(); ++k) {
    auto const range = impl::exchange_runs(seen.runs[k].sorted(), comm);
    auto const totals = impl::total_runs(range, comm);
    out.n_positive = totals.positive;
    out.n_negative = totals.negative;
    out.n_valid_obs = totals.positive + totals.negative;
    if (out.n_valid_obs == 0) throw DataError("no row is complete: every row lacks the actual value or a prediction, or was not selected");
    if (totals.positive == 0 || totals.negative == 0)
      throw DataError("column '" + actual + "': all " + std::to_string(out.n_valid_obs) + " rows are " + (totals.positive ? "positive" : "negative") + ": there is no curve");
    RocCurve curve;
    curve.name = formula.terms[k].label();
    bool outside = false;
    curve.points = options.num_breaks == 0 ? exact_points(range, totals, comm) : binned_points(range, totals, options.num_breaks, comm, outside);
    if (outside)
      out.warnings.push_back("predictions in '" + curve.name + "' lie outside 0 to 1, where the thresholds are: --num-breaks 0 takes a point at each of them");
    curve.curve_auc = trapezoids(curve.points);
    if (options.remove_dups) {
      auto const same = [](const RocPoint& a, const RocPoint& b) { return a.sensitivity == b.sensitivity && a.specificity == b.specificity; };
      curve.points.erase(std::unique(curve.points.begin(), curve.points.end(), same), curve.points.end());
    }
    add_area(curve, totals, options.conf_level);
    out.curves.push_back(std::move(curve));
    all_totals.push_back(totals);
    if (seen.runs.size() > 1) places.push_back(impl::places_of(range, totals));
  }
  if (places.size() > 1) impl::compare_areas(rows, read, std::move(places), all_totals, options, comm, out);
  return out;
}

}  // namespace rxhpc
