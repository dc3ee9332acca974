// Where order statistics may lie: what a few rows of the table say.
#include "order_search.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>

#include "chunk_loop.hpp"
#include "sort_keys.hpp"

namespace rxhpc::impl::order {
namespace {

constexpr std::int64_t sample_chunks = 16, costly_sample_chunks = 4, sampled_rows_a_chunk = 4096;
constexpr std::size_t most_atoms = 16;  // values so frequent that they get a bucket of their own, a rank wanted

/// One bucket a cell, everything collected.
std::shared_ptr<const BucketEdges> one_bucket_a_cell(std::size_t cells) {
  auto edges = std::make_shared<BucketEdges>();
  edges->first.assign(cells + 1, 0);
  edges->kept.assign(cells, 1);
  return edges;
}

/// Every k-th row of some chunks that are spread over a source.
class SampledRows final : public ChunkSource {
 public:
  SampledRows(const ChunkSource& base, const ChunkRange& range, std::int64_t most_chunks) : base_(base) {
    std::int64_t const wanted = std::min(range.total, most_chunks);
    std::vector<std::int64_t> rows;
    for (std::int64_t k = 0; k < wanted; ++k) {
      std::int64_t const c = (2 * k + 1) * range.total / (2 * wanted) - range.offset;
      if (base.local() && (c < range.first || c >= range.last)) continue;
      chunks_.push_back(c);
      rows.push_back(base.grid().rows(c) / step(base.grid().rows(c)));
    }
    grid_ = Grid(std::move(rows));
  }
  const Schema& schema() const override { return base_.schema(); }
  const Grid& grid() const override { return grid_; }
  bool local() const override { return base_.local(); }
  std::int64_t held_bytes(std::span<const int> columns) const override { return base_.held_bytes(columns); }
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override {
    base_.read(chunks_[static_cast<std::size_t>(chunk)], columns, out);
    auto const every = step(out.rows);
    for (auto& column : out.columns) column.stride *= every;
    out.rows /= every;
    rows_read_ += out.rows;
  }
  std::int64_t rows_read() const { return rows_read_; }

 private:
  static std::int64_t step(std::int64_t rows) { return std::max<std::int64_t>(1, rows / sampled_rows_a_chunk); }

  const ChunkSource& base_;
  std::vector<std::int64_t> chunks_;
  Grid grid_;
  mutable std::atomic<std::int64_t> rows_read_ = 0;
};

/// By cell and value; the bucket of a row is its cell.
Sample sorted(const KeptValues& rows, std::size_t cells) {
  Sample out;
  out.first.assign(cells + 1, 0);
  for (auto cell : rows.bucket) ++out.first[cell + 1];
  std::partial_sum(out.first.begin(), out.first.end(), out.first.begin());
  auto const n = rows.value.size();
  bool const weighted = !rows.weight.empty();
  std::vector<std::size_t> next(out.first.begin(), out.first.end() - 1), order(n);
  for (std::size_t i = 0; i < n; ++i) order[next[rows.bucket[i]]++] = i;
  out.value.resize(n);
  out.up_to.resize(n);
  std::vector<Key> keys, buffer;
  std::vector<std::pair<double, double>> pairs;
  for (std::size_t c = 0; c < cells; ++c) {
    auto const begin = out.first[c], end = out.first[c + 1];
    double sum = 0, squares = 0;
    auto const put = [&](std::size_t i, double value, double weight) {
      out.value[i] = value;
      out.up_to[i] = sum += weight;
      squares += weight * weight;
    };
    if (weighted) {
      pairs.clear();
      for (auto i = begin; i < end; ++i) pairs.emplace_back(rows.value[order[i]], rows.weight[order[i]]);
      std::sort(pairs.begin(), pairs.end());
      for (auto i = begin; i < end; ++i) put(i, pairs[i - begin].first, pairs[i - begin].second);
    } else {
      keys.clear();
      for (auto i = begin; i < end; ++i) keys.push_back(key_of(rows.value[order[i]]));
      sort_keys(keys, buffer);
      for (auto i = begin; i < end; ++i) put(i, value_of(keys[i - begin]), 1);
    }
    out.effective.push_back(squares > 0 ? sum * sum / squares : 0);
  }
  return out;
}

}  // namespace

std::size_t cells_of(const RankTerm& t) {
  return std::accumulate(t.levels.begin(), t.levels.end(), std::size_t(1), [](std::size_t n, int k) { return n * static_cast<std::size_t>(k); });
}

// Collective. The same on every rank, for any ranks and threads.
void Search::take_sample() {
  SampledRows const sampled(rows_, chunk_range(rows_, comm_), rows_.columns_apart() ? sample_chunks : costly_sample_chunks);
  ReadList read;
  auto list = specs(read);
  for (std::size_t k = 0; k < list.size(); ++k) {
    list[k].edges = one_bucket_a_cell(cells_of(request_.terms[k]));
    list[k].most_kept = request_.most_collected;
  }
  auto run = run_;
  run.progress = nullptr;  // the passes over all rows tell theirs
  auto counts = bucket_pass(sampled, read.columns(), list, run, comm_, nullptr);
  auto seen = sampled.rows_read();
  comm_.all_sum(std::span(&seen, 1));
  for (std::size_t k = 0; k < counts.size(); ++k) {
    auto const rows = of_all_ranks(std::move(counts[k].kept()), request_.weight >= 0, [](std::size_t) { return true; }, true, comm_);
    samples_.push_back(sorted(rows, cells_of(request_.terms[k])));
    if (seen > 0) samples_.back().rows_a_row = static_cast<double>(total_rows_) / static_cast<double>(seen);
  }
}

/// The bracket in which a share of the cell's mass ends, four standard deviations of the sample's share to either side, and edges around
/// values that are frequent there.
void Search::guess(std::size_t term, std::size_t cell, double share, Plan& plan, std::vector<std::pair<Bracket, double>>& wide) const {
  auto const& s = samples_[term];
  auto const begin = s.first[cell], end = s.first[cell + 1];
  Bracket bracket;
  auto low = begin, high = end;
  if (begin < end) {
    double const total = s.up_to[end - 1], effective = s.effective[cell], spread = 4 * std::sqrt(share * (1 - share) / effective) + 8 / effective;
    auto const from = s.up_to.begin() + static_cast<std::ptrdiff_t>(begin), to = s.up_to.begin() + static_cast<std::ptrdiff_t>(end);
    auto const below = std::lower_bound(from, to, (share - spread) * total);  // the last one before it is surely too low
    if (below > from) low = static_cast<std::size_t>(below - 1 - s.up_to.begin());
    high = static_cast<std::size_t>(std::upper_bound(from, to, (share + spread) * total) - s.up_to.begin());
    if (share - spread > 0 && low > begin) bracket.low = key_of(s.value[low]);
    if (high < end) bracket.high = canonical(key_of(s.value[high]) + 1);
  }
  auto& edges = plan.edges[cell];
  edges.insert(edges.end(), {bracket.low, bracket.high});
  // Frequent values: buckets of one value need no second look.
  std::vector<std::pair<Key, Key>> atoms;
  std::size_t in_atoms = 0;
  auto const frequent = std::max<std::size_t>(4, (high - low) / most_atoms);
  for (auto i = low; i < high;) {
    auto j = i;
    while (j < high && s.value[j] == s.value[i]) ++j;
    if (j - i >= frequent) {
      Key const key = key_of(s.value[i]);
      atoms.emplace_back(key, canonical(key + 1));
      in_atoms += j - i;
    }
    i = j;
  }
  Key from = bracket.low;
  double const expected = static_cast<double>(high - low - in_atoms) * s.rows_a_row / static_cast<double>(atoms.size() + 1);
  for (auto const& [key, next] : atoms) {
    edges.insert(edges.end(), {key, next});
    if (from < key) wide.emplace_back(Bracket{from, key}, expected);
    from = next;
  }
  if (from < bracket.high) wide.emplace_back(Bracket{from, bracket.high}, expected);
}

/// What the sample has in a bracket.
std::pair<const double*, const double*> Search::sampled(const Bracket& bracket, std::size_t term, std::size_t cell) const {
  if (samples_.empty()) return {nullptr, nullptr};
  auto const& s = samples_[term];
  auto const *begin = s.value.data() + s.first[cell], *end = s.value.data() + s.first[cell + 1];
  auto const* from = std::lower_bound(begin, end, value_of(bracket.low));
  return {from, bracket.high == past ? end : std::lower_bound(from, end, value_of(bracket.high))};
}

}  // namespace rxhpc::impl::order
