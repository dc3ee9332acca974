// Order statistics of columns, in the cells of factors, by counting: no sort, and memory that does not grow with the rows.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "rxhpc/row_source.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc::impl {

/// A numeric column, whole or in the cells of factors (first factor fastest).
struct RankTerm {
  int value = -1;               ///< column of the source
  std::vector<int> factors;     ///< columns of the source
  std::vector<int> levels;      ///< [factors]
  std::vector<double> centres;  ///< [cells] the order statistics are those of |x - centre|; empty: of x
};

struct RankRequest {
  std::vector<RankTerm> terms;
  int weight = -1;                  ///< column of the source
  bool frequency = false;           ///< a row counts as often as its weight says; else weights are scaled to a mean of 1
  std::vector<double> shares;       ///< 0..1: about where the ranks will lie, for the first pass
  /// The ranks wanted, from 1 to `size`, of a cell of that size (rows, or the sum of frequency weights); 0: of the first row, infinite: of the
  /// last one, whatever they weigh.
  std::function<std::vector<double>(std::size_t term, double size)> ranks;
  std::size_t most_collected = std::size_t(1) << 20;  ///< values that may be collected, all terms together
};

struct CellRanks {
  std::int64_t rows = 0;
  double size = 0;              ///< rows, or the sum of the weights
  double scaled_size = 0;       ///< what ranks run up to: rows, or the sum of frequency weights
  std::vector<double> ranks;    ///< as asked
  std::vector<double> values;   ///< [ranks] the smallest value with so many rows (so much weight) up to it; never -0
};

struct TermRanks {
  std::vector<CellRanks> cells;
  std::int64_t missing = 0;     ///< rows where the value, a factor or the weight is missing
};

/// Collective. One pass over a sample of chunks to guess where the ranks lie, one or more that count between edges around them and
/// collect what lies near, so that no answer depends on the guess; usually two in all, one where the rows are few.
/// Throws DataError for negative and infinite weights.
std::vector<TermRanks> order_statistics(const RowSource& rows, const RankRequest& request, const RunOptions& run, Communicator& comm, Timing* timing);

}  // namespace rxhpc::impl
