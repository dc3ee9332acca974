#include "rxhpc/row_bounds.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "rxhpc/centroids.hpp"

namespace rxhpc {

void RowBounds::begin(std::int64_t rows) {
  saved = 0;
  auto const n = static_cast<std::size_t>((rows + 7) / 8 * 8);
  label.resize(n);
  upper.resize(n);
  lower.resize(n);
}

CentreMoves::CentreMoves(const Centres& from, const Centres& to) {
  for (int k = 0; k < to.count(); ++k) {
    double square = 0;
    for (int j = 0; j < to.columns(); ++j) {
      double const d = to.shifted(k)[j] - from.shifted(k)[j];
      square = std::fma(d, d, square);
    }
    // what may have underflown included
    auto const moved = static_cast<float>((std::sqrt(square) + 0x1p-500) * (1 + 0x1p-20));
    moved_.push_back(square == 0 && std::equal(to.shifted(k), to.shifted(k) + to.columns(), from.shifted(k)) ? 0 : std::max(moved, std::numeric_limits<float>::min()));
    if (k == 0 || moved_.back() > first_) {
      second_ = k == 0 ? 0 : first_;
      first_ = moved_.back();
      farthest_ = k;
    } else {
      second_ = std::max(second_, moved_.back());
    }
  }
}

}  // namespace rxhpc
