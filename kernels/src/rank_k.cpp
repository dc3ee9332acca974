#include "rank_k.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "rxhpc/pack.hpp"

namespace rxhpc::impl {
namespace {

/// Block of `H` x `W` pairs; on the diagonal only pairs with j >= i. H + W loads for H W multiply-adds. Ahead: asks for those rows meanwhile.
template <int H, int W, bool Diagonal, bool Ahead>
void plain_part(const double* const* left, const double* const* right, int first, int rows, double* lanes, const double* ahead) {
  PackPart sum[H][W];
#pragma GCC unroll 4
  for (int a = 0; a < H; ++a)
#pragma GCC unroll 4
    for (int b = 0; b < W; ++b) sum[a][b] = PackPart::all(0);
  for (int r = first; r < rows; r += Pack::lanes) {
    if constexpr (Ahead) __builtin_prefetch(ahead + r, 0, 2);
    PackPart y[W];
#pragma GCC unroll 4
    for (int b = 0; b < W; ++b) y[b] = held(PackPart::load(right[b] + r));
#pragma GCC unroll 4
    for (int a = 0; a < H; ++a) {
      PackPart const x = held(PackPart::load(left[a] + r));
#pragma GCC unroll 4
      for (int b = 0; b < W; ++b)
        if (!Diagonal || b >= a) sum[a][b] = fma(x, y[b], sum[a][b]);
    }
  }
#pragma GCC unroll 4
  for (int a = 0; a < H; ++a)
#pragma GCC unroll 4
    for (int b = 0; b < W; ++b) {
      double* const to = lanes + (a * W + b) * Pack::lanes;
      if (!Diagonal || b >= a) (PackPart::load(to) + sum[a][b]).store(to);
    }
}

/// The same in double-double: TwoProd, TwoSum, errors added up apart; the tile's sum joins the lane's in full double-double.
template <int H, int W, bool Diagonal, bool Weighted>
void exact_part(const double* const* left, const double* const* left_error, const double* const* right, int first, int rows, double* lanes) {
  PackPart sum[H][W], error[H][W];
#pragma GCC unroll 4
  for (int a = 0; a < H; ++a)
#pragma GCC unroll 4
    for (int b = 0; b < W; ++b) sum[a][b] = error[a][b] = PackPart::all(0);
  for (int r = first; r < rows; r += Pack::lanes) {
    PackPart y[W];
#pragma GCC unroll 4
    for (int b = 0; b < W; ++b) y[b] = PackPart::load(right[b] + r);
#pragma GCC unroll 4
    for (int a = 0; a < H; ++a) {
      PackPart const x = PackPart::load(left[a] + r);
#pragma GCC unroll 4
      for (int b = 0; b < W; ++b) {
        if (Diagonal && b < a) continue;
        auto p = two_prod(x, y[b]);
        if constexpr (Weighted) p.lo = fma(PackPart::load(left_error[a] + r), y[b], p.lo);
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
      double* const to = lanes + (a * W + b) * 2 * Pack::lanes;
      auto const t = two_sum(sum[a][b], error[a][b]);
      auto const total = DdPackOf<PackPart>{PackPart::load(to), PackPart::load(to + Pack::lanes)} + t;
      total.hi.store(to);
      total.lo.store(to + Pack::lanes);
    }
}

template <int H, int W, bool Diagonal>
void plain_block(const double* const* left, const double* const*, const double* const* right, int rows, double* lanes, const double* ahead) {
  if (ahead) plain_part<H, W, Diagonal, true>(left, right, 0, rows, lanes, ahead);
  for (int part = ahead ? PackPart::lanes : 0; part < Pack::lanes; part += PackPart::lanes) plain_part<H, W, Diagonal, false>(left, right, part, rows, lanes + part, nullptr);
}
template <int H, int W, bool Diagonal, bool Weighted>
void exact_block(const double* const* left, const double* const* left_error, const double* const* right, int rows, double* lanes, const double*) {
  for (int part = 0; part < Pack::lanes; part += PackPart::lanes)
    exact_part<H, W, Diagonal, Weighted>(left, left_error, right, part, rows, lanes + part);
}

enum class Kind { plain, exact, exact_weighted };

// Largest blocks whose sums stay in registers: 32 of AVX-512, 16 of AVX2.
constexpr bool many_registers = PackPart::lanes == Pack::lanes;
constexpr int tallest(bool exact) { return exact ? 2 : 4; }
constexpr int widest(bool exact) { return many_registers ? 4 : exact ? 2 : 3; }

template <Kind K, int H, int W, bool Diagonal>
constexpr RankK::Kernel kernel_of() {
  if constexpr (K == Kind::plain) return plain_block<H, W, Diagonal>;
  else return exact_block<H, W, Diagonal, K == Kind::exact_weighted>;
}

template <Kind K, bool Diagonal, int Widest, int... N>
constexpr auto kernels_of(std::integer_sequence<int, N...>) {
  return std::array<RankK::Kernel, sizeof...(N)>{kernel_of<K, N / Widest + 1, N % Widest + 1, Diagonal>()...};
}

template <Kind K>
RankK::Kernel choose(int height, int width, bool diagonal) {
  constexpr int most = widest(K != Kind::plain), kernels = most * tallest(K != Kind::plain);
  static constexpr auto square = kernels_of<K, false, most>(std::make_integer_sequence<int, kernels>());
  static constexpr auto triangle = kernels_of<K, true, most>(std::make_integer_sequence<int, kernels>());
  return (diagonal ? triangle : square)[(height - 1) * most + width - 1];
}

}  // namespace

RankK::RankK(int columns, bool exact, bool weighted, int tile_rows, int apart, int partners)
    : columns_(columns), tile_rows_(tile_rows), exact_(exact) {
  // Blocks of a row of pairs start on the diagonal, so that only its first block has pairs below it
  int const most_high = tallest(exact), most_wide = widest(exact);
  for (int i = 0, height = 0; i < columns; i += height) {
    height = std::min(most_high, (i < apart ? apart : columns) - i);
    for (int j = i < apart ? partners : i; j < columns; j += most_wide) {
      Block b{nullptr, i, j, height, std::min(most_wide, columns - j), lane_doubles_};
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
  weighted_storage_.resize(std::size_t(2) * most_high * tile_rows);
  for (int k = 0; k < most_high; ++k) {
    left_.push_back(weighted_storage_.data() + std::size_t(2 * k) * tile_rows);
    left_error_.push_back(weighted_storage_.data() + std::size_t(2 * k + 1) * tile_rows);
  }
}

/// Columns [first, first + height) times the weight, with their rounding errors where these count.
void RankK::weigh(const DesignTile& tile, int first, int height, int end) {
  for (int k = 0; k < height; ++k) {
    double const* const x = tile.dense[first + k];
    double *const product = weighted_storage_.data() + std::size_t(2 * k) * tile_rows_, *const error = product + tile_rows_;
    for (int r = 0; r < end; r += Pack::lanes) {
      if (!exact_) {
        (Pack::load(tile.weight + r) * Pack::load(x + r)).store(product + r);
        continue;
      }
      auto const p = two_prod(Pack::load(tile.weight + r), Pack::load(x + r));
      p.hi.store(product + r);
      p.lo.store(error + r);
    }
  }
}

// The left factor of every product carries the weight. Only a row of blocks' left factors are there at a time: they stay in the first cache.
void RankK::add(const DesignTile& tile, std::span<const double* const> ahead) {
  int const end = (tile.rows + 7) / 8 * 8;
  int weighted = -1;
  for (std::size_t k = 0; k < blocks_.size(); ++k) {
    auto const& b = blocks_[k];
    if (tile.weight && b.i != weighted) weigh(tile, weighted = b.i, b.height, end);
    b.kernel(tile.weight ? left_.data() : tile.dense + b.i, left_error_.data(), tile.dense + b.j, end, lanes_ + b.lanes, k < ahead.size() ? ahead[k] : nullptr);
  }
}

void RankK::add(const double* const* left, const double* const* left_error, const double* const* right, int rows) {
  int const end = (rows + 7) / 8 * 8;
  for (auto const& b : blocks_) b.kernel(left + b.i, left_error ? left_error + b.i : nullptr, right + b.j, end, lanes_ + b.lanes, nullptr);
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
