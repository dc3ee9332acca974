// Predictions of a linear model.
#include <cmath>
#include <nlohmann/json.hpp>

#include "distributions.hpp"
#include "linear_predictor.hpp"
#include "model_inputs.hpp"
#include "predict_model.hpp"
#include "row_influence.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/lin_mod.hpp"

namespace rxhpc::impl {
namespace {

class PredictLinMod final : public PredictModel {
 public:
  explicit PredictLinMod(const nlohmann::json& model) : model_(lin_mod_from_json(model)) {
    if (model_.fits.size() != 1) throw UsageError("a model of several responses cannot predict");
  }

  std::vector<std::string> transforms() const override { return model_.rows.transforms; }
  std::vector<std::string> variables() const override { return columns_of(model_.design, expressions(true)); }
  std::vector<std::string> needed(const PredictOptions& options) const override {
    return columns_of(model_.design, beside(options));
  }
  std::vector<std::string> complete(const PredictOptions& options) const override { return complete_expressions(model_.design, beside(options)); }
  const std::vector<InputColumn>& inputs() const override { return model_.design.inputs; }

  void plan(PredictPlan& plan) override;
  PredictTile tile() const override;

 private:
  /// Working memory of one thread.
  struct Work {
    LinearPredictor::Tile tile;
    std::vector<double> variance, y, weight;
  };
  /// What is computed beside the design.
  std::vector<std::string> expressions(bool response) const { return response ? std::vector{model_.fits[0].expression} : std::vector<std::string>{}; }
  std::vector<std::string> beside(const PredictOptions& options) const {
    auto all = expressions(needs_response(options));
    if (InfluenceOptions(options).any() && !model_.pweights.empty()) all.push_back(quoted_name(model_.pweights));
    return all;
  }
  void plan_options(const PredictOptions& options);
  void plan_outputs(PredictPlan& plan);
  void compute(Work& w, const Chunk& in, std::int64_t from, std::int64_t count, const OutputTile* out) const;

  LinMod model_;
  std::unique_ptr<LinearPredictor> predictor_;
  bool errors_ = false, interval_ = false, prediction_ = false, residuals_ = false, covariance_ = false;
  int response_ = -1, weight_ = -1;
  double quantile_ = 0, residual_variance_ = 0;
  InfluenceOptions wanted_;
  RowInfluence influence_;
};

void PredictLinMod::plan_options(const PredictOptions& options) {
  auto const& fit = model_.fits[0];
  wanted_ = InfluenceOptions(options);
  if (options.type != "response" && options.type != "link") throw UsageError("--type of a linear model is response or link, not '" + options.type + "'");
  if (options.residual_type != "response" && options.residual_type != "standardized" && options.residual_type != "studentized")
    throw UsageError("--residual-type: a linear model has response, standardized and studentized residuals alone");
  errors_ = options.std_errors;
  interval_ = options.interval != "none";
  prediction_ = options.interval == "prediction";
  residuals_ = options.residuals;
  if ((errors_ || interval_) && fit.cov_coef.empty()) throw UsageError("standard errors and intervals need a model that was fitted with --cov-coef");
  if (wanted_.any()) check_influence(!fit.cov_coef.empty(), model_.robust.kind);
  covariance_ = errors_ || interval_ || wanted_.any();
  quantile_ = t_quantile_two_sided(options.conf_level, model_.df_residual);
  residual_variance_ = fit.sigma * fit.sigma;
  influence_ = {residual_variance_, residual_variance_ * model_.df_residual, model_.df_residual, 0, false};
  for (auto const& c : fit.coefficients) influence_.rank += !c.aliased;
}

void PredictLinMod::plan_outputs(PredictPlan& plan) {
  auto const& name = model_.fits[0].name;
  plan.add_number(plan.prediction_names({name + "_Pred"})[0]);
  plan.add_errors(name);
  plan.add_interval(name);
  plan.add_residuals(name);
  if (wanted_.leverage) plan.add_number(name + "_Leverage");
  if (wanted_.cooks_distance) plan.add_number(name + "_CooksDistance");
  if (needs_response(plan.options)) response_ = plan.place(numeric_column(plan.rows, *parse_expression(model_.fits[0].expression), "the response"));
  // A row of frequency w is w rows of weight 1
  if (wanted_.any() && !model_.pweights.empty()) weight_ = plan.place(numeric_column(plan.rows, *parse_expression(quoted_name(model_.pweights)), "the weight"));
}

void PredictLinMod::plan(PredictPlan& plan) {
  plan_options(plan.options);
  auto const& fit = model_.fits[0];
  std::vector<double> beta;
  for (auto const& c : fit.coefficients) beta.push_back(c.aliased ? 0 : c.estimate);
  auto const bound = plan.bind_design(model_.design, expressions(needs_response(plan.options)));
  predictor_ = std::make_unique<LinearPredictor>(model_.design, bound, beta, covariance_ ? square_rows(fit.cov_coef) : std::vector<double>{},
                                                 covariance_ ? square_rows(fit.cov_coef_low) : std::vector<double>{});
  plan_outputs(plan);
}

void PredictLinMod::compute(Work& w, const Chunk& in, std::int64_t from, std::int64_t count, const OutputTile* out) const {
  double* const eta = out[0].number;
  predictor_->compute(in, from, count, w.tile, eta, covariance_ ? w.variance.data() : nullptr);
  // With residuals asked for, a row without its response has no results at all, as in RevoScaleR.
  if (response_ >= 0) load_values(in.columns[response_], from, count, w.y.data());
  if (weight_ >= 0) load_values(in.columns[weight_], from, count, w.weight.data());
  for (std::int64_t i = 0; i < count; ++i)
    if (std::isnan(eta[i]) || (response_ >= 0 && std::isnan(w.y[i]))) eta[i] = na_value();
  int o = 1;
  auto const fill = [&](auto&& value) {
    double* const to = out[o++].number;
    for (std::int64_t i = 0; i < count; ++i) {
      to[i] = std::isnan(eta[i]) ? eta[i] : value(i);
      if (std::isnan(to[i])) to[i] = na_value();
    }
  };
  auto const error = [&](std::int64_t i) { return std::sqrt(std::max(w.variance[i], 0.0)); };
  auto const width = [&](std::int64_t i) { return quantile_ * (prediction_ ? std::sqrt(residual_variance_ + std::max(w.variance[i], 0.0)) : error(i)); };
  auto const leverage = [&](std::int64_t i) { return w.weight[i] * w.variance[i] / residual_variance_; };
  auto const residual = [&](std::int64_t i) { return std::sqrt(w.weight[i]) * (w.y[i] - eta[i]); };
  if (errors_) fill(error);
  if (interval_) {
    fill([&](std::int64_t i) { return eta[i] - width(i); });
    fill([&](std::int64_t i) { return eta[i] + width(i); });
  }
  if (residuals_)
    fill([&](std::int64_t i) {
      if (wanted_.standardized) return influence_.standardized(residual(i), leverage(i));
      if (wanted_.studentized) return influence_.studentized(residual(i), residual(i), leverage(i));
      return w.y[i] - eta[i];
    });
  if (wanted_.leverage) fill(leverage);
  if (wanted_.cooks_distance) fill([&](std::int64_t i) { return influence_.cooks_distance(residual(i), leverage(i)); });
}

PredictTile PredictLinMod::tile() const {
  auto const work = std::make_shared<Work>();
  work->tile = predictor_->tile(predict_tile_rows);
  for (auto* v : {&work->variance, &work->y, &work->weight}) v->assign(predict_tile_rows, 1.0);
  return [this, work](const Chunk& in, std::int64_t from, std::int64_t count, const OutputTile* out) { compute(*work, in, from, count, out); };
}

}  // namespace

std::unique_ptr<PredictModel> predict_lin_mod(const nlohmann::json& model) { return std::make_unique<PredictLinMod>(model); }

}  // namespace rxhpc::impl
