#include "sort_keys.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace rxhpc::impl {

void sort_keys(std::vector<std::uint64_t>& keys, std::vector<std::uint64_t>& buffer) {
  constexpr std::size_t digits = 8, values = 256, few = 512;  // fewer are sorted by comparing before their digits are counted
  if (keys.size() < few) return std::sort(keys.begin(), keys.end());
  buffer.resize(keys.size());
  std::array<std::array<std::size_t, values>, digits> count{};
  for (auto key : keys)
    for (std::size_t d = 0; d < digits; ++d) ++count[d][key >> (8 * d) & 0xff];
  for (std::size_t d = 0; d < digits; ++d) {
    auto& place = count[d];
    if (place[keys[0] >> (8 * d) & 0xff] == keys.size()) continue;
    std::size_t sum = 0;
    for (auto& p : place) sum += std::exchange(p, sum);
    for (auto key : keys) buffer[place[key >> (8 * d) & 0xff]++] = key;
    keys.swap(buffer);
  }
}

}  // namespace rxhpc::impl
