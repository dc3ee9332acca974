// GCC 12 takes the deliberately undefined registers of its own AVX-512 header for mistakes.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <new>

#include "codec_chunk.hpp"

namespace rxhpc::impl {

std::uint64_t hash_of(const void* data, std::size_t bytes) { return XXH3_64bits(data, bytes); }

HashStream::HashStream() : state_(XXH3_createState()) {
  if (!state_) throw std::bad_alloc();
}
HashStream::~HashStream() {
  if (state_) XXH3_freeState(static_cast<XXH3_state_t*>(state_));
}
void HashStream::begin() { XXH3_64bits_reset(static_cast<XXH3_state_t*>(state_)); }
void HashStream::add(const void* data, std::size_t bytes) { XXH3_64bits_update(static_cast<XXH3_state_t*>(state_), data, bytes); }
std::uint64_t HashStream::hash() const { return XXH3_64bits_digest(static_cast<const XXH3_state_t*>(state_)); }

}  // namespace rxhpc::impl
