// Cross tables as JSON and as text.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "cube_result.hpp"
#include "result_json.hpp"
#include "rxhpc/crosstabs.hpp"

namespace rxhpc {
namespace {

using nlohmann::json;

json level_json(const CubeFactor& f, std::int32_t code) {
  if (code < static_cast<std::int32_t>(f.levels.size())) return f.levels[static_cast<std::size_t>(code)];
  return nullptr;
}

json levels_json(const CubeFactor& f) {
  json levels = f.levels;
  if (f.missing_level) levels.push_back(nullptr);
  return levels;
}

json counts_json(const std::vector<double>& x) {
  auto out = json::array();
  for (double v : x) out.push_back(impl::count(v));
  return out;
}

json rows_json(const TwoWay& t, bool whole) {
  auto out = json::array();
  for (std::size_t i = 0; i < t.rows; ++i) {
    auto row = json::array();
    for (std::size_t j = 0; j < t.columns; ++j) row.push_back(whole ? impl::count(t.at(i, j)) : impl::number(t.at(i, j)));
    out.push_back(std::move(row));
  }
  return out;
}

json test_json(const TableTest& t) {
  if (!t.valid) return nullptr;
  return {{"statistic", impl::number(t.statistic)}, {"df", impl::number(t.df)}, {"p_value", impl::number(t.p_value)}, {"method", t.method}};
}

json chi_square_json(const TableTest& t) {
  auto j = test_json(t);
  if (t.valid) j["df"] = static_cast<std::int64_t>(t.df);
  return j;
}

json fisher_json(const TableTest& t) {
  auto j = test_json(t);
  if (!t.valid) return j;
  j["conf_low"] = impl::number(t.conf_low);
  j["conf_high"] = impl::number(t.conf_high);
  return j;
}

json ratio_json(const TableTest& t) {
  if (!t.valid) return nullptr;
  return {{"estimate", impl::number(t.estimate)}, {"log_estimate", impl::number(std::log(t.estimate))}, {"conf_low", impl::number(t.conf_low)},
          {"conf_high", impl::number(t.conf_high)}, {"p_value", impl::number(t.p_value)}};
}

json kendall_json(const Kendall& k) {
  if (!k.valid) return nullptr;
  return {{"statistic", impl::number(k.tau_b)}, {"tau_a", impl::number(k.tau_a)}, {"tau_b", impl::number(k.tau_b)}, {"tau_c", impl::number(k.tau_c)},
          {"z", impl::number(k.z)}, {"df", nullptr}, {"p_value", impl::number(k.p_value)}, {"method", k.method}};
}

json pair_json(const Cube& cube, const TablePair& p) {
  json j{{"values", rows_json(p.values, true)}, {"risk_ratio", ratio_json(p.risk_ratio)}, {"odds_ratio", ratio_json(p.odds_ratio)}};
  auto const level = [](const CubeFactor& f, std::size_t code) { return level_json(f, static_cast<std::int32_t>(code)); };
  auto const row = level(cube.factors[0], p.row), column = level(cube.factors[1], p.column);
  if (p.first_row == TablePair::others) {
    j["row_level"] = row;
    j["col_level"] = column;
  } else {
    j["row_levels"] = {level(cube.factors[0], p.first_row), row};
    j["col_levels"] = {level(cube.factors[1], p.first_column), column};
  }
  return j;
}

enum class Whole { row, column, table };

/// 100 times each value over the total of its row, its column or the table; NaN where that is 0.
TwoWay percents(const CrossTable& t, Whole whole) {
  TwoWay out = t.values;
  for (std::size_t i = 0; i < out.rows; ++i)
    for (std::size_t j = 0; j < out.columns; ++j) {
      double const total = whole == Whole::row ? t.row_totals[i] : whole == Whole::column ? t.column_totals[j] : t.grand_total;
      out.values[i * out.columns + j] = total != 0 ? 100 * t.values.at(i, j) / total : TableTest::none;
    }
  return out;
}

json table_json(const Cube& cube, const CrossTable& t, bool means, const CrossTabsOptions& options) {
  json j{{"name", t.name}, {"variable", t.variable}, {"row_levels", levels_json(cube.factors[0])}};
  j["levels"] = json::array();
  for (std::size_t f = 2; f < cube.factors.size(); ++f) j["levels"].push_back(level_json(cube.factors[f], t.codes[f - 2]));
  j["col_levels"] = cube.factors.size() > 1 ? levels_json(cube.factors[1]) : json::array({t.variable});
  j["values"] = rows_json(t.values, true);
  j["row_totals"] = counts_json(t.row_totals);
  j["col_totals"] = counts_json(t.column_totals);
  j["grand_total"] = impl::count(t.grand_total);
  if (options.percents) {
    j["row_percents"] = rows_json(percents(t, Whole::row), false);
    j["col_percents"] = rows_json(percents(t, Whole::column), false);
    j["percents"] = rows_json(percents(t, Whole::table), false);
  }
  if (means) {
    j["means"] = rows_json(t.means, false);
    j["row_means"] = impl::numbers({t.row_means})[0];
    j["col_means"] = impl::numbers({t.column_means})[0];
    j["grand_mean"] = impl::number(t.grand_mean);
  }
  j["chisquare"] = chi_square_json(t.chi_square);
  j["fisher"] = fisher_json(t.fisher);
  j["kendall"] = kendall_json(t.kendall);
  j["odds_ratio"] = ratio_json(t.odds_ratio);
  j["risk_ratio"] = ratio_json(t.risk_ratio);
  j["cramers_v"] = impl::number(t.cramers_v);
  if (options.pairwise) j["pairwise"] = json::array();
  for (auto const& p : t.pairs) j["pairwise"].push_back(pair_json(cube, p));
  return j;
}

std::vector<std::string> level_texts(const CubeFactor& f) {
  auto texts = f.levels;
  if (f.missing_level) texts.emplace_back("<NA>");
  return texts;
}

/// Rows and columns as R prints a table: the factors' names stand above their levels.
std::string table_text(const CrossTabs& x, const CrossTable& t) {
  auto const& factors = x.cube.factors;
  bool const means = x.options.cube.means && !x.cube.variables.empty(), margins = x.options.marginals, two = factors.size() > 1;
  auto const& shown = means ? t.means : t.values;
  auto columns = two ? level_texts(factors[1]) : std::vector<std::string>{t.variable};
  auto rows = level_texts(factors[0]);
  std::vector<std::vector<std::string>> lines(shown.rows + 2 + margins);
  lines[0] = {"", two ? factors[1].name : ""};
  lines[1] = {factors[0].name};
  for (std::size_t i = 0; i < shown.rows; ++i) lines[i + 2] = {"  " + rows[i]};
  if (margins) lines.back() = {means ? "  Mean" : "  Total"};
  auto const column = [&](const std::string& name, std::vector<double> values, double last) {
    if (margins) values.push_back(last);
    lines[1].push_back(name);
    auto const text = impl::formatted(values, 7);
    for (std::size_t i = 0; i < text.size(); ++i) lines[i + 2].push_back(text[i]);
  };
  for (std::size_t j = 0; j < shown.columns; ++j) {
    std::vector<double> values;
    for (std::size_t i = 0; i < shown.rows; ++i) values.push_back(shown.at(i, j));
    column(columns[j], std::move(values), means ? t.column_means[j] : t.column_totals[j]);
  }
  if (margins && two) column(means ? "Mean" : "Total", means ? t.row_means : t.row_totals, means ? t.grand_mean : t.grand_total);
  return impl::aligned(lines);
}

/// Percentages to two decimals, in the shape of the table.
std::string percents_text(const CrossTabs& x, const CrossTable& t) {
  if (!x.options.percents) return "";
  auto const& factors = x.cube.factors;
  bool const two = factors.size() > 1;
  auto const columns = two ? level_texts(factors[1]) : std::vector<std::string>{t.variable}, rows = level_texts(factors[0]);
  std::string out;
  for (auto const& [title, whole] : {std::pair{"Row %", Whole::row}, {"Column %", Whole::column}, {"Total %", Whole::table}}) {
    auto const shares = percents(t, whole);
    std::vector<std::vector<std::string>> lines(shares.rows + 1);
    lines[0] = {title};
    lines[0].insert(lines[0].end(), columns.begin(), columns.end());
    for (std::size_t i = 0; i < shares.rows; ++i) {
      lines[i + 1] = {"  " + rows[i]};
      for (std::size_t j = 0; j < shares.columns; ++j) {
        char text[32];
        std::snprintf(text, sizeof text, "%.2f", shares.at(i, j));
        lines[i + 1].push_back(std::isnan(shares.at(i, j)) ? "NA" : text);
      }
    }
    out += impl::aligned(lines);
  }
  return out;
}

std::string with_interval(const TableTest& t) {
  if (std::isnan(t.estimate)) return "";
  return ", estimate = " + impl::significant(t.estimate, 7) + " (" + impl::significant(t.conf_low, 7) + ", " + impl::significant(t.conf_high, 7) + ")";
}

std::string tests_text(const CrossTable& t) {
  std::string out;
  if (t.chi_square.valid)
    out += t.chi_square.method + ": X-squared = " + impl::significant(t.chi_square.statistic, 5) + ", df = " + impl::significant(t.chi_square.df, 7) +
           ", p-value " + (t.chi_square.p_value < 2e-16 ? "" : "= ") + impl::p_text(t.chi_square.p_value) + "\nCramer's V: " + impl::significant(t.cramers_v, 4) + "\n";
  auto const p = [](double value) { return ": p-value " + std::string(value < 2e-16 ? "" : "= ") + impl::p_text(value); };
  if (t.fisher.valid) out += "Fisher's test (" + t.fisher.method + ")" + p(t.fisher.p_value) + with_interval(t.fisher) + "\n";
  if (t.kendall.valid)
    out += "Kendall's tau (" + t.kendall.method + ")" + p(t.kendall.p_value) + ", tau-a = " + impl::significant(t.kendall.tau_a, 5) +
           ", tau-b = " + impl::significant(t.kendall.tau_b, 5) + ", tau-c = " + impl::significant(t.kendall.tau_c, 5) + "\n";
  if (t.odds_ratio.valid) out += "Odds ratio" + p(t.odds_ratio.p_value) + with_interval(t.odds_ratio) + "\n";
  if (t.risk_ratio.valid) out += "Risk ratio" + p(t.risk_ratio.p_value) + with_interval(t.risk_ratio) + "\n";
  return out;
}

/// A line a table of 2 by 2, its ratios with their intervals.
std::string pairs_text(const CrossTabs& x, const CrossTable& t) {
  if (t.pairs.empty()) return "";
  auto const& factors = x.cube.factors;
  std::vector<std::vector<std::string>> lines(t.pairs.size() + 1);
  lines[0] = {factors[0].name, factors[1].name};
  for (std::size_t k = 0; k < t.pairs.size(); ++k) {
    auto const level = [&](const CubeFactor& f, std::size_t first, std::size_t second) {
      auto const text = impl::level_text(f, static_cast<std::int32_t>(second));
      return first == TablePair::others ? text : text + " / " + impl::level_text(f, static_cast<std::int32_t>(first));
    };
    lines[k + 1] = {level(factors[0], t.pairs[k].first_row, t.pairs[k].row), level(factors[1], t.pairs[k].first_column, t.pairs[k].column)};
  }
  auto const ratio = [&](const char* name, TableTest TablePair::*which) {
    lines[0].insert(lines[0].end(), {name, "Lower", "Upper", "p-value"});
    for (std::size_t k = 0; k < t.pairs.size(); ++k) {
      auto const& r = t.pairs[k].*which;
      for (double v : {r.estimate, r.conf_low, r.conf_high})
        lines[k + 1].push_back(r.valid && !std::isnan(v) ? impl::significant(v, 5) : "NA");
      lines[k + 1].push_back(r.valid && !std::isnan(r.p_value) ? impl::p_text(r.p_value) : "NA");
    }
  };
  ratio("Risk ratio", &TablePair::risk_ratio);
  ratio("Odds ratio", &TablePair::odds_ratio);
  return std::string("Pairwise, ") + (x.options.pooled ? "each level over all others:" : "one level over another:") + "\n" +
         impl::aligned(lines);
}

}  // namespace

nlohmann::json to_json(const CrossTabs& x) {
  auto j = impl::cube_json(x.cube);
  if (x.options.cube.remove_zero_counts) {
    auto& cells = j["cells"];
    cells.erase(std::remove_if(cells.begin(), cells.end(), [](const json& c) { return c["counts"] == 0; }), cells.end());
  }
  j["tables"] = json::array();
  for (auto const& t : x.tables)
    j["tables"].push_back(table_json(x.cube, t, x.options.cube.means && !x.cube.variables.empty(), x.options));
  if (!x.warnings.empty()) j["warnings"] = x.warnings;
  if (!x.options.mantel_haenszel) return j;
  j["mantel_haenszel"] = json::array();
  for (auto const& t : x.mantel_haenszel) {
    auto one = chi_square_json(t);
    if (t.valid && !std::isnan(t.estimate)) one.update({{"estimate", impl::number(t.estimate)}, {"conf_low", impl::number(t.conf_low)}, {"conf_high", impl::number(t.conf_high)}});
    j["mantel_haenszel"].push_back(std::move(one));
  }
  return j;
}

std::string to_text(const CrossTabs& x) {
  bool const means = x.options.cube.means;
  std::string const statistic = x.cube.variables.empty() ? "counts" : means ? "means" : "sums";
  std::string out = impl::cube_header(x.cube, "Cross Tabulation Results for: ", statistic);
  for (auto const& t : x.tables)
    out += "\n" + t.name + (x.cube.variables.empty() ? "" : " (" + statistic + ")") + ":\n" + table_text(x, t) + percents_text(x, t) + tests_text(t) +
           pairs_text(x, t);
  for (auto const& t : x.mantel_haenszel)
    if (t.valid)
      out += "\n" + t.method + ": M^2 = " + impl::significant(t.statistic, 5) + ", df = " + impl::significant(t.df, 7) + ", p-value " +
             (t.p_value < 2e-16 ? "" : "= ") + impl::p_text(t.p_value) + with_interval(t) + "\n";
  for (auto const& w : x.warnings) out += "Note: " + w + "\n";
  return out;
}

}  // namespace rxhpc
