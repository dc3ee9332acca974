// Rows between given edges, counted cell by cell, and the values of chosen buckets collected: what exact quantiles, histograms and
// concentration curves are made of.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "rxhpc/accumulator.hpp"
#include "rxhpc/exact_sum.hpp"

namespace rxhpc {
namespace impl {
struct CellBlock;
class EdgeGrid;
}

/// The edges of every cell, ascending. Cell c with E edges has E + 1 buckets: x is in bucket b where edge[b - 1] <= x < edge[b].
struct BucketEdges {
  std::vector<std::uint32_t> first{0, 0};  ///< [cells + 1] place of each cell's first edge
  std::vector<double> edges;
  std::vector<char> kept;                  ///< [buckets] 1: the values themselves are wanted; empty: none are

  std::size_t cells() const { return first.size() - 1; }
  std::size_t buckets() const { return edges.size() + cells(); }
  std::uint32_t edge_count(std::size_t cell) const { return first[cell + 1] - first[cell]; }
  /// Place of a cell's lowest bucket.
  std::size_t bucket(std::size_t cell) const { return first[cell] + cell; }
};

struct BucketSpec {
  int value = 0;                    ///< position of the numeric column
  std::vector<int> factors;         ///< positions of the factor columns; empty: one cell
  std::vector<int> levels;          ///< [factors] number of levels of each; first factor fastest
  int weight = -1;                  ///< position of the weight column; -1: every row weighs 1
  int summed = -1;                  ///< position of a column whose (weighted) sums are wanted, too; -1: none
  std::vector<double> centres;      ///< [cells] |x - centre| takes the place of x; empty: x itself
  std::shared_ptr<const BucketEdges> edges;
  std::size_t most_kept = 0;        ///< values that this state may collect; beyond, it collects none and says so
};

/// Values of kept buckets, in no order that means anything.
struct KeptValues {
  std::vector<std::uint32_t> bucket;
  std::vector<double> value, weight;  ///< weight: empty where there are no weights
  bool complete = true;               ///< false: there were more than most_kept, and none is here
};

/// Accumulator. State: rows left out [3], rows in each bucket [buckets], exact sums of the same length each: of weights, of the (weighted)
/// summed column, and of what these products were rounded by, where there are such. Counts are integers and sums exact (rows go to a block of
/// cells first, contingency_block.hpp), so that the order of rows, chunks, threads and ranks cannot matter.
/// A missing value, factor, weight or summed value leaves a row out, as does weight 0; +inf and -inf take part.
/// Values kept are not part of the packed state: kept() hands them over.
/// Bytes read: the columns'. One cell, few edges and no weights: about one comparison an edge for eight rows; else a search in the
/// cell's edges a row.
class BucketCounts {
 public:
  explicit BucketCounts(BucketSpec spec);
  BucketCounts(const BucketCounts& other);
  BucketCounts(BucketCounts&&) noexcept;
  BucketCounts& operator=(BucketCounts&&) noexcept;
  ~BucketCounts();
  void reset();
  void update(const Chunk& chunk) { update_rows(chunk, 0, chunk.rows); }
  void update_rows(const Chunk& chunk, std::int64_t first, std::int64_t rows);
  /// With the value column alone in the chunk, for a spec without factors and weights.
  void update_column(const Chunk& chunk, std::int64_t first, std::int64_t rows) { add_column(chunk.columns[0], first, rows); }
  bool columnwise() const { return spec_.factors.empty() && spec_.weight < 0 && spec_.summed < 0; }
  /// The packed form has every plane of digits (exact_sum.hpp): `counts` and `exact` are for tables of many buckets.
  std::size_t packed_size() const;
  void pack(std::span<double> out) const;
  void unpack(std::span<double const> in);
  void merge(std::span<double> into, std::span<double const> from) const;

  /// All counts and sums, to be added up over threads and ranks.
  std::span<std::int64_t> counts() { return flush(), counts_; }
  std::span<ExactSums> exact() { return flush(), exact_; }
  /// Adds another's rows, its kept values apart.
  void add(const BucketCounts& other);
  std::int64_t rows(std::size_t bucket) const { return flush(), counts_[left_out + bucket]; }
  std::int64_t missing() const { return counts_[0]; }           ///< rows where the value, a factor or the weight is missing
  std::int64_t negative_weight() const { return counts_[1]; }   ///< rows left out because their weight is below 0: the caller refuses them
  std::int64_t infinite_weight() const { return counts_[2]; }   ///< the same for infinite weights
  DD weight(std::size_t bucket) const;                          ///< rows where there are no weights
  DD sum(std::size_t bucket) const;
  KeptValues& kept() { return kept_; }

 private:
  struct Tile;
  static constexpr std::size_t left_out = 3;
  bool weighted() const { return spec_.weight >= 0; }
  bool summed() const { return spec_.summed >= 0; }
  void flush() const;
  void add_column(const Column& column, std::int64_t first, std::int64_t rows);
  void add_tile(const double* x, int rows);
  void keep_tile(const double* x, int rows);
  void add_cells(const Chunk& chunk, std::int64_t first, std::int64_t rows);
  void load(const Chunk& chunk, std::int64_t first, int rows, Tile& tile) const;
  void leave_out(int rows, Tile& tile);
  void find_places(int rows, Tile& tile);
  void keep(std::size_t bucket, double value, double weight);
  void expect_kept();
  void keep_none();

  BucketSpec spec_;
  std::shared_ptr<const impl::EdgeGrid> grid_;  // of one cell
  // What flush changes is where rows are kept, not what they add up to.
  mutable std::vector<std::int64_t> counts_;  // [left_out + buckets]
  mutable std::vector<ExactSums> exact_;      // [weights][sums][what weighted products were rounded by], slots as counts_
  mutable std::unique_ptr<impl::CellBlock> block_;  // of add_cells; none in copies
  KeptValues kept_;
};

}  // namespace rxhpc
