#include "predict_model.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "model_output.hpp"
#include "row_influence.hpp"
#include "rxhpc/elastic_net.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {

int PredictPlan::place(int column) {
  auto const at = std::find(read.begin(), read.end(), column);
  if (at != read.end()) return static_cast<int>(at - read.begin());
  read.push_back(column);
  return static_cast<int>(read.size()) - 1;
}

std::vector<std::string> PredictPlan::prediction_names(std::vector<std::string> usual) const {
  auto const& given = options.pred_var_names;
  if (given.empty()) return usual;
  if (given.size() != usual.size())
    throw UsageError("--pred-var-names: " + std::to_string(given.size()) + (given.size() == 1 ? " name" : " names") + " for " + std::to_string(usual.size()) +
                     (usual.size() == 1 ? " column" : " columns") + " of predictions");
  return given;
}

void PredictPlan::add_number(const std::string& name) {
  Variable v;
  v.name = name;
  outputs.push_back(std::move(v));
}

void PredictPlan::add_factor(const std::string& name, const std::vector<std::string>& levels) {
  Variable v;
  v.name = name;
  v.type = VarType::factor;
  v.storage = Storage::int32;
  v.levels = levels;
  outputs.push_back(std::move(v));
}

std::unique_ptr<PredictModel> predict_model(const nlohmann::json& model, const PredictOptions& options) {
  struct Kind {
    std::string_view name;
    std::unique_ptr<PredictModel> (*make)(const nlohmann::json&);
  };
  static constexpr Kind kinds[]{{"linmod", predict_lin_mod}, {"logit", predict_glm}, {"glm", predict_glm},
                               {"princomp", predict_princomp}, {"kmeans", predict_kmeans}, {"naivebayes", predict_naive_bayes}};
  check_version(model);
  if (model.value("kind", "") == "elastic-net") {
    if (options.std_errors || options.interval != "none") throw UsageError("a penalised model has no standard errors");
    if (InfluenceOptions(options).any()) throw UsageError("a penalised model has no leverages, nor what follows from them");
  }
  auto const chosen = model_at_penalty(model, options.penalty);
  auto const kind = chosen.value("kind", "");
  for (auto const& k : kinds)
    if (k.name == kind) return k.make(chosen);
  throw DataError("a model of kind '" + kind + "' cannot predict");
}

}  // namespace rxhpc::impl
