#include "model_output.hpp"

#include <cmath>

#include "result_json.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {

using nlohmann::json;

void check_version(const json& model) {
  if (!model.is_object() || !model.contains("rxhpc_model") || model.at("rxhpc_model") != 1) throw DataError("not a model file of this program, or of a later version");
}

json coefficients_json(const std::vector<Coefficient>& coefficients, const char* statistic) {
  auto j = json::array();
  for (auto const& c : coefficients)
    j.push_back({{"name", c.name},
                 {"estimate", number(c.estimate)},
                 {"std_error", number(c.std_error)},
                 {statistic, number(c.t_value)},
                 {"p_value", number(c.p_value)},
                 {"aliased", c.aliased}});
  return j;
}

std::vector<Coefficient> coefficients_from_json(const json& j, const char* statistic) {
  std::vector<Coefficient> out;
  for (auto const& c : j) {
    out.push_back({c.at("name"), number_from(c.at("estimate")), number_from(c.at("std_error")), number_from(c.at(statistic)),
                   number_from(c.at("p_value")), c.at("aliased")});
    if (std::isnan(out.back().estimate) && !out.back().aliased) throw DataError("damaged model file: coefficient '" + out.back().name + "' has no estimate");
  }
  return out;
}

json inputs_json(const std::vector<InputColumn>& inputs) {
  auto j = json::array();
  for (auto const& c : inputs) j.push_back({{"name", c.name}, {"type", to_string(c.type)}});
  return j;
}

std::vector<InputColumn> inputs_from_json(const json& owner) {
  std::vector<InputColumn> inputs;
  for (auto const& c : owner.value("inputs", json::array())) inputs.push_back({c.at("name"), var_type(c.at("type").get<std::string>())});
  return inputs;
}

json design_json(const Design& design) {
  json d{{"intercept", design.intercept}, {"cube", design.cube}, {"variables", json::array()}, {"terms", json::array()}};
  for (auto const& v : design.variables) {
    json one{{"label", v.label}, {"expression", v.expression}, {"factor", v.factor}};
    if (v.factor) one["levels"] = v.levels;
    if (!v.unused.empty()) one["unused_levels"] = v.unused;
    d["variables"].push_back(std::move(one));
  }
  for (auto const& t : design.terms) d["terms"].push_back(t.variables);
  d["inputs"] = inputs_json(design.inputs);
  return d;
}

Design design_from_json(const json& d) {
  Design design;
  design.intercept = d.at("intercept");
  design.cube = d.at("cube");
  auto const texts = [](const json& v, const char* name) { return v.contains(name) ? v.at(name).get<std::vector<std::string>>() : std::vector<std::string>{}; };
  for (auto const& v : d.at("variables"))
    design.variables.push_back({v.at("label"), v.at("expression"), v.at("factor"), texts(v, "levels"), texts(v, "unused_levels")});
  for (auto const& t : d.at("terms")) design.terms.push_back({t.get<std::vector<int>>()});
  design.inputs = inputs_from_json(d);
  for (auto const& t : design.terms)
    for (int v : t.variables)
      if (v < 0 || v >= static_cast<int>(design.variables.size())) throw DataError("damaged model file: a term names no variable");
  return design;
}

void check_columns(const Design& design, const std::vector<Coefficient>& coefficients) {
  std::int64_t columns = 0;
  for (int t = 0; t < static_cast<int>(design.terms.size()); ++t) columns += design.cells(t);
  if (static_cast<std::int64_t>(coefficients.size()) != columns)
    throw DataError("damaged model file: " + std::to_string(coefficients.size()) + " coefficients for " + std::to_string(columns) + " columns");
}

std::vector<std::vector<double>> covariance_from_json(const json& j, const char* field, std::size_t coefficients) {
  if (!j.contains(field)) return {};
  auto matrix = numbers_from(j.at(field));
  bool square = matrix.size() == coefficients;
  for (auto const& row : matrix) square &= row.size() == coefficients;
  if (!square) throw DataError(std::string("damaged model file: ") + field + " is not a matrix of " + std::to_string(coefficients) + " rows and columns");
  return matrix;
}

void add_robust(json& j, const RobustErrors& robust) {
  if (robust.kind.empty()) return;
  j["robust"] = robust.kind;
  if (robust.cluster.empty()) return;
  j["cluster"] = robust.cluster;
  j["n_clusters"] = robust.clusters;
}

std::string robust_text(const RobustErrors& robust) {
  if (robust.kind.empty()) return "";
  return "Standard errors: " + robust.kind + (robust.cluster.empty() ? "" : " by " + std::to_string(robust.clusters) + " clusters of " + robust.cluster) + "\n";
}

std::string coefficients_text(const std::vector<Coefficient>& coefficients, const std::string& statistic, bool like_r) {
  std::vector<double> estimates, errors;
  for (auto const& c : coefficients)
    if (!c.aliased) estimates.push_back(c.estimate), errors.push_back(c.std_error);
  auto const shown = formatted(estimates, 6), shown_errors = formatted(errors, 6);
  std::vector<std::vector<std::string>> rows{{"", "Estimate", "Std. Error", statistic + " value", "Pr(>|" + statistic + "|)", ""}};
  std::size_t k = 0;
  for (auto const& c : coefficients) {
    if (c.aliased) {
      rows.push_back({c.name, like_r ? "NA" : "Dropped", "", "", "", ""});
      continue;
    }
    char t[64] = "NA";
    if (std::isinf(c.t_value)) std::snprintf(t, sizeof t, c.t_value > 0 ? "Inf" : "-Inf");
    else if (!std::isnan(c.t_value)) std::snprintf(t, sizeof t, "%.3f", c.t_value);
    std::string star = stars(c.p_value);
    star.resize(3, ' ');
    rows.push_back({c.name, shown[k], shown_errors[k], t, p_text(c.p_value), star});
    ++k;
  }
  return aligned(rows) + "---\nSignif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1\n";
}

}  // namespace rxhpc::impl
