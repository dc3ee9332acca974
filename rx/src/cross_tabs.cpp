#include <algorithm>
#include <cmath>

#include "cube_result.hpp"
#include "memory_check.hpp"
#include "rxhpc/crosstabs.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc {
namespace {

std::size_t shown_levels(const CubeFactor& f) { return f.levels.size() + f.missing_level; }

constexpr double bytes_of_pair = 4096;   // itself, and as JSON and text
constexpr double bytes_of_number = 100;  // of a table: sums, counts, means, and its text, as measured

TwoWay zeros(std::size_t rows, std::size_t columns) { return {rows, columns, std::vector<double>(rows * columns, 0)}; }

/// Table number k of a variable (-1: counts) as the cells have it: cell i + rows (j + columns k).
CrossTable table_of(const Cube& cube, int variable, std::size_t k) {
  std::size_t const rows = shown_levels(cube.factors[0]), columns = cube.factors.size() > 1 ? shown_levels(cube.factors[1]) : 1;
  CrossTable t;
  t.variable = variable < 0 ? "Counts" : cube.variables[static_cast<std::size_t>(variable)];
  t.name = t.variable;
  t.values = t.counts = t.means = zeros(rows, columns);
  std::size_t const first = rows * columns * k;
  for (std::size_t f = 2; f < cube.factors.size(); ++f) {
    t.codes.push_back(cube.codes[f][first]);
    t.name += ", " + cube.factors[f].name + " = " + impl::level_text(cube.factors[f], t.codes.back());
  }
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) {
      std::size_t const cell = first + i + rows * j, at = i * columns + j;
      t.counts.values[at] = cube.counts[cell];
      t.values.values[at] = variable < 0 ? cube.counts[cell] : cube.sums[static_cast<std::size_t>(variable)][cell];
      t.means.values[at] = variable < 0 ? cube.counts[cell] : cube.means[static_cast<std::size_t>(variable)][cell];
    }
  return t;
}

void add_totals(CrossTable& t) {
  auto const totals = [](const TwoWay& of, bool by_row) {
    std::vector<double> out(by_row ? of.rows : of.columns, 0);
    for (std::size_t i = 0; i < of.rows; ++i)
      for (std::size_t j = 0; j < of.columns; ++j) out[by_row ? i : j] += of.at(i, j);
    return out;
  };
  t.row_totals = totals(t.values, true);
  t.column_totals = totals(t.values, false);
  for (double r : t.row_totals) t.grand_total += r;
  // where a total is beyond the doubles, the mean is that of the cells' means, scaled
  constexpr int scale = 128;
  auto const mean = [](double sum, double scaled, double count) {
    return !(count > 0) ? std::nan("") : std::isfinite(sum) ? sum / count : std::ldexp(scaled / count, scale);
  };
  TwoWay scaled = zeros(t.counts.rows, t.counts.columns);
  for (std::size_t k = 0; k < scaled.values.size(); ++k)
    if (double const n = t.counts.values[k]; n > 0) scaled.values[k] = n * std::ldexp(t.means.values[k], -scale);
  double all = 0, all_scaled = 0;
  for (bool by_row : {true, false}) {
    auto const& sums = by_row ? t.row_totals : t.column_totals;
    auto const counts = totals(t.counts, by_row), scaled_sums = totals(scaled, by_row);
    for (std::size_t k = 0; k < sums.size(); ++k) {
      (by_row ? t.row_means : t.column_means).push_back(mean(sums[k], scaled_sums[k], counts[k]));
      if (by_row) all += counts[k], all_scaled += scaled_sums[k];
    }
  }
  t.grand_mean = mean(t.grand_total, all_scaled, all);
}

void add_tests(CrossTable& t, const CrossTabsOptions& o) {
  t.cramers_v = cramers_v(t.values);
  if (o.chi_square) t.chi_square = chi_squared(t.values);
  if (o.fisher) t.fisher = fisher(t.values, o.tests);
  if (o.kendall) t.kendall = kendall(t.values, o.tests);
  if (o.odds_ratio) t.odds_ratio = odds_ratio(t.values, o.tests.conf_level, o.tests.alternative);
  if (o.risk_ratio) t.risk_ratio = risk_ratio(t.values, o.tests.conf_level, o.tests.alternative);
  if (o.pairwise) t.pairs = pairwise(t.values, o.pooled, o.tests.conf_level);
}

bool asks_for_tests(const CrossTabsOptions& o) { return o.chi_square || o.fisher || o.kendall || o.odds_ratio || o.risk_ratio; }

/// Two rows and two columns have something in them.
bool varies(const CrossTable& t) {
  auto const used = [](const std::vector<double>& totals) { return std::count_if(totals.begin(), totals.end(), [](double x) { return x != 0; }); };
  return t.values.columns < 2 || (used(t.row_totals) > 1 && used(t.column_totals) > 1);
}

}  // namespace

CrossTabs cross_tabs(const ChunkSource& source, std::string_view formula, const CrossTabsOptions& options, Communicator& comm) {
  CrossTabs out;
  auto dense = options.cube;
  dense.sparse = dense.remove_zero_counts = false;  // tables are whole; to_json leaves cells out where that is asked for
  out.cube = cube(source, formula, dense, comm);
  out.formula = out.cube.formula;
  out.timing = out.cube.timing;
  out.options = options;
  std::size_t tables = 1;
  for (std::size_t f = 2; f < out.cube.factors.size(); ++f) tables *= shown_levels(out.cube.factors[f]);
  int const variables = static_cast<int>(out.cube.variables.size());
  together(comm, [&] {
    double const numbers = static_cast<double>(out.cube.cells()) * std::max(variables, 1);
    impl::require_memory(options.cube.run.memory_limit, bytes_of_number * numbers,
                         "the tables of " + std::to_string(static_cast<long long>(numbers)) + " cells");
    if (options.pairwise) {
      auto const shape = zeros(shown_levels(out.cube.factors[0]), out.cube.factors.size() > 1 ? shown_levels(out.cube.factors[1]) : 1);
      double const pairs = pairwise_tables(shape, options.pooled) * static_cast<double>(tables) * std::max(variables, 1);
      impl::require_memory(options.cube.run.memory_limit, pairs * bytes_of_pair,
                           "the " + std::to_string(static_cast<long long>(pairs)) + " tables of --pairwise");
    }
    for (int v = variables > 0 ? 0 : -1; v < variables; ++v) {
      std::vector<TwoWay> strata;
      for (std::size_t k = 0; k < tables; ++k) {
        auto& t = out.tables.emplace_back(table_of(out.cube, v, k));
        add_totals(t);
        add_tests(t, options);
        if (asks_for_tests(options) && !varies(t)) out.warnings.push_back("'" + t.name + "': all rows are in one row or column of the table: there is nothing to test");
        if (!t.fisher.valid && !t.fisher.method.empty()) out.warnings.push_back("Fisher's test of " + t.name + ": " + t.fisher.method);
        strata.push_back(t.values);
      }
      if (options.mantel_haenszel && tables > 1) out.mantel_haenszel.push_back(mantel_haenszel(strata, options.tests.conf_level));
    }
  });
  return out;
}

}  // namespace rxhpc
