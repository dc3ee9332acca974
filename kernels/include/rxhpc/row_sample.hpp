// A few rows of a table, chosen by what depends on the row alone: the same ones for any number of ranks, threads and chunks.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rxhpc/accumulator.hpp"
#include "rxhpc/centroids.hpp"
#include "rxhpc/random.hpp"

namespace rxhpc {

/// Accumulator: of the complete rows the `size` distinct ones with the smallest keys. The key of a row is
///   its number (`first`), or an exponential deviate, -log(u) / weight, u drawn for its number (`random`): a sample without replacement whose
///   chances are the weights (Efraimidis & Spirakis, Inf. Process. Lett. 97 (2006), 181), or the same with weight w d^2, d the distance from
///   the nearest of some centres (`far`). Rows with the same values count as one, with their smallest key.
/// State: [size] key, row number, values. Merge: the smallest of both.
class RowSample {
 public:
  enum class Order { first, random, far };
  struct Spec {
    RowPackSpec rows = {};
    std::int64_t size = 0;
    Order order = Order::random;
    std::uint64_t seed = 0;
    RandomPurpose purpose = RandomPurpose::starting_rows;
    std::uint32_t stream = 0;
    std::shared_ptr<const Centres> centres = {};  ///< Order::far
    int number = -1;           ///< position of a column of row numbers, from 1; -1: rows follow one another from the chunk's first
  };
  struct Row {
    double key = 0;
    std::int64_t number = 0;  ///< in the table, from 0
    std::vector<double> values;
  };

  explicit RowSample(Spec spec);
  void reset();
  void update(const Chunk& chunk);
  std::size_t packed_size() const;
  void pack(std::span<double> out) const;
  void unpack(std::span<double const> in);
  void merge(std::span<double> into, std::span<double const> from) const;

  /// By key. Fewer than asked for where there are no more distinct rows.
  std::vector<Row> finalize() const;
  std::int64_t valid() const { return counts_[0]; }
  std::int64_t missing() const { return counts_[1]; }
  std::int64_t infinite() const { return counts_[2]; }
  std::int64_t negative_weight() const { return counts_[3]; }

 private:
  double key_of(std::int64_t number, const double* pack, int lane, double weight, std::int32_t label) const;
  void offer(Row&& row);
  std::size_t width() const { return spec_.rows.columns.size() + 2; }

  Spec spec_;
  std::int64_t counts_[4] = {};
  std::vector<Row> rows_;  // sorted by key, then number
  std::unordered_map<std::uint64_t, std::pair<double, std::int64_t>> known_;  // hash of values -> key and number
  RowPacks packs_;
};
static_assert(Accumulator<RowSample>);

}  // namespace rxhpc
