// A histogram as JSON and as text.
#include <algorithm>

#include "result_json.hpp"
#include "rxhpc/histogram.hpp"

namespace rxhpc {
namespace {

nlohmann::json values_of(const std::vector<double>& values, bool counts = false) {
  auto out = nlohmann::json::array();
  for (double v : values) out.push_back(counts ? impl::count(v) : impl::number(v));
  return out;
}

void put(nlohmann::json& j, const Histogram& h, const HistogramPanel& panel) {
  j["counts"] = values_of(panel.counts, true);
  j["percents"] = values_of(h.percents(panel));
  if (!h.breaks.empty()) j["density"] = values_of(h.density(panel));
  j["total"] = impl::count(panel.total);
}

std::string bars(const Histogram& h, const HistogramPanel& panel, bool percent) {
  constexpr double longest = 50;
  auto const values = percent ? h.percents(panel) : panel.counts;
  double const most = std::max(1e-300, values.empty() ? 0 : *std::max_element(values.begin(), values.end()));
  std::vector<std::vector<std::string>> rows{{h.variable, percent ? "Percent" : "Counts", ""}};
  for (std::size_t k = 0; k < values.size(); ++k) {
    auto name = h.categories.empty() ? "" : h.categories[k];
    if (h.categories.empty()) {
      bool const first = k == 0, last = k + 1 == values.size();
      name = (h.right && !first ? "(" : "[") + impl::significant(h.breaks[k], 7) + ", " + impl::significant(h.breaks[k + 1], 7) + (h.right || last ? "]" : ")");
    }
    rows.push_back({name, impl::significant(values[k], percent ? 4 : 15), ""});
  }
  auto const table = impl::aligned(rows);
  // Bars begin where the longest line ends.
  std::string out;
  std::size_t width = 0, at = 0;
  for (std::size_t end; (end = table.find('\n', at)) != std::string::npos; at = end + 1) width = std::max(width, end - at);
  at = 0;
  for (std::size_t k = 0, end; (end = table.find('\n', at)) != std::string::npos; at = end + 1, ++k) {
    auto line = table.substr(at, end - at);
    if (k > 0) {
      auto const size = static_cast<std::size_t>(std::max(0.0, std::ceil(longest * values[k - 1] / most - 1e-9)));
      if (size > 0) line += std::string(width + 2 - line.size(), ' ') + std::string(std::min<std::size_t>(size, 50), '#');
    }
    out += line + "\n";
  }
  return out;
}

}  // namespace

nlohmann::json to_json(const Histogram& h) {
  nlohmann::json j{{"formula", h.formula}, {"variable", h.variable}, {"factors", h.factors}, {"n_valid_obs", h.n_valid_obs}, {"n_missing_obs", h.n_missing_obs}, {"outside", h.outside}};
  if (h.categories.empty()) {
    std::vector<double> mids;
    for (std::size_t k = 1; k < h.breaks.size(); ++k) mids.push_back(0.5 * (h.breaks[k - 1] + h.breaks[k]));
    j["breaks"] = values_of(h.breaks);
    j["mids"] = values_of(mids);
    j["right"] = h.right;
    j["equidist"] = h.equal_widths;
  } else {
    j["levels"] = h.categories;
  }
  put(j, h, h.all);
  j["panels"] = nlohmann::json::array();
  for (auto const& p : h.panels) {
    nlohmann::json one{{"levels", p.levels}};
    put(one, h, p);
    j["panels"].push_back(std::move(one));
  }
  return j;
}

std::string to_text(const Histogram& h, bool percent) {
  std::string out = "Histogram of " + h.formula + "\nRows: " + std::to_string(h.n_valid_obs + h.n_missing_obs);
  if (h.n_missing_obs) out += ", " + std::to_string(h.n_missing_obs) + " missing";
  if (h.outside) out += ", " + std::to_string(h.outside) + " outside the breaks";
  out += "\n";
  for (auto const& p : h.panels) {
    std::string name;
    for (std::size_t f = 0; f < p.levels.size(); ++f) name += (f ? ", " : "") + h.factors[f] + "=" + p.levels[f];
    out += "\n" + (name.empty() ? "" : name + "\n") + bars(h, p, percent);
  }
  return out;
}

}  // namespace rxhpc
