// Tests and measures of association of two-way tables.
#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace rxhpc {

/// [rows x columns] counts or sums, row by row.
struct TwoWay {
  std::size_t rows = 0, columns = 0;
  std::vector<double> values;
  double at(std::size_t i, std::size_t j) const { return values[i * columns + j]; }
};

/// What a test found; NaN where there is none. `valid` false: the table gives no answer; where it is too large for one, `method` says so.
struct TableTest {
  static constexpr double none = std::numeric_limits<double>::quiet_NaN();
  bool valid = false;
  std::string method;
  double statistic = none, df = none, p_value = none, estimate = none, conf_low = none, conf_high = none;
};

struct Kendall {
  bool valid = false;
  std::string method;  ///< exact, asymptotic or permutation
  double tau_a = TableTest::none, tau_b = TableTest::none, tau_c = TableTest::none, z = TableTest::none, p_value = TableTest::none;
};

/// What a ratio is tested against 1 for: that it differs, is below, is above. Intervals of the latter two have one end.
enum class Alternative { two_sided, less, greater };

struct TableTestOptions {
  double conf_level = 0.95;
  Alternative alternative = Alternative::two_sided;  ///< of odds and risk ratios
  std::uint64_t seed = 1;
  int simulations = 10000;          ///< tables drawn where no other way ends in time, or is asked for
  std::int64_t most_steps = 200000000;  ///< of the exact test before it gives way to simulation
  bool permute = false;             ///< Kendall: p by simulation, as RevoScaleR
};

/// Pearson's test of independence, empty rows and columns left out; Yates' correction for 2 by 2 (as R's chisq.test).
TableTest chi_squared(const TwoWay& table, bool yates = true);
/// sqrt(chi-squared / (n (min(r, c) - 1))), without correction; NaN where there is none.
double cramers_v(const TwoWay& table);
/// Fisher's exact test of whole counts. 2 by 2: conditional maximum-likelihood odds ratio in `estimate` with its exact interval. Larger: all
/// tables of these margins in a network with bounds of what is still to come; where that takes too long, simulated (method says so). None
/// of more than 5e7 rows.
TableTest fisher(const TwoWay& table, const TableTestOptions& options = {});
/// Kendall's tau a, b and c (Stuart). p: exact without ties and below 50 rows, else normal with the variance of ties (as R's cor.test).
Kendall kendall(const TwoWay& table, const TableTestOptions& options = {});
/// ad / bc of [a b; c d] with Woolf's interval; statistic is the logarithm over its standard error.
TableTest odds_ratio(const TwoWay& table, double conf_level = 0.95, Alternative alternative = Alternative::two_sided);
/// (d / (c + d)) / (b / (a + b)): the second column is the event, as RevoScaleR has it.
TableTest risk_ratio(const TwoWay& table, double conf_level = 0.95, Alternative alternative = Alternative::two_sided);

/// A table of 2 by 2 out of a larger one.
struct TablePair {
  static constexpr std::size_t others = static_cast<std::size_t>(-1);  ///< all levels but the other of the pair, pooled
  std::size_t first_row = others, row = 0, first_column = others, column = 0;
  TwoWay values = {};  ///< rows first_row and row, columns first_column and column
  TableTest risk_ratio = {}, odds_ratio = {};
};

/// RevoScaleR's rxPairwiseCrossTab. Pooled: each row against all other rows, and each column against all other columns, [rows x columns]
/// tables, columns fastest: the risk ratio is that of the column in the row over that in the other rows. Else a table for every two rows
/// and every two columns in that order, the later row over the earlier one, the later column being the event. None where there are not two
/// rows and columns. O(rows columns), or the number of tables.
std::vector<TablePair> pairwise(const TwoWay& table, bool pooled, double conf_level = 0.95);
/// How many that are.
double pairwise_tables(const TwoWay& table, bool pooled);

/// Cochran, Mantel and Haenszel over strata of one shape. 2 by 2: common odds ratio in `estimate`, continuity correction; larger: the generalised
/// test (Agresti, Categorical Data Analysis, 7.5.3). As R's mantelhaen.test.
TableTest mantel_haenszel(const std::vector<TwoWay>& strata, double conf_level = 0.95);

}  // namespace rxhpc
