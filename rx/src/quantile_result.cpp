// Quantiles as JSON and as text.
#include "result_json.hpp"
#include "rxhpc/quantile.hpp"

namespace rxhpc {
namespace {

nlohmann::json values_of(const std::vector<double>& values) {
  auto out = nlohmann::json::array();
  for (double v : values) out.push_back(impl::number(v));
  return out;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (auto const& p : parts) out += (out.empty() ? "" : ", ") + p;
  return out;
}

}  // namespace

nlohmann::json to_json(const Quantiles& q) {
  nlohmann::json j{{"formula", q.formula}, {"n_valid_obs", q.n_valid_obs}, {"n_missing_obs", q.n_missing_obs}};
  j["variables"] = nlohmann::json::array();
  j["categorical"] = nlohmann::json::array();
  for (auto const& v : q.variables) {
    nlohmann::json one{{"name", v.name}, {"probs", values_of(q.probs)}, {"type", v.type}, {"exact", true}, {"valid_obs", v.valid_obs}, {"missing_obs", v.missing_obs}};
    if (v.factors.empty()) {
      one["quantiles"] = values_of(v.cells[0].quantiles);
      if (q.weighted) one["sum_of_weights"] = impl::number(v.cells[0].sum_of_weights);
      j["variables"].push_back(std::move(one));
      continue;
    }
    one["factors"] = v.factors;
    one["cells"] = nlohmann::json::array();
    for (auto const& c : v.cells) {
      nlohmann::json cell{{"levels", c.levels}, {"counts", impl::count(c.sum_of_weights)}, {"valid_obs", c.valid_obs}, {"quantiles", values_of(c.quantiles)}};
      one["cells"].push_back(std::move(cell));
    }
    j["categorical"].push_back(std::move(one));
  }
  return j;
}

std::string to_text(const Quantiles& q) {
  std::string out = "Quantiles of " + q.formula + "\n";
  auto const header = [&](const std::string& first) {
    std::vector<std::string> row{first};
    for (double p : q.probs) row.push_back(impl::significant(100 * p, 7) + "%");
    row.push_back(q.weighted ? "SumOfWeights" : "ValidObs");
    return row;
  };
  auto const line = [&](const std::string& name, const QuantileCell& c) {
    std::vector<std::string> row{name};
    for (double v : c.quantiles) row.push_back(impl::significant(v, 7));
    row.push_back(q.weighted ? impl::significant(c.sum_of_weights, 7) : std::to_string(c.valid_obs));
    return row;
  };
  std::vector<std::vector<std::string>> plain{header("Name")};
  for (auto const& v : q.variables)
    if (v.factors.empty()) {
      plain.push_back(line(v.name, v.cells[0]));
      plain.back().push_back(std::to_string(v.missing_obs));
    }
  if (plain.size() > 1) {
    plain[0].push_back("MissingObs");
    out += "\n" + impl::aligned(plain);
  }
  for (auto const& v : q.variables) {
    if (v.factors.empty()) continue;
    std::vector<std::vector<std::string>> rows{header(joined(v.factors))};
    for (auto const& c : v.cells) rows.push_back(line(joined(c.levels), c));
    out += "\nQuantiles of " + v.name + "\n" + impl::aligned(rows);
    if (v.missing_obs) out += "Missing: " + std::to_string(v.missing_obs) + "\n";
  }
  return out;
}

}  // namespace rxhpc
