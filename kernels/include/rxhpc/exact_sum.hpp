// Exact sums of doubles, one a slot: the order of the terms, and who added them, cannot matter.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rxhpc/dd.hpp"

namespace rxhpc {

/// Fixed point over the whole range of a double (Kulisch & Miranker, SIAM Rev. 28, 1986, section 5): a sum is digits of 32 bits in
/// int64 counters, plane p having the unit 2^(32 p - 1088). A plane exists for all slots once any value needs it, so that ordinary data
/// hold four or five. Adding is integer addition: associative, commutative and without rounding; one rounding when a sum is asked for.
/// State: planes in use [at most 72 x slots]. Two states add plane by plane.
class ExactSums {
 public:
  static constexpr int digit_planes = 70;              ///< 2^-1088 to 2^1152: 2^60 terms of the largest double
  static constexpr int planes = digit_planes + 2;      ///< and the numbers of infinite terms, positive and negative
  static constexpr int lowest_exponent = -1088;

  explicit ExactSums(std::size_t slots = 0) : slots_(slots) {}
  void reset();
  void resize(std::size_t slots);
  std::size_t slots() const { return slots_; }

  /// Adds units * 2^exponent, |units| <= 2^62, exponent >= lowest_exponent.
  void add(std::size_t slot, std::int64_t units, int exponent);
  /// Adds a double, NaN excepted.
  void add(std::size_t slot, double x);

  bool has(int plane) const { return !plane_[static_cast<std::size_t>(plane)].empty(); }
  std::int64_t digit(int plane, std::size_t slot) const { return has(plane) ? plane_[static_cast<std::size_t>(plane)][slot] : 0; }
  void add_digit(int plane, std::size_t slot, std::int64_t digit);
  void set_digit(int plane, std::size_t slot, std::int64_t digit);

  /// The sum times 2^scale, rounded once to a double in `hi`; hi + lo is good to 30 digits. Infinite terms: as R's sum. A sum beyond the
  /// doubles is infinite too, but not with a scale of -64.
  DD value(std::size_t slot, int scale = 0) const;

 private:
  std::int64_t* plane(int p);
  void count_add();
  void carry();

  std::size_t slots_;
  std::int64_t adds_ = 0;  // since digits were last below 2^31: a counter takes 2^30 of them
  std::array<std::vector<std::int64_t>, planes> plane_;
};

}  // namespace rxhpc
