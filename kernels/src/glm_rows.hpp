// The row functions of generalised linear models: a tile's eta to mu, mu to weights, residuals and deviance.
#pragma once
#include <cstdint>
#include <span>

#include "rxhpc/dd.hpp"
#include "rxhpc/glm_family.hpp"

namespace rxhpc::impl {

/// What link_rows writes, each [rows, padded to 8].
struct MuRows {
  double *mu, *rest;   ///< mu; 1 - mu, without cancellation where the link is one of a binomial family
  double* slope;       ///< dμ/dη
  const double* log_mu = nullptr;  ///< where the link is at hand: ln mu, else null
  const double* low = nullptr;     ///< what mu lacks: of the identity, where eta is known in double-double, else null
};

/// Inverse link, bounded as R bounds it. Returns the rows whose eta the link does not allow. `rows` counts those that are true; arrays
/// are read and written up to the next multiple of 8.
std::int64_t link_rows(const GlmFamily& family, const double* eta, int rows, MuRows& to);

struct RowSums {
  DD deviance, weight, score;  ///< of prior * unit deviance; of w; of w z
};
struct RowNotes {
  std::int64_t invalid = 0, at_bound = 0;
};

/// Working weights w and residuals z (either may be null) and the sums. prior is 0 in the padding.
RowSums family_rows(const GlmFamily& family, const double* y, const double* prior, const MuRows& at, int rows, double* w, double* z, RowNotes& notes);

/// Rows whose response is outside of the family's range; `y` is read in whole packs.
std::int64_t out_of_range(Range range, const double* y, int rows);

/// The family's starting mu of one row.
double start_of(const GlmFamily& family, double y, double weight);

}  // namespace rxhpc::impl
