#include "rank_k.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "rxhpc/pack.hpp"

namespace rxhpc::impl {
namespace {

/// Block of `H` x `W` pairs; on the diagonal only pairs with j >= i. H + W loads for H W multiply-adds.
template <int H, int W, bool Diagonal>
void plain_block(const double* const* left, const double* const*, const double* const* right, int rows, double* lanes) {
  Pack sum[H][W];
#pragma GCC unroll 4
  for (int a = 0; a < H; ++a)
#pragma GCC unroll 4
    for (int b = 0; b < W; ++b) sum[a][b] = Pack::all(0);
  for (int r = 0; r < rows; r += 8) {
    Pack x[H], y[W];
#pragma GCC unroll 4
    for (int a = 0; a < H; ++a) x[a] = Pack::load(left[a] + r);
#pragma GCC unroll 4
    for (int b = 0; b < W; ++b) y[b] = Pack::load(right[b] + r);
#pragma GCC unroll 4
    for (int a = 0; a < H; ++a)
#pragma GCC unroll 4
      for (int b = 0; b < W; ++b)
        if (!Diagonal || b >= a) sum[a][b] = fma(x[a], y[b], sum[a][b]);
  }
#pragma GCC unroll 4
  for (int a = 0; a < H; ++a)
#pragma GCC unroll 4
    for (int b = 0; b < W; ++b) {
      double* const to = lanes + (a * W + b) * 8;
      if (!Diagonal || b >= a) (Pack::load(to) + sum[a][b]).store(to);
    }
}

/// The same in double-double: TwoProd, TwoSum, errors added up apart; the tile's sum joins the lane's in full double-double.
template <int H, int W, bool Diagonal, bool Weighted>
void exact_block(const double* const* left, const double* const* left_error, const double* const* right, int rows, double* lanes) {
  Pack sum[H][W], error[H][W];
#pragma GCC unroll 4
  for (int a = 0; a < H; ++a)
#pragma GCC unroll 4
    for (int b = 0; b < W; ++b) sum[a][b] = error[a][b] = Pack::all(0);
  for (int r = 0; r < rows; r += 8) {
    Pack y[W];
#pragma GCC unroll 4
    for (int b = 0; b < W; ++b) y[b] = Pack::load(right[b] + r);
#pragma GCC unroll 4
    for (int a = 0; a < H; ++a) {
      Pack const x = Pack::load(left[a] + r);
#pragma GCC unroll 4
      for (int b = 0; b < W; ++b) {
        if (Diagonal && b < a) continue;
        auto p = two_prod(x, y[b]);
        if constexpr (Weighted) p.lo = fma(Pack::load(left_error[a] + r), y[b], p.lo);
        auto const s = two_sum(sum[a][b], p.hi);
        sum[a][b] = s.hi;
        error[a][b] = error[a][b] + (p.lo + s.lo);
      }
    }
  }
#pragma GCC unroll 4
  for (int a = 0; a < H; ++a)
#pragma GCC unroll 4
    for (int b = 0; b < W; ++b) {
      if (Diagonal && b < a) continue;
      double* const to = lanes + (a * W + b) * 16;
      auto const t = two_sum(sum[a][b], error[a][b]);
      auto const total = DdPack{Pack::load(to), Pack::load(to + 8)} + DdPack{t.hi, t.lo};
      total.hi.store(to);
      total.lo.store(to + 8);
    }
}

enum class Kind { plain, exact, exact_weighted };

template <Kind K, int H, int W, bool Diagonal>
constexpr RankK::Kernel kernel_of() {
  if constexpr (K == Kind::plain) return plain_block<H, W, Diagonal>;
  else return exact_block<H, W, Diagonal, K == Kind::exact_weighted>;
}

template <Kind K, bool Diagonal, int... N>
constexpr auto kernels_of(std::integer_sequence<int, N...>) {
  return std::array<RankK::Kernel, sizeof...(N)>{kernel_of<K, N / 4 + 1, N % 4 + 1, Diagonal>()...};
}

template <Kind K>
RankK::Kernel choose(int height, int width, bool diagonal) {
  constexpr int tallest = K == Kind::plain ? 4 : 2;
  static constexpr auto square = kernels_of<K, false>(std::make_integer_sequence<int, 4 * tallest>());
  static constexpr auto triangle = kernels_of<K, true>(std::make_integer_sequence<int, 4 * tallest>());
  return (diagonal ? triangle : square)[(height - 1) * 4 + width - 1];
}

}  // namespace

RankK::RankK(int columns, bool exact, bool weighted, int tile_rows, int apart, int partners)
    : columns_(columns), exact_(exact) {
  // Blocks of a row of pairs start on the diagonal, so that only its first block has pairs below it
  int const tallest = exact ? 2 : 4;
  for (int i = 0, height = 0; i < columns; i += height) {
    height = std::min(tallest, (i < apart ? apart : columns) - i);
    for (int j = i < apart ? partners : i; j < columns; j += 4) {
      Block b{nullptr, i, j, height, std::min(4, columns - j), lane_doubles_};
      b.kernel = !exact     ? choose<Kind::plain>(b.height, b.width, i == j)
                 : weighted ? choose<Kind::exact_weighted>(b.height, b.width, i == j)
                            : choose<Kind::exact>(b.height, b.width, i == j);
      blocks_.push_back(b);
      lane_doubles_ += std::size_t(b.height) * b.width * (exact ? 16 : 8);
    }
  }
  lanes_storage_.assign(lane_doubles_ + 8, 0.0);
  auto const address = reinterpret_cast<std::uintptr_t>(lanes_storage_.data());
  lanes_ = lanes_storage_.data() + (64 - address % 64) % 64 / sizeof(double);
  if (!weighted) return;
  weighted_storage_.resize(std::size_t(columns) * tile_rows * 2);
  for (int k = 0; k < columns; ++k) {
    left_.push_back(weighted_storage_.data() + std::size_t(2 * k) * tile_rows);
    left_error_.push_back(weighted_storage_.data() + std::size_t(2 * k + 1) * tile_rows);
  }
}

void RankK::add(const DesignTile& tile) {
  int const rows = (tile.rows + 7) / 8 * 8;
  if (tile.weight)  // the left factor of every product carries the weight, and its rounding error
    for (int k = 0; k < columns_; ++k)
      for (int r = 0; r < rows; r += 8) {
        auto const p = two_prod(Pack::load(tile.weight + r), Pack::load(tile.dense[k] + r));
        p.hi.store(const_cast<double*>(left_[k]) + r);
        if (exact_) p.lo.store(const_cast<double*>(left_error_[k]) + r);
      }
  if (tile.weight) add(left_.data(), left_error_.data(), tile.dense, rows);
  else add(tile.dense, nullptr, tile.dense, rows);
}

void RankK::add(const double* const* left, const double* const* left_error, const double* const* right, int rows) {
  int const end = (rows + 7) / 8 * 8;
  for (auto const& b : blocks_) b.kernel(left + b.i, left_error ? left_error + b.i : nullptr, right + b.j, end, lanes_ + b.lanes);
}

void RankK::flush(double* hi, double* lo) {
  auto const at = [&](int i, int j) { return std::size_t(i) * columns_ - std::size_t(i) * (i - 1) / 2 + (j - i); };
  for (auto const& b : blocks_)
    for (int x = 0; x < b.height; ++x)
      for (int y = 0; y < b.width; ++y) {
        int const i = b.i + x, j = b.j + y;
        if (j < i) continue;
        double const* const lane = lanes_ + b.lanes + std::size_t(x * b.width + y) * (exact_ ? 16 : 8);
        DD const sum = reduce(DdPack{Pack::load(lane), exact_ ? Pack::load(lane + 8) : Pack::all(0)});
        if (exact_) {
          DD const total = DD(hi[at(i, j)], lo[at(i, j)]) + sum;
          hi[at(i, j)] = total.hi;
          lo[at(i, j)] = total.lo;
        } else {
          hi[at(i, j)] += sum.hi;
        }
      }
  clear();
}

void RankK::clear() { std::fill(lanes_, lanes_ + lane_doubles_, 0.0); }

}  // namespace rxhpc::impl
