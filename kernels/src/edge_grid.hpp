// Which bucket between ascending edges a number falls into.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace rxhpc::impl {

/// A grid of even steps over the edges says how many of them lie below, up to those in the number's own step: these are searched. The step
/// of a number, rounded as it may be, never falls where the number grows, so that edges in lower steps are lower and those in higher ones higher.
class EdgeGrid {
 public:
  static constexpr int together = 16;

  explicit EdgeGrid(const std::vector<double>& edges) : edges_(edges) {
    auto const n = edges.size();
    if (n > 1) {
      double const width = edges.back() - edges.front();
      auto const steps = static_cast<double>(std::min<std::size_t>(2 * n, most_steps));
      if (std::isfinite(width) && std::isfinite(steps / width)) scale_ = steps / width, last_ = steps;
    }
    origin_ = scale_ > 0 ? edges.front() : 0;
    below_.assign(static_cast<std::size_t>(last_) + 2, 0);
    for (double e : edges) ++below_[static_cast<std::size_t>(step(e)) + 1];
    most_ = static_cast<std::uint32_t>(*std::max_element(below_.begin(), below_.end()));
    for (std::size_t k = 1; k < below_.size(); ++k) below_[k] += below_[k - 1];
    edges_.resize(n + most_, std::numeric_limits<double>::quiet_NaN());  // no number is at or above them
  }

  /// Edges that are not above x, for `together` numbers side by side; NaN gets some bucket.
  void find(const double* x, std::int32_t* bucket) const {
    const double* const edges = edges_.data();
    for (int i = 0; i < together; ++i) bucket[i] = below_[static_cast<std::size_t>(step(x[i]))];
    if (most_ == 0) return;
    auto count = most_;
    for (; count > 1; count -= count / 2) {
      auto const half = static_cast<std::int32_t>(count / 2);
      for (int i = 0; i < together; ++i) bucket[i] += edges[bucket[i] + half - 1] <= x[i] ? half : 0;
    }
    for (int i = 0; i < together; ++i) bucket[i] += edges[bucket[i]] <= x[i];
  }
  /// The same for fewer of them.
  void find(const double* x, int count, std::int32_t* bucket) const {
    double some[together] = {};
    std::int32_t found[together];
    std::copy_n(x, count, some);
    find(some, found);
    std::copy_n(found, count, bucket);
  }

 private:
  static constexpr std::size_t most_steps = 1 << 14;

  std::int32_t step(double x) const {
    double const at = (x - origin_) * scale_, positive = at > 0 ? at : 0;  // NaN: 0
    return static_cast<std::int32_t>(positive < last_ ? positive : last_);
  }

  std::vector<double> edges_;
  std::vector<std::int32_t> below_;  // [steps + 1] edges in lower steps
  double origin_ = 0, scale_ = 0, last_ = 0;
  std::uint32_t most_ = 0;           // edges in one step
};

}  // namespace rxhpc::impl
