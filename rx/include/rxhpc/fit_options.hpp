// What every fitting function takes and gives.
#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "rxhpc/row_source.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc {

/// rxStepControl: selection of terms. Scopes are right-hand sides, `~ a + b:c`, where `.` stands for the variables of the formula.
struct StepControl {
  std::string method;                  ///< stepwise, forward or backward; empty: stepwise where a scope is given, else backward
  std::string scope_lower, scope_upper;  ///< never dropped; may be added. Empty: the intercept; the formula's own terms
  bool by_significance = false;        ///< by p-values instead of the AIC
  int max_steps = 1000;
  double max_sig_level_to_add = std::numeric_limits<double>::quiet_NaN();   ///< NaN: 0.50 forward, 0.15 stepwise
  double min_sig_level_to_drop = std::numeric_limits<double>::quiet_NaN();  ///< NaN: 0.10 backward, 0.15 stepwise
  bool keep_coefs = false;             ///< also the coefficients of every step
  double scale = 0;                    ///< of the AIC: 0 estimates it, else Mallows' Cp
  double k = 2;                        ///< weight of a degree of freedom in the AIC
  std::string test;                    ///< by significance: F or Chisq; empty: F, and Chisq where the family's dispersion is fixed
  /// glm: every candidate is a fit of its own; false: deviances are those of the quadratic at the fit of all terms. lin_mod: both are the same.
  bool refit_each_step = true;
};

struct FitOptions {
  RowOptions rows;
  std::string pweights, fweights;  ///< a column's name; at most one. pweights scale the variance, fweights repeat rows
  bool drop_first = false;         ///< leave out the first level of a factor instead of the last
  bool drop_main = true;           ///< collinear: drop main effects before interactions
  bool cube = false;               ///< first term by cells, no intercept
  bool cube_predictions = false;   ///< cube: also predictions for the cells, all else at its mean
  bool cov_coef = false;           ///< also the covariance of the coefficients
  bool cov_data = false;           ///< also the covariance of the design's columns, rows weighing as in the fit (by their trials, too); logit and glm: one more pass
  bool like_r = false;             ///< coding, names, order of terms and rank tolerance of R's own functions
  RunOptions run;
  std::optional<StepControl> step = {};  ///< select terms
  std::string robust = {};         ///< HC0, HC1, HC2 or HC3: standard errors that hold where variances differ
  std::string cluster = {};        ///< a column: standard errors that hold where its rows of equal value depend on one another; HC1 unless robust is HC0
  bool vif = false;                ///< lin_mod: also variance inflation factors
  bool anova = false;              ///< lin_mod: also the sequential analysis of variance
};

/// Which covariance the standard errors of a fit are from.
struct RobustErrors {
  std::string kind;           ///< HC0, ...; empty: the classical one
  std::string cluster;        ///< column, empty: none
  std::int64_t clusters = 0;  ///< in the rows used
};

/// RevoScaleR's countDF: the cells of a cube's first term, first factor fastest, cells without rows included.
struct CountDF {
  struct Factor {
    std::string name;
    std::vector<std::string> levels;
  };
  std::vector<Factor> factors;
  bool weighted = false;
  std::vector<double> counts;              ///< [cells] sums of weights; rows where there are none
  std::vector<std::int64_t> valid_obs;     ///< [cells] rows used
  std::vector<std::string> responses;      ///< as written
  /// [responses][cells] the model at the weighted means of all columns but the cells' own, on the response's scale: NaN in cells without rows.
  /// Empty unless asked for, or the cells are the whole model.
  std::vector<std::vector<double>> means;
  std::vector<std::vector<double>> links;  ///< logit, glm: the same on the scale of the link, of which `means` is the inverse
};

/// One row of the table of steps, as R's step() gives it.
struct Step {
  std::string step;  ///< "", "+ x", "- x"
  double df = 0, deviance = 0;  ///< change of the residual degrees of freedom, and of the deviance in size; NaN in the first row
  double resid_df = 0, resid_dev = 0, aic = 0;
};
/// The coefficients of one column of the scope at every step: 0 where it is not in the model, NaN where it is aliased.
struct StepCoefficients {
  std::string name;
  std::vector<double> values;
};
struct Selection {
  std::string formula_base;
  std::vector<Step> anova;
  std::vector<StepCoefficients> coefs;
};

struct Coefficient {
  std::string name;
  double estimate = 0, std_error = 0, t_value = 0, p_value = 0;  ///< NaN where aliased; t_value: z where the normal law is used
  bool aliased = false;                                          ///< a reference level, or a combination of other columns
};

}  // namespace rxhpc
