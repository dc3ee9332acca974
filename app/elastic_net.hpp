// Elastic-net paths, which linmod, logit and glm share.
#pragma once
#include "arguments.hpp"
#include "rxhpc/glm.hpp"
#include "session.hpp"

namespace rxhpc::app {

/// A path is asked for by any option of its group.
bool wants_path(const Arguments& args);
/// Collective. `linear`: least squares. A path without convergence is told as far as it goes, but is no model; --return-always takes it as it is.
void run_path(Session& session, const GlmOptions& options, bool linear);

}  // namespace rxhpc::app
