// Counts and sums in the cells of factors: the state behind cube and crosstabs.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "rxhpc/accumulator.hpp"
#include "rxhpc/exact_sum.hpp"

namespace rxhpc {

/// A cell's number: mixed radix of the codes, first factor fastest. 128 bits, since the product of levels may exceed 2^64.
struct CellKey {
  std::uint64_t low = 0, high = 0;
  bool operator==(const CellKey&) const = default;
  bool operator<(const CellKey& o) const { return high != o.high ? high < o.high : low < o.low; }
};

struct ContingencySpec {
  std::vector<int> factors;          ///< positions of the factor columns
  std::vector<std::int64_t> levels;  ///< [factors] levels of each, the one for missing included where there is one
  std::vector<char> missing_level;   ///< [factors] true: a missing code is the last level instead of leaving the row out
  std::vector<int> values;           ///< positions of the numeric columns whose sums are wanted
  int weight = -1;                   ///< position of the weight column; -1: every row weighs 1
  /// False: every possible cell has its place (fewer than 2^31 of them). True: cells have places as they occur, found by a hash of
  /// their key; at most 2^31 of them occur.
  bool sparse = false;
};

namespace impl {
class CellPlaces;
struct CellBlock;
}

/// Accumulator: number of rows, sum of weights and (weighted) sums of values in each cell. Counts are integers and sums exact
/// (exact_sum.hpp), so that the answer depends neither on the order of rows nor on chunks, threads and ranks.
/// A row with a missing factor, value or weight is left out and counted; one of weight 0 is left out and not counted.
/// Rows first go to a block of cells of 128 bits a value {rows and first digits, second digits}, so that a row is one addition a cell, with
/// several copies of small tables; cells are emptied into the exact sums before they hold 2^16 rows. Bytes read: the columns'; 6 flops a row and value.
class Contingency {
 public:
  explicit Contingency(ContingencySpec spec);
  Contingency(const Contingency& other);
  Contingency(Contingency&&) noexcept;
  Contingency& operator=(const Contingency& other) { return *this = Contingency(other); }
  Contingency& operator=(Contingency&&) noexcept;
  ~Contingency();

  void reset();
  void update(const Chunk& chunk) { update_rows(chunk, 0, chunk.rows); }
  void update_rows(const Chunk& chunk, std::int64_t first, std::int64_t rows);
  /// The packed form has every possible cell and plane of digits: for tables of some thousand cells, not for sparse ones.
  std::size_t packed_size() const;
  void pack(std::span<double> out) const;
  void unpack(std::span<double const> in);
  void merge(std::span<double> into, std::span<double const> from) const;

  /// Adds another's rows: as if they had been given to this one.
  void add(const Contingency& other);
  /// Cells in `parts` disjoint sets, the same set for the same cell everywhere, as integers for `add_part`. Empty cells are left out.
  /// The numbers of rows left out travel with part 0.
  std::vector<std::vector<std::int64_t>> parts(int parts) const;
  void add_part(std::span<const std::int64_t> part);

  /// Places of cells with rows, in the order of their keys.
  std::vector<std::uint32_t> occupied() const;
  CellKey key(std::uint32_t place) const;
  std::int64_t rows(std::uint32_t place) const;
  DD weight(std::uint32_t place) const;           ///< rows where there are no weights
  DD sum(int value, std::uint32_t place, int scale = 0) const;  ///< weighted, times 2^scale
  /// The place of a cell of a dense table.
  static std::uint32_t place_of(std::uint64_t cell) { return static_cast<std::uint32_t>(cell + 1); }

  std::int64_t missing() const { return counters_[0]; }   ///< rows left out because a factor, a value or the weight is missing
  std::int64_t refused() const { return counters_[1]; }   ///< rows left out because their weight is negative or infinite: the caller refuses them

 private:
  struct Work;
  static constexpr int counters = 2;
  int summed() const { return static_cast<int>(spec_.values.size()) + (spec_.weight >= 0 ? 1 : 0); }
  void flush() const;
  void make_room();
  void add_tile(const Chunk& chunk, std::int64_t first, int rows);
  void weigh(const double* weights, int rows);

  ContingencySpec spec_;
  std::int64_t cells_ = 0;  // possible ones, dense only
  std::int64_t counters_[counters] = {};
  // What flush changes is where rows are kept, not what they add up to. Place 0 takes the rows that are left out.
  mutable std::vector<std::int64_t> rows_;   // [places]
  mutable std::vector<ExactSums> sums_;      // [weight first where there is one, then values]
  mutable std::unique_ptr<impl::CellBlock> block_;
  std::unique_ptr<impl::CellPlaces> places_;  // sparse only
  std::unique_ptr<Work> work_;                // none before the first rows, nor in copies
};

}  // namespace rxhpc
