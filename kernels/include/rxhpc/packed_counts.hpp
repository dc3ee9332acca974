// Counts in a packed state: whole numbers, bit for bit in the place of doubles.
#pragma once
#include <cstdint>
#include <cstring>
#include <span>

namespace rxhpc {

/// Merges the first `n` numbers of two packed states, which are 64-bit counts: into += from, exactly.
inline void add_packed_counts(std::span<double> into, std::span<double const> from, std::size_t n) {
  for (std::size_t k = 0; k < n; ++k) {
    std::int64_t a, b;
    std::memcpy(&a, &into[k], sizeof a);
    std::memcpy(&b, &from[k], sizeof b);
    a += b;
    std::memcpy(&into[k], &a, sizeof a);
  }
}

}  // namespace rxhpc
