// Selection of terms for logit and glm.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "rxhpc/dd_matrix.hpp"
#include "rxhpc/glm.hpp"

namespace rxhpc::impl {

/// Collective. As glm, with options.step: R's search, every candidate a fit of its own to the rows that are complete in all that the scope
/// names. Cost: a fit for each candidate of each step; where candidates are not fitted, one of all terms and one of those chosen (robust errors, --cov-data and the coefficients of steps take
/// fits of their own). Throws UsageError where the family has no AIC to select by, NumericalError where one fit has to score and is none to go by.
Glm glm_stepwise(const ChunkSource& source, std::string_view formula, const GlmOptions& options, Communicator& comm);

/// The linear model that a fit has come to: weights and working response at its coefficients.
struct WorkingModel {
  DdMatrix gram;                    ///< expanded columns (the constant first where the design has none), the working response last
  int skip = 0;                     ///< 1 where the constant is not of the design
  std::vector<int> term_of_column;  ///< [columns] in `terms`; -1: the intercept
  std::vector<std::string> terms;   ///< labels
  bool stands = true;               ///< the iterations ended, and no coefficient runs away
};
/// Collective. As glm, without options.step; `working` as well.
Glm glm_with_working_model(const ChunkSource& source, std::string_view formula, const GlmOptions& options, Communicator& comm, WorkingModel& working);

}  // namespace rxhpc::impl
