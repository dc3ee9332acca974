// The bytes of a table file: a shared mapping where that is safe and fast, positioned reads elsewhere.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "codec_chunk.hpp"
#include "posix_file.hpp"

namespace rxhpc::impl {

/// A file open for reading, mapped unless it lies on a network file system, where a mapping may show stale or failing pages.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  int fd() const { return fd_.get(); }
  std::uint64_t bytes() const { return bytes_; }  ///< when it was opened
  /// Null where the file is not mapped or the range is not inside it.
  const unsigned char* range(std::uint64_t address, std::uint64_t bytes) const {
    return base_ && address <= bytes_ && bytes <= bytes_ - address ? base_ + address : nullptr;
  }
  /// Whether the byte before `end` can be had without waiting.
  bool in_page_cache(std::uint64_t end) const;
  /// Has the page before `end`, which is not in the page cache, come from the medium, and says whether the system brought all of its block of 2 MiB
  /// with it; nothing where that cannot be told.
  std::optional<bool> brings_blocks(std::uint64_t end) const;

 private:
  FileDescriptor fd_;
  std::uint64_t bytes_ = 0;
  const unsigned char* base_ = nullptr;
  bool told_ = false;  ///< the system says what of the mapping is in the page cache: of another user's file, which is not writable, it says that all is
};

// Mapped bytes may only be looked at after one of these has returned true for them; false where the file has shrunk or its medium fails
// under the mapping (SIGBUS).

/// XXH3-64 of mapped bytes.
bool hash_mapped(const void* data, std::size_t bytes, std::uint64_t& hash);
/// Adds them to a hash.
bool hash_mapped(const void* data, std::size_t bytes, HashStream& hash);
/// Looks whether they are there, at a byte in every `step`: with the size of a page that is the proof; larger steps have the system
/// enter the pages around into its tables, so that what asks for lines ahead does not ask in vain.
bool touch_mapped(const void* data, std::size_t bytes, std::size_t step = 4096);

}  // namespace rxhpc::impl
