// Scores of principal components.
#include <cmath>
#include <nlohmann/json.hpp>

#include "linear_predictor.hpp"
#include "model_inputs.hpp"
#include "model_output.hpp"
#include "predict_model.hpp"
#include "result_json.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

class PredictPrincomp final : public PredictModel {
 public:
  explicit PredictPrincomp(const nlohmann::json& model) try
      : design_(design_from_json(model.at("design"))),
        transforms_(model.at("transforms").get<std::vector<std::string>>()),
        columns_(model.at("columns").get<std::vector<int>>()),
        names_(model.at("components").get<std::vector<std::string>>()),
        loadings_(numbers_from(model.at("loadings"))) {
    for (auto const& x : model.at("center")) center_.push_back(number_from(x));
    for (auto const& x : model.at("scale")) scale_.push_back(number_from(x));
    auto const all = static_cast<int>(design_.columns().size());
    bool good = center_.size() == columns_.size() && scale_.size() == columns_.size() && loadings_.size() == columns_.size();
    for (int c : columns_) good &= c >= 0 && c < all;
    for (auto const& row : loadings_) good &= row.size() == names_.size();
    if (!good) throw DataError("damaged model file: loadings, center, scale and columns do not fit together");
  } catch (const nlohmann::json::exception& e) {
    throw DataError("damaged model file: " + reason_of(e));
  }

  std::vector<std::string> transforms() const override { return transforms_; }
  std::vector<std::string> variables() const override { return columns_of(design_, {}); }
  std::vector<std::string> needed(const PredictOptions&) const override { return variables(); }
  std::vector<std::string> complete(const PredictOptions&) const override { return complete_expressions(design_, {}); }
  const std::vector<InputColumn>& inputs() const override { return design_.inputs; }

  void plan(PredictPlan& plan) override {
    auto const& o = plan.options;
    if (o.std_errors || o.interval != "none" || o.residuals || o.leverage || o.cooks_distance)
      throw UsageError("principal components have scores, and neither standard errors, intervals nor residuals");
    if (o.type != "response" && o.type != "link") throw UsageError("--type does not apply to principal components");
    auto const bound = plan.bind_design(design_);
    auto const all = design_.columns();
    std::vector<double> center(all.size(), 0.0);
    for (std::size_t k = 0; k < columns_.size(); ++k) center[columns_[k]] = center_[k];
    // A number is centred before it is multiplied; the centres of cells, which are 0 or the number, go into a constant.
    for (std::size_t m = 0; m < names_.size(); ++m) {
      std::vector<double> beta(all.size(), 0.0);
      double constant = 0;
      for (std::size_t k = 0; k < columns_.size(); ++k) {
        double const b = loadings_[k][m] / scale_[k];
        beta[columns_[k]] = b;
        if (!bound.kernel_terms[all[columns_[k]].term].factors.empty()) constant -= b * center_[k];
      }
      beta_.push_back(std::move(beta));
      constant_.push_back(constant);
    }
    for (auto const& name : plan.prediction_names(names_)) plan.add_number(name);
    predictor_ = std::make_unique<LinearPredictor>(design_, bound, std::vector<double>(all.size(), 0.0), std::vector<double>{});
    center_of_column_ = std::move(center);
  }

  PredictTile tile() const override {
    auto const work = std::make_shared<LinearPredictor::Tile>(predictor_->tile(predict_tile_rows));
    return [this, work](const Chunk& in, std::int64_t from, std::int64_t count, const OutputTile* out) {
      predictor_->load(in, from, count, *work);
      predictor_->center(center_of_column_, count, *work);
      for (std::size_t m = 0; m < beta_.size(); ++m) {
        double* const score = out[m].number;
        predictor_->combine(beta_[m], count, *work, score);
        for (std::int64_t i = 0; i < count; ++i) score[i] = std::isnan(score[i]) ? na_value() : score[i] + constant_[m];
      }
    };
  }

 private:
  Design design_;
  std::vector<std::string> transforms_;
  std::vector<int> columns_;
  std::vector<std::string> names_;
  std::vector<std::vector<double>> loadings_, beta_;
  std::vector<double> center_, scale_, constant_, center_of_column_;
  std::unique_ptr<LinearPredictor> predictor_;
};

}  // namespace

std::unique_ptr<PredictModel> predict_princomp(const nlohmann::json& model) { return std::make_unique<PredictPrincomp>(model); }

}  // namespace rxhpc::impl
