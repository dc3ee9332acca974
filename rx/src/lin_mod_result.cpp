// A linear model as JSON, as text and as a model file.
#include <cmath>

#include "cube_predictions.hpp"
#include "model_output.hpp"
#include "result_json.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/lin_mod.hpp"
#include "stepwise.hpp"

namespace rxhpc {
namespace {

using nlohmann::json;

json fit_json(const ResponseFit& f) {
  json j;
  j["coefficients"] = impl::coefficients_json(f.coefficients, "t_value");
  j["sigma"] = impl::number(f.sigma);
  j["r_squared"] = impl::number(f.r_squared);
  j["adj_r_squared"] = impl::number(f.adj_r_squared);
  j["f_statistic"] = {{"value", impl::number(f.f.value)}, {"num_df", impl::count(f.f.num_df)}, {"den_df", impl::count(f.f.den_df)},
                      {"p_value", impl::number(f.f.p_value)}};
  j["residual_squares"] = impl::number(f.residual_squares);
  j["total_squares"] = impl::number(f.total_squares);
  j["y_var"] = impl::number(f.y_var);
  j["log_likelihood"] = impl::number(f.log_likelihood);
  j["aic"] = impl::number(f.aic);
  if (!f.cov_coef.empty()) j["cov_coef"] = impl::numbers(f.cov_coef);
  if (!f.cov_coef_low.empty()) j["cov_coef_low"] = impl::numbers(f.cov_coef_low);
  for (auto const& a : f.anova)
    j["anova_terms"].push_back({{"term", a.term}, {"df", impl::count(a.df)}, {"sum_sq", impl::number(a.sum_sq)}, {"mean_sq", impl::number(a.mean_sq)},
                                {"f_value", impl::number(a.f_value)}, {"p_value", impl::number(a.p_value)}});
  return j;
}

ResponseFit fit_from(const json& j, const std::string& name) {
  ResponseFit f;
  f.name = name;
  f.coefficients = impl::coefficients_from_json(j.at("coefficients"), "t_value");
  f.sigma = impl::number_from(j.at("sigma"));
  f.residual_squares = j.contains("residual_squares") ? impl::number_from(j.at("residual_squares")) : std::nan("");
  f.cov_coef = impl::covariance_from_json(j, "cov_coef", f.coefficients.size());
  f.cov_coef_low = impl::covariance_from_json(j, "cov_coef_low", f.coefficients.size());
  return f;
}

/// GVIF^(1 / (2 df)): comparable between terms of different degrees of freedom.
double scaled(const VarianceInflation& v) { return std::pow(v.gvif, 0.5 / v.df); }

std::string vif_text(const LinMod& m) {
  std::vector<std::vector<std::string>> rows{{"", "GVIF", "Df", "GVIF^(1/(2*Df))"}};
  for (auto const& v : m.vif) rows.push_back({v.term, impl::significant(v.gvif, 6), std::to_string(v.df), impl::significant(scaled(v), 6)});
  return "\nVariance inflation:\n" + impl::aligned(rows) + "\n";
}

std::string anova_text(const std::vector<AnovaTerm>& terms) {
  auto const number = [](double x, int digits) { return std::isnan(x) ? std::string() : impl::significant(x, digits); };
  std::vector<std::vector<std::string>> rows{{"", "Df", "Sum Sq", "Mean Sq", "F", "p"}};
  for (auto const& a : terms) rows.push_back({a.term, impl::significant(a.df, 15), number(a.sum_sq, 6), number(a.mean_sq, 6), number(a.f_value, 5), number(a.p_value, 4)});
  return "\nAnalysis of variance, each term after those above it:\n" + impl::aligned(rows) + "\n";
}

std::string fit_text(const LinMod& m, const ResponseFit& f) {
  std::string out = "\nCoefficients" + (m.fits.size() > 1 ? " of " + f.name : std::string()) + ":\n" + impl::coefficients_text(f.coefficients, "t", m.like_r) + "\n";
  out += "Residual standard error: " + impl::significant(f.sigma, 4) + " on " + impl::significant(m.df_residual, 15) + " degrees of freedom\n";
  out += "Multiple R-squared: " + impl::significant(f.r_squared, 4) + ", Adjusted R-squared: " + impl::significant(f.adj_r_squared, 4) + "\n";
  if (f.f.num_df > 0)
    out += "F-statistic: " + impl::significant(f.f.value, 4) + " on " + impl::significant(f.f.num_df, 15) + " and " +
           impl::significant(f.f.den_df, 15) + " DF, p-value: " + (f.f.p_value < 2.2e-16 ? "< 2.2e-16" : impl::significant(f.f.p_value, 4)) + "\n";
  if (!f.anova.empty()) out += anova_text(f.anova);
  return out;
}

}  // namespace

json to_json(const LinMod& m) {
  json j;
  j["formula"] = m.formula;
  j["n_valid_obs"] = m.n_valid_obs;
  j["n_missing_obs"] = m.n_missing_obs;
  if (!m.pweights.empty() || !m.fweights.empty()) j["sum_of_weights"] = impl::count(m.weight_sum);
  j["rank"] = m.rank;
  j["df_residual"] = impl::count(m.df_residual);
  j["condition_number"] = impl::number(m.condition_number);
  if (m.fits.size() == 1) {
    j.update(fit_json(m.fits[0]));
  } else {
    j["responses"] = json::array();
    for (auto const& f : m.fits) {
      auto one = fit_json(f);
      one["name"] = f.name;
      j["responses"].push_back(std::move(one));
    }
  }
  impl::add_robust(j, m.robust);
  if (!m.vif.empty()) {
    j["vif"] = json::array();
    for (auto const& v : m.vif) j["vif"].push_back({{"term", v.term}, {"gvif", impl::number(v.gvif)}, {"df", v.df}, {"scaled", impl::number(scaled(v))}});
  }
  if (!m.cov_data.empty()) j["cov_data"] = impl::numbers(m.cov_data);
  if (m.count_df) j["count_df"] = impl::count_df_json(*m.count_df);
  if (m.selection) impl::add_selection(j, *m.selection);
  if (!m.warnings.empty()) j["warnings"] = m.warnings;
  return j;
}

std::string to_text(const LinMod& m) {
  std::string out = "Linear model: " + m.formula + "\n";
  if (!m.pweights.empty()) out += "Probability weights: " + m.pweights + "\n";
  if (!m.fweights.empty()) out += "Frequency weights: " + m.fweights + "\n";
  if (m.selection) out += impl::selection_text(*m.selection);
  for (auto const& f : m.fits) out += fit_text(m, f);
  out += impl::robust_text(m.robust);
  if (!m.vif.empty()) out += vif_text(m);
  if (m.count_df) out += impl::count_df_text(*m.count_df);
  out += "Rows: " + std::to_string(m.n_valid_obs);
  if (m.n_missing_obs) out += " (" + std::to_string(m.n_missing_obs) + " more left out for a missing value)";
  out += "\nCondition number: " + impl::significant(m.condition_number, 6) + (m.exact ? ", sums in double-double\n" : "\n");
  for (auto const& w : m.warnings) out += "Note: " + w + "\n";
  return out;
}

json model_json(const LinMod& m) {
  json j;
  j["rxhpc_model"] = 1;
  j["kind"] = "linmod";
  j["formula"] = m.formula;
  j["transforms"] = m.rows.transforms;
  j["like_r"] = m.like_r;
  j["df_residual"] = m.df_residual;
  j["n_valid_obs"] = m.n_valid_obs;
  j["not_estimable"] = m.not_estimable;
  j["weights"] = m.pweights.empty() ? m.fweights : m.pweights;
  j["frequency"] = !m.fweights.empty();
  impl::add_robust(j, m.robust);
  j["design"] = impl::design_json(m.design);
  j["responses"] = json::array();
  for (auto const& f : m.fits) {
    auto one = fit_json(f);
    one["name"] = f.name;
    one["expression"] = f.expression;
    j["responses"].push_back(std::move(one));
  }
  return j;
}

LinMod lin_mod_from_json(const json& j) try {
  impl::check_version(j);
  if (j.value("kind", "") != "linmod") throw DataError("not a model file of a linear model");
  LinMod m;
  m.formula = j.at("formula");
  m.rows.transforms = j.at("transforms").get<std::vector<std::string>>();
  m.like_r = j.at("like_r");
  m.df_residual = j.at("df_residual");
  m.n_valid_obs = j.value("n_valid_obs", std::int64_t(0));
  m.not_estimable = j.value("not_estimable", 0);
  (j.value("frequency", false) ? m.fweights : m.pweights) = j.value("weights", "");
  m.robust.kind = j.value("robust", "");
  m.design = impl::design_from_json(j.at("design"));
  for (auto const& f : j.at("responses")) {
    m.fits.push_back(fit_from(f, f.at("name")));
    m.fits.back().expression = f.value("expression", m.fits.back().name);
    impl::check_columns(m.design, m.fits.back().coefficients);
  }
  if (m.fits.empty()) throw DataError("damaged model file: it has no response");
  return m;
} catch (const json::exception& e) {
  throw DataError("damaged model file: " + reason_of(e));
}

}  // namespace rxhpc
