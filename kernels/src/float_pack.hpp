// The rows of one pack or two as floats that move together: for first answers that doubles confirm. Unlike a Pack's its bits may depend on the instruction set,
// so nothing that is computed here may reach a result unless an error bound has shown that it cannot matter.
#pragma once
#include <cstddef>
#include <cstdint>

#include "rxhpc/pack.hpp"

namespace rxhpc::impl {

#ifdef RXHPC_PACK_AVX512
#define RXHPC_FLOAT_PACK 1
struct FloatPack {
  static constexpr int packs = 2;  ///< whose rows it holds
  __m512 v;
  static FloatPack all(float x) { return {_mm512_set1_ps(x)}; }
  static FloatPack load(const float* p) { return {_mm512_loadu_ps(p)}; }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
};
inline FloatPack held(FloatPack x) { return x; }
/// The rows of as many packs as it holds, to the nearest floats.
inline FloatPack rounded(const Pack (&x)[2]) {
  return {_mm512_maskz_insertf32x8(0xffff, _mm512_castps256_ps512(_mm512_maskz_cvtpd_ps(0xff, x[0].v)), _mm512_maskz_cvtpd_ps(0xff, x[1].v), 1)};
}
inline FloatPack operator-(FloatPack a, FloatPack b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline FloatPack operator*(FloatPack a, FloatPack b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline FloatPack sqrt(FloatPack a) { return {_mm512_maskz_sqrt_ps(0xffff, a.v)}; }
inline FloatPack fma(FloatPack a, FloatPack b, FloatPack c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline FloatPack min(FloatPack a, FloatPack b) { return {_mm512_maskz_min_ps(0xffff, a.v, b.v)}; }
inline FloatPack max(FloatPack a, FloatPack b) { return {_mm512_maskz_max_ps(0xffff, a.v, b.v)}; }
/// number where a < b, else otherwise
inline FloatPack where_less(FloatPack a, FloatPack b, FloatPack number, FloatPack otherwise) {
  return {_mm512_mask_mov_ps(otherwise.v, _mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), number.v)};
}
/// Bit i where a < b in lane i; 0 for NaN.
inline unsigned bits_less(FloatPack a, FloatPack b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ); }
inline void store_whole(FloatPack a, std::int32_t* p) { _mm512_storeu_si512(p, _mm512_maskz_cvttps_epi32(0xffff, a.v)); }
#elif defined(RXHPC_PACK_AVX2)
#define RXHPC_FLOAT_PACK 1
struct FloatPack {
  static constexpr int packs = 1;
  __m256 v;
  static FloatPack all(float x) { return {_mm256_set1_ps(x)}; }
  static FloatPack load(const float* p) { return {_mm256_loadu_ps(p)}; }
  void store(float* p) const { _mm256_storeu_ps(p, v); }
};
/// The same, in a register: what is loaded once for several uses, GCC would else read again for each of them.
inline FloatPack held(FloatPack x) {
  __asm__("" : "+x"(x.v));
  return x;
}
inline FloatPack rounded(const Pack (&x)[1]) { return {_mm256_set_m128(_mm256_cvtpd_ps(x[0].b), _mm256_cvtpd_ps(x[0].a))}; }
inline FloatPack operator-(FloatPack x, FloatPack y) { return {_mm256_sub_ps(x.v, y.v)}; }
inline FloatPack operator*(FloatPack x, FloatPack y) { return {_mm256_mul_ps(x.v, y.v)}; }
inline FloatPack sqrt(FloatPack x) { return {_mm256_sqrt_ps(x.v)}; }
inline FloatPack fma(FloatPack x, FloatPack y, FloatPack z) { return {_mm256_fmadd_ps(x.v, y.v, z.v)}; }
inline FloatPack min(FloatPack x, FloatPack y) { return {_mm256_min_ps(x.v, y.v)}; }
inline FloatPack max(FloatPack x, FloatPack y) { return {_mm256_max_ps(x.v, y.v)}; }
inline FloatPack where_less(FloatPack x, FloatPack y, FloatPack number, FloatPack otherwise) {
  return {_mm256_blendv_ps(otherwise.v, number.v, _mm256_cmp_ps(x.v, y.v, _CMP_LT_OQ))};
}
inline unsigned bits_less(FloatPack x, FloatPack y) { return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(x.v, y.v, _CMP_LT_OQ))); }
inline void store_whole(FloatPack x, std::int32_t* p) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_cvttps_epi32(x.v)); }
#endif

#ifdef RXHPC_FLOAT_PACK
constexpr int float_lanes = 8 * FloatPack::packs;
#endif

}  // namespace rxhpc::impl
