// Which centre is nearest: rows in lanes, a block of centres at a time in registers, distances never stored.
#include <algorithm>
#include <cmath>
#include <limits>

#include "rxhpc/centroids.hpp"
#include "rxhpc/pack.hpp"

namespace rxhpc {
namespace {

using impl::Pack;
constexpr double inf = std::numeric_limits<double>::infinity();

#ifdef RXHPC_PACK_AVX512
// 24 (16) sums in registers: as many chains as two units of latency 4 need, three times over.
constexpr int wide_block = 8;
constexpr int packs_of(int block) { return block == 8 ? 3 : 4; }
#else
constexpr int wide_block = 4;
constexpr int packs_of(int) { return 1; }
#endif

/// Bound of |2 s - d| over the squares, s as it is computed and d as it is defined: with u = 2^-53, each of s = |c|^2/2 - x.c is off by
/// at most (p + 1) u (|x| + |c|)^2 and d/2 by (p + 2)/2 u (|x| + |c|)^2 (Higham, "Accuracy and stability", 3.1); two of each, and room for the rest.
double certainty(int columns) { return (3.0 * columns + 8) * 0x1.1p-53; }

}  // namespace

Centres::Centres(int columns, std::vector<double> values, std::vector<double> shift)
    : count_(static_cast<int>(values.size()) / columns), columns_(columns), stride_((columns + 7) / 8 * 8),
      block_(count_ <= 4 ? 4 : wide_block), values_(std::move(values)), shift_(std::move(shift)) {
  int const blocks = (count_ + block_ - 1) / block_;
  shifted_.assign(static_cast<std::size_t>(count_) * stride_, 0.0);
  coefficient_.assign(static_cast<std::size_t>(blocks) * columns_ * block_, 0.0);
  half_.assign(static_cast<std::size_t>(blocks) * block_, inf);
  for (int k = 0; k < count_; ++k) {
    double square = 0;
    for (int j = 0; j < columns_; ++j) {
      double const c = values_[static_cast<std::size_t>(k) * columns_ + j] - shift_[static_cast<std::size_t>(j)];
      shifted_[static_cast<std::size_t>(k) * stride_ + j] = c;
      coefficient_[(static_cast<std::size_t>(k / block_) * columns_ + j) * block_ + k % block_] = -c;
      square = std::fma(c, c, square);
    }
    half_[static_cast<std::size_t>(k)] = square / 2;
    largest_norm_ = std::max(largest_norm_, std::sqrt(square));
  }
}

/// Packs [first, first + Packs).
template <int Packs, int Block>
void Centres::nearest_block(const RowPacks& rows, std::int64_t first, std::int32_t* label) const {
  const double* const x = rows.pack(first);
  std::ptrdiff_t const step = 8 * columns_;
  Pack best[Packs], second[Packs], which[Packs];
#pragma GCC unroll 4
  for (int r = 0; r < Packs; ++r) best[r] = second[r] = Pack::all(inf), which[r] = Pack::all(0);
  const double* c = coefficient_.data();
  for (int k = 0; k < count_; k += Block) {
    // s <- |c|^2/2 - x.c
    Pack sum[Packs][Block];
#pragma GCC unroll 4
    for (int r = 0; r < Packs; ++r)
#pragma GCC unroll 8
      for (int b = 0; b < Block; ++b) sum[r][b] = Pack::all(half_[static_cast<std::size_t>(k + b)]);
    for (int j = 0; j < columns_; ++j, c += Block) {
      Pack v[Packs];
#pragma GCC unroll 4
      for (int r = 0; r < Packs; ++r) {
        v[r] = Pack::load(x + r * step + 8 * j);
        if (k == 0) __builtin_prefetch(x + (Packs + r) * step + 8 * j);  // the rows after these: memory is slower than a new row a block
      }
#pragma GCC unroll 8
      for (int b = 0; b < Block; ++b) {
        Pack const minus_c = Pack::all(c[b]);
#pragma GCC unroll 4
        for (int r = 0; r < Packs; ++r) sum[r][b] = fma(v[r], minus_c, sum[r][b]);
      }
    }
    // the two smallest, and where the smallest is
#pragma GCC unroll 8
    for (int b = 0; b < Block; ++b) {
      Pack const number = Pack::all(k + b);
#pragma GCC unroll 4
      for (int r = 0; r < Packs; ++r) {
        auto const closer = less(sum[r][b], best[r]);
        second[r] = min(max(sum[r][b], best[r]), second[r]);
        best[r] = min(sum[r][b], best[r]);
        which[r] = select(closer, number, which[r]);
      }
    }
  }
  for (int r = 0; r < Packs; ++r) {
    double const reach = rows.reach(first + r) + largest_norm_;
    auto const certain = less(Pack::all(certainty(columns_) * reach * reach), second[r] - best[r]);
    std::int32_t* const to = label + 8 * r;
    store_whole(which[r], to);
    if (~certain.bits() & rows.present(first + r)) nearest_exactly(x + r * step, to);
  }
}

/// d = sum of (x - c)^2 for every centre, cells that are missing left out.
void Centres::nearest_exactly(const double* pack, std::int32_t* label) const {
  Pack best = Pack::all(inf), which = Pack::all(0);
  const double* c = coefficient_.data();
  for (int k = 0; k < count_; k += 4) {
    Pack sum[4];
    for (auto& s : sum) s = Pack::all(0);
    const double* const block = c + static_cast<std::size_t>(k / block_) * columns_ * block_ + k % block_;
    for (int j = 0; j < columns_; ++j) {
      Pack const x = Pack::load(pack + 8 * j);
      auto const there = is_number(x);
#pragma GCC unroll 4
      for (int b = 0; b < 4; ++b) {
        Pack const t = keep(there, x + Pack::all(block[j * block_ + b]));
        sum[b] = fma(t, t, sum[b]);
      }
    }
    for (int b = 0; b < std::min(4, count_ - k); ++b) {
      auto const closer = less(sum[b], best);
      best = min(sum[b], best);
      which = select(closer, Pack::all(k + b), which);
    }
  }
  store_whole(which, label);
}

template <int Block>
void Centres::nearest_in(const RowPacks& rows, std::int64_t first, std::int64_t last, std::int32_t* label) const {
  constexpr int packs = packs_of(Block);
  std::int64_t b = first;
  for (; b + packs <= last; b += packs) nearest_block<packs, Block>(rows, b, label + 8 * (b - first));
  for (; b < last; ++b) nearest_block<1, Block>(rows, b, label + 8 * (b - first));
}

void Centres::nearest(const RowPacks& rows, std::int64_t first, std::int64_t last, std::int32_t* label) const {
  if (block_ == 4)
    nearest_in<4>(rows, first, last, label);
  else
    nearest_in<wide_block>(rows, first, last, label);
}

double Centres::squared_distance(const double* pack, int i, int k) const {
  const double* const c = shifted(k);
  double sum = 0;
  int there = 0;
  for (int j = 0; j < columns_; ++j) {
    double const t = pack[8 * j + i] - c[j];
    if (t != t) continue;
    sum = std::fma(t, t, sum);
    ++there;
  }
  return there == columns_ ? sum : sum * (static_cast<double>(columns_) / there);
}

}  // namespace rxhpc
