// Generalised linear models of large counts, of far means and of small weights: rounding neither stops the iterations nor eats the likelihood.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "memory_source.hpp"
#include "rxhpc/glm.hpp"
#include "rxhpc/self_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;

Glm fit(const ChunkSource& source, const char* formula, const char* family, GlmOptions options = {}) {
  SelfCommunicator self;
  options.family.name = family;
  return glm(source, formula, options, self);
}

void expect_clean(const Glm& m, double size, unsigned seed) {
  EXPECT_TRUE(m.converged) << size << " " << seed;
  for (auto const& w : m.warnings) ADD_FAILURE() << size << " " << seed << ": " << w;
}

/// A table of counts and the model that has a coefficient a cell: what is left of the deviance is rounding.
TEST(GlmDigits, SaturatedTablesOfLargeCountsConverge) {
  for (double size : {1e2, 1e4, 1e5, 1e6, 1e8, 1e11})
    for (unsigned seed = 1; seed <= 12; ++seed) {
      std::mt19937 random(seed);
      std::normal_distribution<double> normal;
      MemorySource s(5);
      std::vector<double> y, failures;
      std::vector<int> a, b;
      for (int i = 0; i < 12; ++i) {
        y.push_back(std::round(size * std::exp(normal(random) / 2)));
        failures.push_back(std::round(size * std::exp(normal(random) / 2)));
        a.push_back(i % 4);
        b.push_back(i / 4);
      }
      s.numeric("y", y).numeric("f", failures).factor("a", {"1", "2", "3", "4"}, a).factor("b", {"1", "2", "3"}, b);
      for (auto const& m : {fit(s, "y ~ a * b", "poisson"), fit(s, "cbind(y, f) ~ a * b", "binomial")}) {
        expect_clean(m, size, seed);
        EXPECT_LT(m.deviance, 1e-18 + 1e-24 * size);  // the last step's square, and that of eta's rounding
      }
    }
}

TEST(GlmDigits, LargeCountsWithNoiseConverge) {
  for (double size : {1e4, 1e6, 1e9})
    for (unsigned seed = 1; seed <= 10; ++seed) {
      std::mt19937 random(seed);
      std::normal_distribution<double> normal;
      MemorySource s(40);
      std::vector<double> x, z, y, successes, failures;
      for (int i = 0; i < 100; ++i) {
        x.push_back(normal(random));
        z.push_back(normal(random));
        double const mu = size * std::exp(0.1 * x.back()), share = 1 / (1 + std::exp(-0.1 * x.back()));
        y.push_back(std::round(mu + std::sqrt(mu) * normal(random)));
        successes.push_back(std::round(size * share + std::sqrt(size * share * (1 - share)) * normal(random)));
        failures.push_back(size - successes.back());
      }
      s.numeric("x", x).numeric("z", z).numeric("y", y).numeric("s", successes).numeric("f", failures);
      expect_clean(fit(s, "y ~ x + z", "poisson"), size, seed);
      expect_clean(fit(s, "cbind(s, f) ~ x + z", "binomial"), size, seed);
      GlmOptions logit;
      logit.logit = true;
      expect_clean(fit(s, "cbind(s, f) ~ x + z", "binomial", logit), size, seed);
    }
}

TEST(GlmDigits, FarMeansOfTheNormalLawConverge) {
  for (double far : {1e6, 1e7, 1e8, 1.7e9, 1e12})
    for (unsigned seed = 1; seed <= 10; ++seed) {
      std::mt19937 random(seed);
      std::normal_distribution<double> normal;
      MemorySource s(8);
      std::vector<double> x, y, near;
      for (int i = 0; i < 20; ++i) {
        x.push_back(normal(random));
        y.push_back(far + x.back() + normal(random));
        near.push_back(y.back() - far);
      }
      s.numeric("x", x).numeric("y", y).numeric("near", near);
      auto const m = fit(s, "y ~ x", "gaussian"), same = fit(s, "near ~ x", "gaussian");
      expect_clean(m, far, seed);
      EXPECT_NEAR(m.deviance, same.deviance, 1e-14 * same.deviance);
    }
}

// mpmath, 60 digits, at the means (the fit of a constant)
TEST(GlmDigits, LikelihoodsOfLargeCounts) {
  MemorySource s(4);
  s.numeric("y", {1000000234567, 999999123456, 1000001987654, 999998000000, 1000000777777, 999999654321});
  auto const poisson = fit(s, "y ~ 1", "poisson");
  EXPECT_NEAR(poisson.deviance, 9.49031998557998421, 1e-13);
  EXPECT_NEAR(poisson.log_likelihood, -93.1518544286892985, 1e-12);
  EXPECT_NEAR(poisson.aic, 2 * (93.1518544286892985 + 1), 1e-12);
  EXPECT_NEAR(poisson.bic, 2 * 93.1518544286892985 + std::log(6), 1e-12);

  MemorySource trials(4);
  trials.numeric("s", {600000345678, 599999123456, 1200001000000, 299999700000}).numeric("t", {1e12, 1e12, 2e12, 5e11});
  EXPECT_NEAR(fit(trials, "cbind(s, t - s) ~ 1", "binomial").log_likelihood, -59.3366171863133232, 1e-12);

  MemorySource spread(4);
  spread.numeric("y", {1.5e9, 7e8, 2.3e9, 1.1e9, 4e8, 9e8});
  GlmOptions options;
  options.family.theta = 2.5;
  EXPECT_NEAR(fit(spread, "y ~ 1", "negbin", options).log_likelihood, -129.466723076050897, 1e-12);
}

// theta, its error and the likelihood by mpmath; MASS::glm.nb(y ~ 1): 2.10870330868 (1.29822146888), -30.07024179918 and 1.175327731873
// (0.644254978681), -31.931987523063
TEST(GlmDigits, NegativeBinomialsNeedNoWholeNumbers) {
  std::vector<double> const counts{0, 3, 1, 7, 2, 12, 0, 5, 4, 1, 9, 2};
  MemorySource s(5);
  std::vector<double> shifted, scaled;
  for (double y : counts) shifted.push_back(y + 0.5), scaled.push_back(1.25 * y);
  s.numeric("shifted", shifted).numeric("scaled", scaled);
  struct Case {
    const char* formula;
    double theta, error, likelihood;
  };
  for (auto const& c : {Case{"shifted ~ 1", 2.10870330877908753, 1.29823316643257401, -30.0702417991755545},
                        Case{"scaled ~ 1", 1.17532773259981604, 0.644275051780587663, -31.9319875230629066}}) {
    auto const m = fit(s, c.formula, "negbin");
    expect_clean(m, 1, 0);
    EXPECT_NEAR(m.theta, c.theta, 1e-9);
    EXPECT_NEAR(m.theta_error, c.error, 1e-8);
    EXPECT_NEAR(m.log_likelihood, c.likelihood, 1e-12);
  }
}

/// Newton's method comes to the answer of these links step by step; the intercept, or the cells in its place, then make up for what the slope of a column
/// far from 0 still changes, by thousands, and nothing runs away.
TEST(GlmDigits, ColumnsFarFromZeroAreNoSeparation) {
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  std::vector<double> x, near, y;
  std::vector<int> g;
  for (int i = 0; i < 3000; ++i) {
    g.push_back(i % 5);
    near.push_back(10 * normal(random));
    x.push_back(1e7 + near.back());
    y.push_back(uniform(random) < 1 / (1 + std::exp(-0.3 * (g.back() - 2) - 0.05 * near.back())));
  }
  MemorySource s(1000);
  s.numeric("x", x).numeric("near", near).numeric("y", y).factor("g", {"a", "b", "c", "d", "e"}, g);
  GlmOptions options;
  for (auto const* link : {"cloglog", "cauchit"})
    for (bool cube : {false, true}) {
      options.family.link = link;
      options.cube = cube;
      auto const far = fit(s, "y ~ g + x", "binomial", options);
      expect_clean(far, 1e7, cube);
      EXPECT_NEAR(far.coefficients.back().estimate, fit(s, "y ~ g + near", "binomial", options).coefficients.back().estimate, 1e-6);
    }
}

/// Where such a column is what separates the classes, its intercept is as little of use as its slope.
TEST(GlmDigits, SeparatedFarFromZero) {
  std::vector<double> x, y;
  for (int i = 0; i < 40; ++i) {
    x.push_back(1e4 + i - 19.5);
    y.push_back(i >= 20);
  }
  MemorySource s(16);
  s.numeric("x", x).numeric("y", y);
  auto const m = fit(s, "y ~ x", "binomial");
  EXPECT_TRUE(std::any_of(m.warnings.begin(), m.warnings.end(), [](auto const& w) { return w.find("coefficients of (Intercept), x run away") != w.npos; }));
}

/// A slope of few rows has a column that hardly varies, and runs away like others.
TEST(GlmDigits, SlopesOfRareLevelsRunAway) {
  constexpr int rows = 100'000;
  std::mt19937 random(9);
  std::vector<double> x, y;
  std::vector<int> g;
  for (int i = 0; i < rows; ++i) {
    x.push_back(std::sin(i));
    g.push_back(i % 5000 == 17);
    y.push_back(g.back() ? x.back() > 0.1 : random() % 2);
  }
  MemorySource s(rows);
  s.numeric("x", x).numeric("y", y).factor("g", {"often", "rare"}, g);
  GlmOptions options;
  options.like_r = true;
  auto const m = fit(s, "y ~ g * x", "binomial", options);
  EXPECT_TRUE(std::any_of(m.warnings.begin(), m.warnings.end(), [](auto const& w) { return w.find("coefficients of grare, grare:x run away") != w.npos; }))
      << (m.warnings.empty() ? "no warning" : m.warnings.back());
}

/// All successes: no limit, however few rows have the column, and whatever it is called.
TEST(GlmDigits, FewRowsThatAreSeparated) {
  constexpr int rows = 5'000;
  std::mt19937 random(4);
  std::normal_distribution<double> normal;
  std::vector<double> dummy, most, skewed, x, y, counts;
  std::vector<int> g;
  for (int i = 0; i < rows; ++i) {
    bool const few = i % 1000 == 3;
    x.push_back(normal(random));
    dummy.push_back(few);
    most.push_back(!few);
    skewed.push_back(few ? std::exp(2 * normal(random)) : 0);
    y.push_back(few || random() % 2);
    g.push_back(i % 2500 == 3);
    counts.push_back(g.back() ? 0 : static_cast<double>(random() % 5));
  }
  MemorySource s(1024);
  s.numeric("dummy", dummy).numeric("most", most).numeric("skewed", skewed).numeric("x", x).numeric("y", y).numeric("counts", counts).factor("g", {"often", "none"}, g);
  auto const named = [&](const char* formula, const char* family, const char* link, const char* names) {
    GlmOptions options;
    options.family.link = link;
    options.like_r = true;
    auto const m = fit(s, formula, family, options);
    EXPECT_TRUE(std::any_of(m.warnings.begin(), m.warnings.end(), [&](auto const& w) { return w.find(std::string("coefficients of ") + names + " run away") != w.npos; }))
        << formula << " " << family << " " << link << ": " << (m.warnings.empty() ? "no warning" : m.warnings.back());
  };
  for (auto const* link : {"logit", "probit", "cloglog", "cauchit"}) {
    named("y ~ dummy + x", "binomial", link, "dummy");
    named("y ~ skewed + x", "binomial", link, "skewed");
    named("y ~ most + x", "binomial", link, "(Intercept), most");
  }
  named("counts ~ g + x", "poisson", "", "gnone");
  named("counts ~ g + x", "negbin", "", "gnone");
}

/// Steps that are large because the iterations have hardly begun tell nothing.
TEST(GlmDigits, UnfinishedIterationsAreNoSeparation) {
  std::mt19937 random(8);
  std::vector<double> x, y;
  for (int i = 0; i < 400; ++i) {
    x.push_back(std::sin(i));
    y.push_back(std::bernoulli_distribution(1 / (1 + std::exp(-2 * x.back())))(random));
  }
  MemorySource s(400);
  s.numeric("x", x).numeric("y", y);
  for (int iterations : {1, 2, 3}) {
    GlmOptions options;
    options.family.link = "cauchit";
    options.max_iterations = iterations;
    auto const m = fit(s, "y ~ x", "binomial", options);
    EXPECT_TRUE(std::none_of(m.warnings.begin(), m.warnings.end(), [](auto const& w) { return w.find("run away") != w.npos; })) << iterations;
  }
}

/// Weights have no unit: R's test of the deviance, which adds 0.1 to it, would end at once where they are tiny.
TEST(GlmDigits, TinyWeightsAreNoSeparation) {
  MemorySource s(4);
  s.numeric("y", {0, 1, 2, 0, 7, 3, 1, 12, 0, 5, 2, 9, 4, 0, 1, 6, 22, 3});
  std::vector<double> x, tiny(18, std::ldexp(1.0, -40));
  for (int i = 1; i <= 18; ++i) x.push_back(i / 6.0);
  s.numeric("x", x).numeric("tiny", tiny);
  auto const plain = fit(s, "y ~ x", "poisson");
  GlmOptions options;
  options.pweights = "tiny";
  auto const m = fit(s, "y ~ x", "poisson", options);
  expect_clean(m, 1, 0);
  EXPECT_EQ(m.iterations, plain.iterations);
  for (std::size_t k = 0; k < 2; ++k) EXPECT_NEAR(m.coefficients[k].estimate, plain.coefficients[k].estimate, 1e-12);
}

}  // namespace
}  // namespace rxhpc
