// Predictions of an elastic-net path: those of a generalised linear model whose coefficients stand at one penalty.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "predict_model.hpp"
#include "row_influence.hpp"
#include "result_json.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

/// Where a penalty lies in a falling path: between two of its places, so much of the way to the second.
struct Place {
  std::size_t first = 0, second = 0;
  double share = 0;
};

Place place_of(const std::vector<double>& lambda, double s) {
  if (s >= lambda.front()) return {};
  auto const last = lambda.size() - 1;
  if (s <= lambda.back()) return {last, last, 0};
  auto const second = static_cast<std::size_t>(std::partition_point(lambda.begin(), lambda.end(), [&](double x) { return x >= s; }) - lambda.begin());
  return {second - 1, second, (lambda[second - 1] - s) / (lambda[second - 1] - lambda[second])};
}

class PredictElasticNet final : public PredictModel {
 public:
  explicit PredictElasticNet(const nlohmann::json& model) : json_(model) {
    json_["kind"] = "glm";
    for (auto const& f : json_.at("path")) lambda_.push_back(number_from(f.at("lambda")));
    if (lambda_.empty() || !std::is_sorted(lambda_.rbegin(), lambda_.rend())) throw DataError("damaged model file: its path is empty or not in order");
    set(lambda_[0]);
  }
  std::vector<std::string> transforms() const override { return model_->transforms(); }
  std::vector<std::string> variables() const override { return model_->variables(); }
  void plan(PredictPlan& plan) override {
    auto const s = plan.options.penalty;
    if (plan.options.std_errors || plan.options.interval != "none") throw UsageError("a penalised model has no standard errors");
    if (InfluenceOptions(plan.options).any()) throw UsageError("a penalised model has no leverages, nor what follows from them");
    if (!s && lambda_.size() > 1)
      throw UsageError("the model is a path of " + std::to_string(lambda_.size()) + " penalties: choose one by --s, from " + significant(lambda_.back(), 6) +
                       " to " + significant(lambda_.front(), 6));
    if (s && !(*s >= 0)) throw UsageError("--s: penalties are numbers from 0");
    set(s.value_or(lambda_[0]));
    model_->plan(plan);
  }
  PredictTile tile() const override { return model_->tile(); }

 private:
  /// Coefficients between two penalties lie on a line, as glmnet's predict() has them.
  void set(double s) {
    auto const at = place_of(lambda_, s);
    auto const &first = json_["path"].at(at.first).at("coefficients"), &second = json_["path"].at(at.second).at("coefficients");
    if (first.size() != second.size() || first.size() != json_["coefficients"].size()) throw DataError("damaged model file: fits of the path differ in length");
    for (std::size_t j = 0; j < first.size(); ++j) {
      double const a = number_from(first[j].at("estimate")), b = number_from(second[j].at("estimate"));
      json_["coefficients"][j]["estimate"] = number((1 - at.share) * a + at.share * b);
      json_["coefficients"][j]["aliased"] = std::isnan(a);
    }
    model_ = predict_glm(json_);
  }

  nlohmann::json json_;
  std::vector<double> lambda_;
  std::unique_ptr<PredictModel> model_;
};

}  // namespace

std::unique_ptr<PredictModel> predict_elastic_net(const nlohmann::json& model) { return std::make_unique<PredictElasticNet>(model); }

}  // namespace rxhpc::impl
