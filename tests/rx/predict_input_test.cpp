// A table to predict whose columns are of other types, or have other levels, than those of the fit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>

#include "predict_cases.hpp"
#include "rxhpc/cov_cor.hpp"
#include "rxhpc/elastic_net.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/glm.hpp"
#include "rxhpc/kmeans.hpp"
#include "rxhpc/lin_mod.hpp"
#include "rxhpc/naive_bayes.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;
using test::predicted;

/// Rows y, x, f; f's levels in this order.
MemorySource rows_of(const std::vector<std::string>& levels) {
  std::vector<int> codes;
  for (std::string const text : {"q", "r", "p", "r", "q", "p", "r", "p", "q"})
    codes.push_back(static_cast<int>(std::find(levels.begin(), levels.end(), text) - levels.begin()));
  MemorySource s(4);
  s.numeric("y", {1, 4, 2, 3, 2, 5, 1, 3, 6}).numeric("x", {1, 3, 4, 2, 7, 5, 2, 6, 1}).factor("f", levels, codes);
  return s;
}

PredictOptions residuals() {
  PredictOptions o;
  o.residuals = true;
  return o;
}

GlmOptions family(const char* name) {
  GlmOptions o;
  o.family.name = name;
  o.cov_coef = true;
  return o;
}

/// Every result of every row is the same for both tables.
void expect_same(const nlohmann::json& m, const ChunkSource& one, const ChunkSource& other, const PredictOptions& options) {
  auto const own = predicted(m, one, options), turned = predicted(m, other, options);
  for (auto const& [name, values] : own) EXPECT_EQ(values, turned.at(name)) << name;
}

TEST(PredictInput, CodesInOffsetsAndResponsesAreTheModels) {
  SelfCommunicator self;
  auto const s = rows_of({"q", "r", "p"}), turned = rows_of({"p", "q", "r"});
  for (auto const* formula : {"y ~ x + offset(N(f))", "y ~ x + offset(as.integer(f) / 3)", "as.integer(f) ~ x"})
    expect_same(model_json(glm(s, formula, family("poisson"), self)), s, turned, residuals());
  auto shares = residuals();
  shares.residual_type = "pearson";
  shares.leverage = true;
  expect_same(model_json(glm(s, "cbind(y, as.integer(f)) ~ x", family("binomial"), self)), s, turned, shares);
  ElasticNetOptions net;
  net.family.name = "poisson";
  net.lambda = {0.01};
  expect_same(model_json(elastic_net(s, "y ~ x + offset(as.integer(f))", net, self)), s, turned, residuals());
  CovCorOptions ridge;
  ridge.ridge_lambda = {0.1};
  expect_same(model_json(cov_cor(s, "as.integer(f) ~ x + y", ridge, self)), s, turned, residuals());
}

/// Rows y, x, and the column c that the test adds.
MemorySource with(const std::function<void(MemorySource&)>& add) {
  MemorySource s(4);
  s.numeric("y", {1, 4, 2, 3, 2, 5}).numeric("x", {1, 3, 4, 2, 7, 5});
  add(s);
  return s;
}

MemorySource with_factor(std::vector<std::string> levels, const std::vector<int>& codes, VarType type = VarType::factor) {
  return with([&](MemorySource& s) { s.factor("c", std::move(levels), codes, type); });
}

const MemorySource truths = with([](MemorySource& s) { s.logical("c", {1, 0, 0, 1, 1, 0}); });
const MemorySource days = with([](MemorySource& s) { s.add<std::int32_t>("c", VarType::date, Storage::int32, {18000, 18001, 18002, 18001, 18004, 18000}); });

/// Those days at so many seconds.
MemorySource times(std::int64_t seconds) {
  std::vector<std::int64_t> t;
  for (int day : {18000, 18001, 18002, 18001, 18004, 18000}) t.push_back((day * std::int64_t(86400) + seconds) * 1000000);
  return with([&](MemorySource& s) { s.add("c", VarType::posixct, Storage::int64, t); });
}

TEST(PredictInput, TruthsAreReadFromLevelsAndNumbers) {
  SelfCommunicator self;
  LinModOptions o;
  o.rows.transforms = {"t = 2 * as.integer(c)"};
  auto const levels = with_factor({"TRUE", "FALSE"}, {0, 1, 1, 0, 0, 1}), text = with_factor({"FALSE", "TRUE"}, {1, 0, 0, 1, 1, 0}, VarType::character),
             numbers = with([](MemorySource& s) { s.numeric("c", {1, 0, 0, 1, 1, 0}); }), unknown = with_factor({"TRUE", "FALSE", "maybe"}, {0, 1, 1, 0, 0, 2});
  auto const logistic = model_json(glm(truths, "c ~ x", family("binomial"), self));
  std::vector<nlohmann::json> models{logistic, model_json(glm(truths, "y ~ x + offset(as.numeric(c))", family("poisson"), self))};
  for (auto const* formula : {"y ~ N(c)", "y ~ as.numeric(c) + x", "y ~ c + x", "y ~ t + x", "c ~ x"}) models.push_back(model_json(lin_mod(truths, formula, o, self)));
  for (auto const& m : models) {
    for (auto const* other : {&levels, &text, &numbers}) expect_same(m, truths, *other, residuals());
    EXPECT_THROW(predicted(m, unknown, residuals()), DataError) << m.at("formula");
  }
  EXPECT_EQ(predicted(logistic, truths, {}), predicted(logistic, unknown, {}));  // no residuals, no need of the response
}

TEST(PredictInput, DatesAndTimesAreReadFromOneAnother) {
  SelfCommunicator self;
  auto const midnights = times(0), noons = times(43200), text = with_factor({"2019-04-14", "2019-04-15", "2019-04-16", "2019-04-18"}, {0, 1, 2, 1, 3, 0});
  auto const of_days = model_json(lin_mod(days, "y ~ c + x", {}, self)), of_times = model_json(lin_mod(midnights, "y ~ c + x", {}, self));
  for (auto const* other : {&midnights, &noons, &text}) expect_same(of_days, days, *other, residuals());
  for (auto const* other : {&days, &text}) expect_same(of_times, midnights, *other, residuals());
  auto const bayes = model_json(naive_bayes(with([](MemorySource& s) {
    s.factor("k", {"a", "b"}, {0, 1, 0, 1, 0, 1});
    s.add<std::int32_t>("c", VarType::date, Storage::int32, {18000, 18001, 18002, 18001, 18004, 18000});
  }), "k ~ c + x", {}, self));
  PredictOptions prob;
  prob.type = "prob";
  expect_same(bayes, days, noons, prob);
}

TEST(PredictInput, NumbersThatTextSpellsAreNotCodes) {
  SelfCommunicator self;
  auto const text = with_factor({"30", "10", "20"}, {0, 1, 2, 0, 1, 0}, VarType::character), levels = with_factor({"10", "20", "30"}, {2, 0, 1, 2, 0, 2}),
             numbers = with([](MemorySource& s) { s.numeric("c", {30, 10, 20, 30, 10, 30}); });
  LinModOptions o;
  o.rows.transforms = {"n = as.numeric(c) / 10"};
  for (auto const* formula : {"y ~ as.integer(c)", "y ~ n", "as.numeric(c) ~ x"})
    for (auto const* other : {&levels, &numbers}) expect_same(model_json(lin_mod(text, formula, o, self)), text, *other, residuals());
}

TEST(PredictInput, ClustersAreOfTheTypesOfTheFit) {
  SelfCommunicator self;
  KMeansOptions o;
  o.centers = {{18000, 1}, {18004, 7}};
  expect_same(model_json(kmeans(days, "~ c + x", o, self)), days, times(43200), {});
  o.rows.transforms = {"t = 5 * as.integer(c)"};
  o.centers = {{0, 1}, {5, 7}};
  expect_same(model_json(kmeans(truths, "~ t + x", o, self)), truths, with_factor({"TRUE", "FALSE"}, {0, 1, 1, 0, 0, 1}), {});
}

TEST(PredictInput, ATypeWithoutAClearMeaningIsRefused) {
  SelfCommunicator self;
  auto const refused = [&](const MemorySource& fit, const MemorySource& other, const std::string& why) {
    auto const m = model_json(lin_mod(fit, "y ~ as.numeric(c) + x", {}, self));
    try {
      predicted(m, other, {});
      ADD_FAILURE() << why;
    } catch (const DataError& e) {
      EXPECT_EQ(std::string(e.what()), why);
    }
  };
  auto const numbers = with([](MemorySource& s) { s.numeric("c", {1, 0, 0, 1, 1, 0}); }), words = with_factor({"1", "two"}, {0, 1, 1, 0, 0, 1});
  refused(days, numbers, "column 'c' is Date in the model and numeric in the data");
  refused(numbers, days, "column 'c' is numeric in the model and Date in the data");
  refused(truths, days, "column 'c' is logical in the model and Date in the data");
  refused(numbers, words, "column 'c' is numeric in the model and factor in the data; 'two' is not numeric");
  // A factor of numbers stands for them, not for its codes.
  expect_same(model_json(lin_mod(numbers, "y ~ as.integer(c) + x", {}, self)), numbers, with_factor({"0", "1"}, {1, 0, 0, 1, 1, 0}), {});
  // Text without a value reads as logical.
  auto const empty = with([](MemorySource& s) { s.logical("c", std::vector<std::int8_t>(6, INT8_MIN)); });
  EXPECT_TRUE(std::isnan(predicted(model_json(lin_mod(days, "y ~ c + x", {}, self)), empty, {}).at("y_Pred")[0]));
}

TEST(PredictInput, ColumnsPassedOnAreAsTheyCame) {
  SelfCommunicator self;
  PredictOptions o;
  o.extra_vars = {"c"};
  EXPECT_EQ(predicted(model_json(lin_mod(days, "y ~ c + x", {}, self)), times(43200), o).at("c")[0], 18000 * 86400.0 + 43200);
}

TEST(PredictInput, AnUnknownClassOfTheResponseIsRefused) {
  SelfCommunicator self;
  auto const classes = with_factor({"yes", "no"}, {0, 1, 1, 0, 0, 1}), turned = with_factor({"no", "yes"}, {1, 0, 0, 1, 1, 0}),
             third = with_factor({"yes", "no", "maybe"}, {0, 1, 2, 0, 0, 1}), text = with_factor({"yes", "no"}, {0, 1, 1, 0, 0, 1}, VarType::character);
  for (auto const* fitted : {&classes, &text}) {
    auto const m = model_json(glm(*fitted, "c ~ x", family("binomial"), self));
    for (auto const* other : {&turned, &text}) expect_same(m, *fitted, *other, residuals());
    EXPECT_THROW(predicted(m, third, residuals()), DataError);
    EXPECT_EQ(predicted(m, *fitted, {}), predicted(m, third, {}));
  }
  // Whoever names the levels says that others are missing.
  auto const chosen = predicted(model_json(glm(third, "factor(c, levels = c(\"yes\", \"no\")) ~ x", family("binomial"), self)), third, residuals());
  for (auto const& [name, values] : chosen) EXPECT_TRUE(std::isnan(values[2]) && !std::isnan(values[1])) << name;
}

/// y, x, k and their model by transforms.
nlohmann::json with_transforms(const std::vector<std::string>& transforms, const char* formula) {
  SelfCommunicator self;
  MemorySource s;
  s.numeric("y", {1, 4, 2, 3, 2, 5}).numeric("x", {1, 3, 4, 2, 7, 5}).numeric("k", {2, 2, 2, 2, 2, 2});
  LinModOptions o;
  o.rows.transforms = transforms;
  return model_json(lin_mod(s, formula, o, self));
}

MemorySource x_and(const char* other, double value) {
  MemorySource s;
  s.numeric("x", {3});
  if (*other) s.numeric(other, {value});
  return s;
}

TEST(PredictInput, ATransformThatTheResultsNeedIsNeverLeftOut) {
  auto const scaled = with_transforms({"x = x / k"}, "y ~ x");
  EXPECT_THROW(predicted(scaled, x_and("", 0), {}), UsageError);  // x without the k that divides it
  auto const again = with_transforms({"k = 2 * k", "x = x / k"}, "y ~ x");
  EXPECT_THROW(predicted(again, x_and("", 0), {}), UsageError);
  EXPECT_NO_THROW(predicted(again, x_and("k", 2), {}));
  // the input has what the transform would make, of columns that are not there
  auto const made = with_transforms({"ratio = x / k"}, "y ~ ratio");
  EXPECT_EQ(predicted(made, x_and("k", 2), {}).at("y_Pred"), predicted(made, x_and("ratio", 1.5), {}).at("y_Pred"));
  EXPECT_THROW(predicted(made, x_and("", 0), {}), UsageError);
}

TEST(PredictInput, TransformsOfTheResponseAloneAreLeftOutUntilItIsAskedFor) {
  auto const m = with_transforms({"late = log(y)"}, "late ~ x");
  MemorySource of_text;
  of_text.numeric("x", {3}).factor("y", {"high", "low"}, {0});  // log() of it has no meaning
  EXPECT_EQ(predicted(m, of_text, {}).at("late_Pred"), predicted(m, x_and("", 0), {}).at("late_Pred"));
  EXPECT_THROW(predicted(m, of_text, residuals()), DataError);
  EXPECT_THROW(predicted(m, x_and("", 0), residuals()), UsageError);
  PredictOptions passed, chosen, derived, with_model;
  passed.extra_vars = {"late"};
  chosen.rows.row_selection = "late > 0";
  derived.rows.transforms = {"twice = 2 * late"};
  with_model.write_model_vars = true;
  auto const all = x_and("y", 4);
  EXPECT_EQ(predicted(m, all, passed).at("late")[0], std::log(4));
  EXPECT_EQ(predicted(m, all, chosen).at("late_Pred").size(), 1u);
  derived.extra_vars = {"twice"};
  EXPECT_EQ(predicted(m, all, derived).at("twice")[0], 2 * std::log(4));
  EXPECT_EQ(predicted(m, all, with_model).at("late")[0], std::log(4));
  EXPECT_FALSE(predicted(m, x_and("", 0), with_model).contains("late"));
  for (auto const& o : {passed, chosen, derived}) EXPECT_THROW(predicted(m, x_and("", 0), o), UsageError);
}

TEST(PredictInput, WeightsThatATransformMakesServeLeverages) {
  SelfCommunicator self;
  MemorySource s;
  s.numeric("y", {1, 4, 2, 3, 2, 5}).numeric("x", {1, 3, 4, 2, 7, 5}).numeric("k", {1, 2, 3, 1, 2, 3}).numeric("w", {2, 4, 6, 2, 4, 6});
  LinModOptions made, given;
  made.cov_coef = given.cov_coef = true;
  made.rows.transforms = {"v = 2 * k"};
  made.pweights = "v";
  given.pweights = "w";
  PredictOptions leverage;
  leverage.leverage = true;
  EXPECT_EQ(predicted(model_json(lin_mod(s, "y ~ x", made, self)), s, leverage).at("y_Leverage"),
            predicted(model_json(lin_mod(s, "y ~ x", given, self)), s, leverage).at("y_Leverage"));
  GlmOptions of_made = family("poisson"), of_given = family("poisson");
  of_made.rows.transforms = made.rows.transforms;
  of_made.pweights = "v";
  of_given.pweights = "w";
  auto deviance = residuals();
  deviance.residual_type = "deviance";
  for (auto const& o : {leverage, deviance}) {
    auto const one = predicted(model_json(glm(s, "y ~ x", of_made, self)), s, o), other = predicted(model_json(glm(s, "y ~ x", of_given, self)), s, o);
    for (auto const& [name, values] : one) EXPECT_EQ(values, other.at(name)) << name;
  }
}

TEST(PredictInput, PredictionsAreNamedOneByOne) {
  SelfCommunicator self;
  auto const s = rows_of({"p", "q", "r"});
  PredictOptions prob;
  prob.type = "prob";
  auto const bayes = model_json(naive_bayes(s, "f ~ x", {}, self));
  auto const usual = predicted(bayes, s, prob);
  prob.pred_var_names = {"one", "two", "three"};
  auto const named = predicted(bayes, s, prob);
  EXPECT_EQ(named.at("one"), usual.at("p_prob"));
  EXPECT_EQ(named.at("two"), usual.at("q_prob"));
  EXPECT_EQ(named.at("three"), usual.at("r_prob"));
  prob.pred_var_names = {"one"};
  EXPECT_THROW(Predictor(bayes, s, prob), UsageError);
  PredictOptions two;
  two.pred_var_names = {"one", "two"};
  EXPECT_THROW(Predictor(model_json(lin_mod(s, "y ~ x", {}, self)), s, two), UsageError);
  CovCorOptions o;
  o.princomp = true;
  auto const components = model_json(cov_cor(s, "~ x + y", o, self));
  EXPECT_EQ(predicted(components, s, two).at("two"), predicted(components, s, {}).at("Comp.2"));
}

}  // namespace
}  // namespace rxhpc
