// The fast part of a contingency table: rows go to cells of doubles that are emptied into exact sums now and then.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include "rxhpc/exact_sum.hpp"

namespace rxhpc::impl {

constexpr int contingency_tile = 512;

/// Largest |x| as its bits: NaN is above infinity.
std::uint64_t largest_bits(const double* x, int rows);

/// A value is cut into two digits below a bound that all values of the block keep: at most 2^31 units of 2^exponent[0], and what is left in
/// units 2^47 times finer. What is below these 78 bits goes to the exact sums at once.
struct DigitScale {
  static constexpr int digits = 2, high_bits = 31, low_bits = 47;
  double bound = 0;                           ///< |x| must be below; 0: no value seen yet
  std::array<int, digits> exponent{};
  std::array<double, digits> magic{};         ///< (x + magic) - magic rounds to the digit's unit, which x + magic has as its last bit
  void fit(double largest);
};

/// cells [places x copies x summed x 2] words of 64 bits: for each value the rows in the upper 16 bits and the sum of their first digits in the
/// 48 below, then the sum of their second digits: a row is one addition of 128 bits. The words hold 2^16 rows: small tables are emptied
/// before there are as many, of large ones each cell by itself. Without values the cells are 32-bit counters. Neighbouring rows use
/// different copies of small tables: rows of one cell do not wait for one another's store. A table that grows has no copies: what begins small may become large.
struct CellBlock {
  CellBlock(int summed, bool grows);
  CellBlock(const CellBlock& other);
  ~CellBlock() = default;

  /// Room for so many places; what is there stays.
  void reserve(std::size_t places);
  /// Values below this are added as they come; what is not, has to be known by its largest_bits.
  double fast_below(int value) const;
  /// Adds rows to the cells at `place`; place 0 takes those that are left out. x [summed][rows]: no NaN but at place 0; largest [summed]:
  /// the largest_bits of each, or any that are more but below fast_below.
  template <class Place>  // 16 or 32 bits
  void add(const Place* place, int rows, const double* const* x, const std::uint64_t* largest, std::vector<std::int64_t>& counts, std::vector<ExactSums>& sums);
  /// Empties the cells into counts and sums.
  void flush(std::vector<std::int64_t>& counts, std::vector<ExactSums>& sums);
  void clear();
  bool empty() const { return pending_ == 0; }

 private:
  struct Free {
    void operator()(void* p) const { ::operator delete[](p, std::align_val_t{64}); }
  };
  template <class Place>
  const double* cleaned(int value, const double* x, const Place* place, int rows, std::vector<ExactSums>& sums);
  template <class Place>
  int add_rests(int value, const double* x, const Place* place, int rows, std::vector<ExactSums>& sums);
  void fit(DigitScale& scale, double largest, std::vector<std::int64_t>& counts, std::vector<ExactSums>& sums);
  template <class Place>
  void count(const Place* place, int rows);
  std::size_t cell_bytes() const;
  bool near() const;
  template <class Place>
  bool scatter(int value, const Place* place, int rows, const double* x, std::vector<std::int64_t>& counts, std::vector<ExactSums>& sums);
  void empty_cell(std::uint64_t* cell, std::size_t place, std::vector<std::int64_t>& counts, std::vector<ExactSums>& sums) const;

  int summed_, copies_ = 1;
  bool grows_;
  std::size_t places_ = 0;
  std::int64_t pending_ = 0;                     // rows since the last flush
  std::unique_ptr<std::uint64_t[], Free> cells_;
  std::unique_ptr<std::uint32_t[], Free> counters_;
  std::vector<DigitScale> scales_;               // [summed]
  std::vector<double> finer_;                    // [summed] the largest value that a finer scale is wanted for; 0: none
  std::vector<double> clean_;                    // [tile]
};

}  // namespace rxhpc::impl
