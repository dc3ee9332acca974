// Areas below several ROC curves of the same rows, compared in pairs.
#pragma once
#include <vector>

#include "roc_counts.hpp"
#include "rxhpc/roc.hpp"

namespace rxhpc::impl {

/// Where rows of a prediction lie among those of the other class, for every distinct prediction: keys rising, and twice the placements.
struct RocPlaces {
  std::vector<std::uint64_t> key;
  std::vector<std::int64_t> positive;  ///< of a positive row: 2 * (negatives below) + (negatives that tie)
  std::vector<std::int64_t> negative;  ///< of a negative row: 2 * (positives above) + (positives that tie)
};
RocPlaces places_of(const std::vector<RocRun>& range, const RocTotals& totals);

/// Sums over the rows of each class of the products of two predictions' placements.
struct PlacementProducts {
  DD positive, negative;
};
/// DeLong, DeLong & Clarke-Pearson (Biometrics 44, 1988), equations 4 to 6: the covariance of two areas from the placements of either class. Both
/// classes have more than one row.
DD delong_covariance(const PlacementProducts& products, const RocTotals& a, const RocTotals& b);

/// Collective. One more pass: a look-up of each row's placement in each prediction's table, which every rank holds whole (24 bytes a distinct
/// prediction); products are whole numbers of 128 bits. Fills in covariances and tests; where the tables do not fit the memory limit, a warning.
void compare_areas(const ChunkSource& rows, const std::vector<int>& read, std::vector<RocPlaces>&& mine, const std::vector<RocTotals>& totals, const RocOptions& options,
                   Communicator& comm, Roc& out);

}  // namespace rxhpc::impl
