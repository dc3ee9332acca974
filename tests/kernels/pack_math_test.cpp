// The functions of packs: their errors against long doubles, and the same bits from every form of Pack.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define RXHPC_TEST_PACK_X86 1
#include <immintrin.h>
#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512dq")
#define RXHPC_PACK_EVERY_FORM 1
#endif
#include "rxhpc/pack_math.hpp"

namespace rxhpc::impl {
namespace {

enum class Function { exp, expm1, log, log1p };

template <class P>
__attribute__((noinline)) std::vector<double> values(Function f, const std::vector<double>& x) {
  std::vector<double> out(x.size());
  for (std::size_t i = 0; i + 8 <= x.size(); i += 8) {
    P const a = P::load(&x[i]);
    P const y = f == Function::exp ? exp(a) : f == Function::expm1 ? expm1(a) : f == Function::log ? log(a) : log1p(a);
    y.store(&out[i]);
  }
  return out;
}

}  // namespace
}  // namespace rxhpc::impl
#ifdef RXHPC_TEST_PACK_X86
#pragma GCC pop_options
#endif

namespace rxhpc::impl {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

std::vector<double> inputs(Function f) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> wide(-745, 709), near(-1.5, 1.5), place(-300, 300), small(-17, -1);
  std::vector<double> x;
  for (int i = 0; i < 40000; ++i) {
    if (f == Function::exp) x.push_back(i % 2 ? wide(random) : near(random));
    else if (f == Function::expm1) x.push_back(i % 3 == 0 ? wide(random) : i % 3 == 1 ? near(random) : std::pow(10, small(random)));
    else if (f == Function::log) x.push_back(i % 2 ? std::pow(10, place(random)) : std::exp(near(random)));
    else x.push_back(i % 3 == 0 ? std::pow(10, std::abs(place(random))) : i % 3 == 1 ? std::max(near(random), -0.999999) : -std::pow(10, small(random)));
  }
  return x;
}

long double truth(Function f, long double x) {
  switch (f) {
    case Function::exp: return std::exp(x);
    case Function::expm1: return std::expm1(x);
    case Function::log: return std::log(x);
    case Function::log1p: break;
  }
  return std::log1p(x);
}

double worst_ulps(Function f) {
  auto const x = inputs(f), y = values<Pack>(f, x);
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
}

TEST(PackMath, EndsOfTheRange) {
  double const nan = std::nan("");
  auto const one = [](Function f, double x) { return values<Pack>(f, std::vector<double>(8, x))[3]; };
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
}

#ifdef RXHPC_TEST_PACK_X86
TEST(PackMath, EveryFormHasTheSameBits) {
  if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")))
    GTEST_SKIP() << "this CPU lacks an instruction set";
  for (auto f : {Function::exp, Function::expm1, Function::log, Function::log1p}) {
    auto const x = inputs(f), generic = values<PackGeneric>(f, x), avx2 = values<PackAvx2>(f, x), avx512 = values<PackAvx512>(f, x);
    EXPECT_EQ(std::memcmp(generic.data(), avx2.data(), x.size() * sizeof(double)), 0);
    EXPECT_EQ(std::memcmp(generic.data(), avx512.data(), x.size() * sizeof(double)), 0);
  }
}
#endif

}  // namespace
}  // namespace rxhpc::impl
