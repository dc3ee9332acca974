#include "text_bytes.hpp"

#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

struct File {
  int fd = -1;
  explicit File(int handle = -1) : fd(handle) {}
  ~File() {
    if (fd >= 0) ::close(fd);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  void reset(int handle) {
    if (fd >= 0) ::close(fd);
    fd = handle;
  }
};

int temporary_file() {
  const char* folder = std::getenv("TMPDIR");
  std::string name = std::string(folder && *folder ? folder : "/tmp") + "/rxhpc-text-XXXXXX";
  int const fd = ::mkstemp(name.data());
  if (fd < 0) throw DataError(name + ": cannot make a temporary file: " + std::strerror(errno));
  ::unlink(name.c_str());
  return fd;
}

/// Inflated bytes on their way to a file without a name: in memory first, on disk once they pass the limit.
class Spool {
 public:
  Spool(const std::string& path, std::int64_t limit) : path_(path), limit_(limit) {
    file_.reset(::memfd_create("rxhpc-text", MFD_CLOEXEC));
    if (file_.fd < 0) to_disk();
  }
  void write(const unsigned char* bytes, std::size_t count) {
    if (in_memory_ && limit_ > 0 && size_ + static_cast<std::int64_t>(count) > limit_) to_disk();
    append(file_.fd, bytes, count);
    size_ += static_cast<std::int64_t>(count);
  }
  int fd() const { return file_.fd; }
  std::int64_t size() const { return size_; }

 private:
  void append(int fd, const unsigned char* bytes, std::size_t count) {
    while (count > 0) {
      auto const done = ::write(fd, bytes, count);
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) throw DataError(path_ + ": no room for the inflated text: " + std::strerror(errno));
      bytes += done;
      count -= static_cast<std::size_t>(done);
    }
  }
  void to_disk() {
    File disk(temporary_file());
    std::vector<unsigned char> buffer(1 << 20);
    for (std::int64_t at = 0; at < size_;) {
      auto const got = ::pread(file_.fd, buffer.data(), buffer.size(), at);
      if (got <= 0) throw DataError(path_ + ": the inflated text cannot be moved to disk");
      append(disk.fd, buffer.data(), static_cast<std::size_t>(got));
      at += got;
    }
    std::swap(disk.fd, file_.fd);
    in_memory_ = false;
  }
  std::string path_;
  std::int64_t limit_, size_ = 0;
  bool in_memory_ = true;
  File file_;
};

bool is_gzip(const unsigned char* p, std::size_t size) { return size >= 2 && p[0] == 0x1f && p[1] == 0x8b; }

/// All members of a gzip file, one after another.
void inflate(const unsigned char* in, std::size_t size, Spool& out, const std::string& path) {
  auto state = std::make_unique<inflate_state>();
  std::vector<unsigned char> buffer(1 << 20);
  isal_inflate_init(state.get());
  state->crc_flag = ISAL_GZIP;
  std::size_t given = 0;
  for (;;) {
    if (state->avail_in == 0 && given < size) {
      auto const piece = std::min<std::size_t>(size - given, std::size_t{1} << 30);
      state->next_in = const_cast<unsigned char*>(in) + given;
      state->avail_in = static_cast<std::uint32_t>(piece);
      given += piece;
    }
    state->next_out = buffer.data();
    state->avail_out = static_cast<std::uint32_t>(buffer.size());
    int const status = isal_inflate(state.get());
    auto const made = buffer.size() - state->avail_out;
    if (status == ISAL_INCORRECT_CHECKSUM) throw DataError(path + ": gzip data is damaged (wrong checksum)");
    if (status < 0) throw DataError(path + ": gzip data is damaged");
    out.write(buffer.data(), made);
    if (state->block_state == ISAL_BLOCK_FINISH) {
      std::size_t at = given - state->avail_in;
      while (at < size && in[at] == 0) ++at;  // padding of tapes and blocks
      if (at == size) return;
      if (!is_gzip(in + at, size - at)) throw DataError(path + ": bytes after the gzip data are not gzip");
      isal_inflate_reset(state.get());
      state->crc_flag = ISAL_GZIP;
      state->avail_in = 0;
      given = at;
    } else if (made == 0 && state->avail_in == 0 && given == size) {
      throw DataError(path + ": gzip data is truncated");
    }
  }
}

}  // namespace

void TextBytes::map(int fd, std::int64_t size) {
  std::size_t const page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::size_t const body = (static_cast<std::size_t>(size) + page - 1) / page * page;
  region_size_ = body + 2 * page;
  // Empty pages around the mapped file make loads that start before it or run past it harmless.
  void* const region = ::mmap(nullptr, region_size_, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (region == MAP_FAILED) throw DataError(path_ + ": cannot be mapped: " + std::strerror(errno));
  region_ = static_cast<char*>(region);
  void* const mapped = ::mmap(region_ + page, static_cast<std::size_t>(size), PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
  if (mapped == MAP_FAILED) throw DataError(path_ + ": cannot be mapped: " + std::strerror(errno));
  ::madvise(mapped, static_cast<std::size_t>(size), MADV_WILLNEED);
  data_ = region_ + page;
  size_ = size;
}

TextBytes::~TextBytes() {
  if (region_) ::munmap(region_, region_size_);
}

std::shared_ptr<const TextBytes> TextBytes::open(const std::string& path, std::int64_t memory_limit) {
  std::shared_ptr<TextBytes> text(new TextBytes);
  text->path_ = path;
  File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) throw DataError(path + ": cannot be opened: " + std::strerror(errno));
  struct stat about {};
  if (::fstat(file.fd, &about) != 0) throw DataError(path + ": cannot be read: " + std::strerror(errno));
  if (S_ISDIR(about.st_mode)) throw DataError(path + ": is a directory, not a text file");
  if (!S_ISREG(about.st_mode)) {  // a pipe: spooled first
    Spool spool(path, memory_limit);
    std::vector<unsigned char> buffer(1 << 20);
    for (;;) {
      auto const got = ::read(file.fd, buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw DataError(path + ": cannot be read: " + std::strerror(errno));
      if (got == 0) break;
      spool.write(buffer.data(), static_cast<std::size_t>(got));
    }
    file.reset(::dup(spool.fd()));
    about.st_size = spool.size();
  }
  if (about.st_size == 0) throw DataError(path + ": the file is empty");
  text->map(file.fd, about.st_size);
  if (auto const* raw = reinterpret_cast<const unsigned char*>(text->data_); is_gzip(raw, static_cast<std::size_t>(text->size_))) {
    Spool spool(path, memory_limit);
    inflate(raw, static_cast<std::size_t>(text->size_), spool, path);
    if (spool.size() == 0) throw DataError(path + ": the file is empty");
    ::munmap(text->region_, text->region_size_);
    text->region_ = nullptr;
    text->map(spool.fd(), spool.size());
    text->gzip_ = true;
  }
  auto const starts = [&](const char* mark, std::int64_t length) {
    return text->size_ >= length && std::memcmp(text->data_, mark, static_cast<std::size_t>(length)) == 0;
  };
  if (starts("\xFF\xFE", 2) || starts("\xFE\xFF", 2)) throw DataError(path + ": line 1: the text is UTF-16; convert it to UTF-8");
  if (starts("\xEF\xBB\xBF", 3)) {
    text->data_ += 3;
    text->size_ -= 3;
    if (text->size_ == 0) throw DataError(path + ": the file is empty");
  }
  return text;
}

}  // namespace rxhpc::impl
