// rxLinMod: linear models with full inference, in one pass (a second where the first loses digits).
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "rxhpc/design.hpp"
#include "rxhpc/fit_options.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc {

using LinModOptions = FitOptions;

struct FTest {
  double value = 0, num_df = 0, den_df = 0, p_value = 0;
};

/// One line of a sequential analysis of variance: what a term takes off the residual sum of squares of those before it.
struct AnovaTerm {
  std::string term;                 ///< the last is `Residuals`
  double df = 0, sum_sq = 0, mean_sq = 0;
  double f_value = 0, p_value = 0;  ///< NaN in the last
};

/// What belongs to one response.
struct ResponseFit {
  std::string name;
  std::string expression;                     ///< pinned (RowSource::pinned), so that predict makes the same column
  std::vector<Coefficient> coefficients;      ///< [columns] in order of the formula
  double sigma = 0;                           ///< residual standard deviation
  double r_squared = 0, adj_r_squared = 0;    ///< about the mean; about zero without an intercept (about the mean for a cube)
  double residual_squares = 0;                ///< sum of (weighted) squared residuals
  double total_squares = 0;                   ///< y'y
  double y_var = 0;                           ///< total squares about the mean
  FTest f;
  double log_likelihood = 0, aic = 0;
  std::vector<std::vector<double>> cov_coef;  ///< [columns x columns]; NaN rows where aliased; empty unless asked for
  std::vector<std::vector<double>> cov_coef_low;   ///< what rounding has taken off cov_coef, where standard errors of predictions need it; else empty
  std::vector<AnovaTerm> anova;               ///< terms in R's order; empty unless asked for
};

/// How much the other terms inflate the variance of a term's coefficients (Fox & Monette, JASA 87, 1992).
struct VarianceInflation {
  std::string term;
  double gvif = 0;  ///< the VIF where df is 1
  int df = 0;       ///< coefficients of the term
};

/// Result of lin_mod. Size depends on columns, not rows.
struct LinMod {
  Design design;
  std::string formula;
  RowOptions rows;
  std::string pweights, fweights;
  bool like_r = false;
  std::vector<ResponseFit> fits;  ///< one a response
  std::int64_t n_valid_obs = 0, n_missing_obs = 0;
  double weight_sum = 0;
  int rank = 0;
  int not_estimable = 0;         ///< columns, references apart, that depend on others or are empty
  double df_residual = 0;
  double condition_number = 1;   ///< 1-norm condition of the correlation matrix of the kept columns (intercept and cube cells apart)
  bool exact = true;             ///< cross products were accumulated in double-double
  std::optional<Selection> selection;  ///< of stepwise fits
  RobustErrors robust;
  std::vector<VarianceInflation> vif;
  std::optional<CountDF> count_df;     ///< of a cube
  std::vector<std::vector<double>> cov_data;  ///< [coefficients but the intercept, twice] covariance of their columns
  std::vector<std::string> warnings;
  Timing timing;
};

/// Collective. Listwise deletion over all variables of the formula and the weights. Reads 8 bytes a row and numeric column and a code a
/// factor; cost a row grows with the number of terms, not of levels. State: the cross products' (cross_products.hpp) a chunk, O(log
/// chunks) of them at a time.
/// Throws UsageError (formula, columns), DataError (no complete row, infinite values, negative weights), NumericalError.
/// Method: cross products in double about the mean of the first rows (0 where it lies well within the spread), solved in double-double; where that loses digits, or the
/// problem is small, cross products in double-double (design, section 6). Rank: |R_jj| / ||x_j|| > 1e-11 in column order.
LinMod lin_mod(const ChunkSource& source, std::string_view formula, const LinModOptions& options, Communicator& comm);

nlohmann::json to_json(const LinMod& model);
/// What R's summary() prints.
std::string to_text(const LinMod& model);
/// The model file: everything predict needs, transforms included.
nlohmann::json model_json(const LinMod& model);
LinMod lin_mod_from_json(const nlohmann::json& j);

}  // namespace rxhpc
