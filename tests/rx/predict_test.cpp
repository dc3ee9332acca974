#include "rxhpc/predict.hpp"

#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "memory_source.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/lin_mod.hpp"
#include "rxhpc/self_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Keeps what is written, column by column, as doubles.
class MemorySink final : public ChunkSink {
 public:
  explicit MemorySink(const Grid& grid, std::size_t columns) : grid_(grid), values(columns, std::vector<double>(grid.total(), nan)) {}
  void write(const Chunk& chunk) override {
    for (std::size_t c = 0; c < values.size(); ++c)
      for (std::int64_t i = 0; i < chunk.rows; ++i) values[c][grid_.first(chunk.index) + i] = chunk.columns[c].value(i);
  }
  void exchange() override {}
  void finish() override {}

 private:
  Grid grid_;

 public:
  std::vector<std::vector<double>> values;
};

MemorySource training() {
  MemorySource s(4);
  s.numeric("y", {1.0, 2.5, 2.0, 4.5, 3.5, 7.0, 4.0, 8.0}).numeric("x", {1, 1, 2, 2, 3, 3, 4, 4}).factor("f", {"a", "b"}, {0, 1, 0, 1, 0, 1, 0, 1});
  return s;
}

nlohmann::json model(const char* formula, LinModOptions options = {}) {
  SelfCommunicator self;
  options.cov_coef = true;
  return model_json(lin_mod(training(), formula, options, self));
}

std::map<std::string, std::vector<double>> predicted(const nlohmann::json& m, const ChunkSource& data, const PredictOptions& options) {
  SelfCommunicator self;
  Predictor const p(m, data, options);
  MemorySink sink(p.grid(), p.schema().size());
  p.run(sink, self);
  std::map<std::string, std::vector<double>> out;
  for (std::size_t c = 0; c < p.schema().size(); ++c) out[p.schema()[c].name] = sink.values[c];
  return out;
}

TEST(Predict, FittedValuesAndResidualsRowForRow) {
  PredictOptions options;
  options.residuals = true;
  options.extra_vars = {"x"};
  auto const s = training();
  auto const out = predicted(model("y ~ x * f"), s, options);
  // For f = a the line through (1,1) (2,2) (3,3.5) (4,4): slope 1.05, mean 2.625 at 2.5.
  EXPECT_NEAR(out.at("y_Pred")[0], 2.625 - 1.5 * 1.05, 1e-13);
  EXPECT_NEAR(out.at("y_Resid")[0], 1 - (2.625 - 1.5 * 1.05), 1e-13);
  EXPECT_EQ(out.at("x")[7], 4);
}

TEST(Predict, StandardErrorsAndIntervals) {
  PredictOptions confidence, prediction;
  confidence.std_errors = prediction.std_errors = true;
  confidence.interval = "confidence";
  prediction.interval = "prediction";
  MemorySource s;
  s.numeric("x", {2.5, 10});
  auto const c = predicted(model("y ~ x"), s, confidence), p = predicted(model("y ~ x"), s, prediction);
  // predict(lm(y ~ x), data.frame(x = c(2.5, 10)), interval = "confidence", se.fit = TRUE): by hand, n = 8, Sxx = 10
  double const sigma = model("y ~ x")["responses"][0]["sigma"], t = 2.4469118511449692;
  EXPECT_NEAR(c.at("y_StdErr")[0], sigma / std::sqrt(8.0), 1e-13);
  EXPECT_NEAR(c.at("y_StdErr")[1], sigma * std::sqrt(1.0 / 8 + 7.5 * 7.5 / 10), 1e-12);
  EXPECT_NEAR(c.at("y_Upper")[0] - c.at("y_Pred")[0], t * sigma / std::sqrt(8.0), 1e-12);
  EXPECT_NEAR(p.at("y_Upper")[0] - p.at("y_Pred")[0], t * sigma * std::sqrt(1 + 1.0 / 8), 1e-12);
}

TEST(Predict, LevelsAreMatchedByName) {
  MemorySource swapped;
  swapped.numeric("x", {1, 1}).factor("f", {"b", "a"}, {1, 0});
  auto const out = predicted(model("y ~ x + f"), swapped, {}), own = predicted(model("y ~ x + f"), training(), {});
  EXPECT_EQ(out.at("y_Pred")[0], own.at("y_Pred")[0]);
  EXPECT_EQ(out.at("y_Pred")[1], own.at("y_Pred")[1]);
  MemorySource unknown;
  unknown.numeric("x", {1, 1}).factor("f", {"a", "c"}, {0, 1});
  EXPECT_THROW(predicted(model("y ~ x + f"), unknown, {}), DataError);
}

TEST(Predict, MissingPredictorsGiveMissingResults) {
  MemorySource s;
  s.numeric("x", {nan, 1, 2}).factor("f", {"a", "b"}, {0, -1, 1});
  PredictOptions options;
  options.std_errors = true;
  auto const out = predicted(model("y ~ x + f"), s, options);
  for (auto const* name : {"y_Pred", "y_StdErr"}) {
    EXPECT_TRUE(std::isnan(out.at(name)[0]));
    EXPECT_TRUE(std::isnan(out.at(name)[1]));
    EXPECT_FALSE(std::isnan(out.at(name)[2]));
  }
}

TEST(Predict, TransformsOfTheModelAreAppliedAgain) {
  LinModOptions options;
  options.rows.transforms = {"ly = log(y)", "x2 = x * x"};
  MemorySource s;
  s.numeric("x", {3});
  auto const out = predicted(model("ly ~ x2", options), s, {});  // y is absent: the transform that needs it is left out
  EXPECT_FALSE(std::isnan(out.at("ly_Pred")[0]));
}

TEST(Predict, BadRequestsAreRefused) {
  auto const s = training();
  auto without = model("y ~ x");
  without["responses"][0].erase("cov_coef");
  PredictOptions errors, type, interval, level, extra;
  errors.std_errors = true;
  type.type = "class";
  interval.interval = "both";
  level.conf_level = 1;
  extra.extra_vars = {"nosuch"};
  EXPECT_THROW(Predictor(without, s, errors), UsageError);
  for (auto const& o : {type, interval, level, extra}) EXPECT_THROW(Predictor(model("y ~ x"), s, o), UsageError);
  EXPECT_THROW(Predictor(nlohmann::json::object(), s, {}), DataError);
  MemorySource no_x;
  no_x.numeric("z", {1});
  EXPECT_THROW(Predictor(model("y ~ x"), no_x, {}), UsageError);
}

}  // namespace
}  // namespace rxhpc
