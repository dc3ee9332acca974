// Limits of control groups, of both versions, of the group itself and of those around it.
#include "rxhpc/free_memory.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <limits>

namespace rxhpc {
namespace {

constexpr auto unlimited = std::numeric_limits<std::int64_t>::max();

class FreeMemory : public testing::Test {
 protected:
  FreeMemory() : mounts_(std::filesystem::path(testing::TempDir()) / ("groups-" + std::to_string(getpid()))) { std::filesystem::create_directories(mounts_); }
  ~FreeMemory() override { std::filesystem::remove_all(mounts_); }
  void file(const std::string& path, const std::string& text) {
    auto const at = mounts_ / path;
    std::filesystem::create_directories(at.parent_path());
    std::ofstream(at) << text << '\n';
  }
  std::int64_t left(const std::string& groups) const { return impl::left_in_groups(groups, mounts_); }
  std::filesystem::path mounts_;
};

TEST_F(FreeMemory, OfASecondVersionGroup) {
  std::string const job = "system.slice/slurmstepd.scope/job_7";
  file(job + "/memory.max", "1000");
  file(job + "/memory.current", "900");
  file(job + "/memory.stat", "anon 150\nfile 760\ninactive_file 500\nactive_file 250");
  EXPECT_EQ(left("0::/" + job + "\n"), 850);  // what holds files is given up for others
  // Steps have no limit of their own.
  file(job + "/step_0/task_0/memory.max", "max");
  file(job + "/step_0/task_0/memory.current", "800");
  EXPECT_EQ(left("0::/" + job + "/step_0/task_0\n"), 850);
  // A narrower one around it
  file("system.slice/memory.max", "400");
  file("system.slice/memory.current", "100");
  EXPECT_EQ(left("0::/" + job + "/step_0/task_0\n"), 300);
}

TEST_F(FreeMemory, OfAFirstVersionGroup) {
  file("memory/memory.limit_in_bytes", "9223372036854771712");
  file("memory/memory.usage_in_bytes", "0");
  file("memory/slurm/uid_0/job_7/memory.limit_in_bytes", "1000");
  file("memory/slurm/uid_0/job_7/memory.usage_in_bytes", "990");
  file("memory/slurm/uid_0/job_7/memory.stat", "inactive_file 1\ntotal_inactive_file 300\ntotal_active_file 90");
  EXPECT_EQ(left("9:cpuset:/\n4:cpu,memory:/slurm/uid_0/job_7/step_batch\n0::/\n"), 400);
}

TEST_F(FreeMemory, OfAContainerThatSeesItsGroupAsTheMount) {
  file("memory.max", "5000");
  file("memory.current", "1000");
  EXPECT_EQ(left("0::/kubepods/pod1\n"), 4000);
}

TEST_F(FreeMemory, OfNoGroup) {
  EXPECT_EQ(left(""), unlimited);
  EXPECT_EQ(left("0::/\nnonsense\n4:memory"), unlimited);
  file("memory.max", "max");
  file("memory.current", "77");
  EXPECT_EQ(left("0::/\n"), unlimited);
}

TEST_F(FreeMemory, IsKnownHere) { EXPECT_GT(free_memory(), 0); }

}  // namespace
}  // namespace rxhpc
