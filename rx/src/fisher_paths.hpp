// What the exact test of a table knows of its parts: rows' sums, and the log likelihoods that lead there.
#pragma once
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace rxhpc::impl {

/// Ways through part of a table that are alike: -sum of log n! over its cells, and what they weigh together.
struct Path {
  double log, weight;
};

/// Sums of rows in an order that does not matter: those of rows that a column has passed, sorted, then the others', sorted.
using RowSums = std::vector<int>;
struct HashOfRowSums {
  std::size_t operator()(const RowSums& sums) const {
    std::uint64_t h = 0x9E3779B97F4A7C15u;
    for (int n : sums) h = (h ^ static_cast<std::uint64_t>(n)) * 0xD1342543DE82EF95u, h ^= h >> 32;
    return h;
  }
};
template <class T>
using ByRowSums = std::unordered_map<RowSums, T, HashOfRowSums>;

/// Sorts the paths; log likelihoods nearer than `same` become one.
void settle(std::vector<Path>& paths, double same);

/// Puts the row at `place`, whose sum has just changed, among the rows before it.
void pass(RowSums& sums, std::size_t place);

/// All tables of the last columns, by their row sums: the shares, given these sums, of tables up to a log likelihood.
class TableEnds {
 public:
  struct End {
    std::vector<double> log, share;  ///< ascending; the share of the tables no likelier than that
  };
  /// As many of the columns, from the last on, as `most_paths` allow; not the first.
  TableEnds(const std::vector<int>& columns, const std::vector<int>& rows, const std::vector<double>& log_factorial, double same, std::size_t most_paths);
  std::size_t columns() const { return taken_; }
  const End& at(const RowSums& sums) const { return ends_.at(sums); }
  std::int64_t steps() const { return steps_; }

 private:
  using Layer = ByRowSums<std::vector<Path>>;
  bool add(int column, Layer& layer);

  const std::vector<double>& log_factorial_;
  std::vector<int> rows_;  // sorted
  double same_;
  std::size_t most_paths_, taken_ = 0;
  std::int64_t steps_ = 0;
  ByRowSums<End> ends_;
};

}  // namespace rxhpc::impl
