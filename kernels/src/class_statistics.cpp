#include "rxhpc/class_statistics.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "rxhpc/dd.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/pack.hpp"
#include "rxhpc/packed_counts.hpp"

namespace rxhpc {
namespace {

using impl::Pack;
constexpr std::int64_t tile_rows = 2048;  // a column's tile stays in the first-level cache while it is looked at by groups of classes
constexpr int replicas = 4;               // neighbouring rows with the same key must not wait for one another's store
constexpr std::size_t packed_moments = 7;
constexpr double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();

}  // namespace

ClassStatistics::ClassStatistics(Spec spec) : spec_(std::move(spec)) {
  if (spec_.classes < 1 || spec_.classes > 65534) throw UsageError("a response with " + std::to_string(spec_.classes) + " levels cannot be a class");
  auto const k = static_cast<std::size_t>(spec_.classes);
  std::size_t counts = 0;
  for (int levels : spec_.levels) {
    first_count_.push_back(counts);
    counts += static_cast<std::size_t>(levels) * k;
  }
  bool const weighted = spec_.weight >= 0;
  counts_.assign(fixed + k + (weighted ? 0 : counts), 0);
  weights_.assign(k + (weighted ? counts : 0), 0.0);
  moments_.assign(spec_.numbers.size() * k, {});
  block_.resize(k + 1);
  centre_.resize(k + 1);
}

void ClassStatistics::reset() {
  std::fill(counts_.begin(), counts_.end(), 0);
  std::fill(weights_.begin(), weights_.end(), 0.0);
  std::fill(moments_.begin(), moments_.end(), WeightedMoments{});
}

void ClassStatistics::update(const Chunk& chunk) {
  Chunk one;
  one.index = chunk.index;
  one.first_row = chunk.first_row;
  one.rows = chunk.rows;
  one.columns.resize(1);
  auto const each = [&](int position) {
    one.columns[0] = chunk.columns[static_cast<std::size_t>(position)];
    finish_column(one, position);
  };
  // classes, weights and selection first, then each other column once
  std::vector<int> order{spec_.response};
  auto const add = [&](int position) {
    if (position >= 0 && std::find(order.begin(), order.end(), position) == order.end()) order.push_back(position);
  };
  add(spec_.weight);
  add(spec_.also_true);
  for (int position : spec_.numbers) add(position);
  for (int position : spec_.factors) add(position);
  for (int position : order) each(position);
}

void ClassStatistics::finish_column(const Chunk& chunk, int position) {
  auto const& column = chunk.columns[0];
  if (position == spec_.response) read_classes(chunk, column);
  if (position == spec_.weight) read_weights(chunk, column);
  if (position == spec_.also_true) read_selection(chunk, column);
  for (std::size_t k = 0; k < spec_.numbers.size(); ++k)
    if (spec_.numbers[k] == position) add_number(column, k);
  for (std::size_t f = 0; f < spec_.factors.size(); ++f)
    if (spec_.factors[f] == position) add_factor(column, f);
}

void ClassStatistics::read_classes(const Chunk& chunk, const Column& column) {
  settled_ = false;
  rows_ = chunk.rows;
  auto const padded = static_cast<std::size_t>((rows_ + 7) / 8 * 8);
  class_.assign(padded, static_cast<std::uint16_t>(spec_.classes));
  row_weight_.assign(spec_.weight >= 0 ? padded : 0, 0.0);
  std::int32_t codes[tile_rows];
  for (std::int64_t first = 0; first < rows_; first += tile_rows) {
    auto const n = std::min(tile_rows, rows_ - first);
    load_codes(column, first, n, codes);
    for (std::int64_t i = 0; i < n; ++i)
      class_[static_cast<std::size_t>(first + i)] = static_cast<std::uint16_t>(std::min(static_cast<std::uint32_t>(codes[i]), static_cast<std::uint32_t>(spec_.classes)));
  }
}

/// Rows that take no part for another reason than a missing class get a number past it, which says why.
void ClassStatistics::read_weights(const Chunk& chunk, const Column& column) {
  load_values(column, 0, chunk.rows, row_weight_.data());
  auto const none = static_cast<std::uint16_t>(spec_.classes), no_row = static_cast<std::uint16_t>(spec_.classes + 1);
  for (std::size_t i = 0; i < static_cast<std::size_t>(chunk.rows); ++i) {
    double const w = row_weight_[i];
    bool const refused = w < 0 || w == inf;
    if (w > 0 && !refused && class_[i] < none) continue;
    counts_[2] += refused;
    if (refused || w == 0) class_[i] = no_row;
    else if (w != w) class_[i] = none;
    row_weight_[i] = 0;
  }
}

void ClassStatistics::read_selection(const Chunk& chunk, const Column& column) {
  for (std::int64_t i = 0; i < chunk.rows; ++i)
    if (column.value(i) != 1 && class_[static_cast<std::size_t>(i)] < spec_.classes) {
      class_[static_cast<std::size_t>(i)] = static_cast<std::uint16_t>(spec_.classes);
      if (spec_.weight >= 0) row_weight_[static_cast<std::size_t>(i)] = 0;
    }
}

/// Counts the rows of each class and marks them as bits.
void ClassStatistics::settle() {
  settled_ = true;
  auto const k = static_cast<std::size_t>(spec_.classes), packs = class_.size() / 8;
  if (spec_.classes <= most_masked) bits_.assign(k * packs, 0);
  for (std::size_t i = 0; i < static_cast<std::size_t>(rows_); ++i) {
    auto const c = class_[i];
    if (c >= k) {
      counts_[1] += c == k;
      class_[i] = static_cast<std::uint16_t>(k);
      continue;
    }
    ++counts_[0];
    ++counts_[fixed + c];
    if (spec_.weight >= 0) weights_[c] += row_weight_[i];
    if (spec_.classes <= most_masked) bits_[c * packs + i / 8] |= static_cast<std::uint8_t>(1u << i % 8);
  }
  if (spec_.weight < 0)
    for (std::size_t c = 0; c < k; ++c) weights_[c] = static_cast<double>(counts_[fixed + c]);
}

void ClassStatistics::add_number(const Column& column, std::size_t number) {
  if (!settled_) settle();
  // many classes: longer blocks, so that merging them stays cheap
  std::int64_t const block = tile_rows * std::max(1, spec_.classes / 16);
  bool const in_place = column.side_by_side_doubles();
  if (!in_place) values_.resize(static_cast<std::size_t>(block));
  for (std::int64_t first = 0; first < rows_; first += block) {
    auto const rows = std::min(block, rows_ - first);
    const double* x = static_cast<const double*>(column.data) + first;
    if (!in_place) {
      load_values(column, first, rows, values_.data());
      x = values_.data();
    }
    set_centres(x, first, rows, number);
    std::fill(block_.begin(), block_.end(), Sums{});
    if (spec_.classes > most_masked) {
      sums_by_row(x, first, rows);
    } else {
      bool const weighted = spec_.weight >= 0;
      int c = 0;
      for (; c + 2 <= spec_.classes; c += 2) weighted ? sums_by_mask<2, true>(x, first, rows, c) : sums_by_mask<2, false>(x, first, rows, c);
      if (c < spec_.classes) weighted ? sums_by_mask<1, true>(x, first, rows, c) : sums_by_mask<1, false>(x, first, rows, c);
    }
    merge_block(number);
  }
}

/// Each class's mean so far, or that of the block: weights may leave the spread of what weighs most far below the distance of any one value.
void ClassStatistics::set_centres(const double* x, std::int64_t first, std::int64_t rows, std::size_t number) {
  bool all = true;
  for (int c = 0; c < spec_.classes; ++c) {
    auto const& m = moments(static_cast<int>(number), c).base;
    centre_[static_cast<std::size_t>(c)] = m.n > 0 ? m.mean : nan;
    all &= m.n > 0;
  }
  if (all) return;
  std::fill(block_.begin(), block_.end(), Sums{});
  for (std::int64_t i = 0; i < rows; ++i) {
    auto const row = static_cast<std::size_t>(first + i);
    double const w = spec_.weight >= 0 ? row_weight_[row] : 1.0;
    if (x[i] != x[i]) continue;
    block_[class_[row]].sum += w * x[i];
    block_[class_[row]].weight += w;
  }
  for (std::size_t c = 0; c < centre_.size(); ++c) {
    if (centre_[c] == centre_[c]) continue;
    double const mean = block_[c].sum / block_[c].weight;
    centre_[c] = std::isfinite(mean) ? mean : 0;
  }
}

/// sum of w t, sum of w t^2, t = x - centre, for Group classes from c on
template <int Group, bool Weighted>
void ClassStatistics::sums_by_mask(const double* x, std::int64_t first, std::int64_t rows, int c) {
  std::size_t const packs = class_.size() / 8;
  const std::uint8_t* bits[Group];
  Pack sum[Group], square[Group], weight[Group], centre[Group];
  std::int64_t n[Group] = {}, missing[Group] = {};
  for (int g = 0; g < Group; ++g) {
    bits[g] = bits_.data() + static_cast<std::size_t>(c + g) * packs + static_cast<std::size_t>(first / 8);
    sum[g] = square[g] = weight[g] = Pack::all(0);
    centre[g] = Pack::all(centre_[static_cast<std::size_t>(c + g)]);
  }
  for (std::int64_t i = 0; i < rows; i += 8) {
    Pack const v = rows - i >= 8 ? Pack::load(x + i) : Pack::load_part(x + i, static_cast<int>(rows - i));
    unsigned const there = is_number(v).bits();
    Pack const w = Weighted ? Pack::load(row_weight_.data() + first + i) : Pack::all(1);
#pragma GCC unroll 2
    for (int g = 0; g < Group; ++g) {
      unsigned const mine = bits[g][i / 8];
      n[g] += std::popcount(mine & there);
      missing[g] += std::popcount(mine & ~there);
      auto const mask = mask_of(mine & there, v);
      Pack const t = keep(mask, v - centre[g]);
      if constexpr (Weighted) {
        weight[g] = weight[g] + keep(mask, w);
        Pack const wt = w * t;
        sum[g] = sum[g] + wt;
        square[g] = fma(wt, t, square[g]);
      } else {
        sum[g] = sum[g] + t;
        square[g] = fma(t, t, square[g]);
      }
    }
  }
  for (int g = 0; g < Group; ++g) {
    auto const total = [](Pack p) {
      double lane[8];
      p.store(lane);
      return impl::lane_sum(lane);
    };
    block_[static_cast<std::size_t>(c + g)] = {total(sum[g]), total(square[g]), Weighted ? total(weight[g]) : static_cast<double>(n[g]), n[g], missing[g]};
  }
}

void ClassStatistics::sums_by_row(const double* x, std::int64_t first, std::int64_t rows) {
  const double* const w = spec_.weight >= 0 ? row_weight_.data() + first : nullptr;
  for (std::int64_t i = 0; i < rows; ++i) {
    auto const c = class_[static_cast<std::size_t>(first + i)];
    Sums& b = block_[c];
    double const t = x[i] - centre_[c];
    if (t != t && x[i] != x[i]) {
      ++b.missing;
      continue;
    }
    double const weight = w ? w[i] : 1.0, wt = weight * t;
    ++b.n;
    b.weight += weight;
    b.sum += wt;
    b.square = std::fma(wt, t, b.square);
  }
}

void ClassStatistics::merge_block(std::size_t number) {
  for (int c = 0; c < spec_.classes; ++c) {
    Sums const& b = block_[static_cast<std::size_t>(c)];
    if (b.n == 0 && b.missing == 0) continue;
    WeightedMoments m;
    m.base.n = b.n;
    m.base.missing = b.missing;
    m.weight_sum = b.weight;
    if (b.n > 0) {
      // mean = centre + sum / W, m2 = square - sum^2 / W
      DD const mean = two_sum(centre_[static_cast<std::size_t>(c)], b.sum / b.weight);
      bool const finite = std::isfinite(mean.hi);
      m.base.mean = mean.hi;
      m.base.mean_lo = finite ? mean.lo : 0;
      m.base.m2 = finite ? std::max(0.0, b.square - b.sum * (b.sum / b.weight)) : nan;
    }
    merge_weighted_moments(moments_[number * static_cast<std::size_t>(spec_.classes) + static_cast<std::size_t>(c)], m);
  }
}

template <class Code>
void ClassStatistics::count_levels(const Code* codes, std::int64_t first, std::int64_t rows, std::uint32_t levels) {
  auto const width = static_cast<std::uint32_t>(spec_.classes + 1);
  auto const key = [&](std::int64_t i) {
    return std::min(static_cast<std::uint32_t>(static_cast<std::int32_t>(codes[i])), levels) * width + class_[static_cast<std::size_t>(first + i)];
  };
  if (spec_.weight >= 0) {
    for (std::int64_t i = 0; i < rows; ++i) weight_bins_[key(i)] += row_weight_[static_cast<std::size_t>(first + i)];
    return;
  }
  std::size_t const bins = (levels + std::size_t{1}) * width;
  std::uint32_t* const to = bins_.data();
  std::int64_t i = 0;
  for (; i + replicas <= rows; i += replicas)
#pragma GCC unroll 4
    for (int r = 0; r < replicas; ++r) ++to[static_cast<std::size_t>(r) * bins + key(i + r)];
  for (; i < rows; ++i) ++to[key(i)];
}

void ClassStatistics::add_factor(const Column& column, std::size_t factor) {
  if (!settled_) settle();
  auto const levels = static_cast<std::uint32_t>(spec_.levels[factor]);
  auto const k = static_cast<std::size_t>(spec_.classes), bins = (levels + std::size_t{1}) * (k + 1);
  if (spec_.weight >= 0) weight_bins_.assign(bins, 0.0);
  else bins_.assign(bins * replicas, 0u);
  if (column.stride == 1 && column.missing < 0 && column.storage == Storage::int8)
    count_levels(static_cast<const std::int8_t*>(column.data), 0, rows_, levels);
  else if (column.stride == 1 && column.missing < 0 && column.storage == Storage::int16)
    count_levels(static_cast<const std::int16_t*>(column.data), 0, rows_, levels);
  else
    for (std::int64_t first = 0; first < rows_; first += tile_rows) {
      std::int32_t codes[tile_rows];
      auto const n = std::min(tile_rows, rows_ - first);
      load_codes(column, first, n, codes);
      count_levels(codes, first, n, levels);
    }
  for (std::size_t l = 0; l < levels; ++l)
    for (std::size_t c = 0; c < k; ++c) {
      auto const at = first_count_[factor] + l * k + c, bin = l * (k + 1) + c;
      if (spec_.weight >= 0) weights_[k + at] += weight_bins_[bin];
      else
        for (std::size_t r = 0; r < replicas; ++r) counts_[fixed + k + at] += bins_[r * bins + bin];
    }
}

double ClassStatistics::count(int factor, int level, int c) const {
  auto const k = static_cast<std::size_t>(spec_.classes);
  auto const at = first_count_[static_cast<std::size_t>(factor)] + static_cast<std::size_t>(level) * k + static_cast<std::size_t>(c);
  return spec_.weight >= 0 ? weights_[k + at] : static_cast<double>(counts_[fixed + k + at]);
}

std::size_t ClassStatistics::packed_size() const { return counts_.size() + weights_.size() + packed_moments * moments_.size(); }

namespace {
void write(const WeightedMoments& m, double* out) {
  std::memcpy(out, &m.base.n, sizeof(double));
  std::memcpy(out + 1, &m.base.missing, sizeof(double));
  double const rest[5] = {m.base.mean, m.base.mean_lo, m.base.m2, m.weight_sum, m.weight_sum_lo};
  std::memcpy(out + 2, rest, sizeof rest);
}
WeightedMoments read(const double* in) {
  WeightedMoments m;
  std::memcpy(&m.base.n, in, sizeof(double));
  std::memcpy(&m.base.missing, in + 1, sizeof(double));
  m.base.mean = in[2], m.base.mean_lo = in[3], m.base.m2 = in[4], m.weight_sum = in[5], m.weight_sum_lo = in[6];
  return m;
}
}  // namespace

void ClassStatistics::pack(std::span<double> out) const {
  std::memcpy(out.data(), counts_.data(), counts_.size() * sizeof(double));
  double* at = std::copy(weights_.begin(), weights_.end(), out.data() + counts_.size());
  for (auto const& m : moments_) write(m, at), at += packed_moments;
}

void ClassStatistics::unpack(std::span<double const> in) {
  std::memcpy(counts_.data(), in.data(), counts_.size() * sizeof(double));
  const double* at = in.data() + counts_.size();
  std::copy_n(at, weights_.size(), weights_.begin());
  at += weights_.size();
  for (auto& m : moments_) m = read(at), at += packed_moments;
}

void ClassStatistics::merge(std::span<double> into, std::span<double const> from) const {
  add_packed_counts(into, from, counts_.size());
  std::size_t at = counts_.size();
  for (; at < counts_.size() + weights_.size(); ++at) into[at] += from[at];
  for (; at < packed_size(); at += packed_moments) {
    auto m = read(into.data() + at);
    merge_weighted_moments(m, read(from.data() + at));
    write(m, into.data() + at);
  }
}

}  // namespace rxhpc
