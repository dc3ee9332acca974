// Sorting of 64-bit keys.
#pragma once
#include <cstdint>
#include <vector>

namespace rxhpc::impl {

/// Ascending, digit by digit from the lowest (D. E. Knuth, "The Art of Computer Programming" 3, 5.2.5); a digit that all keys share costs nothing.
/// `buffer` is resized to the keys' number. Reads and writes 16 bytes a key and digit.
void sort_keys(std::vector<std::uint64_t>& keys, std::vector<std::uint64_t>& buffer);

}  // namespace rxhpc::impl
