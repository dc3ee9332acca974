// The options that cube and crosstabs have in common.
#pragma once
#include "rxhpc/cube.hpp"
#include "session.hpp"

namespace rxhpc::app {

CubeOptions cube_options(const Session& session);

}  // namespace rxhpc::app
