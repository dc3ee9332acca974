#include "rxhpc/naive_bayes.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "memory_source.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/predict.hpp"
#include "rxhpc/self_communicator.hpp"
#include "thread_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

NaiveBayes fit(const ChunkSource& source, const char* formula, NaiveBayesOptions options = {}) {
  SelfCommunicator self;
  return naive_bayes(source, formula, options, self);
}

/// Collects the computed columns as numbers, codes included.
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

std::vector<std::vector<double>> predicted(const NaiveBayes& model, const ChunkSource& source, const char* type) {
  PredictOptions options;
  options.type = type;
  options.run.threads = 1;
  Predictor const predictor(nlohmann::json::parse(model_json(model).dump()), source, options);
  Written out(predictor.schema().size());
  SelfCommunicator self;
  predictor.run(out, self);
  return out.values;
}

MemorySource table(std::int64_t chunk_rows = 3) {
  MemorySource s(chunk_rows);
  s.factor("y", {"a", "b"}, {0, 0, 0, 1, 1, 1, -1, 0});
  s.numeric("x", {1, 2, 3, 10, 14, nan, 5, nan}).factor("f", {"u", "v", "w"}, {0, 0, 1, 1, 1, -1, 2, 0});
  s.numeric("w", {1, 2, 1, 1, 1, 0, 1, 1}).factor("t", {"z", "q"}, {0, 0, 1, 1, 1, 0, 0, 1}, VarType::character).logical("l", {0, 1, 0, 1, 1, 1, 0, -1});
  return s;
}

TEST(NaiveBayes, TablesByHand) {
  auto const m = fit(table(), "y ~ x + f");
  EXPECT_EQ(m.classes, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(m.apriori, (std::vector<double>{4.0 / 7, 3.0 / 7}));
  EXPECT_EQ(m.n_valid_obs, 7);
  EXPECT_EQ(m.n_missing_obs, 1);
  EXPECT_EQ(m.tables[0].mean, (std::vector<double>{2, 12}));
  EXPECT_DOUBLE_EQ(m.tables[0].std_dev[0], 1);
  EXPECT_DOUBLE_EQ(m.tables[0].std_dev[1], std::sqrt(8.0));
  EXPECT_EQ(m.tables[1].share[0], (std::vector<double>{0.75, 0.25, 0}));
  EXPECT_EQ(m.tables[1].share[1], (std::vector<double>{0, 1, 0}));
  NaiveBayesOptions smooth;
  smooth.smoothing_factor = 1;
  EXPECT_EQ(fit(table(), "y ~ f", smooth).tables[0].share[0], (std::vector<double>{4.0 / 7, 2.0 / 7, 1.0 / 7}));
}

TEST(NaiveBayes, RowsLeftOutByTermOrAltogether) {
  NaiveBayesOptions whole;
  whole.by_term = false;
  auto const m = fit(table(), "y ~ x + f", whole);
  EXPECT_EQ(m.n_valid_obs, 5);
  EXPECT_EQ(m.n_missing_obs, 3);
  EXPECT_EQ(m.tables[1].share[0], (std::vector<double>{2.0 / 3, 1.0 / 3, 0}));
}

TEST(NaiveBayes, WeightsAndPriors) {
  NaiveBayesOptions o;
  o.fweights = "w";
  auto const m = fit(table(), "y ~ x + f", o);
  EXPECT_EQ(m.weight_sum, 7);
  EXPECT_EQ(m.apriori, (std::vector<double>{5.0 / 7, 2.0 / 7}));
  EXPECT_EQ(m.tables[0].mean[0], 2);
  EXPECT_DOUBLE_EQ(m.tables[0].std_dev[0], std::sqrt(2.0 / 3));  // 1 2 2 3
  EXPECT_EQ(m.tables[1].share[0], (std::vector<double>{0.8, 0.2, 0}));
  o.prior = {1, 3};
  EXPECT_EQ(fit(table(), "y ~ x", o).apriori, (std::vector<double>{0.25, 0.75}));
}

// The weight is read before it is known which rows are complete; as a predictor it must wait for that.
TEST(NaiveBayes, TheWeightAsAPredictorToo) {
  NaiveBayesOptions o;
  o.fweights = "w";
  o.by_term = false;
  for (char const* formula : {"y ~ w + x + f", "y ~ x + f + w"}) {
    auto const m = fit(table(), formula, o);
    EXPECT_EQ(m.n_valid_obs, 5);
    auto const at = formula[4] == 'w' ? 0u : 2u;
    EXPECT_EQ(m.tables[at].mean[0], 6.0 / 4);  // weights 1 2 1 of class a
    EXPECT_EQ(m.tables[at].mean[1], 1);
  }
}

// One row weighs nearly all: the spread about it is far below the distance of the first row.
TEST(NaiveBayes, TinyFirstWeightsCostNoDigits) {
  MemorySource s(100);
  std::vector<double> const x{0.3, 1.7, 1.7000001, -2.5}, w{1e-6, 1e5, 1e5, 1e-6};
  s.factor("y", {"a", "b"}, {0, 0, 0, 0, 1, 1}).numeric("x", {0.3, 1.7, 1.7000001, -2.5, 1, 2}).numeric("w", {1e-6, 1e5, 1e5, 1e-6, 1, 1});
  NaiveBayesOptions o;
  o.pweights = "w";
  double sum = 0, weight = 0, square = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += w[i] * (x[i] - 1.7), weight += w[i];
  double const mean = sum / weight;
  for (std::size_t i = 0; i < x.size(); ++i) square += w[i] * (x[i] - 1.7 - mean) * (x[i] - 1.7 - mean);
  double const got = fit(s, "y ~ x", o).tables[0].std_dev[0];
  MemorySource moved(100);  // the same rows, the heavy ones first
  moved.factor("y", {"a", "b"}, {0, 0, 0, 0, 1, 1}).numeric("x", {1.7, 1.7000001, 0.3, -2.5, 1, 2}).numeric("w", {1e5, 1e5, 1e-6, 1e-6, 1, 1});
  EXPECT_NEAR(got / fit(moved, "y ~ x", o).tables[0].std_dev[0], 1, 1e-9);
  EXPECT_NEAR(got * got * weight / square, 4.0 / 3, 1e-6);  // four rows: the sum over n - 1, scaled to the mean weight
}

TEST(NaiveBayes, PosteriorsByTheFormula) {
  auto const m = fit(table(), "y ~ x + f");
  auto const p = predicted(m, table(), "prob");
  auto const density = [](double x, double mean, double sd) { return std::exp(-0.5 * (x - mean) * (x - mean) / sd / sd) / sd; };
  // row 3: x = 3, f = v
  double const a = 4.0 / 7 * density(3, 2, 1) * 0.25, b = 3.0 / 7 * density(3, 12, std::sqrt(8.0)) * 1;
  EXPECT_NEAR(p[0][2], a / (a + b), 1e-14);
  EXPECT_NEAR(p[1][2], b / (a + b), 1e-14);
  EXPECT_EQ(p[0][0], 1);  // f = u never comes with b
  // row 6 has neither: the priors
  EXPECT_NEAR(p[0][5], 4.0 / 7, 1e-15);
  // row 7: f = w was seen with no class at all, so that nothing can be said
  EXPECT_TRUE(std::isnan(p[0][6]) && std::isnan(p[1][6]));
  auto const c = predicted(m, table(), "class")[0];
  EXPECT_EQ(c[2], 0);
  EXPECT_EQ(c[3], 1);
  EXPECT_TRUE(std::isnan(c[6]));
  EXPECT_EQ(predicted(m, table(), "response")[0][3], 1);
}

TEST(NaiveBayes, NothingUnderflows) {
  MemorySource s;
  std::vector<double> x = {-1, 1, 999, 1001};
  MemorySource t;
  s.factor("y", {"a", "b"}, {0, 0, 1, 1});
  t.factor("y", {"a", "b"}, {0, 1});
  std::string formula = "y ~ 0";
  for (int k = 0; k < 30; ++k) {
    s.numeric("x" + std::to_string(k), x);
    t.numeric("x" + std::to_string(k), {499, 501});  // 350 deviations from both: each density alone is below the smallest double
    formula += " + x" + std::to_string(k);
  }
  auto const p = predicted(fit(s, formula.c_str()), t, "prob");
  EXPECT_EQ(p[0][0], 1);
  EXPECT_EQ(p[1][1], 1);
}

TEST(NaiveBayes, AClassWithOneValueAndConstantClasses) {
  MemorySource s;
  s.factor("y", {"a", "b", "none"}, {0, 0, 0, 1, 1}).numeric("x", {5, 5, 5, 1, 9}).numeric("z", {1, 2, 3, 4, nan});
  auto const m = fit(s, "y ~ x");
  EXPECT_EQ(m.tables[0].std_dev[0], 0);
  ASSERT_EQ(m.warnings.size(), 1u);
  EXPECT_EQ(m.apriori[2], 0);
  auto const p = predicted(m, s, "prob");
  EXPECT_EQ(p[0][0], 1);  // exactly the constant: its density is infinite
  EXPECT_EQ(p[1][3], 1);  // any other value: impossible there
  EXPECT_EQ(p[2][0], 0);
  auto const one = fit(s, "y ~ z");
  EXPECT_TRUE(std::isnan(one.tables[0].std_dev[1]));
  auto const q = predicted(one, s, "prob");
  EXPECT_TRUE(std::isnan(q[0][0]));
  EXPECT_NEAR(q[0][4], 0.6, 1e-15);  // z is missing: the priors
}

TEST(NaiveBayes, TheOrderOfPredictorsDoesNotMatter) {
  MemorySource s;
  // a: one u, so that rows with a u cannot be judged; a constant v
  s.factor("y", {"a", "b"}, {0, 0, 1, 1, 1}).numeric("u", {1, nan, 2, 3, 4}).numeric("v", {5, 5, 1, 2, 4});
  auto const p = predicted(fit(s, "y ~ u + v"), s, "prob"), q = predicted(fit(s, "y ~ v + u"), s, "prob");
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(std::isnan(p[0][i]), i != 1) << i;
    EXPECT_EQ(std::isnan(q[0][i]), i != 1) << i;
  }
  EXPECT_EQ(p[0][1], 1);
  EXPECT_EQ(q[0][1], 1);
}

TEST(NaiveBayes, AWeightedConstantSharesByTheRest) {
  MemorySource s;
  std::mt19937_64 random(3);
  std::vector<int> y;
  std::vector<double> w;
  double of_a = 0, all = 0;
  for (int i = 0; i < 600; ++i) {
    y.push_back(static_cast<int>(random() % 2));
    w.push_back(0.1 + static_cast<double>(random() % 1000) / 777);
    all += w.back();
    of_a += y.back() == 0 ? w.back() : 0;
  }
  s.factor("y", {"a", "b"}, y).numeric("u", std::vector<double>(600, 0.1)).numeric("w", w);
  NaiveBayesOptions options;
  options.pweights = "w";
  SelfCommunicator self;
  auto const m = naive_bayes(s, "y ~ u", options, self);
  EXPECT_EQ(m.tables[0].std_dev[0], 0);
  auto const p = predicted(m, s, "prob");
  for (std::size_t i = 0; i < 600; i += 99) EXPECT_NEAR(p[0][i], of_a / all, 1e-12);
}

TEST(NaiveBayes, FarValuesGoToTheNearestClass) {
  MemorySource s, t;
  s.factor("y", {"a", "b"}, {0, 0, 0, 1, 1, 1}).numeric("u", {1, 2, 3, 11, 12, 13});
  double const inf = std::numeric_limits<double>::infinity();
  t.factor("y", {"a", "b"}, {0, 0, 0, 0, 0}).numeric("u", {1e200, -1e200, 1.7e308, -1.7e308, inf});
  auto const p = predicted(fit(s, "y ~ u"), t, "prob");
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(p[i % 2 == 0][i], 1) << i;
  EXPECT_TRUE(std::isnan(p[0][4]));
  MemorySource wide;  // the wider class is the nearer one, in deviations, on both sides
  wide.factor("y", {"a", "b"}, {0, 0, 0, 1, 1, 1}).numeric("u", {1, 2, 3, 10, 12, 14});
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(predicted(fit(wide, "y ~ u"), t, "prob")[1][i], 1) << i;
}

TEST(NaiveBayes, TextLogicalAndComputedVariables) {
  auto const m = fit(table(), "t ~ log(x) + l");
  EXPECT_EQ(m.classes, (std::vector<std::string>{"q", "z"}));
  EXPECT_EQ(m.predictors.variables[1].levels, (std::vector<std::string>{"FALSE", "TRUE"}));
  EXPECT_EQ(m.tables[1].share[0][1], 2.0 / 3);  // q: l = 0 1 1, one missing
  EXPECT_EQ(fit(table(), "l ~ .").tables.size(), 5u);
  EXPECT_EQ(predicted(m, table(), "class").size(), 1u);
}

MemorySource large(std::int64_t chunk_rows) {
  MemorySource s(chunk_rows);
  std::mt19937_64 random(9);
  std::normal_distribution<double> normal;
  std::vector<double> x, w;
  std::vector<int> y, f;
  for (int i = 0; i < 3000; ++i) {
    y.push_back(static_cast<int>(random() % 4) - (i % 50 == 3));
    x.push_back(i % 17 == 5 ? nan : y.back() + normal(random));
    f.push_back(static_cast<int>(random() % 6) - (i % 31 == 3));
    w.push_back(std::abs(normal(random)));
  }
  s.factor("y", {"a", "b", "c", "d"}, y).numeric("x", x).factor("f", {"1", "2", "3", "4", "5", "6"}, f).numeric("w", w);
  return s;
}

TEST(NaiveBayes, SameBitsForAnyRanksAndThreads) {
  auto const s = large(111);
  for (auto const* weight : {"", "w"}) {
    NaiveBayesOptions o;
    o.pweights = weight;
    auto const reference = to_json(fit(s, "y ~ x + f", o)).dump();
    o.run.threads = 1;
    for (int ranks : {1, 2, 3, 4, 7}) {
      std::vector<std::string> seen(static_cast<std::size_t>(ranks));
      test::on_ranks(ranks, [&](Communicator& comm) { seen[static_cast<std::size_t>(comm.rank())] = to_json(naive_bayes(s, "y ~ x + f", o, comm)).dump(); });
      for (auto const& one : seen) EXPECT_EQ(one, reference) << ranks << " ranks";
    }
  }
}

TEST(NaiveBayes, BadRequestsAreRefused) {
  auto const s = table();
  EXPECT_THROW(fit(s, "x ~ f"), UsageError);
  EXPECT_THROW(fit(s, "~ f"), UsageError);
  EXPECT_THROW(fit(s, "y ~ x:w"), UsageError);
  EXPECT_THROW(fit(s, "y ~ y"), UsageError);
  EXPECT_THROW(fit(s, "y ~ nosuch"), UsageError);
  NaiveBayesOptions o;
  o.smoothing_factor = -1;
  EXPECT_THROW(fit(s, "y ~ f", o), UsageError);
  o = {};
  o.prior = {1, -1};
  EXPECT_THROW(fit(s, "y ~ f", o), UsageError);
  o.prior = {0, 0};
  EXPECT_THROW(fit(s, "y ~ f", o), UsageError);
  o = {};
  o.pweights = o.fweights = "w";
  EXPECT_THROW(fit(s, "y ~ f", o), UsageError);
  MemorySource bad;
  bad.factor("one", {"a"}, {0, 0}).factor("y", {"a", "b"}, {0, 1}).numeric("none", {nan, nan}).numeric("inf", {1, INFINITY}).numeric("neg", {1, -1});
  bad.factor("gone", {"a", "b"}, {-1, -1});
  EXPECT_THROW(fit(bad, "one ~ neg"), DataError);
  o = {};
  o.pweights = "inf";
  EXPECT_THROW(fit(bad, "y ~ neg", o), DataError);
  EXPECT_THROW(fit(bad, "y ~ none"), DataError);
  EXPECT_THROW(fit(bad, "y ~ gone"), DataError);
  EXPECT_THROW(fit(bad, "y ~ inf"), DataError);
  EXPECT_THROW(fit(bad, "gone ~ neg"), DataError);
  o = {};
  o.pweights = "neg";
  EXPECT_THROW(fit(bad, "y ~ inf", o), DataError);
}

}  // namespace
}  // namespace rxhpc
