// Which centre is nearest: rows in lanes, a block of centres at a time in registers, distances never stored.
#include <algorithm>
#include <cmath>
#include <limits>

#include "columns_ahead.hpp"
#include "float_pack.hpp"
#include "row_values.hpp"
#include "rxhpc/centroids.hpp"

namespace rxhpc {
namespace {

using impl::Pack;
#ifdef RXHPC_FLOAT_PACK
using impl::FloatPack;
#endif
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

#ifdef RXHPC_FLOAT_PACK
constexpr int float_packs_at_once = 3;        // with a wide block 24 sums with AVX-512, 12 with AVX2
constexpr int most_float_columns = 256;       // their copy as floats stays in the second-level cache
constexpr int least_float_work = 256;         // centres times columns: below, rounding the rows costs what it saves
constexpr int least_bounded_work = 1024;       // below, a row costs less than to find out that it needs no work
constexpr std::int64_t packs_of_trial = 4096;

/// The same bound for s in floats, rows and centres rounded to floats too: with u = 2^-24 each s is off by at most
/// (p + 3) u (|x||c| + |c|^2/2) <= (p + 3)/2 u (|x| + |c|)^2, two of them, and what underflows.
double float_certainty(int columns) { return (columns + 4) * 0x1.1p-24; }
constexpr double float_underflow = 0x1p-120;
constexpr double float_reach = 0x1p60;        // |x| + |c|: beyond, squares and products may be infinite as floats
#endif

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
#ifdef RXHPC_FLOAT_PACK
  if (block_ == wide_block && columns_ <= most_float_columns && count_ * columns_ >= least_float_work) {
    float_coefficient_.assign(coefficient_.begin(), coefficient_.end());
    float_half_.assign(half_.begin(), half_.end());
  }
#endif
}

namespace {

void unknown(float* upper, float* lower, std::int64_t rows) {
  std::fill_n(upper, rows, std::numeric_limits<float>::infinity());
  std::fill_n(lower, rows, 0.0f);
}

}  // namespace

/// Packs [first, first + Packs).
template <int Packs, int Block>
void Centres::nearest_block(const RowPacks& rows, std::int64_t first, std::int32_t* label, impl::ColumnsAhead* ahead) const {
  rows.lay_out(first, Packs);
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
    auto const add_column = [&](std::int64_t j) __attribute__((always_inline)) {
      Pack v[Packs];
#pragma GCC unroll 4
      for (int r = 0; r < Packs; ++r) v[r] = Pack::load(x + r * step + 8 * j);
#pragma GCC unroll 8
      for (int b = 0; b < Block; ++b) {
        Pack const minus_c = Pack::all(c[j * Block + b]);
#pragma GCC unroll 4
        for (int r = 0; r < Packs; ++r) sum[r][b] = fma(v[r], minus_c, sum[r][b]);
      }
    };
    impl::for_columns(columns_, ahead, add_column);
    c += static_cast<std::ptrdiff_t>(Block) * columns_;
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

#ifdef RXHPC_FLOAT_PACK
/// As many FloatPacks as Packs says, from pack `first` on, whose values x has; where two centres are too near each other for floats, eight rows again in
/// doubles. Returns how many packs that were.
template <int Packs, int Block, class Values>
int Centres::nearest_in_floats(const RowPacks& rows, Values values, std::int64_t first, std::int32_t* label, float* upper, float* lower, impl::ColumnsAhead* ahead) const {
  constexpr int lanes = impl::float_lanes;
  alignas(64) float x[Packs * lanes * most_float_columns];  // [columns][Packs][lanes], written while the first centres are looked at
  auto const infinite = std::numeric_limits<float>::infinity();
  FloatPack best[Packs], second[Packs], which[Packs];
#pragma GCC unroll 4
  for (int r = 0; r < Packs; ++r) best[r] = second[r] = FloatPack::all(infinite), which[r] = FloatPack::all(0);
  const float* c = float_coefficient_.data();
  for (int k = 0; k < count_; k += Block) {
    // s <- |c|^2/2 - x.c
    FloatPack sum[Packs][Block];
#pragma GCC unroll 4
    for (int r = 0; r < Packs; ++r)
#pragma GCC unroll 8
      for (int b = 0; b < Block; ++b) sum[r][b] = FloatPack::all(float_half_[static_cast<std::size_t>(k + b)]);
    auto const add_column = [&](std::int64_t j, const FloatPack (&v)[Packs]) __attribute__((always_inline)) {
#pragma GCC unroll 8
      for (int b = 0; b < Block; ++b) {
        auto const minus_c = FloatPack::all(c[j * Block + b]);
#pragma GCC unroll 4
        for (int r = 0; r < Packs; ++r) sum[r][b] = fma(v[r], minus_c, sum[r][b]);
      }
    };
    if (k == 0) {
      impl::for_columns(columns_, ahead, [&](std::int64_t j) __attribute__((always_inline)) {
        FloatPack v[Packs];
#pragma GCC unroll 4
        for (int r = 0; r < Packs; ++r) {
          Pack whole[FloatPack::packs];
          for (int h = 0; h < FloatPack::packs; ++h) whole[h] = values.pack(FloatPack::packs * r + h, static_cast<int>(j));
          v[r] = held(rounded(whole));
          v[r].store(x + (j * Packs + r) * lanes);
        }
        add_column(j, v);
      });
    } else {
      impl::for_columns(columns_, ahead, [&](std::int64_t j) __attribute__((always_inline)) {
        FloatPack v[Packs];
#pragma GCC unroll 4
        for (int r = 0; r < Packs; ++r) v[r] = held(FloatPack::load(x + (j * Packs + r) * lanes));
        add_column(j, v);
      });
    }
    c += static_cast<std::ptrdiff_t>(Block) * columns_;
#pragma GCC unroll 8
    for (int b = 0; b < Block; ++b) {
      auto const number = FloatPack::all(static_cast<float>(k + b));
#pragma GCC unroll 4
      for (int r = 0; r < Packs; ++r) {
        second[r] = min(max(sum[r][b], best[r]), second[r]);
        which[r] = where_less(sum[r][b], best[r], number, which[r]);
        best[r] = min(sum[r][b], best[r]);
      }
    }
  }
  int again = 0;
  for (int r = 0; r < Packs; ++r) {
    store_whole(which[r], label + lanes * r);
    auto square = FloatPack::all(0);
    for (int j = 0; upper && j < columns_; ++j) {
      auto const v = FloatPack::load(x + (j * Packs + r) * lanes);
      square = fma(v, v, square);
    }
    auto const gap = second[r] - best[r];
    std::int64_t const pack = first + FloatPack::packs * r;
    if (upper) {
      // d^2 = |x|^2 + 2 s, each as far off as it may be
      double reach = 0;
      for (int h = 0; h < FloatPack::packs; ++h) {
        rows.sharpen(pack + h);
        reach = std::max(reach, rows.reach(pack + h) + largest_norm_);
      }
      auto const off = FloatPack::all(static_cast<float>((2 * float_certainty(columns_) * reach * reach + float_underflow) * (1 + 0x1p-20)));
      auto const two = FloatPack::all(2), none = FloatPack::all(0);
      auto const far = fma(two, best[r], square), near = fma(two, second[r], square);
      (sqrt(max(far - (none - off), none)) * FloatPack::all(1 + 0x1p-20f)).store(upper + lanes * r);
      (sqrt(max(near - off, none)) * FloatPack::all(1 - 0x1p-20f)).store(lower + lanes * r);
    }
    for (int h = 0; h < FloatPack::packs; ++h) {
      auto const uncertain = [&] {
        double const reach = rows.reach(pack + h) + largest_norm_;
        auto const bound = reach < float_reach ? static_cast<float>(float_certainty(columns_) * reach * reach + float_underflow) : infinite;
        return ~(bits_less(FloatPack::all(bound), gap) >> (8 * h)) & rows.present(pack + h);
      };
      if (!uncertain()) continue;
      rows.sharpen(pack + h);
      if (!uncertain()) continue;
      int const at = lanes * r + 8 * h;
      nearest_block<1, Block>(rows, pack + h, label + at, nullptr);
      ++again;
      if (upper) unknown(upper + at, lower + at, 8);
    }
  }
  return again;
}
#endif

template <int Block>
void Centres::nearest_in(const RowPacks& rows, std::int64_t first, std::int64_t last, std::int32_t* label, float* upper, float* lower, impl::ColumnsAhead* ahead) const {
  constexpr int packs = packs_of(Block);
  std::int64_t b = first;
#ifdef RXHPC_FLOAT_PACK
  if constexpr (Block == wide_block) {
    // Floats are tried on the first rows, and given up where too many of them need doubles after all.
    auto const tried = float_tried_.load(std::memory_order_relaxed);
    if (in_floats()) {
      int again = 0;
      auto const in_floats_from = [&]<int Packs>() {
        for (; b + FloatPack::packs * Packs <= last; b += FloatPack::packs * Packs) {
          auto const at = 8 * (b - first);
          for (std::int64_t r = 1; r < FloatPack::packs * Packs; ++r)
            if (rows.in_place(b + r) != rows.in_place(b)) rows.lay_out(b, FloatPack::packs * Packs);
          again += impl::with_values(rows, b, [&](auto values) {
            return nearest_in_floats<Packs, Block>(rows, values, b, label + at, upper ? upper + at : nullptr, lower ? lower + at : nullptr, ahead);
          });
        }
      };
      in_floats_from.template operator()<float_packs_at_once>();
      in_floats_from.template operator()<1>();
      if (tried < packs_of_trial) {
        float_tried_.fetch_add(b - first, std::memory_order_relaxed);
        float_again_.fetch_add(again, std::memory_order_relaxed);
      }
    }
  }
#endif
  if (upper) unknown(upper + 8 * (b - first), lower + 8 * (b - first), 8 * (last - b));
  for (; b + packs <= last; b += packs) nearest_block<packs, Block>(rows, b, label + 8 * (b - first), ahead);
  for (; b < last; ++b) nearest_block<1, Block>(rows, b, label + 8 * (b - first), ahead);
}

void Centres::nearest(const RowPacks& rows, std::int64_t first, std::int64_t last, std::int32_t* label, float* upper, float* lower, impl::ColumnsAhead* ahead) const {
  if (block_ == wide_block)
    nearest_in<wide_block>(rows, first, last, label, upper, lower, ahead);
  else
    nearest_in<4>(rows, first, last, label, upper, lower, ahead);
}

bool Centres::in_floats() const {
#ifdef RXHPC_FLOAT_PACK
  return !float_half_.empty() && (float_tried_.load(std::memory_order_relaxed) < packs_of_trial || float_again_.load(std::memory_order_relaxed) < packs_of_trial / 4);
#else
  return false;
#endif
}

bool Centres::bounds_pay() const {
#ifdef RXHPC_FLOAT_PACK
  return !float_half_.empty() && count_ * columns_ >= least_bounded_work;
#else
  return false;
#endif
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
