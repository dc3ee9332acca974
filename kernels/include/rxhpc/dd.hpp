// Double-double arithmetic: an unevaluated sum hi + lo of two doubles, about 32 digits.
// Error-free transformations of Knuth (TwoSum) and Dekker/Veltkamp with FMA (TwoProd); Hida, Li & Bailey, "Algorithms for
// quad-double precision floating point arithmetic" (2001), sections 3.1 to 3.3. Needs -ffp-contract=off and no -ffast-math.
#pragma once
#include <cmath>

#include "rxhpc/kokkos_macros.hpp"

namespace rxhpc {

struct DD {
  double hi = 0, lo = 0;
  DD() = default;
  KOKKOS_INLINE_FUNCTION constexpr DD(double h) : hi(h) {}  // a double is a DD without rounding
  KOKKOS_INLINE_FUNCTION constexpr DD(double h, double l) : hi(h), lo(l) {}
  explicit operator double() const { return hi + lo; }
};

KOKKOS_INLINE_FUNCTION DD two_sum(double a, double b) {
  double const s = a + b, t = s - a;
  return {s, (a - (s - t)) + (b - t)};
}
KOKKOS_INLINE_FUNCTION DD quick_two_sum(double a, double b) {
  double const s = a + b;
  return {s, b - (s - a)};
}
KOKKOS_INLINE_FUNCTION DD two_prod(double a, double b) {
  double const p = a * b;
  return {p, std::fma(a, b, -p)};
}
KOKKOS_INLINE_FUNCTION DD operator-(DD a) { return {-a.hi, -a.lo}; }
KOKKOS_INLINE_FUNCTION DD operator+(DD a, DD b) {
  DD s = two_sum(a.hi, b.hi), t = two_sum(a.lo, b.lo);
  s = quick_two_sum(s.hi, s.lo + t.hi);
  return quick_two_sum(s.hi, s.lo + t.lo);
}
KOKKOS_INLINE_FUNCTION DD operator-(DD a, DD b) { return a + -b; }
KOKKOS_INLINE_FUNCTION DD operator*(DD a, DD b) {
  DD p = two_prod(a.hi, b.hi);
  p.lo += a.hi * b.lo + a.lo * b.hi;
  return quick_two_sum(p.hi, p.lo);
}
KOKKOS_INLINE_FUNCTION DD operator/(DD a, DD b) {
  double const q1 = a.hi / b.hi;
  DD r = a - b * DD(q1);
  double const q2 = r.hi / b.hi;
  r = r - b * DD(q2);
  double const q3 = r.hi / b.hi;
  return quick_two_sum(q1, q2) + DD(q3);
}
inline DD sqrt(DD a) {
  if (a.hi <= 0) return {0, 0};
  double const x = 1 / std::sqrt(a.hi), ax = a.hi * x;
  return two_sum(ax, (a - two_prod(ax, ax)).hi * (x * 0.5));
}
inline DD& operator+=(DD& a, DD b) { return a = a + b; }
inline DD& operator-=(DD& a, DD b) { return a = a - b; }
inline DD& operator*=(DD& a, DD b) { return a = a * b; }

}  // namespace rxhpc
