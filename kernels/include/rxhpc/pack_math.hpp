// exp, log and their kin on packs, with the same bits in every form of Pack. Private to the kernels, as pack.hpp.
// Argument reduction by powers of two and Taylor series long enough for double: of e^r on |r| <= ln(2)/2 (14 terms leave 4e-18), and of
// log(m) = 2 artanh(s), s = (m - 1)/(m + 1), on |s| <= 0.172 (11 terms leave 3e-17). Errors stay below 1 unit in the last place
// (exp, log) and 2 (expm1, log1p); tests/kernels/pack_math_test.cpp measures them.
#pragma once
#include "rxhpc/pack.hpp"

namespace rxhpc::impl {

// ln 2 in two parts: the first has 33 bits, so that n times it is exact.
constexpr double ln2_hi = 6.93147180369123816490e-01, ln2_lo = 1.90821492927058770002e-10;

/// 2^n for whole n in [-1022, 1023].
template <class P>
KOKKOS_INLINE_FUNCTION P power_of_two(P n) {
  // Adding 1.5 2^52 leaves n in the low bits; the bias joins it and moves up to the exponent's place.
  return shift_left<52>(add_bits(n + P::all(6755399441055744.0), 1023));
}

/// What is left of x after whole multiples n of ln 2 are taken off, |r| <= 0.35, and e^r - 1.
template <class P>
struct ExpParts {
  P n, tail;
};
template <class P>
KOKKOS_INLINE_FUNCTION ExpParts<P> exp_parts(P x) {
  P const big = P::all(6755399441055744.0);
  P const n = fma(x, P::all(1.4426950408889634074), big) - big;
  P const first = fma(n, P::all(-ln2_hi), x), r = fma(n, P::all(-ln2_lo), first);
  // e^r - 1 = r + r^2 (1/2 + r/6 + ...), even and odd powers apart for the sake of speed
  P const r2 = r * r;
  P even = P::all(1.0 / 87178291200.0), odd = P::all(1.0 / 6227020800.0);
  even = fma(even, r2, P::all(1.0 / 479001600.0));
  odd = fma(odd, r2, P::all(1.0 / 39916800.0));
  even = fma(even, r2, P::all(1.0 / 3628800.0));
  odd = fma(odd, r2, P::all(1.0 / 362880.0));
  even = fma(even, r2, P::all(1.0 / 40320.0));
  odd = fma(odd, r2, P::all(1.0 / 5040.0));
  even = fma(even, r2, P::all(1.0 / 720.0));
  odd = fma(odd, r2, P::all(1.0 / 120.0));
  even = fma(even, r2, P::all(1.0 / 24.0));
  odd = fma(odd, r2, P::all(1.0 / 6.0));
  even = fma(even, r2, P::all(0.5));
  P const q = fma(odd, r, even);
  // The rounding of r joins the end, where it is worth most.
  P const lost = fma(n, P::all(-ln2_lo), first - r);
  return {n, r + fma(r2, q, lost)};
}

/// e^x; 0 and infinity beyond the range of doubles, NaN for NaN.
template <class P>
KOKKOS_INLINE_FUNCTION P exp(P x) {
  P const inside = min(max(x, P::all(-746.0)), P::all(710.0));
  auto const parts = exp_parts(inside);
  P const big = P::all(6755399441055744.0);
  P const half = fma(parts.n, P::all(0.5), big) - big;  // two factors: 2^1024 and subnormals need them
  P const e = (P::all(1) + parts.tail) * power_of_two(half) * power_of_two(parts.n - half);
  return select(is_number(x), e, x);
}

/// e^x - 1, without cancellation near 0.
template <class P>
KOKKOS_INLINE_FUNCTION P expm1(P x) {
  P const inside = min(max(x, P::all(-60.0)), P::all(709.0));
  auto const parts = exp_parts(inside);
  P const scale = power_of_two(parts.n);
  P const e = fma(scale, parts.tail, scale - P::all(1));
  return select(is_number(x), select(less(P::all(709.0), x), exp(x), e), x);
}

/// x = m 2^k with m in [sqrt(1/2), sqrt(2)), for normal x > 0.
template <class P>
struct Exponent {
  P m, k;
};
template <class P>
KOKKOS_INLINE_FUNCTION Exponent<P> exponent_of(P x) {
  constexpr std::uint64_t offset = 0x3fe6a09e667f3bcdULL, lift = 0x4000000000000000ULL;
  P const moved = add_bits(x, lift - offset);
  P const k = add_bits(shift_right<52>(moved), 0x4330000000000000ULL) - P::all(4503599627370496.0 + 1024.0);
  return {subtract_bits(x, add_bits(and_bits(moved, 0xfff0000000000000ULL), ~lift + 1)), k};
}

/// s and `rest` of ln(1 + f) = f - f^2/2 + s (f^2/2 + rest), 1 + f in [sqrt(1/2), sqrt(2)).
template <class P>
struct LogSeries {
  P s, rest;
};
template <class P>
KOKKOS_INLINE_FUNCTION LogSeries<P> log_series(P f) {
  P const s = f / (P::all(2) + f), z = s * s, z2 = z * z;
  P even = P::all(2.0 / 23), odd = P::all(2.0 / 21);
  even = fma(even, z2, P::all(2.0 / 19));
  odd = fma(odd, z2, P::all(2.0 / 17));
  even = fma(even, z2, P::all(2.0 / 15));
  odd = fma(odd, z2, P::all(2.0 / 13));
  even = fma(even, z2, P::all(2.0 / 11));
  odd = fma(odd, z2, P::all(2.0 / 9));
  even = fma(even, z2, P::all(2.0 / 7));
  odd = fma(odd, z2, P::all(2.0 / 5));
  even = fma(even, z2, P::all(2.0 / 3));
  return {s, z * fma(z, odd, even)};
}

/// ln x for x >= 0 (minus infinity at 0); NaN below 0 and for NaN. Subnormal numbers are taken as they are scaled.
template <class P>
KOKKOS_INLINE_FUNCTION P log(P x) {
  constexpr double smallest = 2.2250738585072014e-308, infinity = __builtin_huge_val();
  auto const tiny = less(x, P::all(smallest));
  auto const parts = exponent_of(select(tiny, x * P::all(18014398509481984.0), x));  // 2^54
  P const k = select(tiny, parts.k - P::all(54.0), parts.k);
  P const f = parts.m - P::all(1);
  auto const series = log_series(f);
  P const half = P::all(0.5) * f * f;
  P const low = fma(series.s, half + series.rest, k * P::all(ln2_lo));
  P const value = fma(k, P::all(ln2_hi), f - (half - low));
  auto const inside = less(P::all(0), x) & less(x, P::all(infinity));
  P const outside = select(equal(x, P::all(0)), P::all(-infinity), select(equal(x, P::all(infinity)), x, P::all(__builtin_nan(""))));
  return select(inside, value, outside);
}

/// ln(1 + f) - f where k is 0, ln((1 + f) 2^k) elsewhere, 1 + f in [sqrt(1/2), sqrt(2)).
template <class P, class Mask>
KOKKOS_INLINE_FUNCTION P log_less_line(P f, P k, Mask near) {
  auto const series = log_series(f);
  P const half = P::all(0.5) * f * f, bend = fms(series.s, half + series.rest, half);
  return select(near, bend, fma(k, P::all(6.93147180559945309417e-01), f + bend));
}

/// (1 + f) ln(1 + f) - f, f from -1, without cancellation near 0: the deviance of Poisson's law is 2 mu times that of f = (y - mu) / mu.
template <class P>
KOKKOS_INLINE_FUNCTION P log_excess(P f) {
  // Below 2^-54 the product vanishes beside f whatever its logarithm is.
  P const t = P::all(1) + f;
  auto const parts = exponent_of(max(t, P::all(5.5511151231257827e-17)));
  auto const near = equal(parts.k, P::all(0));
  P const line = log_less_line(select(near, f, parts.m - P::all(1)), parts.k, near);
  return fma(t, line, select(near, f * f, P::all(0) - f));
}

/// f - ln t for t = 1 + f > 0, of which f has the digits that t lacks near 1: half the deviance of the gamma law, t = y / mu.
template <class P>
KOKKOS_INLINE_FUNCTION P log_gap(P t, P f) {
  auto const tiny = less(t, P::all(2.2250738585072014e-308));
  auto const parts = exponent_of(select(tiny, t * P::all(18014398509481984.0), t));
  P const k = select(tiny, parts.k - P::all(54.0), parts.k);
  auto const near = equal(k, P::all(0));
  P const line = log_less_line(select(near, f, parts.m - P::all(1)), k, near);
  return select(near, P::all(0), f) - line;
}

/// ln(1 + x), without cancellation near 0.
template <class P>
KOKKOS_INLINE_FUNCTION P log1p(P x) {
  P const one = P::all(1), u = one + x;
  // What rounding 1 + x lost, over u, is what the logarithm lacks.
  P const lost = select(less(one, abs(x)), one - (u - x), x - (u - one));
  return select(below(x, 4503599627370496.0) & less(P::all(-1), x), log(u) + lost / u, log(u));
}

}  // namespace rxhpc::impl
