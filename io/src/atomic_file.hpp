// Outputs that appear whole or not at all: written under a temporary name beside their place, then renamed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "rxhpc/communicator.hpp"

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

/// The temporary name of an output in the directory of its place. Removed unless `publish` was reached; known to
/// discard_unfinished_outputs() meanwhile.
class TemporaryOutput {
 public:
  TemporaryOutput() = default;
  /// The final path must not end in '/'. Nothing is created.
  explicit TemporaryOutput(std::string final_path);
  TemporaryOutput(TemporaryOutput&& other) noexcept;
  TemporaryOutput& operator=(TemporaryOutput&& other) noexcept;
  ~TemporaryOutput() { discard(); }
  const std::string& path() const { return temporary_; }
  const std::string& final_path() const { return final_; }
  /// Synchronises a file, then renames; a directory takes the place of an older one, which is removed. `commit`: this is the job's
  /// output (see committed_output), not a piece of it; `fresh`: nothing is replaced. Throws DataError where a watched place is no longer what it was.
  void publish(bool commit = false, bool fresh = false);
  void discard() noexcept;

 private:
  std::string final_, temporary_;
};

/// Collective. Rank 0 runs `publish`, which renames the job's output `path`; from then on no rank ends by a signal.
void commit_together(Communicator& comm, const std::string& path, const std::function<void()>& publish);

/// The bytes in a file, renamed into place as `publish` does.
void publish_bytes(const std::string& path, std::string_view bytes, bool commit, bool fresh);

/// Takes note of what is at `path`, for `publish` and for refuse_changed, which throws where it is something else by now.
void watch(const std::string& path);
void refuse_changed(const std::string& path);

/// Throws UsageError naming --overwrite where something of that name exists.
void refuse_existing(const std::string& path, bool overwrite);

}  // namespace rxhpc::impl
