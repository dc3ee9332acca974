// rxCube: counts, sums and means of numeric columns in the cells of factors.
#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "rxhpc/row_source.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc {

/// What becomes of rows where a factor is missing.
enum class UseMissing {
  no,      ///< left out
  ifany,   ///< a level of its own, in factors where one is missing
  always,  ///< a level of its own in every factor
};

struct CubeOptions {
  RowOptions rows;
  std::string pweights, fweights;  ///< a column's name; at most one
  bool means = true;               ///< the statistic that text and table show: means, or sums
  bool sparse = false;             ///< keep the cells that occur: needed beyond 2^26 possible ones
  bool remove_zero_counts = false; ///< leave out cells without rows; always so where `sparse`
  UseMissing use_missing = UseMissing::no;
  bool as_table = false;  ///< rows_of follows: a name that the table would have twice is refused before the pass
  bool as_json = false;   ///< to_json follows: it counts in the memory limit
  RunOptions run;
};

struct CubeFactor {
  std::string name;                 ///< as RevoScaleR shows it: `carrier`, `F_hour`
  std::vector<std::string> levels;
  bool missing_level = false;       ///< missing has a level of its own, the code after the last
  bool integer = false;             ///< made by F(): its levels are whole numbers
};

/// Cells in order of their codes, first factor fastest. Columns, so that ten million cells are ten million rows and no objects.
struct Cube {
  std::string formula;
  std::vector<CubeFactor> factors;
  std::vector<std::string> variables;               ///< the responses
  bool weighted = false;
  bool shows_means = true;
  std::vector<std::vector<std::int32_t>> codes;     ///< [factors][cells]
  std::vector<std::int64_t> rows;                   ///< [cells]
  std::vector<double> counts;                       ///< [cells] rows, or sums of weights
  std::vector<std::vector<double>> sums, means;     ///< [variables][cells] weighted; the mean of an empty cell is NaN
  std::int64_t n_valid_obs = 0, n_missing_obs = 0;
  Timing timing;

  std::size_t cells() const { return rows.size(); }
};

/// Collective. `~ f:g`, `y ~ f:F(hour)`, `cbind(y, z) ~ f`: the factors of the right side are crossed (`+` and `*` cross them as well).
/// Rows with a missing factor (unless it is a level), response or weight are left out. One pass; counts are integers and sums exact
/// before one rounding, so that the answer depends neither on chunks nor on ranks or threads. State: O(cells), or of those that occur.
/// Throws UsageError (formula, too many cells, more than run.memory_limit holds), DataError (negative weights).
Cube cube(const ChunkSource& source, std::string_view formula, const CubeOptions& options, Communicator& comm);

/// The cells as the rows of a table, a column a factor, one a variable (mean or sum) and `Counts`; the cube must outlive it. F() factors
/// are integers. Every rank has all rows. Throws UsageError where two columns have one name.
std::unique_ptr<ChunkSource> rows_of(const Cube& cube);

nlohmann::json to_json(const Cube& cube);
/// As rxCube prints it; beyond `most_rows` cells the rest is left out.
std::string to_text(const Cube& cube, std::size_t most_rows = 10000);

}  // namespace rxhpc
