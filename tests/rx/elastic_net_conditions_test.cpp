// Elastic nets that no other program is right about: by the conditions of Karush, Kuhn and Tucker.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "elastic_net_cases.hpp"
#include "memory_source.hpp"
#include "rxhpc/glm_family.hpp"
#include "rxhpc/moments.hpp"

namespace rxhpc {
namespace {

using test::fit, test::linear, test::of_family, test::weighted, test::MemorySource;

/// The conditions of Karush, Kuhn and Tucker, from the rows: X'(prior (y - mu) dmu/deta / V) / sum w = l2 u + l1 sign(u), at most l1 in size where u is 0.
struct Rows {
  std::vector<std::vector<double>> x;  // [columns][rows]
  std::vector<double> y, w;
};

Rows random_rows(int rows, int columns, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  Rows r;
  r.x.resize(static_cast<std::size_t>(columns));
  for (int i = 0; i < rows; ++i) {
    double const common = normal(random);
    for (auto& column : r.x) column.push_back(common + 0.7 * normal(random) + 5);
    r.w.push_back(0.5 + 2 * std::generate_canonical<double, 53>(random));
    r.y.push_back(normal(random));
  }
  return r;
}

MemorySource source_of(const Rows& r, std::int64_t chunk_rows) {
  MemorySource s(chunk_rows);
  s.numeric("y", r.y).numeric("w", r.w);
  for (std::size_t j = 0; j < r.x.size(); ++j) s.numeric("x" + std::to_string(j), r.x[j]);
  return s;
}

double worst_violation(const Rows& r, const ElasticNet& m, const ElasticNetFit& f) {
  std::size_t const n = r.y.size();
  std::vector<double> score;
  double weight = 0;
  for (double w : r.w) weight += w;
  for (std::size_t i = 0; i < n; ++i) {
    double eta = f.estimates[0];
    for (std::size_t j = 0; j < r.x.size(); ++j) eta += f.estimates[j + 1] * r.x[j][i];
    double mu = 0, slope = 0, variance = 0, deviance = 0;
    glm_means(m.functions, &eta, 1, &mu, &slope);
    glm_variances(m.functions, &r.y[i], &mu, 1, &variance, &deviance);
    score.push_back(r.w[i] * (r.y[i] - mu) * slope / variance / weight);
  }
  double worst = 0, constant = 0;
  for (double s : score) constant += s;
  worst = std::abs(constant);
  for (std::size_t j = 0; j < r.x.size(); ++j) {
    double mean = 0, square = 0, gradient = 0;
    for (std::size_t i = 0; i < n; ++i) mean += r.w[i] * r.x[j][i] / weight;
    for (std::size_t i = 0; i < n; ++i) square += r.w[i] * (r.x[j][i] - mean) * (r.x[j][i] - mean) / weight;
    double const scale = m.standardize ? std::sqrt(square) : 1, u = f.estimates[j + 1] * scale;
    for (std::size_t i = 0; i < n; ++i) gradient += score[i] * (r.x[j][i] - mean) / scale;
    double const l1 = f.lambda * m.alpha, left = gradient - f.lambda * (1 - m.alpha) * u;
    worst = std::max(worst, u == 0 ? std::max(0.0, std::abs(left) - l1) : std::abs(left - std::copysign(l1, u)));
  }
  return worst;
}

std::string all_of(const Rows& r) {
  std::string f = "y ~ x0";
  for (std::size_t j = 1; j < r.x.size(); ++j) f += " + x" + std::to_string(j);
  return f;
}

TEST(ElasticNet, KarushKuhnTucker) {
  for (double alpha : {0.0, 0.3, 1.0})
    for (auto const* family : {"gaussian", "binomial", "poisson", "Gamma", "probit", "lm"}) {
      auto rows = random_rows(300, 12, 5);
      std::string const name = family;
      auto o = weighted(name == "lm" ? linear(alpha) : of_family(name == "probit" ? "binomial" : family, alpha));
      if (name == "probit") o.family.link = "probit";
      if (name == "Gamma") o.family.link = "log";
      o.n_lambda = 12;
      o.run.threads = 1;
      for (std::size_t i = 0; i < rows.y.size(); ++i) {
        double const eta = 0.8 * rows.x[0][i] - 0.5 * rows.x[3][i] - 1.5 + 0.5 * rows.y[i];
        rows.y[i] = name == "binomial" || name == "probit" ? eta > 0 : name == "poisson" ? std::floor(std::exp(eta)) : name == "Gamma" ? std::exp(eta) : eta;
      }
      auto const m = fit(source_of(rows, 70), all_of(rows).c_str(), o);
      ASSERT_TRUE(m.converged) << family;
      ASSERT_GE(m.path.size(), 5u);
      for (auto const& f : m.path) EXPECT_LT(worst_violation(rows, m, f), 2e-10) << family << " alpha " << alpha << " lambda " << f.lambda;
    }
}

/// Beyond 64 coefficients the descent comes before the system.
TEST(ElasticNet, KarushKuhnTuckerOfManyColumns) {
  for (int columns : {90, 220}) {
    auto rows = random_rows(2 * columns, columns, 8);
    for (std::size_t i = 0; i < rows.y.size(); ++i)
      for (std::size_t j = 0; j < rows.x.size(); ++j) rows.y[i] += (j % 2 ? -0.3 : 0.35) * rows.x[j][i];
    auto const m = fit(source_of(rows, 400), all_of(rows).c_str(), weighted(linear(0.2, {0.1, 0.001})));
    ASSERT_TRUE(m.converged);
    ASSERT_EQ(m.path.size(), 2u);
    EXPECT_GT(m.path[1].df, columns == 90 ? 64 : 180);
    for (auto const& f : m.path) EXPECT_LT(worst_violation(rows, m, f), 2e-10) << columns;
  }
}

TEST(ElasticNet, MoreColumnsThanRowsAndColumnsThatRepeat) {
  auto rows = random_rows(25, 40, 9);
  rows.x[1] = rows.x[0];
  rows.x[2].assign(25, 3);
  for (std::size_t i = 0; i < 25; ++i) rows.y[i] += rows.x[0][i] - rows.x[5][i];
  auto const m = fit(source_of(rows, 10), all_of(rows).c_str(), weighted(linear(0.9)));
  EXPECT_TRUE(m.converged);
  EXPECT_GT(m.path.back().dev_ratio, 0.9);
  for (auto const& f : m.path) EXPECT_EQ(f.estimates[3], 0);
  EXPECT_NEAR(m.path.back().lambda / m.path[0].lambda, std::pow(0.01, (static_cast<double>(m.path.size()) - 1) / 99), 1e-12);
  EXPECT_NEAR(m.path[30].estimates[1], m.path[30].estimates[2], 1e-9 * (1 + std::abs(m.path[30].estimates[1])));  // alpha below 1 shares between twins
}

/// Three columns that have a twin: coordinate descent alone would need as many sweeps between them as the square of 1 / apart.
Rows rows_with_twins(double apart, unsigned seed) {
  auto rows = random_rows(200, 7, seed);
  std::mt19937 random(seed + 100);
  std::normal_distribution<double> normal;
  for (std::size_t j = 0; j < 3; ++j)
    for (std::size_t i = 0; i < rows.y.size(); ++i) rows.x[j + 4][i] = rows.x[j][i] + apart * normal(random);
  return rows;
}

TEST(ElasticNet, KarushKuhnTuckerOfColumnsThatNearlyRepeat) {
  for (double apart : {1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12, 1e-14, 0.0})
    for (unsigned seed : {1u, 2u, 3u})
      for (auto const* family : {"lm", "binomial", "poisson"}) {
        auto rows = rows_with_twins(apart, seed);
        std::string const name = family;
        for (std::size_t i = 0; i < rows.y.size(); ++i) {
          double const eta = 0.5 * rows.x[0][i] - 0.3 * rows.x[2][i] - 0.8, noise = rows.y[i];
          rows.y[i] = name == "binomial" ? eta + 1.5 * noise > 0 : name == "poisson" ? std::floor(std::exp(eta + 0.5 * noise)) : eta + noise;
        }
        auto o = weighted(name == "lm" ? linear(1) : of_family(family, 1));
        o.n_lambda = 40;
        o.run.threads = 1;
        auto const m = fit(source_of(rows, 70), all_of(rows).c_str(), o);
        ASSERT_TRUE(m.converged) << family << ' ' << apart << ' ' << seed << ": " << m.warnings[0];
        EXPECT_GE(m.path.size(), 20u);
        for (auto const& f : m.path) EXPECT_LT(worst_violation(rows, m, f), 2e-10) << family << ' ' << apart << ' ' << seed << " lambda " << f.lambda;
      }
}

/// Many such pairs, beyond what is tried before the descent.
TEST(ElasticNet, KarushKuhnTuckerOfManyColumnsThatNearlyRepeat) {
  auto rows = random_rows(400, 160, 4);
  std::mt19937 random(17);
  std::normal_distribution<double> normal;
  for (std::size_t j = 0; j < 40; ++j)
    for (std::size_t i = 0; i < rows.y.size(); ++i) rows.x[j + 120][i] = rows.x[j][i] + 1e-6 * normal(random);
  for (std::size_t i = 0; i < rows.y.size(); ++i)
    for (std::size_t j = 0; j < 120; ++j) rows.y[i] += (j % 2 ? -0.3 : 0.35) * rows.x[j][i];
  auto const m = fit(source_of(rows, 400), all_of(rows).c_str(), weighted(linear(1, {0.1, 0.03, 0.01})));
  ASSERT_TRUE(m.converged);
  EXPECT_GT(m.path[2].df, 64);
  for (auto const& f : m.path) EXPECT_LT(worst_violation(rows, m, f), 2e-10) << f.lambda;
}

/// Michael, Schucany & Haas, The American Statistician 30, 1976.
double inverse_gaussian(std::mt19937& random, double mean, double shape) {
  std::normal_distribution<double> normal;
  double const z = normal(random), y = z * z, x = mean + mean * mean * y / (2 * shape) - mean / (2 * shape) * std::sqrt(4 * mean * shape * y + mean * mean * y * y);
  return std::generate_canonical<double, 53>(random) * (mean + x) <= mean ? x : mean * mean / x;
}

/// The curvature along a step may be more than twice the expected one: steps by that alone swing for ever.
TEST(ElasticNet, KarushKuhnTuckerWhereTheLinkIsNotTheFamilysOwn) {
  for (unsigned seed = 0; seed < 10; ++seed)
    for (auto const* family : {"inverse.gaussian", "Gamma"}) {
      std::mt19937 random(seed);
      std::normal_distribution<double> normal;
      Rows rows;
      rows.x.resize(8);
      bool const gamma = family == std::string("Gamma");
      for (int i = 0; i < 150; ++i) {
        for (auto& column : rows.x) column.push_back(normal(random));
        double const mean = std::exp(0.5 * rows.x[0].back() - 0.3 * rows.x[2].back() + 0.2);
        rows.y.push_back(gamma ? std::gamma_distribution<double>(0.7, mean / 0.7)(random) : inverse_gaussian(random, mean, seed % 2 ? 0.5 : 2));
        rows.w.push_back(gamma ? 0.5 * (1 + i % 5) : 1);
      }
      auto o = weighted(of_family(family, 1));
      o.family.link = "log";
      o.n_lambda = 30;
      o.run.threads = 1;
      auto const m = fit(source_of(rows, 70), all_of(rows).c_str(), o);
      ASSERT_TRUE(m.converged) << family << ' ' << seed << ": " << m.warnings[0];
      for (auto const& f : m.path) EXPECT_LT(worst_violation(rows, m, f), 2e-10) << family << ' ' << seed << " lambda " << f.lambda;
    }
}

/// Plain sums are taken about means of the first rows; where these weigh next to nothing and hold 1e16, that must not cost digits.
TEST(ElasticNet, AShiftThatIsFarOffIsSeen) {
  auto rows = random_rows(110'000, 18, 6);
  for (std::size_t i = 0; i < rows.y.size(); ++i) rows.y[i] = 0.6 * rows.x[0][i] - 0.5 * rows.x[3][i] - 0.5 + rows.y[i] > 0;
  constexpr std::ptrdiff_t first_rows = 8192;
  std::fill_n(rows.w.begin(), first_rows, 1e-60);
  auto const want = fit(source_of(rows, 50'000), all_of(rows).c_str(), weighted(of_family("binomial", 1, {0.05, 0.001})));
  EXPECT_FALSE(want.exact);
  std::fill_n(rows.x[3].begin(), first_rows, 1e16);
  auto const m = fit(source_of(rows, 50'000), all_of(rows).c_str(), weighted(of_family("binomial", 1, {0.05, 0.001})));
  EXPECT_TRUE(m.exact);
  ASSERT_EQ(m.path.size(), 2u);
  for (std::size_t k = 0; k < 2; ++k)
    for (std::size_t j = 0; j < want.names.size(); ++j) EXPECT_NEAR(m.path[k].estimates[j], want.path[k].estimates[j], 1e-11) << m.names[j];
}

}  // namespace
}  // namespace rxhpc
