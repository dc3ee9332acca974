// rxPredict: fitted values, standard errors, intervals and residuals, row for row.
#pragma once
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rxhpc/row_source.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc {

struct PredictOptions {
  std::string type = "response";         ///< response or link: the same for a linear model
  bool std_errors = false;               ///< Y_StdErr; the model must have been fitted with cov_coef
  std::string interval = "none";         ///< none, confidence, prediction: Y_Lower and Y_Upper
  double conf_level = 0.95;
  bool residuals = false;                ///< Y_Resid; needs the response
  /// response; deviance, pearson, working: generalised linear models alone have these; standardized, studentized: as R's rstandard() and rstudent()
  std::string residual_type = "response";
  bool leverage = false;                 ///< Y_Leverage: the row's diagonal element of the hat matrix
  bool cooks_distance = false;           ///< Y_CooksDistance; needs the response
  bool write_model_vars = false;         ///< also the columns that the model reads
  std::vector<std::string> extra_vars;   ///< also these columns
  std::optional<double> penalty = {};    ///< of an elastic-net path: the lambda whose coefficients are taken
  std::vector<std::string> pred_var_names;  ///< names of the predictions, as many as there are columns of them (classes, components), instead of the usual
  std::vector<std::string> std_errors_var_names, interval_var_names, resid_var_names;  ///< likewise: one; two, the lower end first; one
  bool remove_missings = false;          ///< leave out rows where something that the results are made of is missing
  bool check_factor_levels = true;       ///< false: rows with levels that the model cannot predict have missing results instead of being an error
  RowOptions rows;                       ///< transforms after the model's own, and the rows to predict
  RunOptions run;
};

/// The input's columns that a model takes as factors by their own name, and how text should be read for it: as a factor (whatever its fields
/// look like), or logical. Throws DataError where the model is damaged.
std::map<std::string, VarType> factor_columns(const nlohmann::json& model);

/// The output's schema and grid are known before a row is read, so that the caller can make the sink.
/// Factors are matched to the model's levels by name; a level that the model does not know is a DataError where rows have it.
/// A missing predictor gives missing results. Those of the model's transforms that the results need are applied again; one whose inputs are absent
/// is left out where the input has its result already. Cost a row: one product a term; with standard errors one a pair of terms.
class Predictor {
 public:
  /// Throws UsageError (options that the model cannot serve), DataError (damaged model, columns that do not fit).
  Predictor(const nlohmann::json& model, const ChunkSource& input, const PredictOptions& options);
  ~Predictor();
  const Schema& schema() const;  ///< of the output
  /// Collective. Counts the rows selected, where rows are selected; call it before `grid` and `run`.
  void select(std::int64_t chunk_rows, Communicator& comm, Timing* timing = nullptr);
  const Grid& grid() const;
  /// Collective. Writes all rows; does not call sink.finish().
  void run(ChunkSink& sink, Communicator& comm, Timing* timing = nullptr) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rxhpc
