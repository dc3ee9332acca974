// Covariances, correlations and cross products as JSON, as text and as a model file.
#include <algorithm>
#include <cmath>

#include "model_output.hpp"
#include "result_json.hpp"
#include "rxhpc/cov_cor.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc {
namespace {

using nlohmann::json;

const char* field_of(CovType type) { return type == CovType::cov ? "cov" : type == CovType::cor ? "cor" : "sscp"; }

json list(const std::vector<double>& values) {
  auto j = json::array();
  for (double x : values) j.push_back(impl::number(x));
  return j;
}

std::vector<std::string> component_names(std::size_t n) {
  std::vector<std::string> names;
  for (std::size_t k = 0; k < n; ++k) names.push_back("Comp." + std::to_string(k + 1));
  return names;
}

/// Names of the ridge regression's coefficients.
std::vector<std::string> ridge_names(const CovCor& r) {
  std::vector<std::string> names(r.variables.begin(), r.variables.end());
  names[0] = "(Intercept)";
  return names;
}

json princomp_json(const PrincipalComponents& p) {
  double total = 0;
  for (double s : p.std_devs) total += s * s;
  std::vector<double> proportion;
  for (double s : p.std_devs) proportion.push_back(s * s / total);
  return {{"components", component_names(p.std_devs.size())},
          {"std_devs", list(p.std_devs)},
          {"proportion", list(proportion)},
          {"loadings", impl::numbers(p.loadings)},
          {"center", list(p.center)},
          {"scale", list(p.scale)}};
}

std::string princomp_text(const CovCor& r) {
  auto const& p = *r.princomp;
  double total = 0, sum = 0;
  for (double s : p.std_devs) total += s * s;
  std::vector<std::vector<double>> importance{p.std_devs, {}, {}};
  for (double s : p.std_devs) {
    sum += s * s;
    importance[1].push_back(s * s / total);
    importance[2].push_back(sum / total);
  }
  auto const names = component_names(p.std_devs.size());
  return std::string("\nPrincipal components of the ") + (r.type == CovType::cor ? "correlation" : "covariance") + " matrix:\n" +
         impl::matrix_text({"Standard deviation", "Proportion of variance", "Cumulative proportion"}, names, importance) + "\nLoadings:\n" +
         impl::matrix_text(r.variables, names, p.loadings);
}

std::string ridge_text(const CovCor& r) {
  std::vector<std::string> lambdas;
  std::vector<std::vector<double>> rows;
  for (auto const& f : r.ridge) {
    lambdas.push_back("lambda=" + impl::significant(f.lambda, 6));
    rows.push_back(f.estimates);
  }
  std::vector<std::vector<double>> turned(ridge_names(r).size());
  for (std::size_t j = 0; j < turned.size(); ++j)
    for (auto const& row : rows) turned[j].push_back(row[j]);
  return "\nRidge regression of " + r.variables[0] + ":\n" + impl::matrix_text(ridge_names(r), lambdas, turned);
}

json model_head(const CovCor& r, const char* kind) {
  return {{"rxhpc_model", 1}, {"kind", kind}, {"formula", r.formula}, {"transforms", r.rows.transforms}, {"design", impl::design_json(r.design)}};
}

/// A ridge regression predicts as a linear model does; it has no standard errors.
json ridge_model(const CovCor& r) {
  auto const columns = r.design.columns();
  double const none = std::nan("");
  std::vector<Coefficient> coefficients;
  for (auto const& c : columns) coefficients.push_back({c.name, none, none, none, none, true});
  auto const set = [&](int column, double estimate) {
    if (std::isnan(estimate)) return;
    coefficients[column].estimate = estimate;
    coefficients[column].aliased = false;
  };
  auto const& fit = r.ridge[0];
  set(0, fit.estimates[0]);
  for (std::size_t k = 1; k < fit.estimates.size(); ++k) set(r.columns[k], fit.estimates[k]);
  auto j = model_head(r, "linmod");
  j["ridge_lambda"] = fit.lambda;
  j["like_r"] = false;
  j["df_residual"] = 0;
  j["responses"] = {{{"name", r.responses[0]}, {"expression", r.response_expressions[0]}, {"coefficients", impl::coefficients_json(coefficients, "t_value")}, {"sigma", nullptr}}};
  return j;
}

}  // namespace

json to_json(const CovCor& r) {
  json j;
  j["formula"] = r.formula;
  j["n_valid_obs"] = r.n_valid_obs;
  j["n_missing_obs"] = r.n_missing_obs;
  j["variables"] = r.variables;
  j[field_of(r.type)] = impl::numbers(r.matrix);
  j["means"] = list(r.means);
  j["std_devs"] = list(r.std_devs);
  j["sum_of_weights"] = r.weighted ? impl::count(r.sum_of_weights) : json();
  j["dropped_vars"] = r.dropped_vars;
  if (r.pairwise) j["pair_counts"] = r.pair_counts;
  if (r.princomp) j["princomp"] = princomp_json(*r.princomp);
  if (!r.ridge.empty()) {
    j["ridge"] = json::array();
    for (auto const& f : r.ridge) {
      json one{{"lambda", f.lambda}, {"coefficients", json::array()}};
      auto const names = ridge_names(r);
      for (std::size_t k = 0; k < names.size(); ++k) one["coefficients"].push_back({{"name", names[k]}, {"estimate", impl::number(f.estimates[k])}});
      j["ridge"].push_back(std::move(one));
    }
  }
  if (!r.warnings.empty()) j["warnings"] = r.warnings;
  return j;
}

std::string to_text(const CovCor& r) {
  const char* const title = r.type == CovType::cov ? "Covariances" : r.type == CovType::cor ? "Correlations" : "Sums of squares and cross products";
  std::string out = std::string(title) + " of " + r.formula + "\nRows: " + std::to_string(r.n_valid_obs);
  if (r.n_missing_obs) out += " (" + std::to_string(r.n_missing_obs) + " more left out for a missing value)";
  if (r.pairwise) out += ", each number from the rows where both variables are present";
  out += "\n";
  if (r.weighted) out += "Sum of weights: " + impl::significant(r.sum_of_weights, 9) + "\n";
  for (std::size_t k = 0; k < r.dropped_vars.size(); ++k) out += (k ? ", " : "Dropped: ") + r.dropped_vars[k];
  if (!r.dropped_vars.empty()) out += "\n";
  if (r.type != CovType::sscp && !r.variables.empty()) {
    std::vector<std::vector<double>> moments;
    for (std::size_t k = 0; k < r.variables.size(); ++k) moments.push_back({r.means[k], r.std_devs[k]});
    out += "\n" + impl::matrix_text(r.variables, {"Mean", "StdDev"}, moments);
  }
  out += "\n" + impl::matrix_text(r.variables, r.variables, r.matrix);
  if (r.princomp) out += princomp_text(r);
  if (!r.ridge.empty()) out += ridge_text(r);
  for (auto const& w : r.warnings) out += "Note: " + w + "\n";
  return out;
}

json model_json(const CovCor& r) {
  if (!r.princomp) {
    if (r.ridge.size() != 1) throw UsageError("--model needs --princomp, or --ridge-lambda with one penalty");
    return ridge_model(r);
  }
  auto j = model_head(r, "princomp");
  j["columns"] = r.columns;
  j["variables"] = r.variables;
  j.update(princomp_json(*r.princomp));
  return j;
}

}  // namespace rxhpc
