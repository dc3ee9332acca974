// A table to predict whose columns are of other types, or have other levels, than those of the fit.
#include <gtest/gtest.h>

#include <cmath>

#include "predict_cases.hpp"
#include "rxhpc/cov_cor.hpp"
#include "rxhpc/elastic_net.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/glm.hpp"
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

}  // namespace
}  // namespace rxhpc
