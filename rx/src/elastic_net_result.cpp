// An elastic-net path as JSON, as text and as a model file.
#include <algorithm>
#include <cmath>

#include "result_json.hpp"
#include "rxhpc/elastic_net.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc {
namespace {

using nlohmann::json;

constexpr std::size_t most_shown = 8;  ///< penalties whose coefficients are printed

json path_json(const ElasticNet& m) {
  auto path = json::array();
  for (auto const& f : m.path) {
    json one{{"lambda", impl::number(f.lambda)}, {"df", f.df}, {"deviance", impl::number(f.deviance)}, {"dev_ratio", impl::number(f.dev_ratio)}, {"coefficients", json::array()}};
    for (std::size_t j = 0; j < m.names.size(); ++j)
      one["coefficients"].push_back({{"name", m.names[j]}, {"estimate", impl::number(f.estimates[j])}, {"aliased", std::isnan(f.estimates[j])}});
    path.push_back(std::move(one));
  }
  return path;
}

std::string coefficients_text(const ElasticNet& m) {
  std::vector<std::string> names, lambdas;
  std::vector<std::vector<double>> rows;
  for (auto const& f : m.path) lambdas.push_back("lambda=" + impl::significant(f.lambda, 6));
  for (std::size_t j = 0; j < m.names.size(); ++j) {
    if (!m.path.empty() && std::isnan(m.path[0].estimates[j])) continue;
    names.push_back(m.names[j]);
    rows.emplace_back();
    for (auto const& f : m.path) rows.back().push_back(f.estimates[j]);
  }
  return "\nCoefficients:\n" + impl::matrix_text(names, lambdas, rows);
}

}  // namespace

json to_json(const ElasticNet& m) {
  json j;
  j["formula"] = m.formula;
  j["family"] = m.family;
  j["link"] = m.link;
  j["alpha"] = m.alpha;
  j["standardize"] = m.standardize;
  j["path"] = path_json(m);
  j["null_deviance"] = impl::number(m.null_deviance);
  j["n_valid_obs"] = m.n_valid_obs;
  j["n_missing_obs"] = m.n_missing_obs;
  if (!m.pweights.empty() || !m.fweights.empty()) j["sum_of_weights"] = impl::count(m.weight_sum);
  j["iterations"] = m.iterations;
  j["converged"] = m.converged;
  if (!m.warnings.empty()) j["warnings"] = m.warnings;
  return j;
}

std::string to_text(const ElasticNet& m) {
  std::string out = "Elastic net: " + m.formula + "\nFamily: " + m.family + ", link: " + m.link + ", alpha: " + impl::significant(m.alpha, 6) + "\n";
  if (!m.standardize) out += "Columns are not scaled\n";
  if (!m.pweights.empty()) out += "Probability weights: " + m.pweights + "\n";
  if (!m.fweights.empty()) out += "Frequency weights: " + m.fweights + "\n";
  std::vector<std::vector<std::string>> rows{{"", "Df", "%Dev", "Lambda"}};
  for (auto const& f : m.path) {
    char percent[64];
    std::snprintf(percent, sizeof percent, "%.2f", 100 * f.dev_ratio);
    rows.push_back({std::to_string(rows.size()), std::to_string(f.df), percent, impl::significant(f.lambda, 4)});
  }
  out += "\n" + impl::aligned(rows);
  if (!m.path.empty() && m.path.size() <= most_shown) out += coefficients_text(m);
  out += "\nNull deviance: " + impl::significant(m.null_deviance, 6) + "\nRows: " + std::to_string(m.n_valid_obs);
  if (m.n_missing_obs) out += " (" + std::to_string(m.n_missing_obs) + " more left out for a missing value)";
  out += "\nPasses: " + std::to_string(m.iterations) + (m.exact ? ", sums in double-double\n" : "\n");
  for (auto const& w : m.warnings) out += "Note: " + w + "\n";
  return out;
}

/// A generalised linear model without errors, and the path of its coefficients.
json model_json(const ElasticNet& m) {
  Glm g;
  g.design = m.design;
  g.formula = m.formula;
  g.response = m.response;
  g.response_expression = m.response_expression;
  g.offset_expression = m.offset_expression;
  g.rows = m.rows;
  g.pweights = m.pweights;
  g.fweights = m.fweights;
  g.like_r = m.like_r;
  g.logit = m.logit;
  g.family = m.family;
  g.link = m.link;
  g.functions = m.functions;
  g.null_deviance = m.null_deviance;
  g.n_valid_obs = m.n_valid_obs;
  double const none = std::nan("");
  g.deviance = g.pearson = g.dispersion = g.log_likelihood = g.aic = g.bic = g.df_residual = g.df_null = none;
  for (auto const& name : m.names) g.coefficients.push_back({{name, none, none, none, none, true}, none, none});
  auto j = model_json(g);
  j["kind"] = "elastic-net";
  j["alpha"] = m.alpha;
  j["path"] = path_json(m);
  return j;
}

namespace {

/// Where a penalty lies in a falling path: between two of its places, so much of the way to the second.
struct Place {
  std::size_t first = 0, second = 0;
  double share = 0;
};

Place place_of(const std::vector<double>& lambda, double s) {
  if (s >= lambda.front()) return {};
  auto const last = lambda.size() - 1;
  if (s <= lambda.back()) return {last, last, 0};
  auto const second = static_cast<std::size_t>(std::partition_point(lambda.begin(), lambda.end(), [&](double x) { return x >= s; }) - lambda.begin());
  return {second - 1, second, (lambda[second - 1] - s) / (lambda[second - 1] - lambda[second])};
}

}  // namespace

json model_at_penalty(const json& model, std::optional<double> penalty) try {
  if (model.value("kind", "") != "elastic-net") {
    if (penalty) throw UsageError("--s belongs to models of an elastic-net path");
    return model;
  }
  std::vector<double> lambda;
  for (auto const& f : model.at("path")) lambda.push_back(impl::number_from(f.at("lambda")));
  if (lambda.empty() || !std::is_sorted(lambda.rbegin(), lambda.rend())) throw DataError("damaged model file: its path is empty or not in order");
  if (!penalty && lambda.size() > 1)
    throw UsageError("the model is a path of " + std::to_string(lambda.size()) + " penalties: choose one by --s, from " + impl::significant(lambda.back(), 6) + " to " +
                     impl::significant(lambda.front(), 6));
  if (penalty && !(*penalty >= 0)) throw UsageError("--s: penalties are numbers from 0");
  auto const at = place_of(lambda, penalty.value_or(lambda[0]));
  auto const &first = model.at("path").at(at.first).at("coefficients"), &second = model.at("path").at(at.second).at("coefficients");
  auto out = model;
  out["kind"] = "glm";
  auto& coefficients = out.at("coefficients");
  if (first.size() != second.size() || first.size() != coefficients.size()) throw DataError("damaged model file: fits of the path differ in length");
  for (std::size_t j = 0; j < first.size(); ++j) {
    double const a = impl::number_from(first[j].at("estimate")), b = impl::number_from(second[j].at("estimate"));
    coefficients[j]["estimate"] = impl::number((1 - at.share) * a + at.share * b);
    coefficients[j]["aliased"] = std::isnan(a);
  }
  return out;
} catch (const json::exception& e) {
  throw DataError("damaged model file: " + reason_of(e));
}

}  // namespace rxhpc
