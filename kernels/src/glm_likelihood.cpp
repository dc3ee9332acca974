#include "glm_likelihood.hpp"

#include <cmath>
#include <numbers>
#include <vector>

namespace rxhpc::impl {
namespace {

constexpr double two_pi = 2 * std::numbers::pi, half_log_two_pi = 0.91893853320467274178;

/// ln Gamma without the sign that lgamma keeps in a global.
double log_gamma(double x) {
  int sign = 0;
  return lgamma_r(x, &sign);
}

/// ln Gamma(x + 1) - ((x + 1/2) ln x - x + ln(2 pi) / 2), x > 0: the error of Stirling's formula. The series is right to 1e-17 from 16 on.
double stirling_error(double x) {
  if (x < 16) return log_gamma(x + 1) - (x + 0.5) * std::log(x) + x - half_log_two_pi;
  double const r = 1 / x, r2 = r * r;
  return r * (1.0 / 12 - r2 * (1.0 / 360 - r2 * (1.0 / 1260 - r2 * (1.0 / 1680 - r2 * (1.0 / 1188 - r2 * (691.0 / 360360))))));
}

/// (1 + f) ln(1 + f) - f, f from -1, as log_excess has it for packs.
double excess(double f) {
  if (f <= -1) return 1;
  if (std::abs(f) > 0.1) return (1 + f) * std::log1p(f) - f;
  // ln(1 + f) = 2 artanh(v)
  double const v = f / (2 + f), square = v * v;
  double sum = 0;
  for (int k = 8; k >= 1; --k) sum = square * (1.0 / (2 * k + 1) + sum);
  return f * v + 2 * (1 + f) * v * sum;
}

}  // namespace

double log_factorial(double y) {
  static std::vector<double> const table = [] {
    std::vector<double> t;
    for (int k = 0; k < 256; ++k) t.push_back(log_gamma(k + 1.0));
    return t;
  }();
  if (y >= 0 && y < 256 && y == std::floor(y)) return table[static_cast<std::size_t>(y)];
  return log_gamma(y + 1);
}

double perfect_poisson(double y) {
  static auto const direct = [](double x) { return x > 0 ? -0.5 * std::log(two_pi * x) - stirling_error(x) : 0.0; };
  static std::vector<double> const table = [] {
    std::vector<double> t;
    for (int k = 0; k < 256; ++k) t.push_back(direct(k));
    return t;
  }();
  if (y >= 0 && y < 256 && y == std::floor(y)) return table[static_cast<std::size_t>(y)];
  return direct(y);
}

double log_binomial(double successes, double trials, double mu, double rest) {
  double const failures = trials - successes;
  if (failures == 0) return trials * (mu < 0.5 ? std::log(mu) : std::log1p(-rest));
  if (successes == 0) return trials * (rest < 0.5 ? std::log(rest) : std::log1p(-mu));
  // Where few trials are, nothing cancels.
  if (trials < 64) return log_factorial(trials) - log_factorial(successes) - log_factorial(failures) + successes * std::log(mu) + failures * std::log(rest);
  double const more = mu < rest ? std::fma(-trials, mu, successes) : -std::fma(-trials, rest, failures);
  double const deviance = trials * (mu * excess(more / (trials * mu)) + rest * excess(-more / (trials * rest)));
  return stirling_error(trials) - stirling_error(successes) - stirling_error(failures) - deviance - 0.5 * std::log(two_pi * successes * (failures / trials));
}

// theta successes in theta + y trials, at the probability theta / (theta + mu)
double log_negative_binomial(double y, double mu, double theta) {
  if (y == 0) return -theta * std::log1p(mu / theta);
  double const trials = theta + y, share = trials / (theta + mu), more = (y - mu) / trials;
  double const deviance = share * (theta * excess(-more) + mu * excess(theta / mu * more));
  return stirling_error(trials) - stirling_error(theta) - stirling_error(y) - deviance - 0.5 * std::log(two_pi * y * (trials / theta));
}

GammaSlopes gamma_slopes(double x, double d) {
  GammaSlopes sum{0, 0};
  // psi(x + 1) = psi(x) + 1/x, up to where the asymptotic series (Abramowitz & Stegun 6.3.18, 6.4.12) are right to rounding
  for (; x < 16; ++x) {
    double const low = 1 / x, high = 1 / (x + d), term = d * low * high;
    sum.psi += term;
    sum.tri += term * (low + high);
  }
  auto const at = [](double z) {
    double const r = 1 / z, r2 = r * r;
    double const psi = -0.5 * r - r2 * (1.0 / 12 - r2 * (1.0 / 120 - r2 * (1.0 / 252 - r2 * (1.0 / 240 - r2 * (1.0 / 132 - r2 * (691.0 / 32760))))));
    double const tri = r + r2 * (0.5 + r * (1.0 / 6 - r2 * (1.0 / 30 - r2 * (1.0 / 42 - r2 * (1.0 / 30 - r2 * (5.0 / 66 - r2 * (691.0 / 2730)))))));
    return GammaSlopes{psi, tri};
  };
  auto const low = at(x), high = at(x + d);
  return {sum.psi + std::log1p(d / x) + (high.psi - low.psi), sum.tri + (low.tri - high.tri)};
}

}  // namespace rxhpc::impl
