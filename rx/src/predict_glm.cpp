// Predictions of logistic regressions and generalised linear models.
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "distributions.hpp"
#include "linear_predictor.hpp"
#include "model_inputs.hpp"
#include "predict_model.hpp"
#include "row_influence.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/glm.hpp"

namespace rxhpc::impl {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

enum class Residual { response, deviance, pearson, working, standardized, studentized };

Residual residual_of(const std::string& name) {
  if (name == "response") return Residual::response;
  if (name == "deviance") return Residual::deviance;
  if (name == "pearson") return Residual::pearson;
  if (name == "working") return Residual::working;
  if (name == "standardized") return Residual::standardized;
  if (name == "studentized") return Residual::studentized;
  throw UsageError("--residual-type is response, deviance, pearson, working, standardized or studentized, not '" + name + "'");
}

class PredictGlm final : public PredictModel {
 public:
  explicit PredictGlm(const nlohmann::json& model) : model_(glm_from_json(model)) {}

  std::vector<std::string> transforms() const override { return model_.rows.transforms; }
  std::vector<std::string> variables() const override { return columns_of(model_.design, expressions(true)); }
  std::vector<std::string> needed(const PredictOptions& options) const override { return columns_of(model_.design, beside(options)); }
  std::vector<std::string> complete(const PredictOptions& options) const override { return complete_expressions(model_.design, beside(options)); }
  const std::vector<InputColumn>& inputs() const override { return model_.design.inputs; }
  void plan(PredictPlan& plan) override;
  PredictTile tile() const override;

 private:
  std::vector<std::string> expressions(bool response) const;
  std::vector<std::string> beside(const PredictOptions& options) const;
  /// A column's name, or, of a response of successes and failures, the expression that the model has.
  std::string weight_expression(const std::string& weights) const { return model_.response.starts_with("cbind(") ? weights : quoted_name(weights); }
  void check_options(const PredictOptions& options);
  void plan_residuals(PredictPlan& plan);

  /// Working memory of one thread.
  struct Work {
    LinearPredictor::Tile tile;
    std::vector<double> eta, variance, mu, slope, y, prior, precision, of_mu, deviance;
    std::vector<char> missing;
  };
  void compute(Work& w, const Chunk& in, std::int64_t from, std::int64_t count, const OutputTile* out) const;
  double residual(const Work& w, int i) const;
  double leverage(const Work& w, int i) const;
  static double pearson(const Work& w, int i, double weight) { return (w.y[i] - w.mu[i]) * std::sqrt(weight / w.of_mu[i]); }
  static double deviance(const Work& w, int i, double weight) { return std::copysign(std::sqrt(std::max(weight * w.deviance[i], 0.0)), w.y[i] - w.mu[i]); }
  void interval(Work& w, std::int64_t count, double* low, double* high) const;
  double bounded(double x) const;

  Glm model_;
  std::unique_ptr<LinearPredictor> predictor_;
  bool link_ = false, errors_ = false, interval_ = false, prediction_ = false, residuals_ = false, variances_ = false;
  int response_ = -1, offset_ = -1, weight_ = -1, precision_ = -1;
  Residual residual_ = Residual::response;
  double quantile_ = 0;
  InfluenceOptions wanted_;
  RowInfluence influence_;
};

/// What is computed beside the design.
std::vector<std::string> PredictGlm::expressions(bool response) const {
  std::vector<std::string> all;
  if (response) all.push_back(model_.response_expression);
  if (!model_.offset_expression.empty()) all.push_back(model_.offset_expression);
  return all;
}

std::vector<std::string> PredictGlm::beside(const PredictOptions& options) const {
  auto all = expressions(needs_response(options));
  if (options.residuals || InfluenceOptions(options).any())
    for (auto const& weights : {model_.pweights, model_.fweights})
      if (!weights.empty()) all.push_back(weight_expression(weights));
  return all;
}

void PredictGlm::check_options(const PredictOptions& options) {
  if (options.type != "response" && options.type != "link")
    throw UsageError("--type of a generalised linear model is response or link, not '" + options.type + "'");
  link_ = options.type == "link";
  errors_ = options.std_errors;
  interval_ = options.interval != "none";
  prediction_ = options.interval == "prediction";
  if (prediction_ && link_) throw UsageError("a prediction interval is one of the response: it needs --type response");
  if ((errors_ || interval_) && model_.cov_coef.empty())
    throw UsageError("standard errors and intervals need a model that was fitted with --cov-coef");
  residuals_ = options.residuals;
  residual_ = residual_of(options.residual_type);
  wanted_ = InfluenceOptions(options);
  if (wanted_.any()) check_influence(!model_.cov_coef.empty(), model_.robust.kind);
  influence_ = {model_.dispersion, model_.deviance, model_.df_residual, static_cast<double>(model_.rank), model_.family == "binomial" || model_.family == "poisson"};
}

/// The response and the prior weights, where residuals of some kind need them. A row of frequency w is w rows of weight 1 to its influence: only
/// precisions count there.
void PredictGlm::plan_residuals(PredictPlan& plan) {
  bool const weighted = residuals_ && (residual_ == Residual::deviance || residual_ == Residual::pearson);
  variances_ = weighted || wanted_.any();
  if (needs_response(plan.options)) response_ = plan.place(numeric_column(plan.rows, *parse_expression(model_.response_expression), "the response"));
  auto const place = [&](const std::string& column) {
    if (column.empty()) return -1;
    return plan.place(numeric_column(plan.rows, *parse_expression(weight_expression(column)), "the weight"));
  };
  if (weighted) weight_ = place(model_.fweights.empty() ? model_.pweights : model_.fweights);
  if (wanted_.any()) precision_ = place(model_.pweights);
}

void PredictGlm::plan(PredictPlan& plan) {
  auto const& options = plan.options;
  check_options(options);
  std::vector<double> beta, covariance, low;
  for (auto const& c : model_.coefficients) beta.push_back(c.aliased ? 0 : c.estimate);
  bool const covariances = errors_ || interval_ || wanted_.any();
  if (covariances) {
    covariance = square_rows(model_.cov_coef);
    low = square_rows(model_.cov_coef_low);
  }
  quantile_ = normal_quantile_two_sided(options.conf_level);
  auto const bound = plan.bind_design(model_.design, expressions(needs_response(options)));
  predictor_ = std::make_unique<LinearPredictor>(model_.design, bound, std::move(beta), std::move(covariance), std::move(low));
  if (!model_.offset_expression.empty())
    offset_ = plan.place(numeric_column(plan.rows, *parse_expression(model_.offset_expression), "the offset"));
  plan.add_number(plan.prediction_names({model_.response + "_Pred"})[0]);
  plan.add_errors(model_.response);
  plan.add_interval(model_.response);
  plan.add_residuals(model_.response);
  if (wanted_.leverage) plan.add_number(model_.response + "_Leverage");
  if (wanted_.cooks_distance) plan.add_number(model_.response + "_CooksDistance");
  plan_residuals(plan);
}

/// Into the range that the mean of the family can have.
double PredictGlm::bounded(double x) const {
  auto const v = model_.functions.variance;
  if (v == Variance::constant) return x;
  x = std::max(x, 0.0);
  return v == Variance::binomial ? std::min(x, 1.0) : x;
}

/// Confidence: the link scale's interval, carried over by the inverse link as far as that goes. Prediction: a new response about its mean by the normal law, with
/// the variance phi V(mu) + (dmu/deta)^2 var(eta), inside the family's range.
void PredictGlm::interval(Work& w, std::int64_t count, double* low, double* high) const {
  auto const n = static_cast<int>(count);
  if (prediction_) {
    glm_variances(model_.functions, w.mu.data(), w.mu.data(), n, w.of_mu.data(), w.deviance.data());
    for (int i = 0; i < n; ++i) {
      double const width = quantile_ * std::sqrt(model_.dispersion * w.of_mu[i] + w.slope[i] * w.slope[i] * std::max(w.variance[i], 0.0));
      low[i] = bounded(w.mu[i] - width);
      high[i] = bounded(w.mu[i] + width);
    }
    return;
  }
  for (int i = 0; i < n; ++i) {
    double const width = quantile_ * std::sqrt(std::max(w.variance[i], 0.0));
    low[i] = w.eta[i] - width;
    high[i] = w.eta[i] + width;
  }
  if (link_) return;
  auto const& f = model_.functions;
  std::vector<char> across(static_cast<std::size_t>(n));  // 1/eta has a pole inside the interval
  for (int i = 0; i < n; ++i) across[static_cast<std::size_t>(i)] = f.link == Link::inverse && low[i] < 0 && high[i] > 0;
  glm_means(f, low, n, low, nullptr);
  glm_means(f, high, n, high, nullptr);
  // An end that is beyond the link's reach has the mean of the end of that; a falling link turns the ends around.
  double const end = f.link == Link::sqrt || (f.link == Link::power && f.link_power > 0) ? 0 : inf;
  for (int i = 0; i < n; ++i) {
    if (across[static_cast<std::size_t>(i)]) (w.eta[i] > 0 ? low : high)[i] = w.eta[i] > 0 ? inf : -inf;
    if (std::isnan(low[i]) && !std::isnan(high[i])) low[i] = end;
    if (std::isnan(w.mu[i])) low[i] = high[i] = w.mu[i];
    if (low[i] > high[i]) std::swap(low[i], high[i]);
  }
}

double PredictGlm::leverage(const Work& w, int i) const {
  // w mu'^2 / V x'(X'WX)^-1 x; mu' and V of a logit vanish together
  double const ratio = model_.functions.link == Link::logit && model_.functions.variance == Variance::binomial ? 1 : w.slope[i] / w.of_mu[i];
  return w.precision[i] * w.slope[i] * ratio * std::max(w.variance[i], 0.0) / model_.dispersion;
}

double PredictGlm::residual(const Work& w, int i) const {
  double const r = w.y[i] - w.mu[i];
  switch (residual_) {
    case Residual::response: return r;
    case Residual::deviance: return deviance(w, i, w.prior[i]);
    case Residual::pearson: return pearson(w, i, w.prior[i]);
    case Residual::working: return r / w.slope[i];
    case Residual::standardized: return influence_.standardized(deviance(w, i, w.precision[i]), leverage(w, i));
    case Residual::studentized: return influence_.studentized(deviance(w, i, w.precision[i]), pearson(w, i, w.precision[i]), leverage(w, i));
  }
  return r;
}

void PredictGlm::compute(Work& w, const Chunk& in, std::int64_t from, std::int64_t count, const OutputTile* out) const {
  auto const n = static_cast<int>(count);
  predictor_->compute(in, from, count, w.tile, w.eta.data(), w.variance.data());
  if (offset_ >= 0) {
    load_values(in.columns[offset_], from, count, w.mu.data());
    for (int i = 0; i < n; ++i) w.eta[i] += w.mu[i];
  }
  glm_means(model_.functions, w.eta.data(), n, w.mu.data(), w.slope.data());
  // With residuals asked for, a row without its response has no results at all, as in RevoScaleR.
  if (response_ >= 0) load_values(in.columns[response_], from, count, w.y.data());
  if (weight_ >= 0) load_values(in.columns[weight_], from, count, w.prior.data());
  if (precision_ >= 0) load_values(in.columns[precision_], from, count, w.precision.data());
  for (int i = 0; i < n; ++i) w.missing[i] = std::isnan(w.eta[i]) || (response_ >= 0 && std::isnan(w.y[i]));
  int o = 0;
  auto const fill = [&](auto&& value) {
    double* const to = out[o++].number;
    for (int i = 0; i < n; ++i) {
      to[i] = w.missing[i] ? na_value() : value(i);
      if (std::isnan(to[i])) to[i] = na_value();
    }
  };
  fill([&](int i) { return link_ ? w.eta[i] : w.mu[i]; });
  if (errors_) fill([&](int i) { return std::sqrt(std::max(w.variance[i], 0.0)) * (link_ ? 1 : std::abs(w.slope[i])); });
  if (interval_) {
    std::vector<double> low(count), high(count);
    interval(w, count, low.data(), high.data());
    fill([&](int i) { return low[i]; });
    fill([&](int i) { return high[i]; });
  }
  if (variances_) glm_variances(model_.functions, response_ >= 0 ? w.y.data() : w.mu.data(), w.mu.data(), n, w.of_mu.data(), w.deviance.data());
  if (residuals_) fill([&](int i) { return residual(w, i); });
  if (wanted_.leverage) fill([&](int i) { return leverage(w, i); });
  if (wanted_.cooks_distance) fill([&](int i) { return influence_.cooks_distance(pearson(w, i, w.precision[i]), leverage(w, i)); });
}

PredictTile PredictGlm::tile() const {
  auto const work = std::make_shared<Work>();
  work->tile = predictor_->tile(predict_tile_rows);
  for (auto* v : {&work->eta, &work->variance, &work->mu, &work->slope, &work->y, &work->prior, &work->precision, &work->of_mu, &work->deviance})
    v->assign(predict_tile_rows, 1.0);
  work->missing.resize(predict_tile_rows);
  return [this, work](const Chunk& in, std::int64_t from, std::int64_t count, const OutputTile* out) { compute(*work, in, from, count, out); };
}

}  // namespace

std::unique_ptr<PredictModel> predict_glm(const nlohmann::json& model) { return std::make_unique<PredictGlm>(model); }

}  // namespace rxhpc::impl
