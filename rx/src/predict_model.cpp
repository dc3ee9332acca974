#include "predict_model.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "model_inputs.hpp"
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

namespace {

std::vector<std::string> named(const char* option, const std::vector<std::string>& given, std::vector<std::string> usual, const char* what) {
  if (given.empty()) return usual;
  if (given.size() != usual.size())
    throw UsageError(std::string(option) + ": " + std::to_string(given.size()) + (given.size() == 1 ? " name" : " names") + " for " + std::to_string(usual.size()) +
                     (usual.size() == 1 ? " column" : " columns") + " of " + what);
  return given;
}

}  // namespace

std::vector<std::string> PredictPlan::prediction_names(std::vector<std::string> usual) const {
  return named("--pred-var-names", options.pred_var_names, std::move(usual), "predictions");
}

void PredictPlan::add_errors(const std::string& response) {
  if (!options.std_errors) return;
  for (auto const& name : named("--std-errors-var-names", options.std_errors_var_names, {response + "_StdErr"}, "standard errors")) add_number(name);
}

void PredictPlan::add_interval(const std::string& response) {
  if (options.interval == "none") return;
  for (auto const& name : named("--interval-var-names", options.interval_var_names, {response + "_Lower", response + "_Upper"}, "the interval's ends")) add_number(name);
}

void PredictPlan::add_residuals(const std::string& response) {
  if (!options.residuals) return;
  for (auto const& name : named("--resid-var-names", options.resid_var_names, {response + "_Resid"}, "residuals")) add_number(name);
}

BoundDesign PredictPlan::bind_design(const Design& design, const std::vector<std::string>& expressions) {
  auto known = design;
  if (options.check_factor_levels) {
    check_levels(design, rows, input, expressions);
  } else {
    // A level without rows in the fit has no coefficient to predict by: as a text that no table has, it is missing like those that are unknown.
    for (auto& v : known.variables)
      for (auto& level : v.levels)
        if (std::find(v.unused.begin(), v.unused.end(), level) != v.unused.end()) level.insert(0, 1, '\0');
  }
  auto bound = bind(known, rows);
  read = bound.read;
  return bound;
}

std::vector<std::string> PredictModel::complete(const PredictOptions& options) const {
  std::vector<std::string> all;
  for (auto const& name : needed(options)) all.push_back(quoted_name(name));
  return all;
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
