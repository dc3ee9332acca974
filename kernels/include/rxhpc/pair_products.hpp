// Sums over the rows where two columns are both present, for every pair of columns.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "rxhpc/cross_products.hpp"

namespace rxhpc {

struct PairProductSpec {
  std::vector<DesignTerm> terms;   ///< their cells are the columns; a cell's column is 0 in the other cells of its term
  Precision precision = Precision::exact;
  std::vector<double> shift;       ///< plain only: [columns] subtracted from present values; empty: zeros
};

/// Accumulator. With m_i 1 where column i is present and x_i its value there, else 0: the state is n_ij = sum m_i m_j (int64),
/// s_ij = sum x_i m_j, q_ij = sum x_i^2 m_j and c_ij = sum x_i x_j, [columns x columns], doubles or double-doubles (exact: nothing is
/// rounded, as in CrossProducts). Merge is addition: all states of one sweep share the shift.
/// One pass; 3 p^2 multiply-adds a row. An infinite value counts as missing and is counted apart.
class PairProducts {
 public:
  explicit PairProducts(PairProductSpec spec);
  void reset();
  void update(const Chunk& chunk);
  std::size_t packed_size() const { return counts_.size() + hi_.size() + lo_.size(); }
  void pack(std::span<double> out) const;
  void unpack(std::span<double const> in);
  void merge(std::span<double> into, std::span<double const> from) const;

  int columns() const { return columns_; }
  std::int64_t rows() const { return counts_[0]; }        ///< read
  std::int64_t n_any() const { return counts_[1]; }       ///< rows with at least one column present
  std::int64_t n_infinite() const { return counts_[2]; }  ///< values
  std::int64_t n(int i, int j) const { return counts_[3 + at(i, j)]; }
  /// Over the rows where i and j are present: the mean of i; how far it is from the shift; the sum of squares of i about it; the sum
  /// of products of i and j about theirs. 0 where there are no rows.
  DD mean(int i, int j) const;
  DD distance(int i, int j) const;
  DD squares(int i, int j) const;
  DD products(int i, int j) const;

 private:
  std::size_t at(int i, int j) const { return std::size_t(i) * columns_ + j; }
  DD sum(int block, int i, int j) const {
    std::size_t const k = std::size_t(block) * columns_ * columns_ + at(i, j);
    return {hi_[k], lo_.empty() ? 0.0 : lo_[k]};
  }

  PairProductSpec spec_;
  int columns_ = 0;
  std::vector<std::int64_t> counts_;  // rows, rows with anything, infinite values, n
  std::vector<double> hi_, lo_;       // s, q, c
};

}  // namespace rxhpc
