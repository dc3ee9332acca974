#include "sort_keys.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace rxhpc::impl {

// Digits of 11 bits: fewer passes than with 8, and the counts of one digit still leave room in the first-level cache.
void sort_keys(std::vector<std::uint64_t>& keys, std::vector<std::uint64_t>& buffer) {
  constexpr std::size_t bits = 11, digits = (64 + bits - 1) / bits, values = std::size_t(1) << bits;
  constexpr std::size_t few = 1024;  // fewer are sorted by comparing before their digits are counted
  if (keys.size() < few || keys.size() > UINT32_MAX) return std::sort(keys.begin(), keys.end());
  buffer.resize(keys.size());
  auto const digit = [](std::uint64_t key, std::size_t d) { return key >> (bits * d) & (values - 1); };
  std::array<std::array<std::uint32_t, values>, digits> count{};
  for (auto key : keys)
    for (std::size_t d = 0; d < digits; ++d) ++count[d][digit(key, d)];
  for (std::size_t d = 0; d < digits; ++d) {
    auto& place = count[d];
    if (place[digit(keys[0], d)] == keys.size()) continue;
    std::uint32_t sum = 0;
    for (auto& p : place) sum += std::exchange(p, sum);
    for (auto key : keys) buffer[place[digit(key, d)]++] = key;
    keys.swap(buffer);
  }
}

}  // namespace rxhpc::impl
