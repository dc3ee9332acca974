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

constexpr int contingency_tile = 256;

/// Largest |x| as its bits: NaN is above infinity.
std::uint64_t largest_bits(const double* x, int rows);

/// A value is cut into three digits of 32 bits below a bound that all values of the block keep: multiples of 2^exponent[k], at most
/// 2^31 of them, so that a double adds 2^22 of them without rounding. What is below the third digit goes to the exact sums at once.
struct DigitScale {
  static constexpr int digits = 3;
  double bound = 0;                           ///< |x| must be below; 0: no value seen yet
  std::array<int, digits> exponent{};
  std::array<double, digits> magic{};         ///< (x + magic) - magic rounds to the digit's unit
  void fit(double largest);
};

/// cells [places x copies x stride] doubles: rows, then the digits of each value; stride a multiple of 4. Without values the cells are
/// 32-bit counters. Neighbouring rows use different copies: rows of one cell do not wait for one another's store.
struct CellBlock {
  explicit CellBlock(int summed);
  CellBlock(const CellBlock& other);
  ~CellBlock() = default;

  /// Room for so many places; what is there stays.
  void reserve(std::size_t places);
  /// Adds rows to the cells at `place`; place 0 takes those that are left out. x [summed][rows]: no NaN but at place 0; largest [summed]:
  /// the largest_bits of each.
  void add(const std::uint32_t* place, int rows, const double* const* x, const std::uint64_t* largest, std::vector<std::int64_t>& counts, std::vector<ExactSums>& sums);
  /// Empties the cells into counts and sums.
  void flush(std::vector<std::int64_t>& counts, std::vector<ExactSums>& sums);
  void clear();
  bool empty() const { return pending_ == 0; }

 private:
  struct Free {
    void operator()(void* p) const { ::operator delete[](p, std::align_val_t{64}); }
  };
  const double* cleaned(int value, const double* x, const std::uint32_t* place, int rows, std::vector<ExactSums>& sums);
  bool cut(int value, const double* x, int rows);
  int add_rests(int value, const double* x, const std::uint32_t* place, int rows, std::vector<ExactSums>& sums);
  void fit(DigitScale& scale, double largest, std::vector<std::int64_t>& counts, std::vector<ExactSums>& sums);
  void count(const std::uint32_t* place, int rows);
  bool scatter_one(const std::uint32_t* place, int rows, const double* x);
  void scatter(const std::uint32_t* place, int rows);

  int summed_, stride_, copies_ = 1;
  std::size_t places_ = 0;
  std::int64_t pending_ = 0;                     // rows since the last flush
  std::unique_ptr<double[], Free> cells_;
  std::unique_ptr<std::uint32_t[], Free> counters_;
  std::vector<DigitScale> scales_;               // [summed]
  std::vector<double> finer_;                    // [summed] the largest value that a finer scale is wanted for; 0: none
  std::vector<double> digit_;                    // [summed x 3 x tile], of several
  std::vector<double> row_, clean_;              // [tile x stride], [tile]
};

}  // namespace rxhpc::impl
