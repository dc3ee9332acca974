// Positive and negative rows at every distinct prediction, sorted, over all ranks.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "rxhpc/communicator.hpp"
#include "rxhpc/dd.hpp"

namespace rxhpc::impl {

/// Keys order as the doubles do; -0 is 0. Not for NaN.
std::uint64_t key_of(double x);
double value_of(std::uint64_t key);

struct RocRun {
  std::uint64_t key;
  std::int64_t positive, negative;
};

/// Runs that grow row by row. Keys are kept as they come, sorted and joined to the runs now and then, so that they stay in proportion to the
/// distinct keys.
class RocRuns {
 public:
  void add(std::uint64_t key, bool positive) { fresh_[positive].push_back(key); }
  /// Between chunks.
  void shrink();
  /// Sorted, each key once.
  std::vector<RocRun>& sorted();
  void append(RocRuns& other);
  std::size_t bytes() const { return runs_.capacity() * sizeof(RocRun) + (fresh_[0].capacity() + fresh_[1].capacity()) * sizeof(std::uint64_t); }

 private:
  std::vector<RocRun> runs_;
  std::vector<std::uint64_t> fresh_[2];  // keys of negative and of positive rows that are not among the runs yet
};

/// Collective. Every rank gets a range of the keys, in rank order, with the runs of all ranks joined.
std::vector<RocRun> exchange_runs(std::vector<RocRun>& mine, Communicator& comm);

/// What the runs of all ranks say together; sums of whole numbers, so that nothing is rounded.
struct RocTotals {
  std::int64_t positive = 0, negative = 0;
  DD ranked;             ///< over positive rows, of 2 * (negatives below) + (negatives that tie): 2 U
  DD positive_squares;   ///< over positive rows, of the square of that
  DD negative_squares;   ///< over negative rows, of (2 * (positives above) + (positives that tie)) squared
  std::int64_t positive_below = 0, negative_below = 0;  ///< this rank's range
};
/// A whole number of 128 bits that all ranks add up to, as a double-double. Collective.
__extension__ using RocWide = unsigned __int128;
DD all_sum_wide(RocWide value, Communicator& comm);
/// Collective.
RocTotals total_runs(const std::vector<RocRun>& range, Communicator& comm);

}  // namespace rxhpc::impl
