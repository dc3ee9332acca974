// Sums of scores by cluster.
#pragma once
#include <cstdint>

#include "row_scores.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc::impl {

struct ClusterProducts {
  DdMatrix products;          ///< [candidates] sum over clusters of s s'
  std::int64_t clusters = 0;  ///< with rows
};

/// Collective. One pass. s is the sum of the weighted scores of a cluster's rows. State: exact sums (exact_sum.hpp) of each numeric column's
/// scores by cluster, and of each factor term's by cluster and cell, found by a hash of those that occur: memory for clusters times columns,
/// whatever the number of rows, and the order of rows cannot matter. Cost a row: 9 flops a numeric column, a look-up a factor term.
/// `cluster`: a place in the fit's columns; codes, or numbers that are equal where the cluster is.
ClusterProducts cluster_products(const ScoredFit& fit, int cluster, const RunOptions& run, Communicator& comm, Timing& timing);

}  // namespace rxhpc::impl
