// rxQuantile: exact quantiles of columns, whole or in the cells of factors, without a sort.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "rxhpc/row_source.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc {

struct QuantileOptions {
  std::vector<double> probs = {0, 0.25, 0.5, 0.75, 1};
  /// 1 to 9: R's quantile() of that type (Hyndman & Fan 1996). 0: RevoScaleR's rule, 1 (inverse of the empirical distribution) for whole
  /// numbers and 4 (its linear interpolation) for others.
  int type = 0;
  RowOptions rows = {};
  /// A column's name; at most one. fweights repeat rows. pweights count in proportion: type 1 is the smallest value that has a share p of
  /// the weight up to it, for the other types weights are scaled to a mean of 1 and then repeat rows.
  std::string pweights = {}, fweights = {};
  RunOptions run = {};
};

struct QuantileCell {
  std::vector<std::string> levels;  ///< one a factor; none for a whole column
  std::int64_t valid_obs = 0;
  double sum_of_weights = 0;        ///< valid_obs where there are no weights
  std::vector<double> quantiles;    ///< [probs] NaN where the cell is empty
};

struct QuantileVariable {
  std::string name;
  std::vector<std::string> factors;
  int type = 0;                     ///< the type used
  std::vector<QuantileCell> cells;  ///< one where there are no factors; else first factor fastest
  std::int64_t valid_obs = 0, missing_obs = 0;
};

struct Quantiles {
  std::string formula;
  bool weighted = false;
  std::vector<double> probs;
  std::vector<QuantileVariable> variables;
  std::int64_t n_valid_obs = 0, n_missing_obs = 0;  ///< of the variable that has most values
  Timing timing;
};

/// Collective. `~ x + y`, `~ x:g`, `x ~ g + h` for `~ x:g + x:h`, `~ .` for all numeric columns. Missing values are left out variable by
/// variable; infinite values are the largest and smallest; -0 is given as 0. Every answer is an order statistic of the data or the
/// interpolation between two: no binning, whatever the number of rows, and the same bits for any chunks, ranks and threads.
/// Reads a sample of the chunks and then all rows, seldom more than once. Memory: 8 MiB a thread, and a few counts a cell and probability.
/// Throws UsageError (formula, a factor where a number is needed, probabilities outside 0 to 1), DataError (negative or infinite weights).
/// Method: docs/algorithms/quantile.md.
Quantiles quantile(const ChunkSource& source, std::string_view formula, const QuantileOptions& options, Communicator& comm);

nlohmann::json to_json(const Quantiles& quantiles);
std::string to_text(const Quantiles& quantiles);

}  // namespace rxhpc
