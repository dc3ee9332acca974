// A k-means fit as JSON, as text and as a model file.
#include <algorithm>
#include <cmath>

#include "kmeans_rows.hpp"
#include "model_output.hpp"
#include "result_json.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/kmeans.hpp"

namespace rxhpc {

using nlohmann::json;

json to_json(const KMeans& m) {
  json j;
  j["formula"] = m.formula;
  j["n_valid_obs"] = m.n_valid_obs;
  j["n_missing_obs"] = m.n_missing_obs;
  if (m.weighted) j["sum_of_weights"] = impl::count(m.weight_sum);
  j["variables"] = json::array();
  for (auto const& v : m.variables) j["variables"].push_back(result_name(v));
  j["centers"] = impl::numbers(m.centers);
  j["size"] = json::array();
  for (double n : m.size) j["size"].push_back(impl::count(n));
  j["withinss"] = impl::numbers({m.withinss})[0];
  j["tot_withinss"] = impl::number(m.tot_withinss);
  j["betweenss"] = impl::number(m.betweenss);
  j["totss"] = impl::number(m.totss);
  j["num_iterations"] = m.num_iterations;
  j["converged"] = m.converged;
  if (!m.warnings.empty()) j["warnings"] = m.warnings;
  return j;
}

std::string to_text(const KMeans& m) {
  std::string out = "K-means clustering with " + std::to_string(m.centers.size()) + (m.centers.size() == 1 ? " cluster of size " : " clusters of sizes ");
  for (std::size_t k = 0; k < m.size.size(); ++k) out += (k ? ", " : "") + impl::significant(m.size[k], 15);
  out += "\nFormula: " + m.formula + "\n\nCluster means:\n";
  std::vector<std::vector<std::string>> rows{{""}};
  for (auto const& name : m.variables) rows[0].push_back(result_name(name));
  for (std::size_t k = 0; k < m.centers.size(); ++k) rows.push_back({std::to_string(k + 1)});
  for (std::size_t j = 0; j < m.variables.size(); ++j) {
    std::vector<double> column;
    for (auto const& c : m.centers) column.push_back(c[j]);
    auto const shown = impl::formatted(column, 7);
    for (std::size_t k = 0; k < shown.size(); ++k) rows[k + 1].push_back(shown[k]);
  }
  out += impl::aligned(rows) + "\nWithin cluster sum of squares by cluster:\n";
  auto const within = impl::formatted(m.withinss, 7);
  for (std::size_t k = 0; k < within.size(); ++k) out += (k ? " " : "") + within[k];
  char share[32];
  std::snprintf(share, sizeof share, "%5.1f %%", m.totss > 0 ? 100 * m.betweenss / m.totss : 0.0);
  out += "\n (between_SS / total_SS = " + std::string(share) + ")\n\nRows: " + std::to_string(m.n_valid_obs);
  if (m.n_missing_obs) out += " (" + std::to_string(m.n_missing_obs) + " more left out for a missing value)";
  out += "\nIterations: " + std::to_string(m.num_iterations) + (m.converged ? ", converged\n" : ", not converged\n");
  for (auto const& w : m.warnings) out += "Note: " + w + "\n";
  return out;
}

json model_json(const KMeans& m) {
  json j = to_json(m);
  j["rxhpc_model"] = 1;
  j["kind"] = "kmeans";
  j["variables"] = m.variables;
  j["expressions"] = m.expressions;
  j["transforms"] = m.rows.transforms;
  j["inputs"] = impl::inputs_json(m.inputs);
  j["missing_values"] = m.missing == KMeansMissing::partial ? "partial" : "listwise";
  j["shift"] = impl::numbers({m.shift})[0];
  return j;
}

namespace {

/// Of a file without expressions, which says what its variables are by the formula alone; `.` stands for plain names.
std::vector<std::string> expressions_of(const std::string& formula, const std::vector<std::string>& variables) {
  std::vector<std::string> plain, names, expressions;
  for (auto const& v : variables)
    if (auto const e = parse_expression(v); e->kind == Expr::Kind::name) plain.push_back(e->text);
  for (auto const& term : parse_formula(formula, plain).terms) {
    names.push_back(term.label());
    expressions.push_back(deparse(*impl::product_of(term)));
  }
  if (names != variables) throw DataError("damaged model file: the formula has other variables than the centres");
  return expressions;
}

}  // namespace

KMeans kmeans_from_json(const json& j) try {
  impl::check_version(j);
  if (j.value("kind", "") != "kmeans") throw DataError("not a model file of k-means");
  KMeans m;
  m.formula = j.at("formula");
  m.rows.transforms = j.at("transforms").get<std::vector<std::string>>();
  std::string const missing = j.at("missing_values");
  if (missing != "partial" && missing != "listwise") throw DataError("damaged model file: missing_values is partial or listwise, not '" + missing + "'");
  m.missing = missing == "partial" ? KMeansMissing::partial : KMeansMissing::listwise;
  m.variables = j.at("variables").get<std::vector<std::string>>();
  m.expressions = j.contains("expressions") ? j.at("expressions").get<std::vector<std::string>>() : expressions_of(m.formula, m.variables);
  m.inputs = impl::inputs_from_json(j);
  m.centers = impl::numbers_from(j.at("centers"));
  m.shift = impl::numbers_from(json::array({j.at("shift")}))[0];
  if (m.centers.empty() || m.variables.empty() || m.shift.size() != m.variables.size() || m.expressions.size() != m.variables.size()) throw DataError("damaged model file: no centres");
  for (auto const& c : m.centers) {
    if (c.size() != m.variables.size()) throw DataError("damaged model file: a centre has another number of columns than there are variables");
    if (std::any_of(c.begin(), c.end(), [](double x) { return std::isnan(x); })) throw DataError("damaged model file: a centre has a missing value");
  }
  m.size = impl::numbers_from(json::array({j.at("size")}))[0];
  if (m.size.size() != m.centers.size()) throw DataError("damaged model file: size and centers differ in number");
  return m;
} catch (const json::exception& e) {
  throw DataError("damaged model file: " + reason_of(e));
}

}  // namespace rxhpc
