// The nearest of k centres to each row, and sums of the rows of each: one step of Lloyd's iteration.
#pragma once
#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "rxhpc/accumulator.hpp"
#include "rxhpc/row_bounds.hpp"
#include "rxhpc/row_packs.hpp"

namespace rxhpc {

namespace impl {
class ColumnsAhead;
}

/// Centres [k x p], and what the kernel needs of them. Which centre is nearest is defined by d = sum over j, in order, of (x_j - c_j)^2, one
/// fused multiply-add a column, x and c with the shift subtracted; ties go to the lower number. That is also what is computed: mostly as
/// |c|^2/2 - x.c, with this form where two centres lie within the rounding errors of that. So labels do not depend on the instruction set.
class Centres {
 public:
  /// values: [k x p] row by row, unshifted; shift: [p].
  Centres(int columns, std::vector<double> values, std::vector<double> shift);

  int count() const { return count_; }
  int columns() const { return columns_; }
  const std::vector<double>& values() const { return values_; }
  const std::vector<double>& shift() const { return shift_; }
  const double* shifted(int k) const { return shifted_.data() + static_cast<std::size_t>(k) * stride_; }  ///< [stride], zeros past p
  int stride() const { return stride_; }                                                                 ///< p rounded up to eight

  /// The nearest centre of each row of packs [first, last); labels of rows that take no part are not defined. Where asked for, bounds of the
  /// distances from it and from all others. Cost: 2 k p flops a row.
  void nearest(const RowPacks& rows, std::int64_t first, std::int64_t last, std::int32_t* label, float* upper = nullptr, float* lower = nullptr,
               impl::ColumnsAhead* ahead = nullptr) const;
  bool in_floats() const;   ///< whether rows are tried in floats first, so that they need not be laid out
  bool bounds_pay() const;  ///< whether remembering bounds can save more than it costs
  /// Squared distance of row i of a pack from centre k; with missing cells p / present times that of the cells present.
  double squared_distance(const double* pack, int i, int k) const;

 private:
  template <int Packs, int Block>
  void nearest_block(const RowPacks& rows, std::int64_t first, std::int32_t* label, impl::ColumnsAhead* ahead) const;
  template <int Block>
  void nearest_in(const RowPacks& rows, std::int64_t first, std::int64_t last, std::int32_t* label, float* upper, float* lower, impl::ColumnsAhead* ahead) const;
  template <int Packs, int Block, class Values>
  int nearest_in_floats(const RowPacks& rows, Values values, std::int64_t first, std::int32_t* label, float* upper, float* lower, impl::ColumnsAhead* ahead) const;
  void nearest_exactly(const double* pack, std::int32_t* label) const;

  int count_, columns_, stride_, block_;
  std::vector<double> values_, shift_, shifted_;
  std::vector<double> coefficient_;  // [blocks][p][block] negated
  std::vector<double> half_;         // [blocks][block] |c|^2 / 2, infinity past k
  double largest_norm_ = 0;          // largest |c|
  std::vector<float> float_coefficient_, float_half_;                      // the same as floats; empty where they would not pay
  mutable std::atomic<std::int64_t> float_tried_{0}, float_again_{0};      // packs done in floats at first, and of them again in doubles
};

/// Accumulator: for each centre the rows nearest to it. State: rows [k], sum of weights [k], sums of w (x - shift) [k x p] and, where asked for,
/// sums of w |x - c|^2 [k]; with `partial` also the weights of complete rows [k] and of the other rows' cells [k x p].
/// Blocks of block_rows rows are summed by themselves and added in order. Merge: addition. Cost: nearest's and 2 p flops a row.
class Centroids {
 public:
  static constexpr std::int64_t block_rows = 2048;

  Centroids(RowPackSpec spec, std::shared_ptr<const Centres> centres, bool squares);
  void reset();
  void update(const Chunk& chunk);
  void update_rows(const Chunk& chunk, std::int64_t first, std::int64_t rows);
  void finish_rows(const Chunk&) {}
  /// What is remembered of the rows that come next, null where nothing is, and how far centres went since (null: nothing is known yet). The
  /// same bits with and without. Both must outlive the updates; reset forgets them.
  void remember(RowBounds* bounds, const CentreMoves* moves) { bounds_ = bounds, moves_ = moves; }
  void update(const RowPacks& rows);  ///< the same for a chunk whose rows have been laid out
  std::size_t packed_size() const;
  void pack(std::span<double> out) const;
  void unpack(std::span<double const> in);
  void merge(std::span<double> into, std::span<double const> from) const;

  const RowPackSpec& spec() const { return spec_; }
  const Centres& centres() const { return *centres_; }
  std::int64_t valid() const { return counts_[0]; }
  std::int64_t missing() const { return counts_[1]; }
  std::int64_t infinite() const { return counts_[2]; }
  std::int64_t negative_weight() const { return counts_[3]; }
  std::int64_t rows(int k) const { return counts_[4 + static_cast<std::size_t>(k)]; }
  double weight(int k) const { return sums_[static_cast<std::size_t>(k)]; }
  double square(int k) const { return sums_[static_cast<std::size_t>(count_ + k)]; }  ///< sum of w |x - c|^2, c the centre given
  double sum(int k, int j) const { return sums_[static_cast<std::size_t>(2 * count_) + static_cast<std::size_t>(k) * columns_ + j]; }
  double cell_weight(int k, int j) const;  ///< weight of the rows whose column j is there

 private:
  void add_tile(const RowPacks& rows, std::int64_t first, std::int64_t last, std::int64_t row, impl::ColumnsAhead* ahead);
  void label_tile(const RowPacks& rows, std::int64_t first, std::int64_t last, std::int64_t row, impl::ColumnsAhead* ahead);
  double* block_sum();
  void add_packs(const RowPacks& rows, std::int64_t first, std::int64_t last, const std::int32_t* label);
  template <class Values>
  void add_values(Values x, std::int64_t packs, const double* w, const std::int32_t* label);
  template <bool Weighted, bool Squares, class Values>
  void add_rows(Values x, std::int64_t packs, const double* w, const std::int32_t* label);
  template <class Values>
  void add_few_columns(Values x, const double* w, double* const* sum, const std::int32_t* label, int j);
  void add_incomplete(const RowPacks& rows, std::int64_t b, const std::int32_t* label);
  void add_counts(const RowPacks& rows);
  void flush();

  RowPackSpec spec_;
  std::shared_ptr<const Centres> centres_;
  bool squares_;
  int count_, columns_;
  std::vector<std::int64_t> counts_;  // valid, missing, infinite, negative, rows [k]
  std::vector<double> sums_;          // weight [k], square [k], sum [k x p]; partial: weight of complete rows [k], of cells of others [k x p]
  // Sums of one block; what is past the last centre takes the rows that take no part.
  std::vector<double> block_sum_;     // [k + 1][stride] from the first cache line on, see block_sum()
  std::vector<double> block_square_;  // [k + 1][8]
  std::vector<double> block_weight_, block_complete_;  // [k + 1]
  std::vector<double> block_cell_;    // [k + 1][p]
  std::vector<std::int64_t> block_count_;              // [k + 1]
  RowPacks rows_, open_;
  std::vector<std::int32_t> labels_;
  RowBounds* bounds_ = nullptr;
  const CentreMoves* moves_ = nullptr;
};
static_assert(PiecewiseAccumulator<Centroids>);

}  // namespace rxhpc
