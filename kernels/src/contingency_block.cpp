#include "contingency_block.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "ahead.hpp"
#include "rxhpc/kokkos_macros.hpp"

namespace rxhpc::impl {
namespace {

constexpr std::int64_t most_counted = std::int64_t(1) << 30;       // rows of counters
constexpr std::int64_t most_pending = (1 << 16) - contingency_tile;  // rows of cells that are emptied together
constexpr int count_bit = 48;                                      // of a cell's first word
constexpr std::size_t near_places = 1024;                 // a table of so many is emptied at once without being felt
constexpr std::size_t small_bytes = 16384;                // cells with copies stay in half of the first cache
constexpr std::size_t near_bytes = std::size_t(1) << 19;  // beyond, cells are fetched before they are needed
constexpr int fetch_ahead = 16;
constexpr double largest_fast = 0x1p900;                  // beyond, values are added one by one

/// The compiler's own vectors: intrinsics would tie this to one instruction set.
using Four = double __attribute__((vector_size(32)));
using FourBits = std::int64_t __attribute__((vector_size(32)));
using Two = std::uint64_t __attribute__((vector_size(16), may_alias));  // upper bits may run over

using EightInts = int __attribute__((vector_size(32)));

Two lower(FourBits x) { return std::bit_cast<Two>(__builtin_shufflevector(x, x, 0, 1)); }
/// By its 32-bit halves: g++ 12 moves a half of four words by an instruction of two steps.
Two upper(FourBits x) {
  auto const ints = std::bit_cast<EightInts>(x);
  return std::bit_cast<Two>(__builtin_shufflevector(ints, ints, 4, 5, 6, 7));
}

/// What a row adds to its cell's words; its value has a rest where what is left by the first digit is not the second.
template <class T, class Bits>
struct Cut {
  Bits high, low;
  T left, second;
};
template <class T, class Bits>
Cut<T, Bits> cut(T x, T m0, T m1, Bits bits0, Bits bits1) {
  T const a = x + m0, left = x - (a - m0), b = left + m1;
  return {std::bit_cast<Bits>(a) - bits0, std::bit_cast<Bits>(b) - bits1, left, b - m1};
}
/// One row is counted in the first word.
std::int64_t first_bits(const DigitScale& s) { return std::bit_cast<std::int64_t>(s.magic[0]) - (std::int64_t(1) << count_bit); }
std::int64_t second_bits(const DigitScale& s) { return std::bit_cast<std::int64_t>(s.magic[1]); }
Cut<double, std::int64_t> cut(double x, const DigitScale& s) { return cut(x, s.magic[0], s.magic[1], first_bits(s), second_bits(s)); }

/// The sum in the lower bits of a first word.
std::int64_t first_sum(std::uint64_t word) {
  int const above = 64 - count_bit;
  return static_cast<std::int64_t>(word << above) >> above;
}

}  // namespace

std::uint64_t largest_bits(const double* x, int rows) {
  constexpr int chains = 4;  // that do not wait for one another
  FourBits most[chains] = {};
  int i = 0;
  for (; i + 4 * chains <= rows; i += 4 * chains)
    for (int k = 0; k < chains; ++k) {
      FourBits bits;
      std::memcpy(&bits, x + i + 4 * k, sizeof bits);
      bits &= INT64_MAX - FourBits{};
      most[k] = bits > most[k] ? bits : most[k];
    }
  std::int64_t largest = 0;
  for (auto const& m : most)
    for (int k = 0; k < 4; ++k) largest = std::max<std::int64_t>(largest, m[k]);
  for (; i < rows; ++i) largest = std::max(largest, std::bit_cast<std::int64_t>(x[i]) & INT64_MAX);
  return static_cast<std::uint64_t>(largest);
}

void DigitScale::fit(double largest) {
  int above = 0;
  std::frexp(largest, &above);  // largest < 2^above
  int const headroom = 3, lowest = -900;
  exponent[0] = std::max(above + headroom - high_bits, lowest);
  exponent[1] = exponent[0] - low_bits;
  bound = std::ldexp(1.0, exponent[0] + high_bits);
  for (int k = 0; k < digits; ++k) magic[k] = std::ldexp(1.5, exponent[k] + 52);
}

CellBlock::CellBlock(int summed, bool grows)
    : summed_(summed), grows_(grows), scales_(static_cast<std::size_t>(summed)), finer_(static_cast<std::size_t>(summed)), clean_(summed > 0 ? contingency_tile : 0) {}

CellBlock::CellBlock(const CellBlock& other) : CellBlock(other.summed_, other.grows_) {
  scales_ = other.scales_;
  reserve(other.places_);
  pending_ = other.pending_;
  auto const n = places_ * static_cast<std::size_t>(copies_);
  if (counters_) std::memcpy(counters_.get(), other.counters_.get(), n * sizeof(std::uint32_t));
  if (cells_) std::memcpy(cells_.get(), other.cells_.get(), n * cell_bytes());
}

// Copies only while there are few places and nothing is in them.
void CellBlock::reserve(std::size_t places) {
  if (places <= places_) return;
  std::size_t const bytes = summed_ == 0 ? sizeof(std::uint32_t) : cell_bytes();
  bool const first = places_ == 0;
  if (!first) places = std::max(places, 2 * places_);
  if (first) copies_ = !grows_ && places * bytes * 4 <= small_bytes ? 4 : 1;
  auto const old = places_ * static_cast<std::size_t>(copies_) * bytes, now = places * static_cast<std::size_t>(copies_) * bytes;
  auto* const memory = static_cast<char*>(::operator new[](now, std::align_val_t{64}));
  if (old) std::memcpy(memory, summed_ == 0 ? static_cast<void*>(counters_.get()) : static_cast<void*>(cells_.get()), old);
  std::memset(memory + old, 0, now - old);
  if (summed_ == 0) counters_.reset(reinterpret_cast<std::uint32_t*>(memory));
  else cells_.reset(reinterpret_cast<std::uint64_t*>(memory));
  places_ = places;
}

/// Where a value is missing, infinite or huge: a copy without it; the exact sums take it.
template <class Place>
const double* CellBlock::cleaned(int value, const double* x, const Place* place, int rows, std::vector<ExactSums>& sums) {
  for (int i = 0; i < rows; ++i) {
    bool const fast = std::fabs(x[i]) < largest_fast;
    if (!fast && place[i] != 0) sums[static_cast<std::size_t>(value)].add(place[i], x[i]);
    clean_[static_cast<std::size_t>(i)] = fast ? x[i] : 0;
  }
  return clean_.data();
}

/// Gives the rests to the exact sums. Returns the rows that have one.
template <class Place>
int CellBlock::add_rests(int value, const double* x, const Place* place, int rows, std::vector<ExactSums>& sums) {
  auto const& s = scales_[static_cast<std::size_t>(value)];
  int rests = 0;
  for (int i = 0; i < rows; ++i) {
    auto const c = cut(x[i], s);
    double const rest = c.left - c.second;
    if (!(rest < 0 || rest > 0) || place[i] == 0) continue;  // NaN: damaged bytes beside a bound, which the reader finds out
    sums[static_cast<std::size_t>(value)].add(place[i], rest);
    ++rests;
  }
  return rests;
}

template <class Place>
void CellBlock::count(const Place* place, int rows) {
  auto* const n = counters_.get();
  if (copies_ == 4) {
    int i = 0;
    for (; i + 4 <= rows; i += 4) {
      ++n[4 * std::size_t(place[i])];
      ++n[4 * std::size_t(place[i + 1]) + 1];
      ++n[4 * std::size_t(place[i + 2]) + 2];
      ++n[4 * std::size_t(place[i + 3]) + 3];
    }
    for (; i < rows; ++i) ++n[4 * std::size_t(place[i])];
    return;
  }
  bool const far = places_ * sizeof *n > near_bytes;
  for (int i = 0; i < rows; ++i) {
    if (far) __builtin_prefetch(n + place[std::min(i + fetch_ahead, rows - 1)], 1);
    ++n[place[i]];
  }
}

namespace {

/// Cuts rows and adds them to their cells, all in registers: nothing but a cell is written. Words of a cell's copy: Words, or where this is 0
/// `words`. far: cells are fetched early. full(place): called where a cell holds half the rows that it can; null: it never does. True where some row
/// has a rest.
template <int Copies, int Words, class Place, class Full>
bool scatter_rows(const Place* place, int rows, const double* x, const DigitScale& s, std::uint64_t* cells, std::size_t words, bool far, const Full& full) {
  if constexpr (Words > 0) words = Words;
  std::size_t const word_bytes = words * sizeof *cells;
  auto* const bytes = reinterpret_cast<char*>(cells);
  constexpr bool fills = !std::is_null_pointer_v<Full>;
  Four const m0 = s.magic[0] - Four{}, m1 = s.magic[1] - Four{};
  FourBits const bits0 = first_bits(s) - FourBits{}, bits1 = second_bits(s) - FourBits{};
  auto const add = [&](int i, int copy, Two row) __attribute__((always_inline)) {
    auto* const cell = reinterpret_cast<Two*>(bytes + std::size_t(place[i]) * (Copies * word_bytes) + static_cast<std::size_t>(copy) * word_bytes);
    Two const sum = *cell + row;
    *cell = sum;
    if constexpr (fills)
      if (static_cast<std::int64_t>(sum[0]) < 0) full(place[i]);
  };
  bool left = false;
  FourBits lefts = {};
  auto const add_four = [&](int i) __attribute__((always_inline)) {
    Four v;
    std::memcpy(&v, x + i, sizeof v);
    auto const c = cut(v, m0, m1, bits0, bits1);
    lefts -= c.left != c.second;
    FourBits const even = __builtin_shufflevector(c.high, c.low, 0, 4, 2, 6), odd = __builtin_shufflevector(c.high, c.low, 1, 5, 3, 7);
    add(i, 0, lower(even));
    add(i + 1, Copies > 1 ? 1 : 0, lower(odd));
    add(i + 2, Copies > 1 ? 2 : 0, upper(even));
    add(i + 3, Copies > 1 ? 3 : 0, upper(odd));
  };
  int i = 0;
  for (; i + 8 <= rows; i += 8) {
    if (fills && far)
      for (int k = 0; k < 8; ++k) __builtin_prefetch(cells + words * std::size_t(place[std::min(i + fetch_ahead + k, rows - 1)]), 1);
    ask_ahead(x + i);
    add_four(i);
    add_four(i + 4);
  }
  for (; i < rows; ++i) {
    auto const c = cut(x[i], s);
    left |= c.left != c.second;
    add(i, 0, Two{static_cast<std::uint64_t>(c.high), static_cast<std::uint64_t>(c.low)});
  }
  return left || (lefts[0] | lefts[1] | lefts[2] | lefts[3]) != 0;
}

}  // namespace

double CellBlock::fast_below(int value) const { return std::min(scales_[static_cast<std::size_t>(value)].bound, largest_fast); }
std::size_t CellBlock::cell_bytes() const { return static_cast<std::size_t>(DigitScale::digits * summed_) * sizeof(std::int64_t); }
bool CellBlock::near() const { return places_ <= near_places; }

/// Rows of one value. All values of a cell are emptied when its first one says so: the rows of this tile are then before or after that for
/// each of them alike, since only their sum counts.
template <class Place>
bool CellBlock::scatter(int value, const Place* place, int rows, const double* x, std::vector<std::int64_t>& counts, std::vector<ExactSums>& sums) {
  auto const words = cell_bytes() / sizeof(std::int64_t);
  auto* const cells = cells_.get() + DigitScale::digits * value;
  auto const& s = scales_[static_cast<std::size_t>(value)];
  bool const far = places_ * cell_bytes() > near_bytes;
  auto const with = [&](auto full) {
    if (summed_ == 1) return scatter_rows<1, 2>(place, rows, x, s, cells, words, far, full);
    return scatter_rows<1, 0>(place, rows, x, s, cells, words, far, full);
  };
  if (copies_ == 4)
    return summed_ == 1 ? scatter_rows<4, 2>(place, rows, x, s, cells, words, false, nullptr) : scatter_rows<4, 0>(place, rows, x, s, cells, words, false, nullptr);
  if (near() || value > 0) return with(nullptr);
  return with([&](std::uint32_t p) { empty_cell(cells + std::size_t(p) * words, p, counts, sums); });
}

template <class Place>
void CellBlock::add(const Place* place, int rows, const double* const* x, const std::uint64_t* largest_of, std::vector<std::int64_t>& counts, std::vector<ExactSums>& sums) {
  if (pending_ + rows > (summed_ == 0 ? most_counted : near() ? most_pending : INT64_MAX)) flush(counts, sums);
  std::fill(finer_.begin(), finer_.end(), 0.0);
  for (int v = 0; v < summed_; ++v) {
    double const* values = x[v];
    auto largest = largest_of[v];
    if (!(std::bit_cast<double>(largest) < largest_fast)) {
      values = cleaned(v, values, place, rows, sums);
      largest = largest_bits(values, rows);
    }
    auto& scale = scales_[static_cast<std::size_t>(v)];
    auto const most = std::bit_cast<double>(largest);
    if (most > 0 && most >= scale.bound) fit(scale, most, counts, sums);
    bool const left = scatter(v, place, rows, values, counts, sums);
    // values have become far smaller: finer digits after this tile
    if (!left || add_rests(v, values, place, rows, sums) <= rows / 8) continue;
    if (auto const now = std::bit_cast<double>(largest_bits(values, rows)); now * 4096 < scale.bound) finer_[static_cast<std::size_t>(v)] = now;
  }
  pending_ += rows;
  if (summed_ == 0) count(place, rows);
  // Emptying a table costs its places: where values are now small, now large, that is done once for so many rows, and rests go their own way.
  bool const due = pending_ >= static_cast<std::int64_t>(places_);
  for (std::size_t v = 0; v < finer_.size(); ++v)
    if (due && finer_[v] > 0) fit(scales_[v], finer_[v], counts, sums);
}

template void CellBlock::add(const std::uint16_t*, int, const double* const*, const std::uint64_t*, std::vector<std::int64_t>&, std::vector<ExactSums>&);
template void CellBlock::add(const std::uint32_t*, int, const double* const*, const std::uint64_t*, std::vector<std::int64_t>&, std::vector<ExactSums>&);

void CellBlock::fit(DigitScale& scale, double largest, std::vector<std::int64_t>& counts, std::vector<ExactSums>& sums) {
  flush(counts, sums);
  scale.fit(largest);
}

void CellBlock::empty_cell(std::uint64_t* cell, std::size_t place, std::vector<std::int64_t>& counts, std::vector<ExactSums>& sums) const {
  if (place != 0) counts[place] += static_cast<std::int64_t>((cell[0] - static_cast<std::uint64_t>(first_sum(cell[0]))) >> count_bit);
  for (int v = 0; v < summed_; ++v, cell += DigitScale::digits) {
    auto const first = first_sum(cell[0]), second = static_cast<std::int64_t>(cell[1]);
    cell[0] = cell[1] = 0;
    if (place == 0 || (first == 0 && second == 0)) continue;  // place 0: rows that are left out
    auto& to = sums[static_cast<std::size_t>(v)];
    auto const& exponent = scales_[static_cast<std::size_t>(v)].exponent;
    to.add(place, first, exponent[0]);
    to.add(place, second, exponent[1]);
  }
}

void CellBlock::flush(std::vector<std::int64_t>& counts, std::vector<ExactSums>& sums) {
  if (pending_ == 0) return;
  auto const places = std::min(places_, counts.size()), copies = static_cast<std::size_t>(copies_), words = cell_bytes() / sizeof(std::int64_t);
  for (std::size_t p = 1; p < places; ++p) {
    for (std::size_t c = p * copies; summed_ == 0 && c < (p + 1) * copies; ++c) counts[p] += counters_[c];
    if (summed_ == 0) continue;
    auto* const cell = cells_.get() + p * copies * words;
    for (std::size_t k = words; k < copies * words; ++k) cell[k % words] += cell[k];  // copies hold the rows of one cell together
    empty_cell(cell, p, counts, sums);
  }
  clear();
}

void CellBlock::clear() {
  pending_ = 0;
  auto const n = places_ * static_cast<std::size_t>(copies_);
  if (counters_) std::memset(counters_.get(), 0, n * sizeof(std::uint32_t));
  if (cells_) std::memset(cells_.get(), 0, n * cell_bytes());
}

}  // namespace rxhpc::impl
