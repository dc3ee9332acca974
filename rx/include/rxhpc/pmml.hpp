// Models for other systems: PMML 4.4, the Predictive Model Markup Language of the Data Mining Group.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace rxhpc {

/// The model file of a linmod, logit or glm, or of an elastic-net path at a penalty (model_at_penalty), as a GeneralRegressionModel. Transforms and functions of columns become derived fields.
/// Throws UsageError where PMML has no word for a part of the model, DataError where the file is no such model.
std::string to_pmml(const nlohmann::json& model, std::optional<double> penalty = {});

}  // namespace rxhpc
