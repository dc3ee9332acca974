// X'WX, X'Wy and y'Wy of a design whose factors are never expanded.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "rxhpc/accumulator.hpp"
#include "rxhpc/dd_matrix.hpp"

namespace rxhpc {

/// One term of a design: the product of its numeric columns (rounded to double, as R's model matrix holds it), in the cell of its
/// factors. With neither it is the constant 1.
/// A row has one non-zero among the term's cells() columns: `product` in column `cell` (mixed radix of codes, first factor fastest).
struct DesignTerm {
  std::vector<int> numeric;  ///< positions in chunk.columns
  std::vector<int> factors;  ///< positions in chunk.columns
  std::vector<int> levels;   ///< [factors] number of levels of each
  std::int64_t cells() const {
    std::int64_t n = 1;
    for (int k : levels) n *= k;
    return n;
  }
};

enum class Precision { plain, exact };

namespace impl {
struct CrossLayout;
struct CrossWork;
struct DesignTile;

/// Changes tiles before their products are added: how iteratively reweighted fits bring their weights and working responses in.
class TileTransform {
 public:
  virtual ~TileTransform() = default;
  virtual DesignTile apply(const DesignTile& tile) = 0;
};
}  // namespace impl

struct CrossProductSpec {
  std::vector<DesignTerm> terms;
  std::vector<int> responses;       ///< positions of the numeric response columns
  int weight = -1;                  ///< position of the weight column; -1: none
  bool frequency = false;           ///< weights count rows: n_valid still counts table rows, weight_sum the rows they stand for
  Precision precision = Precision::exact;
  /// plain only: subtracted from each purely numeric term (in order of `terms`, the constant not among them), then from each
  /// response, before products are formed, so that sums of squares do not cancel; one value each. Empty: zeros.
  std::vector<double> shift;
  /// Columns that a TileTransform uses: rows where they are missing or infinite are left out, no product is formed with them.
  std::vector<int> carried;
  bool reweighted = false;  ///< a TileTransform gives weights, also where there is no weight column
};

/// Accumulator. State: the blocks of the expanded cross product that can be non-zero, plain doubles or double-doubles (exact: TwoProd
/// and TwoSum, so that the answer is that of exact arithmetic to 30 digits; design, section 6). Merge is addition: all states of
/// one sweep share the shift. A row with a missing value in any column used, or weight 0, is left out (listwise).
class CrossProducts {
 public:
  explicit CrossProducts(CrossProductSpec spec);
  CrossProducts(const CrossProducts& other);
  CrossProducts& operator=(const CrossProducts& other);
  CrossProducts(CrossProducts&&) noexcept;
  CrossProducts& operator=(CrossProducts&&) noexcept;
  ~CrossProducts();
  void reset();
  void update(const Chunk& chunk);
  void update_rows(const Chunk& chunk, std::int64_t first, std::int64_t rows) { update_rows(chunk, first, rows, nullptr, 1); }  ///< see PiecewiseAccumulator
  /// Tiles are changed by `transform` (null: not), and only every `tile_step`-th of the chunk is used.
  void update_rows(const Chunk& chunk, std::int64_t first, std::int64_t rows, impl::TileTransform* transform, int tile_step);
  void finish_rows(const Chunk& chunk);
  std::size_t packed_size() const;
  void pack(std::span<double> out) const;
  void unpack(std::span<double const> in);
  void merge(std::span<double> into, std::span<double const> from) const;
  const impl::CrossLayout& layout() const { return *layout_; }
  std::int64_t tile_rows() const;  ///< rows that are added together: chunks are cut into tiles of as many

  std::int64_t n_valid() const;      ///< rows used: nothing missing, weight above 0
  std::int64_t n_missing() const;    ///< rows with a missing value in a column used (weight included)
  std::int64_t n_infinite() const;   ///< rows left out because a value is infinite: the caller refuses them
  std::int64_t n_negative() const;   ///< rows left out because their weight is negative: the caller refuses them
  DD weight_sum() const;             ///< n_valid where there are no weights
  /// Columns of the expanded design: the cells of the terms in order, then the responses.
  int columns() const;
  /// The cross product of the expanded columns, shift undone in double-double, [columns x columns] symmetric.
  DdMatrix gram() const;
  /// Rows (weight above 0, not missing) in each cell of term t, [cells].
  std::vector<std::int64_t> cell_counts(int term) const;

 private:
  std::shared_ptr<const impl::CrossLayout> layout_;
  std::vector<std::int64_t> counts_;  // rows, rows in cells, rows in pairs of cells; see cross_layout.hpp
  std::vector<double> hi_, lo_;       // sums; lo_ stays empty in plain precision
  std::unique_ptr<impl::CrossWork> work_;  // buffers of this thread, made when rows first come; never copied
};

}  // namespace rxhpc
