// Plain columns on their way to a file, in writes that the system keeps in large pieces.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "codec_chunk.hpp"

namespace rxhpc::impl {

/// Linux keeps what one write brings as one piece of memory where the write begins at a multiple of its length, else as many small ones, and a reader pays
/// for each of them when it maps the file: four times as long for 1 MiB in pieces of 4 KiB as in one. Columns, however, have to begin at places that differ in
/// their low bits (see TableWriter). So a chunk is written from the boundary before it to the last boundary in it: what lies between that boundary and
/// the chunk belongs to the chunk before, and is filled with zeros if need be; what lies behind is written after the next chunk has been.
/// From any thread, in any order; the bytes in the file are the same.
class RawColumns {
 public:
  static constexpr std::uint64_t block = std::uint64_t(1) << 20;          ///< longest boundary: a default chunk of doubles
  static constexpr std::uint64_t most_filled = std::uint64_t(128) << 10;  ///< beyond, chunks are written as they lie

  struct Place {
    std::uint64_t begin = 0;   ///< of the column in the file
    std::uint64_t length = 0;  ///< bytes of a chunk that is not the last
    std::uint64_t bytes = 0;   ///< of all chunks, which are as many in each column
  };
  RawColumns(int fd, std::string name, std::vector<Place> columns);
  /// Before anything is written: other processes write chunks of this file, too. Each is then written as it lies, and nothing beside it.
  void share() { shared_ = true; }
  const std::vector<Place>& places() const { return columns_; }

  /// Writes one chunk of a column, all of it, to its place. Throws DataError naming the file.
  void write(std::size_t column, std::int64_t chunk, std::span<const unsigned char> bytes);
  /// Nothing is waiting for a chunk: all that was given is written.
  bool complete() {
    std::lock_guard const lock(mutex_);
    return waiting_.empty();
  }

 private:
  using Key = std::pair<std::size_t, std::int64_t>;  // column, chunk
  Buffer take(Key key);

  int fd_;
  std::string name_;
  std::vector<Place> columns_;
  std::int64_t chunks_;
  bool shared_ = false;
  std::mutex mutex_;
  std::map<Key, Buffer> waiting_;  // ends of chunks whose next one has not been written
  std::vector<char> written_;      // [column * chunks + chunk]
};

}  // namespace rxhpc::impl
