// Moments of numbers and counts of levels by class: all that naive Bayes learns.
#pragma once
#include <span>
#include <vector>

#include "rxhpc/accumulator.hpp"
#include "rxhpc/moments.hpp"

namespace rxhpc {

/// Accumulator: for each class (level of one factor) its rows, the moments of several numeric columns and the level counts of several factors.
/// A row whose class or weight is missing takes no part; elsewhere a missing cell leaves out that cell alone.
/// State: per class rows and weight; per class and numeric column WeightedMoments; per class and level a count (or sum of weights).
/// Columns are added one at a time, each while it is in cache: the class column first, then the weights, then the others in any order.
/// Sums are taken about each class's mean so far, blocks merged pairwise in double-double (merge_weighted_moments). Cost: 3 flops a value
/// and class up to 16 classes, 3 a value beyond; a table update a level.
class ClassStatistics {
 public:
  struct Spec {
    int response = 0;          ///< position of the factor of classes
    int classes = 0;
    int weight = -1;           ///< position of the weights; -1: every row weighs 1
    int also_true = -1;        ///< position of a logical column: rows where it is not true count as missing
    std::vector<int> numbers = {};  ///< positions of numeric columns, none of those above: they are added once the rows that take part are known
    std::vector<int> factors = {};  ///< positions of factors, likewise
    std::vector<int> levels = {};   ///< [factors]
  };
  explicit ClassStatistics(Spec spec);
  void reset();
  void update(const Chunk& chunk);
  void update_column(const Chunk&, int, std::int64_t, std::int64_t) {}  ///< columns are taken whole, at their end
  void finish_column(const Chunk& chunk, int position);
  std::size_t packed_size() const;
  void pack(std::span<double> out) const;
  void unpack(std::span<double const> in);
  void merge(std::span<double> into, std::span<double const> from) const;

  std::int64_t valid() const { return counts_[0]; }            ///< rows with a class and a weight above 0
  std::int64_t missing() const { return counts_[1]; }          ///< rows without class or weight
  std::int64_t refused_weight() const { return counts_[2]; }   ///< rows whose weight is negative or infinite: the caller refuses them
  std::int64_t rows(int c) const { return counts_[static_cast<std::size_t>(fixed + c)]; }
  double weight(int c) const { return weights_[static_cast<std::size_t>(c)]; }
  const WeightedMoments& moments(int number, int c) const { return moments_[static_cast<std::size_t>(number) * spec_.classes + c]; }
  /// Rows (sum of weights) of class c with that level of the factor-th factor.
  double count(int factor, int level, int c) const;

 private:
  static constexpr int fixed = 3;
  static constexpr int most_masked = 16;  // classes whose sums are taken eight rows at a time under masks
  struct Sums {
    double sum = 0, square = 0, weight = 0;
    std::int64_t n = 0, missing = 0;
  };
  void read_classes(const Chunk& chunk, const Column& column);
  void read_weights(const Chunk& chunk, const Column& column);
  void read_selection(const Chunk& chunk, const Column& column);
  void settle();
  void add_number(const Column& column, std::size_t number);
  void add_factor(const Column& column, std::size_t factor);
  template <class Code>
  void count_levels(const Code* codes, std::int64_t first, std::int64_t rows, std::uint32_t levels);
  void set_centres(const double* x, std::int64_t first, std::int64_t rows, std::size_t number);
  template <int Group, bool Weighted>
  void sums_by_mask(const double* x, std::int64_t first, std::int64_t rows, int c);
  void sums_by_row(const double* x, std::int64_t first, std::int64_t rows);
  void merge_block(std::size_t number);

  Spec spec_;
  std::vector<std::int64_t> counts_;      // valid, missing, refused, rows [classes], without weights: [factor][level][class]
  std::vector<double> weights_;           // [classes], with weights: [factor][level][class]
  std::vector<WeightedMoments> moments_;  // [numbers][classes]
  std::vector<std::size_t> first_count_;  // [factors] where its counts begin, past the classes
  // The chunk at hand: the class of each row (classes: it takes no part), the rows of each class as bits, the weights.
  bool settled_ = false;
  std::int64_t rows_ = 0;
  std::vector<std::uint16_t> class_;      // [rows]
  std::vector<std::uint8_t> bits_;        // [classes][packs]
  std::vector<double> row_weight_;        // [rows], to a multiple of eight; 0 where the row takes no part
  // One block of one column.
  std::vector<double> values_, centre_;
  std::vector<Sums> block_;               // [classes + 1]
  std::vector<std::uint32_t> bins_;
  std::vector<double> weight_bins_;
};
static_assert(ColumnwiseAccumulator<ClassStatistics>);

}  // namespace rxhpc
