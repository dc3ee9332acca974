#include "rxhpc/class_statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "table_fixture.hpp"

namespace rxhpc {
namespace {

using test::MemoryTable;
using test::nan;

TEST(ClassStatistics, ByHand) {
  MemoryTable t;
  t.factor({0, 1, 0, -1, 1, 0});
  t.numeric({1, 10, nan, 7, 14, 3});
  t.factor({1, 0, 1, 0, -1, 0});
  ClassStatistics a({.response = 0, .classes = 2, .numbers = {1}, .factors = {2}, .levels = {2}});
  a.update(t.all());
  EXPECT_EQ(a.valid(), 5);
  EXPECT_EQ(a.missing(), 1);
  EXPECT_EQ(a.rows(0), 3);
  EXPECT_EQ(a.moments(0, 0).base.n, 2);
  EXPECT_EQ(a.moments(0, 0).base.missing, 1);
  EXPECT_EQ(a.moments(0, 0).base.mean, 2);
  EXPECT_EQ(a.moments(0, 0).base.m2, 2);
  EXPECT_EQ(a.moments(0, 1).base.mean, 12);
  EXPECT_EQ(a.moments(0, 1).base.m2, 8);
  EXPECT_EQ(a.count(0, 1, 0), 2);
  EXPECT_EQ(a.count(0, 0, 0), 1);
  EXPECT_EQ(a.count(0, 0, 1), 1);
  EXPECT_EQ(a.count(0, 1, 1), 0);
}

TEST(ClassStatistics, WeightsAndSelection) {
  MemoryTable t;
  t.factor({0, 0, 0, 1, 1, 0, -1});
  t.numeric({1, 2, 0, 1, nan, -1, 0});  // weights
  t.numeric({5, 8, 9, 4, 3, 2, 1});
  t.numeric({1, 1, 1, 0, 1, 1, 1});     // selected
  ClassStatistics a({.response = 0, .classes = 2, .weight = 1, .also_true = 3, .numbers = {2}});
  a.update(t.all());
  EXPECT_EQ(a.valid(), 2);
  EXPECT_EQ(a.missing(), 2);  // not selected; no weight. The last row has neither class nor weight and is no row
  EXPECT_EQ(a.refused_weight(), 1);
  EXPECT_EQ(a.weight(0), 3);
  EXPECT_EQ(a.moments(0, 0).base.mean, 7);
  EXPECT_EQ(a.moments(0, 0).base.m2, 4 + 2);
  EXPECT_EQ(a.rows(1), 0);
}

/// Both ways of summing, and CellMoments, agree; far from zero no digits are lost.
TEST(ClassStatistics, AgreesWithMomentsOfCells) {
  for (int classes : {2, 3, 16, 17, 40}) {
    MemoryTable t;
    auto const codes = test::codes(50001, classes, 3);
    auto x = test::normals(50001, 4, 1e7, 0.5);
    for (std::size_t i = 0; i < x.size(); i += 13) x[i] = nan;
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += codes[i];
    t.factor(codes);
    t.numeric(x);
    ClassStatistics a({.response = 0, .classes = classes, .numbers = {1}});
    CellMoments b({.value = 1, .factors = {0}, .levels = {classes}});
    a.update(t.all());
    b.update(t.all());
    for (int c = 0; c < classes; ++c) {
      auto const &m = a.moments(0, c).base, &want = b.finalize()[static_cast<std::size_t>(c)].base;
      EXPECT_EQ(m.n, want.n);
      EXPECT_EQ(m.missing, want.missing);
      EXPECT_NEAR(m.mean, want.mean, 2e-9);
      EXPECT_NEAR(m.m2, want.m2, 1e-11 * want.m2) << classes << " classes";
    }
  }
}

TEST(ClassStatistics, ColumnByColumnTheSameBits) {
  MemoryTable t;
  t.factor(test::codes(5000, 5, 1));
  t.numeric(test::normals(5000, 2));
  t.factor(test::codes(5000, 300, 3));
  ClassStatistics a({.response = 0, .classes = 5, .numbers = {1}, .factors = {2}, .levels = {300}}), b = a;
  auto const whole = t.all();
  a.update(whole);
  for (int position : {0, 1, 2}) {
    auto one = t.all();
    one.columns = {whole.columns[static_cast<std::size_t>(position)]};
    b.finish_column(one, position);
  }
  std::vector<double> x(a.packed_size()), y(b.packed_size());
  a.pack(x);
  b.pack(y);
  EXPECT_EQ(std::memcmp(x.data(), y.data(), x.size() * sizeof(double)), 0);
}

}  // namespace
}  // namespace rxhpc
