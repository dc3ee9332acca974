// rxPredict: fitted values, standard errors, intervals and residuals, row for row.
#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "rxhpc/chunk_source.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc {

struct PredictOptions {
  std::string type = "response";         ///< response or link: the same for a linear model
  bool std_errors = false;               ///< Y_StdErr; the model must have been fitted with cov_coef
  std::string interval = "none";         ///< none, confidence, prediction: Y_Lower and Y_Upper
  double conf_level = 0.95;
  bool residuals = false;                ///< Y_Resid; needs the response
  bool write_model_vars = false;         ///< also the columns that the model reads
  std::vector<std::string> extra_vars;   ///< also these columns
  std::string pred_var_names;            ///< name of the predictions instead of Y_Pred
  RunOptions run;
};

/// The output's schema and grid are known before a row is read, so that the caller can make the sink.
/// Factors are matched to the model's levels by name; a level that the model does not know is a DataError where rows have it.
/// A missing predictor gives missing results. The model's transforms are applied again, those that only make the response left out
/// when their inputs are absent. Cost a row: one product a term; with standard errors one a pair of terms.
class Predictor {
 public:
  /// Throws UsageError (options that the model cannot serve), DataError (damaged model, columns that do not fit).
  Predictor(const nlohmann::json& model, const ChunkSource& input, const PredictOptions& options);
  ~Predictor();
  const Schema& schema() const;  ///< of the output
  const Grid& grid() const;
  /// Collective. Writes all rows; does not call sink.finish().
  void run(ChunkSink& sink, Communicator& comm, Timing* timing = nullptr) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rxhpc
