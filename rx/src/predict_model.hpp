// What a prediction needs of one kind of model. A kind is added by an implementation and a line in predict_model.cpp.
#pragma once
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "rxhpc/chunk.hpp"
#include "rxhpc/design.hpp"
#include "rxhpc/predict.hpp"
#include "rxhpc/row_source.hpp"

namespace rxhpc::impl {

/// Where the results of a tile go, one of the two by the output's storage: float64 or int32 (codes, -1 missing).
struct OutputTile {
  double* number = nullptr;
  std::int32_t* code = nullptr;
};

/// Computes rows [from, from + count), count <= predict_tile_rows, of every output. The chunk's columns are those of PredictPlan::read.
using PredictTile = std::function<void(const Chunk& in, std::int64_t from, std::int64_t count, const OutputTile* out)>;
constexpr std::int64_t predict_tile_rows = 1024;

/// What is read and what is computed, as the model lays it out.
struct PredictPlan {
  const ChunkSource& input;
  RowSource& rows;                   ///< the input after the model's transforms
  const PredictOptions& options;
  std::vector<int> read;             ///< columns of `rows`
  std::vector<Variable> outputs;     ///< computed columns

  /// The place of a column of `rows` in `read`, where it is added if it must be.
  int place(int column);
  /// The names of the predictions themselves: these, or those that the user gave. Throws UsageError where their number is another.
  std::vector<std::string> prediction_names(std::vector<std::string> usual) const;
  /// Adds standard errors, interval's ends and residuals of a response as far as they are asked for, likewise named.
  void add_errors(const std::string& response);
  void add_interval(const std::string& response);
  void add_residuals(const std::string& response);
  /// The design's columns in the input, levels matched by name and checked, with those of the expressions; they are what is read first.
  BoundDesign bind_design(const Design& design, const std::vector<std::string>& expressions = {});
  void add_number(const std::string& name);
  void add_factor(const std::string& name, const std::vector<std::string>& levels);
};

class PredictModel {
 public:
  virtual ~PredictModel() = default;
  virtual std::vector<std::string> transforms() const = 0;
  /// Columns of the input that the model is about, the response's among them, for --write-model-vars.
  virtual std::vector<std::string> variables() const = 0;
  /// Columns after the model's transforms that these results need.
  virtual std::vector<std::string> needed(const PredictOptions& options) const = 0;
  /// Expressions of which none is missing in a row that is kept with --remove-missings.
  virtual std::vector<std::string> complete(const PredictOptions& options) const;
  /// Columns of the fit's input, with their types.
  virtual const std::vector<InputColumn>& inputs() const = 0;
  /// Called once. Throws UsageError (options that this model cannot serve) and DataError (columns that do not fit).
  virtual void plan(PredictPlan& plan) = 0;
  /// A function for one thread; called after `plan`.
  virtual PredictTile tile() const = 0;
};

/// By the model's `kind`; an elastic-net path predicts as the glm that it is at the penalty asked for. Throws DataError where the file is damaged
/// or of a kind that cannot predict, UsageError where a path cannot serve the options.
std::unique_ptr<PredictModel> predict_model(const nlohmann::json& model, const PredictOptions& options);

// One a kind, in predict_<kind>.cpp.
std::unique_ptr<PredictModel> predict_lin_mod(const nlohmann::json& model);
std::unique_ptr<PredictModel> predict_glm(const nlohmann::json& model);
std::unique_ptr<PredictModel> predict_kmeans(const nlohmann::json& model);
std::unique_ptr<PredictModel> predict_princomp(const nlohmann::json& model);
std::unique_ptr<PredictModel> predict_naive_bayes(const nlohmann::json& model);

}  // namespace rxhpc::impl
