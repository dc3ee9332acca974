#include "quantile_position.hpp"

#include <cmath>
#include <limits>

namespace rxhpc::impl {
namespace {

// Hyndman & Fan, "Sample quantiles in statistical packages", Am. Stat. 50 (1996), p. 363: plotting positions (k - a) / (n + 1 - a - b).
struct Plotting {
  double a, b;
};
constexpr Plotting plotting[] = {{0, 1}, {0.5, 0.5}, {0, 0}, {1, 1}, {1.0 / 3, 1.0 / 3}, {3.0 / 8, 3.0 / 8}};  // types 4 to 9

}  // namespace

QuantilePosition quantile_position(int type, double n, double p) {
  if (type <= 3) {
    double const place = type == 3 ? n * p - 0.5 : n * p, j = std::floor(place);
    bool const above = place > j;
    if (type == 1) return {j, above ? 1.0 : 0.0};
    if (type == 2) return {j, above ? 1.0 : 0.5};
    return {j, above || std::fmod(std::abs(j), 2) == 1 ? 1.0 : 0.0};  // half way: the even rank
  }
  if (type == 7) {
    double const place = 1 + std::fmax(n - 1, 0) * p, j = std::floor(place);
    return {j, place - j};
  }
  double const fuzz = 4 * std::numeric_limits<double>::epsilon();
  auto const [a, b] = plotting[type - 4];
  double const place = a + p * (n + 1 - a - b), j = std::floor(place + fuzz), h = place - j;
  return {j, h < fuzz ? 0 : h};  // below 0 where adding the fuzz was what reached the whole number
}

double interpolated(const QuantilePosition& at, double low, double high) {
  if (at.h == 0 || low == high) return low;
  return at.h == 1 ? high : (1 - at.h) * low + at.h * high;
}

}  // namespace rxhpc::impl
