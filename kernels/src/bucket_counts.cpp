#include "rxhpc/bucket_counts.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "ahead.hpp"
#include "contingency_block.hpp"
#include "edge_grid.hpp"
#include "rxhpc/pack.hpp"
#include "rxhpc/packed_counts.hpp"

namespace rxhpc {
namespace {

using impl::Pack;
using impl::PackPart;
constexpr int tile_rows = 2048;
constexpr std::uint32_t most_compared = 64;   // with more edges a search is cheaper
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Edges that are not above x.
std::uint32_t bucket_of(const double* edges, std::uint32_t count, double x) {
  auto const* from = edges;
  for (; count > 1; count -= count / 2) from += from[count / 2 - 1] <= x ? count / 2 : 0;
  return static_cast<std::uint32_t>(from - edges) + (count == 1 && *from <= x);
}

std::int64_t count_of(PackPart count) {
  double lanes[PackPart::lanes];
  count.store(lanes);
  std::int64_t sum = 0;
  for (double lane : lanes) sum += std::bit_cast<std::int64_t>(lane);
  return sum;
}

/// Rows of the tile that lie below each of a few edges. `x` has whole packs, NaN where there is no row. 2 operations an edge and register.
template <int Edges>
void count_below(const double* x, int packs, const double* edges, std::int64_t* below) {
  PackPart count[Edges], edge[Edges];
#pragma GCC unroll 8
  for (int k = 0; k < Edges; ++k) count[k] = PackPart::all(0), edge[k] = PackPart::all(edges[k]);
  for (int i = 0; i < 8 * packs; i += PackPart::lanes) {
    auto const value = held(PackPart::load(x + i));
    if (i % 8 == 0) impl::ask_ahead(x + i);
#pragma GCC unroll 8
    for (int k = 0; k < Edges; ++k) count[k] = count_where(less(value, edge[k]), count[k]);
  }
  for (int k = 0; k < Edges; ++k) below[k] += count_of(count[k]);
}

/// The same for as many edges as there are.
void count_below(const double* x, int packs, const double* edges, std::uint32_t count, std::int64_t* below) {
  for (; count >= 8; count -= 8, edges += 8, below += 8) count_below<8>(x, packs, edges, below);
  if (count >= 4) count_below<4>(x, packs, edges, below), count -= 4, edges += 4, below += 4;
  if (count >= 2) count_below<2>(x, packs, edges, below), count -= 2, edges += 2, below += 2;
  if (count == 1) count_below<1>(x, packs, edges, below);
}

std::int64_t count_numbers(const double* x, int packs) {
  auto count = PackPart::all(0);
  for (int i = 0; i < 8 * packs; i += PackPart::lanes) count = count_where(is_number(PackPart::load(x + i)), count);
  return count_of(count);
}

}  // namespace

BucketCounts::BucketCounts(BucketSpec spec) : spec_(std::move(spec)), exact_((weighted() ? 1 : 0) + (summed() ? 1 : 0) + (weighted() && summed() ? 1 : 0)) {
  if (spec_.edges->cells() == 1) grid_ = std::make_shared<const impl::EdgeGrid>(spec_.edges->edges);
  reset();
}
BucketCounts::BucketCounts(const BucketCounts& o) : spec_(o.spec_), grid_(o.grid_), kept_(o.kept_) {
  o.flush();
  counts_ = o.counts_;
  exact_ = o.exact_;
}
BucketCounts::BucketCounts(BucketCounts&&) noexcept = default;
BucketCounts& BucketCounts::operator=(BucketCounts&&) noexcept = default;
BucketCounts::~BucketCounts() = default;

void BucketCounts::reset() {
  counts_.assign(left_out + spec_.edges->buckets(), 0);
  for (auto& e : exact_) e.resize(counts_.size()), e.reset();
  if (block_) block_->clear();
  kept_ = {};
}

void BucketCounts::flush() const {
  if (block_) block_->flush(counts_, exact_);
}

DD BucketCounts::weight(std::size_t bucket) const {
  return weighted() ? (flush(), exact_[0].value(left_out + bucket)) : DD(static_cast<double>(rows(bucket)));
}

DD BucketCounts::sum(std::size_t bucket) const {
  flush();
  auto const at = left_out + bucket;
  return weighted() ? exact_[1].value(at) + exact_[2].value(at) : exact_[0].value(at);
}

void BucketCounts::update_rows(const Chunk& chunk, std::int64_t first, std::int64_t rows) {
  if (columnwise())
    add_column(chunk.columns[static_cast<std::size_t>(spec_.value)], first, rows);
  else
    add_cells(chunk, first, rows);
}

// One cell without weights: 8 bytes a row are read, once; a tile stays in L1 while its edges pass.
void BucketCounts::add_column(const Column& column, std::int64_t first, std::int64_t rows) {
  bool const centred = !spec_.centres.empty();
  alignas(64) double buffer[tile_rows];
  for (auto const last = first + rows; first < last; first += tile_rows) {
    int const n = static_cast<int>(std::min<std::int64_t>(tile_rows, last - first));
    const double* x = buffer;
    if (column.side_by_side_doubles() && !centred && n % 8 == 0) {
      x = static_cast<const double*>(column.data) + first;
    } else {
      load_values(column, first, n, buffer);
      for (int i = n; i % 8 != 0; ++i) buffer[i] = nan;
      if (centred)
        for (int i = 0; i < n; ++i) buffer[i] = std::abs(buffer[i] - spec_.centres[0]);
    }
    add_tile(x, n);
  }
}

void BucketCounts::add_tile(const double* x, int rows) {
  auto const& e = *spec_.edges;
  int const packs = (rows + 7) / 8;
  auto* const counts = counts_.data() + left_out;
  auto const edges = static_cast<std::uint32_t>(e.edges.size());
  if (edges > most_compared) {
    constexpr int together = impl::EdgeGrid::together;
    std::int32_t bucket[together];
    for (int first = 0; first < rows; first += together) {
      int const n = std::min(together, rows - first);
      for (int i = 0; i < n; i += 8) impl::ask_ahead(x + first + i);
      n == together ? grid_->find(x + first, bucket) : grid_->find(x + first, n, bucket);
      for (int i = 0; i < n; ++i) {
        double const value = x[first + i];
        auto const b = static_cast<std::size_t>(bucket[i]);
        if (value != value) {
          ++counts_[0];
          continue;
        }
        ++counts[b];
        if (!e.kept.empty() && e.kept[b]) keep(b, value, 1);
      }
    }
    return;
  }
  // rows in bucket b = rows below edge b - rows below edge b - 1
  std::int64_t below[most_compared] = {};
  count_below(x, packs, e.edges.data(), edges, below);
  std::int64_t const numbers = count_numbers(x, packs);
  counts_[0] += rows - numbers;
  std::int64_t before = 0;
  for (std::uint32_t k = 0; k < edges; ++k) {
    counts[k] += below[k] - before;
    before = below[k];
  }
  counts[edges] += numbers - before;
  if (!e.kept.empty()) keep_tile(x, rows);
}

void BucketCounts::keep_tile(const double* x, int rows) {
  if (!kept_.complete) return;
  auto const& e = *spec_.edges;
  // x is kept where it lies below an odd number of the edges at which keeping begins or ends; all of this the other way round where the last
  // bucket is kept. A missing value lies below none.
  double turn[most_compared];
  int turns = 0;
  for (std::size_t k = 0; k < e.edges.size(); ++k)
    if ((e.kept[k] != 0) != (e.kept[k + 1] != 0)) turn[turns++] = e.edges[k];
  bool const last = e.kept.back() != 0;
  constexpr int parts = 4;  // registers at a time; tiles are whole multiples
  double found[tile_rows + Pack::lanes];
  int n = 0;
  for (int i = 0; i < rows; i += parts * PackPart::lanes) {
    PackPart value[parts];
    PackPart::Mask kept[parts];
    for (int p = 0; p < parts; ++p) {
      int const at = i + p * PackPart::lanes;
      value[p] = at < rows ? PackPart::load(x + at) : PackPart::all(nan);
      kept[p] = last ? is_number(value[p]) : less(value[p], value[p]);
    }
    for (int k = 0; k < turns; ++k) {
      auto const edge = PackPart::all(turn[k]);
#pragma GCC unroll 4
      for (int p = 0; p < parts; ++p) kept[p] = kept[p] ^ less(value[p], edge);
    }
    for (int p = 0; p < parts; ++p) n += compress(kept[p], value[p], found + n);
  }
  if (kept_.value.size() + static_cast<std::size_t>(n) > spec_.most_kept) return keep_none();
  expect_kept();
  auto const edges = static_cast<std::uint32_t>(e.edges.size());
  for (int i = 0; i < n; ++i) kept_.bucket.push_back(bucket_of(e.edges.data(), edges, found[i]));
  kept_.value.insert(kept_.value.end(), found, found + n);
}

void BucketCounts::keep(std::size_t bucket, double value, double weight) {
  if (!kept_.complete) return;
  if (kept_.value.size() == spec_.most_kept) return keep_none();
  expect_kept();
  kept_.bucket.push_back(static_cast<std::uint32_t>(bucket));
  kept_.value.push_back(value);
  if (spec_.weight >= 0) kept_.weight.push_back(weight);
}

/// About as many are kept as were expected, half of the most: growing by doubling would copy them time and again. Costs addresses until it is used.
void BucketCounts::expect_kept() {
  if (kept_.value.capacity() > 0) return;
  kept_.bucket.reserve(spec_.most_kept / 2);
  kept_.value.reserve(spec_.most_kept / 2);
  if (spec_.weight >= 0) kept_.weight.reserve(spec_.most_kept / 2);
}

void BucketCounts::keep_none() {
  kept_ = {};
  kept_.complete = false;
}

/// Rows of add_cells at work.
struct BucketCounts::Tile {
  static constexpr int most_rows = impl::contingency_tile;
  double x[most_rows], w[most_rows], v[most_rows], low[most_rows];  // value, weight, summed column, later their product and what it was rounded by
  std::int64_t cell[most_rows];
  std::int32_t code[most_rows];
  std::uint32_t place[most_rows];  // left_out + bucket; 0: the row is left out
};

/// Columns of the tile, and the cells: code of the first factor + its levels * (code of the second + ...); negative where one is missing.
void BucketCounts::load(const Chunk& chunk, std::int64_t first, int rows, Tile& t) const {
  auto const column = [&](int position) { return chunk.columns[static_cast<std::size_t>(position)]; };
  load_values(column(spec_.value), first, rows, t.x);
  if (weighted()) load_values(column(spec_.weight), first, rows, t.w);
  else std::fill(t.w, t.w + rows, 1.0);
  if (summed()) load_values(column(spec_.summed), first, rows, t.v);
  else std::fill(t.v, t.v + rows, 0.0);
  std::fill(t.cell, t.cell + rows, 0);
  std::int64_t radix = 1;
  for (std::size_t f = 0; f < spec_.factors.size(); ++f) {
    load_codes(column(spec_.factors[f]), first, rows, t.code);
    for (int i = 0; i < rows; ++i) t.cell[i] = t.code[i] < 0 || t.cell[i] < 0 ? -1 : t.cell[i] + radix * t.code[i];
    radix *= spec_.levels[f];
  }
}

/// Rows that are left out get place 0 and are counted; the others' is not 0.
void BucketCounts::leave_out(int rows, Tile& t) {
  int missing = 0, negative = 0, infinite = 0;
  for (int i = 0; i < rows; ++i) {
    double const w = t.w[i];
    int const gone = (t.cell[i] < 0) | (t.x[i] != t.x[i]) | (w != w) | (t.v[i] != t.v[i]), there = 1 - gone;
    missing += gone & (w != 0);
    negative += there & (w < 0);
    infinite += there & (w == inf);
    t.place[i] = static_cast<std::uint32_t>(there & (w > 0) & (w < inf));
  }
  counts_[0] += missing;
  counts_[1] += negative;
  counts_[2] += infinite;
}

/// The places of rows that are not left out.
void BucketCounts::find_places(int rows, Tile& t) {
  auto const& e = *spec_.edges;
  if (grid_ && spec_.centres.empty()) {
    constexpr int together = impl::EdgeGrid::together;
    int i = 0;
    for (; i + together <= rows; i += together) grid_->find(t.x + i, t.code + i);
    grid_->find(t.x + i, rows - i, t.code + i);
    for (i = 0; i < rows; ++i) t.place[i] = t.place[i] ? static_cast<std::uint32_t>(left_out) + static_cast<std::uint32_t>(t.code[i]) : 0;
    return;
  }
  for (int i = 0; i < rows; ++i) {
    if (t.place[i] == 0) continue;
    auto const c = static_cast<std::size_t>(t.cell[i]);
    if (!spec_.centres.empty()) t.x[i] = std::abs(t.x[i] - spec_.centres[c]);
    bool const none = t.x[i] != t.x[i];  // a cell without a centre, or the distance of infinities
    counts_[0] += none;
    t.place[i] = none ? 0 : static_cast<std::uint32_t>(left_out + e.bucket(c) + bucket_of(e.edges.data() + e.first[c], e.edge_count(c), t.x[i]));
  }
}

// Cells or weights. Bytes read: the value's, the codes' and the weight's.
void BucketCounts::add_cells(const Chunk& chunk, std::int64_t first, std::int64_t rows) {
  auto const& e = *spec_.edges;
  if (!block_) {
    block_ = std::make_unique<impl::CellBlock>(static_cast<int>(exact_.size()), false);
    block_->reserve(counts_.size());
  }
  Tile t;
  for (auto const last = first + rows; first < last; first += Tile::most_rows) {
    int const n = static_cast<int>(std::min<std::int64_t>(Tile::most_rows, last - first));
    load(chunk, first, n, t);
    leave_out(n, t);
    find_places(n, t);
    for (int i = 0; !e.kept.empty() && i < n; ++i)
      if (auto const b = t.place[i] - left_out; t.place[i] != 0 && e.kept[b]) keep(b, t.x[i], t.w[i]);
    const double* sums[3];
    std::size_t count = 0;
    if (weighted()) sums[count++] = t.w;
    if (summed()) sums[count++] = t.v;
    if (count == 2) sums[count++] = t.low;
    for (int i = 0; i < n; ++i) {
      bool const out = t.place[i] == 0;
      DD const product = two_prod(t.w[i], t.v[i]);
      t.low[i] = out || !(std::abs(product.hi) < inf) ? 0 : product.lo;
      t.v[i] = out ? 0 : product.hi;
      t.w[i] = out ? 0 : t.w[i];
    }
    std::uint64_t largest[3];
    for (std::size_t k = 0; k < count; ++k) largest[k] = impl::largest_bits(sums[k], n);
    block_->add(t.place, n, sums, largest, counts_, exact_);
  }
}

// Packed: counts, then every plane of the sums, one after another.
std::size_t BucketCounts::packed_size() const {
  return counts_.size() * (1 + static_cast<std::size_t>(ExactSums::planes) * exact_.size());
}

void BucketCounts::pack(std::span<double> out) const {
  flush();
  std::memcpy(out.data(), counts_.data(), counts_.size() * sizeof(double));
  auto* to = out.data() + counts_.size();
  for (auto const& sums : exact_)
    for (int p = 0; p < ExactSums::planes; ++p)
      for (std::size_t s = 0; s < sums.slots(); ++s) {
        std::int64_t const digit = sums.digit(p, s);
        std::memcpy(to++, &digit, sizeof digit);
      }
}

void BucketCounts::unpack(std::span<double const> in) {
  reset();
  std::memcpy(counts_.data(), in.data(), counts_.size() * sizeof(double));
  auto const* from = in.data() + counts_.size();
  for (auto& sums : exact_)
    for (int p = 0; p < ExactSums::planes; ++p)
      for (std::size_t s = 0; s < sums.slots(); ++s) {
        std::int64_t digit;
        std::memcpy(&digit, from++, sizeof digit);
        sums.set_digit(p, s, digit);
      }
}

void BucketCounts::merge(std::span<double> into, std::span<double const> from) const {
  add_packed_counts(into, from, into.size());
}

void BucketCounts::add(const BucketCounts& other) {
  flush();
  other.flush();
  for (std::size_t k = 0; k < counts_.size(); ++k) counts_[k] += other.counts_[k];
  for (std::size_t k = 0; k < exact_.size(); ++k)
    for (int p = 0; p < ExactSums::planes; ++p)
      for (std::size_t s = 0; other.exact_[k].has(p) && s < counts_.size(); ++s) exact_[k].add_digit(p, s, other.exact_[k].digit(p, s));
}

}  // namespace rxhpc
