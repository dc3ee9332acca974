// The stored bytes of one chunk of one column: shuffle and compression as HDF5's filters lay them out.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "rxhpc/table.hpp"

namespace rxhpc::impl {

using Buffer = std::vector<unsigned char>;

/// HDF5's registered filter numbers.
constexpr unsigned filter_lz4 = 32004, filter_zstd = 32015;

std::uint64_t hash_of(const void* data, std::size_t bytes);

/// The same hash of bytes that come in pieces.
class HashStream {
 public:
  HashStream();
  ~HashStream();
  HashStream(HashStream&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  HashStream(const HashStream&) = delete;
  void begin();
  void add(const void* data, std::size_t bytes);
  std::uint64_t hash() const;

 private:
  void* state_;
};

/// Compressors and scratch of one thread.
class ChunkEncoder {
 public:
  ChunkEncoder();
  ~ChunkEncoder();
  ChunkEncoder(const ChunkEncoder&) = delete;
  ChunkEncoder& operator=(const ChunkEncoder&) = delete;
  /// Stored form of `count` values; `out` is replaced. Codec::none copies.
  void encode(Codec codec, std::span<const unsigned char> values, std::size_t value_bytes, Buffer& out);
  /// zlib stream of those bytes.
  void deflate(std::span<const unsigned char> plain, Buffer& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Decompressors and scratch of one thread.
class ChunkDecoder {
 public:
  ChunkDecoder();
  ~ChunkDecoder();
  ChunkDecoder(const ChunkDecoder&) = delete;
  ChunkDecoder& operator=(const ChunkDecoder&) = delete;
  /// Fills `values` exactly; false where the bytes are not such a chunk.
  bool decode(Codec codec, std::span<const unsigned char> stored, std::size_t value_bytes, std::span<unsigned char> values);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// One LZ4 chunk as filter 32004 frames it, and back; unlz4 returns false for anything else.
void lz4_frame(std::span<const unsigned char> plain, Buffer& out);
bool unlz4_frame(std::span<const unsigned char> stored, std::span<unsigned char> plain);
/// The plain size that a frame claims; 0 where it claims none or an absurd one.
std::size_t lz4_plain_bytes(std::span<const unsigned char> stored);

/// Makes filters 32004 and 32015 known to this process's HDF5, so that its own reading finds them. Call with HDF5's lock held.
void register_filters();

/// Stored form (shuffle + deflate) of the int64 row numbers first .. first + count - 1: built from pieces that repeat, so that the
/// row number column costs next to nothing.
class RowNumberEncoder {
 public:
  explicit RowNumberEncoder(std::int64_t count);
  void encode(std::int64_t first, Buffer& out);

 private:
  struct Piece {
    Buffer deflated;          ///< whole blocks, ends on a byte boundary, refers to nothing outside itself
    std::uint32_t adler = 1;
    std::size_t plain = 0;
  };
  static constexpr int longest_run = 16;
  Piece piece_of(std::span<const unsigned char> plain, std::uint32_t adler);
  Piece low_bytes(std::int64_t first);
  const Piece& run_of(unsigned char value, int exponent);

  std::int64_t count_;
  Piece low_;                   ///< the two low bytes of the chunk from low_first_ on, and of those some multiple of 65536 away
  std::int64_t low_first_ = 0;
  std::vector<Piece> runs_;     ///< [256][longest_run + 1] 2^exponent times one byte, made when first needed
  Buffer level_buffer_;
};

}  // namespace rxhpc::impl
