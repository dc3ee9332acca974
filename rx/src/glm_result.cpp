// A generalised linear model as JSON, as text and as a model file.
#include <cmath>

#include "cube_predictions.hpp"
#include "model_output.hpp"
#include "result_json.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/glm.hpp"
#include "stepwise.hpp"

namespace rxhpc {
namespace {

using nlohmann::json;

const char* statistic(const Glm& m) { return m.normal ? "z_value" : "t_value"; }

std::vector<Coefficient> plain(const std::vector<GlmCoefficient>& coefficients) { return {coefficients.begin(), coefficients.end()}; }

/// Fields that the result and the model file share.
json shared_fields(const Glm& m) {
  json j;
  j["coefficients"] = impl::coefficients_json(plain(m.coefficients), statistic(m));
  for (std::size_t k = 0; k < m.coefficients.size(); ++k) {
    j["coefficients"][k]["conf_low"] = impl::number(m.coefficients[k].conf_low);
    j["coefficients"][k]["conf_high"] = impl::number(m.coefficients[k].conf_high);
  }
  j["family"] = m.family;
  j["link"] = m.link;
  j["deviance"] = impl::number(m.deviance);
  j["null_deviance"] = impl::number(m.null_deviance);
  j["df_residual"] = impl::count(m.df_residual);
  j["df_null"] = impl::count(m.df_null);
  j["dispersion"] = impl::number(m.dispersion);
  j["pearson_chisq"] = impl::number(m.pearson);
  j["log_likelihood"] = impl::number(m.log_likelihood);
  j["aic"] = impl::number(m.aic);
  j["bic"] = impl::number(m.bic);
  j["rank"] = m.rank;
  j["n_valid_obs"] = m.n_valid_obs;
  if (m.functions.variance == Variance::negative_binomial) {
    j["theta"] = impl::number(m.theta);
    j["theta_std_error"] = impl::number(m.theta_error);
  }
  if (!m.cov_coef.empty()) j["cov_coef"] = impl::numbers(m.cov_coef);
  if (!m.cov_coef_low.empty()) j["cov_coef_low"] = impl::numbers(m.cov_coef_low);
  return j;
}

constexpr const char* link_names[] = {"identity", "log", "logit", "probit", "cloglog", "cauchit", "inverse", "1/mu^2", "sqrt", "power"};
constexpr const char* variance_names[] = {"constant", "mu", "mu^2", "mu^3", "mu(1-mu)", "mu^p", "mu+mu^2/theta"};

template <class Kind, std::size_t N>
Kind kind_from(const std::string& name, const char* const (&names)[N]) {
  for (std::size_t k = 0; k < N; ++k)
    if (name == names[k]) return static_cast<Kind>(k);
  throw DataError("damaged model file: unknown function '" + name + "'");
}

}  // namespace

json to_json(const Glm& m) {
  json j = shared_fields(m);
  j["formula"] = m.formula;
  j["n_missing_obs"] = m.n_missing_obs;
  if (!m.pweights.empty() || !m.fweights.empty()) j["sum_of_weights"] = impl::count(m.weight_sum);
  j["iterations"] = m.iterations;
  j["converged"] = m.converged;
  j["condition_number"] = impl::number(m.condition_number);
  j["conf_level"] = m.conf_level;
  impl::add_robust(j, m.robust);
  if (!m.cov_data.empty()) j["cov_data"] = impl::numbers(m.cov_data);
  if (m.count_df) j["count_df"] = impl::count_df_json(*m.count_df);
  if (m.selection) impl::add_selection(j, *m.selection);
  if (!m.warnings.empty()) j["warnings"] = m.warnings;
  return j;
}

std::string to_text(const Glm& m) {
  auto const number = [](double x) { return impl::significant(x, 6); };
  std::string out = (m.logit ? "Logistic regression: " : "Generalized linear model: ") + m.formula + "\n";
  if (!m.logit) out += "Family: " + m.family + ", link: " + m.link + "\n";
  if (!m.pweights.empty()) out += "Probability weights: " + m.pweights + "\n";
  if (!m.fweights.empty()) out += "Frequency weights: " + m.fweights + "\n";
  out += "\nCoefficients:\n" + impl::coefficients_text(plain(m.coefficients), m.normal ? "z" : "t", m.like_r) + "\n";
  out += impl::robust_text(m.robust);
  if (m.functions.variance == Variance::negative_binomial)
    out += "Theta: " + number(m.theta) + (std::isnan(m.theta_error) ? "" : ", standard error " + number(m.theta_error)) + "\n";
  out += "Dispersion: " + number(m.dispersion) + (m.fixed_dispersion ? " (fixed)" : " (Pearson's chi-squared over its degrees of freedom)") + "\n";
  out += "Null deviance: " + number(m.null_deviance) + " on " + impl::significant(m.df_null, 15) + " degrees of freedom\n";
  out += "Residual deviance: " + number(m.deviance) + " on " + impl::significant(m.df_residual, 15) + " degrees of freedom\n";
  if (!std::isnan(m.log_likelihood))
    out += "Log likelihood: " + number(m.log_likelihood) + ", AIC: " + number(m.aic) + ", BIC: " + number(m.bic) + "\n";
  if (m.count_df) out += impl::count_df_text(*m.count_df);
  out += "Iterations: " + std::to_string(m.iterations) + (m.converged ? "\n" : " (not converged)\n");
  out += "Rows: " + std::to_string(m.n_valid_obs);
  if (m.n_missing_obs) out += " (" + std::to_string(m.n_missing_obs) + " more left out for a missing value)";
  out += "\nCondition number: " + number(m.condition_number) + (m.exact ? ", sums in double-double\n" : "\n");
  if (m.selection) out += impl::selection_text(*m.selection);
  for (auto const& w : m.warnings) out += "Note: " + w + "\n";
  return out;
}

json model_json(const Glm& m) {
  json j = shared_fields(m);
  j["rxhpc_model"] = 1;
  j["kind"] = m.logit ? "logit" : "glm";
  j["not_estimable"] = m.not_estimable;
  j["formula"] = m.formula;
  j["transforms"] = m.rows.transforms;
  j["like_r"] = m.like_r;
  j["response"] = {{"name", m.response}, {"expression", m.response_expression}};
  j["offset"] = m.offset_expression;
  j["weights"] = m.pweights.empty() ? m.fweights : m.pweights;
  j["frequency"] = !m.fweights.empty();
  j["functions"] = {{"link", link_names[static_cast<int>(m.functions.link)]},
                    {"link_power", m.functions.link_power},
                    {"variance", variance_names[static_cast<int>(m.functions.variance)]},
                    {"var_power", m.functions.var_power},
                    {"theta", impl::number(m.functions.theta)}};
  j["fixed_dispersion"] = m.fixed_dispersion;
  j["normal"] = m.normal;
  impl::add_robust(j, m.robust);
  j["design"] = impl::design_json(m.design);
  return j;
}

Glm glm_from_json(const json& j) try {
  impl::check_version(j);
  auto const kind = j.value("kind", "");
  if (kind != "glm" && kind != "logit") throw DataError("not a model file of a generalised linear model");
  Glm m;
  m.logit = kind == "logit";
  m.formula = j.at("formula");
  m.rows.transforms = j.at("transforms").get<std::vector<std::string>>();
  m.like_r = j.at("like_r");
  m.response = j.at("response").at("name");
  m.response_expression = j.at("response").at("expression");
  m.offset_expression = j.at("offset");
  (j.value("frequency", false) ? m.fweights : m.pweights) = j.at("weights");
  m.family = j.at("family");
  m.link = j.at("link");
  auto const& f = j.at("functions");
  m.functions.link = kind_from<Link>(f.at("link"), link_names);
  m.functions.link_power = f.at("link_power");
  m.functions.variance = kind_from<Variance>(f.at("variance"), variance_names);
  m.functions.var_power = f.at("var_power");
  m.functions.theta = impl::number_from(f.at("theta"));
  m.fixed_dispersion = j.at("fixed_dispersion");
  m.normal = j.at("normal");
  m.robust.kind = j.value("robust", "");
  m.deviance = impl::number_from(j.at("deviance"));
  m.null_deviance = impl::number_from(j.at("null_deviance"));
  m.df_residual = impl::number_from(j.at("df_residual"));
  m.df_null = impl::number_from(j.at("df_null"));
  m.dispersion = impl::number_from(j.at("dispersion"));
  m.log_likelihood = impl::number_from(j.at("log_likelihood"));
  m.rank = j.at("rank");
  m.not_estimable = j.value("not_estimable", 0);
  m.n_valid_obs = j.at("n_valid_obs");
  m.design = impl::design_from_json(j.at("design"));
  for (auto const& c : impl::coefficients_from_json(j.at("coefficients"), statistic(m))) m.coefficients.push_back({c, 0, 0});
  impl::check_columns(m.design, plain(m.coefficients));
  m.cov_coef = impl::covariance_from_json(j, "cov_coef", m.coefficients.size());
  m.cov_coef_low = impl::covariance_from_json(j, "cov_coef_low", m.coefficients.size());
  return m;
} catch (const json::exception& e) {
  throw DataError("damaged model file: " + reason_of(e));
}

}  // namespace rxhpc
