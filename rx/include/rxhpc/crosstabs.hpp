// rxCrossTabs: contingency tables of counts, sums and means, with their tests.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rxhpc/contingency_tests.hpp"
#include "rxhpc/cube.hpp"

namespace rxhpc {

struct CrossTabsOptions {
  CubeOptions cube;          ///< `means`: whether text shows means
  bool percents = false;     ///< also each cell's percentage of its row, of its column and of the table
  bool marginals = false;    ///< text shows totals (means, where means are shown) of rows and columns
  bool chi_square = true, fisher = false, kendall = false, odds_ratio = false, risk_ratio = false, mantel_haenszel = false;
  bool pairwise = false;  ///< also tables of 2 by 2 with their risk and odds ratios
  bool pooled = true;     ///< of those: each level against all others pooled, else every two levels
  TableTestOptions tests;
};

/// One table: a variable (or the counts) by the first two factors, at one combination of levels of the others.
struct CrossTable {
  std::string variable;                  ///< `Counts` where there is none
  std::string name;                      ///< `ncontrols, tobgp = 10-19`
  std::vector<std::int32_t> codes;       ///< of the third and later factors
  TwoWay values, counts, means;          ///< values: sums, or counts where there is no variable
  std::vector<double> row_totals, column_totals, row_means, column_means;
  double grand_total = 0, grand_mean = 0, cramers_v = 0;
  TableTest chi_square, fisher, odds_ratio, risk_ratio;
  Kendall kendall;
  std::vector<TablePair> pairs;  ///< where asked for
};

struct CrossTabs {
  std::string formula;
  Cube cube;
  std::vector<CrossTable> tables;
  std::vector<TableTest> mantel_haenszel;   ///< [variables, or 1] over all tables of one variable, where there are three factors or more
  CrossTabsOptions options;
  std::vector<std::string> warnings;
  Timing timing;
};

/// Collective. The formula is a cube's: the first factor makes the rows, the second the columns, and there is a table for every combination
/// of the others. One pass; the tests see the tables alone. Every rank gets the result. Throws as cube() does.
CrossTabs cross_tabs(const ChunkSource& source, std::string_view formula, const CrossTabsOptions& options, Communicator& comm);

nlohmann::json to_json(const CrossTabs& tabs);
/// As R's xtabs and rxCrossTabs print it, each table with its tests.
std::string to_text(const CrossTabs& tabs);

}  // namespace rxhpc
