// rxHistogram: rows between breaks, or of the levels of a factor, in panels.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "rxhpc/row_source.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc {

struct HistogramOptions {
  /// How the breaks of a numeric variable are found, as R's hist() does: "sturges", "scott", "fd" (Freedman & Diaconis), or numbers
  /// separated by commas: the breaks themselves, or one number: about so many bins, at round numbers.
  std::string breaks = "sturges";
  int num_breaks = 0;              ///< above 0: so many bins of equal width from the start to the end, instead of `breaks`
  double start_val, end_val;       ///< where bins begin and end; NaN: the least and the largest value
  bool right = true;               ///< bins hold their upper break, not their lower one (the first holds both)
  /// Levels of the variable, where it is a factor, or of the panels' factors (`level`, or `factor=level`) whose rows are left out; with
  /// levels to keep, all others of that factor.
  std::vector<std::string> levels_to_drop = {}, levels_to_keep = {};
  int max_num_panels = 100;        ///< more panels are an error
  RowOptions rows = {};
  std::string pweights = {}, fweights = {};  ///< a column's name; at most one: counts are sums of weights
  RunOptions run = {};
  HistogramOptions();
};

struct HistogramPanel {
  std::vector<std::string> levels;  ///< one a panel factor
  std::vector<double> counts;       ///< [bins]
  double total = 0;                 ///< sum of the counts
};

struct Histogram {
  std::string formula, variable;
  std::vector<std::string> factors;      ///< of the panels
  std::vector<std::string> categories;   ///< levels of a factor; empty for a numeric variable
  std::vector<double> breaks;            ///< [bins + 1]; empty for a factor
  bool right = true, equal_widths = true;
  std::vector<HistogramPanel> panels;    ///< one where there are no factors; else first factor fastest
  HistogramPanel all;                    ///< of all panels together
  std::int64_t outside = 0;              ///< rows with a value below the first or above the last break (infinite ones, too)
  std::int64_t n_valid_obs = 0, n_missing_obs = 0;
  Timing timing;

  std::size_t bins() const { return all.counts.size(); }
  /// Shares of the panel's total, in percent; per unit of the variable and summing to 1.
  std::vector<double> percents(const HistogramPanel& panel) const;
  std::vector<double> density(const HistogramPanel& panel) const;
};

/// Collective. `~ x`, `~ x | g + h` (a panel for each combination of levels), `~ F(x)` and `~ f` (a bar a level). A missing value, factor or
/// weight leaves a row out. Values within 1e-7 of a bin's width above a break count as lying on it, as in R.
/// Passes over the rows: one for the range, unless the table knows it or start and end are given (and what the rule needs: "scott" the
/// variance, "fd" quartiles), one to count. Counts do not depend on chunks, threads and ranks.
/// Throws UsageError (formula, breaks), DataError (no value, negative weights).
Histogram histogram(const ChunkSource& source, std::string_view formula, const HistogramOptions& options, Communicator& comm);

nlohmann::json to_json(const Histogram& histogram);
/// Bars of text. `percent`: shares instead of counts.
std::string to_text(const Histogram& histogram, bool percent = false);

}  // namespace rxhpc
