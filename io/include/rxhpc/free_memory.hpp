// How much memory a rank may count on.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

namespace rxhpc {

/// Bytes that this process could still have: of the node, or, where that is less, of its control groups (a job of Slurm, a container). What holds pages of
/// files counts as free. 0 where nothing is known. Not collective: ranks of a node share it.
std::int64_t free_memory();

namespace impl {

/// What the control groups of /proc/self/cgroup (its text: `groups`; version 1, 2 or both) and all groups around them leave, the least of it; below
/// `mounts` lies what the system mounts at /sys/fs/cgroup. The largest number where none has a limit.
std::int64_t left_in_groups(const std::string& groups, const std::filesystem::path& mounts);

}  // namespace impl
}  // namespace rxhpc
