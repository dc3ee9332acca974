#include "atomic_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "parts_manifest.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/output_files.hpp"
#include "rxhpc/table.hpp"

namespace rxhpc::impl {
namespace {

/// What is at a path; a file that is replaced or written to is another.
struct Standing {
  bool there = false;
  dev_t device = 0;
  ino_t file = 0;
  off_t size = 0;
  std::int64_t seconds = 0, nanoseconds = 0;
  bool operator==(const Standing&) const = default;
};

Standing standing_at(const std::string& path) {
  struct stat s{};
  if (::stat(path.c_str(), &s) != 0 && ::lstat(path.c_str(), &s) != 0) return {};
  return {true, s.st_dev, s.st_ino, s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec};
}

std::string key_of(const std::string& path) { return std::filesystem::absolute(path).lexically_normal().string(); }

[[noreturn]] void throw_changed(const std::string& path) {
  throw DataError(path + ": was changed by another program meanwhile; nothing was written");
}

struct Registry {
  std::mutex mutex;  ///< held while an output is renamed: a signal finds it either unfinished or committed
  std::set<std::string> paths;
  std::string committed;
  std::map<std::string, Standing> watched;  ///< by key_of
  void remove_all() {
    // Threads may still make parts in a directory that is to go; once it is gone they cannot.
    constexpr int most_tries = 10000;
    for (auto const& path : paths)
      for (int k = 0; k < most_tries; ++k) {
        std::error_code error;
        std::filesystem::remove_all(path, error);
        if (!error && !std::filesystem::exists(path, error)) break;
      }
    paths.clear();
  }
};

// Never destroyed: outputs may still be discarded while statics are.
Registry& unfinished() {
  static auto* registry = new Registry;
  return *registry;
}

bool is_watched(const std::string& path) {
  auto& registry = unfinished();
  std::lock_guard lock(registry.mutex);
  return registry.watched.contains(key_of(path));
}

void forget(const std::string& path) {
  auto& registry = unfinished();
  std::lock_guard lock(registry.mutex);
  registry.paths.erase(path);
}

/// A device, pipe or socket, such as /dev/null: written to, never replaced.
bool special_file(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

/// rename() that replaces nothing, where the file system can do that.
int rename_fresh(const char* from, const char* to) {
  if (::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
  return errno == EINVAL || errno == ENOSYS || errno == ENOTSUP ? std::rename(from, to) : -1;
}

/// To a file that has no positions.
void write_through(int fd, std::string_view bytes, const std::string& name) {
  while (!bytes.empty()) {
    auto const done = ::write(fd, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) throw_errno(name, "cannot write", done == 0 ? ENOSPC : errno);
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
}

/// Held while what stands at a path is looked at and replaced: of jobs that end at one instant, each sees what the one before has left. A job holds it
/// for less than a millisecond; who holds it for longer is another, perhaps one that waits for us (`flock DIRECTORY rxhpc ...`), and it is done without, as where
/// the file system knows no such locks.
FileDescriptor directory_lock(const std::string& path) {
  constexpr int most_tries = 200;
  FileDescriptor fd(::open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int k = 0; fd && k < most_tries && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && (errno == EWOULDBLOCK || errno == EINTR); ++k)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return fd;
}

}  // namespace

TemporaryOutput::TemporaryOutput(std::string final_path) : final_(std::move(final_path)) {
  if (special_file(final_)) throw UsageError("'" + final_ + "' is not a regular file and cannot be replaced by one");
  static std::atomic<unsigned> counter{0};
  auto const name = std::filesystem::path(final_).filename().string();
  std::string hidden(".");
  hidden.append(name, 0, 100).append(".unfinished-").append(std::to_string(::getpid())).append("-").append(std::to_string(counter++));
  temporary_ = (std::filesystem::path(final_).parent_path() / hidden).string();
  auto& registry = unfinished();
  std::lock_guard lock(registry.mutex);
  registry.paths.insert(temporary_);
}

TemporaryOutput::TemporaryOutput(TemporaryOutput&& other) noexcept
    : final_(std::move(other.final_)), temporary_(std::exchange(other.temporary_, {})) {}

TemporaryOutput& TemporaryOutput::operator=(TemporaryOutput&& other) noexcept {
  if (this != &other) {
    discard();
    final_ = std::move(other.final_);
    temporary_ = std::exchange(other.temporary_, {});
  }
  return *this;
}

void TemporaryOutput::publish(bool commit, bool fresh) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  bool const directory = fs::is_directory(temporary_, ignored);
  if (!directory) sync_file(temporary_, final_);
  TemporaryOutput old;
  if (directory && fs::exists(final_, ignored)) old = TemporaryOutput(final_);
  auto& registry = unfinished();
  FileDescriptor alone;
  if (is_watched(final_)) alone = directory_lock(final_);  // no signal waits for this
  std::unique_lock lock(registry.mutex);
  auto const watched = registry.watched.find(key_of(final_));
  if (watched != registry.watched.end()) {
    if (standing_at(final_) != watched->second) throw_changed(final_);
    fresh = fresh || !watched->second.there;
  }
  if (!old.path().empty()) {
    // A directory cannot be renamed over one that is not empty: the old one steps aside first.
    if (std::rename(final_.c_str(), old.path().c_str()) != 0) throw_errno(final_, "cannot replace", errno);
    if (std::rename(temporary_.c_str(), final_.c_str()) != 0) {
      int const reason = errno;
      std::rename(old.path().c_str(), final_.c_str());
      throw_errno(final_, "cannot rename into place", reason);
    }
  } else if ((fresh ? rename_fresh(temporary_.c_str(), final_.c_str()) : std::rename(temporary_.c_str(), final_.c_str())) != 0) {
    if (fresh && errno == EEXIST) throw_changed(final_);
    throw_errno(final_, "cannot rename into place", errno);
  }
  if (watched != registry.watched.end()) watched->second = standing_at(final_);
  if (commit) registry.committed = final_;
  registry.paths.erase(temporary_);
  lock.unlock();
  temporary_.clear();
  sync_directory_of(final_);
}

void TemporaryOutput::discard() noexcept {
  if (temporary_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(temporary_, ignored);
  try {
    forget(temporary_);
  } catch (...) {
  }
  temporary_.clear();
}

void commit_together(Communicator& comm, const std::string& path, const std::function<void()>& publish) {
  auto const note = [](const std::string& committed) {
    auto& registry = unfinished();
    std::lock_guard lock(registry.mutex);
    registry.committed = committed;
  };
  // Rank 0 renames only once every other rank will stay to the end.
  if (comm.rank() != 0) note(path);
  try {
    together(comm, [] {});
    together(comm, [&] {
      if (comm.rank() == 0) publish();
    });
  } catch (...) {
    if (comm.rank() != 0) note({});
    throw;
  }
}

void watch(const std::string& path) {
  auto& registry = unfinished();
  std::lock_guard lock(registry.mutex);
  registry.watched[key_of(path)] = standing_at(path);
}

void refuse_changed(const std::string& path) {
  auto& registry = unfinished();
  std::lock_guard lock(registry.mutex);
  auto const at = registry.watched.find(key_of(path));
  if (at != registry.watched.end() && standing_at(path) != at->second) throw_changed(path);
}

void publish_bytes(const std::string& path, std::string_view bytes, bool commit, bool fresh) {
  TemporaryOutput output(path);
  {
    FileDescriptor fd(::open(output.path().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!fd) throw_errno(path, "cannot create", errno);
    write_at(fd.get(), bytes.data(), bytes.size(), 0, path);
  }
  output.publish(commit, fresh);
}

void refuse_existing(const std::string& path, bool overwrite) {
  struct stat info{};
  if (!overwrite && ::lstat(path.c_str(), &info) == 0) throw UsageError("'" + path + "' exists; --overwrite replaces it");
}

}  // namespace rxhpc::impl

namespace rxhpc {

void write_whole(const std::string& path, std::string_view bytes, bool overwrite) {
  if (impl::special_file(path)) {
    impl::FileDescriptor const fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) impl::throw_errno(path, "cannot open", errno);
    impl::write_through(fd.get(), bytes, path);
    return;
  }
  impl::refuse_existing(path, overwrite);
  impl::publish_bytes(path, bytes, false, !overwrite);
}

std::string read_whole(const std::string& path) {
  auto const fd = impl::open_for_reading(path);
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) impl::throw_errno(path, "cannot read", errno);
  if (S_ISDIR(info.st_mode)) throw DataError(path + ": is a directory");
  std::string text;
  char piece[65536];
  for (;;) {
    auto const got = ::read(fd.get(), piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) impl::throw_errno(path, "cannot read", errno);
    if (got == 0) return text;
    text.append(piece, static_cast<std::size_t>(got));
  }
}

void require_creatable(const std::string& path) {
  struct stat info{};
  bool const there = ::stat(path.c_str(), &info) == 0;
  if (there && S_ISDIR(info.st_mode)) throw DataError(path + ": is a directory");
  if (there && !S_ISREG(info.st_mode)) {
    if (::access(path.c_str(), W_OK) != 0) impl::throw_errno(path, "cannot open", errno);
    return;
  }
  impl::TemporaryOutput const output(path);
  impl::FileDescriptor const fd(::open(output.path().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!fd) impl::throw_errno(path, "cannot create", errno);
}

void watch_output(const std::string& path) {
  auto plain = path;
  while (plain.size() > 1 && plain.back() == '/') plain.pop_back();
  impl::watch(plain);
  impl::watch((std::filesystem::path(plain) / impl::manifest_name).string());
}

std::string committed_output() {
  auto& registry = impl::unfinished();
  std::lock_guard lock(registry.mutex);
  return registry.committed;
}

bool abandon_outputs() {
  auto& registry = impl::unfinished();
  std::unique_lock lock(registry.mutex);
  if (!registry.committed.empty()) return false;
  registry.remove_all();
  lock.release();  // for good: nobody renames, or begins an output, any more
  return true;
}

void discard_unfinished_outputs() noexcept {
  try {
    auto& registry = impl::unfinished();
    // Interrupted while this thread was inside the registry: leave rather than wait for oneself.
    std::unique_lock lock(registry.mutex, std::try_to_lock);
    if (!lock) return;
    registry.remove_all();
  } catch (...) {
  }
}

}  // namespace rxhpc
