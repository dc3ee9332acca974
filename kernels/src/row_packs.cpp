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
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr std::size_t huge_page = std::size_t{1} << 21;

double largest_lane(Pack a) {
  double lane[8];
  a.store(lane);
  return *std::max_element(lane, lane + 8);
}

}  // namespace

void RowPacks::Free::operator()(double* p) const { std::free(p); }

RowPacks::RowPacks(const RowPacks& o)
    : columns_(o.columns_), rows_(o.rows_), reach_(o.reach_), weight_(o.weight_), present_(o.present_), valid_(o.valid_), missing_(o.missing_),
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

void RowPacks::assign(const Chunk& chunk, std::int64_t first, std::int64_t count, const RowPackSpec& spec) {
  columns_ = static_cast<int>(spec.columns.size());
  rows_ = count;
  valid_ = missing_ = infinite_ = negative_weight_ = 0;
  reserve(packs() * columns_ * 8);
  reach_.resize(static_cast<std::size_t>(packs()));
  present_.resize(static_cast<std::size_t>(packs()));
  weight_.resize(spec.weight >= 0 ? static_cast<std::size_t>(packs()) * 8 : 0);

  std::vector<const double*> source(static_cast<std::size_t>(columns_));
  std::vector<double> buffer;
  for (std::int64_t at = 0; at < count; at += strip_rows) {
    auto const rows = std::min(strip_rows, count - at);
    for (int j = 0; j < columns_; ++j) {
      auto const& column = chunk.columns[static_cast<std::size_t>(spec.columns[static_cast<std::size_t>(j)])];
      if (column.storage == Storage::float64 && column.stride == 1) {
        source[j] = static_cast<const double*>(column.data) + first + at;
        continue;
      }
      buffer.resize(static_cast<std::size_t>(columns_ * strip_rows));
      load_values(column, first + at, rows, buffer.data() + j * strip_rows);
      source[j] = buffer.data() + j * strip_rows;
    }
    if (spec.weight >= 0) load_values(chunk.columns[static_cast<std::size_t>(spec.weight)], first + at, rows, weight_.data() + at);
    // x <- x - shift; |x|^2; which rows have all their values
    for (std::int64_t i = 0; i < rows; i += 8) {
      std::int64_t const b = (at + i) / 8;
      int const lanes = static_cast<int>(std::min<std::int64_t>(8, rows - i));
      double* const to = x_.get() + b * columns_ * 8;
      auto finite = below(Pack::all(0), 1);
      Pack square = Pack::all(0);
      for (int j = 0; j < columns_; ++j) {
        Pack const raw = lanes == 8 ? Pack::load(source[j] + i) : Pack::load_part(source[j] + i, lanes);
        finite = finite & below(raw, inf);
        Pack const x = raw - Pack::all(spec.shift[static_cast<std::size_t>(j)]);
        square = fma(x, x, square);
        x.store(to + 8 * j);
      }
      if (finite.bits() == 0xffu && lanes == 8 && spec.weight < 0) {
        reach_[static_cast<std::size_t>(b)] = std::sqrt(largest_lane(square));
        present_[static_cast<std::size_t>(b)] = 0xff;
        valid_ += 8;
      } else {
        sort_out(b, lanes, spec.weight >= 0 ? weight_.data() + 8 * b : nullptr, spec.partial);
      }
    }
  }
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
