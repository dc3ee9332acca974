// rxGlm and rxLogit: generalised linear models with full inference, one visit of the rows an iteration.
#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rxhpc/design.hpp"
#include "rxhpc/fit_options.hpp"
#include "rxhpc/glm_family.hpp"

namespace rxhpc {

/// A family as its user names it. Empty link: the family's own.
struct GlmFamilyOptions {
  std::string name = "gaussian";       ///< binomial, gaussian, Gamma, inverse.gaussian, poisson, quasi, quasibinomial, quasipoisson, tweedie, negbin
  std::string link;                    ///< identity, log, logit, probit, cloglog, cauchit, inverse, 1/mu^2, sqrt, mu^0.5
  std::string variance;                ///< quasi: constant, mu, mu^2, mu^3, mu(1-mu)
  double var_power = 0;                ///< tweedie
  std::optional<double> link_power;    ///< tweedie; default 1 - var_power; 0 is the logarithm
  std::optional<double> theta;         ///< negbin: estimated unless given
};

struct GlmOptions : FitOptions {
  GlmFamilyOptions family;
  bool logit = false;                  ///< rxLogit: binary response, start by a linear regression, z values
  std::string offset;                  ///< a column, beside offset() terms of the formula
  int max_iterations = 25;
  double coeff_tolerance = 1e-6;       ///< stop when max |change| / max |coefficient| is at most this; 0: never for that reason
  double objective_tolerance = 1e-8;   ///< stop when |change| / (|deviance| + 0.1) is at most this; 0: never for that reason
  /// NULL: a linear regression of the response; NA: the family's means from the response; a number for all columns, or one each
  std::string initial_values;
  double conf_level = 0.95;
  /// Called by every rank after each iteration with what a resumed fit needs; empty: never.
  std::function<void(const std::string& state)> checkpoint;
  std::string resume;                  ///< what `checkpoint` was given; empty: begin anew
};

struct GlmCoefficient : Coefficient {
  double conf_low = 0, conf_high = 0;
};

/// Result of glm and logit. Size depends on columns, not rows.
struct Glm {
  Design design;
  std::string formula, response;       ///< response as written
  std::string response_expression;     ///< a number for each row: 0 and 1 where the response is a class
  std::string offset_expression;       ///< empty: none
  RowOptions rows;
  std::string pweights, fweights;
  bool like_r = false, logit = false;
  std::string family, link;            ///< as R prints them
  GlmFamily functions;
  bool fixed_dispersion = false, normal = false;  ///< normal: p values from the normal law, else Student's t

  std::vector<GlmCoefficient> coefficients;        ///< [columns] in order of the formula
  std::vector<std::vector<double>> cov_coef;       ///< [columns x columns]; NaN rows where aliased; empty unless asked for
  std::vector<std::vector<double>> cov_coef_low;   ///< what rounding has taken off cov_coef, where standard errors of predictions need it; else empty
  double deviance = 0, null_deviance = 0, pearson = 0, dispersion = 1;
  double aic = 0, bic = 0, log_likelihood = 0;     ///< NaN where the family has none
  double df_residual = 0, df_null = 0, conf_level = 0.95;
  double theta = 0, theta_error = 0;               ///< negbin
  int iterations = 0, rank = 0;
  int not_estimable = 0;               ///< columns, references apart, that depend on others or are empty
  bool converged = false;
  std::int64_t n_valid_obs = 0, n_missing_obs = 0;
  double weight_sum = 0, condition_number = 1;
  bool exact = true;                               ///< sums of the last pass in double-double
  std::vector<std::string> warnings;
  std::optional<Selection> selection;              ///< of stepwise fits
  RobustErrors robust;
  std::optional<CountDF> count_df;                 ///< of a cube
  std::vector<std::vector<double>> cov_data;       ///< [coefficients but the intercept, twice] covariance of their columns; empty unless asked for
  Timing timing;
};

/// Collective. Iteratively reweighted least squares by its step: X'WX d = X'Wz at the coefficients so far, so that their accuracy is that of
/// the score. Listwise deletion. Steps that raise the deviance, or leave the family's range, are halved. A fit that does not converge
/// is returned with `converged` false. Sums in double about the first means, in double-double where problems are small or lose digits.
/// Throws UsageError (formula, family, columns), DataError (responses that the family cannot have, no complete row, infinite values).
Glm glm(const ChunkSource& source, std::string_view formula, const GlmOptions& options, Communicator& comm);

nlohmann::json to_json(const Glm& model);
/// What R's summary() prints.
std::string to_text(const Glm& model);
/// The model file: everything predict needs, transforms included.
nlohmann::json model_json(const Glm& model);
Glm glm_from_json(const nlohmann::json& j);

}  // namespace rxhpc
