#include <gtest/gtest.h>

#include "memory_source.hpp"
#include "rxhpc/glm.hpp"
#include "rxhpc/self_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;

Glm searched(const char* formula, const char* upper, const char* method) {
  MemorySource s(6);
  std::vector<double> a, b, c;
  for (int i = 1; i <= 20; ++i) a.push_back(i / 5.0), b.push_back(i * 7 % 5), c.push_back(i * 3 % 4);
  s.numeric("y", {2, 0, 1, 4, 3, 9, 6, 1, 0, 12, 5, 3, 22, 7, 2, 15, 30, 1, 8, 19}).numeric("a", a).numeric("b", b).numeric("c", c);
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

}  // namespace
}  // namespace rxhpc
