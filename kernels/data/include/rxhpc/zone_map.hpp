// What a table knows about each chunk of each column without reading it.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "rxhpc/chunk.hpp"
#include "rxhpc/schema.hpp"

namespace rxhpc {

/// Moments of one column of one chunk. The same bits as the summary kernel's state: it computes them (io stores, never computes).
/// mean + mean_lo is the mean in double-double, m2 the centred sum of squares; min and max are +inf and -inf while n = 0.
struct ZoneMoments {
  std::int64_t n = 0;        ///< rows that are not missing
  std::int64_t missing = 0;
  double mean = 0, mean_lo = 0, m2 = 0, min = 0, max = 0;
};

struct ZoneMap {
  std::vector<std::vector<ZoneMoments>> moments;                  ///< [column][chunk]; coded and text columns: n and missing only
  std::vector<std::vector<std::vector<std::int64_t>>> level_counts;  ///< [column][chunk][level]; empty for columns without codes
};

/// Computes the moments of `rows` rows of a column of that variable, and where it is coded the counts of its levels.
/// Handed to the writers by the program, so that io needs no kernel.
using ZoneFunction = std::function<ZoneMoments(const Variable&, const Column&, std::int64_t rows, std::vector<std::int64_t>& level_counts)>;

}  // namespace rxhpc
