// A cube as JSON, as text and as a table.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>

#include "cube_result.hpp"
#include "result_json.hpp"
#include "rxhpc/cube.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/expression.hpp"
#include "rxhpc/kokkos.hpp"
#include "rxhpc/view_source.hpp"

namespace rxhpc {
namespace {

/// Every level as a whole number; empty where one is none.
std::vector<std::int32_t> whole_levels(const CubeFactor& f) {
  std::vector<std::int32_t> values;
  for (auto const& level : f.levels) {
    std::int32_t value = 0;
    auto const [end, error] = std::from_chars(level.data(), level.data() + level.size(), value);
    if (error != std::errc() || end != level.data() + level.size()) return {};
    values.push_back(value);
  }
  return values;
}

template <class T>
using Rows = Kokkos::View<T*, Kokkos::HostSpace>;

template <class T, class Value>
Rows<T> filled(const std::string& name, std::size_t rows, Value&& value) {
  Rows<T> column(Kokkos::view_alloc(Kokkos::WithoutInitializing, "rxhpc::Cube::" + name), rows);
  for (std::size_t i = 0; i < rows; ++i) column(i) = value(i);
  return column;
}

ViewColumn factor_column(const Cube& cube, std::size_t f) {
  auto const& factor = cube.factors[f];
  auto const& codes = cube.codes[f];
  auto const levels = static_cast<std::int32_t>(factor.levels.size());
  if (auto const whole = factor.integer ? whole_levels(factor) : std::vector<std::int32_t>{}; !whole.empty())
    return ViewColumn(factor.name, filled<std::int32_t>(factor.name, codes.size(), [&](std::size_t i) {
                        return codes[i] < levels ? whole[static_cast<std::size_t>(codes[i])] : static_cast<std::int32_t>(missing_code(Storage::int32));
                      }));
  auto const code = [&](std::size_t i) { return codes[i] < levels ? codes[i] : -1; };
  if (levels < 128) return ViewColumn(factor.name, filled<std::int8_t>(factor.name, codes.size(), code), factor.levels);
  if (levels < 32768) return ViewColumn(factor.name, filled<std::int16_t>(factor.name, codes.size(), code), factor.levels);
  return ViewColumn(factor.name, filled<std::int32_t>(factor.name, codes.size(), code), factor.levels);
}

}  // namespace

std::unique_ptr<ChunkSource> rows_of(const Cube& cube) {
  impl::refuse_double_names(cube);
  std::vector<ViewColumn> columns;
  for (std::size_t f = 0; f < cube.factors.size(); ++f) columns.push_back(factor_column(cube, f));
  auto const& statistic = cube.shows_means ? cube.means : cube.sums;
  for (std::size_t v = 0; v < cube.variables.size(); ++v)
    columns.emplace_back(cube.variables[v], filled<double>(cube.variables[v], cube.cells(), [&](std::size_t i) {
                           return statistic[v][i] == statistic[v][i] ? statistic[v][i] : na_value();
                         }));
  bool whole = true;
  for (double n : cube.counts) whole = whole && n == std::floor(n) && n < 2147483648.0;
  if (whole) columns.emplace_back("Counts", filled<std::int32_t>("Counts", cube.cells(), [&](std::size_t i) { return static_cast<std::int32_t>(cube.counts[i]); }));
  else columns.emplace_back("Counts", filled<double>("Counts", cube.cells(), [&](std::size_t i) { return cube.counts[i]; }));
  return std::make_unique<ViewSource>(std::move(columns), default_chunk_rows, ViewSource::Rows::replicated);
}

namespace impl {

nlohmann::json cube_json(const Cube& c) {
  nlohmann::json j{{"formula", c.formula}, {"n_valid_obs", c.n_valid_obs}, {"n_missing_obs", c.n_missing_obs}};
  j["factors"] = nlohmann::json::array();
  for (auto const& f : c.factors) {
    nlohmann::json levels = f.levels;
    if (f.missing_level) levels.push_back(nullptr);
    j["factors"].push_back({{"name", f.name}, {"levels", std::move(levels)}});
  }
  j["variables"] = c.variables;
  if (c.weighted) {
    double total = 0;
    for (double w : c.counts) total += w;
    j["sum_of_weights"] = count(total);
  }
  auto cells = nlohmann::json::array();
  for (std::size_t i = 0; i < c.cells(); ++i) {
    auto levels = nlohmann::json::array();
    for (std::size_t f = 0; f < c.factors.size(); ++f) {
      auto const code = static_cast<std::size_t>(c.codes[f][i]);
      if (code < c.factors[f].levels.size()) levels.push_back(c.factors[f].levels[code]);
      else levels.push_back(nullptr);
    }
    nlohmann::json cell{{"levels", std::move(levels)}, {"counts", count(c.counts[i])}};
    if (!c.variables.empty()) cell["sums"] = cell["means"] = nlohmann::json::object();
    for (std::size_t v = 0; v < c.variables.size(); ++v) {
      cell["sums"][c.variables[v]] = number(c.sums[v][i]);
      cell["means"][c.variables[v]] = number(c.means[v][i]);
    }
    cells.push_back(std::move(cell));
  }
  j["cells"] = std::move(cells);
  return j;
}

std::string cube_header(const Cube& c, const std::string& title, const std::string& statistic) {
  std::string out = title + c.formula + "\n";
  if (!c.variables.empty()) {
    out += "Dependent variable(s): ";
    for (std::size_t v = 0; v < c.variables.size(); ++v) out += (v ? ", " : "") + c.variables[v];
    out += "\n";
  }
  out += "Number of valid observations: " + std::to_string(c.n_valid_obs) + "\n";
  out += "Number of missing observations: " + std::to_string(c.n_missing_obs) + "\n";
  return out + "Statistic: " + statistic + "\n";
}

void refuse_double_names(const Cube& c) {
  std::vector<std::string> names;
  for (auto const& f : c.factors) names.push_back(f.name);
  names.insert(names.end(), c.variables.begin(), c.variables.end());
  names.emplace_back("Counts");
  for (std::size_t k = 0; k < names.size(); ++k)
    if (std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(k), names[k]) !=
        names.begin() + static_cast<std::ptrdiff_t>(k))
      throw UsageError("the table of cells would have two columns named '" + names[k] + "'" +
                       (k + 1 == names.size() ? ", one of them the counts" : "") +
                       "; give the formula's another name: --transform 'NAME = " + quoted_name(names[k]) + "'");
}

std::string level_text(const CubeFactor& f, std::int32_t code) {
  return code < static_cast<std::int32_t>(f.levels.size()) ? f.levels[static_cast<std::size_t>(code)] : "<NA>";
}

}  // namespace impl

nlohmann::json to_json(const Cube& c) { return impl::cube_json(c); }

std::string to_text(const Cube& c, std::size_t most_rows) {
  std::string statistic = c.variables.empty() ? "counts" : c.shows_means ? "means" : "sums";
  if (c.variables.size() == 1) statistic = c.variables[0] + " " + statistic;
  std::string out = impl::cube_header(c, "Cube Results for: ", statistic) + "\n";
  auto const shown = std::min(most_rows, c.cells());
  std::vector<std::vector<std::string>> columns;
  columns.push_back({""});
  for (std::size_t i = 0; i < shown; ++i) columns[0].push_back(std::to_string(i + 1));
  for (std::size_t f = 0; f < c.factors.size(); ++f) {
    columns.push_back({c.factors[f].name});
    for (std::size_t i = 0; i < shown; ++i) columns.back().push_back(impl::level_text(c.factors[f], c.codes[f][i]));
  }
  auto const numbers = [&](const std::string& name, const std::vector<double>& values) {
    auto text = impl::formatted(std::vector<double>(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(shown)), 7);
    text.insert(text.begin(), name);
    columns.push_back(std::move(text));
  };
  for (std::size_t v = 0; v < c.variables.size(); ++v) numbers(c.variables[v], (c.shows_means ? c.means : c.sums)[v]);
  numbers("Counts", c.counts);
  std::vector<std::vector<std::string>> lines(shown + 1);
  for (auto const& column : columns)
    for (std::size_t i = 0; i <= shown; ++i) lines[i].push_back(column[i]);
  out += impl::aligned(lines);
  if (shown < c.cells()) out += "... and " + std::to_string(c.cells() - shown) + " more cells\n";
  return out;
}

}  // namespace rxhpc
