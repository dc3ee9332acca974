// Plain sums about values far from the means: the first rows count for nothing and lie far off, and the sums begin there.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "memory_source.hpp"
#include "rxhpc/cov_cor.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/glm.hpp"
#include "rxhpc/lin_mod.hpp"
#include "rxhpc/self_communicator.hpp"

namespace rxhpc {
namespace {

constexpr std::size_t first_rows = 8192;  // at least those that sums are begun from

/// Columns x0, x1, ... and y, and weights w, 1 but for the first rows', whose x0 is `sentinel`.
test::MemorySource table(std::int64_t rows, int columns, double sentinel, double weight) {
  test::MemorySource s;
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  std::vector<double> y(static_cast<std::size_t>(rows)), w(y.size(), 1.0);
  std::fill_n(w.begin(), first_rows, weight);
  for (int j = 0; j < columns; ++j) {
    std::vector<double> x(y.size());
    for (std::size_t i = 0; i < y.size(); ++i) {
      x[i] = 3 + normal(random);
      y[i] += x[i] / (1 + j) + normal(random);
    }
    if (j == 0) std::fill_n(x.begin(), first_rows, sentinel);
    s.numeric("x" + std::to_string(j), x);
  }
  std::fill_n(y.begin(), first_rows, 0.0);
  s.numeric("y", y).numeric("w", w);
  return s;
}

std::string sum_of_columns(int columns) {
  std::string f = "x0";
  for (int j = 1; j < columns; ++j) f += " + x" + std::to_string(j);
  return f;
}

TEST(FarShift, GlmNoticesIt) {
  SelfCommunicator self;
  constexpr std::int64_t rows = 100'000;
  auto const formula = "y ~ " + sum_of_columns(20);
  GlmOptions o;
  o.pweights = "w";
  o.family.name = "gaussian";
  auto const right = glm(table(rows, 20, 3, 1e-60), formula, o, self);
  for (double sentinel : {1e6, 1e7, 1e8, 1e13}) {
    auto const m = glm(table(rows, 20, sentinel, 1e-60), formula, o, self);
    for (std::size_t k = 0; k < right.coefficients.size(); ++k) {
      EXPECT_NEAR(m.coefficients[k].estimate, right.coefficients[k].estimate, 1e-10) << sentinel << ", coefficient " << k;
      EXPECT_NEAR(m.coefficients[k].std_error / right.coefficients[k].std_error, 1, 1e-10) << sentinel << ", coefficient " << k;
    }
  }
}

TEST(FarShift, CovCorAndLinModNoticeItWhereSquaresOverflow) {
  SelfCommunicator self;
  constexpr std::int64_t rows = 100'000;
  constexpr int columns = 45;  // so many that the first pass is plain
  FitOptions o;
  CovCorOptions c;
  o.pweights = c.pweights = "w";
  auto const s = table(rows, columns, 3, 1e-300);
  auto const right = cov_cor(s, "~ " + sum_of_columns(columns), c, self);
  auto const line = lin_mod(s, "y ~ " + sum_of_columns(columns), o, self);
  for (double sentinel : {1e13, 1e120}) {
    auto const far = table(rows, columns, sentinel, 1e-300);
    auto const m = cov_cor(far, "~ " + sum_of_columns(columns), c, self);
    EXPECT_NEAR(m.matrix[0][1], right.matrix[0][1], 1e-10) << sentinel;
    EXPECT_NEAR(m.matrix[0][0], right.matrix[0][0], 1e-10) << sentinel;
    EXPECT_NEAR(m.means[0], right.means[0], 1e-10) << sentinel;
    EXPECT_NEAR(lin_mod(far, "y ~ " + sum_of_columns(columns), o, self).fits[0].coefficients[1].estimate, line.fits[0].coefficients[1].estimate, 1e-10) << sentinel;
  }
}

/// Dropping the column, or answering NA, would be no answer.
TEST(FarShift, ValuesWhoseSquaresOverflowAreRefusedByName) {
  SelfCommunicator self;
  test::MemorySource s(4);
  s.numeric("x", {1, 2, 4, -1.797e308, 3, 7, 5}).numeric("z", {1, 3, 2, 4, 1, 2, 3}).numeric("y", {1, 2, 3, 5, 1, 4, 2}).numeric("k", {0, 1, 0, 1, 1, 0, 0});
  auto const message = [](auto&& fit) -> std::string {
    try {
      fit();
    } catch (const DataError& e) {
      return e.what();
    }
    return "no error";
  };
  GlmOptions logit;
  logit.logit = true;
  for (auto const& what : {message([&] { lin_mod(s, "y ~ x + z", {}, self); }), message([&] { lin_mod(s, "x ~ z", {}, self); }),
                           message([&] { glm(s, "k ~ x + z", logit, self); }), message([&] { cov_cor(s, "~ x + z", {}, self); })})
    EXPECT_EQ(what, "column 'x': squares of its values overflow; scale it, or leave out the rows where it is huge");
}

}  // namespace
}  // namespace rxhpc
