#include <algorithm>
#include <vector>

#include "rxhpc/moments.hpp"

namespace rxhpc {
namespace {

constexpr std::int64_t tile_rows = 4096;
constexpr int replicas = 4;  // neighbouring rows with the same code must not wait for one another's store

/// Bin `levels` takes every code that is no level. `codes` as they lie, without a copy.
template <class T>
void count(const T* codes, std::int64_t rows, std::uint32_t levels, std::uint32_t* bins) {
  std::size_t const width = levels + 1u;
  auto const bin = [&](std::int64_t i) { return std::min(static_cast<std::uint32_t>(static_cast<std::int32_t>(codes[i])), levels); };
  std::int64_t i = 0;
  for (; i + replicas <= rows; i += replicas)
#pragma GCC unroll 4
    for (int r = 0; r < replicas; ++r) ++bins[r * width + bin(i + r)];
  for (; i < rows; ++i) ++bins[bin(i)];
}

}  // namespace

std::int64_t level_counts_of(const Column& column, std::int64_t rows, std::span<std::int64_t> counts) {
  auto const levels = static_cast<std::uint32_t>(counts.size());
  std::vector<std::uint32_t> bins(replicas * (levels + std::size_t(1)));
  std::fill(counts.begin(), counts.end(), 0);
  std::int64_t missing = 0;
  constexpr std::int64_t block = std::int64_t(1) << 30;  // fewer rows than a bin can count
  for (std::int64_t first = 0; first < rows; first += block) {
    std::int64_t const end = std::min(rows, first + block);
    std::fill(bins.begin(), bins.end(), 0u);
    if (column.stride == 1 && column.missing < 0 && column.storage == Storage::int8)
      count(static_cast<const std::int8_t*>(column.data) + first, end - first, levels, bins.data());
    else if (column.stride == 1 && column.missing < 0 && column.storage == Storage::int16)
      count(static_cast<const std::int16_t*>(column.data) + first, end - first, levels, bins.data());
    else if (column.stride == 1 && column.missing < 0 && column.storage == Storage::int32)
      count(static_cast<const std::int32_t*>(column.data) + first, end - first, levels, bins.data());
    else
      for (std::int64_t at = first; at < end; at += tile_rows) {
        std::int32_t codes[tile_rows];
        std::int64_t const n = std::min(tile_rows, end - at);
        load_codes(column, at, n, codes);
        count(codes, n, levels, bins.data());
      }
    for (int r = 0; r < replicas; ++r) {
      auto const* of = bins.data() + r * (levels + std::size_t(1));
      for (std::uint32_t k = 0; k < levels; ++k) counts[k] += of[k];
      missing += of[levels];
    }
  }
  return missing;
}

}  // namespace rxhpc
