// Posterior probabilities and classes of a naive Bayes model.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "linear_predictor.hpp"
#include "model_inputs.hpp"
#include "predict_model.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/naive_bayes.hpp"

namespace rxhpc::impl {
namespace {

constexpr double log_root_two_pi = 0.91893853320467274178;
constexpr double far_scale = 0x1p-512;

/// One predictor as the rows are scored: log density of a number, log share of a level.
struct Score {
  int place = 0;  // in PredictPlan::read
  bool factor = false;
  std::vector<double> mean, std_dev, factor_of_square, constant;  // [classes]: constant + factor (x - mean)^2
  std::vector<char> spike;                               // [classes] a class with one value only: its density is infinite there, zero elsewhere
  std::vector<std::vector<double>> log_share;            // [classes][levels]
};

class PredictNaiveBayes final : public PredictModel {
 public:
  explicit PredictNaiveBayes(const nlohmann::json& model) : model_(naive_bayes_from_json(model)) {}
  std::vector<std::string> transforms() const override { return model_.rows.transforms; }
  std::vector<std::string> variables() const override { return columns_of(model_.predictors, {model_.response}); }
  std::vector<std::string> needed(const PredictOptions&) const override { return columns_of(model_.predictors, {}); }
  std::vector<std::string> complete(const PredictOptions&) const override { return complete_expressions(model_.predictors, {}); }
  const std::vector<InputColumn>& inputs() const override { return model_.predictors.inputs; }

  void plan(PredictPlan& plan) override {
    auto const& o = plan.options;
    if (o.type == "link") throw UsageError("--type of naive Bayes is class or prob, not 'link'");
    if (o.std_errors || o.interval != "none" || o.residuals || o.leverage || o.cooks_distance) throw UsageError("naive Bayes has neither standard errors nor residuals");
    prob_ = o.type == "prob";
    auto const bound = plan.bind_design(model_.predictors);
    for (std::size_t k = 0; k < model_.tables.size(); ++k)
      scores_.push_back(score_of(model_.tables[k], model_.predictors.variables[k].factor, plan.place(bound.variable_columns[k])));
    for (double p : model_.apriori) log_prior_.push_back(std::log(p));
    std::vector<std::string> names;
    for (auto const& c : model_.classes) names.push_back(c + "_prob");
    names = plan.prediction_names(prob_ ? std::move(names) : std::vector{model_.response + "_Pred"});
    for (auto const& name : names) prob_ ? plan.add_number(name) : plan.add_factor(name, model_.classes);
  }

  PredictTile tile() const override {
    auto const log = std::make_shared<std::vector<std::vector<double>>>(model_.classes.size(), std::vector<double>(predict_tile_rows));
    auto const beyond = std::make_shared<Beyond>(model_.classes.size(), std::vector<BeyondLog>(predict_tile_rows));
    auto const values = std::make_shared<std::vector<double>>(predict_tile_rows);
    auto const codes = std::make_shared<std::vector<std::int32_t>>(predict_tile_rows);
    return [this, log, beyond, values, codes](const Chunk& in, std::int64_t from, std::int64_t count, const OutputTile* out) {
      for (std::size_t c = 0; c < log->size(); ++c) {
        std::fill_n((*log)[c].begin(), count, log_prior_[c]);
        std::fill_n((*beyond)[c].begin(), count, BeyondLog());
      }
      for (auto const& s : scores_) {
        if (s.factor) {
          load_codes(in.columns[static_cast<std::size_t>(s.place)], from, count, codes->data());
          add_levels(s, *codes, count, *log);
        } else {
          load_values(in.columns[static_cast<std::size_t>(s.place)], from, count, values->data());
          add_densities(s, *values, count, *log, *beyond);
        }
      }
      finish(count, *log, *beyond, out);
    };
  }

 private:
  using Logs = std::vector<std::vector<double>>;
  /// What a class's log density has that no double holds.
  struct BeyondLog {
    int spikes = 0;  // infinite densities
    double far = 0;  // squares of distances in deviations, times far_scale^2, where the logarithm itself would be beyond the doubles
    double tilt = 0;  // x mean / sd^2, times far_scale: the nearer of two means where x is so far that the distances are equal
    bool before(const BeyondLog& other) const { return far != other.far ? far < other.far : tilt > other.tilt; }
  };
  using Beyond = std::vector<std::vector<BeyondLog>>;

  static Score score_of(const NaiveBayesTable& t, bool factor, int place) {
    Score s;
    s.place = place;
    s.factor = factor;
    for (auto const& share : t.share) {
      auto& logs = s.log_share.emplace_back();
      for (double p : share) logs.push_back(std::log(p));
    }
    for (std::size_t c = 0; c < t.mean.size(); ++c) {
      s.mean.push_back(t.mean[c]);
      s.std_dev.push_back(t.std_dev[c]);
      s.spike.push_back(t.std_dev[c] == 0);
      s.factor_of_square.push_back(-0.5 / (t.std_dev[c] * t.std_dev[c]));
      s.constant.push_back(-log_root_two_pi - std::log(t.std_dev[c]));
    }
    return s;
  }

  /// log p <- log p + log share of the level; a missing level adds nothing
  void add_levels(const Score& s, const std::vector<std::int32_t>& codes, std::int64_t count, Logs& log) const {
    for (std::size_t c = 0; c < log.size(); ++c)
      for (std::int64_t i = 0; i < count; ++i)
        if (codes[i] >= 0 && log_prior_[c] != -INFINITY) log[c][i] += s.log_share[c][codes[i]];
  }

  /// log p <- log p - (x - mean)^2 / (2 sd^2) - log(sd) - log(2 pi) / 2; a missing value adds nothing. A log that is unknown (NaN) stays so.
  void add_densities(const Score& s, const std::vector<double>& x, std::int64_t count, Logs& log, Beyond& beyond) const {
    for (std::size_t c = 0; c < log.size(); ++c) {
      if (log_prior_[c] == -INFINITY) continue;  // no row can be of that class, whatever it has
      double const mean = s.mean[c], a = s.factor_of_square[c], b = s.constant[c];
      double* const to = log[c].data();
      if (s.spike[c]) {
        for (std::int64_t i = 0; i < count; ++i) {
          if (std::isnan(x[i])) continue;
          if (std::abs(x[i] - mean) <= naive_bayes_rounding * std::abs(mean)) ++beyond[c][i].spikes;
          else if (!std::isnan(to[i])) to[i] = -INFINITY;
        }
        continue;
      }
      for (std::int64_t i = 0; i < count; ++i) {
        double const d = x[i] - mean, more = a * d * d + b;
        if (more == -INFINITY && std::isfinite(x[i])) {
          double const z = (x[i] * far_scale - mean * far_scale) / s.std_dev[c];
          beyond[c][i].far += z * z;
          beyond[c][i].tilt += x[i] * far_scale * (mean / s.std_dev[c] / s.std_dev[c]);
          to[i] += b;
        } else {
          to[i] += x[i] == x[i] ? more : 0.0;
        }
      }
    }
  }

  /// Posterior by the logarithms' differences from the largest. Where classes have infinite densities, those with most of them share it; where densities
  /// are too small for a logarithm in doubles, those that are nearest.
  void finish(std::int64_t count, Logs& log, const Beyond& beyond, const OutputTile* out) const {
    auto const classes = log.size();
    for (std::int64_t i = 0; i < count; ++i) {
      int most = 0;
      const BeyondLog* nearest = nullptr;
      bool unknown = false;
      for (std::size_t c = 0; c < classes; ++c) {
        unknown |= std::isnan(log[c][i]);
        if (log[c][i] > -INFINITY) most = std::max(most, beyond[c][i].spikes);
      }
      for (std::size_t c = 0; c < classes; ++c)
        if (log[c][i] > -INFINITY && beyond[c][i].spikes == most && (!nearest || beyond[c][i].before(*nearest))) nearest = &beyond[c][i];
      std::size_t best = 0;
      double largest = -INFINITY, total = 0;
      for (std::size_t c = 0; c < classes; ++c) {
        if (beyond[c][i].spikes < most || (nearest && nearest->before(beyond[c][i]))) log[c][i] = -INFINITY;
        if (log[c][i] > largest) largest = log[c][i], best = c;
      }
      // every class is impossible, or a class lacks what it takes to judge this row
      bool const missing = unknown || largest == -INFINITY;
      if (!prob_) {
        out[0].code[i] = missing ? -1 : static_cast<std::int32_t>(best);
        continue;
      }
      for (std::size_t c = 0; c < classes; ++c) total += out[c].number[i] = std::exp(log[c][i] - largest);
      for (std::size_t c = 0; c < classes; ++c) out[c].number[i] = missing ? na_value() : out[c].number[i] / total;
    }
  }

  NaiveBayes model_;
  bool prob_ = false;
  std::vector<Score> scores_;
  std::vector<double> log_prior_;
};

}  // namespace

std::unique_ptr<PredictModel> predict_naive_bayes(const nlohmann::json& model) { return std::make_unique<PredictNaiveBayes>(model); }

}  // namespace rxhpc::impl
