// rxKmeans: Lloyd's k-means, and the cluster of every row.
#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "rxhpc/design.hpp"
#include "rxhpc/row_source.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc {

/// Where the centres start. random: rows drawn at random; first: the first distinct rows; plus_plus: drawn one by one, far from those before
/// (Arthur & Vassilvitskii 2007), among a random sample of rows; parallel: the same over all rows, many at a time (Bahmani et al. 2012).
enum class KMeansStart { random, first, plus_plus, parallel };

/// What a row with missing values does. listwise: it is left out; partial: distances over the cells that it has, times p / (cells).
enum class KMeansMissing { listwise, partial };

struct KMeansOptions {
  RowOptions rows;
  std::string pweights, fweights;               ///< a column's name; at most one
  int num_clusters = 0;                         ///< or:
  std::vector<std::vector<double>> centers;     ///< [k x p] starting centres, in the order of the formula
  KMeansStart start = KMeansStart::random;
  std::int64_t num_start_rows = 0;              ///< rows of the sample that plus_plus looks at; 0: 10 k, never more than there are
  int num_starts = 1;                           ///< the best of so many; 0: start at the first rows
  int max_iterations = 1000;
  double tolerance = 0;                         ///< stop where no centre moves further than that; 0: where nothing changes any more
  std::uint64_t seed = 0;
  KMeansMissing missing = KMeansMissing::listwise;
  RunOptions run;
};

/// Result of kmeans: R's names. Clusters are in the order of the starting centres.
struct KMeans {
  std::string formula;
  RowOptions rows;
  KMeansMissing missing = KMeansMissing::listwise;
  bool weighted = false;
  std::string weights;                          ///< the column of the weights. Not in files: other rows have none
  std::vector<std::string> variables;           ///< as written in the formula
  std::vector<std::string> expressions;         ///< [p] what they are, in terms that mean the same for other data
  std::vector<InputColumn> inputs;              ///< what variables and transforms name
  std::vector<std::vector<double>> centers;     ///< [k x p]
  std::vector<double> labelled_by;              ///< [k x p] the centres that gave the labels; `centers` unless stopped before it converged. Not in files
  std::vector<double> shift;                    ///< [p] subtracted from values and centres where distances are taken
  std::vector<double> size, withinss;           ///< [k] rows (sum of weights); sum of (weighted) squared distances
  double tot_withinss = 0, betweenss = 0, totss = 0;
  int num_iterations = 0;
  bool converged = false;
  std::int64_t n_valid_obs = 0, n_missing_obs = 0;
  double weight_sum = 0;
  std::vector<std::string> warnings;
  Timing timing;
};

/// The numeric variables of a one-sided formula `~ x + log(y)`, as written; `.` stands for the numeric columns.
/// Throws UsageError (factors, a left side, unknown columns).
std::vector<std::string> kmeans_variables(const ChunkSource& source, std::string_view formula, const RowOptions& rows);
/// Throws DataError where a starting centre is not finite, or two are equal.
void check_centres(const std::vector<std::vector<double>>& centres);

/// Collective. Lloyd's iteration: each row to the nearest centre (squared Euclidean distance, ties to the lower number), each centre to the
/// mean of its rows, until nothing changes. A cluster without rows keeps its centre. One pass an iteration and one for the sums of
/// squares; complete rows are kept in memory, laid out for the kernel, as far as memory_limit allows. Cost: 2 k p flops a row and pass.
/// The same bits for any number of ranks and threads, instruction sets and memory limits.
/// Throws UsageError (formula, options), DataError (fewer distinct rows than clusters, infinite values, negative weights, equal centres).
KMeans kmeans(const ChunkSource& source, std::string_view formula, const KMeansOptions& options, Communicator& comm);

nlohmann::json to_json(const KMeans& model);
/// As R's print.
std::string to_text(const KMeans& model);
nlohmann::json model_json(const KMeans& model);
KMeans kmeans_from_json(const nlohmann::json& j);

/// Rows of the fit, drawn at random among the distinct complete ones, and their clusters from 0.
struct ClusteredSample {
  std::vector<std::vector<double>> rows;  ///< [rows x p]
  std::vector<int> cluster;               ///< [rows]
};
/// Collective. At most `size` of them, for a plot; the same for any number of ranks, threads and chunks. One pass.
ClusteredSample clustered_sample(const KMeans& model, const ChunkSource& source, std::int64_t size, const RunOptions& run, Communicator& comm,
                                 Timing* timing = nullptr);

/// The rows of the source, after the model's transforms, with their cluster: all columns, then `.rxCluster` from 1, missing where a row took
/// no part for want of values or because it was not selected.
class ClusteredRows {
 public:
  ClusteredRows(const KMeans& model, const ChunkSource& source, const std::string& column = ".rxCluster");
  ~ClusteredRows();
  const Schema& schema() const;
  const Grid& grid() const;
  /// Collective. Writes those columns of `schema()`; does not call sink.finish().
  void run(const std::vector<int>& columns, ChunkSink& sink, const RunOptions& options, Communicator& comm, Timing* timing = nullptr) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rxhpc
