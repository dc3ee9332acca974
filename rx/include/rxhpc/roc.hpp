// rxRoc, rxRocCurve, rxAuc: sensitivity against specificity of predictions of a yes or no, and the area below.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "rxhpc/row_source.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc {

struct RocOptions {
  RowOptions rows = {};
  std::int64_t num_breaks = 100;  ///< thresholds 0, 1/num_breaks, ..., 1; 0: every distinct prediction
  bool remove_dups = true;        ///< leave out a point that repeats the one before it
  double conf_level = 0.95;       ///< of the intervals of the areas
  RunOptions run = {};
};

/// A row counts as predicted positive where its prediction is at or above the threshold.
struct RocPoint {
  double threshold = 0, sensitivity = 0, specificity = 0;
};

struct RocCurve {
  std::string name;              ///< of the prediction
  std::vector<RocPoint> points;  ///< thresholds rising; num_breaks 0: the last is infinite
  double auc = 0;                ///< exact, whatever the points: pairs ranked rightly, ties for one half
  double std_error = 0, conf_low = 0, conf_high = 0;  ///< DeLong's; NaN with a single positive or negative
  double curve_auc = 0;          ///< by the trapezoid rule over the points, as rxAuc
};

/// DeLong's test of two areas of the same rows.
struct RocComparison {
  std::string first, second;                           ///< predictions
  double difference = 0;                               ///< area of the first less that of the second
  double std_error = 0, conf_low = 0, conf_high = 0;   ///< of the difference
  double z_value = 0, p_value = 0;                     ///< NaN where both rank all rows alike
};

struct Roc {
  std::string formula;
  std::vector<RocCurve> curves;
  std::vector<std::vector<double>> auc_cov;  ///< [curves x curves] of the areas; empty with one curve, or a single positive or negative
  std::vector<RocComparison> comparisons;    ///< all pairs, likewise
  std::int64_t n_valid_obs = 0, n_missing_obs = 0, n_positive = 0, n_negative = 0;
  double conf_level = 0.95;
  std::vector<std::string> warnings;
  Timing timing;
};

/// Collective. `actual ~ p1 + p2`: the actual value is logical, 0 or 1, or a factor of two levels (the second is positive). A row that lacks the
/// actual value or any prediction is left out of all curves. One pass; rows are sorted by prediction in memory, 16 bytes a distinct
/// value and prediction, spread over the ranks; with num_breaks 0 rank 0 also holds the curve. All counts are integers.
/// Throws UsageError (formula, memory limit), DataError (other values, one class only, no complete row).
/// Several predictions: a second pass compares their areas; every rank then holds 24 bytes a distinct value and prediction.
Roc roc(const ChunkSource& source, std::string_view formula, const RocOptions& options, Communicator& comm);

nlohmann::json to_json(const Roc& roc);
std::string to_text(const Roc& roc);

}  // namespace rxhpc
