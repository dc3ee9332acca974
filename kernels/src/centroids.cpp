#include "rxhpc/centroids.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "rxhpc/pack.hpp"
#include "rxhpc/packed_counts.hpp"

namespace rxhpc {
namespace {

using impl::Pack;
constexpr std::int64_t tile_packs = 12;  // labels of a tile are found, then its rows added while they are in the first-level cache

}  // namespace

Centroids::Centroids(RowPackSpec spec, std::shared_ptr<const Centres> centres, bool squares)
    : spec_(std::move(spec)), centres_(std::move(centres)), squares_(squares), count_(centres_->count()), columns_(centres_->columns()) {
  auto const k = static_cast<std::size_t>(count_), p = static_cast<std::size_t>(columns_);
  counts_.assign(4 + k, 0);
  sums_.assign(2 * k + k * p + (spec_.partial ? k + k * p : 0), 0.0);
  block_sum_.assign((k + 1) * centres_->stride(), 0.0);
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
}

void Centroids::update(const Chunk& chunk) {
  for (std::int64_t first = 0; first < chunk.rows; first += block_rows) {
    rows_.assign(chunk, first, std::min(block_rows, chunk.rows - first), spec_);
    add_counts(rows_);
    add_block(rows_, 0, rows_.packs());
  }
}

void Centroids::update(const RowPacks& rows) {
  add_counts(rows);
  for (std::int64_t first = 0; first < rows.packs(); first += block_rows / 8)
    add_block(rows, first, std::min(first + block_rows / 8, rows.packs()));
}

void Centroids::add_counts(const RowPacks& rows) {
  counts_[0] += rows.valid();
  counts_[1] += rows.missing();
  counts_[2] += rows.infinite();
  counts_[3] += rows.negative_weight();
}

void Centroids::add_block(const RowPacks& rows, std::int64_t first, std::int64_t last) {
  // reads p doubles a row; the sums stay in cache
  for (std::int64_t at = first; at < last; at += tile_packs) {
    auto const end = std::min(at + tile_packs, last);
    centres_->nearest(rows, at, end, labels_.data());
    for (std::int64_t b = at; b < end; ++b) {
      std::int32_t* const label = labels_.data() + 8 * (b - at);
      unsigned const present = rows.present(b);
      if (present != 0xffu)
        for (int i = 0; i < 8; ++i)
          if (!(present >> i & 1u)) label[i] = count_;
      double const reach = rows.reach(b);
      if (reach != reach)
        add_incomplete(rows, b, label);
      else
        add_pack(rows, b, label);
    }
  }
  flush();
}

/// sum[label] += w x, square[label] += w (x - c)^2, eight columns of a row at a time
void Centroids::add_pack(const RowPacks& rows, std::int64_t b, const std::int32_t* label) {
  const double* const x = rows.pack(b);
  const double* const w = rows.weight(b);
  int const stride = centres_->stride();
  double* const sum = block_sum_.data();
  for (int j = 0; j < columns_; j += 8) {
    int const width = std::min(8, columns_ - j);
    if (width <= 2) {
      for (int c = 0; c < width; ++c)
        for (int i = 0; i < 8; ++i) {
          double const v = x[8 * (j + c) + i], weight = w ? w[i] : 1.0;
          double& s = sum[label[i] * stride + j + c];
          s = std::fma(weight, v, s);
          if (squares_ && label[i] < count_) {
            double const t = v - centres_->shifted(label[i])[j + c];
            double& q = block_square_[static_cast<std::size_t>(label[i]) * 8 + c];
            q = std::fma(weight * t, t, q);
          }
        }
      continue;
    }
    Pack a[8];
#pragma GCC unroll 8
    for (int c = 0; c < 8; ++c) a[c] = c < width ? Pack::load(x + 8 * (j + c)) : Pack::all(0);
    transpose(a);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      double* const s = sum + label[i] * stride + j;
      (w ? fma(Pack::all(w[i]), a[i], Pack::load(s)) : Pack::load(s) + a[i]).store(s);
    }
    if (!squares_) continue;
    for (int i = 0; i < 8; ++i) {
      if (label[i] == count_) continue;
      double* const q = block_square_.data() + static_cast<std::size_t>(label[i]) * 8;
      Pack const t = a[i] - Pack::load(centres_->shifted(label[i]) + j);
      fma(w ? Pack::all(w[i]) * t : t, t, Pack::load(q)).store(q);
    }
  }
  for (int i = 0; i < 8; ++i) {
    auto const k = static_cast<std::size_t>(label[i]);
    ++block_count_[k];
    if (w) block_weight_[k] += w[i];
    if (w && spec_.partial) block_complete_[k] += w[i];
  }
  if (!w && spec_.partial)
    for (int i = 0; i < 8; ++i) block_complete_[static_cast<std::size_t>(label[i])] += 1;
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
      double& s = block_sum_[k * centres_->stride() + j];
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
  for (std::size_t c = 0; c < k; ++c) {
    counts_[4 + c] += block_count_[c];
    sums_[c] += spec_.weight >= 0 ? block_weight_[c] : static_cast<double>(block_count_[c]);
    for (std::size_t j = 0; j < p; ++j) sum[c * p + j] += block_sum_[c * stride + j];
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
