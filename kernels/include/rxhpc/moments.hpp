// Count, mean, centred sum of squares, minimum and maximum of columns: the state behind summary and the zone map.
#pragma once
#include <span>
#include <vector>

#include "rxhpc/accumulator.hpp"
#include "rxhpc/dd.hpp"
#include "rxhpc/zone_map.hpp"

namespace rxhpc {

/// Moments of all rows of a column; missing rows are counted, infinite values take part as they are.
/// Tiles of a fixed row count with a fixed number of lanes, each chunk shifted by its first accepted value (Chan, Golub & LeVeque
/// 1983; Schubert & Gertz 2018); merges carry the mean in double-double. Bytes read: the column's; about 12 flops a row.
ZoneMoments moments_of(const Column& column, std::int64_t rows);

/// The same for a column whose rows come in pieces, each of a multiple of 2048 rows but for the last. State: lane sums [32] of the values
/// and of their squared distances from the shift, each with its rounding errors; extremes [32]; number of values.
class ColumnMoments {
 public:
  ColumnMoments() { reset(); }
  void reset();
  void add(const Column& column, std::int64_t first, std::int64_t rows);
  /// The whole column, all of whose rows have been added: it is read again where the shift turns out to have been far off.
  ZoneMoments finish(const Column& column, std::int64_t rows) const;

  static constexpr int lanes = 32;
  struct Lanes {
    double sum[lanes], error[lanes], square[lanes], square_error[lanes], low[lanes], high[lanes];
    std::int64_t n;
  };

 private:
  Lanes lanes_;
  double shift_;
  bool shifted_;  ///< false until a finite value has come
};
/// Counts of the codes of a factor, [levels]; returns the number of missing rows.
std::int64_t level_counts_of(const Column& column, std::int64_t rows, std::span<std::int64_t> counts);
namespace impl {
/// What both merges below share, where both sides have rows: their weights are a and b.
void merge_means(ZoneMoments& into, const ZoneMoments& from, DD a, DD b);
}
/// The rows of `from` come after those of `into`.
void merge_moments(ZoneMoments& into, const ZoneMoments& from);

/// Weighted moments: sum of weights W, weighted mean, sum of w (x - mean)^2. Rows with a missing value or weight, or weight 0, are left out;
/// a row counts as missing where its value is (or, the value being there, its weight is missing).
struct WeightedMoments {
  ZoneMoments base;                        ///< n rows with weight above 0; mean and m2 weighted
  double weight_sum = 0, weight_sum_lo = 0;
};
void merge_weighted_moments(WeightedMoments& into, const WeightedMoments& from);
/// m2 over n - 1; with probability weights n/(n - 1) m2/W, with frequency weights over W - 1. NaN where that divides by nothing.
double variance_of(const WeightedMoments& m, bool weighted, bool frequency);

/// Accumulator: unweighted moments of several columns of the chunk (positions in chunk.columns).
class Moments {
 public:
  explicit Moments(std::vector<int> columns);
  void reset();
  void update(const Chunk& chunk);
  void update_column(const Chunk& chunk, int position, std::int64_t first, std::int64_t rows);
  void finish_column(const Chunk& chunk, int position);
  std::size_t packed_size() const;
  void pack(std::span<double> out) const;
  void unpack(std::span<double const> in);
  void merge(std::span<double> into, std::span<double const> from) const;
  const std::vector<ZoneMoments>& finalize() const { return state_; }

 private:
  std::vector<int> columns_;
  std::vector<ZoneMoments> state_;
  ColumnMoments open_;  ///< the column that update_column is about
};

/// Accumulator: moments of one value (or plain counts) in the cells of factors, with optional weights.
/// State: per cell WeightedMoments; cell = mixed radix of the codes, first factor fastest; rows with a missing factor are counted apart.
class CellMoments {
 public:
  struct Spec {
    int value = -1;               ///< position of the numeric column; -1: counts only
    std::vector<int> factors;     ///< positions of the factor columns; empty: one cell
    std::vector<int> levels;      ///< [factors] number of levels of each
    int weight = -1;              ///< position of the weight column; -1: every row weighs 1
    std::vector<int> also_present = {};  ///< rows missing in one of these columns are left out (listwise); counted in rows_excluded
  };
  explicit CellMoments(Spec spec);
  void reset();
  void update(const Chunk& chunk);
  std::size_t packed_size() const;
  void pack(std::span<double> out) const;
  void unpack(std::span<double const> in);
  void merge(std::span<double> into, std::span<double const> from) const;

  std::size_t cells() const { return state_.size(); }
  /// base.n counts rows with value and weight; base.missing rows of the cell where the value is missing. Counts only: base.n.
  const std::vector<WeightedMoments>& finalize() const { return state_; }
  std::int64_t missing_factor() const { return missing_factor_; }   ///< rows where a factor is missing
  std::int64_t missing_weight() const { return missing_weight_; }   ///< of the other rows, those whose weight is missing
  std::int64_t refused_weight() const { return refused_weight_; }   ///< rows left out because their weight is below 0 or infinite: the caller refuses them
  std::int64_t excluded() const { return excluded_; }               ///< rows left out by also_present
  std::int64_t zero_weight() const { return zero_weight_; }         ///< rows whose weight is 0: none of the others
  std::int64_t without_weight() const { return without_weight_; }   ///< rows whose weight is missing, whatever else is

 private:
  struct Block;
  void add_block(const Chunk& chunk, std::int64_t first, std::int64_t rows, Block& block);
  void prepare_tile(const Chunk& chunk, std::int64_t first, int rows, std::uint32_t* key, double* value, double* weight, Block& block);

  Spec spec_;
  std::vector<WeightedMoments> state_;
  std::int64_t missing_factor_ = 0, missing_weight_ = 0, refused_weight_ = 0, excluded_ = 0, zero_weight_ = 0, without_weight_ = 0;
};

}  // namespace rxhpc
