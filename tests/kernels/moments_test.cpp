#include "rxhpc/moments.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "rxhpc/chunk_source.hpp"
#include "table_fixture.hpp"

namespace rxhpc {
namespace {

using test::MemoryTable;
using test::nan;

ZoneMoments moments(std::vector<double> x) {
  MemoryTable t;
  t.numeric(std::move(x));
  return moments_of(t.all().columns[0], t.rows());
}

/// Digits on which two numbers agree.
double digits(double got, double want) {
  if (got == want) return 17;
  return -std::log10(std::abs(got - want) / std::abs(want));
}
double deviation(const ZoneMoments& m) { return std::sqrt(m.m2 / static_cast<double>(m.n - 1)); }

std::vector<double> alternating(double first, double low, double high, int pairs) {
  std::vector<double> x{first};
  for (int i = 0; i < pairs; ++i) x.insert(x.end(), {low, high});
  return x;
}

// The certified values of NIST's univariate sets that follow from a rule.
TEST(Moments, NistNumAcc) {
  auto m = moments({10000001, 10000003, 10000002});
  EXPECT_EQ(m.mean, 10000002);
  EXPECT_EQ(deviation(m), 1);
  m = moments(alternating(1.2, 1.1, 1.3, 500));
  EXPECT_GE(digits(m.mean, 1.2), 15);
  EXPECT_GE(digits(deviation(m), 0.1), 14);
  // The data are given in decimal: the rounding of 1000000.1 to a double costs digits before any sum
  m = moments(alternating(1000000.2, 1000000.1, 1000000.3, 500));
  EXPECT_GE(digits(m.mean, 1000000.2), 15);
  EXPECT_GE(digits(deviation(m), 0.1), 9);
  m = moments(alternating(10000000.2, 10000000.1, 10000000.3, 500));
  EXPECT_GE(digits(m.mean, 10000000.2), 15);
  EXPECT_GE(digits(deviation(m), 0.1), 8);
}

// A reference in quadruple precision; the first value far from all others, so that a shift by it would cost every digit.
TEST(Moments, AgreesWithQuadrupleOnHardData) {
  for (double mean : {0.0, 1.0, 1e6, 1e10}) {
    for (double first : {0.0, 1e15}) {
      auto x = test::normals(20011, 7, mean);
      x[0] = first;
      x[19000] = nan;
      __float128 sum = 0, square = 0;
      int n = 0;
      for (double v : x)
        if (v == v) sum += v, ++n;
      for (double v : x)
        if (v == v) square += (v - sum / n) * (v - sum / n);
      auto const m = moments(x);
      EXPECT_EQ(m.n, n);
      EXPECT_EQ(m.missing, 1);
      EXPECT_EQ(m.mean, static_cast<double>(sum / n));
      EXPECT_GE(digits(m.m2, static_cast<double>(square)), 13.5) << mean << ' ' << first;
    }
  }
}

TEST(Moments, CentreFarOffIsLookedAtTwice) {
  // The first tile holds one value, far away from the rest
  std::vector<double> x(10000, nan);
  x[5] = 1e9;
  auto const rest = test::normals(6000, 3);
  std::copy(rest.begin(), rest.end(), x.begin() + 3000);
  x[5] = nan, x[2047] = 1e7;
  __float128 sum = 0, square = 0;
  for (double v : x)
    if (v == v) sum += v;
  for (double v : x)
    if (v == v) square += (v - sum / 6001) * (v - sum / 6001);
  EXPECT_GE(digits(moments(x).m2, static_cast<double>(square)), 14);
}

TEST(Moments, ExtremeInputs) {
  auto m = moments({});
  EXPECT_EQ(m.n, 0);
  EXPECT_EQ(m.min, test::infinity);
  m = moments({nan, na_value()});
  EXPECT_EQ(m.missing, 2);
  m = moments({5});
  EXPECT_EQ(m.mean, 5);
  EXPECT_EQ(m.m2, 0);
  m = moments(std::vector<double>(5000, 0.1));
  EXPECT_EQ(m.mean, 0.1);
  EXPECT_EQ(m.m2, 0);
  m = moments({1, test::infinity, 3, nan});
  EXPECT_EQ(m.n, 3);
  EXPECT_EQ(m.missing, 1);
  EXPECT_EQ(m.mean, test::infinity);
  EXPECT_TRUE(std::isnan(m.m2));
  EXPECT_EQ(m.min, 1);
  m = moments({test::infinity, -test::infinity});
  EXPECT_TRUE(std::isnan(m.mean));
  m = moments({1e308, 1.5e308, 1.2e308});
  EXPECT_GE(digits(m.mean, 1.233333333333333333e308), 15);
}

TEST(Moments, EveryStorageGivesTheSameBits) {
  auto const values = test::codes(5000, 100, 5);
  std::vector<double> d(values.begin(), values.end());
  std::vector<float> f(values.begin(), values.end());
  std::vector<std::int8_t> i8(values.begin(), values.end());
  std::vector<std::int64_t> i64(values.begin(), values.end());
  d[17] = nan, f[17] = static_cast<float>(nan), i8[17] = INT8_MIN, i64[17] = INT64_MIN;
  std::vector<double> wide(10000);
  for (int i = 0; i < 5000; ++i) wide[2 * i] = d[i];
  auto const want = moments(d);
  EXPECT_EQ(want.missing, 1);
  auto const check = [&](const void* data, Storage storage, std::ptrdiff_t stride) {
    Column c;
    c.data = data, c.storage = storage, c.stride = stride, c.missing = missing_code(storage);
    auto const m = moments_of(c, 5000);
    EXPECT_EQ(m.n, want.n);
    EXPECT_EQ(m.mean, want.mean);
    EXPECT_EQ(m.mean_lo, want.mean_lo);
    EXPECT_EQ(m.m2, want.m2);
    EXPECT_EQ(m.max, want.max);
  };
  check(f.data(), Storage::float32, 1);
  check(i8.data(), Storage::int8, 1);
  check(i64.data(), Storage::int64, 1);
  check(wide.data(), Storage::float64, 2);
}

TEST(Moments, MergeKeepsDigitsAtALargeMean) {
  auto const x = test::normals(40000, 11, 3.5e8);
  MemoryTable t;
  t.numeric(x);
  ZoneMoments total;
  total.min = test::infinity, total.max = -test::infinity;
  for (int k = 0; k < 40; ++k) merge_moments(total, moments_of(t.chunk(1000 * k, 1000).columns[0], 1000));
  __float128 sum = 0, square = 0;
  for (double v : x) sum += v;
  for (double v : x) square += (v - sum / 40000) * (v - sum / 40000);
  EXPECT_EQ(total.mean, static_cast<double>(sum / 40000));
  EXPECT_GE(digits(total.m2, static_cast<double>(square)), 13.5);
}

TEST(Moments, ColumnAfterColumnGivesTheSameBits) {
  MemoryTable t;
  int const x = t.numeric({1, 2.5, nan, -4e8}), y = t.numeric({0.1, nan, nan, 7});
  Moments together({y, x, y}), apart({y, x, y});
  auto const all = t.all();
  together.update(all);
  for (int position : {x, y}) {
    Chunk one;
    one.rows = all.rows;
    one.columns = {all.columns[static_cast<std::size_t>(position)]};
    apart.update_column(one, position, 0, 2);
    apart.update_column(one, position, 0, 4);  // from row 0: anew
    apart.finish_column(one, position);
  }
  std::vector<double> a(together.packed_size()), b(apart.packed_size());
  together.pack(a);
  apart.pack(b);
  EXPECT_EQ(a, b);
  EXPECT_EQ(apart.finalize()[0].n, 2);
}
static_assert(ColumnwiseAccumulator<Moments>);

TEST(Moments, PiecesGiveTheBitsOfTheWhole) {
  std::mt19937_64 random(8);
  std::normal_distribution<double> normal(3e5, 1);
  std::vector<double> plain(5 * piece_rows + 77), late(plain.size(), nan), far(plain.size());
  for (double& x : plain) x = normal(random);
  for (std::size_t i = 3 * piece_rows; i < late.size(); ++i) late[i] = i % 3 ? normal(random) : nan;  // no value in the first pieces
  for (std::size_t i = 0; i < far.size(); ++i) far[i] = i < 10 ? 1e9 : normal(random);                // the shift is far off
  auto infinite = late;
  infinite[5] = std::numeric_limits<double>::infinity();
  for (auto const* x : {&plain, &late, &far, &infinite}) {
    MemoryTable t;
    int const k = t.numeric(*x);
    auto const chunk = t.all();
    auto const& column = chunk.columns[static_cast<std::size_t>(k)];
    ColumnMoments pieces;
    for (std::int64_t first = 0; first < chunk.rows; first += 2 * piece_rows) pieces.add(column, first, std::min(2 * piece_rows, chunk.rows - first));
    auto const whole = moments_of(column, chunk.rows), sum = pieces.finish(column, chunk.rows);
    EXPECT_EQ(std::memcmp(&whole, &sum, sizeof whole), 0);
    EXPECT_GT(sum.n, 0);
  }
}

TEST(LevelCounts, CountsEveryStorage) {
  auto const values = test::codes(9999, 7, 5);
  std::vector<std::int8_t> i8(values.begin(), values.end());
  std::vector<std::int16_t> i16(values.begin(), values.end());
  std::vector<std::int32_t> i32(values.begin(), values.end());
  i8[3] = -1, i16[3] = -1, i32[3] = -1;
  i8[4] = 9, i16[4] = 9, i32[4] = 9;  // no such level: never counted elsewhere
  std::vector<std::int64_t> want(7), got(7);
  for (int i = 0; i < 9999; ++i)
    if (i != 3 && i != 4) ++want[values[i]];
  auto const check = [&](const void* data, Storage storage) {
    Column c;
    c.data = data, c.storage = storage, c.missing = -1;
    EXPECT_EQ(level_counts_of(c, 9999, got), 2);
    EXPECT_EQ(got, want);
  };
  check(i8.data(), Storage::int8);
  check(i16.data(), Storage::int16);
  check(i32.data(), Storage::int32);
}

TEST(CellMoments, AgreesWithQuadrupleAndCountsWhatIsLeftOut) {
  int const n = 70001;
  MemoryTable t;
  auto const f = test::codes(n, 3, 1), g = test::codes(n, 5, 2);
  int const ff = t.factor(f), gg = t.factor(g), x = t.numeric(test::normals(n, 3, 1e7)), w = t.numeric(test::normals(n, 4, 10));
  t.at(x, 0) = 1e12;  // the first of its cell, far off
  t.at(x, 10) = nan;
  t.at(w, 11) = 0;
  t.at(w, 12) = nan;
  t.at(w, 13) = -1;
  t.at(x, 14) = nan, t.at(w, 14) = 0;
  CellMoments cells({.value = x, .factors = {ff, gg}, .levels = {3, 5}, .weight = w, .also_present = {}});
  cells.update(t.all());
  EXPECT_EQ(cells.missing_weight(), 1);
  EXPECT_EQ(cells.refused_weight(), 1);
  std::int64_t missing = 0;
  for (int cell = 0; cell < 15; ++cell) {
    __float128 sw = 0, sum = 0, square = 0;
    int rows = 0;
    auto const in = [&](int i) { return f[i] + 3 * g[i] == cell && t.at(x, i) == t.at(x, i) && t.at(w, i) > 0; };
    for (int i = 0; i < n; ++i)
      if (in(i)) sw += t.at(w, i), sum += static_cast<__float128>(t.at(w, i)) * t.at(x, i), ++rows;
    for (int i = 0; i < n; ++i)
      if (in(i)) square += t.at(w, i) * (t.at(x, i) - sum / sw) * (t.at(x, i) - sum / sw);
    auto const& m = cells.finalize()[cell];
    missing += m.base.missing;
    EXPECT_EQ(m.base.n, rows);
    EXPECT_EQ(m.weight_sum, static_cast<double>(sw));
    EXPECT_EQ(m.base.mean, static_cast<double>(sum / sw));
    EXPECT_GE(digits(m.base.m2, static_cast<double>(square)), 12.5);
  }
  EXPECT_EQ(missing, 1);
}

TEST(CellMoments, CountsOnlyAndListwise) {
  MemoryTable t;
  int const f = t.factor({0, 1, 1, -1, 2, 0}), x = t.numeric({1, nan, 2, 3, 4, 5});
  CellMoments counts({.factors = {f}, .levels = {3}, .also_present = {x}});
  counts.update(t.all());
  EXPECT_EQ(counts.finalize()[0].base.n, 2);
  EXPECT_EQ(counts.finalize()[1].base.n, 1);
  EXPECT_EQ(counts.finalize()[2].base.n, 1);
  EXPECT_EQ(counts.missing_factor(), 1);
  EXPECT_EQ(counts.excluded(), 1);
}

}  // namespace
}  // namespace rxhpc
