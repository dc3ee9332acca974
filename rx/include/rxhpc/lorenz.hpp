// rxLorenz, rxGini: how unevenly a total is shared.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "rxhpc/row_source.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc {

struct LorenzOptions {
  /// So many bins of equal width from the least to the largest value; within a bin the curve is a straight line. 0: a point at every
  /// distinct value, which sorts all values on one rank.
  int num_breaks = 1000;
  RowOptions rows = {};
  std::string pweights = {}, fweights = {};  ///< a column's name; at most one: a row counts with its weight
  RunOptions run = {};
};

/// A point: the lowest `percents` % of the rows (of the weight) have `cum_vals` % of the total.
struct LorenzPoint {
  double percents = 0, cum_vals = 0;
};

struct LorenzCurve {
  std::string name;                 ///< the variable that is shared
  std::string order;                ///< the variable by which rows are ordered; usually the same
  std::vector<LorenzPoint> points;  ///< from (0, 0) to (100, 100); bins without rows left out
  double gini = 0;                  ///< 1 - 2 * area below the curve, by the trapezoid rule
  double total = 0;
  std::int64_t valid_obs = 0, missing_obs = 0;
};

struct Lorenz {
  std::string formula;
  std::vector<LorenzCurve> curves;
  std::int64_t n_valid_obs = 0, n_missing_obs = 0;  ///< of the curve that has most rows
  Timing timing;
};

/// Collective. `~ x + y`: each ordered by itself; `value ~ order`. Rows with a missing value, order or weight, or weight 0, are left out.
/// Sums are exact before they are rounded, so the curve does not depend on chunks, threads and ranks. One pass for the range unless
/// the table knows it, one for the sums.
/// Throws UsageError (formula; not enough memory for num_breaks 0), DataError (no value, infinite values, negative weights),
/// NumericalError (the total is zero).
/// Method: M. O. Lorenz, Publ. Am. Stat. Assoc. 9 (1905), 209; C. Gini (1912), as half the relative mean difference.
Lorenz lorenz(const ChunkSource& source, std::string_view formula, const LorenzOptions& options, Communicator& comm);

nlohmann::json to_json(const Lorenz& lorenz);
std::string to_text(const Lorenz& lorenz);

}  // namespace rxhpc
