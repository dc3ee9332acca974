#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "rxhpc/dd.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/moments.hpp"
#include "rxhpc/packed_counts.hpp"

namespace rxhpc {
namespace {

constexpr int tile_rows = 1024;
constexpr std::int64_t block_rows = 32768;  // keys and values of a block stay in L2 between the two passes over it
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t packed_doubles = 9;
constexpr std::size_t packed_counters = 6;

/// Sums of one cell over one block; the cell past the last takes the rows that are left out.
struct Cell {
  double sum, sum_error, low, high, weight, weight_error, centre, centre_lo, square;
  std::int64_t n, missing;
};
constexpr Cell empty_cell{0, 0, inf, -inf, 0, 0, 0, 0, 0, 0, 0};

WeightedMoments fresh_cell() {
  WeightedMoments m;
  m.base.min = inf;
  m.base.max = -inf;
  return m;
}

inline void add(double& sum, double& error, DD x) {
  DD const s = two_sum(sum, x.hi);
  sum = s.hi;
  error += s.lo + x.lo;
}

/// n, sum of weights, sum of w x with all rounding errors, extremes
template <bool Weighted>
void sum_rows(const std::uint32_t* key, const double* x, const double* w, int rows, Cell* cells) {
  for (int i = 0; i < rows; ++i) {
    Cell& c = cells[key[i]];
    ++c.n;
    c.low = x[i] < c.low ? x[i] : c.low;
    c.high = x[i] > c.high ? x[i] : c.high;
    if constexpr (Weighted) {
      add(c.weight, c.weight_error, w[i]);
      add(c.sum, c.sum_error, two_prod(w[i], x[i]));
    } else {
      add(c.sum, c.sum_error, x[i]);
    }
  }
}

/// squared distances from the cell's mean
template <bool Weighted>
void square_rows(const std::uint32_t* key, const double* x, const double* w, std::int64_t rows, Cell* cells) {
  for (std::int64_t i = 0; i < rows; ++i) {
    Cell& c = cells[key[i]];
    double const d = x[i] - c.centre;
    c.square = std::fma(Weighted ? w[i] * d : d, d, c.square);
  }
}

DD mean_of(const Cell& c, DD weight) {
  if (c.low == -inf || c.high == inf) return {c.low == -inf && c.high == inf ? nan : c.low == -inf ? -inf : inf, 0};
  return two_sum(c.sum, c.sum_error) / weight;
}

/// Means of the cells but the last, and once more of those whose sums are beyond the largest double.
void find_means(const std::uint32_t* key, const double* x, const double* w, std::int64_t rows, std::vector<Cell>& cells) {
  constexpr double small = 0x1p-200;
  auto const weight_of = [w](const Cell& c) { return w ? two_sum(c.weight, c.weight_error) : DD(static_cast<double>(c.n)); };
  std::vector<char> huge;
  for (std::size_t k = 0; k + 1 < cells.size(); ++k) {
    Cell& c = cells[k];
    if (c.n == 0) continue;
    DD const mean = mean_of(c, weight_of(c));
    c.centre = mean.hi;
    c.centre_lo = mean.lo;
    if (c.low == -inf || c.high == inf || (std::isfinite(mean.hi) && std::isfinite(mean.lo))) continue;
    huge.resize(cells.size());
    huge[k] = 1;
    c.sum = c.sum_error = 0;
  }
  if (huge.empty()) return;
  for (std::int64_t i = 0; i < rows; ++i)
    if (huge[key[i]]) add(cells[key[i]].sum, cells[key[i]].sum_error, DD(x[i] * small) * DD(w ? w[i] : 1.0));
  for (std::size_t k = 0; k < cells.size(); ++k) {
    if (!huge[k]) continue;
    cells[k].centre = mean_of(cells[k], weight_of(cells[k])).hi / small;
    cells[k].centre_lo = 0;
  }
}

}  // namespace

void merge_weighted_moments(WeightedMoments& into, const WeightedMoments& from) {
  auto& a = into.base;
  auto const& b = from.base;
  if (b.n == 0) {
    a.missing += b.missing;
    return;
  }
  if (a.n == 0) {
    auto const missing = a.missing;
    into = from;
    a.missing += missing;
    return;
  }
  DD const wa(into.weight_sum, into.weight_sum_lo), wb(from.weight_sum, from.weight_sum_lo), w = wa + wb;
  a.missing += b.missing;
  impl::merge_means(a, b, wa, wb);
  into.weight_sum = w.hi;
  into.weight_sum_lo = w.lo;
}

double variance_of(const WeightedMoments& m, bool weighted, bool frequency) {
  double const n = static_cast<double>(m.base.n), w = m.weight_sum + m.weight_sum_lo;
  if (weighted && frequency) return w > 1 ? m.base.m2 / (w - 1) : nan;
  if (m.base.n < 2) return nan;
  return weighted ? n / (n - 1) * m.base.m2 / w : m.base.m2 / (n - 1);
}

/// What one block needs, kept between the blocks of a chunk.
struct CellMoments::Block {
  std::vector<std::uint32_t> key;
  std::vector<double> value, weight;
  std::vector<Cell> cells;
};

CellMoments::CellMoments(Spec spec) : spec_(std::move(spec)) {
  std::size_t cells = 1;
  for (int k : spec_.levels) cells *= static_cast<std::size_t>(k);
  if (spec_.levels.size() != spec_.factors.size()) throw UsageError("CellMoments: one number of levels a factor is needed");
  state_.assign(cells, fresh_cell());
}

void CellMoments::reset() {
  std::fill(state_.begin(), state_.end(), fresh_cell());
  missing_factor_ = missing_weight_ = refused_weight_ = excluded_ = zero_weight_ = without_weight_ = 0;
}

void CellMoments::update(const Chunk& chunk) {
  Block block;
  auto const longest = std::min(chunk.rows, std::max<std::int64_t>(block_rows, 8 * static_cast<std::int64_t>(state_.size())));
  block.key.resize(longest);
  if (spec_.value >= 0) block.value.resize(longest);
  if (spec_.weight >= 0) block.weight.resize(longest);
  block.cells.resize(state_.size() + 1);
  for (std::int64_t first = 0; first < chunk.rows; first += longest) add_block(chunk, first, std::min(longest, chunk.rows - first), block);
}

/// Keys, values and weights of one tile: rows left out go to the cell past the last and are counted where they belong.
void CellMoments::prepare_tile(const Chunk& chunk, std::int64_t first, int rows, std::uint32_t* key, double* value, double* weight, Block& block) {
  auto const cells = static_cast<std::uint32_t>(state_.size());
  std::fill(key, key + rows, 0u);
  std::uint32_t step = 1;
  std::int32_t codes[tile_rows];
  char out[tile_rows] = {};  // why a row is left out, the first reason counting: 1 factor, 2 listwise, 3 weight
  for (std::size_t f = 0; f < spec_.factors.size(); ++f) {
    load_codes(chunk.columns[spec_.factors[f]], first, rows, codes);
    auto const levels = static_cast<std::uint32_t>(spec_.levels[f]);
    for (int i = 0; i < rows; ++i) {
      auto const code = static_cast<std::uint32_t>(codes[i]);
      out[i] = static_cast<char>(out[i] | (code >= levels));
      key[i] += code * step;
    }
    step *= levels;
  }
  double column[tile_rows];
  for (int p : spec_.also_present) {
    load_values(chunk.columns[p], first, rows, column);
    for (int i = 0; i < rows; ++i)
      if (column[i] != column[i] && out[i] == 0) out[i] = 2;
  }
  if (value) load_values(chunk.columns[spec_.value], first, rows, value);
  if (weight) load_values(chunk.columns[spec_.weight], first, rows, weight);
  for (int i = 0; i < rows; ++i) {
    bool const no_value = value && value[i] != value[i];
    bool const plain = !weight || (weight[i] > 0 && weight[i] < inf);
    if (out[i] == 0 && !no_value && plain) continue;
    std::uint32_t const cell = key[i];
    key[i] = cells;
    if (weight && weight[i] == 0) {
      ++zero_weight_;
      continue;
    }
    without_weight_ += weight && weight[i] != weight[i];
    if (weight && (weight[i] < 0 || weight[i] == inf)) ++refused_weight_;
    else if (out[i] == 1) ++missing_factor_;
    else if (out[i] == 2) ++excluded_;
    else if (no_value) ++block.cells[cell].missing;
    else ++missing_weight_;
  }
}

void CellMoments::add_block(const Chunk& chunk, std::int64_t first, std::int64_t rows, Block& block) {
  bool const weighted = spec_.weight >= 0, valued = spec_.value >= 0;
  std::fill(block.cells.begin(), block.cells.end(), empty_cell);
  for (std::int64_t at = 0; at < rows; at += tile_rows) {
    int const n = static_cast<int>(std::min<std::int64_t>(tile_rows, rows - at));
    auto* const key = block.key.data() + at;
    auto* const x = valued ? block.value.data() + at : nullptr;
    auto* const w = weighted ? block.weight.data() + at : nullptr;
    prepare_tile(chunk, first + at, n, key, x, w, block);
    if (valued && weighted) sum_rows<true>(key, x, w, n, block.cells.data());
    else if (valued) sum_rows<false>(key, x, w, n, block.cells.data());
    else
      for (int i = 0; i < n; ++i) {
        Cell& c = block.cells[key[i]];
        ++c.n;
        if (weighted) add(c.weight, c.weight_error, w[i]);
      }
  }
  if (valued) {
    find_means(block.key.data(), block.value.data(), weighted ? block.weight.data() : nullptr, rows, block.cells);
    if (weighted) square_rows<true>(block.key.data(), block.value.data(), block.weight.data(), rows, block.cells.data());
    else square_rows<false>(block.key.data(), block.value.data(), nullptr, rows, block.cells.data());
  }
  for (std::size_t k = 0; k < state_.size(); ++k) {
    Cell const& c = block.cells[k];
    if (c.n == 0 && c.missing == 0) continue;
    WeightedMoments m = fresh_cell();
    m.base.n = c.n;
    m.base.missing = c.missing;
    DD const w = weighted ? two_sum(c.weight, c.weight_error) : DD(static_cast<double>(c.n));
    m.weight_sum = w.hi;
    m.weight_sum_lo = w.lo;
    if (valued && c.n > 0) {
      m.base.mean = c.centre;
      m.base.mean_lo = std::isfinite(c.centre) ? c.centre_lo : 0;
      if (!std::isfinite(c.centre)) m.base.m2 = nan;
      else if (!std::isfinite(c.square)) m.base.m2 = c.low == c.high ? 0 : inf;  // beyond the largest double
      else m.base.m2 = std::max(0.0, c.square - w.hi * c.centre_lo * c.centre_lo);
      m.base.min = c.low;
      m.base.max = c.high;
    }
    merge_weighted_moments(state_[k], m);
  }
}

namespace {
void write(const WeightedMoments& m, double* out) {
  std::memcpy(out, &m.base.n, sizeof(double));
  std::memcpy(out + 1, &m.base.missing, sizeof(double));
  double const rest[7] = {m.base.mean, m.base.mean_lo, m.base.m2, m.base.min, m.base.max, m.weight_sum, m.weight_sum_lo};
  std::memcpy(out + 2, rest, sizeof rest);
}
WeightedMoments read(const double* in) {
  WeightedMoments m;
  std::memcpy(&m.base.n, in, sizeof(double));
  std::memcpy(&m.base.missing, in + 1, sizeof(double));
  m.base.mean = in[2], m.base.mean_lo = in[3], m.base.m2 = in[4], m.base.min = in[5], m.base.max = in[6];
  m.weight_sum = in[7], m.weight_sum_lo = in[8];
  return m;
}
}  // namespace

std::size_t CellMoments::packed_size() const { return packed_counters + packed_doubles * state_.size(); }

void CellMoments::pack(std::span<double> out) const {
  std::int64_t const counters[packed_counters] = {missing_factor_, missing_weight_, refused_weight_, excluded_, zero_weight_, without_weight_};
  std::memcpy(out.data(), counters, sizeof counters);
  for (std::size_t k = 0; k < state_.size(); ++k) write(state_[k], out.data() + packed_counters + packed_doubles * k);
}

void CellMoments::unpack(std::span<double const> in) {
  std::int64_t counters[packed_counters];
  std::memcpy(counters, in.data(), sizeof counters);
  missing_factor_ = counters[0], missing_weight_ = counters[1], refused_weight_ = counters[2], excluded_ = counters[3];
  zero_weight_ = counters[4], without_weight_ = counters[5];
  for (std::size_t k = 0; k < state_.size(); ++k) state_[k] = read(in.data() + packed_counters + packed_doubles * k);
}

void CellMoments::merge(std::span<double> into, std::span<double const> from) const {
  add_packed_counts(into, from, packed_counters);
  for (std::size_t k = 0; k < state_.size(); ++k) {
    auto const at = packed_counters + packed_doubles * k;
    auto m = read(into.data() + at);
    merge_weighted_moments(m, read(from.data() + at));
    write(m, into.data() + at);
  }
}

}  // namespace rxhpc
