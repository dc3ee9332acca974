// A summary as JSON and as text.
#include "result_json.hpp"
#include "rxhpc/summary.hpp"

namespace rxhpc {
namespace {

void put(nlohmann::json& j, const Statistics& s, const Summary& of, const char* mean_name) {
  j[mean_name] = impl::number(s.mean);
  j["std_dev"] = impl::number(s.std_dev);
  j["min"] = impl::number(s.min);
  j["max"] = impl::number(s.max);
  j["sum"] = impl::number(s.sum);
  j["valid_obs"] = s.valid_obs;
  j["missing_obs"] = s.missing_obs;
  if (of.weighted) j["sum_of_weights"] = impl::number(s.sum_of_weights);
  if (!of.order_statistics) return;
  j["median"] = impl::number(s.median);
  j["iqr"] = impl::number(s.iqr);
  j["mad"] = impl::number(s.mad);
}

std::vector<std::string> statistics_header(const std::string& first, const Summary& of) {
  std::vector<std::string> row{first, "Mean", "StdDev", "Min", "Max"};
  if (of.order_statistics) row.insert(row.end(), {"Median", "IQR", "MAD"});
  row.insert(row.end(), {of.weighted ? "SumOfWeights" : "ValidObs", "MissingObs"});
  return row;
}

std::vector<std::string> statistics_row(const std::string& name, const Statistics& s, const Summary& of) {
  std::vector<std::string> row{name, impl::significant(s.mean, 7), impl::significant(s.std_dev, 7), impl::significant(s.min, 7), impl::significant(s.max, 7)};
  if (of.order_statistics)
    for (double x : {s.median, s.iqr, s.mad}) row.push_back(impl::significant(x, 7));
  row.insert(row.end(), {of.weighted ? impl::significant(s.sum_of_weights, 7) : std::to_string(s.valid_obs), std::to_string(s.missing_obs)});
  return row;
}

std::string joined(const std::vector<std::string>& parts, const char* between) {
  std::string out;
  for (auto const& p : parts) out += (out.empty() ? "" : between) + p;
  return out;
}

}  // namespace

nlohmann::json to_json(const Summary& s) {
  nlohmann::json j;
  j["formula"] = s.formula;
  j["n_valid_obs"] = s.n_valid_obs;
  j["n_missing_obs"] = s.n_missing_obs;
  j["variables"] = nlohmann::json::array();
  for (auto const& v : s.variables) {
    nlohmann::json one{{"name", v.name}};
    put(one, v.statistics, s, "mean");
    j["variables"].push_back(std::move(one));
  }
  j["categorical"] = nlohmann::json::array();
  for (auto const& t : s.categorical) {
    nlohmann::json one{{"name", t.name}, {"factors", t.factors}, {"valid_obs", t.valid_obs}, {"missing_obs", t.missing_obs}};
    one["cells"] = nlohmann::json::array();
    for (auto const& c : t.cells) {
      nlohmann::json cell{{"levels", c.levels}, {"counts", impl::count(c.counts)}};
      if (t.numeric) put(cell, c.statistics, s, "means");
      one["cells"].push_back(std::move(cell));
    }
    j["categorical"].push_back(std::move(one));
  }
  return j;
}

std::string to_text(const Summary& s) {
  std::string out = "Summary of " + s.formula + "\nRows: " + std::to_string(s.n_valid_obs + s.n_missing_obs);
  if (s.n_missing_obs) out += " (" + std::to_string(s.n_missing_obs) + " left out for a missing value)";
  out += s.from_zone_map ? ", answered from the table's zone map\n" : "\n";
  if (!s.variables.empty()) {
    std::vector<std::vector<std::string>> rows{statistics_header("Name", s)};
    for (auto const& v : s.variables) rows.push_back(statistics_row(v.name, v.statistics, s));
    out += "\n" + impl::aligned(rows);
  }
  for (auto const& t : s.categorical) {
    out += "\n" + (t.numeric ? "Statistics of " + t.name : "Category counts of " + t.name) + "\n";
    std::vector<std::vector<std::string>> rows;
    if (t.numeric) {
      rows.push_back(statistics_header(joined(t.factors, ", "), s));
      for (auto const& c : t.cells) rows.push_back(statistics_row(joined(c.levels, ", "), c.statistics, s));
    } else {
      rows.push_back({joined(t.factors, ", "), "Counts"});
      for (auto const& c : t.cells) rows.push_back({joined(c.levels, ", "), impl::significant(c.counts, 15)});
    }
    out += impl::aligned(rows);
    if (t.missing_obs) out += "Missing: " + std::to_string(t.missing_obs) + "\n";
  }
  return out;
}

}  // namespace rxhpc
