// rxCovCor, rxCov, rxCor, rxSSCP: covariances, correlations and cross products of the columns of a formula, and what is made of them:
// principal components and ridge regressions.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rxhpc/design.hpp"
#include "rxhpc/row_source.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc {

enum class CovType { cov, cor, sscp };

struct CovCorOptions {
  RowOptions rows = {};
  std::string pweights = {}, fweights = {};  ///< a column's name; at most one
  CovType type = CovType::cov;
  bool keep_all = true;              ///< false: leave out columns that are sums of others by the coding of factors
  double var_tol = 1e-12;            ///< columns whose variance is not above it are left out; negative: none
  bool pairwise = false;             ///< each pair over the rows where both are present, instead of rows where all are
  bool princomp = false;             ///< also principal components, of the covariance or (type cor) the correlation
  std::vector<double> ridge_lambda = {};  ///< also ridge regressions of the formula's response on its terms
  RunOptions run = {};
};

/// Eigenvectors of a covariance or correlation matrix, by falling eigenvalue.
struct PrincipalComponents {
  std::vector<double> std_devs;               ///< [components]
  std::vector<std::vector<double>> loadings;  ///< [variables x components], columns of length 1
  std::vector<double> center, scale;          ///< [variables] scores are (x - center) / scale times the loadings
};

/// Coefficients at one penalty: (R_xx + lambda I)^-1 r_xy on the correlation matrix, scaled back.
struct RidgeFit {
  double lambda = 0;
  std::vector<double> estimates;  ///< [1 + predictors] the intercept first; NaN where the column depends on others
};

/// Size depends on columns, not rows.
struct CovCor {
  std::string formula;
  Design design;
  RowOptions rows;
  CovType type = CovType::cov;
  bool weighted = false, pairwise = false, exact = true;
  std::vector<std::string> variables, dropped_vars;        ///< type sscp: `(Intercept)` first
  std::vector<int> columns;                                ///< [variables that the design has] positions in Design::columns()
  std::vector<std::string> responses;                      ///< of a formula with a left side: the first variables
  std::vector<std::string> response_expressions;           ///< [responses] pinned (RowSource::pinned)
  std::vector<std::vector<double>> matrix;                 ///< [variables x variables]
  std::vector<double> means, std_devs;                     ///< [variables]; type sscp: no std_devs
  std::vector<std::vector<std::int64_t>> pair_counts;      ///< pairwise: rows behind each number
  double sum_of_weights = 0;
  std::int64_t n_valid_obs = 0, n_missing_obs = 0;         ///< pairwise: rows with a value in any variable, and in none
  std::optional<PrincipalComponents> princomp;
  std::vector<RidgeFit> ridge;
  std::vector<std::string> warnings;
  Timing timing;
};

/// Collective. `~ x + log(z) + x:z + g`: a factor has a column a level. A left side, `y ~ ...`, is for ridge regressions alone.
/// Divisor: rows - 1; fweights: sum of weights - 1; pweights: sum of weights times (n - 1) / n. Listwise unless pairwise, which takes no
/// weights. Reads each column once, twice where plain double would lose digits (design, section 6); cost a row as lin_mod, pairwise six
/// times that of its numeric columns. Throws UsageError, DataError (no complete row, infinite values, negative weights), NumericalError
/// (a pairwise matrix that has no principal components).
CovCor cov_cor(const ChunkSource& source, std::string_view formula, const CovCorOptions& options, Communicator& comm);

nlohmann::json to_json(const CovCor& result);
std::string to_text(const CovCor& result);
/// The model file for predict: scores of the principal components, else fitted values of the one ridge regression. Throws UsageError.
nlohmann::json model_json(const CovCor& result);

}  // namespace rxhpc
