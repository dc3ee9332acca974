// Eight doubles that move together, in two registers of AVX2. What the functions mean stands in pack.hpp, which includes this.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace rxhpc::impl {

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
inline PackAvx2 min(PackAvx2 x, PackAvx2 y) { return {_mm256_min_pd(x.a, y.a), _mm256_min_pd(x.b, y.b)}; }
inline PackAvx2 max(PackAvx2 x, PackAvx2 y) { return {_mm256_max_pd(x.a, y.a), _mm256_max_pd(x.b, y.b)}; }
inline PackAvx2::Mask is_number(PackAvx2 x) { return {_mm256_cmp_pd(x.a, x.a, _CMP_ORD_Q), _mm256_cmp_pd(x.b, x.b, _CMP_ORD_Q)}; }
inline PackAvx2::Mask below(PackAvx2 x, double bound) {
  __m256d const sign = _mm256_set1_pd(-0.0), top = _mm256_set1_pd(bound);
  return {_mm256_cmp_pd(_mm256_andnot_pd(sign, x.a), top, _CMP_LT_OQ), _mm256_cmp_pd(_mm256_andnot_pd(sign, x.b), top, _CMP_LT_OQ)};
}
inline PackAvx2::Mask less(PackAvx2 x, PackAvx2 y) { return {_mm256_cmp_pd(x.a, y.a, _CMP_LT_OQ), _mm256_cmp_pd(x.b, y.b, _CMP_LT_OQ)}; }
inline PackAvx2::Mask mask_of(unsigned bits, PackAvx2) {
  __m256i const all = _mm256_set1_epi64x(static_cast<long long>(bits)), low = _mm256_setr_epi64x(1, 2, 4, 8), high = _mm256_setr_epi64x(16, 32, 64, 128);
  return {_mm256_castsi256_pd(_mm256_cmpeq_epi64(_mm256_and_si256(all, low), low)), _mm256_castsi256_pd(_mm256_cmpeq_epi64(_mm256_and_si256(all, high), high))};
}
inline PackAvx2::Mask operator&(PackAvx2::Mask x, PackAvx2::Mask y) { return {_mm256_and_pd(x.a, y.a), _mm256_and_pd(x.b, y.b)}; }
inline PackAvx2 keep(PackAvx2::Mask m, PackAvx2 x) { return {_mm256_and_pd(m.a, x.a), _mm256_and_pd(m.b, x.b)}; }
inline PackAvx2 select(PackAvx2::Mask m, PackAvx2 x, PackAvx2 y) { return {_mm256_blendv_pd(y.a, x.a, m.a), _mm256_blendv_pd(y.b, x.b, m.b)}; }
inline void store_whole(PackAvx2 x, std::int32_t* p) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvttpd_epi32(x.a));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 4), _mm256_cvttpd_epi32(x.b));
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
inline void transpose(PartAvx2 (&x)[4]) {
  __m256d const ab = _mm256_unpacklo_pd(x[0].v, x[1].v), ab2 = _mm256_unpackhi_pd(x[0].v, x[1].v);
  __m256d const cd = _mm256_unpacklo_pd(x[2].v, x[3].v), cd2 = _mm256_unpackhi_pd(x[2].v, x[3].v);
  x[0].v = _mm256_permute2f128_pd(ab, cd, 0x20);
  x[1].v = _mm256_permute2f128_pd(ab2, cd2, 0x20);
  x[2].v = _mm256_permute2f128_pd(ab, cd, 0x31);
  x[3].v = _mm256_permute2f128_pd(ab2, cd2, 0x31);
}
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

}  // namespace rxhpc::impl
