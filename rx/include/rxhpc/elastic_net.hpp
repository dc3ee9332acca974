// Elastic-net paths: linear and generalised linear models whose coefficients are penalised, at one penalty or along many.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rxhpc/glm.hpp"

namespace rxhpc {

/// Of GlmOptions, what belongs to unpenalised fits alone (initial values, covariances, selection, cubes, checkpoints) is refused.
struct ElasticNetOptions : GlmOptions {
  ElasticNetOptions() { max_iterations = 100; }  // at each penalty; where the link is not the family's own steps shrink in proportion only
  bool linear = false;                        ///< least squares from one pass; the family is gaussian then
  double alpha = 1;                           ///< 1: the lasso, 0: ridge
  std::vector<double> lambda = {};            ///< empty: n_lambda values from where all coefficients are 0, falling in proportion
  int n_lambda = 100;
  std::optional<double> lambda_min_ratio = {};  ///< least over largest; default 1e-4, 1e-2 where there are fewer rows than columns
  bool standardize = true;                    ///< penalise coefficients of columns scaled to standard deviation 1
};

/// The fit at one penalty.
struct ElasticNetFit {
  double lambda = 0;
  int df = 0;                     ///< coefficients that are not 0, the intercept apart
  double deviance = 0, dev_ratio = 0;  ///< dev_ratio: the share of the null deviance that is explained
  std::vector<double> estimates;  ///< [columns] of the unscaled columns; NaN where the coding of factors leaves a column out
};

/// Size depends on columns and penalties, not rows.
struct ElasticNet {
  Design design;
  std::string formula, response;
  std::string response_expression, offset_expression;
  RowOptions rows;
  std::string pweights, fweights;
  bool like_r = false, logit = false, standardize = true;
  std::string family, link;
  GlmFamily functions;
  double alpha = 1;
  std::vector<std::string> names;   ///< [columns]
  std::vector<ElasticNetFit> path;  ///< by falling lambda
  double null_deviance = 0;
  std::int64_t n_valid_obs = 0, n_missing_obs = 0;
  double weight_sum = 0;
  int iterations = 0;               ///< passes over the rows that the path took
  bool converged = false;           ///< false: the path ends before the penalty that did not converge
  bool exact = true;                ///< sums in double-double
  std::vector<std::string> warnings;
  Timing timing;
};

/// Collective. Minimises deviance / (2 sum w) + lambda ((1 - alpha) / 2 |b|^2 + alpha |b|_1), the intercept unpenalised, b of scaled columns:
/// (Friedman, Hastie & Tibshirani, J. Stat. Softw. 33, 2010, equations 1 and 13). Linear: one pass (a second where the first loses
/// digits), all penalties from its sums; others: a pass an iteration, some three a penalty, coordinate descent on the sums in between.
/// With like_r a linear path divides the quadratic part by the response's standard deviation, as glmnet's "gaussian" does.
/// Throws UsageError (formula, options), DataError (responses that the family cannot have, no complete row, infinite values),
/// NumericalError (a response that does not vary).
ElasticNet elastic_net(const ChunkSource& source, std::string_view formula, const ElasticNetOptions& options, Communicator& comm);

nlohmann::json to_json(const ElasticNet& result);
/// What glmnet prints, and the coefficients where penalties are few.
std::string to_text(const ElasticNet& result);
/// The model file: predict takes it at any penalty within the path.
nlohmann::json model_json(const ElasticNet& result);
/// The model file of a path as that of a glm with the coefficients of one penalty, which need not be given where the path has but one; between two
/// of the path they lie on a line, as in glmnet's predict(), beyond its ends they are those of the end. Models of other kinds come back as they are,
/// if no penalty is given. Throws UsageError (no such penalty), DataError (a damaged file).
nlohmann::json model_at_penalty(const nlohmann::json& model, std::optional<double> penalty);

}  // namespace rxhpc
