// The forms of Pack give the same bits. Compiled for every instruction set that the compiler knows, run where the CPU has it.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "rxhpc/dd.hpp"
#include "table_fixture.hpp"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define RXHPC_TEST_PACK_X86 1
#include <immintrin.h>
#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512dq")
#define RXHPC_PACK_EVERY_FORM 1
#include "rxhpc/pack.hpp"

namespace rxhpc::impl {
namespace {

template <class P>
__attribute__((noinline)) void extremes(const double* x, const double* y, double* low, double* high) {
  min(P::load(x), P::load(y)).store(low);
  max(P::load(x), P::load(y)).store(high);
}

template <class P>
__attribute__((noinline)) std::vector<double> everything(const std::vector<double>& x) {
  std::vector<double> out;
  auto const keep_result = [&](P p) {
    double v[8];
    p.store(v);
    out.insert(out.end(), v, v + 8);
  };
  for (std::size_t i = 0; i + 24 <= x.size(); i += 8) {
    P const a = P::load(&x[i]), b = P::load(&x[i + 8]), c = P::load_part(&x[i + 16], static_cast<int>(i / 8 % 9));
    keep_result(a + b);
    keep_result(a - b);
    keep_result(a * b);
    keep_result(fma(a, b, c));
    keep_result(fms(a, b, c));
    keep_result(min(a, b));
    keep_result(max(a, b));
    keep_result(keep(is_number(a), b));
    keep_result(select(is_number(b) & below(a, 1.0), a, c));
    keep_result(select(less(a, b), c, b));
    keep_result(select(at_least(a, b), c, b));
    double side_by_side[8];
    int const lanes = compress(less(a, b), a, side_by_side);
    out.insert(out.end(), side_by_side, side_by_side + lanes);
    keep_result(count_where(less(a, b), count_where(less(a, c), P::all(0))));
    keep_result(keep(mask_of(static_cast<unsigned>(i * 37 % 256), a), b));
    P square[8];
    for (int k = 0; k < 8; ++k) square[k] = a * P::all(k + 1);
    transpose(square);
    for (P row : square) keep_result(row);
    std::int32_t whole[8];
    store_whole(P::all(static_cast<double>(i)), whole);
    out.insert(out.end(), whole, whole + 8);
    auto const d = two_prod(a, b), e = two_sum(d.hi, c);
    keep_result(e.hi);
    keep_result((d + e).lo);
    keep_result((d * e).lo);
    out.push_back(static_cast<double>(is_number(a).bits() + 256 * below(b, 2.0).bits()));
    a.store_part(out.data() + out.size() - 9, 3);
  }
  return out;
}

}  // namespace
}  // namespace rxhpc::impl
#pragma GCC pop_options

namespace rxhpc::impl {
namespace {

std::vector<double> inputs() {
  auto x = test::normals(4000, 9);
  for (std::size_t i = 0; i < x.size(); i += 13) x[i] *= 1e100;
  for (std::size_t i = 0; i < x.size(); i += 29) x[i] = -0.0;
  return x;
}

bool same(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

bool cpu_has_all() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
}

TEST(Pack, EveryFormHasTheSameBits) {
  if (!cpu_has_all()) GTEST_SKIP() << "no AVX-512 on this CPU";
  auto const x = inputs();
  auto const want = everything<PackGeneric>(x);
  EXPECT_TRUE(same(everything<PackAvx2>(x), want));
  EXPECT_TRUE(same(everything<PackAvx512>(x), want));
}

TEST(Pack, MinAndMaxGiveTheSecondArgumentForNotANumber) {
  if (!cpu_has_all()) GTEST_SKIP() << "no AVX-512 on this CPU";
  double const x[8] = {test::nan, 1, 2, 3, 4, 5, 6, 7}, y[8] = {9, 9, 9, 9, 0, 0, 0, test::nan};
  double low[8], high[8];
  for (auto const form : {extremes<PackGeneric>, extremes<PackAvx2>, extremes<PackAvx512>}) {
    form(x, y, low, high);
    EXPECT_EQ(low[0], 9);
    EXPECT_EQ(low[1], 1);
    EXPECT_EQ(high[0], 9);
    EXPECT_EQ(high[4], 4);
    EXPECT_TRUE(std::isnan(low[7]));
    EXPECT_TRUE(std::isnan(high[7]));
  }
}

}  // namespace
}  // namespace rxhpc::impl
#endif
