// The response of a generalised linear model as a number for each row.
#pragma once
#include <string>

#include "glm_families.hpp"
#include "regression.hpp"
#include "rxhpc/glm_step.hpp"

namespace rxhpc::impl {

struct GlmResponse {
  std::string name;        ///< as written
  std::string expression;  ///< a number: 0 and 1 where the response is a class
  std::string trials;      ///< of successes and failures with weights besides: their sum
};

/// Adds the response to `r.spec` and resolves the weights. A logical column, and a factor or text of two levels, count as 0 and 1, the second level being
/// the success, in binomial families; cbind(successes, failures) is a share with the trials as weights. Throws UsageError, DataError.
GlmResponse resolve_response(Regression& r, bool binomial, FitOptions& options);

/// Of a pass with `constants`: throws DataError where responses are none that the family can have, or all of one class.
void refuse_responses(const NamedFamily& family, const GlmStep& step);

/// The sum of offset() terms, pinned, and of the column of that name, as an expression; empty where there is none.
std::string offset_expression(Regression& r, const std::string& column);

}  // namespace rxhpc::impl
