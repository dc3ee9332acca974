// The bytes of a text file in memory: mapped, or inflated where they are gzip.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace rxhpc::impl {

/// Read-only bytes with at least `slack` readable bytes before and after them, so that vector loads need no care at either end.
class TextBytes {
 public:
  static constexpr std::size_t slack = 4096;
  /// Opens the file; gzip is told by its magic bytes and inflated, in memory up to `memory_limit` (0: no limit), beyond in an unlinked
  /// temporary file. Throws DataError: missing, empty, damaged gzip, UTF-16.
  static std::shared_ptr<const TextBytes> open(const std::string& path, std::int64_t memory_limit);
  ~TextBytes();
  TextBytes(const TextBytes&) = delete;
  TextBytes& operator=(const TextBytes&) = delete;

  const char* data() const { return data_; }       ///< after a UTF-8 byte order mark
  std::int64_t size() const { return size_; }
  const std::string& path() const { return path_; }
  bool gzip() const { return gzip_; }

 private:
  TextBytes() = default;
  void map(int fd, std::int64_t size);
  std::string path_;
  char* region_ = nullptr;
  std::size_t region_size_ = 0;
  const char* data_ = nullptr;
  std::int64_t size_ = 0;
  bool gzip_ = false;
};

}  // namespace rxhpc::impl
