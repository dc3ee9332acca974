#include "codec_shuffle.hpp"

#include <algorithm>
#include <cstring>

namespace rxhpc::impl {
namespace {

using Vector = unsigned char __attribute__((vector_size(16)));

// A block is 16 values of B bytes in B vectors. One round interleaves the block's lower half with its upper half, which rotates
// the bits of a byte's place left by one; (value, byte) becomes (byte, value) in 4 rounds, and back in log2(B).
template <int B, int Rounds>
inline void rotate_places(Vector (&block)[B]) {
#pragma GCC unroll 4
  for (int round = 0; round < Rounds; ++round) {
    Vector next[B];
#pragma GCC unroll 8
    for (int j = 0; j < B / 2; ++j) {
      auto const low = block[j], high = block[j + B / 2];
      next[2 * j] = __builtin_shufflevector(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      next[2 * j + 1] = __builtin_shufflevector(low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
#pragma GCC unroll 8
    for (int j = 0; j < B; ++j) block[j] = next[j];
  }
}

template <int B>
std::size_t shuffle_blocks(const unsigned char* values, unsigned char* planes, std::size_t count) {
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    Vector block[B];
    std::memcpy(block, values + i * B, sizeof block);
    rotate_places<B, 4>(block);
    for (int b = 0; b < B; ++b) std::memcpy(planes + b * count + i, &block[b], 16);
  }
  return i;
}

template <int B, int Rounds>
std::size_t unshuffle_blocks(const unsigned char* planes, unsigned char* values, std::size_t count) {
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    Vector block[B];
    for (int b = 0; b < B; ++b) std::memcpy(&block[b], planes + b * count + i, 16);
    rotate_places<B, Rounds>(block);
    std::memcpy(values + i * B, block, sizeof block);
  }
  return i;
}

}  // namespace

void shuffle(const unsigned char* values, unsigned char* planes, std::size_t count, std::size_t value_bytes) {
  std::size_t done = 0;
  if (value_bytes == 2) done = shuffle_blocks<2>(values, planes, count);
  if (value_bytes == 4) done = shuffle_blocks<4>(values, planes, count);
  if (value_bytes == 8) done = shuffle_blocks<8>(values, planes, count);
  // Wide text goes in bands of values that stay in cache.
  for (std::size_t band = done; band < count; band += 256) {
    auto const end = std::min(band + 256, count);
    for (std::size_t b = 0; b < value_bytes; ++b)
      for (std::size_t i = band; i < end; ++i) planes[b * count + i] = values[i * value_bytes + b];
  }
}

void unshuffle(const unsigned char* planes, unsigned char* values, std::size_t count, std::size_t value_bytes) {
  std::size_t done = 0;
  if (value_bytes == 2) done = unshuffle_blocks<2, 1>(planes, values, count);
  if (value_bytes == 4) done = unshuffle_blocks<4, 2>(planes, values, count);
  if (value_bytes == 8) done = unshuffle_blocks<8, 3>(planes, values, count);
  for (std::size_t band = done; band < count; band += 256) {
    auto const end = std::min(band + 256, count);
    for (std::size_t b = 0; b < value_bytes; ++b)
      for (std::size_t i = band; i < end; ++i) values[i * value_bytes + b] = planes[b * count + i];
  }
}

}  // namespace rxhpc::impl
