// A deviance near some coefficients as a quadratic function, and moves on it: what the passes of an elastic-net path find and use.
#pragma once
#include <vector>

#include "penalised_quadratic.hpp"
#include "regression.hpp"

namespace rxhpc::impl {

/// The columns that can have a coefficient, and their scales.
struct ScaledColumns {
  std::vector<int> at;    ///< [kept] places in the gram
  std::vector<DD> scale;  ///< [kept]
  bool intercept = true;
  DD weight;              ///< sum of the prior weights
};

/// Of those in use, all that vary. `prior`: sums with the prior weights.
ScaledColumns scaled_columns(const Regression& r, const RegressionFit& prior, bool standardize);

/// What one pass finds at some coefficients: the deviance is deviance - 2 g'd + d'Hd at beta + d, near them.
struct Near {
  std::vector<DD> beta;  ///< [constant, columns] of the gram
  std::vector<DD> u;     ///< [kept] scaled
  DdMatrix gram;         ///< H beside g, the last column
  DD deviance;
  bool valid = true;
  Quadratic f;           ///< half the deviance over the sum of weights, the intercept at its best
};

/// Fills in near.f from gram and u.
void find_quadratic(Near& near, const ScaledColumns& s);

/// Half the deviance over the sum of weights, and the penalty.
double objective(const Near& near, const ScaledColumns& s, ElasticPenalty p);

/// From some coefficients to others.
struct Move {
  std::vector<DD> beta;
  DD curvature;  ///< d'Hd
  DD deviance;   ///< at its end, by the quadratic function
};

/// From `near` to the scaled coefficients `u`, the intercept at its best.
Move move_to(const Near& near, const ScaledColumns& s, const std::vector<DD>& u);

/// Scales the expected curvature of `there` to the true one along the way that led there from `before`, which the scores at its ends tell (Barzilai &
/// Borwein, IMA J. Numer. Anal. 8, 1988; with a penalty: Wright, Nowak & Figueiredo, IEEE Trans. Signal Process. 57, 2009). Where the link is not the
/// family's own the true one may be more than twice the expected one: steps by that would swing for ever.
void take_true_curvature(Near& there, const Near& before, const ScaledColumns& s);

/// What a move adds to the rows' linear predictors: its standard deviation by the prior weights.
double spread(const Move& move, const Near& from, const RegressionSums& prior, const ScaledColumns& s);

}  // namespace rxhpc::impl
