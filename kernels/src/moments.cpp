#include "rxhpc/moments.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "ahead.hpp"
#include "rxhpc/chunk_source.hpp"
#include "rxhpc/pack.hpp"

namespace rxhpc {
namespace {

using impl::Pack;
constexpr int tile_rows = 2048;
constexpr int groups = 4;  // packs that run side by side: 32 virtual lanes
static_assert(ColumnMoments::lanes == 8 * groups && piece_rows % tile_rows == 0);
constexpr double inf = std::numeric_limits<double>::infinity();

/// One tile. Missing rows (NaN) leave sums alone by mask and extremes by min's rule for NaN. 12 vector operations a pack.
/// Asks for the next tile meanwhile: the processor's own prefetching stops at the end of a page.
void add_tile(const double* x, int rows, double shift, ColumnMoments::Lanes& lanes) {
  Pack sum[groups], error[groups], square[groups], low[groups], high[groups];
  Pack const centre = Pack::all(shift);
  for (int g = 0; g < groups; ++g) {
    sum[g] = Pack::load(lanes.sum + 8 * g), error[g] = Pack::load(lanes.error + 8 * g);
    low[g] = Pack::load(lanes.low + 8 * g), high[g] = Pack::load(lanes.high + 8 * g);
    square[g] = Pack::all(0);
  }
  std::int64_t n = 0;
  auto const step = [&](int g, Pack value) {
    auto const there = is_number(value);
    n += std::popcount(there.bits());
    low[g] = min(value, low[g]);
    high[g] = max(value, high[g]);
    auto const s = impl::two_sum(sum[g], keep(there, value));
    sum[g] = s.hi;
    error[g] = error[g] + s.lo;
    Pack const d = keep(there, value - centre);
    square[g] = fma(d, d, square[g]);
  };
  int i = 0;
  for (; i + 8 * groups <= rows; i += 8 * groups) {
#pragma GCC unroll 4
    for (int g = 0; g < groups; ++g) impl::ask_ahead(x + i + 8 * g);
#pragma GCC unroll 4
    for (int g = 0; g < groups; ++g) step(g, Pack::load(x + i + 8 * g));
  }
  if (i < rows) {  // the lanes past the end are missing
    double last[8 * groups];
    std::fill(std::copy(x + i, x + rows, last), last + 8 * groups, std::numeric_limits<double>::quiet_NaN());
    for (int g = 0; g < groups; ++g) step(g, Pack::load(last + 8 * g));
  }
  for (int g = 0; g < groups; ++g) {
    sum[g].store(lanes.sum + 8 * g), error[g].store(lanes.error + 8 * g);
    low[g].store(lanes.low + 8 * g), high[g].store(lanes.high + 8 * g);
    auto const q = impl::two_sum(Pack::load(lanes.square + 8 * g), square[g]);
    q.hi.store(lanes.square + 8 * g);
    (Pack::load(lanes.square_error + 8 * g) + q.lo).store(lanes.square_error + 8 * g);
  }
  lanes.n += n;
}

/// Only the squared distances, for the second look after a bad shift.
void add_squares(const double* x, int rows, double shift, impl::DdPack& total) {
  Pack const centre = Pack::all(shift);
  Pack square = Pack::all(0);
  for (int i = 0; i < rows; i += 8) {
    int const lanes = std::min(8, rows - i);
    Pack const value = lanes == 8 ? Pack::load(x + i) : Pack::load_part(x + i, lanes);
    Pack d = keep(is_number(value), value - centre);
    if (lanes < 8) {
      double part[8];
      d.store(part);
      d = Pack::load_part(part, lanes);
    }
    square = fma(d, d, square);
  }
  auto const q = impl::two_sum(total.hi, square);
  total = {q.hi, total.lo + q.lo};
}

/// Rows of a column as plain doubles, a tile at a time; no copy where they lie so already.
class Tiles {
 public:
  explicit Tiles(const Column& column) : column_(column) {}
  template <class F>
  void each(std::int64_t begin, std::int64_t end, F&& f) {
    for (std::int64_t first = begin; first < end; first += tile_rows) {
      int const n = static_cast<int>(std::min<std::int64_t>(tile_rows, end - first));
      f(at(first, n), n);
    }
  }

 private:
  const double* at(std::int64_t first, int n) {
    if (column_.side_by_side_doubles()) return static_cast<const double*>(column_.data) + first;
    load_values(column_, first, n, buffer_);
    return buffer_;
  }
  const Column& column_;
  alignas(64) double buffer_[tile_rows];
};

/// The mean of the finite values of a tile: a fair centre, so that squared distances from it cancel little. False where it has none.
bool centre_of(const double* x, int rows, double& centre) {
  double first = 0, sum = 0;
  std::int64_t n = 0;
  for (int i = 0; i < rows; ++i) {
    if (!std::isfinite(x[i])) continue;
    if (n == 0) first = x[i];
    sum += x[i] - first;
    ++n;
  }
  if (n > 0) centre = std::isfinite(sum) ? first + sum / static_cast<double>(n) : first;
  return n > 0;
}

/// The mean where the sum of the values is beyond the largest double.
double mean_of_huge(Tiles& tiles, std::int64_t rows, double n) {
  constexpr double small = 0x1p-100;
  DD sum = 0;
  tiles.each(0, rows, [&](const double* x, int rows_here) {
    for (int i = 0; i < rows_here; ++i)
      if (x[i] == x[i]) sum += DD(x[i] * small);
  });
  return (sum / DD(n)).hi / small;
}

DD total(const double* hi, const double* lo) {
  auto const pair = [&](int g) {
    auto const s = impl::two_sum(Pack::load(hi + 8 * g), Pack::load(lo + 8 * g));
    return impl::DdPack{s.hi, s.lo};
  };
  return reduce((pair(0) + pair(2)) + (pair(1) + pair(3)));
}

}  // namespace

void ColumnMoments::reset() {
  lanes_ = {};
  std::fill_n(lanes_.low, lanes, inf);
  std::fill_n(lanes_.high, lanes, -inf);
  shift_ = 0;
  shifted_ = false;
}

// One pass over the column: 8 bytes a row. Tiles before the shift is known have no finite value: their distances do not count.
void ColumnMoments::add(const Column& column, std::int64_t first, std::int64_t rows) {
  if (column.storage == Storage::text) return;
  Tiles tiles(column);
  tiles.each(first, first + rows, [&](const double* x, int n) {
    if (!shifted_) shifted_ = centre_of(x, n, shift_);
    add_tile(x, n, shift_, lanes_);
  });
}

ZoneMoments ColumnMoments::finish(const Column& column, std::int64_t rows) const {
  ZoneMoments m;
  m.min = inf;
  m.max = -inf;
  if (column.storage == Storage::text) return m;
  Tiles tiles(column);
  m.n = lanes_.n;
  m.missing = rows - lanes_.n;
  if (m.n == 0) return m;
  auto const low_of = [&](int g) { return Pack::load(lanes_.low + 8 * g); };
  auto const high_of = [&](int g) { return Pack::load(lanes_.high + 8 * g); };
  double low[8], high[8];
  min(min(low_of(0), low_of(1)), min(low_of(2), low_of(3))).store(low);
  max(max(high_of(0), high_of(1)), max(high_of(2), high_of(3))).store(high);
  m.min = *std::min_element(low, low + 8);
  m.max = *std::max_element(high, high + 8);
  if (m.min == -inf || m.max == inf) {  // as R: the mean is infinite or, with both signs, NaN; the deviation NaN
    m.mean = m.min == -inf && m.max == inf ? std::numeric_limits<double>::quiet_NaN() : m.min == -inf ? -inf : inf;
    m.m2 = std::numeric_limits<double>::quiet_NaN();
    return m;
  }
  double const n = static_cast<double>(m.n);
  DD const sum = total(lanes_.sum, lanes_.error);
  if (!std::isfinite(sum.hi) || !std::isfinite(sum.lo)) {
    m.mean = mean_of_huge(tiles, rows, n);
    m.m2 = m.min == m.max ? 0 : inf;
    return m;
  }
  DD const mean = sum / DD(n);
  m.mean = mean.hi;
  m.mean_lo = mean.lo;
  DD const off = mean - DD(shift_);
  DD squares = total(lanes_.square, lanes_.square_error);
  double const m2 = static_cast<double>(squares - off * off * DD(n));
  m.m2 = m2;
  if (n * off.hi * off.hi > 1e4 * std::abs(m2)) {  // the centre was far off: squares once more, about the mean
    impl::DdPack again{Pack::all(0), Pack::all(0)};
    tiles.each(0, rows, [&](const double* x, int rows_here) { add_squares(x, rows_here, mean.hi, again); });
    m.m2 = static_cast<double>(reduce(again) - DD(mean.lo) * DD(mean.lo) * DD(n));
  }
  if (std::isfinite(m.m2)) m.m2 = std::max(m.m2, 0.0);
  else m.m2 = m.min == m.max ? 0 : inf;  // squares beyond the largest double
  return m;
}

ZoneMoments moments_of(const Column& column, std::int64_t rows) {
  ColumnMoments m;
  m.add(column, 0, rows);
  return m.finish(column, rows);
}

void impl::merge_means(ZoneMoments& into, const ZoneMoments& from, DD a, DD b) {
  // delta = mean_b - mean_a; mean = mean_a + delta b / (a + b); m2 = m2_a + m2_b + delta^2 a b / (a + b)  (Chan, Golub & LeVeque, eq. 2.1)
  DD const both = a + b;
  into.n += from.n;
  into.min = std::min(into.min, from.min);
  into.max = std::max(into.max, from.max);
  if (!std::isfinite(into.mean) || !std::isfinite(from.mean)) {
    into.mean += from.mean;
    into.mean_lo = 0;
    into.m2 = std::numeric_limits<double>::quiet_NaN();
    return;
  }
  DD const delta = DD(from.mean, from.mean_lo) - DD(into.mean, into.mean_lo);
  DD const mean = DD(into.mean, into.mean_lo) + delta * (b / both);  // quotients first: weights may be huge or tiny
  if (!std::isfinite(mean.hi) || !std::isfinite(mean.lo)) {  // distances beyond the largest double
    into.mean = into.mean * (a.hi / both.hi) + from.mean * (b.hi / both.hi);
    into.mean_lo = 0;
    into.m2 = into.min == into.max ? 0 : inf;
    return;
  }
  into.mean = mean.hi;
  into.mean_lo = mean.lo;
  into.m2 += from.m2 + delta.hi * delta.hi * (a.hi * (b.hi / both.hi));
}

void merge_moments(ZoneMoments& into, const ZoneMoments& from) {
  into.missing += from.missing;
  if (from.n == 0) return;
  if (into.n == 0) {
    auto const missing = into.missing;
    into = from;
    into.missing = missing;
    return;
  }
  impl::merge_means(into, from, DD(static_cast<double>(into.n)), DD(static_cast<double>(from.n)));
}

Moments::Moments(std::vector<int> columns) : columns_(std::move(columns)) { reset(); }

void Moments::reset() {
  ZoneMoments fresh;
  fresh.min = inf;
  fresh.max = -inf;
  state_.assign(columns_.size(), fresh);
}

void Moments::update(const Chunk& chunk) {
  for (std::size_t k = 0; k < columns_.size(); ++k) merge_moments(state_[k], moments_of(chunk.columns[columns_[k]], chunk.rows));
}

void Moments::update_column(const Chunk& chunk, int, std::int64_t first, std::int64_t rows) {
  if (first == 0) open_.reset();
  open_.add(chunk.columns[0], first, rows);
}

void Moments::finish_column(const Chunk& chunk, int position) {
  auto const whole = open_.finish(chunk.columns[0], chunk.rows);
  for (std::size_t k = 0; k < columns_.size(); ++k)
    if (columns_[k] == position) merge_moments(state_[k], whole);
}

namespace {
constexpr std::size_t packed_doubles = 7;
void write(const ZoneMoments& m, double* out) {
  // Counts lie in the doubles as bits: copied as memory, because arithmetic could quieten a NaN pattern
  std::memcpy(out, &m.n, sizeof m.n);
  std::memcpy(out + 1, &m.missing, sizeof m.missing);
  out[2] = m.mean, out[3] = m.mean_lo, out[4] = m.m2, out[5] = m.min, out[6] = m.max;
}
ZoneMoments read(const double* in) {
  ZoneMoments m;
  std::memcpy(&m.n, in, sizeof m.n);
  std::memcpy(&m.missing, in + 1, sizeof m.missing);
  m.mean = in[2], m.mean_lo = in[3], m.m2 = in[4], m.min = in[5], m.max = in[6];
  return m;
}
}  // namespace

std::size_t Moments::packed_size() const { return packed_doubles * columns_.size(); }
void Moments::pack(std::span<double> out) const {
  for (std::size_t k = 0; k < state_.size(); ++k) write(state_[k], out.data() + packed_doubles * k);
}
void Moments::unpack(std::span<double const> in) {
  for (std::size_t k = 0; k < state_.size(); ++k) state_[k] = read(in.data() + packed_doubles * k);
}
void Moments::merge(std::span<double> into, std::span<double const> from) const {
  for (std::size_t k = 0; k < state_.size(); ++k) {
    auto m = read(into.data() + packed_doubles * k);
    merge_moments(m, read(from.data() + packed_doubles * k));
    write(m, into.data() + packed_doubles * k);
  }
}

}  // namespace rxhpc
