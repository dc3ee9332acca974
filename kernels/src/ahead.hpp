// Asking memory for rows before their turn.
#pragma once
#include <cstdint>

#include "rxhpc/chunk_source.hpp"

namespace rxhpc::impl {

/// The cache line that lies a piece beyond x: memory brings the next piece to the second-level cache while this one is worked on. For values
/// as they lie in a column; elsewhere it does no harm. Not for kernels that themselves live on the second-level cache: its lines come through the
/// same few buffers.
template <class T>
void ask_ahead(const T* x) {
  __builtin_prefetch(reinterpret_cast<const char*>(reinterpret_cast<std::uintptr_t>(x) + piece_rows * sizeof(T)), 0, 2);
}

}  // namespace rxhpc::impl
