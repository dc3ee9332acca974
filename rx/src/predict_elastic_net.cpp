// Predictions of an elastic-net path: those of a generalised linear model whose coefficients stand at one penalty.
#include <cmath>
#include <nlohmann/json.hpp>

#include "predict_model.hpp"
#include "row_influence.hpp"
#include "rxhpc/elastic_net.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

class PredictElasticNet final : public PredictModel {
 public:
  explicit PredictElasticNet(const nlohmann::json& model) : path_(model), model_(predict_glm(model_at_penalty(model, INFINITY))) {}
  std::vector<std::string> transforms() const override { return model_->transforms(); }
  std::vector<std::string> variables() const override { return model_->variables(); }
  void plan(PredictPlan& plan) override {
    if (plan.options.std_errors || plan.options.interval != "none") throw UsageError("a penalised model has no standard errors");
    if (InfluenceOptions(plan.options).any()) throw UsageError("a penalised model has no leverages, nor what follows from them");
    model_ = predict_glm(model_at_penalty(path_, plan.options.penalty));
    model_->plan(plan);
  }
  PredictTile tile() const override { return model_->tile(); }

 private:
  nlohmann::json path_;
  std::unique_ptr<PredictModel> model_;
};

}  // namespace

std::unique_ptr<PredictModel> predict_elastic_net(const nlohmann::json& model) { return std::make_unique<PredictElasticNet>(model); }

}  // namespace rxhpc::impl
