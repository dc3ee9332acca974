#include "design_tile.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "rxhpc/pack.hpp"

namespace rxhpc::impl {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

int padded(int rows) { return (rows + 7) / 8 * 8; }

// A tile's columns are used where they lie unless more of them meet than a second-level cache has ways: Zen has 8 of 64 KiB.
constexpr std::uintptr_t way_bytes = 65536;
constexpr int ways = 8;

bool all_finite(const double* x, int rows) {
  unsigned good = 0xff;
  for (int i = 0; i < rows; i += 8) good &= below(Pack::load(x + i), inf).bits();
  return good == 0xff;
}

bool copy_finite(const double* x, int rows, double shift, double* to) {
  Pack const about = Pack::all(shift);
  unsigned good = 0xff;
  for (int i = 0; i < rows; i += 8) {
    Pack const p = Pack::load(x + i) - about;
    good &= below(p, inf).bits();
    p.store(to + i);
  }
  return good == 0xff;
}

bool all_levels(const std::int32_t* code, int rows, int levels) {
  std::uint32_t highest = 0;  // a maximum is what compilers turn into vectors; a missing code is the highest of all
  for (int i = 0; i < rows; ++i) highest = std::max(highest, static_cast<std::uint32_t>(code[i]));
  return highest < static_cast<std::uint32_t>(levels);
}

}  // namespace

// Buffers: numeric columns, the weight, dense columns, values. One spare line lets the first start on a cache line.
TileReader::TileReader(const DesignPlan& plan)
    : plan_(plan),
      stride_(plan.tile_rows),
      storage_((plan.numeric.size() + 1 + plan.dense.size() + plan.values.size()) * stride_ + 8),
      codes_(plan.factors.size() * stride_),
      cells_(plan.keys.size() * stride_),
      numeric_(plan.numeric.size()),
      dense_(plan.dense.size()),
      values_(plan.values.size()) {
  auto const address = reinterpret_cast<std::uintptr_t>(storage_.data());
  buffers_ = storage_.data() + (64 - address % 64) % 64 / sizeof(double);
  for (std::size_t k = 0; k < plan.keys.size(); ++k) cell_.push_back(cells_.data() + k * stride_);
}

/// The values of a tile less the shift, zero up to the next multiple of 8; notes whether all are finite while they are at hand.
const double* TileReader::load(const Column& column, std::int64_t first, int rows, double shift, double* to) {
  if (column.side_by_side_doubles() && rows % 8 == 0) {
    double const* const x = static_cast<const double*>(column.data) + first;
    bool const stays = in_place_ && shift == 0;
    finite_ &= stays ? column.bound < inf || all_finite(x, rows) : copy_finite(x, rows, shift, to);
    return stays ? x : to;
  }
  load_values(column, first, rows, to);
  for (int i = 0; i < rows && shift != 0; ++i) to[i] -= shift;
  std::fill(to + rows, to + padded(rows), 0.0);
  finite_ &= all_finite(to, padded(rows));
  return to;
}

/// Whether the numeric columns' tiles lie so that the second-level cache can hold them all.
bool TileReader::fit_where_they_lie(const Chunk& chunk) const {
  auto const tile_bytes = static_cast<std::uintptr_t>(plan_.tile_rows) * sizeof(double), places = way_bytes / tile_bytes;
  std::array<int, way_bytes / (least_tile_rows * sizeof(double))> meeting{};
  for (std::size_t u = 0; u < plan_.numeric.size(); ++u) {
    auto const& column = chunk.columns[static_cast<std::size_t>(plan_.numeric[u])];
    if (plan_.shift[u] != 0 || !column.side_by_side_doubles()) continue;  // copied in any case
    auto const place = reinterpret_cast<std::uintptr_t>(column.data) / tile_bytes;
    for (auto at : {place % places, (place + 1) % places})
      if (++meeting[at] > ways) return false;
  }
  return true;
}

bool TileReader::codes_accepted(int rows) const {
  for (std::size_t f = 0; f < plan_.factors.size(); ++f)
    if (!all_levels(codes_.data() + f * stride_, rows, plan_.factors[f].levels)) return false;
  if (weight_)
    for (int i = 0; i < rows; ++i)
      if (!(weight_[i] > 0)) return false;
  return true;
}

/// Judges each row and moves the accepted ones together, in the buffers.
int TileReader::compact(int rows, RowCounts& counts) {
  std::vector<int> accepted;
  for (int i = 0; i < rows; ++i) {
    if (weight_ && weight_[i] == 0) continue;
    bool missing = weight_ && std::isnan(weight_[i]), infinite = weight_ && std::isinf(weight_[i]);
    for (auto const* x : numeric_) missing |= std::isnan(x[i]), infinite |= std::isinf(x[i]);
    for (std::size_t f = 0; f < plan_.factors.size(); ++f)
      missing |= static_cast<std::uint32_t>(codes_[f * stride_ + i]) >= static_cast<std::uint32_t>(plan_.factors[f].levels);
    if (missing) ++counts.missing;
    else if (weight_ && weight_[i] < 0) ++counts.negative;
    else if (infinite) ++counts.infinite;
    else accepted.push_back(i);
  }
  auto const gather = [&](const double*& x, double* to) {
    for (std::size_t k = 0; k < accepted.size(); ++k) to[k] = x[accepted[k]];
    x = to;
  };
  for (std::size_t u = 0; u < numeric_.size(); ++u) gather(numeric_[u], buffer(u));
  if (weight_) gather(weight_, buffer(numeric_.size()));
  for (std::size_t f = 0; f < plan_.factors.size(); ++f)
    for (std::size_t k = 0; k < accepted.size(); ++k) codes_[f * stride_ + k] = codes_[f * stride_ + accepted[k]];
  return static_cast<int>(accepted.size());
}

void TileReader::form(const DesignPlan::Product& product, int rows, double* to, const double*& out) {
  if (product.of.size() == 1 && product.shift == plan_.shift[product.of[0]]) {
    out = numeric_[product.of[0]];
    return;
  }
  int const end = padded(rows);
  if (product.of.empty()) {
    std::fill(to, to + rows, 1.0);
  } else {
    Pack const shift = Pack::all(product.shift);
    for (int i = 0; i < end; i += 8) {
      Pack x = Pack::load(numeric_[product.of[0]] + i);
      for (std::size_t k = 1; k < product.of.size(); ++k) x = x * Pack::load(numeric_[product.of[k]] + i);
      (product.shift == 0 ? x : x - shift).store(to + i);
    }
  }
  std::fill(to + rows, to + end, 0.0);
  out = to;
}

DesignTile TileReader::read(const Chunk& chunk, std::int64_t first, int rows, RowCounts& counts) {
  finite_ = true;
  if (auto const* const lies = numeric_.empty() ? nullptr : chunk.columns[plan_.numeric[0]].data; lies != seen_) {
    seen_ = lies;
    in_place_ = fit_where_they_lie(chunk);
  }
  for (std::size_t u = 0; u < numeric_.size(); ++u) numeric_[u] = load(chunk.columns[plan_.numeric[u]], first, rows, plan_.shift[u], buffer(u));
  weight_ = plan_.weight < 0 ? nullptr : load(chunk.columns[plan_.weight], first, rows, 0, buffer(numeric_.size()));
  for (std::size_t f = 0; f < plan_.factors.size(); ++f) load_codes(chunk.columns[plan_.factors[f].column], first, rows, codes_.data() + f * stride_);

  int const accepted = finite_ && codes_accepted(rows) ? rows : compact(rows, counts);
  counts.valid += accepted;
  if (accepted < rows) {
    for (std::size_t u = 0; u < numeric_.size(); ++u) std::fill(buffer(u) + accepted, buffer(u) + padded(accepted), 0.0);
    if (weight_) std::fill(buffer(numeric_.size()) + accepted, buffer(numeric_.size()) + padded(accepted), 0.0);
  }
  std::size_t next = numeric_.size() + 1;
  for (std::size_t k = 0; k < plan_.dense.size(); ++k) form(plan_.dense[k], accepted, buffer(next++), dense_[k]);
  for (std::size_t k = 0; k < plan_.values.size(); ++k) form(plan_.values[k], accepted, buffer(next++), values_[k]);
  for (std::size_t k = 0; k < plan_.keys.size(); ++k) {
    if (plan_.keys[k].factor.size() == 1) {
      cell_[k] = codes_.data() + plan_.keys[k].factor[0] * stride_;
      continue;
    }
    std::int32_t* const cell = cells_.data() + k * stride_;
    std::fill(cell, cell + accepted, 0);
    std::int32_t step = 1;
    for (std::size_t f = 0; f < plan_.keys[k].factor.size(); ++f) {
      std::int32_t const* const code = codes_.data() + plan_.keys[k].factor[f] * stride_;
      for (int i = 0; i < accepted; ++i) cell[i] += step * code[i];
      step *= plan_.keys[k].levels[f];
    }
  }
  return {accepted, dense_.data(), values_.data(), cell_.data(), weight_};
}

}  // namespace rxhpc::impl
