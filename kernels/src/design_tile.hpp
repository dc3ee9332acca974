// Rows of a design, a tile at a time: what cross products, and later the steps of iteratively reweighted fits, compute on.
#pragma once
#include <cstdint>
#include <vector>

#include "rxhpc/chunk.hpp"
#include "rxhpc/cross_products.hpp"

namespace rxhpc::impl {

/// The terms that sit in the cells of the same factors.
struct CellKey {
  std::vector<int> factor;      ///< positions in DesignPlan::factors, first fastest
  std::vector<int> levels;
  std::int64_t cells = 1;
  std::vector<int> value;       ///< [members] position in DesignPlan::values, -1 for a term without numeric columns
};

/// A design resolved into what a tile holds. dense[0] is the constant 1, then the purely numeric terms, then the responses.
struct DesignPlan {
  struct Product {
    std::vector<int> of;  ///< positions in `numeric`; none: the constant
    double shift = 0;
  };
  struct Factor {
    int column, levels;
  };
  struct Place {
    int dense = -1;            ///< position in `dense`, or
    int key = -1, member = -1;  ///< member of a key
    std::int64_t first = 0;    ///< first expanded column
  };
  std::vector<int> numeric;     ///< distinct columns of the chunk read as values; the weight is none of them
  std::vector<double> shift;    ///< [numeric] subtracted as the column is read, where one dense product is all that it is used for
  std::vector<Factor> factors;  ///< distinct columns read as codes
  std::vector<Product> dense, values;
  std::vector<CellKey> keys;
  std::vector<Place> terms, responses;
  std::vector<int> carried;     ///< positions in `values`
  int weight = -1;
  std::int64_t columns = 0;     ///< expanded
  int tile_rows = 256;          ///< at least least_tile_rows
};
constexpr int least_tile_rows = 128;
DesignPlan plan_design(const CrossProductSpec& spec);

/// The accepted rows of a tile, close together. Every array of doubles is zero from `rows` up to the next multiple of 8.
struct DesignTile {
  int rows = 0;
  const double* const* dense = nullptr;        ///< [plan.dense][rows]
  const double* const* values = nullptr;       ///< [plan.values][rows]
  const std::int32_t* const* cell = nullptr;   ///< [plan.keys][rows]
  const double* weight = nullptr;              ///< [rows], null where every row weighs 1
};

/// Rows accepted and left out, in the order of the tests: a weight of 0 is no row at all.
struct RowCounts {
  std::int64_t valid = 0, missing = 0, infinite = 0, negative = 0;
};

/// Reads tiles of chunks. Columns that already lie as plain doubles are used where they are, unless rows drop out, a shift applies, or so many of
/// them start at addresses that fall into the same cache sets that copies close together are cheaper.
class TileReader {
 public:
  explicit TileReader(const DesignPlan& plan);
  TileReader(const TileReader&) = delete;
  /// Rows [first, first + rows), rows <= plan.tile_rows. The tile is valid until the next call.
  DesignTile read(const Chunk& chunk, std::int64_t first, int rows, RowCounts& counts);

 private:
  bool fit_where_they_lie(const Chunk& chunk) const;
  const double* load(const Column& column, std::int64_t first, int rows, double shift, double* to);
  bool codes_accepted(int rows) const;
  int compact(int rows, RowCounts& counts);
  void form(const DesignPlan::Product& product, int rows, double* buffer, const double*& out);
  double* buffer(std::size_t k) { return buffers_ + k * stride_; }

  const DesignPlan& plan_;
  std::size_t stride_;
  std::vector<double> storage_;
  double* buffers_;  // in storage_, on a cache line
  std::vector<std::int32_t> codes_, cells_;
  std::vector<const double*> numeric_, dense_, values_;
  std::vector<const std::int32_t*> cell_;
  const double* weight_ = nullptr;
  const void* seen_ = nullptr;  // what in_place_ has been decided for: where the first column lies
  bool in_place_ = false, finite_ = true;
};

}  // namespace rxhpc::impl
