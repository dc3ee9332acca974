// The covariance of a fit's columns is that of covcor, whatever the fit.
#include <gtest/gtest.h>

#include <cmath>

#include "memory_source.hpp"
#include "rxhpc/cov_cor.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/glm.hpp"
#include "rxhpc/lin_mod.hpp"
#include "rxhpc/self_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;

TEST(DataCovariance, IsThatOfCovCor) {
  constexpr double na = std::numeric_limits<double>::quiet_NaN();
  SelfCommunicator self;
  MemorySource s(4);
  s.numeric("y", {0, 1, 1, 0, 1, 0, 1, na, 1, 0}).numeric("x", {1e6 + 1, 1e6 + 4, 1e6 + 2, 1e6 + 8, 1e6 + 5, 1e6 + 7, 1e6, 1e6 + 3, na, 1e6 + 9});
  s.factor("g", {"a", "b", "c"}, {0, 1, 2, 0, 1, 2, 2, 0, 1, 1}).numeric("w", {1, 2, 1, 3, 1, 1, 2, 1, 2, 1});
  for (int weights : {0, 1, 2}) {
    CovCorOptions c;
    c.rows.row_selection = "!is.na(y)";
    FitOptions fit;
    fit.cov_data = true;
    if (weights == 1) c.pweights = fit.pweights = "w";
    if (weights == 2) c.fweights = fit.fweights = "w";
    auto const want = cov_cor(s, "~ x + g + x:g", c, self).matrix;
    GlmOptions reweighted;
    static_cast<FitOptions&>(reweighted) = fit;
    reweighted.logit = true;
    for (auto const& got : {lin_mod(s, "y ~ x + g + x:g", fit, self).cov_data, glm(s, "y ~ x + g + x:g", reweighted, self).cov_data}) {
      ASSERT_EQ(got.size(), want.size());
      for (std::size_t i = 0; i < want.size(); ++i)
        for (std::size_t j = 0; j < want.size(); ++j) EXPECT_NEAR(got[i][j], want[i][j], 1e-12 * std::abs(want[i][j])) << i << " " << j;
    }
  }
  FitOptions fit;
  EXPECT_TRUE(lin_mod(s, "y ~ x", fit, self).cov_data.empty());
  fit.cov_data = true;
  EXPECT_THROW(lin_mod(s, "y ~ x - 1", fit, self), UsageError);
  EXPECT_THROW(lin_mod(s, "y ~ 1", fit, self), UsageError);
  fit.cube = true;
  EXPECT_THROW(lin_mod(s, "y ~ g", fit, self), UsageError);
}

}  // namespace
}  // namespace rxhpc
