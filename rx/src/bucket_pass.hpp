// One pass that counts rows between edges, for several columns at once, over all threads and ranks.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "rxhpc/bucket_counts.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc::impl {

/// Collective. Every rank gets the same counts and sums; the values kept are those that this rank's rows gave (complete on all ranks or
/// on none). `columns` are the source's, the specs' positions are places in them.
std::vector<BucketCounts> bucket_pass(const ChunkSource& source, std::span<const int> columns, const std::vector<BucketSpec>& specs,
                                      const RunOptions& run, Communicator& comm, Timing* timing);

/// Throws DataError for weights that no answer can be made of.
void check_weights(const BucketCounts& counts, const std::string& column);

/// Columns of a source in the order in which they are first asked for.
class ReadList {
 public:
  /// The place of that column among those to read; -1 stays -1.
  int place(int column);
  const std::vector<int>& columns() const { return columns_; }

 private:
  std::vector<int> columns_;
};

}  // namespace rxhpc::impl
