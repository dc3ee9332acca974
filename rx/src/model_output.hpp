// What results and files of regression models have in common, as JSON and as text.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "rxhpc/design.hpp"
#include "rxhpc/fit_options.hpp"

namespace rxhpc::impl {

/// Throws DataError unless the file is of a version of the layout that this program knows.
void check_version(const nlohmann::json& model);

/// `statistic` names the field of Coefficient::t_value: t_value or z_value.
nlohmann::json coefficients_json(const std::vector<Coefficient>& coefficients, const char* statistic);
/// Throws DataError where an estimate is missing that is not aliased.
std::vector<Coefficient> coefficients_from_json(const nlohmann::json& j, const char* statistic);

nlohmann::json inputs_json(const std::vector<InputColumn>& inputs);
/// The field `inputs` of a model or design; none where older versions wrote it.
std::vector<InputColumn> inputs_from_json(const nlohmann::json& owner);
nlohmann::json design_json(const Design& design);
/// Throws DataError where terms name variables that are not there.
Design design_from_json(const nlohmann::json& j);
/// Throws DataError unless there is one coefficient for every column of the design.
void check_columns(const Design& design, const std::vector<Coefficient>& coefficients);

/// A covariance matrix of so many coefficients; none where there is no such field. Throws DataError where it is of another size.
std::vector<std::vector<double>> covariance_from_json(const nlohmann::json& j, const char* field, std::size_t coefficients);

/// Adds robust, cluster and n_clusters, where there are.
void add_robust(nlohmann::json& j, const RobustErrors& robust);
/// "Standard errors: HC1 by 12 clusters of g", a line; empty for the classical ones.
std::string robust_text(const RobustErrors& robust);

/// The table that R's summary() prints, with its legend of stars. `statistic` is t or z.
std::string coefficients_text(const std::vector<Coefficient>& coefficients, const std::string& statistic, bool like_r);

}  // namespace rxhpc::impl
