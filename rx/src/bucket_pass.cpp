#include "bucket_pass.hpp"

#include <algorithm>
#include <utility>

#include "model_rows.hpp"
#include "rxhpc/errors.hpp"
#include "thread_pass.hpp"

namespace rxhpc::impl {
namespace {

/// Collective. The sums of all ranks, on every rank.
void sum_over_ranks(ExactSums& sums, Communicator& comm) {
  if (sums.slots() == 0 || comm.size() == 1) return;
  // Digits in pieces of 32 bits, so that adding those of all ranks cannot overflow.
  ExactSums mine(sums.slots()), all(sums.slots());
  std::vector<std::int64_t> present(ExactSums::planes);
  for (int p = 0; p < ExactSums::planes; ++p)
    for (std::size_t s = 0; sums.has(p) && s < sums.slots(); ++s) mine.add_digit(p, s, sums.digit(p, s));
  for (int p = 0; p < ExactSums::planes; ++p) present[static_cast<std::size_t>(p)] = mine.has(p);
  comm.all_sum(present);
  std::vector<std::int64_t> digits(sums.slots());
  for (int p = 0; p < ExactSums::planes; ++p) {
    if (present[static_cast<std::size_t>(p)] == 0) continue;
    for (std::size_t s = 0; s < sums.slots(); ++s) digits[s] = mine.digit(p, s);
    comm.all_sum(digits);
    for (std::size_t s = 0; s < sums.slots(); ++s) all.add_digit(p, s, digits[s]);
  }
  sums = std::move(all);
}

void append(KeptValues& into, const KeptValues& from) {
  into.complete = into.complete && from.complete;
  into.bucket.insert(into.bucket.end(), from.bucket.begin(), from.bucket.end());
  into.value.insert(into.value.end(), from.value.begin(), from.value.end());
  into.weight.insert(into.weight.end(), from.weight.begin(), from.weight.end());
}

}  // namespace

int ReadList::place(int column) {
  if (column < 0) return -1;
  auto const at = std::find(columns_.begin(), columns_.end(), column);
  if (at != columns_.end()) return static_cast<int>(at - columns_.begin());
  columns_.push_back(column);
  return static_cast<int>(columns_.size()) - 1;
}

std::vector<BucketCounts> bucket_pass(const ChunkSource& source, std::span<const int> columns, const std::vector<BucketSpec>& specs,
                                      const RunOptions& run, Communicator& comm, Timing* timing) {
  using States = std::vector<BucketCounts>;
  // Columns one after another, each while it is in cache, where nothing needs two of them at once.
  bool apart = source.columns_apart() && columns.size() == specs.size();
  for (std::size_t k = 0; k < specs.size(); ++k) apart = apart && specs[k].value == static_cast<int>(k) && BucketCounts(specs[k]).columnwise();
  auto const make = [&] { return States(specs.begin(), specs.end()); };
  auto const use = [&](States& states, int column, const Chunk& chunk, std::int64_t first, std::int64_t rows) {
    if (column >= 0) return states[static_cast<std::size_t>(column)].update_column(chunk, first, rows);
    for (auto& state : states) state.update_rows(chunk, first, rows);
  };
  auto threads = piece_pass(source, columns, apart, make, use, run, comm, timing);
  States result = std::move(*threads[0]);
  for (std::size_t t = 1; t < threads.size(); ++t)
    for (std::size_t k = 0; k < result.size(); ++k) {
      result[k].add((*threads[t])[k]);
      append(result[k].kept(), (*threads[t])[k].kept());
    }
  std::vector<std::int64_t> incomplete(result.size());
  for (std::size_t k = 0; k < result.size(); ++k) {
    comm.all_sum(result[k].counts());
    for (auto& sums : result[k].exact()) sum_over_ranks(sums, comm);
    incomplete[k] = !result[k].kept().complete;
  }
  comm.all_sum(incomplete);
  for (std::size_t k = 0; k < result.size(); ++k)
    if (incomplete[k] > 0) {
      result[k].kept() = {};
      result[k].kept().complete = false;
    }
  return result;
}

void check_weights(const BucketCounts& counts, const std::string& column) {
  refuse_negative_weights(column, counts.negative_weight());
  if (counts.infinite_weight() > 0)
    throw DataError("column '" + column + "': " + std::to_string(counts.infinite_weight()) + " rows have an infinite weight");
}

}  // namespace rxhpc::impl
