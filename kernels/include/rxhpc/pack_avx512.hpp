// Eight doubles that move together, in one register of AVX-512. What the functions mean stands in pack.hpp, which includes this.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace rxhpc::impl {

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

}  // namespace rxhpc::impl
