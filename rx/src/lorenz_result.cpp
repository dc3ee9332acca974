// Lorenz curves as JSON and as text.
#include <algorithm>

#include "result_json.hpp"
#include "rxhpc/lorenz.hpp"

namespace rxhpc {

nlohmann::json to_json(const Lorenz& l) {
  nlohmann::json j{{"formula", l.formula}, {"n_valid_obs", l.n_valid_obs}, {"n_missing_obs", l.n_missing_obs}};
  j["curve"] = nlohmann::json::object();
  j["gini"] = nlohmann::json::object();
  for (auto const& c : l.curves) {
    auto points = nlohmann::json::array();
    for (auto const& p : c.points) points.push_back({{"percents", impl::number(p.percents)}, {"cum_vals", impl::number(p.cum_vals)}});
    j["curve"][c.name] = std::move(points);
    j["gini"][c.name] = impl::number(c.gini);
  }
  return j;
}

std::string to_text(const Lorenz& l) {
  std::string out = "Lorenz curve of " + l.formula + "\n";
  std::vector<std::vector<std::string>> rows{{"Name", "Gini", "Total", "ValidObs", "MissingObs"}};
  for (auto const& c : l.curves)
    rows.push_back({c.name, impl::significant(c.gini, 7), impl::significant(c.total, 7), std::to_string(c.valid_obs), std::to_string(c.missing_obs)});
  out += "\n" + impl::aligned(rows);
  for (auto const& c : l.curves) {
    out += "\n" + c.name + (c.order == c.name ? "" : ", ordered by " + c.order) + "\n";
    std::vector<std::vector<std::string>> table{{"Lowest percent of rows", "Percent of the total"}};
    for (int percent = 10; percent <= 100; percent += 10) {
      // on the line between the points around it
      auto const at = std::find_if(c.points.begin() + 1, c.points.end(), [&](const LorenzPoint& p) { return p.percents >= percent; });
      auto const& b = at == c.points.end() ? c.points.back() : *at;
      auto const& a = at == c.points.end() ? b : *(at - 1);
      double const share = b.percents > a.percents ? (percent - a.percents) / (b.percents - a.percents) : 1;
      table.push_back({std::to_string(percent), impl::significant(a.cum_vals + share * (b.cum_vals - a.cum_vals), 5)});
    }
    out += impl::aligned(table);
  }
  return out;
}

}  // namespace rxhpc
