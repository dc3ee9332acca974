// What fits refuse, note, or count as R does.
#include <gtest/gtest.h>

#include "memory_source.hpp"
#include "rxhpc/anova.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/glm.hpp"
#include "rxhpc/lin_mod.hpp"
#include "rxhpc/self_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;

MemorySource table() {
  MemorySource s(4);
  s.numeric("y", {1, 0, 3, 4, 6, 2}).numeric("x", {2, 3, 1, 4, 1.5, 8}).numeric("part", {0.1, 0.2, 0.1, 0.1, 0.2, 0.2}).numeric("half", {1.5, 2, 1, 1, 2, 2});
  s.numeric("share", {0.2, 0.5, 0.1, 0, 1, 0.7}).numeric("at", {2, 3, 4, 1.5, 8, 5});
  return s;
}

LinMod linear(const char* formula, const std::string& fweights) {
  SelfCommunicator self;
  LinModOptions options;
  options.fweights = fweights;
  return lin_mod(table(), formula, options, self);
}

Glm generalised(const char* formula, const char* family, const std::string& fweights = {}) {
  SelfCommunicator self;
  GlmOptions options;
  options.family.name = family;
  options.fweights = fweights;
  return glm(table(), formula, options, self);
}

TEST(FitChecks, FrequencyWeightsStandForRows) {
  EXPECT_THROW(linear("y ~ x", "part"), DataError);
  EXPECT_THROW(generalised("y ~ x", "poisson", "part"), DataError);
  ASSERT_EQ(linear("y ~ x", "half").warnings.size(), 1u);
  EXPECT_EQ(linear("y ~ x", "half").warnings[0], "frequency weights are not all whole numbers: they sum to 9.5 rows");
}

// R 4.2: logLik(glm(share ~ at, binomial)), whose round() takes halves to the even number; R warns of successes that are not whole
TEST(FitChecks, LikelihoodOfSharesAsR) {
  auto const m = generalised("share ~ at", "binomial");
  EXPECT_NEAR(m.log_likelihood, -1.546336, 1e-6);
  EXPECT_EQ(m.warnings.size(), 1u);
  EXPECT_TRUE(generalised("share ~ at", "quasibinomial").warnings.empty());
}

TEST(FitChecks, ComparedModelsHaveOneOffset) {
  auto const small = generalised("y ~ 1", "poisson"), large = generalised("y ~ x + offset(at)", "poisson"), same = generalised("y ~ x", "poisson");
  EXPECT_THROW(anova(large, small), UsageError);
  EXPECT_EQ(anova(same, small).rows.size(), 2u);
}

TEST(FitChecks, ALinearModelTakesNoOffset) {
  try {
    linear("y ~ x + offset(at)", "");
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_NE(std::string(e.what()).find("'y - at ~ ...'"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace rxhpc
