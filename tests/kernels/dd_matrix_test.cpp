#include "rxhpc/dd_matrix.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <thread>
#include <vector>

namespace rxhpc {
namespace {

/// Hilbert's matrix in double-double, bordered by its row sums and their sum: the solution for the border is a vector of ones.
DdMatrix hilbert(int n) {
  DdMatrix m(n + 1);
  DD all = 0;
  for (int i = 0; i < n; ++i) {
    DD sum = 0;
    for (int j = 0; j < n; ++j) {
      m.set(i, j, DD(1) / DD(i + j + 1));
      sum += m(i, j);
    }
    m.set(i, n, sum);
    m.set(n, i, sum);
    all += sum;
  }
  m.set(n, n, all);
  return m;
}

TEST(DdMatrix, SolvesWhereDoubleFails) {
  int const n = 12;  // condition number 1.7e16
  auto const gram = hilbert(n);
  auto const c = cholesky(gram, n, 1e-14);
  EXPECT_EQ(c.rank, n);
  for (DD b : solve(c, n, n)) EXPECT_NEAR(static_cast<double>(b - DD(1)), 0, 1e-13);
  EXPECT_NEAR(residual(c, gram, n, n).hi, 0, 1e-28);
}

TEST(DdMatrix, InverseTimesMatrixIsOne) {
  for (int n : {1, 7, 8, 9, 30}) {
    DdMatrix m(n);
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j) m.set(i, j, DD(1.0 / (1 + std::abs(i - j))) + DD(i == j ? 2 : 0));
    auto const inv = inverse(cholesky(m, n, 1e-11), n);
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j) {
        DD sum = 0;
        for (int k = 0; k < n; ++k) sum += m(i, k) * inv(k, j);
        EXPECT_NEAR(static_cast<double>(sum - DD(i == j ? 1 : 0)), 0, 1e-29);
        EXPECT_EQ(inv(i, j).hi, inv(j, i).hi);
      }
  }
}

/// Threads of their own for each piece of work.
Workers threads(int count) {
  return {count, [count](const std::function<void(int)>& work) {
            std::vector<std::thread> all;
            for (int k = 0; k < count; ++k) all.emplace_back(work, k);
            for (auto& t : all) t.join();
          }};
}

TEST(DdMatrix, SameBitsForAnyNumberOfWorkers) {
  int const n = 331, candidates = n - 1;  // rows of R with zeros, columns that are sums of others
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  std::vector<std::vector<double>> x(400, std::vector<double>(n));
  for (std::size_t i = 0; i < x.size(); ++i)
    for (int j = 0; j < n; ++j) x[i][j] = j < 50 ? static_cast<int>(i % 51) == j : j % 97 == 96 ? x[i][j - 1] - x[i][j - 7] : normal(random);
  DdMatrix gram(n);
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      DD sum = 0;
      for (auto const& r : x) sum += two_prod(r[i], r[j]);
      gram.set(i, j, sum);
    }
  auto const want = cholesky(gram, candidates, 1e-11);
  auto const want_inverse = inverse(want, candidates);
  EXPECT_EQ(want.rank, candidates - 3);
  DD one = 0;
  for (int k = 0; k < candidates; ++k) one += gram(60, k) * want_inverse(k, 60);
  EXPECT_NEAR(static_cast<double>(one), 1, 1e-25);
  for (int count : {2, 3, 7}) {
    auto const c = cholesky(gram, candidates, 1e-11, 0, threads(count));
    EXPECT_EQ(c.rank, want.rank);
    EXPECT_EQ(c.aliased, want.aliased);
    EXPECT_EQ(c.r.hi, want.r.hi);
    EXPECT_EQ(c.r.lo, want.r.lo);
    auto const inv = inverse(c, candidates, threads(count));
    EXPECT_EQ(inv.hi, want_inverse.hi) << count;
    EXPECT_EQ(inv.lo, want_inverse.lo) << count;
  }
}

TEST(DdMatrix, AliasedColumnIsSkippedAndTheLastOneNoPivot) {
  // columns 1, a, b = 1 + 2 a, y with rows (1, a, y): a = 0, 1, 2, 5, y = 1, 3, 5, 12
  double const rows[4][4] = {{1, 0, 1, 1}, {1, 1, 3, 3}, {1, 2, 5, 5}, {1, 5, 11, 12}};
  DdMatrix m(4);
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j) {
      DD sum = 0;
      for (auto const& r : rows) sum += two_prod(r[i], r[j]);
      m.set(i, j, sum);
    }
  auto const c = cholesky(m, 3, 1e-11);
  EXPECT_EQ(c.rank, 2);
  EXPECT_TRUE(c.aliased[2]);
  EXPECT_LT(c.pivot[2], 1e-11);
  auto const b = solve(c, 3, 3);
  EXPECT_EQ(b[2].hi, 0);
  EXPECT_NEAR(b[1].hi, 31.0 / 14, 1e-15);  // covariance 31 over variance 14
  EXPECT_NEAR(residual(c, m, 3, 3).hi, 68.75 - 31.0 * 31 / 14, 1e-14);
  auto const inv = inverse(c, 3);
  EXPECT_EQ(inv(2, 2).hi, 0);
  EXPECT_NEAR(inv(1, 1).hi, 1.0 / 14, 1e-16);
}

/// Columns 1, t, and c t + d with c = 1e6, whose own part d is 1e-13 and then 1e-16 of what it is made of.
TEST(DdMatrix, SmallPivotsAreKeptWhereTheyAreNoRounding) {
  for (double own : {1e-7, 1e-10}) {
    DdMatrix m(2);
    m.set(0, 0, 1);
    m.set(0, 1, 1e6);
    m.set(1, 0, 1e6);
    m.set(1, 1, two_prod(1e6, 1e6) + two_prod(own, own));
    EXPECT_EQ(cholesky(m, 2, 1e-11).rank, 1);
    EXPECT_EQ(cholesky(m, 2, 1e-11, 5e-15).rank, own == 1e-7 ? 2 : 1);
    EXPECT_EQ(cholesky(m, 2, 1e-7, 0).rank, 1);
  }
  // x_2 = x_0 - x_1 + 1e-12 e, |x_2| = 1e-4, |e| = 1: of itself 1e-8, of its parts 1e-12; then 1e-16, with which it goes
  for (double own : {1e-12, 1e-16}) {
    DdMatrix m(3);
    double const d = 1e-4;
    DD const dd = two_prod(d, d);
    m.set(0, 0, 1);
    m.set(0, 1, 1);
    m.set(0, 2, 0);
    m.set(1, 1, DD(1) + dd);
    m.set(1, 2, -dd);
    m.set(2, 2, dd + two_prod(own, own));
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < i; ++j) m.set(i, j, m(j, i));
    EXPECT_EQ(cholesky(m, 3, 1e-7, 5e-15).rank, own == 1e-12 ? 3 : 2);
  }
}

TEST(DdMatrix, ZeroColumnAndNoCandidate) {
  DdMatrix m(2);
  m.set(1, 1, 4);
  auto const c = cholesky(m, 1, 1e-11);
  EXPECT_EQ(c.rank, 0);
  EXPECT_EQ(c.pivot[0], 0);
  EXPECT_EQ(residual(c, m, 1, 1).hi, 4);
  EXPECT_EQ(cholesky(m, 0, 1e-11).rank, 0);
}

}  // namespace
}  // namespace rxhpc
