// 64 bytes of text as bit masks: bit i speaks of byte i.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>

#if defined(__AVX512BW__) || defined(__AVX2__) || defined(__PCLMUL__)
#include <immintrin.h>
#endif

namespace rxhpc::impl {

#if defined(__AVX512BW__)
struct Block64 {
  __m512i bytes;
  explicit Block64(const char* p) : bytes(_mm512_loadu_si512(p)) {}
  std::uint64_t equal(char c) const { return _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(c)); }
};
#elif defined(__AVX2__)
struct Block64 {
  __m256i low, high;
  explicit Block64(const char* p)
      : low(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))), high(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))) {}
  std::uint64_t equal(char c) const {
    auto const v = _mm256_set1_epi8(c);
    auto const a = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, v)));
    auto const b = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, v)));
    return a | static_cast<std::uint64_t>(b) << 32;
  }
};
#else
struct Block64 {
  std::uint64_t words[8];
  explicit Block64(const char* p) { std::memcpy(words, p, 64); }
  std::uint64_t equal(char c) const {
    constexpr std::uint64_t ones = 0x0101010101010101ULL, low7 = 0x7F7F7F7F7F7F7F7FULL;
    std::uint64_t mask = 0;
    for (int w = 0; w < 8; ++w) {
      std::uint64_t const x = words[w] ^ (ones * static_cast<unsigned char>(c));
      std::uint64_t const zero = ~(((x & low7) + low7) | x | low7);  // 0x80 in every byte that is 0
      mask |= ((zero >> 7) * 0x0102040810204080ULL >> 56) << (8 * w);
    }
    return mask;
  }
};
#endif

/// Bit i: the parity of bits 0..i, i.e. 1 from an opening quote up to the byte before its closing one.
inline std::uint64_t prefix_xor(std::uint64_t x) {
#if defined(__PCLMUL__)
  return static_cast<std::uint64_t>(
      _mm_cvtsi128_si64(_mm_clmulepi64_si128(_mm_set_epi64x(0, static_cast<long long>(x)), _mm_set1_epi8(-1), 0)));
#else
  for (int s = 1; s < 64; s *= 2) x ^= x << s;
  return x;
#endif
}

/// The bits of the first `count` bytes.
inline std::uint64_t first_bits(std::int64_t count) { return count >= 64 ? ~0ULL : (1ULL << count) - 1; }

}  // namespace rxhpc::impl
