#include "rxhpc/centroids.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "columns_ahead.hpp"
#include "row_values.hpp"
#include "rxhpc/packed_counts.hpp"

namespace rxhpc {
namespace {

using impl::Pack;
using impl::PackPart;
constexpr std::int64_t tile_packs = RowPacks::tile_packs;  // labels of a tile are found, then its rows added while they are in cache

}  // namespace

Centroids::Centroids(RowPackSpec spec, std::shared_ptr<const Centres> centres, bool squares)
    : spec_(std::move(spec)), centres_(std::move(centres)), squares_(squares),
      count_(centres_->count()), columns_(centres_->columns()) {
  auto const k = static_cast<std::size_t>(count_), p = static_cast<std::size_t>(columns_);
  counts_.assign(4 + k, 0);
  sums_.assign(2 * k + k * p + (spec_.partial ? k + k * p : 0), 0.0);
  block_sum_.assign((k + 1) * centres_->stride() + 7, 0.0);
  block_square_.assign(squares_ ? (k + 1) * 8 : 0, 0.0);
  block_weight_.assign(k + 1, 0.0);
  block_complete_.assign(spec_.partial ? k + 1 : 0, 0.0);
  block_cell_.assign(spec_.partial ? (k + 1) * p : 0, 0.0);
  block_count_.assign(k + 1, 0);
  labels_.resize(8 * tile_packs);
}

void Centroids::reset() {
  std::fill(counts_.begin(), counts_.end(), 0);
  std::fill(sums_.begin(), sums_.end(), 0.0);
  bounds_ = nullptr;
}

void Centroids::update(const Chunk& chunk) { update_rows(chunk, 0, chunk.rows); }

// A tile is taken (where it lies, or laid out), labelled and added while it is in the first-level cache; memory brings the next one meanwhile. Reads 8 p bytes a row.
void Centroids::update_rows(const Chunk& chunk, std::int64_t first, std::int64_t rows) {
  auto const last = first + rows;
  bool const in_floats = centres_->in_floats();
  impl::ColumnsAhead ahead;
  if (!chunk.in_cache) ahead.begin(chunk, spec_.columns, first);
  for (std::int64_t block = first; block < last; block += block_rows) {
    auto const end = std::min(block + block_rows, last);
    for (std::int64_t at = block; at < end; at += 8 * tile_packs) {
      auto const count = std::min(8 * tile_packs, end - at);
      if (!in_floats) rows_.assign(chunk, at, count, spec_);
      else if (at == first) rows_.assign_in_place(chunk, at, count, spec_);
      else rows_.assign_next(chunk, at, count, spec_);
      add_counts(rows_);
      ahead.owe(rows_.rows());
      add_tile(rows_, 0, rows_.packs(), at, &ahead);
    }
    flush();
  }
}

void Centroids::update(const RowPacks& rows) {
  add_counts(rows);
  for (std::int64_t block = 0; block < rows.packs(); block += block_rows / 8) {
    auto const end = std::min(block + block_rows / 8, rows.packs());
    for (std::int64_t at = block; at < end; at += tile_packs) add_tile(rows, at, std::min(at + tile_packs, end), 8 * at, nullptr);
    flush();
  }
}

void Centroids::add_counts(const RowPacks& rows) {
  counts_[0] += rows.valid();
  counts_[1] += rows.missing();
  counts_[2] += rows.infinite();
  counts_[3] += rows.negative_weight();
}

/// Sums that lie across cache lines cost three times as much to add to.
double* Centroids::block_sum() {
  auto const at = reinterpret_cast<std::uintptr_t>(block_sum_.data());
  return block_sum_.data() + (64 - at % 64) % 64 / sizeof(double);
}

/// Labels of up to tile_packs packs, rows [row, ...) of the chunk. A row whose bounds are still apart after what the centres have moved keeps its
/// centre; the others are put side by side and done again, or the whole tile where they are most of it.
void Centroids::label_tile(const RowPacks& rows, std::int64_t first, std::int64_t last, std::int64_t row, impl::ColumnsAhead* ahead) {
  if (!bounds_) return centres_->nearest(rows, first, last, labels_.data(), nullptr, nullptr, ahead);
  auto* const label = bounds_->label.data() + row;
  auto* const upper = bounds_->upper.data() + row;
  auto* const lower = bounds_->lower.data() + row;
  int const n = static_cast<int>(8 * (last - first));
  std::int32_t open[8 * tile_packs];
  int count = n;
  if (bounds_->filled && moves_) {
    count = 0;
    for (int i = 0; i < n; ++i) {
      // upper <- upper + |own move|, lower <- lower - |largest move of the others|, rounded outwards
      upper[i] = (upper[i] + moves_->own(label[i])) * (1 + 0x1p-20f);
      lower[i] = (lower[i] - moves_->others(label[i])) * (1 - 0x1p-20f);
      open[count] = i;
      count += !(upper[i] * (1 + 0x1p-18f) < lower[i]);
    }
  }
  bool whole = 4 * count > 3 * n;
  for (std::int64_t b = first; b < last && count > 0 && !whole; ++b) whole = rows.present(b) != 0xffu || rows.reach(b) != rows.reach(b);
  if (whole) {
    centres_->nearest(rows, first, last, label, upper, lower, ahead);
  } else {
    bounds_->saved += n - count;
    if (count > 0) {
      std::int32_t again[8 * tile_packs + 8];
      float far[8 * tile_packs + 8], near[8 * tile_packs + 8];
      open_.gather(rows, first, open, count);
      centres_->nearest(open_, 0, open_.packs(), again, far, near);
      for (int k = 0; k < count; ++k) label[open[k]] = again[k], upper[open[k]] = far[k], lower[open[k]] = near[k];
    }
  }
  std::copy_n(label, n, labels_.data());
}

/// Up to tile_packs packs, rows [row, ...) of the chunk.
void Centroids::add_tile(const RowPacks& rows, std::int64_t first, std::int64_t last, std::int64_t row, impl::ColumnsAhead* ahead) {
  label_tile(rows, first, last, row, ahead);
  constexpr std::int64_t most_at_once = tile_packs / 2;  // between them memory is asked for what the labels had no time for
  auto const label_of = [&](std::int64_t b) { return labels_.data() + 8 * (b - first); };
  for (std::int64_t b = first; b < last; ++b)
    if (unsigned const present = rows.present(b); present != 0xffu)
      for (int i = 0; i < 8; ++i)
        if (!(present >> i & 1u)) label_of(b)[i] = count_;
  for (std::int64_t b = first, end; b < last; b = end) {
    end = b + 1;
    if (rows.reach(b) != rows.reach(b)) {
      add_incomplete(rows, b, label_of(b));
      continue;
    }
    while (end < last && end - b < most_at_once && rows.reach(end) == rows.reach(end) && rows.in_place(end) == rows.in_place(b)) ++end;
    if (ahead) ahead->during(ahead->owed() * (end - b) / (last - b), [](std::int64_t) {});
    add_packs(rows, b, end, label_of(b));
  }
}

namespace {

constexpr int part = PackPart::lanes, parts = Pack::lanes / part;

/// sum[label] += w x, square[row] += (x - c)^2: `width` columns from j on of rows [first, first + part)
template <bool Weighted, bool Squares, class Values>
inline void add_columns(Values x, const double* w, double* const* sum, const double* const* centre, PackPart (*square)[parts], int first, int j, int width) {
  PackPart a[part];
#pragma GCC unroll 8
  for (int c = 0; c < part; ++c) a[c] = c < width ? PackPart::load(x.column(j + c) + first) : PackPart::all(0);
  transpose(a);
#pragma GCC unroll 8
  for (int i = 0; i < part; ++i) {
    a[i] = x.row(a[i], j);
    double* const s = sum[first + i] + j;
    (Weighted ? fma(PackPart::all(w[first + i]), a[i], PackPart::load(s)) : PackPart::load(s) + a[i]).store(s);
  }
  if constexpr (Squares)
#pragma GCC unroll 8
    for (int i = 0; i < part; ++i) {
      PackPart const t = a[i] - PackPart::load(centre[first + i] + j);
      auto& q = square[first + i][j / part % parts];
      q = fma(t, t, q);
    }
}

}  // namespace

/// The same for one or two columns, value by value: to put rows together would cost more.
template <class Values>
void Centroids::add_few_columns(Values x, const double* w, double* const* sum, const std::int32_t* label, int j) {
  for (int c = j; c < columns_; ++c)
    for (int i = 0; i < 8; ++i) {
      double const v = x.value(c, i), weight = w ? w[i] : 1.0;
      double& s = sum[i][c];
      s = std::fma(weight, v, s);
      if (squares_ && label[i] < count_) {
        double const t = v - centres_->shifted(label[i])[c];
        double& q = block_square_[static_cast<std::size_t>(label[i]) * 8 + static_cast<std::size_t>(c - j)];
        q = std::fma(weight * t, t, q);
      }
    }
}

// Few rows at a time and all their columns: rows of one centre wait for one another's store, and so they seldom meet.
template <bool Weighted, bool Squares, class Values>
void Centroids::add_rows(Values x, std::int64_t packs, const double* w, const std::int32_t* label) {
  double* const sums = block_sum();
  auto const stride = static_cast<std::ptrdiff_t>(centres_->stride());
  int const columns = columns_, together = columns % 8 <= 2 ? columns - columns % 8 : columns;
  for (std::int64_t b = 0; b < packs; ++b) {
    double* sum[8];
    const double* centre[8];
    PackPart square[8][parts];
    for (int i = 0; i < 8; ++i) {
      sum[i] = sums + label[i] * stride;
      if constexpr (!Squares) continue;
      centre[i] = centres_->shifted(label[i] < count_ ? label[i] : 0);
      for (auto& q : square[i]) q = PackPart::all(0);
    }
    for (int first = 0; first < 8; first += part) {
      int j = 0;
      for (; j + part <= together; j += part) add_columns<Weighted, Squares>(x, w, sum, centre, square, first, j, part);
      if (j < together) add_columns<Weighted, Squares>(x, w, sum, centre, square, first, j, together - j);
    }
    if (together < columns) add_few_columns(x, w, sum, label, together);
    if constexpr (Squares)
      for (int i = 0; i < 8; ++i)
        for (int h = 0; h < parts; ++h) {
          double* const q = block_square_.data() + static_cast<std::size_t>(label[i]) * 8 + static_cast<std::size_t>(h * part);
          fma(PackPart::all(Weighted ? w[i] : 1.0), square[i][h], PackPart::load(q)).store(q);
        }
    x.next();
    label += 8;
    if (w) w += 8;
  }
}

template <class Values>
void Centroids::add_values(Values x, std::int64_t packs, const double* w, const std::int32_t* label) {
  if (w) squares_ ? add_rows<true, true>(x, packs, w, label) : add_rows<true, false>(x, packs, w, label);
  else squares_ ? add_rows<false, true>(x, packs, w, label) : add_rows<false, false>(x, packs, w, label);
}

/// Adds the rows of packs [first, last) to their clusters, all of them in place or none.
void Centroids::add_packs(const RowPacks& rows, std::int64_t first, std::int64_t last, const std::int32_t* label) {
  const double* const w = rows.weight(first);
  impl::with_values(rows, first, [&](auto x) { add_values(x, last - first, w, label); });
  for (std::int64_t i = 0; i < 8 * (last - first); ++i) ++block_count_[static_cast<std::size_t>(label[i])];
  for (std::int64_t i = 0; w && i < 8 * (last - first); ++i) block_weight_[static_cast<std::size_t>(label[i])] += w[i];
  for (std::int64_t i = 0; spec_.partial && i < 8 * (last - first); ++i) block_complete_[static_cast<std::size_t>(label[i])] += w ? w[i] : 1.0;
}

/// A pack with missing cells: cell by cell.
void Centroids::add_incomplete(const RowPacks& rows, std::int64_t b, const std::int32_t* label) {
  const double* const x = rows.pack(b);
  const double* const w = rows.weight(b);
  auto const p = static_cast<std::size_t>(columns_);
  for (int i = 0; i < 8; ++i) {
    auto const k = static_cast<std::size_t>(label[i]);
    if (label[i] == count_) continue;
    double const weight = w ? w[i] : 1.0;
    std::size_t there = 0;
    for (std::size_t j = 0; j < p; ++j) {
      double const v = x[8 * j + i];
      if (v != v) continue;
      ++there;
      double& s = block_sum()[k * centres_->stride() + j];
      s = std::fma(weight, v, s);
    }
    if (there == p) block_complete_[k] += weight;
    else
      for (std::size_t j = 0; j < p; ++j)
        if (x[8 * j + i] == x[8 * j + i]) block_cell_[k * p + j] += weight;
    if (squares_) block_square_[k * 8] = std::fma(weight, centres_->squared_distance(x, i, label[i]), block_square_[k * 8]);
    ++block_count_[k];
    if (w) block_weight_[k] += weight;
  }
}

/// Adds the block's sums to the chunk's.
void Centroids::flush() {
  auto const k = static_cast<std::size_t>(count_), p = static_cast<std::size_t>(columns_);
  auto const stride = static_cast<std::size_t>(centres_->stride());
  double* const sum = sums_.data() + 2 * k;
  const double* const block = block_sum();
  for (std::size_t c = 0; c < k; ++c) {
    counts_[4 + c] += block_count_[c];
    sums_[c] += spec_.weight >= 0 ? block_weight_[c] : static_cast<double>(block_count_[c]);
    for (std::size_t j = 0; j < p; ++j) sum[c * p + j] += block[c * stride + j];
    if (squares_) {
      sums_[k + c] += impl::lane_sum(block_square_.data() + 8 * c);
    }
    if (!spec_.partial) continue;
    sum[k * p + c] += block_complete_[c];
    for (std::size_t j = 0; j < p; ++j) sum[k * p + k + c * p + j] += block_cell_[c * p + j];
  }
  for (auto* v : {&block_sum_, &block_square_, &block_weight_, &block_complete_, &block_cell_}) std::fill(v->begin(), v->end(), 0.0);
  std::fill(block_count_.begin(), block_count_.end(), 0);
}

double Centroids::cell_weight(int k, int j) const {
  if (!spec_.partial) return weight(k);
  auto const n = static_cast<std::size_t>(count_), p = static_cast<std::size_t>(columns_), c = static_cast<std::size_t>(k);
  const double* const complete = sums_.data() + 2 * n + n * p;
  return complete[c] + complete[n + c * p + static_cast<std::size_t>(j)];
}

std::size_t Centroids::packed_size() const { return counts_.size() + sums_.size(); }

void Centroids::pack(std::span<double> out) const {
  std::memcpy(out.data(), counts_.data(), counts_.size() * sizeof(double));
  std::copy(sums_.begin(), sums_.end(), out.begin() + static_cast<std::ptrdiff_t>(counts_.size()));
}

void Centroids::unpack(std::span<double const> in) {
  std::memcpy(counts_.data(), in.data(), counts_.size() * sizeof(double));
  std::copy_n(in.begin() + static_cast<std::ptrdiff_t>(counts_.size()), sums_.size(), sums_.begin());
}

void Centroids::merge(std::span<double> into, std::span<double const> from) const {
  add_packed_counts(into, from, counts_.size());
  for (std::size_t k = counts_.size(); k < packed_size(); ++k) into[k] += from[k];
}

}  // namespace rxhpc
