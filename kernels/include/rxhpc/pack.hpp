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
#if defined(RXHPC_PACK_AVX512) || defined(RXHPC_PACK_AVX2)
#include <immintrin.h>
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
/// a >= b, false for NaN.
KOKKOS_INLINE_FUNCTION PackGeneric::Mask at_least(PackGeneric a, PackGeneric b) { RXHPC_PACK_MASK(a.v[i] >= b.v[i]); }
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
/// Lane i of pack k becomes lane k of pack i.
KOKKOS_INLINE_FUNCTION void transpose(PackGeneric (&a)[8]) {
  for (int k = 0; k < 8; ++k)
    for (int i = 0; i < k; ++i) {
      double const t = a[k].v[i];
      a[k].v[i] = a[i].v[k];
      a[i].v[k] = t;
    }
}

#ifdef RXHPC_PACK_AVX2
struct PackAvx2 {
  static constexpr int lanes = 8;
  struct Mask {
    __m256d a, b;
    unsigned bits() const { return static_cast<unsigned>(_mm256_movemask_pd(a)) | static_cast<unsigned>(_mm256_movemask_pd(b)) << 4; }
  };
  __m256d a, b;

  static PackAvx2 load(const double* p) { return {_mm256_loadu_pd(p), _mm256_loadu_pd(p + 4)}; }
  static PackAvx2 load_part(const double* p, int n) {
    alignas(32) double t[8] = {};
    for (int i = 0; i < n; ++i) t[i] = p[i];
    return load(t);
  }
  static PackAvx2 all(double x) { return {_mm256_set1_pd(x), _mm256_set1_pd(x)}; }
  void store(double* p) const {
    _mm256_storeu_pd(p, a);
    _mm256_storeu_pd(p + 4, b);
  }
  void store_part(double* p, int n) const {
    alignas(32) double t[8];
    store(t);
    for (int i = 0; i < n; ++i) p[i] = t[i];
  }
};

inline PackAvx2 operator+(PackAvx2 x, PackAvx2 y) { return {_mm256_add_pd(x.a, y.a), _mm256_add_pd(x.b, y.b)}; }
inline PackAvx2 operator-(PackAvx2 x, PackAvx2 y) { return {_mm256_sub_pd(x.a, y.a), _mm256_sub_pd(x.b, y.b)}; }
inline PackAvx2 operator*(PackAvx2 x, PackAvx2 y) { return {_mm256_mul_pd(x.a, y.a), _mm256_mul_pd(x.b, y.b)}; }
inline PackAvx2 fma(PackAvx2 x, PackAvx2 y, PackAvx2 z) { return {_mm256_fmadd_pd(x.a, y.a, z.a), _mm256_fmadd_pd(x.b, y.b, z.b)}; }
inline PackAvx2 fms(PackAvx2 x, PackAvx2 y, PackAvx2 z) { return {_mm256_fmsub_pd(x.a, y.a, z.a), _mm256_fmsub_pd(x.b, y.b, z.b)}; }
inline PackAvx2 operator/(PackAvx2 x, PackAvx2 y) { return {_mm256_div_pd(x.a, y.a), _mm256_div_pd(x.b, y.b)}; }
inline PackAvx2 sqrt(PackAvx2 x) { return {_mm256_sqrt_pd(x.a), _mm256_sqrt_pd(x.b)}; }
inline PackAvx2 abs(PackAvx2 x) { return {_mm256_andnot_pd(_mm256_set1_pd(-0.0), x.a), _mm256_andnot_pd(_mm256_set1_pd(-0.0), x.b)}; }
inline __m256i bits_of(__m256d x) { return _mm256_castpd_si256(x); }
inline PackAvx2 from_bits(__m256i a, __m256i b) { return {_mm256_castsi256_pd(a), _mm256_castsi256_pd(b)}; }
inline PackAvx2 add_bits(PackAvx2 x, std::uint64_t b) {
  auto const c = _mm256_set1_epi64x(static_cast<long long>(b));
  return from_bits(_mm256_add_epi64(bits_of(x.a), c), _mm256_add_epi64(bits_of(x.b), c));
}
inline PackAvx2 subtract_bits(PackAvx2 x, PackAvx2 y) {
  return from_bits(_mm256_sub_epi64(bits_of(x.a), bits_of(y.a)), _mm256_sub_epi64(bits_of(x.b), bits_of(y.b)));
}
template <int By>
inline PackAvx2 shift_left(PackAvx2 x) { return from_bits(_mm256_slli_epi64(bits_of(x.a), By), _mm256_slli_epi64(bits_of(x.b), By)); }
template <int By>
inline PackAvx2 shift_right(PackAvx2 x) { return from_bits(_mm256_srli_epi64(bits_of(x.a), By), _mm256_srli_epi64(bits_of(x.b), By)); }
inline PackAvx2 and_bits(PackAvx2 x, std::uint64_t b) {
  auto const c = _mm256_set1_epi64x(static_cast<long long>(b));
  return from_bits(_mm256_and_si256(bits_of(x.a), c), _mm256_and_si256(bits_of(x.b), c));
}
inline PackAvx2::Mask equal(PackAvx2 x, PackAvx2 y) { return {_mm256_cmp_pd(x.a, y.a, _CMP_EQ_OQ), _mm256_cmp_pd(x.b, y.b, _CMP_EQ_OQ)}; }
inline PackAvx2::Mask operator|(PackAvx2::Mask x, PackAvx2::Mask y) { return {_mm256_or_pd(x.a, y.a), _mm256_or_pd(x.b, y.b)}; }
inline PackAvx2::Mask operator^(PackAvx2::Mask x, PackAvx2::Mask y) { return {_mm256_xor_pd(x.a, y.a), _mm256_xor_pd(x.b, y.b)}; }
inline PackAvx2 min(PackAvx2 x, PackAvx2 y) { return {_mm256_min_pd(x.a, y.a), _mm256_min_pd(x.b, y.b)}; }
inline PackAvx2 max(PackAvx2 x, PackAvx2 y) { return {_mm256_max_pd(x.a, y.a), _mm256_max_pd(x.b, y.b)}; }
inline PackAvx2::Mask is_number(PackAvx2 x) { return {_mm256_cmp_pd(x.a, x.a, _CMP_ORD_Q), _mm256_cmp_pd(x.b, x.b, _CMP_ORD_Q)}; }
inline PackAvx2::Mask below(PackAvx2 x, double bound) {
  __m256d const sign = _mm256_set1_pd(-0.0), top = _mm256_set1_pd(bound);
  return {_mm256_cmp_pd(_mm256_andnot_pd(sign, x.a), top, _CMP_LT_OQ), _mm256_cmp_pd(_mm256_andnot_pd(sign, x.b), top, _CMP_LT_OQ)};
}
inline PackAvx2::Mask less(PackAvx2 x, PackAvx2 y) { return {_mm256_cmp_pd(x.a, y.a, _CMP_LT_OQ), _mm256_cmp_pd(x.b, y.b, _CMP_LT_OQ)}; }
inline PackAvx2::Mask at_least(PackAvx2 x, PackAvx2 y) { return {_mm256_cmp_pd(x.a, y.a, _CMP_GE_OQ), _mm256_cmp_pd(x.b, y.b, _CMP_GE_OQ)}; }
inline PackAvx2::Mask mask_of(unsigned bits, PackAvx2) {
  __m256i const all = _mm256_set1_epi64x(static_cast<long long>(bits)), low = _mm256_setr_epi64x(1, 2, 4, 8), high = _mm256_setr_epi64x(16, 32, 64, 128);
  return {_mm256_castsi256_pd(_mm256_cmpeq_epi64(_mm256_and_si256(all, low), low)), _mm256_castsi256_pd(_mm256_cmpeq_epi64(_mm256_and_si256(all, high), high))};
}
inline PackAvx2::Mask operator&(PackAvx2::Mask x, PackAvx2::Mask y) { return {_mm256_and_pd(x.a, y.a), _mm256_and_pd(x.b, y.b)}; }
inline PackAvx2 keep(PackAvx2::Mask m, PackAvx2 x) { return {_mm256_and_pd(m.a, x.a), _mm256_and_pd(m.b, x.b)}; }
inline PackAvx2 select(PackAvx2::Mask m, PackAvx2 x, PackAvx2 y) { return {_mm256_blendv_pd(y.a, x.a, m.a), _mm256_blendv_pd(y.b, x.b, m.b)}; }
inline PackAvx2 count_where(PackAvx2::Mask m, PackAvx2 count) {
  return from_bits(_mm256_sub_epi64(bits_of(count.a), bits_of(m.a)), _mm256_sub_epi64(bits_of(count.b), bits_of(m.b)));
}
inline void store_whole(PackAvx2 x, std::int32_t* p) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvttpd_epi32(x.a));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 4), _mm256_cvttpd_epi32(x.b));
}
inline void transpose4(__m256d& a, __m256d& b, __m256d& c, __m256d& d) {
  __m256d const ab = _mm256_unpacklo_pd(a, b), ab2 = _mm256_unpackhi_pd(a, b), cd = _mm256_unpacklo_pd(c, d), cd2 = _mm256_unpackhi_pd(c, d);
  a = _mm256_permute2f128_pd(ab, cd, 0x20);
  b = _mm256_permute2f128_pd(ab2, cd2, 0x20);
  c = _mm256_permute2f128_pd(ab, cd, 0x31);
  d = _mm256_permute2f128_pd(ab2, cd2, 0x31);
}
inline void transpose(PackAvx2 (&x)[8]) {
  transpose4(x[0].a, x[1].a, x[2].a, x[3].a);
  transpose4(x[4].b, x[5].b, x[6].b, x[7].b);
  transpose4(x[0].b, x[1].b, x[2].b, x[3].b);
  transpose4(x[4].a, x[5].a, x[6].a, x[7].a);
  for (int k = 0; k < 4; ++k) {
    __m256d const t = x[k].b;
    x[k].b = x[k + 4].a;
    x[k + 4].a = t;
  }
}

/// Half a PackAvx2: one register.
struct PartAvx2 {
  static constexpr int lanes = 4;
  struct Mask {
    __m256d m;
    unsigned bits() const { return static_cast<unsigned>(_mm256_movemask_pd(m)); }
  };
  __m256d v;

  static PartAvx2 load(const double* p) { return {_mm256_loadu_pd(p)}; }
  static PartAvx2 all(double x) { return {_mm256_set1_pd(x)}; }
  void store(double* p) const { _mm256_storeu_pd(p, v); }
};
inline PartAvx2 held(PartAvx2 x) {
  __asm__("" : "+x"(x.v));
  return x;
}
inline PartAvx2 operator+(PartAvx2 x, PartAvx2 y) { return {_mm256_add_pd(x.v, y.v)}; }
inline PartAvx2 operator-(PartAvx2 x, PartAvx2 y) { return {_mm256_sub_pd(x.v, y.v)}; }
inline PartAvx2 operator*(PartAvx2 x, PartAvx2 y) { return {_mm256_mul_pd(x.v, y.v)}; }
inline PartAvx2 fma(PartAvx2 x, PartAvx2 y, PartAvx2 z) { return {_mm256_fmadd_pd(x.v, y.v, z.v)}; }
inline PartAvx2 fms(PartAvx2 x, PartAvx2 y, PartAvx2 z) { return {_mm256_fmsub_pd(x.v, y.v, z.v)}; }
inline PartAvx2::Mask less(PartAvx2 x, PartAvx2 y) { return {_mm256_cmp_pd(x.v, y.v, _CMP_LT_OQ)}; }
inline PartAvx2::Mask is_number(PartAvx2 x) { return {_mm256_cmp_pd(x.v, x.v, _CMP_ORD_Q)}; }
inline PartAvx2::Mask operator^(PartAvx2::Mask x, PartAvx2::Mask y) { return {_mm256_xor_pd(x.m, y.m)}; }
inline PartAvx2 count_where(PartAvx2::Mask m, PartAvx2 count) { return {_mm256_castsi256_pd(_mm256_sub_epi64(bits_of(count.v), bits_of(m.m)))}; }
inline int compress(PartAvx2::Mask m, PartAvx2 x, double* to) {
  // halves of the lanes that each mask takes
  alignas(32) static constexpr std::int32_t taken[16][8] = {
      {}, {0, 1}, {2, 3}, {0, 1, 2, 3}, {4, 5}, {0, 1, 4, 5}, {2, 3, 4, 5}, {0, 1, 2, 3, 4, 5},
      {6, 7}, {0, 1, 6, 7}, {2, 3, 6, 7}, {0, 1, 2, 3, 6, 7}, {4, 5, 6, 7}, {0, 1, 4, 5, 6, 7}, {2, 3, 4, 5, 6, 7}, {0, 1, 2, 3, 4, 5, 6, 7}};
  unsigned const bits = m.bits();
  __m256i const from = _mm256_load_si256(reinterpret_cast<const __m256i*>(taken[bits]));
  _mm256_storeu_pd(to, _mm256_castps_pd(_mm256_permutevar8x32_ps(_mm256_castpd_ps(x.v), from)));
  return __builtin_popcount(bits);
}
inline int compress(PackAvx2::Mask m, PackAvx2 x, double* to) {
  int const n = compress(PartAvx2::Mask{m.a}, PartAvx2{x.a}, to);
  return n + compress(PartAvx2::Mask{m.b}, PartAvx2{x.b}, to + n);
}
#endif

#ifdef RXHPC_PACK_AVX512
struct PackAvx512 {
  static constexpr int lanes = 8;
  struct Mask {
    __mmask8 m;
    unsigned bits() const { return m; }
  };
  __m512d v;

  static PackAvx512 load(const double* p) { return {_mm512_loadu_pd(p)}; }
  static PackAvx512 load_part(const double* p, int n) { return {_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << n) - 1u), p)}; }
  static PackAvx512 all(double x) { return {_mm512_set1_pd(x)}; }
  void store(double* p) const { _mm512_storeu_pd(p, v); }
  void store_part(double* p, int n) const { _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << n) - 1u), v); }
};

inline PackAvx512 operator+(PackAvx512 x, PackAvx512 y) { return {_mm512_add_pd(x.v, y.v)}; }
inline PackAvx512 operator-(PackAvx512 x, PackAvx512 y) { return {_mm512_sub_pd(x.v, y.v)}; }
inline PackAvx512 operator*(PackAvx512 x, PackAvx512 y) { return {_mm512_mul_pd(x.v, y.v)}; }
inline PackAvx512 fma(PackAvx512 x, PackAvx512 y, PackAvx512 z) { return {_mm512_fmadd_pd(x.v, y.v, z.v)}; }
inline PackAvx512 fms(PackAvx512 x, PackAvx512 y, PackAvx512 z) { return {_mm512_fmsub_pd(x.v, y.v, z.v)}; }
inline PackAvx512 operator/(PackAvx512 x, PackAvx512 y) { return {_mm512_div_pd(x.v, y.v)}; }
inline PackAvx512 sqrt(PackAvx512 x) { return {_mm512_maskz_sqrt_pd(0xff, x.v)}; }
inline PackAvx512 abs(PackAvx512 x) { return {_mm512_castsi512_pd(_mm512_maskz_and_epi64(0xff, _mm512_castpd_si512(x.v), _mm512_set1_epi64(0x7fffffffffffffffLL)))}; }
inline PackAvx512 add_bits(PackAvx512 x, std::uint64_t b) {
  return {_mm512_castsi512_pd(_mm512_add_epi64(_mm512_castpd_si512(x.v), _mm512_set1_epi64(static_cast<long long>(b))))};
}
inline PackAvx512 subtract_bits(PackAvx512 x, PackAvx512 y) {
  return {_mm512_castsi512_pd(_mm512_sub_epi64(_mm512_castpd_si512(x.v), _mm512_castpd_si512(y.v)))};
}
// In parentheses: nvcc loses the braces of a template's aggregate on its way to the host compiler.
template <int By>
inline PackAvx512 shift_left(PackAvx512 x) { return PackAvx512(_mm512_castsi512_pd(_mm512_maskz_slli_epi64(0xff, _mm512_castpd_si512(x.v), By))); }
template <int By>
inline PackAvx512 shift_right(PackAvx512 x) { return PackAvx512(_mm512_castsi512_pd(_mm512_maskz_srli_epi64(0xff, _mm512_castpd_si512(x.v), By))); }
inline PackAvx512 and_bits(PackAvx512 x, std::uint64_t b) {
  return {_mm512_castsi512_pd(_mm512_and_si512(_mm512_castpd_si512(x.v), _mm512_set1_epi64(static_cast<long long>(b))))};
}
inline PackAvx512::Mask equal(PackAvx512 x, PackAvx512 y) { return {_mm512_cmp_pd_mask(x.v, y.v, _CMP_EQ_OQ)}; }
inline PackAvx512::Mask operator|(PackAvx512::Mask x, PackAvx512::Mask y) { return {static_cast<__mmask8>(x.m | y.m)}; }
inline PackAvx512::Mask operator^(PackAvx512::Mask x, PackAvx512::Mask y) { return {static_cast<__mmask8>(x.m ^ y.m)}; }
inline PackAvx512 min(PackAvx512 x, PackAvx512 y) { return {_mm512_maskz_min_pd(0xff, x.v, y.v)}; }  // plain _mm512_min_pd makes g++ 12 warn
inline PackAvx512 max(PackAvx512 x, PackAvx512 y) { return {_mm512_maskz_max_pd(0xff, x.v, y.v)}; }
inline PackAvx512::Mask is_number(PackAvx512 x) { return {_mm512_cmp_pd_mask(x.v, x.v, _CMP_ORD_Q)}; }
inline PackAvx512::Mask below(PackAvx512 x, double bound) { return {_mm512_cmp_pd_mask(_mm512_abs_pd(x.v), _mm512_set1_pd(bound), _CMP_LT_OQ)}; }
inline PackAvx512::Mask less(PackAvx512 x, PackAvx512 y) { return {_mm512_cmp_pd_mask(x.v, y.v, _CMP_LT_OQ)}; }
inline PackAvx512::Mask at_least(PackAvx512 x, PackAvx512 y) { return {_mm512_cmp_pd_mask(x.v, y.v, _CMP_GE_OQ)}; }
inline PackAvx512::Mask mask_of(unsigned bits, PackAvx512) { return {static_cast<__mmask8>(bits)}; }
inline PackAvx512::Mask operator&(PackAvx512::Mask x, PackAvx512::Mask y) { return {static_cast<__mmask8>(x.m & y.m)}; }
inline PackAvx512 keep(PackAvx512::Mask m, PackAvx512 x) { return {_mm512_maskz_mov_pd(m.m, x.v)}; }
inline PackAvx512 select(PackAvx512::Mask m, PackAvx512 x, PackAvx512 y) { return {_mm512_mask_mov_pd(y.v, m.m, x.v)}; }
inline int compress(PackAvx512::Mask m, PackAvx512 x, double* to) {
  _mm512_storeu_pd(to, _mm512_maskz_compress_pd(m.m, x.v));
  return __builtin_popcount(m.m);
}
inline PackAvx512 held(PackAvx512 x) { return x; }
inline PackAvx512 count_where(PackAvx512::Mask m, PackAvx512 count) {
  __m512i const n = _mm512_castpd_si512(count.v);
  return {_mm512_castsi512_pd(_mm512_mask_add_epi64(n, m.m, n, _mm512_set1_epi64(1)))};
}
inline void store_whole(PackAvx512 x, std::int32_t* p) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_maskz_cvttpd_epi32(0xff, x.v)); }
inline void transpose(PackAvx512 (&x)[8]) {
  __m512d t[8], u[8];
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {  // pairs of packs: lanes in twos
    t[2 * k] = _mm512_maskz_unpacklo_pd(0xff, x[2 * k].v, x[2 * k + 1].v);
    t[2 * k + 1] = _mm512_maskz_unpackhi_pd(0xff, x[2 * k].v, x[2 * k + 1].v);
  }
#pragma GCC unroll 2
  for (int k = 0; k < 2; ++k)  // 128-bit pieces of four packs
#pragma GCC unroll 2
    for (int h = 0; h < 2; ++h) {
      u[4 * k + h] = _mm512_maskz_shuffle_f64x2(0xff, t[4 * k + h], t[4 * k + 2 + h], 0x88);
      u[4 * k + 2 + h] = _mm512_maskz_shuffle_f64x2(0xff, t[4 * k + h], t[4 * k + 2 + h], 0xdd);
    }
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    x[k].v = _mm512_maskz_shuffle_f64x2(0xff, u[k], u[k + 4], 0x88);
    x[k + 4].v = _mm512_maskz_shuffle_f64x2(0xff, u[k], u[k + 4], 0xdd);
  }
}
#endif

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
