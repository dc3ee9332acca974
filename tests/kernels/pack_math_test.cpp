// The functions of packs: their errors against long doubles, and the same bits from every form of Pack that this CPU runs.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

#include "pack_form.hpp"

namespace rxhpc {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

using Function = test::PackFunction;

/// The form that the kernels would use on this CPU.
test::PackForm widest() { return test::pack_forms_here().back(); }

std::vector<double> inputs(Function f) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> wide(-745, 709), near(-1.5, 1.5), place(-300, 300), small(-17, -1), unit(0, 1), to_tail(0, 8.25);
  std::vector<double> x;
  for (int i = 0; i < 40000; ++i) {
    if (f == Function::exp) x.push_back(i % 2 ? wide(random) : near(random));
    else if (f == Function::expm1) x.push_back(i % 3 == 0 ? wide(random) : i % 3 == 1 ? near(random) : std::pow(10, small(random)));
    else if (f == Function::atan_to_one) x.push_back(i % 2 ? unit(random) : std::pow(10, small(random)));
    else if (f == Function::normal_tail || f == Function::normal_density) x.push_back(i % 8 ? to_tail(random) : std::pow(10, small(random)));
    else if (f == Function::cauchy_tail) x.push_back(i % 3 == 0 ? unit(random) : i % 3 == 1 ? 8 * to_tail(random) : std::pow(10, std::abs(place(random)) / 2));
    else if (f == Function::log) x.push_back(i % 2 ? std::pow(10, place(random)) : std::exp(near(random)));
    else x.push_back(i % 3 == 0 ? std::pow(10, std::abs(place(random))) : i % 3 == 1 ? std::max(near(random), -0.999999) : -std::pow(10, small(random)));
  }
  return x;
}

/// ln(1 + x) - x
long double log1p_less_line(long double x) {
  if (std::abs(x) > 0.1L) return std::log1p(x) - x;
  long double sum = 0;
  for (int k = 24; k >= 2; --k) sum = x * sum + (k % 2 ? 1.0L : -1.0L) / k;
  return x * x * sum;
}

long double truth(Function f, long double x) {
  switch (f) {
    case Function::exp: return std::exp(x);
    case Function::expm1: return std::expm1(x);
    case Function::log: return std::log(x);
    case Function::atan_to_one: return std::atan(x);
    case Function::normal_tail: return 0.5L * std::erfc(x / std::sqrt(2.0L));
    case Function::normal_density: return std::exp(-0.5L * x * x) / std::sqrt(2 * std::numbers::pi_v<long double>);
    case Function::cauchy_tail: return std::atan2(1.0L, x) / std::numbers::pi_v<long double>;
    case Function::log_excess: return std::abs(x) > 0.1L ? (1 + x) * std::log1p(x) - x : x * x + (1 + x) * log1p_less_line(x);
    case Function::log_gap: return -log1p_less_line(x);
    case Function::log1p: break;
  }
  return std::log1p(x);
}

double worst_ulps(Function f) {
  auto const x = inputs(f), y = widest().values(f, x);
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    long double const want = truth(f, x[i]);
    auto const rounded = static_cast<double>(want);
    double const unit = std::max(std::nextafter(std::abs(rounded), inf) - std::abs(rounded), 5e-324);
    worst = std::max(worst, static_cast<double>(std::abs(y[i] - want)) / unit);
  }
  return worst;
}

TEST(PackMath, ErrorsStayBelowAFewUnits) {
  EXPECT_LT(worst_ulps(Function::exp), 1.01);
  EXPECT_LT(worst_ulps(Function::log), 1.01);
  EXPECT_LT(worst_ulps(Function::expm1), 2);
  EXPECT_LT(worst_ulps(Function::log1p), 2);
  EXPECT_LT(worst_ulps(Function::log_excess), 12);
  EXPECT_LT(worst_ulps(Function::log_gap), 10);
  EXPECT_LT(worst_ulps(Function::atan_to_one), 2.5);
  EXPECT_LT(worst_ulps(Function::normal_tail), 5);
  EXPECT_LT(worst_ulps(Function::normal_density), 3);
  EXPECT_LT(worst_ulps(Function::cauchy_tail), 2.5);
}

TEST(PackMath, EndsOfTheRange) {
  double const nan = std::nan("");
  auto const one = [](Function f, double x) { return widest().values(f, std::vector<double>(8, x))[3]; };
  EXPECT_EQ(one(Function::exp, 0), 1);
  EXPECT_EQ(one(Function::exp, -inf), 0);
  EXPECT_EQ(one(Function::exp, inf), inf);
  EXPECT_EQ(one(Function::exp, 709.79), inf);
  EXPECT_GT(one(Function::exp, -744), 0);
  EXPECT_TRUE(std::isnan(one(Function::exp, nan)));
  EXPECT_EQ(one(Function::log, 1), 0);
  EXPECT_EQ(one(Function::log, 0), -inf);
  EXPECT_EQ(one(Function::log, inf), inf);
  EXPECT_TRUE(std::isnan(one(Function::log, -1)));
  EXPECT_TRUE(std::isnan(one(Function::log, nan)));
  EXPECT_NEAR(one(Function::log, 5e-324), -744.4400719213812, 1e-12);
  EXPECT_EQ(one(Function::expm1, -inf), -1);
  EXPECT_EQ(one(Function::expm1, inf), inf);
  EXPECT_EQ(one(Function::log1p, 0), 0);
  EXPECT_EQ(one(Function::log1p, -1), -inf);
  EXPECT_TRUE(std::isnan(one(Function::log1p, -1.5)));
  EXPECT_EQ(one(Function::log_excess, -1), 1);
  EXPECT_EQ(one(Function::log_excess, 0), 0);
  EXPECT_EQ(one(Function::log_gap, 0), 0);
  for (auto f : {Function::log_excess, Function::log_gap}) {
    EXPECT_TRUE(std::isnan(one(f, nan)));
    EXPECT_FALSE(std::isfinite(one(f, inf)));
  }
  EXPECT_EQ(one(Function::atan_to_one, 0), 0);
  EXPECT_EQ(one(Function::atan_to_one, 1), std::atan(1.0));
  EXPECT_EQ(one(Function::normal_tail, 0), 0.5);
  for (double x : {8.3, 40.0, 1e160, inf}) EXPECT_LE(one(Function::normal_tail, x), 1e-16) << x;
  EXPECT_EQ(one(Function::normal_density, inf), 0);
  EXPECT_EQ(one(Function::cauchy_tail, 0), 0.5);
  EXPECT_EQ(one(Function::cauchy_tail, 1), 0.25);
  EXPECT_EQ(one(Function::cauchy_tail, inf), 0);
}

TEST(PackMath, EveryFormHasTheSameBits) {
  auto const forms = test::pack_forms_here();
  for (auto f : {Function::exp, Function::expm1, Function::log, Function::log1p, Function::log_excess, Function::log_gap, Function::atan_to_one,
                 Function::normal_tail, Function::normal_density, Function::cauchy_tail}) {
    auto const x = inputs(f), plain = forms[0].values(f, x);
    for (auto const& form : forms) {
      auto const here = form.values(f, x);
      EXPECT_EQ(std::memcmp(plain.data(), here.data(), x.size() * sizeof(double)), 0) << form.name;
    }
  }
}

}  // namespace
}  // namespace rxhpc
