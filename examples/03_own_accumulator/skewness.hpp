// A statistic that rxhpc does not have: weighted skewness, in one pass. All that a sweep needs is the accumulator contract.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include <rxhpc/accumulator.hpp>

/// State: W = sum w, mean, M2 = sum w (x - mean)^2, M3 = sum w (x - mean)^3. Rows where x or w is missing, or w is not above 0, are
/// left out. Update and merge after Pebay (2008), equations 2.1 and 3.1, with weights in place of counts.
class WeightedSkewness {
 public:
  /// Positions of the value and the weight among the columns that are swept.
  WeightedSkewness(int value, int weight) : value_(value), weight_(weight) {}

  void reset() { state_ = {}; }

  void update(const rxhpc::Chunk& chunk) {
    auto const& values = chunk.columns[static_cast<std::size_t>(value_)];
    auto const& weights = chunk.columns[static_cast<std::size_t>(weight_)];
    for (std::int64_t i = 0; i < chunk.rows; ++i) {
      double const x = values.value(i), w = weights.value(i);
      if (std::isnan(x) || !(w > 0)) continue;
      add(state_, {w, x, 0, 0});
    }
  }

  std::size_t packed_size() const { return state_.size(); }
  void pack(std::span<double> out) const { std::copy(state_.begin(), state_.end(), out.begin()); }
  void unpack(std::span<double const> in) { std::copy(in.begin(), in.end(), state_.begin()); }

  /// Pure: looks at the two packed states alone. `from` holds the rows that come after those of `into`.
  void merge(std::span<double> into, std::span<double const> from) const {
    State a, b;
    std::copy(into.begin(), into.end(), a.begin());
    std::copy(from.begin(), from.end(), b.begin());
    add(a, b);
    std::copy(a.begin(), a.end(), into.begin());
  }

  double mean() const { return state_[1]; }
  double skewness() const { return std::sqrt(state_[0]) * state_[3] / std::pow(state_[2], 1.5); }

 private:
  using State = std::array<double, 4>;  // W, mean, M2, M3

  static void add(State& a, const State& b) {
    if (b[0] == 0) return;
    if (a[0] == 0) {
      a = b;
      return;
    }
    double const w = a[0] + b[0], d = b[1] - a[1], share = b[0] / w;
    // M3 first: it needs M2 of both sides as they were.
    a[3] += b[3] + d * d * d * a[0] * b[0] * (a[0] - b[0]) / (w * w) + 3 * d * (a[0] * b[2] - b[0] * a[2]) / w;
    a[2] += b[2] + d * d * a[0] * share;
    a[1] += d * share;
    a[0] = w;
  }

  int value_, weight_;
  State state_{};
};

static_assert(rxhpc::Accumulator<WeightedSkewness>);
