#include "histogram_breaks.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace rxhpc::impl {

std::vector<double> even_breaks(double low, double high, int bins) {
  std::vector<double> breaks(static_cast<std::size_t>(bins) + 1, high);
  double const width = (high - low) / bins;
  for (int k = 0; k < bins; ++k) breaks[static_cast<std::size_t>(k)] = low + k * width;
  return breaks;
}

std::vector<double> pretty(double low, double high, int n) {
  // A unit of 2, 5 or 10 is preferred where the unit below it is more than this much too small (R's high.u.bias and u5.bias).
  constexpr double bias = 1.5, bias5 = 0.5 + 1.5 * bias, slack = 1e-10, shrink = 0.75;
  double const range = high - low, largest = std::max(std::abs(low), std::abs(high));
  double cell = 1;
  bool tiny = range == 0 && high == 0;
  if (!tiny) {
    double const u = (1 + (bias5 >= 1.5 * bias + 0.5 ? 1 / (1 + bias) : 1.5 / (1 + bias5))) * std::max(1, n) * std::numeric_limits<double>::epsilon();
    cell = largest;
    tiny = range < cell * u * 3;
  }
  if (tiny) {
    if (cell > 10) cell = 9 + cell / 10;
    cell *= shrink;
  } else {
    cell = range / std::max(1, n);
  }
  cell = std::clamp(cell, 20 * std::numeric_limits<double>::min(), 0.1 * std::numeric_limits<double>::max());
  double const base = std::pow(10.0, std::floor(std::log10(cell)));
  double unit = base;
  if (2 * base - cell < bias * (cell - unit)) {
    unit = 2 * base;
    if (5 * base - cell < bias5 * (cell - unit)) {
      unit = 5 * base;
      if (10 * base - cell < bias * (cell - unit)) unit = 10 * base;
    }
  }
  double first = std::floor(low / unit + slack), last = std::ceil(high / unit - slack);
  while (first * unit > low + slack * unit) --first;
  while (last * unit < high - slack * unit) ++last;
  if (last - first < 1) {
    if (first >= 0 || (high == 0 && last == 0 && low != 0)) --first;
    else ++last;
  }
  double const from = std::min(low, first * unit), to = std::max(high, last * unit);
  auto breaks = even_breaks(from, to, static_cast<int>(last - first + 0.5));
  double const step = (to - from) / (last - first);
  for (double& b : breaks)
    if (std::abs(b) < 1e-14 * step) b = 0;
  return breaks;
}

double sturges_bins(double n) { return std::ceil(std::log2(n) + 1); }

double scott_bins(double n, double variance, double range) {
  double const width = 3.5 * std::sqrt(variance) * std::pow(n, -1.0 / 3);
  return width > 0 ? std::max(1.0, std::ceil(range / width)) : 1;
}

double freedman_diaconis_bins(double n, double width, double range) { return width > 0 ? std::ceil(range / width * std::pow(n, 1.0 / 3)) : 1; }

double five_digits(double x) {
  if (!std::isfinite(x)) return x;
  char text[40];
  std::snprintf(text, sizeof text, "%.4e", x);
  return std::strtod(text, nullptr);
}

}  // namespace rxhpc::impl
