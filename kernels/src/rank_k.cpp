#include "rank_k.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "rxhpc/pack.hpp"

namespace rxhpc::impl {
namespace {

/// Block of `H` x `W` pairs; on the diagonal only pairs with j >= i. H + W loads for H W multiply-adds. Asks for a line of `ahead` every few rows.
template <int H, int W, bool Diagonal>
[[gnu::always_inline]] inline void plain_part(const double* const* left, const double* const* right, int first, int rows, double* lanes, const RankK::Ahead& ahead) {
  PackPart sum[H][W];
#pragma GCC unroll 4
  for (int a = 0; a < H; ++a)
#pragma GCC unroll 4
    for (int b = 0; b < W; ++b) sum[a][b] = PackPart::all(0);
  double const* line = ahead.from + first / PackPart::lanes * ahead.part;
  for (int r = first; r < rows;) {
    __builtin_prefetch(line, 0, 2);
    line += 8;
    for (int const stop = std::min(rows, r + ahead.step); r < stop; r += Pack::lanes) {
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
void plain_block(const double* const* left, const double* const*, const double* const* right, int rows, double* lanes, const RankK::Ahead& ahead) {
#pragma GCC unroll 2
  for (int part = 0; part < Pack::lanes; part += PackPart::lanes) plain_part<H, W, Diagonal>(left, right, part, rows, lanes + part, ahead);
}
template <int H, int W, bool Diagonal, bool Weighted>
void exact_block(const double* const* left, const double* const* left_error, const double* const* right, int rows, double* lanes, const RankK::Ahead&) {
  for (int part = 0; part < Pack::lanes; part += PackPart::lanes)
    exact_part<H, W, Diagonal, Weighted>(left, left_error, right, part, rows, lanes + part);
}

enum class Kind { plain, exact, exact_weighted };

constexpr int parts = Pack::lanes / PackPart::lanes;

// Largest blocks whose sums stay in registers: 32 of AVX-512, 16 of AVX2.
constexpr bool many_registers = PackPart::lanes == Pack::lanes;
constexpr int tallest(bool exact) { return exact ? 2 : 4; }
constexpr int widest(bool exact) { return many_registers ? 4 : exact ? 2 : 3; }

template <Kind K, int H, int W, bool Diagonal>
constexpr RankK::Kernel kernel_of() {
  if constexpr (K == Kind::plain) return plain_block<H, W, Diagonal>;
  else return exact_block<H, W, Diagonal, K == Kind::exact_weighted>;
}

template <Kind K, int Widest, int... N>
constexpr auto squares_of(std::integer_sequence<int, N...>) {
  return std::array<RankK::Kernel, sizeof...(N)>{kernel_of<K, N / Widest + 1, N % Widest + 1, false>()...};
}
template <Kind K, int... N>
constexpr auto triangles_of(std::integer_sequence<int, N...>) {
  return std::array<RankK::Kernel, sizeof...(N)>{kernel_of<K, N + 1, N + 1, true>()...};
}

template <Kind K>
RankK::Kernel choose(int height, int width, bool diagonal) {
  constexpr int high = tallest(K != Kind::plain), wide = widest(K != Kind::plain);
  static constexpr auto square = squares_of<K, wide>(std::make_integer_sequence<int, high * wide>());
  static constexpr auto triangle = triangles_of<K>(std::make_integer_sequence<int, high>());
  return diagonal ? triangle[height - 1] : square[(height - 1) * wide + width - 1];
}

/// Shares the lines of a tile's columns out among blocks, so that memory is asked for them evenly: what is asked too fast it forgets.
class LinesAhead {
 public:
  /// `rows` of each column, a power of two.
  LinesAhead(std::span<const double* const> columns, int rows, std::size_t blocks) : columns_(columns), rows_(rows) {
    auto const most = static_cast<std::size_t>(rows / line / parts);
    auto const wanted = columns.size() * static_cast<std::size_t>(rows) / line, passes = blocks * parts;
    each_ = static_cast<int>(std::min(most, std::bit_ceil((wanted + passes - 1) / passes)));
  }
  RankK::Ahead next(const double* harmless) {
    if (columns_.empty()) return {harmless, rows_, 0};
    RankK::Ahead const a{columns_.front() + at_, rows_ / each_, each_ * line};
    at_ += a.part * parts;
    if (at_ == rows_) {
      at_ = 0;
      columns_ = columns_.subspan(1);
    }
    return a;
  }

 private:
  static constexpr int line = 8;  // doubles
  std::span<const double* const> columns_;
  int rows_, each_ = 1, at_ = 0;
};

}  // namespace

RankK::RankK(int columns, bool exact, bool weighted, int tile_rows, int apart, int partners)
    : columns_(columns), tile_rows_(tile_rows), exact_(exact) {
  int const most_high = tallest(exact), most_wide = widest(exact);
  auto const add_block = [&](int i, int j, int height, int width, bool diagonal) {
    auto const kernel = !exact     ? choose<Kind::plain>(height, width, diagonal)
                        : weighted ? choose<Kind::exact_weighted>(height, width, diagonal)
                                   : choose<Kind::exact>(height, width, diagonal);
    blocks_.push_back({kernel, i, j, height, width, lane_doubles_});
    lane_doubles_ += std::size_t(height) * width * (exact ? 16 : 8);
  };
  // A row of blocks begins with its triangle; no block is one column wide if another can spare it one
  for (int i = 0, height = 0; i < columns; i += height) {
    height = std::min(most_high, (i < apart ? apart : columns) - i);
    if (i >= apart) add_block(i, i, height, height, true);
    for (int j = i < apart ? partners : i + height, width = 0; j < columns; j += width) {
      int const left = columns - j;
      width = std::min(most_wide, left);
      if (left - width == 1 && width > 2) --width;
      add_block(i, j, height, width, false);
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
  LinesAhead lines(ahead, tile_rows_, blocks_.size());
  int weighted = -1;
  for (auto const& b : blocks_) {
    if (tile.weight && b.i != weighted) weigh(tile, weighted = b.i, b.height, end);
    b.kernel(tile.weight ? left_.data() : tile.dense + b.i, left_error_.data(), tile.dense + b.j, end, lanes_ + b.lanes, lines.next(tile.dense[b.j]));
  }
}

void RankK::add(const double* const* left, const double* const* left_error, const double* const* right, int rows) {
  int const end = (rows + 7) / 8 * 8;
  for (auto const& b : blocks_) b.kernel(left + b.i, left_error ? left_error + b.i : nullptr, right + b.j, end, lanes_ + b.lanes, {right[b.j], end, 0});
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
