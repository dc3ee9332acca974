#include "rxhpc/kmeans.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "memory_source.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/formula.hpp"
#include "rxhpc/predict.hpp"
#include "rxhpc/self_communicator.hpp"
#include "thread_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

KMeans fit(const ChunkSource& source, const char* formula, KMeansOptions options) {
  SelfCommunicator self;
  return kmeans(source, formula, options, self);
}

KMeansOptions clusters(int k) {
  KMeansOptions o;
  o.num_clusters = k;
  return o;
}

KMeansOptions from(std::vector<std::vector<double>> centers) {
  KMeansOptions o;
  o.centers = std::move(centers);
  return o;
}

/// Three clouds around (0, 0), (10, 0) and (0, 10), every 50th value missing.
MemorySource clouds(std::int64_t rows = 900, std::int64_t chunk_rows = 64, bool holes = false) {
  MemorySource s(chunk_rows);
  std::mt19937_64 random(5);
  std::normal_distribution<double> normal;
  std::vector<double> x, y, w;
  for (std::int64_t i = 0; i < rows; ++i) {
    x.push_back((i % 3 == 1 ? 10 : 0) + normal(random));
    y.push_back((i % 3 == 2 ? 10 : 0) + normal(random));
    w.push_back(1 + static_cast<double>(i % 2));
    if (holes && i % 50 == 7) x.back() = nan;
    if (holes && i % 50 == 9) y.back() = nan;
  }
  s.numeric("x", x).numeric("y", y).numeric("w", w);
  return s;
}

TEST(KMeans, ByHand) {
  MemorySource s;
  s.numeric("x", {1, 2, 3, 10, 12, nan});
  auto const m = fit(s, "~ x", from({{1}, {2}}));
  // 1 | 2 3 10 12 -> centres 1, 6.75 -> 1 2 3 | 10 12 -> centres 2, 11 -> no change
  EXPECT_EQ(m.centers, (std::vector<std::vector<double>>{{2}, {11}}));
  EXPECT_EQ(m.size, (std::vector<double>{3, 2}));
  EXPECT_EQ(m.withinss, (std::vector<double>{2, 2}));
  EXPECT_EQ(m.tot_withinss, 4);
  EXPECT_NEAR(m.totss, 101.2, 1e-12);
  EXPECT_NEAR(m.betweenss, 97.2, 1e-12);
  EXPECT_EQ(m.num_iterations, 3);
  EXPECT_TRUE(m.converged);
  EXPECT_EQ(m.n_valid_obs, 5);
  EXPECT_EQ(m.n_missing_obs, 1);
}

TEST(KMeans, StoppedEarlyItDescribesTheLastLabels) {
  MemorySource s;
  s.numeric("x", {1, 2, 3, 10, 12});
  auto o = from({{1}, {2}});
  o.max_iterations = 1;
  auto const m = fit(s, "~ x", o);
  EXPECT_FALSE(m.converged);
  EXPECT_EQ(m.centers[1][0], 6.75);
  EXPECT_EQ(m.size, (std::vector<double>{1, 4}));
  EXPECT_NEAR(m.withinss[1], 4.75 * 4.75 + 3.75 * 3.75 + 3.25 * 3.25 + 5.25 * 5.25, 1e-12);
  EXPECT_NEAR(m.totss, 101.2, 1e-12);
  ASSERT_EQ(m.warnings.size(), 1u);
  o.max_iterations = 100;
  o.tolerance = 100;
  EXPECT_EQ(to_json(fit(s, "~ x", o))["centers"], to_json(m)["centers"]);
}

TEST(KMeans, EveryStartFindsThreeClouds) {
  auto const s = clouds();
  for (auto start : {KMeansStart::random, KMeansStart::first, KMeansStart::plus_plus, KMeansStart::parallel}) {
    auto o = clusters(3);
    o.start = start;
    o.num_starts = 5;
    auto const m = fit(s, "~ x + y", o);
    auto size = m.size;
    std::sort(size.begin(), size.end());
    EXPECT_EQ(size, (std::vector<double>{300, 300, 300})) << static_cast<int>(start);
    EXPECT_LT(m.tot_withinss, 2.3 * 900);
  }
  auto first = clusters(3), zero = first;
  first.start = KMeansStart::first;
  zero.num_starts = 0;
  EXPECT_EQ(to_json(fit(s, "~ x + y", first)), to_json(fit(s, "~ x + y", zero)));
}

TEST(KMeans, MoreStartsAreNeverWorseAndSeedsDiffer) {
  auto const s = clouds();
  auto one = clusters(6), many = one, other = one;
  many.num_starts = 8;
  other.seed = 1;
  EXPECT_LE(fit(s, "~ x + y", many).tot_withinss, fit(s, "~ x + y", one).tot_withinss);
  EXPECT_NE(fit(s, "~ x + y", other).centers, fit(s, "~ x + y", one).centers);
}

TEST(KMeans, WeightsAreRepeatedRows) {
  auto const s = clouds(300);
  MemorySource twice(50);
  std::vector<double> x, y;
  for (std::int64_t i = 0; i < 300; ++i)
    for (int r = 0; r < 1 + i % 2; ++r) {
      x.push_back(test::all_values(s, 0)[static_cast<std::size_t>(i)]);
      y.push_back(test::all_values(s, 1)[static_cast<std::size_t>(i)]);
    }
  twice.numeric("x", x).numeric("y", y);
  auto o = from({{1, 1}, {8, 1}, {1, 8}});
  auto const plain = fit(twice, "~ x + y", o);
  o.fweights = "w";
  auto const m = fit(s, "~ x + y", o);
  EXPECT_EQ(m.size, plain.size);
  EXPECT_EQ(m.weight_sum, 450);
  for (int k = 0; k < 3; ++k) {
    EXPECT_NEAR(m.withinss[k], plain.withinss[k], 1e-10 * plain.withinss[k]);
    EXPECT_NEAR(m.centers[k][0], plain.centers[k][0], 1e-12 * 10);
  }
  EXPECT_NEAR(m.totss, plain.totss, 1e-10 * plain.totss);
}

TEST(KMeans, PartialDistancesUseEveryRowWithAValue) {
  auto const s = clouds(900, 64, true);
  auto o = from({{1, 1}, {8, 1}, {1, 8}});
  auto const listwise = fit(s, "~ x + y", o);
  EXPECT_EQ(listwise.n_missing_obs, 36);
  o.missing = KMeansMissing::partial;
  auto const partial = fit(s, "~ x + y", o);
  EXPECT_EQ(partial.n_missing_obs, 0);
  EXPECT_EQ(partial.n_valid_obs, 900);
  for (int k = 0; k < 3; ++k)
    for (int j = 0; j < 2; ++j) EXPECT_NEAR(partial.centers[k][j], listwise.centers[k][j], 0.5);
  EXPECT_NEAR(partial.totss, partial.tot_withinss + partial.betweenss, 1e-9 * partial.totss);
  // without missing cells both are the same
  auto const whole = clouds();
  auto a = from({{1, 1}, {8, 1}, {1, 8}}), b = a;
  b.missing = KMeansMissing::partial;
  EXPECT_EQ(fit(whole, "~ x + y", a).centers, fit(whole, "~ x + y", b).centers);
  EXPECT_NEAR(fit(whole, "~ x + y", a).totss, fit(whole, "~ x + y", b).totss, 1e-9 * 1e5);
}

TEST(KMeans, AClusterWithoutRowsKeepsItsCentre) {
  MemorySource s;
  s.numeric("x", {1, 2, 3, 4});
  auto const m = fit(s, "~ x", from({{2}, {100}}));
  EXPECT_EQ(m.centers, (std::vector<std::vector<double>>{{2.5}, {100}}));
  EXPECT_EQ(m.size, (std::vector<double>{4, 0}));
  EXPECT_EQ(m.withinss, (std::vector<double>{5, 0}));
  EXPECT_EQ(m.totss, 5);
  ASSERT_EQ(m.warnings.size(), 1u);
  EXPECT_NE(m.warnings[0].find("cluster 2 is empty"), std::string::npos);
}

TEST(KMeans, FarFromZeroNoDigitsAreLost) {
  MemorySource near, far;
  std::vector<double> x = {1, 2, 3, 11, 12, 14, 25, 26}, y = x;
  for (auto& v : y) v += 0x1p40;
  near.numeric("x", x);
  far.numeric("x", y);
  auto const a = fit(near, "~ x", from({{1}, {2}, {3}}));
  auto const b = fit(far, "~ x", from({{0x1p40 + 1}, {0x1p40 + 2}, {0x1p40 + 3}}));
  EXPECT_EQ(a.size, b.size);
  // centres far off are rounded to 2^-12, sums of squares are not
  for (int k = 0; k < 3; ++k) EXPECT_NEAR(a.withinss[k], b.withinss[k], 1e-13 * a.withinss[k]);
  EXPECT_NEAR(a.betweenss, b.betweenss, 1e-13 * a.betweenss);
  EXPECT_NEAR(a.totss, b.totss, 1e-13 * a.totss);
}

TEST(KMeans, TransformsFormulasAndSelection) {
  auto const s = clouds();
  auto o = from({{1, 1}, {8, 1}});
  o.rows.row_selection = "y < 5";
  auto const m = fit(s, "~ x + I(y * 2)", o);
  EXPECT_EQ(m.variables, (std::vector<std::string>{"x", "I(y * 2)"}));
  EXPECT_EQ(m.n_valid_obs, 600);
  EXPECT_EQ(fit(s, "~ .", clusters(2)).variables.size(), 3u);
  EXPECT_EQ(fit(s, "~ x:y", clusters(2)).variables[0], "x:y");
}

TEST(KMeans, SameBitsForAnyRanksThreadsAndMemory) {
  auto const s = clouds(900, 64, true);
  for (auto missing : {KMeansMissing::listwise, KMeansMissing::partial})
    for (auto start : {KMeansStart::random, KMeansStart::plus_plus, KMeansStart::parallel}) {
      auto o = clusters(5);
      o.pweights = "w";
      o.start = start;
      o.missing = missing;
      o.num_starts = 2;
      auto const reference = to_json(fit(s, "~ x + y", o)).dump();
      auto small = o;
      small.run.memory_limit = 1 << 20;  // nothing is kept
      EXPECT_EQ(to_json(fit(s, "~ x + y", small)).dump(), reference);
      o.run.threads = 1;
      for (int ranks : {1, 2, 3, 4, 7}) {
        std::vector<std::string> seen(static_cast<std::size_t>(ranks));
        test::on_ranks(ranks, [&](Communicator& comm) { seen[static_cast<std::size_t>(comm.rank())] = to_json(kmeans(s, "~ x + y", o, comm)).dump(); });
        for (auto const& one : seen) EXPECT_EQ(one, reference) << ranks << " ranks";
      }
    }
}

// Which rows are drawn depends on their numbers, also where others are left out, and not on the chunks that they come in.
TEST(KMeans, SelectedRowsAreDrawnByTheirNumbers) {
  for (auto start : {KMeansStart::random, KMeansStart::plus_plus, KMeansStart::parallel}) {
    auto o = clusters(7);
    o.start = start;
    o.max_iterations = 1;
    o.rows.row_selection = "x > 1";
    auto const reference = fit(clouds(900, 64), "~ x + y", o);
    for (int chunk_rows : {7, 100, 5000}) {
      auto const m = fit(clouds(900, chunk_rows), "~ x + y", o);
      EXPECT_EQ(m.size, reference.size) << chunk_rows;
      EXPECT_NEAR(m.tot_withinss / reference.tot_withinss, 1, 1e-12) << chunk_rows;  // sums are rounded chunk by chunk
    }
  }
}

TEST(KMeans, SameBitsWithBoundsAndWithout) {
  MemorySource s(1500);
  std::mt19937_64 random(9);
  std::normal_distribution<double> normal;
  std::string formula = "~ 1";
  for (int j = 0; j < 9; ++j) {
    std::vector<double> x;
    for (int i = 0; i < 20000; ++i) x.push_back(25.0 * ((i % 120) >> j % 7 & 1) + normal(random));
    x[static_cast<std::size_t>(77 * j)] = nan;
    s.numeric("x" + std::to_string(j), x);
    formula += " + x" + std::to_string(j);
  }
  formula.erase(2, 4);
  auto o = clusters(120);
  o.num_starts = 2;
  o.max_iterations = 30;
  auto const reference = to_json(fit(s, formula.c_str(), o)).dump();
  auto small = o;
  small.run.memory_limit = 1 << 20;  // bounds need more than an eighth
  EXPECT_EQ(to_json(fit(s, formula.c_str(), small)).dump(), reference);
  o.run.threads = 1;
  for (int ranks : {1, 3}) {
    std::vector<std::string> seen(static_cast<std::size_t>(ranks));
    test::on_ranks(ranks, [&](Communicator& comm) { seen[static_cast<std::size_t>(comm.rank())] = to_json(kmeans(s, formula, o, comm)).dump(); });
    for (auto const& one : seen) EXPECT_EQ(one, reference) << ranks << " ranks";
  }
}

/// Collects what is written.
class Written final : public ChunkSink {
 public:
  explicit Written(std::size_t columns) : values(columns) {}
  void write(const Chunk& chunk) override {
    for (std::size_t c = 0; c < values.size(); ++c)
      for (std::int64_t i = 0; i < chunk.rows; ++i) values[c].push_back(chunk.columns[c].value(i));
  }
  void exchange() override {}
  void finish() override {}
  std::vector<std::vector<double>> values;
};

TEST(KMeans, ClustersOfRowsAndPredictAgree) {
  auto const s = clouds(900, 64, true);
  auto o = from({{1, 1}, {8, 1}, {1, 8}});
  o.rows.row_selection = "x < 11 | is.na(x)";
  o.run.threads = 1;
  auto const m = fit(s, "~ x + y", o);
  SelfCommunicator self;
  ClusteredRows const clustered(m, s);
  EXPECT_EQ(clustered.schema().variables.back().name, ".rxCluster");
  Written rows(4);
  clustered.run({0, 1, 2, 3}, rows, o.run, self);
  auto const model = kmeans_from_json(nlohmann::json::parse(model_json(m).dump()));
  PredictOptions options;
  options.run.threads = 1;
  Predictor const predictor(model_json(model), s, options);
  EXPECT_EQ(predictor.schema()[0].name, ".rxCluster");
  Written predicted(1);
  predictor.run(predicted, self);
  ASSERT_EQ(rows.values[3].size(), 900u);
  std::vector<double> size(3, 0.0);
  for (std::size_t i = 0; i < 900; ++i) {
    bool const selected = std::isnan(rows.values[0][i]) || rows.values[0][i] < 11;
    if (selected && !std::isnan(rows.values[3][i])) size[static_cast<std::size_t>(rows.values[3][i]) - 1] += 1;
    if (!selected) EXPECT_TRUE(std::isnan(rows.values[3][i]));
    else EXPECT_TRUE(rows.values[3][i] == predicted.values[0][i] || (std::isnan(rows.values[3][i]) && std::isnan(predicted.values[0][i])));
  }
  EXPECT_EQ(size, m.size);
  EXPECT_TRUE(std::isnan(predicted.values[0][7]));
}

TEST(KMeans, RowsThatTheirWeightsLeaveOutHaveNoLabel) {
  MemorySource s(3);
  s.numeric("x", {1, 2, 3, 10, 11, 12, nan}).numeric("w", {1, nan, 2, 0, 1, 3, 1}).numeric("y", {1, 1, 1, 1, 1, 1, 1});
  for (auto missing : {KMeansMissing::listwise, KMeansMissing::partial}) {
    auto o = from({{1, 1}, {12, 1}});
    o.missing = missing;
    o.run.threads = 1;
    for (auto* weights : {&o.pweights, &o.fweights}) {
      o.pweights = o.fweights = "";
      *weights = "w";
      auto const m = fit(s, "~ x + y", o);
      EXPECT_EQ(m.n_missing_obs, missing == KMeansMissing::listwise ? 2 : 1);
      SelfCommunicator self;
      Written rows(2);
      ClusteredRows(m, s).run({0, 3}, rows, o.run, self);  // the weight is read whether it is written or not
      ASSERT_EQ(rows.values[1].size(), 7u);
      for (std::size_t i : {1u, 3u}) EXPECT_TRUE(std::isnan(rows.values[1][i])) << i;
      for (std::size_t i : {0u, 2u}) EXPECT_EQ(rows.values[1][i], 1) << i;
      for (std::size_t i : {4u, 5u}) EXPECT_EQ(rows.values[1][i], 2) << i;
      EXPECT_EQ(std::isnan(rows.values[1][6]), missing == KMeansMissing::listwise);
    }
  }
}

std::vector<double> predicted(const nlohmann::json& model, const ChunkSource& source) {
  SelfCommunicator self;
  PredictOptions options;
  options.run.threads = 1;
  Written clusters(1);
  Predictor(model, source, options).run(clusters, self);
  return clusters.values[0];
}

TEST(KMeans, AModelMeansTheSameForOtherColumnsAndLevels) {
  std::vector<double> const x{0, 1, 10, 11, 0.5, 10.5}, clusters{1, 1, 2, 2, 1, 2};
  MemorySource s, more;
  s.numeric("a b", x).factor("f", {"u", "v"}, {0, 0, 1, 1, 0, 1});
  more.factor("f", {"v", "u"}, {1, 1, 0, 0, 1, 0}).numeric("z", {5, -50, 500, 0, 0, 0}).numeric("a b", x);
  for (auto const* formula : {"~ .", "~ `a b` + N(f)", "~ as.integer(f)", "~ `a b`:N(f)", "~ (`a b` > 5):N(f) + `a b`", "~ .:N(f)"}) {
    auto o = from({{0}, {3}});
    for (auto& c : o.centers) c.resize(kmeans_variables(s, formula, {}).size(), c[0]);
    auto const m = fit(s, formula, o);
    SelfCommunicator self;
    Written rows(1);
    ClusteredRows(m, s).run({2}, rows, o.run, self);
    EXPECT_EQ(rows.values[0], clusters) << formula;
    auto const model = model_json(kmeans_from_json(nlohmann::json::parse(model_json(m).dump())));
    EXPECT_EQ(model.at("formula"), parse_formula(formula, {"a b"}).text);
    EXPECT_EQ(predicted(model, s), clusters) << formula;
    EXPECT_EQ(predicted(model, more), clusters) << formula;
  }
  // of a version that did not write expressions
  auto old = model_json(fit(s, "~ .", from({{0}, {3}})));
  old.erase("expressions");
  EXPECT_EQ(predicted(old, more), clusters);
  old["formula"] = "~ z";
  EXPECT_THROW(kmeans_from_json(old), DataError);
}

TEST(KMeans, BadRequestsAreRefused) {
  auto const s = clouds();
  EXPECT_THROW(fit(s, "~ x", {}), UsageError);
  EXPECT_THROW(fit(s, "~ nosuch", clusters(2)), UsageError);
  EXPECT_THROW(fit(s, "y ~ x", clusters(2)), UsageError);
  EXPECT_THROW(fit(s, "~ x", from({{1, 2}})), UsageError);
  EXPECT_THROW(fit(s, "~ x", from({{1}, {1}})), DataError);
  EXPECT_THROW(fit(s, "~ x", from({{1}, {nan}})), DataError);
  auto both = clusters(2);
  both.pweights = both.fweights = "w";
  EXPECT_THROW(fit(s, "~ x", both), UsageError);
  auto few = clusters(5);
  few.num_start_rows = 3;
  few.start = KMeansStart::plus_plus;
  EXPECT_THROW(fit(s, "~ x", few), UsageError);
  MemorySource bad;
  bad.numeric("x", {1, 1, 2, 2, nan}).numeric("none", {nan, nan, nan, nan, nan}).numeric("inf", {1, 2, INFINITY, 3, 4});
  bad.numeric("neg", {1, 1, 1, -1, 1}).factor("f", {"a", "b"}, {0, 1, 0, 1, 0});
  for (auto start : {KMeansStart::random, KMeansStart::first, KMeansStart::plus_plus, KMeansStart::parallel}) {
    auto three = clusters(3);
    three.start = start;
    EXPECT_THROW(fit(bad, "~ x", three), DataError) << static_cast<int>(start);  // two distinct rows
    EXPECT_THROW(fit(bad, "~ none", three), DataError);
    EXPECT_THROW(fit(bad, "~ inf", three), DataError);
  }
  EXPECT_THROW(fit(bad, "~ x", from({{1}, {2}, {50}})), DataError);
  EXPECT_THROW(fit(bad, "~ x", from({{1}, {2}, {3}, {4}, {5}})), DataError);
  EXPECT_THROW(fit(bad, "~ f", clusters(2)), UsageError);
  auto negative = clusters(2);
  negative.pweights = "neg";
  EXPECT_THROW(fit(bad, "~ inf + x", negative), DataError);
}

}  // namespace
}  // namespace rxhpc
