// Covariances of coefficients that hold where variances differ, or where rows of a cluster depend on one another.
#pragma once
#include "row_scores.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc::impl {

/// --cluster alone means HC1. Throws UsageError where the two do not go together.
void check_robust(FitOptions& options);

/// The place of the clusters' column in `r.read`, -1 where there is none. Rows without a cluster count as missing from then on: call it after
/// the offset has been carried, and before any pass.
int resolve_cluster(Regression& r, const std::string& name);

/// Collective. One pass. (X'WX)^-1 M (X'WX)^-1 over the candidates. M = X' diag(u) X with the squared scores u by options.robust: HC0 as they are
/// (White, Econometrica 48, 1980), HC1 times n / (n - p), HC2 over 1 - h, HC3 over (1 - h)^2 (MacKinnon & White, J. Econometrics 29, 1985), h
/// the leverage. With clusters M is the sum over them of s s', s the sum of their rows' scores (Liang & Zeger, Biometrika 73, 1986), times
/// G / (G - 1), HC1 also times (n - 1) / (n - p). Frequency weights repeat rows.
/// Throws DataError where there is one cluster alone.
DdMatrix robust_covariance(const ScoredFit& fit, double observations, int cluster, const FitOptions& options, Communicator& comm, Timing& timing, RobustErrors& out);

}  // namespace rxhpc::impl
