// A naive Bayes model as JSON, as text and as a model file.
#include <algorithm>
#include <cmath>

#include "model_output.hpp"
#include "result_json.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/naive_bayes.hpp"

namespace rxhpc {

using nlohmann::json;

json to_json(const NaiveBayes& m) {
  json j;
  j["formula"] = m.formula;
  j["n_valid_obs"] = m.n_valid_obs;
  j["n_missing_obs"] = m.n_missing_obs;
  if (m.weighted) j["sum_of_weights"] = impl::count(m.weight_sum);
  j["apriori"] = j["tables"] = json::object();
  for (std::size_t c = 0; c < m.classes.size(); ++c) j["apriori"][m.classes[c]] = impl::number(m.apriori[c]);
  for (std::size_t k = 0; k < m.tables.size(); ++k) {
    auto const& v = m.predictors.variables[k];
    auto const& t = m.tables[k];
    auto& table = j["tables"][result_name(v.label)];
    for (std::size_t c = 0; c < m.classes.size(); ++c) {
      auto& entry = table[m.classes[c]];
      if (v.factor)
        for (std::size_t l = 0; l < v.levels.size(); ++l) entry[v.levels[l]] = impl::number(t.share[c][l]);
      else
        entry = {{"mean", impl::number(t.mean[c])}, {"std_dev", impl::number(t.std_dev[c])}};
    }
  }
  if (!m.warnings.empty()) j["warnings"] = m.warnings;
  return j;
}

std::string to_text(const NaiveBayes& m) {
  std::string out = "Naive Bayes classifier: " + m.formula + "\n\nA priori probabilities:\n";
  auto const row = [](std::string first, const std::vector<std::string>& rest) {
    std::vector<std::string> cells{std::move(first)};
    cells.insert(cells.end(), rest.begin(), rest.end());
    return cells;
  };
  out += impl::aligned({row("", m.classes), row("", impl::formatted(m.apriori, 7))}) + "\nConditional on the class:\n";
  for (std::size_t k = 0; k < m.tables.size(); ++k) {
    auto const& v = m.predictors.variables[k];
    auto const& t = m.tables[k];
    std::vector<std::vector<std::string>> rows;
    if (v.factor) {
      rows.push_back(row(result_name(v.label), v.levels));
      for (std::size_t c = 0; c < m.classes.size(); ++c) rows.push_back(row(m.classes[c], impl::formatted(t.share[c], 7)));
    } else {
      auto const means = impl::formatted(t.mean, 7), deviations = impl::formatted(t.std_dev, 7);
      rows.push_back({result_name(v.label), "Means", "StdDev"});
      for (std::size_t c = 0; c < m.classes.size(); ++c) rows.push_back({m.classes[c], means[c], deviations[c]});
    }
    out += "\n" + impl::aligned(rows);
  }
  out += "\nRows: " + std::to_string(m.n_valid_obs);
  if (m.n_missing_obs) out += " (" + std::to_string(m.n_missing_obs) + " more left out for a missing class)";
  out += m.smoothing_factor > 0 ? "\nSmoothing: " + impl::significant(m.smoothing_factor, 7) + " added to each count\n" : "\n";
  for (auto const& w : m.warnings) out += "Note: " + w + "\n";
  return out;
}

json model_json(const NaiveBayes& m) {
  json j{{"rxhpc_model", 1}, {"kind", "naivebayes"}, {"formula", m.formula}, {"response", m.response}, {"transforms", m.rows.transforms},
         {"smoothing_factor", m.smoothing_factor}, {"classes", m.classes}, {"predictors", impl::design_json(m.predictors)}};
  j["apriori"] = impl::numbers({m.apriori})[0];
  j["tables"] = json::array();
  for (auto const& t : m.tables)
    j["tables"].push_back(t.share.empty() ? json{{"mean", impl::numbers({t.mean})[0]}, {"std_dev", impl::numbers({t.std_dev})[0]}}
                                          : json{{"share", impl::numbers(t.share)}});
  return j;
}

NaiveBayes naive_bayes_from_json(const json& j) try {
  impl::check_version(j);
  if (j.value("kind", "") != "naivebayes") throw DataError("not a model file of naive Bayes");
  NaiveBayes m;
  auto const list = [](const json& numbers) { return impl::numbers_from(json::array({numbers}))[0]; };
  m.formula = j.at("formula");
  m.response = j.at("response");
  m.rows.transforms = j.at("transforms").get<std::vector<std::string>>();
  m.smoothing_factor = j.at("smoothing_factor");
  m.classes = j.at("classes").get<std::vector<std::string>>();
  m.apriori = list(j.at("apriori"));
  m.predictors = impl::design_from_json(j.at("predictors"));
  for (auto const& t : j.at("tables")) {
    auto& table = m.tables.emplace_back();
    if (t.contains("share")) {
      table.share = impl::numbers_from(t.at("share"));
    } else {
      table.mean = list(t.at("mean"));
      table.std_dev = list(t.at("std_dev"));
    }
  }
  auto const damaged = [](bool wrong, const char* what) {
    if (wrong) throw DataError(std::string("damaged model file: ") + what);
  };
  damaged(m.classes.empty() || m.apriori.size() != m.classes.size(), "classes and prior probabilities differ in number");
  auto const no_share = [](double p) { return p < 0 || p > 1 + 1e-9; };
  for (double p : m.apriori) damaged(std::isnan(p) || no_share(p), "a prior probability lies outside 0 to 1");
  damaged(m.tables.size() != m.predictors.variables.size(), "predictors and tables differ in number");
  for (std::size_t k = 0; k < m.tables.size(); ++k) {
    auto const& v = m.predictors.variables[k];
    auto const& t = m.tables[k];
    damaged((v.factor ? t.share.size() : t.mean.size()) != m.classes.size() || t.std_dev.size() != t.mean.size(), "a table lacks classes");
    for (auto const& share : t.share) {
      damaged(share.size() != v.levels.size(), "a table lacks levels");
      damaged(std::any_of(share.begin(), share.end(), no_share), "a share lies outside 0 to 1");
    }
    damaged(std::any_of(t.std_dev.begin(), t.std_dev.end(), [](double s) { return s < 0; }), "a standard deviation is negative");
  }
  return m;
} catch (const json::exception& e) {
  throw DataError("damaged model file: " + reason_of(e));
}

}  // namespace rxhpc
