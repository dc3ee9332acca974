#include "contingency_block.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "rxhpc/kokkos_macros.hpp"

namespace rxhpc::impl {
namespace {

constexpr std::int64_t most_pending = std::int64_t(1) << 22;
constexpr std::size_t small_bytes = 16384;          // cells with copies stay in half of the first cache
constexpr std::size_t near_bytes = std::size_t(1) << 19;  // beyond, cells are fetched before they are needed
constexpr int fetch_ahead = 16;
constexpr double largest_fast = 0x1p900;            // beyond, and below 2^-964, values are added one by one

/// The compiler's own vectors: g++ 12 leaves the plain loop over a cell scalar.
using Four = double __attribute__((vector_size(32), may_alias));
using FourBits = std::uint64_t __attribute__((vector_size(32)));

Four all_of(double x) { return Four{x, x, x, x}; }
Four load(const double* p) {
  Four v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

template <class T>
struct Digits {
  T first, second, third, rest;
};
template <class T>
Digits<T> digits_of(T x, T m0, T m1, T m2) {
  T const a = (x + m0) - m0, r1 = x - a, b = (r1 + m1) - m1, r2 = r1 - b, c = (r2 + m2) - m2;
  return {a, b, c, r2 - c};
}

}  // namespace

std::uint64_t largest_bits(const double* x, int rows) {
  std::int64_t most = 0;
  for (int i = 0; i < rows; ++i) {
    std::int64_t bits;
    std::memcpy(&bits, x + i, sizeof bits);
    bits &= 0x7FFFFFFFFFFFFFFFLL;
    most = bits > most ? bits : most;
  }
  return static_cast<std::uint64_t>(most);
}

void DigitScale::fit(double largest) {
  int above = 0;
  std::frexp(largest, &above);  // largest < 2^above
  int const headroom = 3, lowest = -900;
  exponent[0] = std::max(above + headroom - 31, lowest);
  bound = std::ldexp(1.0, exponent[0] + 31);
  for (int k = 0; k < digits; ++k) {
    exponent[k] = exponent[0] - 32 * k;
    magic[k] = std::ldexp(1.5, exponent[k] + 52);
  }
}

CellBlock::CellBlock(int summed)
    : summed_(summed), stride_((1 + DigitScale::digits * summed + 3) / 4 * 4), scales_(static_cast<std::size_t>(summed)), finer_(static_cast<std::size_t>(summed)),
      digit_(summed > 1 ? static_cast<std::size_t>(DigitScale::digits * summed) * contingency_tile : 0),
      row_(summed > 1 ? static_cast<std::size_t>(stride_) * contingency_tile : 0), clean_(summed > 0 ? contingency_tile : 0) {}

CellBlock::CellBlock(const CellBlock& other) : CellBlock(other.summed_) {
  scales_ = other.scales_;
  reserve(other.places_);
  pending_ = other.pending_;
  auto const n = places_ * static_cast<std::size_t>(copies_);
  if (counters_) std::memcpy(counters_.get(), other.counters_.get(), n * sizeof(std::uint32_t));
  if (cells_) std::memcpy(cells_.get(), other.cells_.get(), n * static_cast<std::size_t>(stride_) * sizeof(double));
}

// Copies only while there are few places and nothing is in them.
void CellBlock::reserve(std::size_t places) {
  if (places <= places_) return;
  std::size_t const bytes = summed_ == 0 ? sizeof(std::uint32_t) : static_cast<std::size_t>(stride_) * sizeof(double);
  bool const first = places_ == 0;
  if (!first) places = std::max(places, 2 * places_);
  if (first) copies_ = places * bytes * 4 <= small_bytes ? 4 : 1;
  auto const old = places_ * static_cast<std::size_t>(copies_) * bytes, now = places * static_cast<std::size_t>(copies_) * bytes;
  auto* const memory = static_cast<char*>(::operator new[](now, std::align_val_t{64}));
  if (old) std::memcpy(memory, summed_ == 0 ? static_cast<void*>(counters_.get()) : static_cast<void*>(cells_.get()), old);
  std::memset(memory + old, 0, now - old);
  if (summed_ == 0) counters_.reset(reinterpret_cast<std::uint32_t*>(memory));
  else cells_.reset(reinterpret_cast<double*>(memory));
  places_ = places;
}

/// Where a value is missing, infinite or huge: a copy without it; the exact sums take it.
const double* CellBlock::cleaned(int value, const double* x, const std::uint32_t* place, int rows, std::vector<ExactSums>& sums) {
  for (int i = 0; i < rows; ++i) {
    bool const fast = std::fabs(x[i]) < largest_fast;
    if (!fast && place[i] != 0) sums[static_cast<std::size_t>(value)].add(place[i], x[i]);
    clean_[static_cast<std::size_t>(i)] = fast ? x[i] : 0;
  }
  return clean_.data();
}

/// x = d0 + d1 + d2 + rest, exactly; true where some row has a rest, which is rare.
bool CellBlock::cut(int value, const double* x, int rows) {
  auto const& s = scales_[static_cast<std::size_t>(value)];
  double* __restrict const d0 = digit_.data() + static_cast<std::ptrdiff_t>(value) * DigitScale::digits * contingency_tile;
  double *__restrict const d1 = d0 + contingency_tile, *__restrict const d2 = d1 + contingency_tile;
  std::uint64_t left = 0;
  for (int i = 0; i < rows; ++i) {
    auto const d = digits_of(x[i], s.magic[0], s.magic[1], s.magic[2]);
    d0[i] = d.first;
    d1[i] = d.second;
    d2[i] = d.third;
    left |= std::bit_cast<std::uint64_t>(d.rest) << 1;
  }
  return left != 0;
}

/// Gives the rests to the exact sums. Returns the rows that have one.
int CellBlock::add_rests(int value, const double* x, const std::uint32_t* place, int rows, std::vector<ExactSums>& sums) {
  auto const& s = scales_[static_cast<std::size_t>(value)];
  int rests = 0;
  for (int i = 0; i < rows; ++i) {
    double const rest = digits_of(x[i], s.magic[0], s.magic[1], s.magic[2]).rest;
    if (rest == 0 || place[i] == 0) continue;
    sums[static_cast<std::size_t>(value)].add(place[i], rest);
    ++rests;
  }
  return rests;
}

void CellBlock::count(const std::uint32_t* place, int rows) {
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

/// Four rows {1, d0, d1, d2} out of three vectors of digits.
inline void turned(Four a, Four b, Four c, Four (&row)[4]) {
  Four const one = {1, 1, 1, 1};
  Four const low01 = __builtin_shufflevector(one, a, 0, 4, 2, 6), high01 = __builtin_shufflevector(one, a, 1, 5, 3, 7);
  Four const low23 = __builtin_shufflevector(b, c, 0, 4, 2, 6), high23 = __builtin_shufflevector(b, c, 1, 5, 3, 7);
  row[0] = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
  row[1] = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
  row[2] = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
  row[3] = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
}

/// Cuts one value's rows and adds them to their cells, all in registers: nothing but a cell is written. True where some row has a rest.
template <int Copies, bool Far>
bool scatter_fours(const std::uint32_t* place, int rows, const double* x, const DigitScale& s, double* cells) {
  Four const m0 = all_of(s.magic[0]), m1 = all_of(s.magic[1]), m2 = all_of(s.magic[2]);
  FourBits left = {};
  int i = 0;
  for (; i + 4 <= rows; i += 4) {
    if constexpr (Far)
      for (int k = 0; k < 4; ++k) __builtin_prefetch(cells + 4 * std::size_t(place[std::min(i + fetch_ahead + k, rows - 1)]), 1);
    Four row[4];
    auto const d = digits_of(load(x + i), m0, m1, m2);
    left |= std::bit_cast<FourBits>(d.rest) << 1;
    turned(d.first, d.second, d.third, row);
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      auto* const cell = reinterpret_cast<Four*>(cells) + std::size_t(place[i + k]) * Copies + (Copies > 1 ? k : 0);
      *cell += row[k];
    }
  }
  for (; i < rows; ++i) {
    auto const d = digits_of(x[i], s.magic[0], s.magic[1], s.magic[2]);
    left[0] |= std::bit_cast<std::uint64_t>(d.rest) << 1;
    *(reinterpret_cast<Four*>(cells) + std::size_t(place[i]) * Copies) += Four{1, d.first, d.second, d.third};
  }
  return (left[0] | left[1] | left[2] | left[3]) != 0;
}

}  // namespace

bool CellBlock::scatter_one(const std::uint32_t* place, int rows, const double* x) {
  if (copies_ == 4) return scatter_fours<4, false>(place, rows, x, scales_[0], cells_.get());
  if (places_ * 32 <= near_bytes) return scatter_fours<1, false>(place, rows, x, scales_[0], cells_.get());
  return scatter_fours<1, true>(place, rows, x, scales_[0], cells_.get());
}

void CellBlock::scatter(const std::uint32_t* place, int rows) {
  int const used = 1 + DigitScale::digits * summed_;
  for (int i = 0; i < rows; ++i) row_[static_cast<std::size_t>(i * stride_)] = 1;
  for (int e = 1; e < used; ++e) {
    double const* const d = digit_.data() + static_cast<std::ptrdiff_t>(e - 1) * contingency_tile;
    for (int i = 0; i < rows; ++i) row_[static_cast<std::size_t>(i * stride_ + e)] = d[i];
  }
  for (int i = 0; i < rows; ++i) {
    auto* const cell = cells_.get() + (std::size_t(place[i]) * static_cast<std::size_t>(copies_) + static_cast<std::size_t>(i & (copies_ - 1))) * static_cast<std::size_t>(stride_);
    for (int k = 0; k < stride_; k += 4) *reinterpret_cast<Four*>(cell + k) += load(row_.data() + i * stride_ + k);
  }
}

void CellBlock::add(const std::uint32_t* place, int rows, const double* const* x, const std::uint64_t* largest_of, std::vector<std::int64_t>& counts, std::vector<ExactSums>& sums) {
  if (pending_ + rows > most_pending) flush(counts, sums);
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
    bool const left = summed_ == 1 ? scatter_one(place, rows, values) : cut(v, values, rows);
    // values have become far smaller: finer digits after this tile
    if (left && add_rests(v, values, place, rows, sums) > rows / 8 && most * 4096 < scale.bound) finer_[static_cast<std::size_t>(v)] = most;
  }
  pending_ += rows;
  if (summed_ == 0) count(place, rows);
  else if (summed_ > 1) scatter(place, rows);
  for (std::size_t v = 0; v < finer_.size(); ++v)
    if (finer_[v] > 0) fit(scales_[v], finer_[v], counts, sums);
}

void CellBlock::fit(DigitScale& scale, double largest, std::vector<std::int64_t>& counts, std::vector<ExactSums>& sums) {
  flush(counts, sums);
  scale.fit(largest);
}

void CellBlock::flush(std::vector<std::int64_t>& counts, std::vector<ExactSums>& sums) {
  if (pending_ == 0) return;
  auto const places = std::min(places_, counts.size()), copies = static_cast<std::size_t>(copies_), stride = static_cast<std::size_t>(stride_);
  std::vector<double> unit;
  for (auto const& s : scales_)
    for (int e : s.exponent) unit.push_back(std::ldexp(1.0, -e));
  for (std::size_t p = 1; p < places; ++p) {
    if (summed_ == 0) {
      for (std::size_t c = 0; c < copies; ++c) counts[p] += counters_[p * copies + c];
      continue;
    }
    for (std::size_t c = 0; c < copies; ++c) {
      double const* const cell = cells_.get() + (p * copies + c) * stride;
      if (cell[0] == 0) continue;
      counts[p] += static_cast<std::int64_t>(cell[0]);
      for (int v = 0; v < summed_; ++v)
        for (int k = 0; k < DigitScale::digits; ++k) {
          auto const e = static_cast<std::size_t>(v * DigitScale::digits + k);
          sums[static_cast<std::size_t>(v)].add(p, static_cast<std::int64_t>(cell[1 + e] * unit[e]), scales_[static_cast<std::size_t>(v)].exponent[k]);
        }
    }
  }
  clear();
}

void CellBlock::clear() {
  pending_ = 0;
  auto const n = places_ * static_cast<std::size_t>(copies_);
  if (counters_) std::memset(counters_.get(), 0, n * sizeof(std::uint32_t));
  if (cells_) std::memset(cells_.get(), 0, n * static_cast<std::size_t>(stride_) * sizeof(double));
}

}  // namespace rxhpc::impl
