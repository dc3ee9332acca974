// X beta, and the variance of it, row by row: what predictions of linear and generalised linear models start from.
#pragma once
#include <cstdint>
#include <vector>

#include "rxhpc/chunk.hpp"
#include "rxhpc/design.hpp"

namespace rxhpc::impl {

/// A model's matrix row by row, 0 where it is NaN; empty where that is.
std::vector<double> square_rows(const std::vector<std::vector<double>>& matrix);

/// eta = sum over the terms of value times the coefficient of the row's cell; a missing part, or a level without rows in the fit, makes the
/// row NaN.
/// Cost a row: a multiply-add a term; with the variance x'Vx one a pair of terms.
class LinearPredictor {
 public:
  /// `beta` [columns], 0 where aliased; `covariance` [columns x columns], 0 where aliased, empty where no variance is wanted; `low`: what
  /// rounding took off it, empty where sums in double will do.
  LinearPredictor(const Design& design, const BoundDesign& bound, std::vector<double> beta, std::vector<double> covariance, std::vector<double> low = {});

  /// Working memory of one thread.
  struct Tile {
    std::vector<const double*> value;              ///< [terms]: [rows] of the term's numbers, where a column lies as doubles the column itself
    std::vector<std::vector<double>> own;          ///< [terms][rows] those that are made
    std::vector<std::vector<std::int32_t>> place;  ///< [terms][rows] the row's column; unused for terms without factors
    std::vector<double> numbers;
    std::vector<std::int32_t> codes;
  };
  Tile tile(std::int64_t rows) const;
  /// Rows [from, from + count). `variance` is null, or written where there is a covariance.
  void compute(const Chunk& in, std::int64_t from, std::int64_t count, Tile& tile, double* eta, double* variance) const;

  // The parts of `compute`, for several combinations of the same rows.
  void load(const Chunk& in, std::int64_t from, std::int64_t count, Tile& tile) const;
  /// Subtracts center [columns] from terms without factors.
  void center(const std::vector<double>& center, std::int64_t count, Tile& tile) const;
  /// out = X beta for these coefficients [columns].
  void combine(const std::vector<double>& beta, std::int64_t count, const Tile& tile, double* out) const;

 private:
  template <bool Doubled>
  void add_variance(std::int64_t count, const Tile& tile, double* variance, double* low) const;

  BoundDesign bound_;
  std::vector<std::int32_t> first_;  // first column of each term
  std::vector<std::vector<std::vector<char>>> unused_;  // [term][factor of it][level]: had no rows in the fit
  std::size_t columns_;
  std::vector<double> beta_, covariance_, low_;
};

}  // namespace rxhpc::impl
