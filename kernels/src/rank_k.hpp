// X'WX of a few columns, tile after tile: a fused tall-skinny rank-k update with lane accumulators (docs/algorithms/cross_products.md).
#pragma once
#include <span>
#include <vector>

#include "design_tile.hpp"
#include "rxhpc/dd.hpp"

namespace rxhpc::impl {

/// Pairs are cut into register blocks; each pair keeps 8 lane sums (exact: 8 double-doubles) in memory between tiles, which are
/// reduced once, in a fixed order, when the chunk is done. Flops a row: p (p + 1), exact about 10 times that in cheaper steps.
class RankK {
 public:
  /// The first `apart` columns meet only those from `partners` on, instead of one another and all later ones; the other sums stay 0.
  RankK(int columns, bool exact, bool weighted, int tile_rows, int apart = 0, int partners = 0);
  RankK(const RankK&) = delete;
  /// Asks memory for the rows at `ahead` meanwhile: as many of each column as the tile has, as far as there is time.
  void add(const DesignTile& tile, std::span<const double* const> ahead = {});
  /// The same for columns of which the left factor of each product has a rounding error of its own (exact and weighted only; else
  /// null). Every array is zero from `rows` up to the next multiple of 8.
  void add(const double* const* left, const double* const* left_error, const double* const* right, int rows);
  /// Forgets what has been added.
  void clear();
  /// Adds the sums of the upper triangle, row by row, to hi (and lo, exact only) and starts anew.
  void flush(double* hi, double* lo);

  /// What a kernel asks memory for while it works: a line every `step` rows, each part of the lanes `part` doubles further on.
  struct Ahead {
    const double* from;
    int step, part;
  };
  using Kernel = void (*)(const double* const* left, const double* const* left_error, const double* const* right, int rows, double* lanes, const Ahead& ahead);

 private:
  struct Block {
    Kernel kernel;
    int i, j, height, width;
    std::size_t lanes;  ///< where its lane sums begin
  };
  void weigh(const DesignTile& tile, int first, int height, int end);

  int columns_, tile_rows_;
  bool exact_;
  std::vector<Block> blocks_;
  std::vector<double> lanes_storage_, weighted_storage_;
  double* lanes_;
  std::vector<const double*> left_, left_error_;  ///< [rows of a block] weighted
  std::size_t lane_doubles_ = 0;
};

}  // namespace rxhpc::impl
