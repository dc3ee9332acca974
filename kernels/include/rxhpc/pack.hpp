// Eight doubles that move together. Private to the kernels: no public header includes it.
// Three forms with the same bits: AVX-512, AVX2 with FMA, and plain arrays (any CPU, and device code). The number of lanes is
// part of every kernel's definition, so a sum comes out the same whatever the instruction set.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

#include "rxhpc/dd.hpp"

// The test of equal bits chooses for itself.
#if defined(__CUDA_ARCH__) || defined(RXHPC_PACK_AVX512) || defined(RXHPC_PACK_AVX2)
#elif defined(__AVX512F__) && defined(__AVX512DQ__)
#define RXHPC_PACK_AVX512 1
#elif defined(__AVX2__) && defined(__FMA__)
#define RXHPC_PACK_AVX2 1
#endif

namespace rxhpc::impl {

/// min and max return the second argument where the first is NaN; `keep` zeroes the lanes that the mask leaves out.
struct PackGeneric {
  static constexpr int lanes = 8;
  struct Mask {
    unsigned m;
    KOKKOS_INLINE_FUNCTION unsigned bits() const { return m; }
  };
  double v[8];

  static KOKKOS_INLINE_FUNCTION PackGeneric load(const double* p) {
    PackGeneric r;
    for (int i = 0; i < 8; ++i) r.v[i] = p[i];
    return r;
  }
  static KOKKOS_INLINE_FUNCTION PackGeneric load_part(const double* p, int n) {
    PackGeneric r;
    for (int i = 0; i < 8; ++i) r.v[i] = i < n ? p[i] : 0.0;
    return r;
  }
  static KOKKOS_INLINE_FUNCTION PackGeneric all(double x) {
    PackGeneric r;
    for (int i = 0; i < 8; ++i) r.v[i] = x;
    return r;
  }
  KOKKOS_INLINE_FUNCTION void store(double* p) const {
    for (int i = 0; i < 8; ++i) p[i] = v[i];
  }
  KOKKOS_INLINE_FUNCTION void store_part(double* p, int n) const {
    for (int i = 0; i < n; ++i) p[i] = v[i];
  }
};

#define RXHPC_PACK_LANES(expression)            \
  PackGeneric r;                                \
  for (int i = 0; i < 8; ++i) r.v[i] = expression; \
  return r
#define RXHPC_PACK_MASK(condition)                                              \
  unsigned m = 0;                                                               \
  for (int i = 0; i < 8; ++i) m |= static_cast<unsigned>(condition) << i; \
  return {m}
KOKKOS_INLINE_FUNCTION PackGeneric operator+(PackGeneric a, PackGeneric b) { RXHPC_PACK_LANES(a.v[i] + b.v[i]); }
KOKKOS_INLINE_FUNCTION PackGeneric operator-(PackGeneric a, PackGeneric b) { RXHPC_PACK_LANES(a.v[i] - b.v[i]); }
KOKKOS_INLINE_FUNCTION PackGeneric operator*(PackGeneric a, PackGeneric b) { RXHPC_PACK_LANES(a.v[i] * b.v[i]); }
KOKKOS_INLINE_FUNCTION PackGeneric fma(PackGeneric a, PackGeneric b, PackGeneric c) { RXHPC_PACK_LANES(std::fma(a.v[i], b.v[i], c.v[i])); }
/// a b - c
KOKKOS_INLINE_FUNCTION PackGeneric fms(PackGeneric a, PackGeneric b, PackGeneric c) { RXHPC_PACK_LANES(std::fma(a.v[i], b.v[i], -c.v[i])); }
KOKKOS_INLINE_FUNCTION PackGeneric operator/(PackGeneric a, PackGeneric b) { RXHPC_PACK_LANES(a.v[i] / b.v[i]); }
KOKKOS_INLINE_FUNCTION PackGeneric sqrt(PackGeneric a) { RXHPC_PACK_LANES(std::sqrt(a.v[i])); }
/// The same number without its sign.
KOKKOS_INLINE_FUNCTION PackGeneric abs(PackGeneric a) { RXHPC_PACK_LANES(std::fabs(a.v[i])); }
/// The number with these bits added to its own, as whole numbers; a logical shift of its bits; some of its bits.
KOKKOS_INLINE_FUNCTION PackGeneric add_bits(PackGeneric a, std::uint64_t b) { RXHPC_PACK_LANES(std::bit_cast<double>(std::bit_cast<std::uint64_t>(a.v[i]) + b)); }
KOKKOS_INLINE_FUNCTION PackGeneric subtract_bits(PackGeneric a, PackGeneric b) {
  RXHPC_PACK_LANES(std::bit_cast<double>(std::bit_cast<std::uint64_t>(a.v[i]) - std::bit_cast<std::uint64_t>(b.v[i])));
}
template <int By>
KOKKOS_INLINE_FUNCTION PackGeneric shift_left(PackGeneric a) { RXHPC_PACK_LANES(std::bit_cast<double>(std::bit_cast<std::uint64_t>(a.v[i]) << By)); }
template <int By>
KOKKOS_INLINE_FUNCTION PackGeneric shift_right(PackGeneric a) { RXHPC_PACK_LANES(std::bit_cast<double>(std::bit_cast<std::uint64_t>(a.v[i]) >> By)); }
KOKKOS_INLINE_FUNCTION PackGeneric and_bits(PackGeneric a, std::uint64_t b) { RXHPC_PACK_LANES(std::bit_cast<double>(std::bit_cast<std::uint64_t>(a.v[i]) & b)); }
KOKKOS_INLINE_FUNCTION PackGeneric::Mask equal(PackGeneric a, PackGeneric b) { RXHPC_PACK_MASK(a.v[i] == b.v[i]); }
KOKKOS_INLINE_FUNCTION PackGeneric::Mask operator|(PackGeneric::Mask a, PackGeneric::Mask b) { return {a.m | b.m}; }
KOKKOS_INLINE_FUNCTION PackGeneric::Mask operator^(PackGeneric::Mask a, PackGeneric::Mask b) { return {a.m ^ b.m}; }
KOKKOS_INLINE_FUNCTION PackGeneric min(PackGeneric a, PackGeneric b) { RXHPC_PACK_LANES(a.v[i] < b.v[i] ? a.v[i] : b.v[i]); }
KOKKOS_INLINE_FUNCTION PackGeneric max(PackGeneric a, PackGeneric b) { RXHPC_PACK_LANES(a.v[i] > b.v[i] ? a.v[i] : b.v[i]); }
KOKKOS_INLINE_FUNCTION PackGeneric::Mask is_number(PackGeneric a) { RXHPC_PACK_MASK(a.v[i] == a.v[i]); }
/// |a| < bound, false for NaN.
KOKKOS_INLINE_FUNCTION PackGeneric::Mask below(PackGeneric a, double bound) { RXHPC_PACK_MASK(std::fabs(a.v[i]) < bound); }
/// a < b, false for NaN.
KOKKOS_INLINE_FUNCTION PackGeneric::Mask less(PackGeneric a, PackGeneric b) { RXHPC_PACK_MASK(a.v[i] < b.v[i]); }
/// Lane i where bit i is set.
KOKKOS_INLINE_FUNCTION PackGeneric::Mask mask_of(unsigned bits, PackGeneric) { return {bits}; }
KOKKOS_INLINE_FUNCTION PackGeneric::Mask operator&(PackGeneric::Mask a, PackGeneric::Mask b) { return {a.m & b.m}; }
KOKKOS_INLINE_FUNCTION PackGeneric keep(PackGeneric::Mask m, PackGeneric a) { RXHPC_PACK_LANES((m.m >> i & 1u) ? a.v[i] : 0.0); }
KOKKOS_INLINE_FUNCTION PackGeneric select(PackGeneric::Mask m, PackGeneric a, PackGeneric b) { RXHPC_PACK_LANES((m.m >> i & 1u) ? a.v[i] : b.v[i]); }
#undef RXHPC_PACK_LANES
#undef RXHPC_PACK_MASK
/// Writes the lanes that the mask has side by side and returns their number; `to` has room for eight.
KOKKOS_INLINE_FUNCTION int compress(PackGeneric::Mask m, PackGeneric a, double* to) {
  int n = 0;
  for (int i = 0; i < 8; ++i)
    if (m.m >> i & 1u) to[n++] = a.v[i];
  return n;
}
/// The same, in a register: what is loaded once for several uses, GCC would else read again for each of them.
KOKKOS_INLINE_FUNCTION PackGeneric held(PackGeneric a) { return a; }
/// One more in the lanes that the mask has; lanes of a count are 64-bit integers, 0 at first.
KOKKOS_INLINE_FUNCTION PackGeneric count_where(PackGeneric::Mask m, PackGeneric count) {
  for (int i = 0; i < 8; ++i) count.v[i] = std::bit_cast<double>(std::bit_cast<std::uint64_t>(count.v[i]) + (m.m >> i & 1u));
  return count;
}
/// Lanes that hold whole numbers, as integers.
KOKKOS_INLINE_FUNCTION void store_whole(PackGeneric a, std::int32_t* p) {
  for (int i = 0; i < 8; ++i) p[i] = static_cast<std::int32_t>(a.v[i]);
}
/// Of as many parts as a part has lanes: lane i of the k-th becomes lane k of the i-th.
KOKKOS_INLINE_FUNCTION void transpose(PackGeneric (&a)[8]) {
  for (int k = 0; k < 8; ++k)
    for (int i = 0; i < k; ++i) {
      double const t = a[k].v[i];
      a[k].v[i] = a[i].v[k];
      a[i].v[k] = t;
    }
}

}  // namespace rxhpc::impl

#ifdef RXHPC_PACK_AVX512
#include "rxhpc/pack_avx512.hpp"
#elif defined(RXHPC_PACK_AVX2)
#include "rxhpc/pack_avx2.hpp"
#endif

namespace rxhpc::impl {

// PackPart: the lanes of a Pack that one register holds. Kernels that keep many sums go over their rows once a part: the sums of whole packs
// would not stay in AVX2's sixteen registers. The lanes' sums are the same.
#ifdef RXHPC_PACK_AVX512
using Pack = PackAvx512;
using PackPart = PackAvx512;
#elif defined(RXHPC_PACK_AVX2)
using Pack = PackAvx2;
using PackPart = PartAvx2;
#else
using Pack = PackGeneric;
using PackPart = PackGeneric;
#endif

using rxhpc::quick_two_sum;  // the forms for single doubles stay visible beside those for packs
using rxhpc::two_prod;
using rxhpc::two_sum;

/// Eight double-doubles.
template <class P>
struct DdPackOf {
  P hi, lo;
};
using DdPack = DdPackOf<Pack>;

template <class P>
KOKKOS_INLINE_FUNCTION DdPackOf<P> two_sum(P a, P b) {
  P const s = a + b, t = s - a;
  return {s, (a - (s - t)) + (b - t)};
}
template <class P>
KOKKOS_INLINE_FUNCTION DdPackOf<P> quick_two_sum(P a, P b) {
  P const s = a + b;
  return {s, b - (s - a)};
}
template <class P>
KOKKOS_INLINE_FUNCTION DdPackOf<P> two_prod(P a, P b) {
  P const p = a * b;
  return {p, fms(a, b, p)};
}
template <class P>
KOKKOS_INLINE_FUNCTION DdPackOf<P> operator+(DdPackOf<P> a, DdPackOf<P> b) {
  auto s = two_sum(a.hi, b.hi);
  auto const t = two_sum(a.lo, b.lo);
  s = quick_two_sum(s.hi, s.lo + t.hi);
  return quick_two_sum(s.hi, s.lo + t.lo);
}
template <class P>
KOKKOS_INLINE_FUNCTION DdPackOf<P> operator*(DdPackOf<P> a, DdPackOf<P> b) {
  auto p = two_prod(a.hi, b.hi);
  return quick_two_sum(p.hi, p.lo + fma(a.hi, b.lo, a.lo * b.hi));
}
/// The sum of eight lanes in a fixed order.
inline double lane_sum(const double* lane) {
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}
/// The same in double-double.
template <class P>
inline DD reduce(DdPackOf<P> a) {
  double hi[8], lo[8];
  a.hi.store(hi);
  a.lo.store(lo);
  DD s[4];
  for (int i = 0; i < 4; ++i) s[i] = DD(hi[i], lo[i]) + DD(hi[i + 4], lo[i + 4]);
  return (s[0] + s[2]) + (s[1] + s[3]);
}

}  // namespace rxhpc::impl
