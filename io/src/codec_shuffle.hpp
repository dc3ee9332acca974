// HDF5's shuffle: byte b of every value, then byte b + 1 of every value.
#pragma once
#include <cstddef>

namespace rxhpc::impl {

void shuffle(const unsigned char* values, unsigned char* planes, std::size_t count, std::size_t value_bytes);
void unshuffle(const unsigned char* planes, unsigned char* values, std::size_t count, std::size_t value_bytes);

}  // namespace rxhpc::impl
