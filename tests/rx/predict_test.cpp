#include "rxhpc/predict.hpp"

#include <gtest/gtest.h>

#include <mutex>

#include "predict_cases.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/glm.hpp"
#include "rxhpc/lin_mod.hpp"
#include "rxhpc/self_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;
using test::predicted;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

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

/// What a model takes from the levels of its data (their numbers, their range) is not taken from the new data again.
TEST(Predict, NumbersOfLevelsAreTheModels) {
  SelfCommunicator self;
  MemorySource s(2);
  s.numeric("y", {1, 3, 4, 2, 7}).factor("f", {"a", "b", "c"}, {1, 1, 1, 0, 2});
  MemorySource turned;  // the same texts, numbered otherwise
  turned.factor("f", {"c", "a", "b"}, {0, 1, 2});
  MemorySource unknown;
  unknown.factor("f", {"a", "d"}, {0, 1});
  LinModOptions options;
  options.rows.transforms = {"n = 2 * as.integer(f)"};
  for (auto const& formula : {"y ~ N(f)", "y ~ I(N(f)^2)", "y ~ n", "y ~ F(f, 1, 2)", "y ~ as.integer(f)"}) {
    auto const m = model_json(lin_mod(s, formula, options, self));
    auto const own = predicted(m, s, {}).at("y_Pred"), other = predicted(m, turned, {}).at("y_Pred");
    EXPECT_EQ(own[3], other[1]) << formula;
    EXPECT_EQ(own[0], other[2]) << formula;
    if (std::string(formula) == "y ~ F(f, 1, 2)") {
      EXPECT_TRUE(std::isnan(own[4]) && std::isnan(other[0]));
    } else {
      EXPECT_EQ(own[4], other[0]) << formula;
    }
    if (std::string(formula) != "y ~ n") {
      EXPECT_THROW(predicted(m, unknown, {}), DataError) << formula;
    }
  }
}

TEST(Predict, NumbersOfTheResponsesLevelsAreTheModels) {
  SelfCommunicator self;
  MemorySource s(2), turned;
  s.numeric("x", {1, 3, 4, 2, 7}).factor("f", {"a", "b", "c"}, {1, 1, 1, 0, 2});
  turned.numeric("x", {7, 2}).factor("f", {"c", "a"}, {0, 1});
  auto const m = model_json(lin_mod(s, "N(f) ~ x", {}, self));
  PredictOptions residuals;
  residuals.residuals = true;
  auto const own = predicted(m, s, residuals).at("N(f)_Resid"), other = predicted(m, turned, residuals).at("N(f)_Resid");
  EXPECT_EQ(own[4], other[0]);
  EXPECT_EQ(own[3], other[1]);
}

TEST(Predict, ALevelWithoutRowsInTheFitHasNoPrediction) {
  SelfCommunicator self;
  MemorySource s(2);
  s.numeric("y", {1, 2, 3, 4}).factor("f", {"a", "b", "none"}, {0, 1, 0, 1}).numeric("k", {1, 3, 1, 3});
  auto const m = model_json(lin_mod(s, "y ~ f", {}, self));
  MemorySource asked;
  asked.factor("f", {"a", "none", "b"}, {0, 1, 2});
  auto const got = predicted(m, asked, {}).at("y_Pred");  // no zone map: nobody knows beforehand whether there are such rows
  EXPECT_DOUBLE_EQ(got[0], 2);
  EXPECT_TRUE(std::isnan(got[1]));
  EXPECT_DOUBLE_EQ(got[2], 3);
  // the gap between the numbers of F()
  MemorySource gap;
  gap.numeric("k", {1, 2, 3});
  auto const of_gap = predicted(model_json(lin_mod(s, "y ~ F(k, 1, 3)", {}, self)), gap, {}).at("y_Pred");
  EXPECT_DOUBLE_EQ(of_gap[0], 2);
  EXPECT_TRUE(std::isnan(of_gap[1]));
  EXPECT_DOUBLE_EQ(of_gap[2], 3);
}

TEST(Predict, ColumnsThatAreFactorsByTheirOwnName) {
  SelfCommunicator self;
  LinModOptions options;
  options.rows.transforms = {"g = cut(x, c(0, 2, 9))"};
  auto const types = factor_columns(model_json(lin_mod(training(), "y ~ f + g + F(x, 1, 4)", options, self)));
  EXPECT_EQ(types, (std::map<std::string, VarType>{{"f", VarType::factor}}));
  EXPECT_TRUE(factor_columns({{"kind", "kmeans"}}).empty());
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

/// Rows made by rule, so that R can make them too:
///   i <- 1:24; d <- data.frame(x = ((i*7) %% 11)/2, g = factor(c("a","b","c")[i %% 3 + 1]), w = 1 + i %% 4, n = (i*5) %% 9, z = as.numeric((i*i+i) %% 5 > 1))
///   d$y <- (i*i) %% 13 + d$x; d$p <- d$n + 0.5; ctl <- glm.control(epsilon = 1e-15, maxit = 100)
MemorySource by_rule(int copies = 1) {
  MemorySource s(5);
  std::vector<double> x, y, w, n, z, p;
  std::vector<int> g;
  for (int i = 1; i <= 24; ++i)
    for (int k = 0; k < copies; ++k) {
      x.push_back((i * 7) % 11 / 2.0);
      g.push_back(i % 3);
      w.push_back(1 + i % 4);
      n.push_back((i * 5) % 9);
      z.push_back((i * i + i) % 5 > 1);
      y.push_back((i * i) % 13 + x.back());
      p.push_back(n.back() + 0.5);
    }
  s.numeric("x", x).factor("g", {"a", "b", "c"}, g).numeric("w", w).numeric("n", n).numeric("z", z).numeric("y", y).numeric("p", p);
  return s;
}

/// Leverages, Cook's distances, standardised and studentised residuals of rows 1, 2, 7, 14 and 24: hatvalues(m)[c(1, 2, 7, 14, 24)], ...
using Figures = std::vector<std::vector<double>>;
void expect_influence(const nlohmann::json& m, const std::string& y, const Figures& want) {
  PredictOptions options;
  options.leverage = options.cooks_distance = options.residuals = true;
  options.residual_type = "standardized";
  auto const first = predicted(m, by_rule(), options);
  options.residual_type = "studentized";
  auto const second = predicted(m, by_rule(), options);
  std::vector<std::vector<double>> const got{first.at(y + "_Leverage"), first.at(y + "_CooksDistance"), first.at(y + "_Resid"), second.at(y + "_Resid")};
  int const rows[] = {1, 2, 7, 14, 24};
  for (std::size_t k = 0; k < 4; ++k)
    for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(got[k][rows[i] - 1], want[k][i], 1e-11 * (1 + std::abs(want[k][i]))) << y << " figure " << k << " row " << rows[i];
}

nlohmann::json linear_by_rule(const char* pweights, FitOptions options = {}) {
  SelfCommunicator self;
  options.cov_coef = true;
  options.pweights = pweights;
  return model_json(lin_mod(by_rule(), "y ~ x + g", options, self));
}
nlohmann::json general_by_rule(const char* formula, const char* family, const char* pweights) {
  SelfCommunicator self;
  GlmOptions options;
  options.cov_coef = true;
  options.pweights = pweights;
  options.family.name = family;
  options.coeff_tolerance = 1e-13;
  options.objective_tolerance = 0;
  options.max_iterations = 100;
  return model_json(glm(by_rule(), formula, options, self));
}

TEST(Predict, InfluenceInLinearModelsAgreesWithR) {
  // m <- lm(y ~ x + g, d);  m <- lm(y ~ x + g, d, weights = w)
  expect_influence(linear_by_rule(""), "y",
                   {{0.188802083333333, 0.145833333333333, 0.136718750000000, 0.255208333333333, 0.188802083333333},
                    {0.0444922097524709, 0.0347258251491788, 0.0597488294854684, 0.1048532273660737, 0.0657221020272595},
                    {-0.874444007407416, -0.901984742068078, 1.228448094899229, -1.106345759636284, -1.062785793618245},
                    {-0.869078059646582, -0.897592010178446, 1.245243854944937, -1.112925641863919, -1.066426661413551}});
  expect_influence(linear_by_rule("w"), "y",
                   {{0.1600415800415797, 0.1725155925155925, 0.2269438669438670, 0.3122245322245322, 0.0832640332640333},
                    {0.0607507596282660, 0.0236317013317045, 0.1313171661104341, 0.1841813596692701, 0.0112788998089159},
                    {-1.129323409945567, -0.673353656331724, 1.337633190410890, -1.273921483589965, -0.704785204401822},
                    {-1.137597226900239, -0.663872176743719, 1.366312590204245, -1.295330789462198, -0.695632357705223}});
}

TEST(Predict, InfluenceInGeneralisedModelsAgreesWithR) {
  // m <- glm(z ~ x + g, binomial, d, control = ctl)
  expect_influence(general_by_rule("z ~ x + g", "binomial", ""), "z",
                   {{0.178055310474917, 0.147761245145395, 0.134813426320002, 0.238374377496577, 0.191064225430080},
                    {0.1444625955403102, 0.0352563376309974, 0.0239658739354290, 0.0414741099826204, 0.0956512415196459},
                    {1.680641174237313, -1.111689183466315, -0.993230732266944, -0.943661706043995, -1.438892223397505},
                    {1.672300462049149, -1.083249258121441, -0.967704846232121, -0.896981955067042, -1.408663278956714}});
  // m <- glm(n ~ x + g, poisson, d, control = ctl, weights = w)
  expect_influence(general_by_rule("n ~ x + g", "poisson", "w"), "n",
                   {{0.2222241417309325, 0.1707477682659337, 0.2532499141964966, 0.3803102319480576, 0.0566451733662806},
                    {0.09311934003561244, 0.28612695620569883, 0.44666542958843275, 0.04092322153378363, 0.00494173624117423},
                    {-1.200412776328658, -2.762998623135862, 2.158268780821892, 0.508766480851620, 0.542364686835317},
                    {-1.187632847647264, -2.698097670442995, 2.193774005098357, 0.511704378555961, 0.544191127476287}});
  // m <- glm(p ~ x + g, Gamma, d, control = ctl, weights = w); m <- update(m, start = coef(m)); m <- update(m, start = coef(m))
  expect_influence(general_by_rule("p ~ x + g", "Gamma", "w"), "p",
                   {{0.3142205697230635, 0.1563114939903362, 0.2588936288966069, 0.4543899731301946, 0.0478993188234283},
                    {0.037388706800227572, 0.066210616168016087, 0.079985126664803161, 0.003957550429583682, 0.000659241407701958},
                    {-0.644595633307895, -1.575021682586352, 0.856257965861378, 0.135428748396970, 0.214740333193970},
                    {-0.517453519239315, -1.315500352560074, 0.738643020151941, 0.112691052929507, 0.177895602726348}});
}

TEST(Predict, ARowOfAFrequencyHasTheInfluenceOfOneOfItsCopies) {
  SelfCommunicator self;
  FitOptions options;
  options.cov_coef = true;
  auto const copies = model_json(lin_mod(by_rule(2), "y ~ x + g", options, self));
  options.fweights = "two";
  options.rows.transforms = {"two = 2"};
  auto const weighted = model_json(lin_mod(by_rule(), "y ~ x + g", options, self));
  PredictOptions wanted;
  wanted.leverage = wanted.cooks_distance = wanted.residuals = true;
  wanted.residual_type = "studentized";
  auto const a = predicted(copies, by_rule(), wanted), b = predicted(weighted, by_rule(), wanted);
  for (auto const* name : {"y_Leverage", "y_CooksDistance", "y_Resid"})
    for (std::size_t i = 0; i < 24; ++i) EXPECT_NEAR(a.at(name)[i], b.at(name)[i], 1e-12) << name;
}

TEST(Predict, AnInfinitePredictorHasTheMeanThatTheLinkGoesTo) {
  MemorySource t;
  double const inf = std::numeric_limits<double>::infinity();
  t.numeric("x", {inf, -inf});
  for (auto const& [formula, family, high, low] : {std::tuple{"n ~ x", "poisson", inf, 0.0}, {"z ~ x", "binomial", 1.0, 0.0}, {"p ~ x", "gaussian", inf, -inf}, {"p ~ x", "Gamma", 0.0, 0.0}}) {
    auto const m = general_by_rule(formula, family, "");
    auto const out = predicted(m, t, {});
    auto const& p = out.begin()->second;
    bool const falling = m["coefficients"][1]["estimate"].get<double>() < 0;
    EXPECT_EQ(p[falling], high) << family;
    EXPECT_EQ(p[!falling], low) << family;
  }
}

TEST(Predict, ResidualsAreTheSameBesideInfluence) {
  SelfCommunicator self;
  GlmOptions options;
  options.cov_coef = true;
  options.family.name = "poisson";
  options.fweights = "two";
  options.rows.transforms = {"two = 2"};
  auto const m = model_json(glm(by_rule(), "n ~ x", options, self));
  for (auto const* type : {"deviance", "pearson"}) {
    PredictOptions alone;
    alone.residuals = true;
    alone.residual_type = type;
    auto beside = alone;
    beside.leverage = true;
    EXPECT_EQ(predicted(m, by_rule(), alone).at("n_Resid"), predicted(m, by_rule(), beside).at("n_Resid")) << type;
  }
}

TEST(Predict, AFitThroughARowHasNoResidualThere) {
  MemorySource s(3);
  s.numeric("y", {1, 2, 4, 9}).numeric("x", {1, 2, 3, 4}).numeric("last", {0, 0, 0, 1});
  SelfCommunicator self;
  FitOptions options;
  options.cov_coef = true;
  auto const m = model_json(lin_mod(s, "y ~ x + last", options, self));
  PredictOptions wanted;
  wanted.leverage = wanted.cooks_distance = wanted.residuals = true;
  wanted.residual_type = "standardized";
  auto const out = predicted(m, s, wanted);
  EXPECT_NEAR(out.at("y_Leverage")[3], 1, 1e-12);
  EXPECT_TRUE(is_na(out.at("y_Resid")[3]));
  EXPECT_TRUE(is_na(out.at("y_CooksDistance")[3]));
  EXPECT_FALSE(std::isnan(out.at("y_Resid")[1]));
}

TEST(Predict, InfluenceNeedsTheClassicalCovariance) {
  PredictOptions leverage, standardized;
  leverage.leverage = true;
  standardized.residuals = true;
  standardized.residual_type = "standardized";
  auto without = linear_by_rule("");
  without["responses"][0].erase("cov_coef");
  FitOptions robust;
  robust.robust = "HC3";
  auto const other = linear_by_rule("", robust);
  for (auto const& o : {leverage, standardized})
    for (auto const& m : {without, other}) EXPECT_THROW(Predictor(m, by_rule(), o), UsageError);
  leverage.std_errors = true;
  EXPECT_THROW(Predictor(other, by_rule(), leverage), UsageError);
  standardized.residual_type = "deviance";
  EXPECT_THROW(Predictor(linear_by_rule(""), by_rule(), standardized), UsageError);
  standardized.residual_type = "raw";
  EXPECT_THROW(Predictor(general_by_rule("z ~ x", "binomial", ""), by_rule(), standardized), UsageError);
}

/// Far from 0, the large terms of x'Cx cancel.
TEST(Predict, StandardErrorsOfColumnsFarFromZero) {
  std::vector<double> const y{1.1, 1.9, 3.2, 3.8, 5.3, 5.9, 7.2, 7.7};
  auto const shifted = [&](double by) {
    std::vector<double> x;
    for (int i = 1; i <= 8; ++i) x.push_back(by + i);
    MemorySource s(3);
    s.numeric("y", y).numeric("x", x);
    return s;
  };
  PredictOptions options;
  options.std_errors = options.leverage = true;
  auto const near = shifted(0);
  for (double by : {1e6, 1.7e9})
    for (const char* robust : {"", "HC3"}) {
      SelfCommunicator self;
      LinModOptions fit;
      fit.cov_coef = true;
      fit.robust = robust;
      options.leverage = !*robust;
      auto const far = shifted(by);
      auto const a = model_json(lin_mod(near, "y ~ x", fit, self)), b = model_json(lin_mod(far, "y ~ x", fit, self));
      auto const want = predicted(a, near, options), got = predicted(b, far, options);
      for (std::size_t i = 0; i < y.size(); ++i) {
        EXPECT_NEAR(got.at("y_StdErr")[i] / want.at("y_StdErr")[i], 1, 1e-6) << by << robust;
        if (!*robust) { EXPECT_NEAR(got.at("y_Leverage")[i] / want.at("y_Leverage")[i], 1, 1e-10) << by; }
      }
    }
}

/// Past the end of a link, an interval ends with the mean there.
TEST(Predict, IntervalsBeyondALink) {
  MemorySource s(4);
  s.numeric("y", {1.2, 1.1, 2.5, 3.1, 9, 4}).numeric("x", {1, 2, 3, 4, 5, 6});
  PredictOptions options;
  options.interval = "confidence";
  struct Case {
    const char *family, *link;
    double end;
  };
  auto const inf = std::numeric_limits<double>::infinity();
  for (auto const& [family, link, end] : std::vector<Case>{{"Gamma", "", inf}, {"inverse.gaussian", "", inf}, {"Gamma", "mu^-1", inf}, {"gaussian", "sqrt", 0}, {"gaussian", "mu^0.5", 0}}) {
    GlmOptions fit;
    fit.family.name = family;
    fit.family.link = link;
    fit.cov_coef = true;
    SelfCommunicator self;
    auto const out = predicted(model_json(glm(s, "y ~ x", fit, self)), s, options);
    int at_the_end = 0;
    for (std::size_t i = 0; i < 6; ++i) {
      EXPECT_LT(out.at("y_Lower")[i], out.at("y_Pred")[i]) << family << link;
      EXPECT_GT(out.at("y_Upper")[i], out.at("y_Pred")[i]) << family << link;
      at_the_end += (end > 0 ? out.at("y_Upper") : out.at("y_Lower"))[i] == end;
    }
    EXPECT_GT(at_the_end, 0) << family << link;
  }
}

TEST(Predict, BadRequestsAreRefused) {
  PredictOptions twice;
  twice.pred_var_names = {"x"};
  twice.extra_vars = {"x"};
  EXPECT_THROW(predicted(model("y ~ x"), training(), twice), UsageError);
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
