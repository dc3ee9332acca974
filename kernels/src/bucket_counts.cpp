#include "rxhpc/bucket_counts.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "rxhpc/pack.hpp"
#include "rxhpc/packed_counts.hpp"

namespace rxhpc {
namespace {

using impl::Pack;
constexpr int tile_rows = 2048;
constexpr int block_edges = 8;                // edges whose counts stay in registers during a tile
constexpr std::uint32_t most_compared = 64;   // with more edges a search is cheaper
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Edges that are not above x.
std::uint32_t bucket_of(const double* edges, std::uint32_t count, double x) {
  auto const* from = edges;
  for (; count > 1; count -= count / 2) from += from[count / 2 - 1] <= x ? count / 2 : 0;
  return static_cast<std::uint32_t>(from - edges) + (count == 1 && *from <= x);
}

/// Buckets of sixteen rows that share their edges, searched side by side.
constexpr int together = 16;
void buckets_of(const double* edges, std::uint32_t count, const double* x, std::int32_t* bucket) {
  for (int i = 0; i < together; ++i) bucket[i] = 0;
  for (; count > 1; count -= count / 2) {
    auto const half = static_cast<std::int32_t>(count / 2);
    for (int i = 0; i < together; ++i) bucket[i] += edges[bucket[i] + half - 1] <= x[i] ? half : 0;
  }
  for (int i = 0; i < together; ++i) bucket[i] += edges[bucket[i]] <= x[i];
}

/// Rows of the tile that lie below each of eight edges. `x` has whole packs, NaN where there is no row. 3 operations an edge and pack.
void count_below(const double* x, int packs, const double* edges, std::int64_t* below) {
  Pack count[block_edges], edge[block_edges];
  Pack const one = Pack::all(1);
  for (int k = 0; k < block_edges; ++k) count[k] = Pack::all(0), edge[k] = Pack::all(edges[k]);
  for (int i = 0; i < packs; ++i) {
    Pack const value = Pack::load(x + 8 * i);
#pragma GCC unroll 8
    for (int k = 0; k < block_edges; ++k) count[k] = count[k] + keep(less(value, edge[k]), one);
  }
  for (int k = 0; k < block_edges; ++k) {
    double lanes[8];
    count[k].store(lanes);
    for (double lane : lanes) below[k] += static_cast<std::int64_t>(lane);
  }
}

std::int64_t count_numbers(const double* x, int packs) {
  Pack count = Pack::all(0);
  for (int i = 0; i < packs; ++i) count = count + keep(is_number(Pack::load(x + 8 * i)), Pack::all(1));
  double lanes[8];
  count.store(lanes);
  double sum = 0;
  for (double lane : lanes) sum += lane;
  return static_cast<std::int64_t>(sum);
}

}  // namespace

BucketCounts::BucketCounts(BucketSpec spec)
    : spec_(std::move(spec)), weights_(spec_.weight >= 0 ? spec_.edges->buckets() : 0), sums_(spec_.summed >= 0 ? spec_.edges->buckets() : 0) {
  reset();
}

void BucketCounts::reset() {
  counts_.assign(left_out + spec_.edges->buckets(), 0);
  weights_.reset();
  sums_.reset();
  kept_ = {};
}

void BucketCounts::update(const Chunk& chunk) {
  if (columnwise())
    add_column(chunk.columns[static_cast<std::size_t>(spec_.value)], chunk.rows);
  else
    add_cells(chunk);
}

void BucketCounts::update_column(const Chunk& chunk) { add_column(chunk.columns[0], chunk.rows); }

// One cell without weights: 8 bytes a row are read, once; a tile stays in L1 while its edges pass.
void BucketCounts::add_column(const Column& column, std::int64_t rows) {
  bool const centred = !spec_.centres.empty();
  alignas(64) double buffer[tile_rows];
  for (std::int64_t first = 0; first < rows; first += tile_rows) {
    int const n = static_cast<int>(std::min<std::int64_t>(tile_rows, rows - first));
    const double* x = buffer;
    if (column.storage == Storage::float64 && column.stride == 1 && !centred && n % 8 == 0) {
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
    std::int32_t bucket[together];
    for (int first = 0; first < rows; first += together) {
      int const n = std::min(together, rows - first);
      if (n == together)
        buckets_of(e.edges.data(), edges, x + first, bucket);
      else
        for (int i = 0; i < n; ++i) bucket[i] = static_cast<std::int32_t>(bucket_of(e.edges.data(), edges, x[first + i]));
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
  for (std::uint32_t k = 0; k < edges; k += block_edges) {
    double block[block_edges];
    for (std::uint32_t j = 0; j < block_edges; ++j) block[j] = k + j < edges ? e.edges[k + j] : -inf;
    count_below(x, packs, block, below + k);
  }
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

// Five operations a pack and kept bucket.
void BucketCounts::keep_tile(const double* x, int rows) {
  auto const& e = *spec_.edges;
  auto const buckets = e.buckets();
  for (std::size_t b = 0; b < buckets; ++b) {
    if (!e.kept[b] || !kept_.complete) continue;
    Pack const low = Pack::all(b > 0 ? e.edges[b - 1] : -inf);
    bool const last = b + 1 == buckets;  // every number from its edge on, +inf too
    Pack const high = Pack::all(last ? inf : e.edges[b]);
    double found[tile_rows + 8];
    int n = 0;
    for (int i = 0; i < rows; i += 8) {
      Pack const value = Pack::load(x + i);
      auto const from = at_least(value, low);
      n += compress(last ? from : from & less(value, high), value, found + n);
    }
    if (kept_.value.size() + static_cast<std::size_t>(n) > spec_.most_kept) return keep_none();
    kept_.bucket.insert(kept_.bucket.end(), static_cast<std::size_t>(n), static_cast<std::uint32_t>(b));
    kept_.value.insert(kept_.value.end(), found, found + n);
  }
}

void BucketCounts::keep(std::size_t bucket, double value, double weight) {
  if (!kept_.complete) return;
  if (kept_.value.size() == spec_.most_kept) return keep_none();
  kept_.bucket.push_back(static_cast<std::uint32_t>(bucket));
  kept_.value.push_back(value);
  if (spec_.weight >= 0) kept_.weight.push_back(weight);
}

void BucketCounts::keep_none() {
  kept_ = {};
  kept_.complete = false;
}

// Cells or weights: a row at a time. Bytes read: the value's, the codes' and the weight's.
void BucketCounts::add_cells(const Chunk& chunk) {
  auto const& e = *spec_.edges;
  auto const column = [&](int position) { return chunk.columns[static_cast<std::size_t>(position)]; };
  auto* const counts = counts_.data() + left_out;
  double x[tile_rows], w[tile_rows], v[tile_rows];
  std::int32_t code[tile_rows];
  std::int64_t cell[tile_rows];
  std::int32_t found[tile_rows];
  bool const one_cell = spec_.factors.empty() && spec_.centres.empty() && !e.edges.empty();  // its buckets are found several at a time
  for (std::int64_t first = 0; first < chunk.rows; first += tile_rows) {
    int const n = static_cast<int>(std::min<std::int64_t>(tile_rows, chunk.rows - first));
    load_values(column(spec_.value), first, n, x);
    if (spec_.weight >= 0) load_values(column(spec_.weight), first, n, w);
    if (spec_.summed >= 0) load_values(column(spec_.summed), first, n, v);
    // cell = code of the first factor + its levels * (code of the second + ...); negative where one is missing
    std::fill(cell, cell + n, 0);
    std::int64_t radix = 1;
    for (std::size_t f = 0; f < spec_.factors.size(); ++f) {
      load_codes(column(spec_.factors[f]), first, n, code);
      for (int i = 0; i < n; ++i) cell[i] = code[i] < 0 || cell[i] < 0 ? -1 : cell[i] + radix * code[i];
      radix *= spec_.levels[f];
    }
    if (one_cell) {
      auto const edges = static_cast<std::uint32_t>(e.edges.size());
      int i = 0;
      for (; i + together <= n; i += together) buckets_of(e.edges.data(), edges, x + i, found + i);
      for (; i < n; ++i) found[i] = static_cast<std::int32_t>(bucket_of(e.edges.data(), edges, x[i]));
    }
    for (int i = 0; i < n; ++i) {
      double const weight = spec_.weight >= 0 ? w[i] : 1;
      if (cell[i] < 0 || x[i] != x[i] || weight != weight || (spec_.summed >= 0 && v[i] != v[i])) {
        ++counts_[0];
        continue;
      }
      if (weight <= 0 || weight == inf) {
        counts_[1] += weight < 0;
        counts_[2] += weight == inf;
        continue;
      }
      auto const c = static_cast<std::size_t>(cell[i]);
      double const value = spec_.centres.empty() ? x[i] : std::abs(x[i] - spec_.centres[c]);
      if (value != value) {  // a cell without a centre, or the distance of infinities
        ++counts_[0];
        continue;
      }
      auto const b = one_cell ? static_cast<std::size_t>(found[i]) : e.bucket(c) + bucket_of(e.edges.data() + e.first[c], e.edge_count(c), value);
      ++counts[b];
      if (spec_.weight >= 0) weights_.add(b, weight);
      if (spec_.summed >= 0) {
        DD const product = two_prod(weight, v[i]);
        sums_.add(b, product.hi);
        if (product.lo != 0 && std::isfinite(product.hi)) sums_.add(b, product.lo);
      }
      if (!e.kept.empty() && e.kept[b]) keep(b, value, weight);
    }
  }
}

// Packed: counts, then every plane of weights and sums, one after another.
std::size_t BucketCounts::packed_size() const {
  return counts_.size() + static_cast<std::size_t>(ExactSums::planes) * (weights_.slots() + sums_.slots());
}

void BucketCounts::pack(std::span<double> out) const {
  std::memcpy(out.data(), counts_.data(), counts_.size() * sizeof(double));
  auto* to = out.data() + counts_.size();
  for (auto const* sums : {&weights_, &sums_})
    for (int p = 0; p < ExactSums::planes; ++p)
      for (std::size_t s = 0; s < sums->slots(); ++s) {
        std::int64_t const digit = sums->digit(p, s);
        std::memcpy(to++, &digit, sizeof digit);
      }
}

void BucketCounts::unpack(std::span<double const> in) {
  reset();
  std::memcpy(counts_.data(), in.data(), counts_.size() * sizeof(double));
  auto const* from = in.data() + counts_.size();
  for (auto* sums : {&weights_, &sums_})
    for (int p = 0; p < ExactSums::planes; ++p)
      for (std::size_t s = 0; s < sums->slots(); ++s) {
        std::int64_t digit;
        std::memcpy(&digit, from++, sizeof digit);
        sums->set_digit(p, s, digit);
      }
}

void BucketCounts::merge(std::span<double> into, std::span<double const> from) const {
  add_packed_counts(into, from, into.size());
}

void BucketCounts::add(const BucketCounts& other) {
  for (std::size_t k = 0; k < counts_.size(); ++k) counts_[k] += other.counts_[k];
  for (auto [into, from] : {std::pair(&weights_, &other.weights_), std::pair(&sums_, &other.sums_)})
    for (int p = 0; p < ExactSums::planes; ++p)
      for (std::size_t s = 0; from->has(p) && s < from->slots(); ++s) into->add_digit(p, s, from->digit(p, s));
}

}  // namespace rxhpc
