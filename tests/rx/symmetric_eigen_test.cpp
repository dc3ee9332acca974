#include "symmetric_eigen.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "rxhpc/errors.hpp"

namespace rxhpc {
namespace {

using Matrix = std::vector<std::vector<double>>;

/// mpmath.eigsy at 40 digits: D K D, K = (1 .25 .5; .25 1 .75; .5 .75 1)
TEST(SymmetricEigen, SmallOnesKeepTheirDigitsBesideLargeOnes) {
  for (double far : {1.0, 0x1p34, 0x1p100, 0x1p300}) {
    double const d[3] = {far, 1 / far, 1 / far};
    double const k[3][3] = {{1, 0.25, 0.5}, {0.25, 1, 0.75}, {0.5, 0.75, 1}};
    Matrix m(3, std::vector<double>(3));
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 3; ++j) m[i][j] = d[i] * k[i][j] * d[j];
    auto const e = impl::symmetric_eigen(m);
    if (far == 1) {
      EXPECT_NEAR(e.values[2], 0.19952205583032294, 1e-15);
      continue;
    }
    // what the large column leaves of the others: (15/16, 5/8; 5/8, 3/4)
    EXPECT_NEAR(e.values[0] / (far * far), 1, 1e-15);
    EXPECT_NEAR(e.values[1] * (far * far), 1.4757421380048964, 1e-15);
    EXPECT_NEAR(e.values[2] * (far * far), 0.21175786199510361, 1e-15);
    EXPECT_NEAR(e.vectors[1][1], 0.75774021040533563, 1e-15);
    EXPECT_NEAR(e.vectors[1][2], 0.65255633744135662, 1e-15);
    EXPECT_NEAR(e.vectors[2][1], 0.65255633744135662, 1e-15);
    EXPECT_NEAR(e.vectors[2][2], -0.75774021040533563, 1e-15);
  }
}

/// B'B of fewer rows than columns: eigenvalues that are 0 but for rounding, many of them.
TEST(SymmetricEigen, RebuildsMatricesOfLowRank) {
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  for (std::size_t rank : {1u, 3u, 20u}) {
    std::size_t const n = 40;
    Matrix b(rank, std::vector<double>(n)), m(n, std::vector<double>(n));
    for (auto& row : b)
      for (std::size_t j = 0; j < n; ++j) row[j] = normal(random) * std::pow(10.0, static_cast<double>(j % 4));
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        for (auto const& row : b) m[i][j] += row[i] * row[j];
    auto const e = impl::symmetric_eigen(m);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        double rebuilt = 0, product = 0;
        for (std::size_t k = 0; k < n; ++k) rebuilt += e.vectors[k][i] * e.values[k] * e.vectors[k][j], product += e.vectors[i][k] * e.vectors[j][k];
        EXPECT_NEAR(rebuilt, m[i][j], 3e-14 * e.values[0]);
        EXPECT_NEAR(product, i == j, 1e-13);
      }
    for (std::size_t k = rank; k < n; ++k) EXPECT_NEAR(e.values[k], 0, 1e-14 * e.values[0]);
  }
}

TEST(SymmetricEigen, ValuesNearTheEndsOfTheRange) {
  for (double unit : {0x1p-1000, 0x1p1000}) {
    auto const e = impl::symmetric_eigen({{2 * unit, unit}, {unit, 2 * unit}});
    EXPECT_NEAR(e.values[0] / unit, 3, 1e-15);
    EXPECT_NEAR(e.values[1] / unit, 1, 1e-15);
  }
  EXPECT_THROW(impl::symmetric_eigen({{1, NAN}, {NAN, 1}}), NumericalError);
  EXPECT_THROW(impl::symmetric_eigen({{INFINITY}}), NumericalError);
}

}  // namespace
}  // namespace rxhpc
