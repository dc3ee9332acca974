// Files as the system has them: descriptors, positioned reading and writing, with errors that name the file.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace rxhpc::impl {

/// "FILE: what: reason" with errno's reason, as a DataError.
[[noreturn]] void throw_errno(const std::string& file, const std::string& what, int error_number);

/// A file descriptor that closes itself.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor() { close(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release();
  void close();

 private:
  int fd_ = -1;
};

/// Opens for reading; throws DataError naming the file.
FileDescriptor open_for_reading(const std::string& path);
/// When it was last written to, in nanoseconds since 1970; throws DataError naming `name`.
std::int64_t modified(int fd, const std::string& name);
/// Its length; likewise.
std::uint64_t file_bytes(int fd, const std::string& name);
/// All bytes, at that place; throws DataError naming `name`.
void write_at(int fd, const void* data, std::size_t bytes, std::uint64_t offset, const std::string& name);
/// Both, the second behind the first, as one write.
void write_at(int fd, std::span<const unsigned char> first, std::span<const unsigned char> second, std::uint64_t offset, const std::string& name);
/// All bytes from that place; false where the file ends earlier; throws DataError naming `name`.
bool read_at(int fd, void* data, std::size_t bytes, std::uint64_t offset, const std::string& name);
/// Has the system begin to move bytes already written to the medium, so that a later sync_file waits less. A hint: it never fails.
void begin_writeback(int fd, std::size_t bytes, std::uint64_t offset);
/// To the medium: the file, or the directory that holds it.
void sync_file(const std::string& path, const std::string& name);
void sync_directory_of(const std::string& path);
/// The directory that holds it.
std::string directory_of(const std::string& path);

}  // namespace rxhpc::impl
