// What every fitting function takes and gives.
#pragma once
#include <string>

#include "rxhpc/row_source.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc {

struct FitOptions {
  RowOptions rows;
  std::string pweights, fweights;  ///< a column's name; at most one. pweights scale the variance, fweights repeat rows
  bool drop_first = false;         ///< leave out the first level of a factor instead of the last
  bool drop_main = true;           ///< collinear: drop main effects before interactions
  bool cube = false;               ///< first term by cells, no intercept
  bool cov_coef = false;           ///< also the covariance of the coefficients
  bool like_r = false;             ///< coding, names, order of terms and rank tolerance of R's own functions
  RunOptions run;
};

struct Coefficient {
  std::string name;
  double estimate = 0, std_error = 0, t_value = 0, p_value = 0;  ///< NaN where aliased; t_value: z where the normal law is used
  bool aliased = false;                                          ///< a reference level, or a combination of other columns
};

}  // namespace rxhpc
