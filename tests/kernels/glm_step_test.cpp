// Links, variances and the sums of one step against what they are by definition.
#include "rxhpc/glm_step.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "table_fixture.hpp"

namespace rxhpc {
namespace {

constexpr Link links[] = {Link::identity, Link::log, Link::logit, Link::probit, Link::cloglog, Link::cauchit, Link::inverse, Link::inverse_square, Link::sqrt, Link::power};
constexpr Variance variances[] = {Variance::constant, Variance::mu, Variance::mu_squared, Variance::mu_cubed, Variance::binomial, Variance::power, Variance::negative_binomial};

double mean_at(const GlmFamily& f, double eta, double* slope = nullptr) {
  double mu = 0, s = 0;
  glm_means(f, &eta, 1, &mu, &s);
  if (slope) *slope = s;
  return mu;
}

TEST(GlmFamily, LinksAreInvertedAndSlopesAreDerivatives) {
  for (auto link : links)
    for (double mu : {0.03, 0.25, 0.5, 0.7, 0.98}) {
      GlmFamily const f{.link = link, .link_power = -0.4};
      double const eta = glm_link(f, mu), h = 1e-5 * std::max(std::abs(eta), 0.1);
      double slope = 0;
      EXPECT_NEAR(mean_at(f, eta, &slope), mu, 1e-13) << "link " << static_cast<int>(link);
      EXPECT_NEAR((mean_at(f, eta + h) - mean_at(f, eta - h)) / (2 * h), slope, 1e-6 * std::max(1.0, std::abs(slope))) << "link " << static_cast<int>(link);
    }
}

TEST(GlmFamily, EtaOutsideOfTheLinkHasNoMean) {
  for (auto link : {Link::inverse_square, Link::sqrt, Link::power}) EXPECT_TRUE(std::isnan(mean_at({.link = link, .link_power = 2}, -1)));
  EXPECT_TRUE(std::isnan(mean_at({.link = Link::inverse}, 0)));
}

// d deviance / d mu = -2 (y - mu) / V(mu)
TEST(GlmFamily, DeviancesBelongToTheirVariances) {
  for (auto variance : variances)
    for (double y : {0.2, 0.55, 1.0})
      for (double mu : {0.15, 0.4, 0.8}) {
        GlmFamily const f{.variance = variance, .var_power = 1.6, .theta = 2.5};
        double const h = 1e-5;
        double const around[] = {mu - h, mu, mu + h}, same[] = {y, y, y};
        double v[3], d[3];
        glm_variances(f, same, around, 3, v, d);
        EXPECT_NEAR((d[2] - d[0]) / (2 * h), -2 * (y - mu) / v[1], 1e-6 * std::max(1.0, std::abs(d[2] - d[0]) / h)) << "variance " << static_cast<int>(variance);
        double own_v, own_d;
        // At its own mean a response deviates by nothing; R's negative binomial counts from 1 up.
        if (variance != Variance::negative_binomial || y == 1) {
          glm_variances(f, &y, &y, 1, &own_v, &own_d);
          EXPECT_NEAR(own_d, 0, 1e-14) << "variance " << static_cast<int>(variance);
        }
      }
}

// y near mu, where the terms of a deviance cancel; figures of mpmath in 60 digits
TEST(GlmFamily, DeviancesOfGoodFitsKeepTheirDigits) {
  double const y[] = {1e6 + 1, 3, 1e12, 0.25, 0.75, 0.5}, mu[] = {1e6, 3.000001, 1e12 + 5, 0.2500001, 0.7499999, 0.6};
  double v[6], d[6];
  auto const expect = [&](const GlmFamily& f, int first, std::vector<double> want, double relative) {
    glm_variances(f, y + first, mu + first, 3, v, d);
    for (int i = 0; i < 3; ++i) EXPECT_NEAR(d[i], want[static_cast<std::size_t>(i)], relative * want[static_cast<std::size_t>(i)]) << "variance " << static_cast<int>(f.variance);
  };
  expect({.variance = Variance::mu}, 0, {9.99999666666833333e-7, 3.33333259352463058e-13, 2.49999999999166667e-11}, 2e-15);
  expect({.variance = Variance::mu_squared}, 0, {9.99999333333833333e-13, 1.1111106175947533e-13, 2.49999999998333333e-23}, 2e-15);
  expect({.variance = Variance::binomial}, 3, {5.33333238549224404e-14, 5.33333237957105616e-14, 0.0408219945202551111}, 4e-15);
  expect({.variance = Variance::power, .var_power = 1.3}, 0, {1.58489250567445735e-8, 2.39740961916808923e-13, 6.27971607874673047e-15}, 1e-14);
  expect({.variance = Variance::power, .var_power = 2.5}, 0, {9.99999166667395833e-16, 6.41499942890020113e-14, 2.49999999997916667e-29}, 1e-14);
  // About the means' own rounding
  expect({.variance = Variance::power, .var_power = 1.5}, 0, {9.999995000003125e-10, 1.92450025633665929e-13, 2.4999999999875e-17}, 1e-3);
}

/// Rows of x, group, weight, offset, y.
test::MemoryTable rows(std::int64_t count) {
  test::MemoryTable t;
  t.numeric(test::normals(count, 1));
  t.factor(test::codes(count, 3, 4));
  auto w = test::normals(count, 3), y = test::normals(count, 5);
  for (auto& v : w) v = v > 0 ? 2 : 0.5;
  for (auto& v : y) v = v > 0.3;
  t.numeric(w);
  t.numeric(test::normals(count, 4, 0.1, 0.2));
  t.numeric(y);
  return t;
}

TEST(GlmStep, SumsAreThoseOfTheDefinition) {
  std::int64_t const n = 1003;
  auto const t = rows(n);
  for (auto precision : {Precision::plain, Precision::exact}) {
    GlmStepSpec spec;
    spec.products.terms = {{}, {{0}, {}, {}}, {{}, {1}, {3}}};
    spec.products.responses = {4};
    spec.products.weight = 2;
    spec.products.carried = {3};
    spec.has_offset = true;
    spec.products.precision = precision;
    if (precision == Precision::plain) spec.products.shift = {0.7, 0};
    spec.family = {.link = Link::logit, .variance = Variance::binomial, .start = StartRule::share, .range = Range::zero_or_one};
    spec.beta = {0.2, -0.6, 0.3, 0, -0.1};
    spec.constants = true;
    GlmStep step(spec);
    step.update(t.all());
    double deviance = 0, weight = 0, cross = 0, score = 0, cell = 0;
    auto const chunk = t.all();
    for (std::int64_t i = 0; i < n; ++i) {
      double const x = chunk.columns[0].value(i), w = chunk.columns[2].value(i), y = chunk.columns[4].value(i);
      int const g = chunk.columns[1].code(i);
      double const eta = 0.2 - 0.6 * x + spec.beta[2 + g] + chunk.columns[3].value(i), mu = 1 / (1 + std::exp(-eta));
      deviance += -2 * w * (y == 1 ? std::log(mu) : std::log1p(-mu));
      weight += w;
      cross += w * mu * (1 - mu) * x * x;
      score += w * (y - mu) * x;
      cell += g == 1 ? w * (y - mu) : 0;
    }
    auto const gram = step.products().gram();
    EXPECT_NEAR(static_cast<double>(step.sums().deviance) / deviance, 1, 1e-13);
    EXPECT_NEAR(static_cast<double>(step.sums().weight), weight, 1e-9);
    EXPECT_NEAR(gram(1, 1).hi, cross, 1e-11 * cross);
    EXPECT_NEAR(gram(1, 5).hi, score, 1e-10);
    EXPECT_NEAR(gram(3, 5).hi, cell, 1e-10);
    EXPECT_EQ(step.n_invalid(), 0);
    EXPECT_EQ(step.n_out_of_range(), 0);
  }
}

TEST(GlmStep, CountsWhatAFamilyCannotHave) {
  auto const t = rows(100);
  GlmStepSpec spec;
  spec.products.terms = {{}, {{0}, {}, {}}};
  spec.products.responses = {4};
  spec.family = {.link = Link::inverse_square, .variance = Variance::mu_cubed, .range = Range::above_zero};
  spec.beta = {-1, 0};
  spec.constants = true;
  GlmStep step(spec);
  step.update(t.all());
  EXPECT_GE(step.n_invalid(), 100);
  std::int64_t zeros = 0;
  for (std::int64_t i = 0; i < 100; ++i) zeros += t.all().columns[4].value(i) == 0;
  EXPECT_EQ(step.n_out_of_range(), zeros);
}

}  // namespace
}  // namespace rxhpc
