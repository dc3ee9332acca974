#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "memory_source.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/glm.hpp"
#include "rxhpc/lin_mod.hpp"
#include "rxhpc/self_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;

MemorySource table() {
  MemorySource s(6);
  std::vector<double> a, b, c;
  for (int i = 1; i <= 20; ++i) a.push_back(i / 5.0), b.push_back(i * 7 % 5), c.push_back(i * 3 % 4);
  s.numeric("y", {2, 0, 1, 4, 3, 9, 6, 1, 0, 12, 5, 3, 22, 7, 2, 15, 30, 1, 8, 19}).numeric("a", a).numeric("b", b).numeric("c", c);
  return s;
}

Glm searched(const char* formula, const char* upper, const char* method) {
  auto const s = table();
  GlmOptions options;
  options.family.name = "negbin";
  options.objective_tolerance = 1e-13;
  options.step = StepControl{};
  options.step->method = method;
  options.step->scope_upper = upper;
  SelfCommunicator self;
  return glm(s, formula, options, self);
}

struct Line {
  const char* step;
  double resid_dev, aic;
};
void expect_lines(const Glm& m, const std::vector<Line>& want) {
  ASSERT_TRUE(m.selection.has_value());
  ASSERT_EQ(m.selection->anova.size(), want.size());
  for (std::size_t k = 0; k < want.size(); ++k) {
    auto const& got = m.selection->anova[k];
    EXPECT_EQ(got.step, want[k].step);
    EXPECT_NEAR(got.resid_dev, want[k].resid_dev, 1e-6);
    EXPECT_NEAR(got.aic, want[k].aic, 1e-7);
  }
}

/// a <- (1:20) / 5; b <- (1:20 * 7) %% 5; c <- (1:20 * 3) %% 4; ctl <- glm.control(epsilon = 1e-14, maxit = 500)
/// step(glm.nb(y ~ 1, control = ctl), ~ a + b + c, direction = "forward"); step(glm.nb(y ~ a + b + c, control = ctl), direction = "backward")
TEST(GlmStepwise, NegativeBinomialsAreComparedAtOneTheta) {
  expect_lines(searched("y ~ 1", "~ a + b + c", "forward"), {{"", 22.5528226561, 125.117266345}, {"+ a", 22.1097964809, 119.264320004}});
  auto const m = searched("y ~ a + b + c", "", "backward");
  expect_lines(m, {{"", 22.3033842433, 121.921416595}, {"- b", 22.3027196864, 119.923673594}, {"- c", 22.1097964809, 119.264320004}});
  EXPECT_NEAR(m.theta, 1.48879408898, 1e-7);
  EXPECT_NEAR(m.coefficients[1].estimate, 0.589007870124826, 1e-7);
}

/// drop1(glm(formula, family, epsilon = 1e-14), test = "F" | "Chisq")["b", "Pr(>F)" | "Pr(>Chi)"] and of lm: b, with the largest p-value, goes where
/// the level lies below that.
TEST(GlmStepwise, TestsAreThoseAskedFor) {
  SelfCommunicator self;
  auto const s = table();
  struct Case {
    const char *formula, *family, *test;
    double p;
  };
  for (auto const& c : {Case{"y ~ a + b + c", "poisson", "F", 0.908139}, Case{"y ~ a + b + c", "poisson", "Chisq", 0.77601674}, Case{"y ~ a + b + c", "poisson", "", 0.77601674},
                        Case{"y + 1 ~ a + b + c", "Gamma", "F", 0.9962284}, Case{"y + 1 ~ a + b + c", "Gamma", "Chisq", 0.99542177}, Case{"y + 1 ~ a + b + c", "Gamma", "", 0.9962284},
                        Case{"y ~ a + b + c", "gaussian", "F", 0.727373}, Case{"y ~ a + b + c", "gaussian", "Chisq", 0.6921783}, Case{"y ~ a + b + c", "linmod", "F", 0.727373},
                        Case{"y ~ a + b + c", "linmod", "Chisq", 0.6921783}, Case{"y ~ a + b + c", "linmod", "", 0.727373}})
    for (bool goes : {true, false}) {
      StepControl control;
      control.method = "backward";
      control.by_significance = true;
      control.max_steps = 1;
      control.test = c.test;
      control.min_sig_level_to_drop = c.p + (goes ? -1e-6 : 1e-6);
      std::optional<Selection> selection;
      if (std::string(c.family) == "linmod") {
        LinModOptions options;
        options.step = control;
        selection = lin_mod(s, c.formula, options, self).selection;
      } else {
        GlmOptions options;
        options.family.name = c.family;
        options.family.link = std::string(c.family) == "Gamma" ? "log" : "";
        options.objective_tolerance = 1e-14;
        options.step = control;
        selection = glm(s, c.formula, options, self).selection;
      }
      ASSERT_EQ(selection->anova.size(), goes ? 2U : 1U) << c.formula << " " << c.family << " " << c.test;
      EXPECT_EQ(selection->anova.back().step, goes ? "- b" : "");
    }
}

TEST(GlmStepwise, OneFitGoesTheSameWay) {
  SelfCommunicator self;
  auto const s = table();
  for (auto const* family : {"poisson", "gaussian", "Gamma", "negbin"}) {
    GlmOptions options;
    options.family.name = family;
    options.family.link = std::string(family) == "Gamma" ? "log" : "";
    options.step = StepControl{};
    options.step->method = "backward";
    auto const formula = std::string(family) == "Gamma" ? "y + 1 ~ a + b + c" : "y ~ a + b + c";
    auto const refitted = glm(s, formula, options, self);
    options.step->refit_each_step = false;
    auto const once = glm(s, formula, options, self);
    auto const &want = refitted.selection->anova, &got = once.selection->anova;
    ASSERT_EQ(got.size(), want.size()) << family;
    for (std::size_t k = 0; k < want.size(); ++k) {
      EXPECT_EQ(got[k].step, want[k].step) << family;
      EXPECT_EQ(got[k].resid_df, want[k].resid_df);
      // In the linear model the quadratic is the deviance; elsewhere it is near it, but for the theta that each fit estimates anew.
      if (std::string(family) == "negbin") continue;
      EXPECT_NEAR(got[k].resid_dev, want[k].resid_dev, (std::string(family) == "gaussian" ? 1e-12 : 0.02) * want[k].resid_dev) << family << " " << k;
      EXPECT_NEAR(got[k].aic, want[k].aic, std::string(family) == "gaussian" ? 1e-9 : 1) << family << " " << k;
    }
    EXPECT_EQ(once.deviance, refitted.deviance);  // the terms chosen are fitted
    EXPECT_EQ(once.formula, refitted.formula);
  }
}

/// From wherever a search is broken off it goes on to the same end, with fewer passes the later that was.
TEST(GlmStepwise, ResumedSearchesHaveTheSameBits) {
  SelfCommunicator self;
  auto s = table();
  std::vector<double> gaps(20, 1.0);
  gaps[7] = gaps[11] = std::numeric_limits<double>::quiet_NaN();  // rows that the search leaves out
  s.numeric("d", gaps).factor("h", {"u", "v"}, {0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0, 1});
  for (auto const* family : {"poisson", "negbin"})
    for (bool refit : {true, false}) {
      GlmOptions options;
      options.family.name = family;
      options.step = StepControl{};
      options.step->method = "backward";
      options.step->keep_coefs = true;
      options.step->refit_each_step = refit;
      options.robust = "HC0";
      std::vector<std::string> states;
      options.checkpoint = [&](const std::string& state) { states.push_back(state); };
      auto const formula = "y ~ a + b + c + h + I(d * a)";
      auto const whole = glm(s, formula, options, self);
      auto const text = to_json(whole).dump();
      ASSERT_GT(states.size(), 15u);
      int last = std::numeric_limits<int>::max();
      for (std::size_t k = 0; k < states.size(); k += 7) {
        auto resumed = options;
        resumed.checkpoint = {};
        resumed.resume = states[k];
        auto const m = glm(s, formula, resumed, self);
        EXPECT_EQ(to_json(m).dump(), text) << family << " after pass " << k;
        EXPECT_LE(m.timing.passes, last) << k;
        last = m.timing.passes;
      }
      EXPECT_LT(last, whole.timing.passes / 2) << family;
      options.resume = "{}";
      EXPECT_THROW(glm(s, formula, options, self), DataError);
    }
}

/// Another scope may have other rows: what is known of fits to those of the first is of no use then.
TEST(GlmStepwise, ResumedWithAnotherScope) {
  SelfCommunicator self;
  auto s = table();
  std::vector<double> gaps(20, 1.0);
  for (std::size_t i = 0; i < 20; i += 3) gaps[i] = std::numeric_limits<double>::quiet_NaN();
  s.numeric("d", gaps);
  GlmOptions options;
  options.family.name = "poisson";
  options.step = StepControl{};
  std::string state;
  options.checkpoint = [&](const std::string& text) { state = text; };
  glm(s, "y ~ a + b", options, self);
  options.checkpoint = {};
  options.step->scope_upper = "~ a + b + d";
  auto const want = to_json(glm(s, "y ~ a + b", options, self)).dump();
  options.resume = state;
  EXPECT_EQ(to_json(glm(s, "y ~ a + b", options, self)).dump(), want);
}

/// log() of a negative number is as missing as NA: all models are of the same rows.
TEST(GlmStepwise, RowsAreThoseWhereExpressionsHaveValues) {
  SelfCommunicator self;
  auto const s = table();
  GlmOptions options;
  options.family.name = "gaussian";
  options.step = StepControl{};
  options.step->method = "backward";
  LinModOptions linear;
  linear.step = options.step;
  auto const want = lin_mod(s, "y ~ a + log(b - 0.5) + c", linear, self);
  for (bool refit : {true, false}) {
    options.step->refit_each_step = refit;
    auto const m = glm(s, "y ~ a + log(b - 0.5) + c", options, self);
    EXPECT_EQ(m.n_valid_obs, want.n_valid_obs);
    EXPECT_EQ(m.n_valid_obs + m.n_missing_obs, 20);
    ASSERT_EQ(m.selection->anova.size(), want.selection->anova.size());
    for (std::size_t k = 0; k < want.selection->anova.size(); ++k) {
      EXPECT_EQ(m.selection->anova[k].step, want.selection->anova[k].step);
      EXPECT_NEAR(m.selection->anova[k].resid_dev, want.selection->anova[k].resid_dev, 1e-9 * want.selection->anova[k].resid_dev);
    }
  }
}

/// The weights of a fit without a maximum say of every term that it does not matter.
TEST(GlmStepwise, OneFitThatIsSeparatedIsNoneToGoBy) {
  SelfCommunicator self;
  auto s = table();
  std::vector<double> late;
  for (int i = 1; i <= 20; ++i) late.push_back(i > 10);
  s.numeric("late", late);
  GlmOptions options;
  options.family.name = "binomial";
  options.step = StepControl{};
  options.step->method = "backward";
  options.step->refit_each_step = false;
  EXPECT_THROW(glm(s, "late ~ a + b + c", options, self), NumericalError);
  EXPECT_NO_THROW(glm(s, "late ~ b + c", options, self));
}

}  // namespace
}  // namespace rxhpc
