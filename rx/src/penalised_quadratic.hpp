// Quadratic functions with an elastic-net penalty, minimised on their matrix.
#pragma once
#include <vector>

#include "rxhpc/dd_matrix.hpp"

namespace rxhpc::impl {

/// u'Qu / 2 - c'u
struct Quadratic {
  DdMatrix q;         ///< [columns x columns], not negative definite
  std::vector<DD> c;  ///< [columns]
};

/// l1 |u|_1 + l2 |u|^2 / 2
struct ElasticPenalty {
  double l1 = 0, l2 = 0;
};

/// Minimises f + penalty from `u` on, in place; false where that takes too many sweeps. Coordinate descent by covariance updates (Friedman,
/// Hastie & Tibshirani, J. Stat. Softw. 33, 2010, section 2.2) comes near the signs, steps of the active-set method put right those that are wrong;
/// with them the minimum is the solution of a linear system, which is solved in double-double and tested by the conditions of Karush, Kuhn and Tucker.
/// So the answer does not depend on the start, unless columns depend on others and l2 is 0.
bool minimise(const Quadratic& f, ElasticPenalty penalty, std::vector<DD>& u);

}  // namespace rxhpc::impl
