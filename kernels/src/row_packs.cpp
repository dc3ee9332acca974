#include "rxhpc/row_packs.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>
#ifdef __linux__
#include <sys/mman.h>
#endif

#include "rxhpc/pack.hpp"

namespace rxhpc {
namespace {

using impl::Pack;
constexpr std::int64_t strip_rows = 256;  // a strip of 28 columns stays in the second-level cache
constexpr int packs_at_once = 3;             // chains of sums that do not wait for one another; divides a tile
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr std::size_t huge_page = std::size_t{1} << 21;

/// Which lane is the largest is anybody's guess: compared in pairs, without branches.
double largest_lane(Pack a) {
  double lane[8];
  a.store(lane);
  for (int half : {4, 2, 1})
    for (int i = 0; i < half; ++i) lane[i] = lane[i] > lane[i + half] ? lane[i] : lane[i + half];
  return lane[0];
}

bool plain(const Column& column) { return column.storage == Storage::float64 && column.stride == 1; }

}  // namespace

void RowPacks::Free::operator()(double* p) const { std::free(p); }

RowPacks::RowPacks(const RowPacks& o)
    : columns_(o.columns_), rows_(o.rows_), reach_(o.reach_), weight_(o.weight_), present_(o.present_), valid_(o.valid_), missing_(o.missing_),
      infinite_(o.infinite_), negative_weight_(o.negative_weight_) {
  reserve(packs() * columns_ * 8);
  if (rows_ > 0) std::copy_n(o.x_.get(), packs() * columns_ * 8, x_.get());
  ahead_.assign(static_cast<std::size_t>(columns_), x_.get());
}

void RowPacks::reserve(std::int64_t doubles) {
  if (doubles <= capacity_) return;
  x_.reset();
  capacity_ = 0;
  auto bytes = static_cast<std::size_t>(doubles) * sizeof(double);
  std::size_t const alignment = bytes >= 4 * huge_page ? huge_page : 64;
  bytes = (bytes + alignment - 1) / alignment * alignment;
  x_.reset(static_cast<double*>(std::aligned_alloc(alignment, bytes)));
  if (!x_) throw std::bad_alloc();
#ifdef __linux__
  // Without huge pages the first touch of so much memory costs more than a pass over it.
  if (alignment == huge_page) ::madvise(x_.get(), bytes, MADV_HUGEPAGE);
#endif
  capacity_ = doubles;
}

void RowPacks::assign(const Chunk& chunk, std::int64_t first, std::int64_t count, const RowPackSpec& spec) {
  columns_ = static_cast<int>(spec.columns.size());
  rows_ = count;
  valid_ = missing_ = infinite_ = negative_weight_ = 0;
  reserve(packs() * columns_ * 8);
  reach_.resize(static_cast<std::size_t>(packs()));
  present_.resize(static_cast<std::size_t>(packs()));
  weight_.resize(spec.weight >= 0 ? static_cast<std::size_t>(packs()) * 8 : 0);
  source_.resize(static_cast<std::size_t>(columns_));
  ahead_.assign(static_cast<std::size_t>(columns_), x_.get());
  bool const tile = count <= strip_rows && first + 2 * count <= chunk.rows;
  for (std::int64_t at = 0; at < count; at += strip_rows) {
    auto const rows = std::min(strip_rows, count - at);
    for (int j = 0; j < columns_; ++j) {
      auto const& column = chunk.columns[static_cast<std::size_t>(spec.columns[static_cast<std::size_t>(j)])];
      if (plain(column)) {
        source_[j] = static_cast<const double*>(column.data) + first + at;
        if (tile) ahead_[j] = source_[j] + count;
        continue;
      }
      buffer_.resize(static_cast<std::size_t>(columns_ * strip_rows));
      load_values(column, first + at, rows, buffer_.data() + j * strip_rows);
      source_[j] = buffer_.data() + j * strip_rows;
    }
    if (spec.weight >= 0) load_values(chunk.columns[static_cast<std::size_t>(spec.weight)], first + at, rows, weight_.data() + at);
    std::int64_t i = 0;
    for (; i + 8 * packs_at_once <= rows; i += 8 * packs_at_once) lay_out<packs_at_once>(i, (at + i) / 8, 8, spec);
    for (; i < rows; i += 8) lay_out<1>(i, (at + i) / 8, static_cast<int>(std::min<std::int64_t>(8, rows - i)), spec);
  }
}

/// Packs [b, b + Packs) from row `i` of the sources on; only the last pack of all has fewer than eight rows.
template <int Packs>
void RowPacks::lay_out(std::int64_t i, std::int64_t b, int lanes, const RowPackSpec& spec) {
  // x <- x - shift; |x|^2, finite where all values are
  Pack square[Packs];
  for (auto& s : square) s = Pack::all(0);
  double* to = x_.get() + b * columns_ * 8;
  const double* const* const source = source_.data();
  const double* const shift = spec.shift.data();
  std::ptrdiff_t const step = 8 * columns_;
  for (int j = 0; j < columns_; ++j, to += 8) {
    const double* const from = source[j] + i;
    __builtin_prefetch(ahead(b, j), 0, 2);  // the first of these packs; the others' turn comes while labels are found and rows added
    Pack const s = Pack::all(shift[j]);
#pragma GCC unroll 3
    for (int r = 0; r < Packs; ++r) {
      Pack const x = (Packs > 1 || lanes == 8 ? Pack::load(from + 8 * r) : Pack::load_part(from, lanes)) - s;
      square[r] = fma(x, x, square[r]);
      x.store(to + r * step);
    }
  }
  auto const take_whole = [this](std::int64_t first, int packs, Pack norm2) {
    std::fill_n(reach_.begin() + first, packs, std::sqrt(largest_lane(norm2)));
    std::fill_n(present_.begin() + first, packs, static_cast<unsigned char>(0xff));
    valid_ += 8 * packs;
  };
  bool const plain_rows = lanes == 8 && weight_.empty();
  Pack largest = square[0];
  unsigned finite = 0xff;
  for (auto const& q : square) {
    largest = max(largest, q);
    finite &= below(q, inf).bits();
  }
  if (plain_rows && finite == 0xffu) return take_whole(b, Packs, largest);
  for (int r = 0; r < Packs; ++r) {
    if (plain_rows && below(square[r], inf).bits() == 0xffu)
      take_whole(b + r, 1, square[r]);
    else
      sort_out(b + r, lanes, weight_.empty() ? nullptr : weight_.data() + 8 * (b + r), spec.partial);
  }
}

void RowPacks::gather(const RowPacks& from, std::int64_t first, const std::int32_t* which, int count) {
  columns_ = from.columns_;
  rows_ = count;
  reserve(packs() * columns_ * 8);
  reach_.assign(static_cast<std::size_t>(packs()), 0.0);
  present_.assign(static_cast<std::size_t>(packs()), 0);
  weight_.clear();
  ahead_.assign(static_cast<std::size_t>(columns_), x_.get());
  for (int r = 0; r < count; ++r) {
    auto const b = first + which[r] / 8, to = static_cast<std::int64_t>(r / 8);
    const double* x = from.pack(b) + which[r] % 8;
    double* out = x_.get() + to * columns_ * 8 + r % 8;
    for (int j = 0; j < columns_; ++j, x += 8, out += 8) *out = *x;
    reach_[static_cast<std::size_t>(to)] = std::max(reach_[static_cast<std::size_t>(to)], from.reach(b));
    present_[static_cast<std::size_t>(to)] |= static_cast<unsigned char>(1u << r % 8);
  }
  for (int r = count; r < 8 * packs(); ++r)  // what is left of the last pack
    for (int j = 0; j < columns_; ++j) x_[r / 8 * columns_ * 8 + 8 * j + r % 8] = 0;
}

/// A pack with rows that do not take part, or with weights: row by row.
void RowPacks::sort_out(std::int64_t b, int valid_lanes, const double* weight, bool partial) {
  double* const x = x_.get() + b * columns_ * 8;
  unsigned present = 0;
  double norm = 0;
  for (int i = 0; i < 8; ++i) {
    int gone = 0;
    bool infinite = false;
    double square = 0;
    for (int j = 0; j < columns_; ++j) {
      double const v = x[8 * j + i];
      gone += v != v;
      infinite |= v == inf || v == -inf;
      square = std::fma(v, v, square);
    }
    bool takes_part = i < valid_lanes;
    double const w = weight && takes_part ? weight[i] : 1.0;
    if (!takes_part || w == 0) {
      takes_part = false;
    } else if (w != w || (partial ? gone == columns_ : gone > 0)) {
      ++missing_;
      takes_part = false;
    } else if (w < 0) {
      ++negative_weight_;
      takes_part = false;
    } else if (infinite || w == inf) {
      ++infinite_;
      takes_part = false;
    }
    if (takes_part) {
      present |= 1u << i;
      ++valid_;
      norm = norm != norm || square != square ? std::numeric_limits<double>::quiet_NaN() : std::max(norm, square);
    } else {
      for (int j = 0; j < columns_; ++j) x[8 * j + i] = 0;
      if (weight) weight_[static_cast<std::size_t>(8 * b + i)] = 0;
    }
  }
  present_[static_cast<std::size_t>(b)] = static_cast<unsigned char>(present);
  reach_[static_cast<std::size_t>(b)] = std::sqrt(norm);
}

}  // namespace rxhpc
