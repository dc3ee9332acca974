#include "rxhpc/pair_products.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "table_fixture.hpp"

namespace rxhpc {
namespace {

using test::MemoryTable;
using test::nan;

/// Three numbers and a factor, each with missing values of its own.
MemoryTable holes(std::int64_t rows) {
  MemoryTable t;
  for (int k = 0; k < 3; ++k) t.numeric(test::normals(rows, k + 1, 100 * k, 1 + k));
  t.factor(test::codes(rows, 3, 9));
  for (std::int64_t i = 0; i < rows; ++i)
    for (int k = 0; k < 3; ++k)
      if ((i * 7 + k * 3) % (5 + k) == 0) t.at(k, i) = nan;
  return t;
}

PairProducts folded(const MemoryTable& t, PairProductSpec spec) {
  PairProducts p(std::move(spec));
  p.update(t.all());
  return p;
}

/// The same by the definition, in long double, about the means of the pair's rows.
struct Direct {
  std::int64_t n = 0;
  long double mean_i = 0, mean_j = 0, squares = 0, products = 0;
  Direct(const MemoryTable& t, int i, int j) {
    auto const c = t.all();
    auto const each = [&](auto&& f) {
      for (std::int64_t r = 0; r < t.rows(); ++r) {
        double const x = c.columns[i].value(r), y = c.columns[j].value(r);
        if (!std::isnan(x) && !std::isnan(y)) f(x, y);
      }
    };
    each([&](double x, double y) { ++n, mean_i += x, mean_j += y; });
    mean_i /= n, mean_j /= n;
    each([&](double x, double y) { squares += (x - mean_i) * (x - mean_i), products += (x - mean_i) * (y - mean_j); });
  }
};

TEST(PairProducts, AreThoseOfTheRowsWhereBothArePresent) {
  auto const t = holes(2000);
  for (auto precision : {Precision::plain, Precision::exact}) {
    PairProductSpec spec{{{{0}, {}, {}}, {{1}, {}, {}}, {{2}, {}, {}}}, precision, {}};
    if (precision == Precision::plain) spec.shift = {0.1, 99, 201};
    auto const p = folded(t, spec);
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 3; ++j) {
        Direct const want(t, i, j);
        EXPECT_EQ(p.n(i, j), want.n);
        EXPECT_NEAR(p.mean(i, j).hi, double(want.mean_i), 1e-12);
        EXPECT_NEAR(p.squares(i, j).hi, double(want.squares), 1e-12 * double(want.squares));
        EXPECT_NEAR(p.products(i, j).hi, double(want.products), 1e-12 * double(Direct(t, i, i).squares + Direct(t, j, j).squares));
      }
  }
}

TEST(PairProducts, CellsAreColumns) {
  MemoryTable t;
  t.numeric({1, 2, nan, 4, 5});
  t.factor({0, 1, 1, -1, 0});
  auto const p = folded(t, {{{{0}, {}, {}}, {{}, {1}, {2}}, {{0}, {1}, {2}}}, Precision::exact, {}});
  ASSERT_EQ(p.columns(), 5);
  EXPECT_EQ(p.n(0, 0), 4);
  EXPECT_EQ(p.n(0, 1), 3);   // x and the factor
  EXPECT_EQ(p.n(1, 2), 4);
  EXPECT_EQ(p.n(3, 4), 3);
  EXPECT_DOUBLE_EQ(p.mean(1, 1).hi, 0.5);       // rows 0, 1, 2, 4: two in level 0
  EXPECT_DOUBLE_EQ(p.mean(3, 3).hi, 2.0);       // (1 + 0 + 5) / 3
  EXPECT_DOUBLE_EQ(p.products(1, 2).hi, -1.0);  // 0 - 2 * 2 / 4
  EXPECT_EQ(p.rows(), 5);
  EXPECT_EQ(p.n_any(), 5);
}

TEST(PairProducts, ExactSumsKeepDigitsFarFromZero) {
  MemoryTable t;
  t.numeric({1e12 + 1, 1e12 + 2, 1e12 + 3});
  t.numeric({nan, 3, 1});
  auto const p = folded(t, {{{{0}, {}, {}}, {{1}, {}, {}}}, Precision::exact, {}});
  EXPECT_DOUBLE_EQ(p.squares(0, 0).hi, 2);
  EXPECT_DOUBLE_EQ(p.squares(0, 1).hi, 0.5);
  EXPECT_DOUBLE_EQ(p.products(0, 1).hi, -1);
}

TEST(PairProducts, InfiniteValuesAreCounted) {
  MemoryTable t;
  t.numeric({1, INFINITY, 3});
  t.numeric({1, 2, 3});
  auto const p = folded(t, {{{{0}, {}, {}}, {{1}, {}, {}}}, Precision::exact, {}});
  EXPECT_EQ(p.n_infinite(), 1);
  EXPECT_EQ(p.n(0, 1), 2);
}

TEST(PairProducts, RefusesAWrongNumberOfShifts) {
  EXPECT_ANY_THROW(PairProducts({{{{0}, {}, {}}}, Precision::plain, {1, 2}}));
}

}  // namespace
}  // namespace rxhpc
