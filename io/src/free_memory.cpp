#include "rxhpc/free_memory.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>

namespace rxhpc {
namespace impl {
namespace {

constexpr auto unlimited = std::numeric_limits<std::int64_t>::max();

/// The names of a group's files, which differ between the versions.
struct Files {
  const char *limit, *used, *inactive, *active;
};
constexpr Files second{"memory.max", "memory.current", "inactive_file", "active_file"};
constexpr Files first{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "total_active_file"};

/// -1 where there is no such file, or no number in it ("max").
std::int64_t number_in(const std::filesystem::path& file) {
  std::int64_t value = 0;
  return std::ifstream(file) >> value ? value : -1;
}

std::int64_t left_in(const std::filesystem::path& group, const Files& files) {
  auto const limit = number_in(group / files.limit), used = number_in(group / files.used);
  if (limit < 0 || used < 0) return unlimited;
  std::int64_t of_files = 0, value = 0;
  std::ifstream statistics(group / "memory.stat");
  for (std::string key; statistics >> key >> value;)
    if (key == files.inactive || key == files.active) of_files += value;
  return std::max<std::int64_t>(0, limit - std::max<std::int64_t>(0, used - of_files));
}

/// The least of a group and those around it, up to the mount. A container may see its own group as the mount and know it by its path outside.
std::int64_t left_below(const std::filesystem::path& mount, const std::filesystem::path& path, const Files& files) {
  std::int64_t least = left_in(mount, files);
  for (auto group = path.relative_path(); !group.empty(); group = group.parent_path()) least = std::min(least, left_in(mount / group, files));
  return least;
}

}  // namespace

std::int64_t left_in_groups(const std::string& groups, const std::filesystem::path& mounts) {
  std::int64_t least = unlimited;
  std::istringstream lines(groups);
  for (std::string line; std::getline(lines, line);) {  // number:controllers:path
    auto const controllers = line.find(':'), path = line.find(':', controllers + 1);
    if (controllers == std::string::npos || path == std::string::npos) continue;
    auto const names = "," + line.substr(controllers + 1, path - controllers - 1) + ",";
    if (names == ",,") least = std::min(least, left_below(mounts, line.substr(path + 1), second));
    else if (names.find(",memory,") != std::string::npos) least = std::min(least, left_below(mounts / "memory", line.substr(path + 1), first));
  }
  return least;
}

}  // namespace impl

std::int64_t free_memory() {
  std::int64_t free = 0;
  std::ifstream info("/proc/meminfo");
  for (std::string key, unit; info >> key;) {
    std::int64_t value = 0;
    info >> value;
    std::getline(info, unit);
    if (key == "MemAvailable:") free = value * 1024;
  }
  std::ifstream groups("/proc/self/cgroup");
  auto const left = impl::left_in_groups({std::istreambuf_iterator<char>(groups), {}}, "/sys/fs/cgroup");
  if (left == impl::unlimited) return free;
  return free > 0 ? std::min(free, left) : left;
}

}  // namespace rxhpc
