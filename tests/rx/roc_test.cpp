#include "rxhpc/roc.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "memory_source.hpp"
#include "roc_counts.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/self_communicator.hpp"
#include "thread_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Roc of(const ChunkSource& source, const char* formula, RocOptions options = {}) {
  SelfCommunicator self;
  return roc(source, formula, options, self);
}

MemorySource small(std::int64_t chunk_rows = 2) {
  MemorySource s(chunk_rows);
  s.numeric("y", {1, 0, 1, 0, 1, 0, nan}).numeric("p", {0.9, 0.8, 0.8, 0.3, 0.3, 0.1, 0.5}).numeric("q", {0.5, nan, 0.5, 0.5, 0.5, 0.5, 0.5});
  s.factor("f", {"no", "yes"}, {1, 0, 1, 0, 1, 0, -1}).factor("three", {"a", "b", "c"}, {0, 1, 2, 0, 1, 2, 0});
  s.numeric("bad", {0, 1, 2, 0, 1, 0, 1}).numeric("one", {1, 1, 1, 1, 1, 1, 1});
  return s;
}

TEST(Roc, APointAtEveryDistinctPrediction) {
  auto const r = of(small(), "y ~ p", {.num_breaks = 0});
  auto const& c = r.curves[0];
  EXPECT_EQ(r.n_valid_obs, 6);
  EXPECT_EQ(r.n_missing_obs, 1);
  ASSERT_EQ(c.points.size(), 5u);  // 0.1, 0.3, 0.8, 0.9, infinity
  EXPECT_EQ(c.points[0].threshold, 0.1);
  EXPECT_EQ(c.points[0].sensitivity, 1);
  EXPECT_EQ(c.points[0].specificity, 0);
  EXPECT_DOUBLE_EQ(c.points[2].sensitivity, 2.0 / 3);
  EXPECT_DOUBLE_EQ(c.points[2].specificity, 2.0 / 3);
  EXPECT_EQ(c.points[4].threshold, INFINITY);
  EXPECT_EQ(c.points[4].specificity, 1);
  // 9 pairs: 0.9 beats 3; 0.8 beats 2 and ties 1; 0.3 beats 1 and ties 1
  EXPECT_DOUBLE_EQ(c.auc, 7.0 / 9);
  EXPECT_NEAR(c.curve_auc, c.auc, 1e-15);
  EXPECT_DOUBLE_EQ(of(small(), "f ~ p").curves[0].auc, 7.0 / 9);
  EXPECT_DOUBLE_EQ(of(small(), "y == 1 ~ I(-p)").curves[0].auc, 2.0 / 9);
}

TEST(Roc, DeLongsVariance) {
  // Placements of positives 1, 2.5/3, 1.5/3; of negatives 1.5/3, 2.5/3, 1
  double const mean = 7.0 / 9, s = ((1 - mean) * (1 - mean) + (2.5 / 3 - mean) * (2.5 / 3 - mean) + (0.5 - mean) * (0.5 - mean)) / 2;
  auto const c = of(small(), "y ~ p").curves[0];
  EXPECT_NEAR(c.std_error, std::sqrt(2 * s / 3), 1e-15);
  EXPECT_EQ(c.conf_high, 1);
  EXPECT_NEAR(c.conf_low, mean - 1.959963984540054 * c.std_error, 1e-14);
}

/// i <- 1:60; a <- as.numeric((i*i) %% 7 > 2); p <- ((i*11) %% 17)/17 + a/5; q <- ((i*7) %% 13)/13 + a/3; r <- round(((i*5) %% 19)/19 + a/9, 1)
MemorySource three(std::int64_t chunk_rows = 7) {
  MemorySource s(chunk_rows);
  std::vector<double> a, p, q, r;
  for (int i = 1; i <= 60; ++i) {
    a.push_back((i * i) % 7 > 2);
    p.push_back((i * 11) % 17 / 17.0 + a.back() / 5);
    q.push_back((i * 7) % 13 / 13.0 + a.back() / 3);
    r.push_back(std::round(10 * ((i * 5) % 19 / 19.0 + a.back() / 9)) / 10);
  }
  s.numeric("a", a).numeric("p", p).numeric("q", q).numeric("r", r);
  return s;
}

TEST(Roc, AreasAreComparedAsPRocDoes) {
  // library(pROC); P <- roc(a, p, direction = "<"); Q <- ...; roc.test(P, Q, method = "delong", paired = TRUE); cov(P, Q); var(P)
  auto const roc = of(three(), "a ~ p + q + r");
  double const cov[3][3] = {{0.004976538065358170, -0.000225202224178572, 0.000233487041620962},
                            {-0.000225202224178572, 0.004253667553618336, -0.000619765610567709},
                            {0.000233487041620962, -0.000619765610567709, 0.006607530391662279}};
  for (int k = 0; k < 3; ++k)
    for (int l = 0; l < 3; ++l) EXPECT_NEAR(roc.auc_cov[k][l], cov[k][l], 1e-16);
  struct Want {
    const char *first, *second;
    double z, p, low, high;
  };
  Want const want[] = {{"p", "q", -0.291978285580601571, 0.770303226521111717, -0.221568805574507116, 0.164113265218829990},
                       {"p", "r", 2.114825708702924079, 0.034444804869760197, 0.016328253580116026, 0.429636178704425942},
                       {"q", "r", 2.288203658442104604, 0.022125663768741675, 0.036107452028048131, 0.467312520612170990}};
  ASSERT_EQ(roc.comparisons.size(), 3u);
  for (int k = 0; k < 3; ++k) {
    auto const& c = roc.comparisons[k];
    EXPECT_EQ(c.first, want[k].first);
    EXPECT_EQ(c.second, want[k].second);
    EXPECT_NEAR(c.z_value, want[k].z, 1e-13);
    EXPECT_NEAR(c.p_value, want[k].p, 1e-13);
    EXPECT_NEAR(c.conf_low, want[k].low, 1e-14);
    EXPECT_NEAR(c.conf_high, want[k].high, 1e-14);
  }
  for (int k = 0; k < 3; ++k) EXPECT_NEAR(roc.auc_cov[k][k], roc.curves[k].std_error * roc.curves[k].std_error, 1e-17);
  EXPECT_TRUE(of(three(), "a ~ p").comparisons.empty());
}

TEST(Roc, CurvesThatRankAlikeDoNotDiffer) {
  auto const roc = of(three(), "a ~ p + I(2 * p) + I(-p)");
  EXPECT_EQ(roc.comparisons[0].difference, 0);
  EXPECT_EQ(roc.comparisons[0].std_error, 0);
  EXPECT_TRUE(std::isnan(roc.comparisons[0].p_value));
  EXPECT_NEAR(roc.auc_cov[0][2], -roc.auc_cov[0][0], 1e-17);
  EXPECT_TRUE(to_json(roc)["auc_tests"][0]["p_value"].is_null());
}

TEST(Roc, ComparisonsHaveTheSameBitsOnEveryNumberOfRanksAndThreads) {
  auto const want = to_json(of(three(), "a ~ p + q + r")).dump();
  for (int ranks : {2, 3, 4, 7}) {
    std::vector<std::string> seen(ranks);
    test::on_ranks(ranks, [&](Communicator& comm) {
      RocOptions options;
      options.run.threads = 1;
      seen[comm.rank()] = to_json(roc(three(), "a ~ p + q + r", options, comm)).dump();
    });
    for (auto const& one : seen) EXPECT_EQ(one, want) << ranks << " ranks";
  }
}

TEST(Roc, ASingleRowOfAClassHasNoComparison) {
  auto options = RocOptions{};
  options.rows.row_selection = "a == 0 | .rxRowNums == 2";
  EXPECT_TRUE(of(three(), "a ~ p + q", options).comparisons.empty());
}

TEST(Roc, ThresholdsAtBreaks) {
  auto const c = of(small(), "y ~ p", {.num_breaks = 10, .remove_dups = false}).curves[0];
  ASSERT_EQ(c.points.size(), 11u);
  EXPECT_EQ(c.points[8].threshold, 0.8);
  EXPECT_DOUBLE_EQ(c.points[8].sensitivity, 2.0 / 3);
  EXPECT_DOUBLE_EQ(c.points[9].sensitivity, 1.0 / 3);
  EXPECT_EQ(c.points[10].sensitivity, 0);
  EXPECT_EQ(of(small(), "y ~ p", {.num_breaks = 10}).curves[0].points.size(), 5u);
  EXPECT_EQ(of(small(), "y ~ I(10 * p)").warnings.size(), 1u);
}

TEST(Roc, RowsThatLackAnyPredictionAreLeftOut) {
  auto const r = of(small(), "y ~ p + q");
  EXPECT_EQ(r.n_valid_obs, 5);
  EXPECT_EQ(r.curves[1].auc, 0.5);
}

TEST(Roc, RefusesWhatHasNoCurve) {
  EXPECT_THROW(of(small(), "bad ~ p"), DataError);
  EXPECT_THROW(of(small(), "one ~ p"), DataError);
  EXPECT_THROW(of(small(), "three ~ p"), DataError);
  EXPECT_THROW(of(small(), "y ~ p", {.rows = {{}, "p > 2"}}), DataError);
  EXPECT_THROW(of(small(), "~ p"), UsageError);
  EXPECT_THROW(of(small(), "y ~ p:q"), UsageError);
  EXPECT_THROW(of(small(), "y ~ f"), UsageError);
  EXPECT_THROW(of(small(), "y ~ p", {.conf_level = 1}), UsageError);
}

TEST(Roc, KeysAreInTheOrderOfTheDoubles) {
  double const rising[] = {-INFINITY, -1e300, -1, -1e-320, 0, 1e-320, 0.5, 1, 1e300, INFINITY};
  for (std::size_t k = 1; k < std::size(rising); ++k) EXPECT_LT(impl::key_of(rising[k - 1]), impl::key_of(rising[k]));
  for (double x : rising) EXPECT_EQ(impl::value_of(impl::key_of(x)), x);
  EXPECT_EQ(impl::key_of(-0.0), impl::key_of(0.0));
}

TEST(Roc, TheSameBitsOnEveryNumberOfRanksAndThreads) {
  std::mt19937 random(3);
  std::vector<double> y, p, tied;
  for (int i = 0; i < 3000; ++i) {
    p.push_back(std::normal_distribution<double>()(random));
    y.push_back(p.back() + std::normal_distribution<double>()(random) > 1);
    tied.push_back(std::round(p.back() * 4) / 4);
  }
  MemorySource s(111);
  s.numeric("y", y).numeric("p", p).numeric("tied", tied);
  for (std::int64_t breaks : {0, 7}) {
    auto const want = to_json(of(s, "y ~ p + tied", {.num_breaks = breaks, .run = {.threads = 2}})).dump();
    for (int ranks : {1, 2, 3, 7})
      test::on_ranks(ranks, [&](Communicator& comm) {
        EXPECT_EQ(to_json(roc(s, "y ~ p + tied", {.num_breaks = breaks, .run = {.threads = 1}}, comm)).dump(), want);
      });
  }
}

TEST(Roc, RefusesWhatDoesNotFitIntoMemory) {
  std::vector<double> p(100000), y(100000);
  for (std::size_t i = 0; i < p.size(); ++i) p[i] = std::sin(static_cast<double>(i)), y[i] = i % 2 ? 1 : 0;
  MemorySource s(1000);
  s.numeric("y", y).numeric("p", p);
  EXPECT_THROW(of(s, "y ~ p", {.run = {.memory_limit = 100000}}), UsageError);
  // Shared by seven ranks the curves fit, the tables of a comparison do not.
  test::on_ranks(7, [&](Communicator& comm) {
    auto const r = roc(s, "y ~ p + I(p^2)", {.run = {.threads = 1, .memory_limit = 8'000'000}}, comm);
    EXPECT_TRUE(r.comparisons.empty());
    ASSERT_EQ(r.warnings.size(), 2u);
    EXPECT_NE(r.warnings[1].find("areas are not compared"), std::string::npos);
  });
}

}  // namespace
}  // namespace rxhpc
