// Selection of terms for logit and glm.
#pragma once
#include <string_view>

#include "rxhpc/glm.hpp"

namespace rxhpc::impl {

/// Collective. As glm, with options.step: R's search, every candidate a fit of its own to the rows that are complete in all that the scope
/// names. Cost: a fit for each candidate of each step. Throws UsageError where the family has no AIC to select by.
Glm glm_stepwise(const ChunkSource& source, std::string_view formula, const GlmOptions& options, Communicator& comm);

}  // namespace rxhpc::impl
