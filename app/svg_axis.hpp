// A numeric axis: round ticks and their labels.
#pragma once
#include <string>
#include <vector>

namespace rxhpc::app {

struct Axis {
  double low = 0, high = 1;         ///< what the axis shows; low < high
  double step = 1;                  ///< between ticks
  std::vector<double> ticks;        ///< multiples of 1, 2 or 5 times a power of ten, inside [low, high]
  std::vector<std::string> labels;  ///< [ticks]

  /// 0 at low, 1 at high.
  double place(double value) const { return (value - low) / (high - low); }
};

/// About `wanted` ticks for values in [low, high]. With `rounded` the ends move outwards to a tick where one is near. Equal or
/// non-finite ends give an axis around what there is.
Axis nice_axis(double low, double high, int wanted, bool rounded = false);
/// Four significant digits, for labels.
std::string short_number(double value);

}  // namespace rxhpc::app
