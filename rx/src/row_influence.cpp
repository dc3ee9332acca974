#include "row_influence.hpp"

#include <cmath>
#include <limits>

#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// 1 - h, NaN where nothing but rounding is left of it.
double rest_of(double leverage) { return 1 - leverage > 1e-12 ? 1 - leverage : none; }

}  // namespace

double RowInfluence::cooks_distance(double pearson, double leverage) const {
  double const over = pearson / rest_of(leverage);
  return over * over * leverage / (dispersion * rank);
}

double RowInfluence::standardized(double d, double leverage) const { return d / std::sqrt(dispersion * rest_of(leverage)); }

double RowInfluence::studentized(double d, double pearson, double leverage) const {
  double const rest = rest_of(leverage);
  double const r = std::copysign(std::sqrt(d * d + leverage * pearson * pearson / rest), d);
  return known_variance ? r : r / std::sqrt((deviance - d * d / rest) / (df_residual - 1));
}

InfluenceOptions::InfluenceOptions(const PredictOptions& o)
    : leverage(o.leverage), cooks_distance(o.cooks_distance), standardized(o.residuals && o.residual_type == "standardized"),
      studentized(o.residuals && o.residual_type == "studentized") {}

void check_influence(bool covariance, const std::string& robust) {
  if (!robust.empty()) throw UsageError("leverages, and what follows from them, need a model that was fitted without --robust and --cluster");
  if (!covariance) throw UsageError("leverages, and what follows from them, need a model that was fitted with --cov-coef");
}

}  // namespace rxhpc::impl
