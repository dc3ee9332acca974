// What a row's leverage and residuals say of its influence on a fit.
#pragma once
#include <string>

#include "rxhpc/predict.hpp"

namespace rxhpc::impl {

/// Of a fit to the rows at hand, as R's hatvalues(), cooks.distance(), rstandard() and rstudent(). Results are NaN where the leverage is 1.
struct RowInfluence {
  double dispersion = 1;        ///< sigma squared
  double deviance = 0;          ///< residual sum of squares
  double df_residual = 0;
  double rank = 0;
  bool known_variance = false;  ///< binomial and Poisson: studentised residuals are not divided by an estimate of the dispersion

  /// (p / (1 - h))^2 h / (phi rank) of Pearson's residual p.
  double cooks_distance(double pearson, double leverage) const;
  /// d / sqrt(phi (1 - h)).
  double standardized(double deviance_residual, double leverage) const;
  /// sign(d) sqrt(d^2 + h p^2 / (1 - h)) over sigma without this row, whose square is (D - d^2 / (1 - h)) / (df - 1): one Newton step from
  /// the fit (exact for linear models). Williams, Applied Statistics 36 (1987).
  double studentized(double deviance_residual, double pearson, double leverage) const;
};

/// Which of them are asked for.
struct InfluenceOptions {
  bool leverage = false, cooks_distance = false, standardized = false, studentized = false;
  explicit InfluenceOptions(const PredictOptions& o);
  InfluenceOptions() = default;
  bool any() const { return leverage || cooks_distance || standardized || studentized; }
  bool need_response() const { return cooks_distance || standardized || studentized; }
};

/// Whether results are asked for that the response goes into.
inline bool needs_response(const PredictOptions& o) { return o.residuals || InfluenceOptions(o).need_response(); }

/// Throws UsageError where the model was not fitted with what leverages need: a covariance, and the classical one.
void check_influence(bool covariance, const std::string& robust);

}  // namespace rxhpc::impl
