// Against R 4.2.2: chisq.test, fisher.test, cor.test, mantelhaen.test.
#include "rxhpc/contingency_tests.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace rxhpc {
namespace {

void expect_near(double got, double want, double relative = 1e-10) { EXPECT_NEAR(got, want, relative * std::abs(want)); }

// Agresti (2002, p. 57): job satisfaction
TwoWay const job{4, 4, {1, 3, 10, 6, 2, 3, 10, 7, 1, 6, 14, 12, 0, 1, 9, 11}};
TwoWay const tea{2, 2, {3, 1, 1, 3}};
TwoWay const uneven{2, 2, {12, 7, 5, 9}};

TEST(TableTests, ChiSquared) {
  auto const t = chi_squared(job);
  expect_near(t.statistic, 5.9655145887704);
  EXPECT_EQ(t.df, 9);
  auto const corrected = chi_squared(uneven);
  expect_near(corrected.statistic, 1.45599637881468);
  expect_near(corrected.p_value, 0.22756821457581);
  // empty rows and columns do not count
  auto const wide = chi_squared({3, 3, {12, 0, 7, 0, 0, 0, 5, 0, 9}});
  EXPECT_EQ(wide.statistic, corrected.statistic);
  EXPECT_EQ(wide.df, 1);
}

TEST(TableTests, FisherTwoByTwo) {
  auto const t = fisher(tea);
  expect_near(t.p_value, 0.485714285714286);
  expect_near(t.estimate, 6.408308867005788, 1e-9);
  expect_near(t.conf_low, 0.211732915305503, 1e-9);
  expect_near(t.conf_high, 621.933750545417297, 1e-9);  // R's search, its stop included
  auto const u = fisher(uneven);
  expect_near(u.p_value, 0.166320065773563);
  expect_near(u.estimate, 2.976547271813801, 1e-4);
  auto const edge = fisher({2, 2, {4, 1, 0, 6}});
  expect_near(edge.p_value, 0.0151515151515152);
  EXPECT_EQ(edge.estimate, INFINITY);
  expect_near(edge.conf_low, 1.2694408436177353, 1e-4);
  EXPECT_EQ(edge.conf_high, INFINITY);
}

TEST(TableTests, FisherLarger) {
  EXPECT_EQ(fisher({3, 3, {3, 5, 0, 0, 1, 6, 2, 4, 2}}).method.substr(0, 5), "exact");
  expect_near(fisher({3, 3, {3, 5, 0, 0, 1, 6, 2, 4, 2}}).p_value, 0.0104368588197317, 1e-8);
  // turned, permuted: the same
  expect_near(fisher({3, 3, {0, 5, 3, 6, 1, 0, 2, 4, 2}}).p_value, 0.0104368588197317, 1e-8);
  // 2 by 3 of some thousand rows
  EXPECT_EQ(fisher({2, 3, {401, 216, 221, 254, 259, 169}}).method.substr(0, 5), "exact");
}

// fisher.test(t, workspace = 2e7)$p.value
TEST(TableTests, FisherOfLargeTablesIsExact) {
  struct Known {
    TwoWay table;
    double p;
  };
  Known const known[] = {
      {job, 0.782684938965639},
      {{5, 5, {5, 4, 2, 7, 0, 4, 5, 5, 6, 1, 6, 6, 5, 3, 0, 7, 1, 6, 4, 2, 4, 8, 3, 5, 1}}, 0.506336291830},
      {{5, 5, {5, 7, 3, 6, 13, 2, 2, 1, 3, 4, 2, 5, 3, 10, 13, 3, 2, 0, 3, 2, 0, 2, 1, 5, 3}}, 0.86337181925},
      {{3, 8, {1, 2, 2, 4, 3, 6, 1, 3, 1, 1, 2, 2, 2, 0, 4, 4, 5, 3, 3, 1, 3, 4, 1, 2}}, 0.307145654187},
      {{8, 3, {1, 1, 5, 2, 1, 3, 2, 2, 3, 4, 2, 1, 3, 2, 3, 6, 0, 4, 1, 4, 1, 3, 4, 2}}, 0.307145654187},
      {{2, 6, {100, 100, 78, 46, 64, 89, 97, 117, 105, 49, 77, 78}}, 0.384303702148},
      {{4, 4, {6, 13, 6, 4, 5, 4, 1, 7, 17, 21, 17, 15, 10, 11, 7, 6}}, 0.507504373134},
  };
  for (auto const& [table, p] : known) {
    auto const t = fisher(table);
    EXPECT_EQ(t.method.substr(0, 5), "exact");
    expect_near(t.p_value, p, 1e-9);
  }
}

/// All tables with these margins, cell by cell: the chance of those no likelier than `limit`, of all.
void every_table(std::vector<int> row, std::vector<int> column, std::size_t at, double log, double limit, double& rarer, double& all) {
  auto const i = at / column.size(), j = at % column.size();
  if (i == row.size()) {
    for (int left : column)
      if (left > 0) return;
    all += std::exp(log);
    if (log <= limit) rarer += std::exp(log);
    return;
  }
  bool const ends = j + 1 == column.size();
  for (int n = ends ? row[i] : 0; n <= std::min(row[i], column[j]); ++n) {
    auto r = row, c = column;
    r[i] -= n, c[j] -= n;
    every_table(r, c, at + 1, log - std::lgamma(n + 1.0), limit, rarer, all);
  }
}

TEST(TableTests, FisherAgreesWithEveryTableOneByOne) {
  std::uint64_t state = 3;
  auto const next = [&](int n) { return static_cast<int>((state = state * 6364136223846793005u + 1442695040888963407u) >> 33) % n; };
  for (auto const& [rows, columns, most] : {std::array{2, 6, 3}, std::array{3, 3, 4}, std::array{3, 4, 2}, std::array{2, 3, 20}})
    for (int k = 0; k < 4; ++k) {
      TwoWay t{static_cast<std::size_t>(rows), static_cast<std::size_t>(columns), {}};
      std::vector<int> row(t.rows), column(t.columns);
      double limit = 1e-7;
      for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j) {
          int const n = next(most) + (i == j % rows ? 1 : 0);
          t.values.push_back(n);
          row[static_cast<std::size_t>(i)] += n, column[static_cast<std::size_t>(j)] += n;
          limit -= std::lgamma(n + 1.0);
        }
      double rarer = 0, all = 0;
      every_table(row, column, 0, 0, limit, rarer, all);
      expect_near(fisher(t).p_value, rarer / all, 1e-10);
    }
}

TEST(TableTests, FisherGivesWayToSimulationAndSaysSo) {
  TableTestOptions o;
  o.most_steps = 10;
  o.simulations = 40000;
  auto const t = fisher(job, o);
  EXPECT_EQ(t.method.substr(0, 9), "simulated");
  EXPECT_NEAR(t.p_value, 0.782684938965639, 4 * std::sqrt(0.17 / 40000));
  EXPECT_EQ(fisher(job, o).p_value, t.p_value);
  o.seed = 2;
  EXPECT_NE(fisher(job, o).p_value, t.p_value);
}

TEST(TableTests, FisherOfTooManyRowsIsNone) {
  auto const t = fisher({2, 2, {3e7, 2e7, 1e7, 1}});
  EXPECT_FALSE(t.valid);
  EXPECT_EQ(t.method.substr(0, 8), "not made");
  EXPECT_EQ(fisher({2, 2, {2e9, 2e7, 1e7, 1}}).method, t.method);
  EXPECT_EQ(fisher({2, 2, {3e7 + 0.5, 2e7, 1e7, 1}}).method, "");  // no counts
}

// A table of logarithms of all factorials would take 65 GB.
TEST(TableTests, KendallByPermutationOfManyRows) {
  TableTestOptions o;
  o.permute = true;
  o.simulations = 200;
  TwoWay const even{3, 3, std::vector<double>(9, 9e8)};
  EXPECT_EQ(kendall(even, o).p_value, 1);
  auto leaning = even;
  leaning.values[0] += 1e7;
  EXPECT_EQ(kendall(leaning, o).p_value, 1.0 / 201);
}

TEST(TableTests, KendallWithTies) {
  auto const k = kendall(job);
  expect_near(k.tau_b, 0.1523521513465969);
  expect_near(k.z, 1.7167246963996221);
  expect_near(k.p_value, 0.0860294855671433);
  TableTestOptions o;
  o.permute = true;
  o.simulations = 20000;
  EXPECT_NEAR(kendall(job, o).p_value, 0.086, 0.012);
  double const n = 96, s = k.tau_a * n * (n - 1) / 2;
  expect_near(k.tau_c, 2 * 4 * s / (n * n * 3));
}

TEST(TableTests, KendallWithoutTiesIsExact) {
  TwoWay t{6, 6, std::vector<double>(36, 0)};
  int const y[] = {2, 1, 4, 3, 6, 5};
  for (std::size_t i = 0; i < 6; ++i) t.values[i * 6 + static_cast<std::size_t>(y[i]) - 1] = 1;
  auto const k = kendall(t);
  EXPECT_EQ(k.method, "exact");
  expect_near(k.tau_b, 0.6);
  EXPECT_EQ(k.tau_a, k.tau_b);
  expect_near(k.p_value, 0.136111111111111);
}

TEST(TableTests, Ratios) {
  auto const odds = odds_ratio({2, 2, {1198, 1493, 557, 1278}});
  expect_near(odds.estimate, 1.8410800371812925);
  expect_near(odds.conf_low, 1.6243769097450054);
  expect_near(odds.conf_high, 2.0866928623354815);
  auto const risk = risk_ratio({2, 2, {90, 10, 80, 20}});
  expect_near(risk.estimate, 2);
  double const se = std::sqrt(0.9 / 10 + 0.8 / 20);
  expect_near(risk.conf_high, 2 * std::exp(1.959963984540054 * se));
  auto const zero = odds_ratio({2, 2, {0, 3, 4, 5}});
  EXPECT_EQ(zero.estimate, 0);
  EXPECT_TRUE(std::isnan(zero.conf_low));
  EXPECT_FALSE(odds_ratio({2, 2, {0, 0, 4, 5}}).valid);
  EXPECT_FALSE(odds_ratio(job).valid);
  // levels that do not occur are no rows and columns
  TwoWay const unused{3, 3, {90, 0, 10, 0, 0, 0, 80, 0, 20}};
  EXPECT_EQ(risk_ratio(unused).estimate, risk.estimate);
  EXPECT_EQ(risk_ratio(unused).conf_high, risk.conf_high);
  EXPECT_EQ(odds_ratio(unused).p_value, odds_ratio({2, 2, {90, 10, 80, 20}}).p_value);
  EXPECT_EQ(risk_ratio({2, 2, {0, 3, 0, 5}}).estimate, 1);
  EXPECT_FALSE(risk_ratio({3, 2, {0, 3, 0, 0, 0, 5}}).valid);
}

TEST(TableTests, RatiosTestedOneWay) {
  auto const judge = [](const TwoWay& t, auto ratio) {
    auto const both = ratio(t, 0.9, Alternative::two_sided), less = ratio(t, 0.95, Alternative::less), greater = ratio(t, 0.95, Alternative::greater);
    EXPECT_EQ(less.estimate, both.estimate);
    EXPECT_NEAR(less.p_value + greater.p_value, 1, 1e-15);
    EXPECT_NEAR(2 * std::min(less.p_value, greater.p_value), both.p_value, 1e-15);
    EXPECT_EQ(less.p_value < greater.p_value, both.estimate < 1);
    EXPECT_EQ(less.conf_low, 0);
    EXPECT_NEAR(less.conf_high, both.conf_high, 1e-12 * both.conf_high);  // 5 % on each side
    EXPECT_NEAR(greater.conf_low, both.conf_low, 1e-12);
    EXPECT_TRUE(std::isinf(greater.conf_high));
    EXPECT_LT(ratio(t, 0.3, Alternative::less).conf_high, both.estimate);  // below a half, the end lies on the other side
  };
  for (TwoWay const& t : {TwoWay{2, 2, {12, 5, 7, 11}}, TwoWay{2, 2, {5, 12, 11, 7}}, TwoWay{2, 2, {30, 1, 40, 2}}}) {
    judge(t, [](auto&&... x) { return odds_ratio(x...); });
    judge(t, [](auto&&... x) { return risk_ratio(x...); });
  }
}

TEST(TableTests, CramersV) {
  expect_near(cramers_v(job), std::sqrt(5.9655145887704 / 96 / 3));
  expect_near(cramers_v({2, 2, {5, 0, 0, 7}}), 1);
}

TEST(TableTests, MantelHaenszel) {
  // UCBAdmissions: Admit by Gender in six departments
  std::vector<TwoWay> const ucb{{2, 2, {512, 89, 313, 19}},   {2, 2, {353, 17, 207, 8}},   {2, 2, {120, 202, 205, 391}},
                                {2, 2, {138, 131, 279, 244}}, {2, 2, {53, 94, 138, 299}}, {2, 2, {22, 24, 351, 317}}};
  auto const t = mantel_haenszel(ucb);
  expect_near(t.statistic, 1.426946228586688);
  expect_near(t.p_value, 0.232263462817048);
  expect_near(t.estimate, 0.904696828258623);
  expect_near(t.conf_low, 0.771907361759350);
  expect_near(t.conf_high, 1.060329764436656);
  auto const general = mantel_haenszel({{2, 3, {2, 3, 4, 5, 1, 7}}, {2, 3, {3, 2, 6, 8, 2, 5}}});
  expect_near(general.statistic, 2.919998486134153);
  EXPECT_EQ(general.df, 2);
}

TEST(TableTests, TablesWithoutAnAnswer) {
  for (auto const& t : {TwoWay{1, 3, {1, 2, 3}}, TwoWay{2, 2, {0, 0, 0, 0}}, TwoWay{2, 2, {1, 0, 2, 0}}, TwoWay{2, 2, {-1, 2, 3, 4}},
                        TwoWay{2, 2, {1, 2, TableTest::none, 4}}, TwoWay{0, 0, {}}, TwoWay{3, 2, {1, 2, 3, 4, -1, 1}},
                        TwoWay{2, 3, {3, 1, -1, 4, 2, 1}}}) {
    EXPECT_FALSE(chi_squared(t).valid);
    EXPECT_FALSE(kendall(t).valid);
    EXPECT_TRUE(std::isnan(cramers_v(t)));
    bool const one_column = t.rows == 2 && t.values[0] == 1;  // the only table of its margins
    EXPECT_EQ(fisher(t).valid, one_column && !std::isnan(t.values[2]));
    EXPECT_FALSE(mantel_haenszel({t}).valid);
  }
  EXPECT_FALSE(fisher({2, 2, {1.5, 2, 3, 4}}).valid);  // no counts
  EXPECT_FALSE(mantel_haenszel({}).valid);
}

}  // namespace
}  // namespace rxhpc
