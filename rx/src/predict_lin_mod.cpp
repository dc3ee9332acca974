// Predictions of a linear model.
#include <cmath>
#include <nlohmann/json.hpp>

#include "distributions.hpp"
#include "linear_predictor.hpp"
#include "predict_model.hpp"
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
  std::vector<std::string> variables() const override { return columns_of(model_.design, {model_.fits[0].name}); }

  void plan(PredictPlan& plan) override {
    auto const& options = plan.options;
    auto const& fit = model_.fits[0];
    if (options.type != "response" && options.type != "link") throw UsageError("--type of a linear model is response or link, not '" + options.type + "'");
    if (options.residual_type != "response") throw UsageError("--residual-type: a linear model has response residuals alone");
    errors_ = options.std_errors;
    interval_ = options.interval != "none";
    prediction_ = options.interval == "prediction";
    bool const needs_covariance = errors_ || interval_;
    if (needs_covariance && fit.cov_coef.empty())
      throw UsageError("standard errors and intervals need a model that was fitted with --cov-coef");
    std::vector<double> beta, covariance;
    for (auto const& c : fit.coefficients) beta.push_back(c.aliased ? 0 : c.estimate);
    if (needs_covariance)
      for (auto const& row : fit.cov_coef)
        for (double x : row) covariance.push_back(std::isnan(x) ? 0 : x);
    if (needs_covariance && covariance.size() != beta.size() * beta.size()) throw DataError("damaged model file: cov_coef is not square");
    quantile_ = t_quantile_two_sided(options.conf_level, model_.df_residual);
    residual_variance_ = fit.sigma * fit.sigma;

    check_levels(model_.design, plan.rows, plan.input);
    auto const bound = bind(model_.design, plan.rows);
    plan.read = bound.read;
    predictor_ = std::make_unique<LinearPredictor>(model_.design, bound, std::move(beta), std::move(covariance));
    plan.add_number(options.pred_var_names.empty() ? fit.name + "_Pred" : options.pred_var_names);
    if (errors_) plan.add_number(fit.name + "_StdErr");
    if (interval_) {
      plan.add_number(fit.name + "_Lower");
      plan.add_number(fit.name + "_Upper");
    }
    if (options.residuals) {
      response_ = plan.place(numeric_column(plan.rows, *parse_expression(fit.name), "the response"));
      plan.add_number(fit.name + "_Resid");
    }
  }

  PredictTile tile() const override {
    auto const work = std::make_shared<LinearPredictor::Tile>(predictor_->tile(predict_tile_rows));
    auto const variance = std::make_shared<std::vector<double>>(predict_tile_rows), y = std::make_shared<std::vector<double>>(predict_tile_rows);
    return [this, work, variance, y](const Chunk& in, std::int64_t from, std::int64_t count, const OutputTile* out) {
      double* const eta = out[0].number;
      predictor_->compute(in, from, count, *work, eta, errors_ || interval_ ? variance->data() : nullptr);
      // With residuals asked for, a row without its response has no results at all, as in RevoScaleR.
      if (response_ >= 0) load_values(in.columns[response_], from, count, y->data());
      for (std::int64_t i = 0; i < count; ++i)
        if (std::isnan(eta[i]) || (response_ >= 0 && std::isnan((*y)[i]))) eta[i] = na_value();
      int o = 1;
      auto const fill = [&](auto&& value) {
        double* const to = out[o++].number;
        for (std::int64_t i = 0; i < count; ++i) to[i] = std::isnan(eta[i]) ? eta[i] : value(i);
      };
      auto const error = [&](std::int64_t i) { return std::sqrt(std::max((*variance)[i], 0.0)); };
      auto const width = [&](std::int64_t i) {
        return quantile_ * (prediction_ ? std::sqrt(residual_variance_ + std::max((*variance)[i], 0.0)) : error(i));
      };
      if (errors_) fill(error);
      if (interval_) {
        fill([&](std::int64_t i) { return eta[i] - width(i); });
        fill([&](std::int64_t i) { return eta[i] + width(i); });
      }
      if (response_ >= 0) fill([&](std::int64_t i) { return (*y)[i] - eta[i]; });
    };
  }

 private:
  LinMod model_;
  std::unique_ptr<LinearPredictor> predictor_;
  bool errors_ = false, interval_ = false, prediction_ = false;
  int response_ = -1;
  double quantile_ = 0, residual_variance_ = 0;
};

}  // namespace

std::unique_ptr<PredictModel> predict_lin_mod(const nlohmann::json& model) { return std::make_unique<PredictLinMod>(model); }

}  // namespace rxhpc::impl
