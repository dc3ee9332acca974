#include "shared_columns.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>
#include <utility>

#include "table_layout.hpp"

namespace rxhpc::impl {
namespace {

/// Names the running kernel; empty where that is not known.
std::string kernel_id() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

/// The file, where this rank sees the one that is meant.
FileDescriptor open_same(const std::string& path, const std::string& kernel, dev_t device, ino_t number) {
  struct stat status {};
  FileDescriptor file;
  if (!kernel.empty() && kernel == kernel_id()) file = FileDescriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (file && (::fstat(file.get(), &status) != 0 || status.st_dev != device || status.st_ino != number)) file.close();
  return file;
}

}  // namespace

std::unique_ptr<SharedColumns> share_columns(RawColumns* columns, const std::string& path, const std::string& name, Communicator& comm) {
  ByteWriter out;
  if (comm.rank() == 0) {
    struct stat status {};
    bool const known = columns && ::stat(path.c_str(), &status) == 0;
    out.put(known ? kernel_id() : std::string());
    out.put(status.st_dev);
    out.put(status.st_ino);
    out.put(columns ? columns->places() : std::vector<RawColumns::Place>());
  }
  Bytes told = std::move(out.bytes());
  comm.broadcast(told);
  std::unique_ptr<SharedColumns> shared;
  if (comm.rank() != 0) {
    ByteReader in(told);
    auto const kernel = in.get_text();
    auto const device = in.get<dev_t>();
    auto const number = in.get<ino_t>();
    if (auto file = open_same(path, kernel, device, number)) {
      int const fd = file.get();
      shared.reset(new SharedColumns{std::move(file), RawColumns(fd, name, in.get_vector<RawColumns::Place>())});
      shared->columns.share();
    }
  }
  std::int64_t others = shared != nullptr;
  comm.all_sum({&others, 1});
  if (columns && others > 0) columns->share();
  return shared;
}

}  // namespace rxhpc::impl
