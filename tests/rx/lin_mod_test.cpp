#include "rxhpc/lin_mod.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <random>

#include "memory_source.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/self_communicator.hpp"
#include "thread_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

LinMod fit(const ChunkSource& source, const char* formula, LinModOptions options = {}) {
  SelfCommunicator self;
  return lin_mod(source, formula, options, self);
}

const Coefficient& named(const LinMod& m, const std::string& name) {
  for (auto const& c : m.fits[0].coefficients)
    if (c.name == name) return c;
  throw std::runtime_error("no coefficient " + name);
}

/// R's data set women (heights and weights, public domain).
MemorySource women(std::int64_t chunk_rows = 4) {
  MemorySource s(chunk_rows);
  s.numeric("height", {58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72});
  s.numeric("weight", {115, 117, 120, 123, 126, 129, 132, 135, 139, 142, 146, 150, 154, 159, 164});
  return s;
}

/// y depends on x and a two-way layout; some values missing; 60 rows.
MemorySource layout(std::int64_t chunk_rows, int copies = 1) {
  MemorySource s(chunk_rows);
  std::mt19937 random(7);
  std::normal_distribution<double> normal;
  std::vector<double> x, y, w;
  std::vector<std::int32_t> f, g;
  for (int i = 0; i < 60; ++i) {
    int const a = i % 3, b = (i / 3) % 2;
    double const value = normal(random), weight = i % 4;
    for (int k = 0; k < copies; ++k) {
      x.push_back(i == 5 ? nan : value);
      y.push_back(i == 9 ? nan : 3 + 2 * value - a + 0.5 * b * a + 0.1 * std::sin(i));
      f.push_back(i == 17 ? -1 : a);
      g.push_back(b);
      w.push_back(weight);
    }
  }
  s.numeric("y", y).numeric("x", x).factor("f", {"lo", "mid", "hi"}, f).factor("g", {"u", "v"}, g).numeric("w", w);
  return s;
}

TEST(LinMod, AgreesWithRForAStraightLine) {
  auto const m = fit(women(), "weight ~ height");  // summary(lm(weight ~ height, women))
  EXPECT_NEAR(named(m, "(Intercept)").estimate, -87.516666666666666, 1e-12);
  EXPECT_NEAR(named(m, "height").estimate, 3.45, 1e-13);
  EXPECT_NEAR(named(m, "height").std_error, 0.09113649546620062, 1e-13);
  EXPECT_NEAR(named(m, "height").t_value, 37.855306837857093, 1e-10);
  EXPECT_NEAR(m.fits[0].residual_squares, 30.2333333333333333, 1e-12);
  EXPECT_NEAR(m.fits[0].r_squared, 0.99100983, 1e-8);
  EXPECT_NEAR(m.fits[0].f.p_value / 1.0909729585e-14, 1, 1e-8);
  EXPECT_EQ(m.df_residual, 13);
  EXPECT_EQ(m.condition_number, 1);
}

TEST(LinMod, NamesAndReferencesFollowRevoScaleR) {
  auto const m = fit(layout(100), "y ~ x + f + g + f:g + x:f");
  std::vector<std::string> names, dropped;
  for (auto const& c : m.fits[0].coefficients) {
    names.push_back(c.name);
    if (c.aliased) dropped.push_back(c.name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"(Intercept)", "x", "f=lo", "f=mid", "f=hi", "g=u", "g=v", "f=lo, g=u", "f=mid, g=u", "f=hi, g=u",
                                             "f=lo, g=v", "f=mid, g=v", "f=hi, g=v", "x for f=lo", "x for f=mid", "x for f=hi"}));
  EXPECT_EQ(dropped, (std::vector<std::string>{"f=hi", "g=v", "f=hi, g=u", "f=lo, g=v", "f=mid, g=v", "f=hi, g=v", "x for f=hi"}));
  EXPECT_EQ(m.n_missing_obs, 3);
  EXPECT_EQ(m.n_valid_obs, 57);
}

TEST(LinMod, LikeRTakesTheFirstLevelAndRsNames) {
  LinModOptions options;
  options.like_r = true;
  auto const m = fit(layout(100), "y ~ f:g + f + g", options);
  std::vector<std::string> kept;
  for (auto const& c : m.fits[0].coefficients)
    if (!c.aliased) kept.push_back(c.name);
  EXPECT_EQ(kept, (std::vector<std::string>{"(Intercept)", "fmid", "fhi", "gv", "fmid:gv", "fhi:gv"}));
}

/// d <- data.frame(y = c(1,2,4,3,6,5,9,2), x = c(1,2,3,4,5,7,8,9), a = factor(c("u","v","w","u","v","w","u","v")), b = factor(c("p","p","p","q","q","q","p","q")))
/// coef(lm(y ~ x:I(x^2) + b:x, d)): x is part of an earlier term, so that b leaves a level out
TEST(LinMod, LikeRCodesByWhatEarlierTermsHold) {
  MemorySource s(3);
  s.numeric("y", {1, 2, 4, 3, 6, 5, 9, 2}).numeric("x", {1, 2, 3, 4, 5, 7, 8, 9}).factor("a", {"u", "v", "w"}, {0, 1, 2, 0, 1, 2, 0, 1}).factor("b", {"p", "q"}, {0, 0, 0, 1, 1, 1, 0, 1});
  LinModOptions options;
  options.like_r = true;
  auto const expect = [&](const char* formula, const std::vector<std::pair<std::string, double>>& want) {
    std::vector<std::pair<std::string, double>> got;
    auto const m = fit(s, formula, options);
    for (auto const& c : m.fits[0].coefficients)
      if (!c.aliased) got.emplace_back(c.name, c.estimate);
    ASSERT_EQ(got.size(), want.size()) << formula;
    for (std::size_t k = 0; k < want.size(); ++k) {
      EXPECT_EQ(got[k].first, want[k].first) << formula;
      EXPECT_NEAR(got[k].second, want[k].second, 1e-11) << formula;
    }
  };
  expect("y ~ x:I(x^2) + b:x", {{"(Intercept)", 3.69932375141667}, {"x:I(x^2)", 0.00550712020576336}, {"x:bq", -0.302278818542372}});
  expect("y ~ b:x + a:x", {{"(Intercept)", 1.12843891266679}, {"bp:x", 0.949470600132282}, {"bq:x", 0.538419070420841}, {"x:av", -0.244775695161881}, {"x:aw", 0.0135834658882823}});
  // without the option both factors are given in full, and what depends on others is dropped
  EXPECT_EQ(fit(s, "y ~ x:I(x^2) + b:x").rank, 4);
}

TEST(LinMod, FittedSpaceDoesNotDependOnCoding) {
  LinModOptions first;
  first.drop_first = true;
  auto const a = fit(layout(100), "y ~ x + f * g"), b = fit(layout(100), "y ~ x + f * g", first);
  EXPECT_EQ(a.rank, b.rank);
  EXPECT_NEAR(a.fits[0].residual_squares, b.fits[0].residual_squares, 1e-13 * a.fits[0].residual_squares);
  EXPECT_NEAR(named(a, "x").estimate, named(b, "x").estimate, 1e-14);
}

TEST(LinMod, CubeHasOneCoefficientACellAndRSquaredAboutTheMean) {
  LinModOptions cube;
  cube.cube = true;
  auto const c = fit(layout(100), "y ~ f:g + x", cube), plain = fit(layout(100), "y ~ x + f * g");
  EXPECT_EQ(c.fits[0].coefficients.size(), 7u);
  for (auto const& k : c.fits[0].coefficients) EXPECT_FALSE(k.aliased) << k.name;
  EXPECT_NEAR(c.fits[0].r_squared, plain.fits[0].r_squared, 1e-13);
  EXPECT_NEAR(c.fits[0].f.value / plain.fits[0].f.value, 1, 1e-12);
  EXPECT_THROW(fit(layout(100), "y ~ x + f", cube), UsageError);
}

TEST(LinMod, FrequencyWeightsAreRepeatedRows) {
  MemorySource twice = layout(100, 2);
  LinModOptions weighted;
  weighted.rows.transforms = {"two = 2"};
  weighted.fweights = "two";
  auto const a = fit(twice, "y ~ x + f"), b = fit(layout(100), "y ~ x + f", weighted);
  EXPECT_EQ(a.df_residual, b.df_residual);
  EXPECT_NEAR(named(a, "x").std_error, named(b, "x").std_error, 1e-14);
  EXPECT_NEAR(a.fits[0].log_likelihood, b.fits[0].log_likelihood, 1e-10);
}

TEST(LinMod, RowsOfWeightZeroDoNotCount) {
  LinModOptions weighted;
  weighted.pweights = "w";
  auto const m = fit(layout(7), "y ~ x + f", weighted);
  LinModOptions selected = weighted;
  selected.rows.row_selection = "w > 0";
  auto const s = fit(layout(7), "y ~ x + f", selected);
  EXPECT_EQ(m.n_valid_obs, s.n_valid_obs);
  EXPECT_EQ(m.df_residual, s.df_residual);
  EXPECT_NEAR(named(m, "x").std_error, named(s, "x").std_error, 1e-14);
  EXPECT_NEAR(m.fits[0].log_likelihood, s.fits[0].log_likelihood, 1e-12);
}

TEST(LinMod, AliasedColumnsAreFoundAndNamed) {
  LinModOptions options;
  options.rows.transforms = {"z = x * 3 - 1"};
  auto const m = fit(layout(100), "y ~ x + z + f", options);
  EXPECT_FALSE(named(m, "x").aliased);
  EXPECT_TRUE(named(m, "z").aliased);
  EXPECT_EQ(m.rank, 4);
  ASSERT_EQ(m.warnings.size(), 1u);
}

TEST(LinMod, EmptyLastLevelMakesTheFirstTheReference) {
  MemorySource s;
  s.numeric("y", {1, 2, 3, 5, 4, 7}).factor("f", {"a", "b", "none"}, {0, 1, 0, 1, 0, 1});
  auto const m = fit(s, "y ~ f");
  EXPECT_TRUE(named(m, "f=a").aliased);
  EXPECT_FALSE(named(m, "f=b").aliased);
  EXPECT_TRUE(named(m, "f=none").aliased);
  EXPECT_EQ(m.rank, 2);
}

TEST(LinMod, SeveralResponsesEqualOneByOne) {
  auto const both = fit(layout(9), "cbind(y, w) ~ x + f");
  ASSERT_EQ(both.fits.size(), 2u);
  EXPECT_EQ(both.fits[1].name, "w");
  LinModOptions same_rows;
  same_rows.rows.row_selection = "!is.na(y)";
  auto const w = fit(layout(9), "w ~ x + f", same_rows);
  EXPECT_NEAR(both.fits[1].sigma, w.fits[0].sigma, 1e-14);
}

TEST(LinMod, TransformsAndFunctionsInTheFormulaAgree) {
  LinModOptions options;
  options.rows.transforms = {"ly = exp(y)"};
  auto const a = fit(layout(100), "y ~ I(x^2) + x"), b = fit(layout(100), "log(ly) ~ x + I(x*x)", options);
  EXPECT_NEAR(named(a, "I(x^2)").estimate, b.fits[0].coefficients[2].estimate, 1e-12);
}

TEST(LinMod, FewRowsAndExactFitsHaveDefinedAnswers) {
  MemorySource s;
  s.numeric("y", {1, 2, 3}).numeric("x", {1, 2, 3});
  auto const m = fit(s, "y ~ x");
  EXPECT_NEAR(m.fits[0].residual_squares, 0, 1e-25);
  EXPECT_NEAR(named(m, "x").estimate, 1, 1e-15);
  auto const saturated = fit(s, "y ~ x + I(x^2)");
  EXPECT_EQ(saturated.df_residual, 0);
  EXPECT_TRUE(std::isnan(saturated.fits[0].sigma));
  auto const mean = fit(s, "y ~ 1");
  EXPECT_NEAR(named(mean, "(Intercept)").estimate, 2, 1e-15);
  EXPECT_NEAR(named(mean, "(Intercept)").std_error, 1 / std::sqrt(3.0), 1e-15);
}

/// Where nothing is left over, a coefficient of the size of the response's last digit has no test; one that says something does.
TEST(LinMod, PerfectFitsAreToldAndNoiseIsNoEffect) {
  MemorySource s(10);
  std::vector<double> x, y, z, constant;
  for (int i = 0; i < 40; ++i) {
    x.push_back(i / 10.0);
    z.push_back(i * i % 7);
    y.push_back(2 * x.back());
    constant.push_back(0.1);
  }
  s.numeric("x", x).numeric("z", z).numeric("y", y).numeric("c", constant);
  auto const m = fit(s, "y ~ x + z");
  ASSERT_EQ(m.warnings.size(), 1u);
  EXPECT_NE(m.warnings[0].find("essentially perfect fit of y"), std::string::npos);
  EXPECT_EQ(named(m, "x").p_value, 0);
  EXPECT_TRUE(std::isnan(named(m, "z").p_value));
  auto const c = fit(s, "c ~ x + z");
  EXPECT_EQ(c.warnings.size(), 1u);
  EXPECT_TRUE(std::isnan(c.fits[0].f.value));
  EXPECT_TRUE(std::isnan(c.fits[0].r_squared));
  for (auto const* name : {"x", "z"}) EXPECT_TRUE(std::isnan(named(c, name).p_value)) << name;
  EXPECT_TRUE(fit(layout(100), "y ~ x").warnings.empty());
}

TEST(LinMod, BadRequestsAreRefused) {
  EXPECT_THROW(fit(layout(100), "y ~ nosuch"), UsageError);
  EXPECT_THROW(fit(layout(100), "~ x"), UsageError);
  EXPECT_THROW(fit(layout(100), "f ~ x"), UsageError);
  EXPECT_THROW(fit(layout(100), "y ~ x +"), UsageError);
  LinModOptions nothing;
  nothing.rows.row_selection = "x > 1e9";
  EXPECT_THROW(fit(layout(100), "y ~ x", nothing), DataError);
  LinModOptions negative;
  negative.rows.transforms = {"minus = w - 1"};
  negative.pweights = "minus";
  EXPECT_THROW(fit(layout(100), "y ~ x", negative), DataError);
  MemorySource infinite;
  infinite.numeric("y", {1, 2, 3}).numeric("x", {1, INFINITY, 3});
  EXPECT_THROW(fit(infinite, "y ~ x"), DataError);
}

/// Larger than the exact way is taken for at once: the plain way and its second pass.
MemorySource wide(double mean, double noise, std::int64_t chunk_rows = 8192) {
  MemorySource s(chunk_rows);
  std::mt19937_64 random(11);
  std::normal_distribution<double> normal;
  std::int64_t const rows = 700000;
  std::vector<std::vector<double>> x(18, std::vector<double>(rows));
  std::vector<double> y(rows);
  for (std::int64_t i = 0; i < rows; ++i) {
    double sum = 1;
    for (auto& column : x) sum += column[i] = mean + normal(random);
    y[i] = sum + noise * normal(random);
  }
  for (std::size_t j = 0; j < x.size(); ++j) s.numeric("x" + std::to_string(j), std::move(x[j]));
  s.numeric("y", std::move(y));
  return s;
}

TEST(LinMod, PlainSumsAreUsedWhereTheyAreGoodEnough) {
  auto const s = wide(1e6, 3);
  auto const m = fit(s, "y ~ .");
  EXPECT_FALSE(m.exact);
  for (auto const& c : m.fits[0].coefficients)
    if (c.name != "(Intercept)") {
      EXPECT_NEAR(c.estimate, 1, 6 * c.std_error) << c.name;
    }
  EXPECT_NEAR(m.fits[0].sigma, 3, 0.02);
}

TEST(LinMod, LostDigitsCostASecondPass) {
  auto const m = fit(wide(0, 1e-4), "y ~ .");  // 1 - R squared is about 1e-9
  EXPECT_TRUE(m.exact);
  EXPECT_NEAR(m.fits[0].sigma / 1e-4, 1, 0.01);
}

/// The parts of a result that must be the same bits for any ranks and threads.
std::string bits(const LinMod& m) { return to_json(m).dump() + model_json(m).dump(); }

TEST(LinMod, SameBitsForAnyRanksAndThreads) {
  auto const small = layout(3);
  auto const large = wide(5, 2);
  for (auto const* source : {static_cast<const ChunkSource*>(&small), static_cast<const ChunkSource*>(&large)}) {
    auto const* formula = source == &small ? "y ~ x * f + g" : "y ~ .";
    LinModOptions options;
    options.cov_coef = true;
    auto const reference = bits(fit(*source, formula, options));
    options.run.threads = 2;
    EXPECT_EQ(bits(fit(*source, formula, options)), reference);
    options.run.threads = 1;
    for (int ranks : {1, 2, 3, 4, 7}) {
      std::vector<std::string> seen(ranks);
      test::on_ranks(ranks, [&](Communicator& comm) { seen[comm.rank()] = bits(lin_mod(*source, formula, options, comm)); });
      for (auto const& s : seen) EXPECT_EQ(s, reference) << ranks << " ranks";
    }
  }
}

TEST(LinMod, ModelFileRoundTrip) {
  LinModOptions options;
  options.cov_coef = true;
  auto const m = fit(layout(100), "y ~ x * f", options);
  auto const back = lin_mod_from_json(nlohmann::json::parse(model_json(m).dump()));
  EXPECT_EQ(model_json(back)["design"], model_json(m)["design"]);
  EXPECT_EQ(back.fits[0].coefficients[1].estimate, m.fits[0].coefficients[1].estimate);
  auto damaged = model_json(m);
  damaged["responses"][0]["coefficients"].erase(0);
  EXPECT_THROW(lin_mod_from_json(damaged), DataError);
  EXPECT_THROW(lin_mod_from_json(nlohmann::json{{"kind", "linmod"}}), DataError);
}

/// y on x; z is x again; u is noise.
MemorySource repeated() {
  MemorySource s(7);
  std::vector<double> y, x, u;
  for (int i = 0; i < 40; ++i) {
    x.push_back(i % 9);
    u.push_back((i * 7) % 5);
    y.push_back(2 * x.back() + std::sin(i));
  }
  auto z = x;
  for (double& v : z) v = 2 * v + 1;
  s.numeric("y", y).numeric("x", x).numeric("z", z).numeric("u", u);
  return s;
}

LinMod stepped(const ChunkSource& source, const char* formula, StepControl control) {
  LinModOptions o;
  o.step = std::move(control);
  return fit(source, formula, o);
}

std::vector<std::string> steps(const LinMod& m) {
  std::vector<std::string> out;
  for (auto const& a : m.selection->anova) out.push_back(a.step);
  return out;
}

TEST(Stepwise, ATermWithoutEffectGoesFirstAndItsTwinStandsIn) {
  StepControl backward;
  backward.method = "backward";
  auto const m = stepped(repeated(), "y ~ x + z + u", backward);
  EXPECT_EQ(steps(m), (std::vector<std::string>{"", "- z", "- u"}));
  EXPECT_EQ(m.selection->anova[1].df, 0);
  EXPECT_EQ(m.formula, "y ~ x");
  auto const twin = stepped(repeated(), "y ~ z + x", backward);
  EXPECT_EQ(steps(twin), (std::vector<std::string>{"", "- x"}));
}

TEST(Stepwise, SubmodelsAreThoseOfFitsOnTheirOwn) {
  StepControl forward;
  forward.method = "forward";
  forward.scope_upper = "~ x + u";
  forward.k = 0;
  forward.keep_coefs = true;
  auto const m = stepped(repeated(), "y ~ 1", forward);
  ASSERT_EQ(steps(m), (std::vector<std::string>{"", "+ x", "+ u"}));
  auto const one = fit(repeated(), "y ~ x"), both = fit(repeated(), "y ~ x + u");
  EXPECT_NEAR(m.selection->anova[1].resid_dev, one.fits[0].residual_squares, 1e-12);
  EXPECT_DOUBLE_EQ(m.fits[0].residual_squares, both.fits[0].residual_squares);
  EXPECT_EQ(m.selection->coefs[1].name, "x");
  EXPECT_EQ(m.selection->coefs[1].values[0], 0);
  EXPECT_DOUBLE_EQ(m.selection->coefs[1].values[1], named(one, "x").estimate);
  EXPECT_DOUBLE_EQ(m.selection->coefs[2].values[2], named(both, "u").estimate);
}

TEST(Stepwise, ScopesBoundTheSearch) {
  StepControl keep;
  keep.method = "backward";
  keep.scope_lower = "~ u";
  EXPECT_EQ(stepped(repeated(), "y ~ x + u", keep).formula, "y ~ x + u");
  StepControl none;
  none.max_steps = 0;
  EXPECT_EQ(stepped(repeated(), "y ~ x + u", none).formula, "y ~ x + u");
  StepControl dot;
  dot.scope_upper = "~ .^2";
  dot.k = 0;
  EXPECT_EQ(stepped(repeated(), "y ~ x + u", dot).formula, "y ~ x + u + x:u");
}

TEST(Stepwise, RowsLackingAnyVariableOfTheScopeAreLeftOut) {
  StepControl up;
  up.scope_upper = "~ x + f + g";
  up.method = "forward";
  auto const m = stepped(layout(7), "y ~ 1", up);
  EXPECT_EQ(m.n_missing_obs, 3);
  EXPECT_EQ(m.n_valid_obs, 57);
}

TEST(Stepwise, AResponseMayBeMadeOfWhatATransformMakes) {
  LinModOptions o;
  o.rows.transforms = {"h = cut(y, c(-10, 2, 6, 100))"};
  auto const alone = fit(repeated(), "N(h) ~ x", o);
  o.step = StepControl{};
  o.step->method = "backward";
  auto const m = fit(repeated(), "N(h) ~ x + z", o);
  EXPECT_EQ(m.formula, "N(h) ~ x");
  EXPECT_EQ(m.fits[0].expression, alone.fits[0].expression);
  EXPECT_DOUBLE_EQ(m.fits[0].residual_squares, alone.fits[0].residual_squares);
}

TEST(Stepwise, AModelFileHoldsTheModelChosen) {
  StepControl up;
  up.scope_upper = "~ x + u";
  auto const m = stepped(repeated(), "y ~ 1", up);
  auto const back = lin_mod_from_json(model_json(m));
  EXPECT_EQ(back.design.variables.size(), 1u);
  EXPECT_EQ(back.fits[0].coefficients.size(), 2u);
}

}  // namespace
}  // namespace rxhpc
