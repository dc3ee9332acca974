// Analysis of variance against R:
//   i <- 1:24; d <- data.frame(x = ((i*7) %% 11)/2, g = factor(c("a","b","c")[i %% 3 + 1]), w = 1 + i %% 4, n = (i*5) %% 9); d$y <- (i*i) %% 13 + d$x
//   anova(lm(y ~ g:x + x + g + I(x^2), d));  anova(lm(y ~ x, d, weights = w), lm(y ~ x * g, d, weights = w));  ...
#include "rxhpc/anova.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "memory_source.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/self_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;

MemorySource data() {
  MemorySource s(5);
  std::vector<double> x, y, w, n;
  std::vector<int> g;
  for (int i = 1; i <= 24; ++i) {
    x.push_back((i * 7) % 11 / 2.0);
    g.push_back(i % 3);
    w.push_back(1 + i % 4);
    n.push_back((i * 5) % 9);
    y.push_back((i * i) % 13 + x.back());
  }
  s.numeric("x", x).factor("g", {"a", "b", "c"}, g).numeric("w", w).numeric("n", n).numeric("y", y);
  return s;
}

LinMod linear(const char* formula, FitOptions options = {}) {
  SelfCommunicator self;
  options.anova = true;
  return lin_mod(data(), formula, options, self);
}
Glm general(const char* formula, const char* family) {
  SelfCommunicator self;
  GlmOptions options;
  options.family.name = family;
  return glm(data(), formula, options, self);
}

struct Line {
  const char* term;
  double df, sum_sq, f, p;
};
void expect_lines(const std::vector<AnovaTerm>& got, const std::vector<Line>& want, double df, double rss) {
  ASSERT_EQ(got.size(), want.size() + 1);
  for (std::size_t k = 0; k < want.size(); ++k) {
    EXPECT_EQ(got[k].term, want[k].term);
    EXPECT_EQ(got[k].df, want[k].df);
    EXPECT_NEAR(got[k].sum_sq, want[k].sum_sq, 1e-11 * want[k].sum_sq) << want[k].term;
    EXPECT_NEAR(got[k].f_value, want[k].f, 1e-11 * want[k].f);
    EXPECT_NEAR(got[k].p_value, want[k].p, 1e-11);
  }
  EXPECT_EQ(got.back().term, "Residuals");
  EXPECT_EQ(got.back().df, df);
  EXPECT_NEAR(got.back().sum_sq, rss, 1e-11 * rss);
  EXPECT_NEAR(got.back().mean_sq, rss / df, 1e-11 * rss);
  EXPECT_TRUE(std::isnan(got.back().f_value));
}

TEST(Anova, TermByTermAgreesWithR) {
  expect_lines(linear("y ~ g:x + x + g + I(x^2)").fits[0].anova,
               {{"x", 1, 16.320175438596507, 0.817235383488617, 0.378622430493024},
                {"g", 2, 20.096491228070146, 0.503167498944482, 0.613338975368893},
                {"I(x^2)", 1, 5.978773584905682, 0.299388039168787, 0.591377558250889},
                {"g:x", 2, 24.073208638839169, 0.602734877691213, 0.558598507395691}},
               17, 339.4896844429218);
  FitOptions weighted;
  weighted.pweights = "w";
  expect_lines(linear("y ~ x + g", weighted).fits[0].anova,
               {{"x", 1, 115.232806120637662, 2.701045565487572, 0.115911519788688}, {"g", 2, 44.204602056770497, 0.518075747606909, 0.603444118398476}}, 20,
               853.2459251559253);
  // I(2 * x) adds nothing and has no line; without an intercept squares are about zero.
  expect_lines(linear("y ~ x + I(2*x) + g").fits[0].anova,
               {{"x", 1, 16.320175438596507, 0.883265780868906, 0.358521910502804}, {"g", 2, 20.096491228070146, 0.543822065028395, 0.588869847625338}}, 20,
               369.5416666666666);
  expect_lines(linear("y ~ g + x - 1").fits[0].anova,
               {{"g", 3, 1958.375, 35.3298004284587, 3.47794487509022e-08}, {"x", 1, 4.083333333333327, 0.220994475138121, 0.643368828903426}}, 20, 369.5416666666666);
}

TEST(Anova, EveryResponseHasItsOwn) {
  auto const both = linear("cbind(y, n) ~ x + g");
  for (auto const& f : both.fits) {
    auto const alone = linear((f.name + " ~ x + g").c_str());
    for (std::size_t k = 0; k < 3; ++k) EXPECT_DOUBLE_EQ(f.anova[k].sum_sq, alone.fits[0].anova[k].sum_sq);
  }
}

TEST(Anova, OfTwoLinearModelsAgreesWithR) {
  FitOptions weighted;
  weighted.pweights = "w";
  auto const small = lin_mod_from_json(model_json(linear("y ~ x", weighted))), large = linear("y ~ x * g", weighted);
  for (auto const& table : {anova(small, large), anova(large, small)}) {
    EXPECT_FALSE(table.chi_squared);
    EXPECT_EQ(table.rows[0].formula, "y ~ x");
    EXPECT_EQ(table.rows[0].resid_df, 22);
    EXPECT_NEAR(table.rows[0].resid_dev, 897.450527212696, 1e-9);
    EXPECT_TRUE(std::isnan(table.rows[0].df));
    EXPECT_EQ(table.rows[1].df, 4);
    EXPECT_NEAR(table.rows[1].deviance, 48.327362312399487, 1e-10);
    EXPECT_NEAR(table.rows[1].statistic, 0.256114942325632, 1e-13);
    EXPECT_NEAR(table.rows[1].p_value, 0.902120616338105, 1e-13);
  }
}

TEST(Anova, OfGeneralisedModelsTheStatisticFollowsTheDispersion) {
  auto const fixed = anova(general("n ~ x", "poisson"), general("n ~ x + g", "poisson"));
  EXPECT_TRUE(fixed.chi_squared);
  EXPECT_EQ(fixed.rows[1].statistic, fixed.rows[1].deviance);
  auto const a = general("n ~ x", "quasipoisson"), b = general("n ~ x + g", "quasipoisson");
  auto const estimated = anova(a, b);
  EXPECT_FALSE(estimated.chi_squared);
  EXPECT_DOUBLE_EQ(estimated.rows[1].statistic, (a.deviance - b.deviance) / 2 / b.dispersion);
}

/// y <- c(3, 0, 7, 1, 12, 2, 9, 25, 4, 31); x <- 1:10; anova(glm.nb(y ~ 1), glm.nb(y ~ x)): thetas differ, deviances say nothing
TEST(Anova, OfNegativeBinomialsByLikelihood) {
  SelfCommunicator self;
  MemorySource s(4);
  s.numeric("y", {3, 0, 7, 1, 12, 2, 9, 25, 4, 31}).numeric("x", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  GlmOptions options;
  options.family.name = "negbin";
  auto const small = glm(s, "y ~ 1", options, self), large = glm(s, "y ~ x", options, self);
  auto const table = anova(small, large);
  EXPECT_TRUE(table.chi_squared);
  EXPECT_NEAR(table.rows[1].statistic, 5.97192009905, 1e-6);
  EXPECT_NEAR(table.rows[1].p_value, 0.0145354452344, 1e-7);
  options.family.theta = 2;
  auto const given = glm(s, "y ~ 1", options, self);
  EXPECT_THROW(anova(given, large), UsageError);
  EXPECT_DOUBLE_EQ(anova(given, glm(s, "y ~ x", options, self)).rows[1].statistic, given.deviance - glm(s, "y ~ x", options, self).deviance);
}

TEST(Anova, RefusesWhatIsNotNested) {
  auto const base = linear("y ~ x");
  EXPECT_THROW(anova(base, base), UsageError);
  EXPECT_THROW(anova(base, linear("y ~ g")), UsageError);
  EXPECT_THROW(anova(base, linear("n ~ x + g")), UsageError);
  EXPECT_THROW(anova(base, linear("cbind(y, n) ~ x + g")), UsageError);
  FitOptions fewer, weighted, cube;
  fewer.rows.row_selection = "x > 1";
  weighted.pweights = "w";
  EXPECT_THROW(anova(base, linear("y ~ x + g", fewer)), UsageError);
  EXPECT_THROW(anova(base, linear("y ~ x + g", weighted)), UsageError);
  EXPECT_THROW(anova(general("n ~ x", "poisson"), general("n ~ x + g", "gaussian")), UsageError);
  cube.cube = true;
  EXPECT_THROW(linear("y ~ g", cube), UsageError);
}

}  // namespace
}  // namespace rxhpc
