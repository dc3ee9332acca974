#include "posix_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "rxhpc/errors.hpp"

namespace rxhpc::impl {

std::string directory_of(const std::string& path) {
  auto const directory = std::filesystem::path(path).parent_path().string();
  return directory.empty() ? "." : directory;
}

void throw_errno(const std::string& file, const std::string& what, int error_number) {
  std::string reason = error_number == ENOSPC ? "no space left on device" : std::strerror(error_number);
  if (!reason.empty()) reason[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(reason[0])));
  throw DataError(file + ": " + what + ": " + reason);
}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = other.release();
  }
  return *this;
}

int FileDescriptor::release() { return std::exchange(fd_, -1); }

void FileDescriptor::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

FileDescriptor open_for_reading(const std::string& path) {
  FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw_errno(path, "cannot open", errno);
  return fd;
}

namespace {

struct stat status_of(int fd, const std::string& name) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) throw_errno(name, "cannot read", errno);
  return info;
}

}  // namespace

std::int64_t modified(int fd, const std::string& name) {
  auto const info = status_of(fd, name);
  return info.st_mtim.tv_sec * std::int64_t{1000000000} + info.st_mtim.tv_nsec;
}

std::uint64_t file_bytes(int fd, const std::string& name) { return static_cast<std::uint64_t>(status_of(fd, name).st_size); }

void write_at(int fd, const void* data, std::size_t bytes, std::uint64_t offset, const std::string& name) {
  auto const* p = static_cast<const char*>(data);
  while (bytes > 0) {
    auto const done = ::pwrite(fd, p, std::min<std::size_t>(bytes, 1u << 30), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) throw_errno(name, "cannot write", done == 0 ? ENOSPC : errno);
    p += done;
    offset += static_cast<std::uint64_t>(done);
    bytes -= static_cast<std::size_t>(done);
  }
}

void write_at(int fd, std::span<const unsigned char> first, std::span<const unsigned char> second, std::uint64_t offset, const std::string& name) {
  if (!first.empty() && !second.empty() && second.size() < (1u << 30)) {
    iovec const both[2] = {{const_cast<unsigned char*>(first.data()), first.size()}, {const_cast<unsigned char*>(second.data()), second.size()}};
    auto const sent = ::pwritev(fd, both, 2, static_cast<off_t>(offset));
    auto const done = sent < 0 ? 0 : static_cast<std::size_t>(sent);  // what failed is tried again, and said, below
    offset += done;
    auto const of_first = std::min(done, first.size());
    first = first.subspan(of_first);
    second = second.subspan(done - of_first);
  }
  write_at(fd, first.data(), first.size(), offset, name);
  write_at(fd, second.data(), second.size(), offset + first.size(), name);
}

bool read_at(int fd, void* data, std::size_t bytes, std::uint64_t offset, const std::string& name) {
  auto* p = static_cast<char*>(data);
  while (bytes > 0) {
    auto const done = ::pread(fd, p, std::min<std::size_t>(bytes, 1u << 30), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) throw_errno(name, "cannot read", errno);
    if (done == 0) return false;
    p += done;
    offset += static_cast<std::uint64_t>(done);
    bytes -= static_cast<std::size_t>(done);
  }
  return true;
}

void begin_writeback(int fd, std::size_t bytes, std::uint64_t offset) {
  ::sync_file_range(fd, static_cast<off64_t>(offset), static_cast<off64_t>(bytes), SYNC_FILE_RANGE_WRITE);
}

void sync_file(const std::string& path, const std::string& name) {
  FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) throw_errno(name, "cannot write", errno);
}

void sync_directory_of(const std::string& path) {
  // Some file systems refuse to synchronise a directory; the rename is then as safe as they make it.
  FileDescriptor fd(::open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) ::fsync(fd.get());
}

}  // namespace rxhpc::impl
