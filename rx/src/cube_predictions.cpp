#include "cube_predictions.hpp"

#include <limits>
#include <nlohmann/json.hpp>

#include "result_json.hpp"

namespace rxhpc::impl {
namespace {

/// Goes over the cells, first factor fastest: visit(cell, the level of each factor).
template <class Visit>
void for_each_cell(const CountDF& c, Visit&& visit) {
  std::vector<std::size_t> level(c.factors.size(), 0);
  for (std::size_t cell = 0; cell < c.counts.size(); ++cell) {
    visit(cell, level);
    for (std::size_t f = 0; f < level.size() && ++level[f] == c.factors[f].levels.size(); ++f) level[f] = 0;
  }
}

nlohmann::json by_response(const CountDF& c, const std::vector<std::vector<double>>& values, std::size_t cell) {
  auto j = nlohmann::json::object();
  for (std::size_t y = 0; y < values.size(); ++y) j[c.responses[y]] = number(values[y][cell]);
  return j;
}

}  // namespace

CountDF count_cells(const Regression& r, const RegressionSums& sums, bool weighted) {
  CountDF out;
  for (int v : r.design.terms[0].variables) out.factors.push_back({shown_name(r.design.variables[v]), r.design.variables[v].levels});
  out.weighted = weighted;
  out.valid_obs = sums.cube_rows;
  for (std::size_t cell = 0; cell < out.valid_obs.size(); ++cell)
    out.counts.push_back(weighted ? static_cast<double>(sums.gram(0, static_cast<int>(cell) + r.skip()))
                                  : static_cast<double>(out.valid_obs[cell]));
  return out;
}

std::vector<double> predict_cells(const Regression& r, const RegressionSums& sums, const std::vector<DD>& beta, DD beside) {
  auto const cells = sums.cube_rows.size();
  DD others(0);
  for (auto j = cells; j < beta.size(); ++j) others += beta[j] * sums.gram(0, static_cast<int>(j) + r.skip());
  if (beta.size() > cells) others = others / sums.gram(0, 0);
  others += beside;
  std::vector<double> out;
  for (std::size_t cell = 0; cell < cells; ++cell)
    out.push_back(sums.cube_rows[cell] > 0 ? static_cast<double>(beta[cell] + others) : std::numeric_limits<double>::quiet_NaN());
  return out;
}

nlohmann::json count_df_json(const CountDF& c) {
  nlohmann::json j{{"factors", nlohmann::json::array()}, {"cells", nlohmann::json::array()}};
  for (auto const& f : c.factors) j["factors"].push_back({{"name", f.name}, {"levels", f.levels}});
  for_each_cell(c, [&](std::size_t cell, const std::vector<std::size_t>& level) {
    nlohmann::json one{{"levels", nlohmann::json::array()}, {"counts", count(c.counts[cell])}, {"valid_obs", c.valid_obs[cell]}};
    for (std::size_t f = 0; f < level.size(); ++f) one["levels"].push_back(c.factors[f].levels[level[f]]);
    if (!c.means.empty()) one["means"] = by_response(c, c.means, cell);
    if (!c.links.empty()) one["links"] = by_response(c, c.links, cell);
    j["cells"].push_back(std::move(one));
  });
  return j;
}

std::string count_df_text(const CountDF& c) {
  std::vector<std::vector<std::string>> lines(c.counts.size() + 1);
  std::string title = "\nCells of ";
  for (std::size_t f = 0; f < c.factors.size(); ++f) {
    title += (f ? ":" : "") + c.factors[f].name;
    lines[0].push_back(c.factors[f].name);
  }
  for_each_cell(c, [&](std::size_t cell, const std::vector<std::size_t>& level) {
    for (std::size_t f = 0; f < level.size(); ++f) lines[cell + 1].push_back(c.factors[f].levels[level[f]]);
  });
  auto const column = [&](const std::string& name, const std::vector<double>& values) {
    auto const text = formatted(values, 7);
    lines[0].push_back(name);
    for (std::size_t cell = 0; cell < text.size(); ++cell) lines[cell + 1].push_back(text[cell]);
  };
  column("Counts", c.counts);
  if (c.weighted) column("ValidObs", {c.valid_obs.begin(), c.valid_obs.end()});
  for (std::size_t y = 0; y < c.means.size(); ++y) column("Mean of " + c.responses[y], c.means[y]);
  for (auto const& links : c.links) column("Link", links);
  return title + (c.means.empty() ? ":\n" : " and their predictions:\n") + aligned(lines) + "\n";
}

}  // namespace rxhpc::impl
