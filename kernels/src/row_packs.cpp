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
constexpr std::int64_t strip_rows = RowPacks::most_tile_rows;  // a strip of 28 columns stays in the second-level cache
constexpr int packs_at_once = 3;             // chains of sums that do not wait for one another; divides a tile
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr std::size_t huge_page = std::size_t{1} << 21;

/// Which lane is the largest is anybody's guess: compared in pairs, without branches.
double largest_lane(Pack a) {
  double lane[8];
  a.store(lane);
  auto const larger = [](double x, double y) { return x > y ? x : y; };
  return larger(larger(larger(lane[0], lane[1]), larger(lane[2], lane[3])), larger(larger(lane[4], lane[5]), larger(lane[6], lane[7])));
}

}  // namespace

void RowPacks::Free::operator()(double* p) const { std::free(p); }

RowPacks::RowPacks(const RowPacks& o)
    : columns_(o.columns_), rows_(o.in_place_ ? 0 : o.rows_), reach_(o.reach_), weight_(o.weight_), present_(o.present_), valid_(o.valid_), missing_(o.missing_),
      infinite_(o.infinite_), negative_weight_(o.negative_weight_) {
  reserve(packs() * columns_ * 8);
  if (rows_ > 0) std::copy_n(o.x_.get(), packs() * columns_ * 8, x_.get());
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

void RowPacks::begin(std::int64_t count, const RowPackSpec& spec) {
  columns_ = static_cast<int>(spec.columns.size());
  rows_ = count;
  valid_ = missing_ = infinite_ = negative_weight_ = 0;
  reach_.resize(static_cast<std::size_t>(packs()));
  present_.resize(static_cast<std::size_t>(packs()));
  weight_.resize(spec.weight >= 0 ? static_cast<std::size_t>(packs()) * 8 : 0);
  source_.resize(static_cast<std::size_t>(columns_));
}

void RowPacks::assign(const Chunk& chunk, std::int64_t first, std::int64_t count, const RowPackSpec& spec) {
  begin(count, spec);
  in_place_ = false;
  reach_of_all_ = std::numeric_limits<double>::quiet_NaN();
  first_ = 0;
  reserve(packs() * columns_ * 8);
  for (std::int64_t at = 0; at < count; at += strip_rows) {
    auto const rows = std::min(strip_rows, count - at);
    take_sources(chunk, first + at, rows, spec);
    if (spec.weight >= 0) load_values(chunk.columns[static_cast<std::size_t>(spec.weight)], first + at, rows, weight_.data() + at);
    take_rows<false>(rows, at / 8, spec);
  }
}

void RowPacks::assign_in_place(const Chunk& chunk, std::int64_t first, std::int64_t count, const RowPackSpec& spec) {
  begin(count, spec);
  side_by_side_ = take_sources(chunk, first, count, spec);
  first_ = 0;
  shifted_ = std::any_of(spec.shift.begin(), spec.shift.end(), [](double s) { return s != 0; });
  shift_ = spec.shift;
  shift_.resize((shift_.size() + 7) / 8 * 8, 0.0);
  reach_of_all_ = reach_of_bounds(chunk, spec);
  take_in_place(chunk, first, count, spec);
}

void RowPacks::assign_next(const Chunk& chunk, std::int64_t first, std::int64_t count, const RowPackSpec& spec) {
  auto const before = rows_;
  begin(count, spec);
  if (side_by_side_) first_ += before;
  else take_sources(chunk, first, count, spec);
  take_in_place(chunk, first, count, spec);
}

void RowPacks::take_in_place(const Chunk& chunk, std::int64_t first, std::int64_t count, const RowPackSpec& spec) {
  in_place_ = true;
  laid_out_.assign(static_cast<std::size_t>(packs()), 0);
  reserve(packs() * columns_ * 8);
  if (spec.weight >= 0) load_values(chunk.columns[static_cast<std::size_t>(spec.weight)], first, count, weight_.data());
  if (reach_of_all_ == reach_of_all_) {
    std::int64_t const whole = count / 8;
    std::fill_n(reach_.begin(), whole, reach_of_all_);
    std::fill_n(present_.begin(), whole, static_cast<unsigned char>(0xff));
    valid_ = 8 * whole;
    if (count % 8 != 0) take<1, true>(8 * whole, whole, static_cast<int>(count % 8), spec);
  } else {
    take_rows<true>(count, 0, spec);
  }
}

/// Of rows that all take part, whose columns' values are known to be below some bound; NaN elsewhere, and where it would not serve.
double RowPacks::reach_of_bounds(const Chunk& chunk, const RowPackSpec& spec) const {
  constexpr double most = 0x1p100;
  double square = 0;
  for (std::size_t j = 0; j < spec.columns.size(); ++j) {
    double const most_here = chunk.columns[static_cast<std::size_t>(spec.columns[j])].bound + std::fabs(spec.shift[j]);
    square += most_here * most_here;
  }
  double const reach = std::sqrt(square) * (1 + 0x1p-40);
  return side_by_side_ && spec.weight < 0 && reach < most ? reach : std::numeric_limits<double>::quiet_NaN();
}

/// Where the columns' values lie; false where some had to be converted.
bool RowPacks::take_sources(const Chunk& chunk, std::int64_t first, std::int64_t count, const RowPackSpec& spec) {
  bool side_by_side = true;
  for (std::size_t j = 0; j < spec.columns.size(); ++j) {
    auto const& column = chunk.columns[static_cast<std::size_t>(spec.columns[j])];
    if (column.side_by_side_doubles()) {
      source_[j] = static_cast<const double*>(column.data) + first;
      continue;
    }
    side_by_side = false;
    buffer_.resize(spec.columns.size() * strip_rows);
    load_values(column, first, count, buffer_.data() + j * strip_rows);
    source_[j] = buffer_.data() + j * strip_rows;
  }
  return side_by_side;
}

void RowPacks::lay_out(std::int64_t first, std::int64_t count) const {
  for (auto b = first; b < first + count; ++b)
    if (in_place(b)) {
      sharpen(b);
      lay_out_pack(b, 8);
    }
}

/// Of a pack in place its first `lanes` rows; what lies past them counts as 0 before the shift.
void RowPacks::lay_out_pack(std::int64_t b, int lanes) const {
  double* to = x_.get() + b * columns_ * 8;
  for (int j = 0; j < columns_; ++j, to += 8) {
    const double* const from = source_[static_cast<std::size_t>(j)] + source_row(b);
    ((lanes == 8 ? Pack::load(from) : Pack::load_part(from, lanes)) - Pack::all(shift_[j])).store(to);
  }
  laid_out_[static_cast<std::size_t>(b)] = 1;
}

void RowPacks::sharpen(std::int64_t b) const {
  auto& reach = reach_[static_cast<std::size_t>(b)];
  if (!in_place(b) || !(reach == reach_of_all_)) return;
  Pack square = Pack::all(0);
  for (int j = 0; j < columns_; ++j) {
    Pack const x = Pack::load(source_[static_cast<std::size_t>(j)] + source_row(b)) - Pack::all(shift_[j]);
    square = fma(x, x, square);
  }
  double const longest = std::sqrt(largest_lane(square));
  reach = longest == longest ? longest : inf;  // NaN: damaged bytes beside a bound, which the reader finds out; such rows come out as uncertain in any case
}

/// Packs from b on: the first `count` rows of the sources.
template <bool InPlace>
void RowPacks::take_rows(std::int64_t count, std::int64_t b, const RowPackSpec& spec) {
  std::int64_t i = 0;
  for (; i + 8 * packs_at_once <= count; i += 8 * packs_at_once) take<packs_at_once, InPlace>(i, b + i / 8, 8, spec);
  for (; i < count; i += 8) take<1, InPlace>(i, b + i / 8, static_cast<int>(std::min<std::int64_t>(8, count - i)), spec);
}

/// Packs [b, b + Packs) from row `i` of the sources on; only the last pack of all has fewer than eight rows.
template <int Packs, bool InPlace>
void RowPacks::take(std::int64_t i, std::int64_t b, int lanes, const RowPackSpec& spec) {
  // x <- x - shift; |x|^2, finite where all values are
  Pack square[Packs];
  for (auto& s : square) s = Pack::all(0);
  double* to = x_.get() + b * columns_ * 8;
  const double* const* const source = source_.data();
  const double* const shift = spec.shift.data();
  std::ptrdiff_t const step = 8 * columns_;
  for (int j = 0; j < columns_; ++j, to += 8) {
    const double* const from = source[j] + first_ + i;
    Pack const s = Pack::all(shift[j]);
#pragma GCC unroll 3
    for (int r = 0; r < Packs; ++r) {
      Pack const x = (Packs > 1 || lanes == 8 ? Pack::load(from + 8 * r) : Pack::load_part(from, lanes)) - s;
      square[r] = fma(x, x, square[r]);
      if constexpr (!InPlace) x.store(to + r * step);
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
    else {
      if constexpr (InPlace) lay_out_pack(b + r, lanes);
      sort_out(b + r, lanes, weight_.empty() ? nullptr : weight_.data() + 8 * (b + r), spec.partial);
    }
  }
}

void RowPacks::gather(const RowPacks& from, std::int64_t first, const std::int32_t* which, int count) {
  columns_ = from.columns_;
  rows_ = count;
  in_place_ = false;
  reach_of_all_ = std::numeric_limits<double>::quiet_NaN();
  reserve(packs() * columns_ * 8);
  reach_.assign(static_cast<std::size_t>(packs()), 0.0);
  present_.assign(static_cast<std::size_t>(packs()), 0);
  weight_.clear();
  from.lay_out(first, which[count - 1] / 8 + 1);
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
