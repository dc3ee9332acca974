#include "roc_compare.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "distributions.hpp"
#include "roc_rows.hpp"
#include "thread_pass.hpp"

namespace rxhpc::impl {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

template <class T>
void gather_all(std::vector<T>& values, Communicator& comm) {
  if (comm.size() == 1) return;
  Bytes all;
  for (auto const& part : comm.gather(std::as_bytes(std::span(values)))) all.insert(all.end(), part.begin(), part.end());
  comm.broadcast(all);
  values.resize(all.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), all.data(), all.size());
}

/// Products of placements of the rows that one thread has seen, a pair of predictions after another.
struct Products {
  RocRows rows;
  std::vector<std::int64_t> place;          // [predictions] of the row at hand
  std::vector<RocWide> positive, negative;  // [pairs]
};

void add_chunk(const std::vector<RocPlaces>& places, const Chunk& chunk, Products& p) {
  for (std::int64_t first = 0; first < chunk.rows; first += RocRows::tile_rows) {
    int const count = static_cast<int>(std::min<std::int64_t>(RocRows::tile_rows, chunk.rows - first));
    p.rows.load(chunk, first, count);
    for (int i = 0; i < count; ++i) {
      if (p.rows.missing(i)) continue;
      bool const positive = p.rows.actual(i) == 1;
      for (std::size_t k = 0; k < places.size(); ++k) {
        auto const& t = places[k];
        auto const at = static_cast<std::size_t>(std::lower_bound(t.key.begin(), t.key.end(), p.rows.key(k, i)) - t.key.begin());
        p.place[k] = positive ? t.positive[at] : t.negative[at];
      }
      std::size_t pair = 0;
      for (std::size_t a = 0; a < places.size(); ++a)
        for (std::size_t b = 0; b < a; ++b, ++pair)
          (positive ? p.positive : p.negative)[pair] += static_cast<RocWide>(p.place[a]) * static_cast<RocWide>(p.place[b]);
    }
  }
}

/// Collective. True where a rank has no room for the tables, of which each holds `keys` entries in all.
bool too_large(const std::vector<RocPlaces>& mine, std::int64_t limit, Communicator& comm, double& bytes) {
  std::int64_t keys = 0;
  for (auto const& p : mine) keys += static_cast<std::int64_t>(p.key.size());
  comm.all_sum({&keys, 1});
  bytes = 24.0 * static_cast<double>(keys);
  std::int64_t refused = limit > 0 && 2 * bytes > static_cast<double>(limit);
  comm.all_sum({&refused, 1});
  return refused > 0;
}

RocComparison comparison_of(const Roc& roc, std::size_t a, std::size_t b) {
  RocComparison c{roc.curves[a].name, roc.curves[b].name, roc.curves[a].auc - roc.curves[b].auc, none, none, none, none, none};
  c.std_error = std::sqrt(std::max(roc.auc_cov[a][a] + roc.auc_cov[b][b] - 2 * roc.auc_cov[a][b], 0.0));
  // Curves of the same placements differ nowhere: rounding alone would be left of their variance.
  if (c.std_error * c.std_error <= 1e-14 * (roc.auc_cov[a][a] + roc.auc_cov[b][b])) c.std_error = 0;
  double const width = normal_quantile_two_sided(roc.conf_level) * c.std_error;
  c.conf_low = c.difference - width;
  c.conf_high = c.difference + width;
  c.z_value = c.std_error > 0 ? c.difference / c.std_error : none;
  c.p_value = normal_two_sided(c.z_value);
  return c;
}

}  // namespace

RocPlaces places_of(const std::vector<RocRun>& range, const RocTotals& t) {
  RocPlaces p;
  std::int64_t above = t.positive - t.positive_below, below = t.negative_below;
  for (auto const& run : range) {
    above -= run.positive;
    p.key.push_back(run.key);
    p.positive.push_back(2 * below + run.negative);
    p.negative.push_back(2 * above + run.positive);
    below += run.negative;
  }
  return p;
}

DD delong_covariance(const PlacementProducts& products, const RocTotals& a, const RocTotals& b) {
  DD const m(static_cast<double>(a.positive)), n(static_cast<double>(a.negative));
  auto const spread = [&](DD sum, DD own, DD others) { return (sum - a.ranked * b.ranked / own) / (DD(4) * others * others) / (own - DD(1)) / own; };
  return spread(products.positive, m, n) + spread(products.negative, n, m);
}

void compare_areas(const ChunkSource& rows, const std::vector<int>& read, std::vector<RocPlaces>&& mine, const std::vector<RocTotals>& totals, const RocOptions& options,
                   Communicator& comm, Roc& out) {
  if (totals[0].positive < 2 || totals[0].negative < 2) return;
  double bytes = 0;
  if (too_large(mine, options.run.memory_limit, comm, bytes)) {
    out.warnings.push_back("the areas are not compared: that would take " + std::to_string(static_cast<long long>(bytes / (1 << 20)) + 1) +
                           " MiB of every rank, too much beside --memory-limit; rounded predictions take less");
    return;
  }
  auto places = std::move(mine);
  for (auto& p : places) {
    gather_all(p.key, comm);
    gather_all(p.positive, comm);
    gather_all(p.negative, comm);
  }
  std::size_t const count = places.size(), pairs = count * (count - 1) / 2;
  bool const coded = rows.schema()[read[0]].coded();
  auto const states = thread_pass(
      rows, read, [&] { return Products{RocRows(static_cast<int>(count), coded), std::vector<std::int64_t>(count), std::vector<RocWide>(pairs), std::vector<RocWide>(pairs)}; },
      [&](Products& p, ChunkReader& reader) { add_chunk(places, reader.whole(), p); }, options.run, comm, &out.timing);
  out.auc_cov.assign(count, std::vector<double>(count, 0.0));
  std::size_t pair = 0;
  for (std::size_t a = 0; a < count; ++a) {
    auto const& t = totals[a];
    out.auc_cov[a][a] = static_cast<double>(delong_covariance({t.positive_squares, t.negative_squares}, t, t));
    for (std::size_t b = 0; b < a; ++b, ++pair) {
      RocWide positive = 0, negative = 0;
      for (auto const& s : states) positive += s->positive[pair], negative += s->negative[pair];
      DD const p = all_sum_wide(positive, comm), n = all_sum_wide(negative, comm);
      out.auc_cov[a][b] = out.auc_cov[b][a] = static_cast<double>(delong_covariance({p, n}, t, totals[b]));
    }
  }
  for (std::size_t a = 0; a < count; ++a)
    for (std::size_t b = a + 1; b < count; ++b) out.comparisons.push_back(comparison_of(out, a, b));
}

}  // namespace rxhpc::impl
