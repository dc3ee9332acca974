// The canonical merge: one fixed binary tree over the global chunk numbers, whoever computed the leaves.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "rxhpc/communicator.hpp"

namespace rxhpc {

/// into = merge(into, from): `into` holds the rows that come first. Pure: depends on the two states alone.
using MergeFunction = std::function<void(std::span<double> into, std::span<double const> from)>;

/// Node (level, place) stands for chunks [place * 2^level, (place + 1) * 2^level) of `chunks`; a node whose right half lies
/// beyond the last chunk equals its left half. A rank inserts the leaves of its run in any order, from any thread, and holds
/// O(log chunks + threads) states at a time.
class MergeTree {
 public:
  MergeTree(std::int64_t chunks, MergeFunction merge);
  /// Thread-safe; merges outside the lock.
  void insert(std::int64_t chunk, std::vector<double> state);

  using Place = std::pair<int, std::int64_t>;  // level, place
  /// What could not be merged further on this rank. Leaves the tree empty.
  std::map<Place, std::vector<double>> take();

 private:
  void insert(Place node, std::vector<double> state);
  friend std::vector<double> all_merge(Communicator&, MergeTree&, std::vector<double>);
  std::int64_t chunks_;
  int root_level_;
  MergeFunction merge_;
  std::mutex mutex_;
  std::map<Place, std::vector<double>> pending_;
};

/// Collective. Completes the tree on rank 0 and returns its root on every rank: the same bits for any number of ranks and
/// threads. `fresh` is the state of no rows, returned where there is no chunk.
std::vector<double> all_merge(Communicator& comm, MergeTree& tree, std::vector<double> fresh);

}  // namespace rxhpc
