#include "table_mapping.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <mutex>


namespace rxhpc::impl {
namespace {

// Where this thread goes on when a page of a mapping cannot be had; null outside hash_mapped.
thread_local sigjmp_buf* volatile landing = nullptr;
struct sigaction previous_action;

void on_bus_error(int number, siginfo_t* info, void* context) {
  if (landing) siglongjmp(*landing, 1);
  // Not ours: whoever was responsible before us.
  if (previous_action.sa_flags & SA_SIGINFO) {
    previous_action.sa_sigaction(number, info, context);
  } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(number);
  } else {
    std::signal(SIGBUS, SIG_DFL);
    std::raise(SIGBUS);
  }
}

void install_handler() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action{};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous_action);
  });
}

bool on_network(int fd) {
  struct statfs info{};
  if (::fstatfs(fd, &info) != 0) return true;
  switch (static_cast<unsigned long>(info.f_type) & 0xffffffffUL) {
    case 0x6969UL:      // NFS
    case 0x0BD00BD0UL:  // Lustre
    case 0x47504653UL:  // GPFS
    case 0x19830326UL:  // BeeGFS
    case 0x00C36400UL:  // Ceph
    case 0xFF534D42UL:  // CIFS
    case 0xFE534D42UL:  // SMB2
    case 0x65735546UL:  // FUSE: sshfs, and whatever else
    case 0x01021997UL:  // 9p
      return true;
    default: return false;
  }
}

}  // namespace

MappedFile::MappedFile(const std::string& path) : fd_(open_for_reading(path)) {
  struct stat info{};
  if (::fstat(fd_.get(), &info) != 0) throw_errno(path, "cannot read", errno);
  bytes_ = static_cast<std::uint64_t>(info.st_size);
  if (bytes_ == 0 || !S_ISREG(info.st_mode) || on_network(fd_.get())) return;
  void* const base = ::mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, fd_.get(), 0);
  if (base == MAP_FAILED) return;  // positioned reads do as well
  ::madvise(base, bytes_, MADV_HUGEPAGE);  // what is read from the medium comes in pieces as long as may be, where the system knows such; a hint
  install_handler();
  base_ = static_cast<const unsigned char*>(base);
  told_ = info.st_uid == ::geteuid() || ::access(path.c_str(), W_OK) == 0;
}

MappedFile::~MappedFile() {
  if (base_) ::munmap(const_cast<unsigned char*>(base_), bytes_);
}

// A read that must not wait would begin to read ahead, in single pages; where there is a mapping, it knows without.
bool MappedFile::in_page_cache(std::uint64_t end) const {
  if (end == 0 || end > bytes_) return false;
  if (base_ && told_) {
    auto const page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    unsigned char there = 0;
    auto* const at = const_cast<unsigned char*>(base_) + (end - 1) / page * page;
    return ::mincore(at, 1, &there) == 0 && (there & 1) != 0;
  }
  char byte;
  iovec const one{&byte, 1};
  return ::preadv2(fd_.get(), &one, 1, static_cast<off_t>(end - 1), RWF_NOWAIT) == 1;
}

namespace {

template <class Look>
bool guarded(Look&& look) {
  sigjmp_buf here;
  if (sigsetjmp(here, 0) != 0) {
    landing = nullptr;
    return false;
  }
  landing = &here;
  look();
  landing = nullptr;
  return true;
}

}  // namespace

bool hash_mapped(const void* data, std::size_t bytes, std::uint64_t& hash) {
  return guarded([&] { hash = hash_of(data, bytes); });
}

bool hash_mapped(const void* data, std::size_t bytes, HashStream& hash) {
  return guarded([&] { hash.add(data, bytes); });
}

bool touch_mapped(const void* data, std::size_t bytes, std::size_t step) {
  auto const* const p = static_cast<const volatile unsigned char*>(data);
  return guarded([&] {
    for (std::size_t at = 0; at < bytes; at += step) static_cast<void>(p[at]);
    if (bytes > 0) static_cast<void>(p[bytes - 1]);
  });
}

// A page of the same block bears witness, too far off to come by the read-ahead of single pages, and not there before.
std::optional<bool> MappedFile::brings_blocks(std::uint64_t end) const {
  constexpr auto block = std::uint64_t(2) << 20;
  if (!told_) return false;
  auto const* const page = end > 0 ? range(end - 1, 1) : nullptr;
  if (!page) return {};
  auto const first = (end - 1) / block * block;
  auto const witness = end - 1 - first < block / 2 ? first + block : first + 1;  // the byte before: of the block's last page or of its first
  if (witness > bytes_ || in_page_cache(witness) || in_page_cache(end) || !touch_mapped(page, 1)) return {};
  return in_page_cache(witness);
}

}  // namespace rxhpc::impl
