// ROC curves as JSON and as text.
#include "result_json.hpp"
#include "rxhpc/roc.hpp"

namespace rxhpc {

nlohmann::json to_json(const Roc& r) {
  nlohmann::json j;
  j["formula"] = r.formula;
  j["n_valid_obs"] = r.n_valid_obs;
  j["n_missing_obs"] = r.n_missing_obs;
  j["n_positive"] = r.n_positive;
  j["n_negative"] = r.n_negative;
  j["conf_level"] = r.conf_level;
  for (const char* name : {"curve", "auc", "auc_interval", "curve_auc"}) j[name] = nlohmann::json::object();
  for (auto const& c : r.curves) {
    auto points = nlohmann::json::array();
    for (auto const& p : c.points)
      points.push_back({{"threshold", impl::number(p.threshold)}, {"sensitivity", p.sensitivity}, {"specificity", p.specificity}});
    j["curve"][c.name] = std::move(points);
    j["auc"][c.name] = c.auc;
    j["curve_auc"][c.name] = c.curve_auc;
    j["auc_interval"][c.name] = {{"std_error", impl::number(c.std_error)}, {"conf_low", impl::number(c.conf_low)}, {"conf_high", impl::number(c.conf_high)}};
  }
  if (!r.auc_cov.empty()) j["auc_cov"] = impl::numbers(r.auc_cov);
  for (auto const& c : r.comparisons)
    j["auc_tests"].push_back({{"first", c.first}, {"second", c.second}, {"difference", impl::number(c.difference)}, {"std_error", impl::number(c.std_error)},
                              {"conf_low", impl::number(c.conf_low)}, {"conf_high", impl::number(c.conf_high)}, {"z_value", impl::number(c.z_value)},
                              {"p_value", impl::number(c.p_value)}});
  if (!r.warnings.empty()) j["warnings"] = r.warnings;
  return j;
}

std::string to_text(const Roc& r) {
  std::string out = "ROC curves of " + r.formula + "\nRows: " + std::to_string(r.n_valid_obs) + " (" + std::to_string(r.n_positive) + " positive, " +
                    std::to_string(r.n_negative) + " negative";
  if (r.n_missing_obs) out += "; " + std::to_string(r.n_missing_obs) + " more left out for a missing value";
  out += ")\n\n";
  auto const level = impl::significant(100 * r.conf_level, 4) + "%";
  std::vector<std::vector<std::string>> areas{{"Prediction", "AUC", "Std. Error", level + " from", "to"}};
  for (auto const& c : r.curves)
    areas.push_back({c.name, impl::significant(c.auc, 7), impl::significant(c.std_error, 4), impl::significant(c.conf_low, 7), impl::significant(c.conf_high, 7)});
  out += impl::aligned(areas);
  if (!r.comparisons.empty()) {
    std::vector<std::vector<std::string>> tests{{"Difference of areas", "", "Std. Error", level + " from", "to", "z", "p"}};
    for (auto const& c : r.comparisons)
      tests.push_back({c.first + " - " + c.second, impl::significant(c.difference, 7), impl::significant(c.std_error, 4), impl::significant(c.conf_low, 7),
                       impl::significant(c.conf_high, 7), impl::significant(c.z_value, 4), impl::significant(c.p_value, 4)});
    out += "\n" + impl::aligned(tests);
  }
  constexpr std::size_t shown = 120;
  for (auto const& c : r.curves) {
    std::vector<std::vector<std::string>> rows{{"Threshold", "Sensitivity", "Specificity"}};
    for (std::size_t k = 0; k < c.points.size() && k < shown; ++k)
      rows.push_back({impl::significant(c.points[k].threshold, 6), impl::significant(c.points[k].sensitivity, 6), impl::significant(c.points[k].specificity, 6)});
    out += "\n" + c.name + "\n" + impl::aligned(rows);
    if (c.points.size() > shown) out += "... " + std::to_string(c.points.size() - shown) + " more points\n";
  }
  for (auto const& w : r.warnings) out += "Note: " + w + "\n";
  return out;
}

}  // namespace rxhpc
