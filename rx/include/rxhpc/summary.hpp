// rxSummary: counts, means, standard deviations, minima and maxima, by variables and by cells of factors.
#pragma once
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "rxhpc/row_source.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc {

struct SummaryOptions {
  RowOptions rows;
  std::string pweights, fweights;  ///< a column's name; at most one
  bool by_term = true;             ///< false: a row missing in any variable of the formula is left out everywhere
  bool use_zone_map = true;        ///< false: read the rows even where the table knows the answer; the result's bits are the same
  RunOptions run;
  bool order_statistics = false;   ///< also median, interquartile range and median absolute deviation: two or more passes in addition
};

/// Statistics of one variable, or of one cell of a variable by factors. NaN where there is none.
struct Statistics {
  double mean = 0, std_dev = 0, min = 0, max = 0, sum = 0;
  std::int64_t valid_obs = 0, missing_obs = 0;
  double sum_of_weights = 0;  ///< of the valid rows; valid_obs where there are no weights
  /// With order_statistics: exact, quartiles as R's (type 7), mad = 1.4826 median(|x - median|). NaN for all cells of a term together.
  double median = std::numeric_limits<double>::quiet_NaN(), iqr = median, mad = median;
};

struct SummaryVariable {
  std::string name;
  Statistics statistics;
};

struct SummaryCell {
  std::vector<std::string> levels;  ///< one a factor
  double counts = 0;                ///< rows (sum of weights) in the cell where nothing is missing
  Statistics statistics;            ///< of the numeric part, where there is one
};

/// A term with factors: joint counts, or a variable by cells. First factor fastest.
struct SummaryTable {
  std::string name;
  std::vector<std::string> factors;
  bool numeric = false;
  std::vector<SummaryCell> cells;
  std::int64_t valid_obs = 0, missing_obs = 0;
};

struct Summary {
  std::string formula;
  bool weighted = false;
  std::vector<SummaryVariable> variables;
  std::vector<SummaryTable> categorical;
  std::int64_t n_valid_obs = 0, n_missing_obs = 0;
  bool order_statistics = false;
  bool from_zone_map = false;  ///< answered from what the table knows, without reading a row
  Timing timing;
};

/// Collective. `~ x + f + x:f + f:g`, `y ~ f` for `~ y:f`, `~ .` for all columns that are not text. Standard deviations divide by n - 1;
/// with pweights they are n/(n-1) of the weighted mean square, with fweights by sum of weights - 1. Missing values are left out term
/// by term. Reads each column once; cost about 12 flops a value, and a table update a row and factor term. State: O(cells).
/// Throws UsageError (formula, unknown column, a billion cells), DataError (damaged table, negative weights).
Summary summarize(const ChunkSource& source, std::string_view formula, const SummaryOptions& options, Communicator& comm);

nlohmann::json to_json(const Summary& summary);
/// As rxSummary and R's summary() lay it out.
std::string to_text(const Summary& summary);

}  // namespace rxhpc
