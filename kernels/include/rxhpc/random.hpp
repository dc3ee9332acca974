// Counter-based random numbers: the value for (seed, purpose, stream, index) is a function of these alone, so that what is drawn for a
// row depends on its global number and never on ranks, threads or the order of work.
// Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC11): Philox 4x32 with ten rounds.
#pragma once
#include <cstdint>

#include "rxhpc/kokkos_macros.hpp"

namespace rxhpc {

/// What random numbers are drawn for: the same seed gives unrelated numbers for each.
enum class RandomPurpose : std::uint32_t { starting_rows = 1, starting_centres = 2, plotted_rows = 3, simulated_tables = 4 };

/// 64 random bits. `stream` tells repetitions apart (a start, a tree), `index` the things drawn for (a row's global number).
KOKKOS_INLINE_FUNCTION std::uint64_t random_bits(std::uint64_t seed, RandomPurpose purpose, std::uint32_t stream, std::uint64_t index) {
  std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
  std::uint32_t c0 = static_cast<std::uint32_t>(index), c1 = static_cast<std::uint32_t>(index >> 32);
  std::uint32_t c2 = stream, c3 = static_cast<std::uint32_t>(purpose);
  for (int round = 0; round < 10; ++round) {
    std::uint64_t const p0 = std::uint64_t{0xD2511F53u} * c0, p1 = std::uint64_t{0xCD9E8D57u} * c2;
    c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<std::uint32_t>(p1);
    c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<std::uint32_t>(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return std::uint64_t{c1} << 32 | c0;
}

/// A number in (0, 1): never 0, never 1.
KOKKOS_INLINE_FUNCTION double random_uniform(std::uint64_t bits) { return (static_cast<double>(bits >> 12) + 0.5) * 0x1p-52; }

}  // namespace rxhpc
