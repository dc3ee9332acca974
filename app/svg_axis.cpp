#include "svg_axis.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace rxhpc::app {
namespace {

std::string text_of(double value, std::chars_format format, int precision) {
  char buffer[400];
  auto const end = std::to_chars(buffer, buffer + sizeof buffer, value, format, precision).ptr;
  return {buffer, end};
}

}  // namespace

Axis nice_axis(double low, double high, int wanted, bool rounded) {
  if (!std::isfinite(low) || !std::isfinite(high) || low > high) low = 0, high = 1;
  double const size = std::max(std::abs(low), std::abs(high));
  if (high - low <= 1e-12 * size || high == low) {
    double const margin = size > 0 ? size / 2 : 1;
    low -= margin, high += margin;
  }
  Axis axis;
  // step = the smallest of {1, 2, 5, 10} * 10^k that needs no more ticks than wanted.
  double const rough = high / wanted - low / wanted;
  double const power = std::pow(10, std::floor(std::log10(rough)));
  axis.step = power * 10;
  for (double factor : {5.0, 2.0, 1.0})
    if (factor * power >= rough * (1 - 1e-9)) axis.step = factor * power;
  double first = std::ceil(low / axis.step - 1e-9), last = std::floor(high / axis.step + 1e-9);
  if (rounded) {
    if (first - low / axis.step > 1e-9) --first;
    if (high / axis.step - last > 1e-9) ++last;
    low = first * axis.step, high = last * axis.step;
  }
  axis.low = low, axis.high = high;
  double const largest = std::max(std::abs(low), std::abs(high));
  bool const plain = largest < 1e7 && axis.step >= 1e-5;
  auto const decimals = static_cast<int>(std::max(0.0, -std::floor(std::log10(axis.step) + 1e-9)));
  auto const digits = static_cast<int>(std::clamp(std::floor(std::log10(largest) + 1e-9) - std::floor(std::log10(axis.step) + 1e-9), 0.0, 15.0));
  for (double k = first; k <= last; ++k) {
    double const value = k == 0 ? 0.0 : k * axis.step;
    axis.ticks.push_back(value);
    axis.labels.push_back(value == 0 ? "0" : plain ? text_of(value, std::chars_format::fixed, decimals) : text_of(value, std::chars_format::general, digits + 1));
  }
  return axis;
}

std::string short_number(double value) {
  return std::abs(value) < 1e7 && value == std::floor(value) ? text_of(value, std::chars_format::fixed, 0) : text_of(value, std::chars_format::general, 4);
}

}  // namespace rxhpc::app
