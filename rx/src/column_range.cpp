#include "column_range.hpp"

#include <algorithm>
#include <limits>

#include "rxhpc/moments.hpp"

namespace rxhpc::impl {

ZoneMoments column_moments(const RowSource& rows, int column, bool extremes_only, const RunOptions& run, Communicator& comm, Timing* timing) {
  auto const* zones = rows.zone_map();
  if (zones && extremes_only && column < static_cast<int>(zones->moments.size())) {
    ZoneMoments all;
    all.min = std::numeric_limits<double>::infinity(), all.max = -all.min;
    for (auto const& z : zones->moments[static_cast<std::size_t>(column)]) {
      all.n += z.n;
      all.min = std::min(all.min, z.min);
      all.max = std::max(all.max, z.max);
    }
    return all;
  }
  int const columns[] = {column};
  return sweep(rows, columns, Moments({0}), run, comm, timing).finalize()[0];
}

}  // namespace rxhpc::impl
