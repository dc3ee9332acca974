// Memory for computed or copied columns, kept from chunk to chunk.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace rxhpc::impl {

/// Unique over all sources: a scratch that has seen one source is never mistaken for another's.
inline std::uint64_t next_version() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

class Buffer {
 public:
  /// Room for that many bytes; what was in it is lost.
  void reserve(std::int64_t bytes) {
    if (bytes <= capacity_ && data_) return;
    capacity_ = bytes;
    data_ = std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(bytes));
  }
  std::byte* data() { return data_.get(); }

 private:
  std::unique_ptr<std::byte[]> data_;
  std::int64_t capacity_ = 0;
};

}  // namespace rxhpc::impl
