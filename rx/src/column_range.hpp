// The least and the largest value of a column, from the zone map where there is one.
#pragma once
#include "rxhpc/row_source.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc::impl {

/// Collective. Number of values, minimum and maximum are exact; without `extremes_only` mean and sum of squares too.
ZoneMoments column_moments(const RowSource& rows, int column, bool extremes_only, const RunOptions& run, Communicator& comm, Timing* timing);

}  // namespace rxhpc::impl
