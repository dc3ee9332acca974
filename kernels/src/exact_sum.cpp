#include "rxhpc/exact_sum.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rxhpc {
namespace {

constexpr std::int64_t base = std::int64_t(1) << 32;
constexpr int positive_infinities = ExactSums::digit_planes, negative_infinities = positive_infinities + 1;
constexpr std::int64_t most_adds = std::int64_t(1) << 30;
__extension__ using Wide = __int128;
__extension__ using UnsignedWide = unsigned __int128;

/// What goes to the next plane, so that a digit from -2^31 to 2^31 - 1 stays: the one form of a number.
std::int64_t carry_of(std::int64_t digit) { return (digit + base / 2) >> 32; }

/// The number of these digits times 2^scale as a double, rounded once, and what that leaves. `digits` may be changed.
DD rounded(std::int64_t* digits, int top, int scale) {
  // digits without sign
  bool const negative = digits[top] < 0;
  for (int p = 0; p <= top; ++p) {
    std::int64_t const d = negative ? -digits[p] : digits[p], borrow = d < 0 ? 1 : 0;
    digits[p] = d + borrow * base;
    if (borrow) digits[p + 1] += negative ? 1 : -1;  // the next one is still signed
  }
  while (digits[top] == 0) --top;
  // the 64 bits from the highest on; the last of them says whether anything is below
  auto const at = [&](int p) { return p >= 0 ? static_cast<UnsignedWide>(digits[p]) : 0; };
  UnsignedWide window = at(top) << 64 | at(top - 1) << 32 | at(top - 2);
  bool below = false;
  for (int p = top - 3; p >= 0; --p) below |= digits[p] != 0;
  int shift = 0;
  for (; (window >> shift) >> 64 != 0; ++shift) below |= (window >> shift & 1) != 0;
  auto const bits = static_cast<std::uint64_t>(window >> shift) | (below ? 1u : 0u);
  int const exponent = ExactSums::lowest_exponent + 32 * (top - 2) + scale;
  double const hi = std::ldexp(static_cast<double>(bits), exponent + shift);
  if (std::isinf(hi)) return {negative ? -hi : hi, 0};
  // what is left: the window's digits one by one, the large one against the number itself
  DD left(std::ldexp(-static_cast<double>(bits), shift));
  for (int p = top; p >= std::max(0, top - 5); --p) left += DD(std::ldexp(static_cast<double>(digits[p]), 32 * (p - top + 2)));
  double const lo = std::ldexp(left.hi, exponent);
  return negative ? DD(-hi, -lo) : DD(hi, lo);
}

}  // namespace

void ExactSums::reset() {
  for (auto& p : plane_) std::fill(p.begin(), p.end(), 0);
  adds_ = 0;
}

void ExactSums::resize(std::size_t slots) {
  slots_ = slots;
  for (auto& p : plane_)
    if (!p.empty()) p.resize(slots);
}

std::int64_t* ExactSums::plane(int p) {
  auto& values = plane_[static_cast<std::size_t>(p)];
  if (values.empty()) values.resize(slots_);
  return values.data();
}

void ExactSums::count_add() {
  if (++adds_ >= most_adds) carry();
}

void ExactSums::carry() {
  for (int p = 0; p + 1 < digit_planes; ++p) {
    if (!has(p)) continue;
    for (std::size_t s = 0; s < slots_; ++s) {
      auto& digit = plane_[static_cast<std::size_t>(p)][s];
      auto const up = carry_of(digit);
      if (up == 0) continue;
      digit -= up * base;
      plane(p + 1)[s] += up;
    }
  }
  adds_ = 1;
}

void ExactSums::add_digit(int p, std::size_t slot, std::int64_t digit) {
  if (digit == 0) return;
  // A digit of another state may be as large as its counter allows: it is split like any number.
  if (p >= digit_planes) plane(p)[slot] += digit;
  else if (p + 2 < digit_planes) add(slot, digit, lowest_exponent + 32 * p);
  else plane(p)[slot] += digit;
}

void ExactSums::set_digit(int p, std::size_t slot, std::int64_t digit) {
  if (digit != 0 || has(p)) plane(p)[slot] = digit;
  adds_ = most_adds - 1;  // nothing is known of it
}

void ExactSums::add(std::size_t slot, std::int64_t units, int exponent) {
  if (units == 0) return;
  int const above = exponent - lowest_exponent, p = above >> 5;
  Wide const shifted = static_cast<Wide>(units) << (above & 31);
  plane(p)[slot] += static_cast<std::int64_t>(shifted & (base - 1));
  auto const rest = static_cast<std::int64_t>(shifted >> 32);
  if (rest != 0) {
    plane(p + 1)[slot] += rest & (base - 1);
    if (auto const top = rest >> 32; top != 0) plane(p + 2)[slot] += top;
  }
  count_add();
}

void ExactSums::add(std::size_t slot, double x) {
  if (std::isinf(x)) {
    ++plane(x > 0 ? positive_infinities : negative_infinities)[slot];
    return;
  }
  int exponent = 0;
  double const fraction = std::frexp(x, &exponent);
  auto units = static_cast<std::int64_t>(std::ldexp(fraction, 53));
  if (exponent -= 53; exponent < lowest_exponent) {  // a denormal: the digits below are zeros
    units /= std::int64_t(1) << (lowest_exponent - exponent);
    exponent = lowest_exponent;
  }
  add(slot, units, exponent);
}

DD ExactSums::value(std::size_t slot, int scale) const {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  auto const up = digit(positive_infinities, slot), down = digit(negative_infinities, slot);
  if (up > 0 || down > 0) return {up > 0 && down > 0 ? std::numeric_limits<double>::quiet_NaN() : up > 0 ? infinity : -infinity, 0};
  // digits in their one form, so that equal sums have equal bits however they came about
  std::int64_t digits[digit_planes + 1];
  std::int64_t carried = 0;
  int top = -1;
  for (int p = 0; p < digit_planes; ++p) {
    std::int64_t const d = digit(p, slot) + carried;
    carried = carry_of(d);
    digits[p] = d - carried * base;
    if (digits[p] != 0) top = p;
  }
  digits[digit_planes] = carried;
  if (carried != 0) top = digit_planes;
  if (top < 0) return {0, 0};
  return rounded(digits, top, scale);
}

}  // namespace rxhpc
