#include "rxhpc/cov_cor.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "memory_source.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/lin_mod.hpp"
#include "rxhpc/self_communicator.hpp"
#include "thread_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

CovCor of(const ChunkSource& source, const char* formula, CovCorOptions options = {}) {
  SelfCommunicator self;
  return cov_cor(source, formula, options, self);
}

MemorySource small(std::int64_t chunk_rows = 2) {
  MemorySource s(chunk_rows);
  s.numeric("a", {1, 2, 3, 4, 6}).numeric("b", {2, 1, 4, 3, 5}).numeric("c", {1, nan, 1, 0, 2}).numeric("w", {1, 2, 1, 0, 3});
  s.factor("g", {"u", "v"}, {0, 1, 1, 0, 1}).numeric("k", {7, 7, 7, 7, 7});
  return s;
}

TEST(CovCor, CovarianceCorrelationAndCrossProducts) {
  auto const cov = of(small(), "~ a + b");
  EXPECT_EQ(cov.variables, (std::vector<std::string>{"a", "b"}));
  EXPECT_NEAR(cov.matrix[0][0], 3.7, 1e-14);
  EXPECT_NEAR(cov.matrix[0][1], 2.5, 1e-14);
  EXPECT_EQ(cov.matrix[0][1], cov.matrix[1][0]);
  EXPECT_NEAR(cov.means[0], 3.2, 1e-15);
  EXPECT_NEAR(cov.std_devs[1], std::sqrt(2.5), 1e-15);
  auto const cor = of(small(), "~ a + b", {.type = CovType::cor});
  EXPECT_NEAR(cor.matrix[0][1], 2.5 / std::sqrt(3.7 * 2.5), 1e-15);
  EXPECT_EQ(cor.matrix[0][0], 1);
  auto const sscp = of(small(), "~ a + b - 1", {.type = CovType::sscp});
  EXPECT_EQ(sscp.variables[0], "(Intercept)");
  EXPECT_EQ(sscp.matrix, (std::vector<std::vector<double>>{{5, 16, 15}, {16, 66, 58}, {15, 58, 55}}));
}

TEST(CovCor, WeightsDivideByTheirOwnRule) {
  auto const f = of(small(), "~ a + b", {.fweights = "w"});  // rows 0, 1 twice, 2, 4 three times
  EXPECT_EQ(f.sum_of_weights, 7);
  EXPECT_EQ(f.n_valid_obs, 4);
  EXPECT_NEAR(f.means[0], 26.0 / 7, 1e-14);
  double const squares = 1 + 8 + 9 + 108 - 26.0 * 26 / 7;
  EXPECT_NEAR(f.matrix[0][0], squares / 6, 1e-13);
  auto const p = of(small(), "~ a + b", {.pweights = "w"});
  EXPECT_NEAR(p.matrix[0][0], squares / (7 * 3.0 / 4), 1e-13);
  EXPECT_THROW(of(small(), "~ a", {.pweights = "w", .fweights = "w"}), UsageError);
}

TEST(CovCor, ListwiseAndPairwise) {
  auto const rows = of(small(), "~ a + b + c");
  EXPECT_EQ(rows.n_valid_obs, 4);
  EXPECT_EQ(rows.n_missing_obs, 1);
  auto const pairs = of(small(), "~ a + b + c", {.pairwise = true});
  EXPECT_EQ(pairs.pair_counts[0][1], 5);
  EXPECT_EQ(pairs.pair_counts[2][1], 4);
  EXPECT_EQ(pairs.n_valid_obs, 5);
  EXPECT_NEAR(pairs.matrix[0][1], 2.5, 1e-14);
  EXPECT_NEAR(pairs.matrix[0][2], rows.matrix[0][2], 1e-14);
  auto const cor = of(small(), "~ a + b + c", {.type = CovType::cor, .pairwise = true});
  auto const cor_rows = of(small(), "~ a + b + c", {.type = CovType::cor});
  EXPECT_NEAR(cor.matrix[2][0], cor_rows.matrix[2][0], 1e-14);  // the deviations of the pair's own rows, as R has it
  EXPECT_THROW(of(small(), "~ a", {.fweights = "w", .pairwise = true}), UsageError);
}

TEST(CovCor, FactorsAndInteractionsHaveAColumnACell) {
  auto const all = of(small(), "~ a + g + a:g");
  EXPECT_EQ(all.variables, (std::vector<std::string>{"a", "g=u", "g=v", "a for g=u", "a for g=v"}));
  EXPECT_NEAR(all.matrix[1][1], 0.3, 1e-15);
  EXPECT_NEAR(all.matrix[1][2], -0.3, 1e-15);
  EXPECT_NEAR(all.matrix[3][3], (17 - 25.0 / 5) / 4, 1e-14);
  auto const kept = of(small(), "~ a + g", {.keep_all = false});
  EXPECT_EQ(kept.variables, (std::vector<std::string>{"a", "g=u"}));
  EXPECT_EQ(kept.dropped_vars, (std::vector<std::string>{"g=v"}));
}

TEST(CovCor, ColumnsThatDoNotVaryAreDropped) {
  auto const r = of(small(), "~ a + k + b");
  EXPECT_EQ(r.variables, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(r.dropped_vars, (std::vector<std::string>{"k"}));
  auto const kept = of(small(), "~ a + k", {.type = CovType::cor, .var_tol = -1});
  EXPECT_EQ(kept.variables.size(), 2u);
  EXPECT_TRUE(std::isnan(kept.matrix[0][1]));
  EXPECT_TRUE(of(small(), "~ k", {.princomp = true}).princomp->std_devs.empty());
}

TEST(CovCor, KeepsDigitsFarFromZero) {
  MemorySource s(100);
  std::vector<double> x, y;
  for (int i = 0; i < 1000; ++i) x.push_back(1e9 + i % 3), y.push_back(-1e9 - i % 3);
  s.numeric("x", x).numeric("y", y);
  for (bool pairwise : {false, true}) {
    auto const r = of(s, "~ x + y", {.pairwise = pairwise});
    EXPECT_NEAR(r.matrix[0][1] / -r.matrix[0][0], 1, 1e-14);
    EXPECT_NEAR(r.matrix[0][0], 0.667666666666666667, 1e-14);
    EXPECT_NEAR(of(s, "~ x + y", {.type = CovType::cor, .pairwise = pairwise}).matrix[1][0], -1, 1e-15);
  }
}

TEST(CovCor, PrincipalComponentsRebuildTheMatrix) {
  for (auto type : {CovType::cov, CovType::cor}) {
    auto const r = of(small(), "~ a + b + c + g", {.type = type, .princomp = true});
    auto const& p = *r.princomp;
    std::size_t const n = r.variables.size();
    ASSERT_EQ(p.std_devs.size(), n);
    EXPECT_NEAR(p.std_devs[n - 1], 0, 1e-8);  // both levels of the factor
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        double rebuilt = 0, product = 0;
        for (std::size_t k = 0; k < n; ++k) {
          rebuilt += p.loadings[i][k] * p.std_devs[k] * p.std_devs[k] * p.loadings[j][k];
          product += p.loadings[k][i] * p.loadings[k][j];
        }
        EXPECT_NEAR(rebuilt, r.matrix[i][j], 1e-13);
        EXPECT_NEAR(product, i == j, 1e-14);
      }
    for (std::size_t k = 1; k < n; ++k) EXPECT_GE(p.std_devs[k - 1], p.std_devs[k]);
  }
}

TEST(CovCor, RidgeWithoutPenaltyIsLeastSquares) {
  SelfCommunicator self;
  auto const line = lin_mod(small(), "b ~ a + w", {}, self);
  auto const r = of(small(), "b ~ a + w", {.ridge_lambda = {0, 1, 1e9}});
  ASSERT_EQ(r.ridge.size(), 3u);
  for (int k = 0; k < 3; ++k) EXPECT_NEAR(r.ridge[0].estimates[k], line.fits[0].coefficients[k].estimate, 1e-13);
  // one predictor alone: r / (1 + lambda)
  auto const one = of(small(), "b ~ a", {.ridge_lambda = {0, 1}});
  EXPECT_NEAR(one.ridge[1].estimates[1], one.ridge[0].estimates[1] / 2, 1e-15);
  EXPECT_NEAR(r.ridge[2].estimates[1], 0, 1e-8);
  EXPECT_NEAR(r.ridge[2].estimates[0], 3, 1e-7);
}

TEST(CovCor, RefusesWhatHasNoAnswer) {
  EXPECT_THROW(of(small(), "a ~ b"), UsageError);
  EXPECT_THROW(of(small(), "~ b", {.ridge_lambda = {1}}), UsageError);
  EXPECT_THROW(of(small(), "a ~ b", {.ridge_lambda = {-1}}), UsageError);
  EXPECT_THROW(of(small(), "~ 1"), UsageError);
  EXPECT_THROW(of(small(), "~ offset(a) + b"), UsageError);
  EXPECT_THROW(of(small(), "~ a", {.type = CovType::sscp, .princomp = true}), UsageError);
  EXPECT_THROW(of(small(), "k ~ a", {.ridge_lambda = {1}}), NumericalError);
  EXPECT_THROW(of(small(), "~ a", {.rows = {{}, "a > 10"}}), DataError);
  EXPECT_THROW(of(small(), "~ log(w)"), DataError);  // log(0) is infinite
  EXPECT_THROW(of(small(), "~ log(w)", {.pairwise = true}), DataError);
  EXPECT_THROW(model_json(of(small(), "~ a")), UsageError);
}

TEST(CovCor, ARowHasNoCovariance) {
  auto const r = of(small(), "~ a + b", {.rows = {{}, "a == 3"}});
  EXPECT_TRUE(std::isnan(r.matrix[0][0]));
  EXPECT_EQ(r.means[0], 3);
}

TEST(CovCor, TheSameBitsOnEveryNumberOfRanks) {
  for (auto const& options : {CovCorOptions{.princomp = true}, CovCorOptions{.pairwise = true}, CovCorOptions{.pweights = "w", .type = CovType::sscp}}) {
    auto const want = to_json(of(small(1), "~ a + b + c + g:a", options)).dump();
    for (int ranks : {2, 3, 5})
      test::on_ranks(ranks, [&](Communicator& comm) {
        auto mine = options;
        mine.run.threads = 1;
        EXPECT_EQ(to_json(cov_cor(small(1), "~ a + b + c + g:a", mine, comm)).dump(), want);
      });
  }
}

}  // namespace
}  // namespace rxhpc
