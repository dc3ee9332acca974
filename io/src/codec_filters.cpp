// LZ4 framing and the in-process HDF5 filters 32004 (LZ4) and 32015 (zstd).
#include <hdf5.h>
#include <lz4.h>
#include <zstd.h>

#include <cstdlib>
#include <cstring>

#include "codec_chunk.hpp"

namespace rxhpc::impl {
namespace {

// A frame: plain size (8 bytes, big-endian), block size (4), then for each block its stored size (4) and bytes; a block as long
// as its plain form is not compressed.
constexpr std::size_t header_bytes = 12;

std::uint64_t big_endian(const unsigned char* p, int bytes) {
  std::uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | p[i];
  return value;
}

void put_big_endian(unsigned char* p, std::uint64_t value, int bytes) {
  for (int i = bytes; i-- > 0; value >>= 8) p[i] = static_cast<unsigned char>(value);
}

// What HDF5 gives a filter: a malloc'ed buffer that it replaces by another.
std::size_t hand_over(void** buffer, std::size_t* size, const unsigned char* bytes, std::size_t count) {
  void* fresh = std::malloc(count ? count : 1);
  if (!fresh) return 0;
  std::memcpy(fresh, bytes, count);
  std::free(*buffer);
  *buffer = fresh;
  *size = count;
  return count;
}

std::size_t lz4_filter(unsigned flags, std::size_t, const unsigned*, std::size_t bytes, std::size_t* size, void** buffer) {
  try {
    std::span<const unsigned char> const in(static_cast<const unsigned char*>(*buffer), bytes);
    Buffer out;
    if (flags & H5Z_FLAG_REVERSE) {
      auto const plain = lz4_plain_bytes(in);
      if (plain == 0) return 0;
      out.resize(plain);
      if (!unlz4_frame(in, out)) return 0;
    } else {
      lz4_frame(in, out);
    }
    return hand_over(buffer, size, out.data(), out.size());
  } catch (...) {
    return 0;
  }
}

std::size_t zstd_filter(unsigned flags, std::size_t count, const unsigned* values, std::size_t bytes, std::size_t* size, void** buffer) {
  try {
    Buffer out;
    std::size_t done;
    if (flags & H5Z_FLAG_REVERSE) {
      auto const plain = ZSTD_getFrameContentSize(*buffer, bytes);
      if (plain == ZSTD_CONTENTSIZE_ERROR || plain == ZSTD_CONTENTSIZE_UNKNOWN || plain > (1ull << 32)) return 0;
      out.resize(plain);
      done = ZSTD_decompress(out.data(), out.size(), *buffer, bytes);
    } else {
      out.resize(ZSTD_compressBound(bytes));
      done = ZSTD_compress(out.data(), out.size(), *buffer, bytes, count > 0 ? static_cast<int>(values[0]) : 1);
    }
    return ZSTD_isError(done) ? 0 : hand_over(buffer, size, out.data(), done);
  } catch (...) {
    return 0;
  }
}

}  // namespace

void lz4_frame(std::span<const unsigned char> plain, Buffer& out) {
  int const bytes = static_cast<int>(plain.size());
  out.resize(header_bytes + 4 + static_cast<std::size_t>(LZ4_compressBound(bytes)));
  put_big_endian(out.data(), plain.size(), 8);
  put_big_endian(out.data() + 8, plain.size(), 4);
  auto* const body = out.data() + header_bytes + 4;
  int stored = LZ4_compress_default(reinterpret_cast<const char*>(plain.data()), reinterpret_cast<char*>(body), bytes,
                                    LZ4_compressBound(bytes));
  if (stored <= 0 || stored >= bytes) {
    if (bytes > 0) std::memcpy(body, plain.data(), plain.size());
    stored = bytes;
  }
  put_big_endian(out.data() + header_bytes, static_cast<std::uint64_t>(stored), 4);
  out.resize(header_bytes + 4 + static_cast<std::size_t>(stored));
}

std::size_t lz4_plain_bytes(std::span<const unsigned char> stored) {
  if (stored.size() < header_bytes) return 0;
  auto const plain = big_endian(stored.data(), 8);
  // LZ4 cannot shrink by more than 255: anything larger is not a frame and must not be allocated.
  return plain / 256 > stored.size() ? 0 : static_cast<std::size_t>(plain);
}

bool unlz4_frame(std::span<const unsigned char> stored, std::span<unsigned char> plain) {
  if (stored.size() < header_bytes || big_endian(stored.data(), 8) != plain.size()) return false;
  auto const block = static_cast<std::size_t>(big_endian(stored.data() + 8, 4));
  if (block == 0 && !plain.empty()) return false;
  std::size_t at = header_bytes;
  for (std::size_t done = 0; done < plain.size();) {
    auto const want = std::min(block, plain.size() - done);
    if (stored.size() - at < 4) return false;
    auto const have = static_cast<std::size_t>(big_endian(stored.data() + at, 4));
    at += 4;
    if (stored.size() - at < have || have > INT32_MAX || want > INT32_MAX) return false;
    if (have == want) {
      std::memcpy(plain.data() + done, stored.data() + at, want);
    } else if (LZ4_decompress_safe(reinterpret_cast<const char*>(stored.data() + at), reinterpret_cast<char*>(plain.data() + done),
                                   static_cast<int>(have), static_cast<int>(want)) != static_cast<int>(want)) {
      return false;
    }
    at += have;
    done += want;
  }
  return true;
}

void register_filters() {
  static bool const registered = [] {
    H5Z_class2_t const lz4{H5Z_CLASS_T_VERS, static_cast<H5Z_filter_t>(filter_lz4), 1, 1, "LZ4", nullptr, nullptr, lz4_filter};
    H5Z_class2_t const zstd{H5Z_CLASS_T_VERS, static_cast<H5Z_filter_t>(filter_zstd), 1, 1, "zstd", nullptr, nullptr, zstd_filter};
    return H5Zregister(&lz4) >= 0 && H5Zregister(&zstd) >= 0;
  }();
  (void)registered;
}

}  // namespace rxhpc::impl
