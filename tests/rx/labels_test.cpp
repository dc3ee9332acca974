// Whoever profiles a program that uses rxhpc sees by name what is ours: every kernel and every View is labelled rxhpc::.
#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <vector>

#include "rxhpc/lin_mod.hpp"
#include "rxhpc/moments.hpp"
#include "rxhpc/self_communicator.hpp"
#include "rxhpc/summary.hpp"
#include "rxhpc/view_source.hpp"

using namespace rxhpc;

namespace {

// The hooks are plain functions, so what they see is kept here.
std::mutex seen_mutex;
std::vector<std::string> kernels_seen, views_seen;

void note(std::vector<std::string>& seen, const char* label) {
  std::lock_guard const lock(seen_mutex);
  seen.emplace_back(label);
}
void begin_kernel(const char* label, const std::uint32_t, std::uint64_t* id) {
  *id = 0;
  note(kernels_seen, label);
}
void allocate(Kokkos_Profiling_SpaceHandle, const char* label, const void*, const std::uint64_t) { note(views_seen, label); }

class Labels : public testing::Test {
 protected:
  void SetUp() override {
    kernels_seen.clear();
    views_seen.clear();
    namespace tools = Kokkos::Tools::Experimental;
    tools::set_begin_parallel_for_callback(begin_kernel);
    tools::set_begin_parallel_reduce_callback(begin_kernel);
    tools::set_begin_parallel_scan_callback(begin_kernel);
    tools::set_allocate_data_callback(allocate);
  }
  void TearDown() override {
    namespace tools = Kokkos::Tools::Experimental;
    tools::set_begin_parallel_for_callback(nullptr);
    tools::set_begin_parallel_reduce_callback(nullptr);
    tools::set_begin_parallel_scan_callback(nullptr);
    tools::set_allocate_data_callback(nullptr);
  }
  static std::string not_ours(const std::vector<std::string>& seen) {
    std::string all;
    for (auto const& label : seen)
      if (label.rfind("rxhpc::", 0) != 0 && label.rfind("Kokkos::", 0) != 0) all += "'" + label + "' ";
    return all;
  }
};

TEST_F(Labels, EveryKernelAndViewIsOurs) {
  using Space = Kokkos::HostSpace;
  constexpr std::size_t n = 500;
  Kokkos::View<double*, Space> x("rxhpc::test::x", n), y("rxhpc::test::y", n);
  Kokkos::View<int*, Space> g("rxhpc::test::g", n);
  for (std::size_t i = 0; i < n; ++i) {
    x(i) = static_cast<double>(i % 17);
    y(i) = 2 * x(i) + static_cast<double>(i % 5);
    g(i) = static_cast<int>(i % 3);
  }
  ViewSource const source({{"x", x}, {"y", y}, {"g", g, {"a", "b", "c"}}}, 50);
  SelfCommunicator self;
  int const columns[] = {0, 1};
  sweep(source, columns, Moments({0, 1}), {}, self);
  lin_mod(source, "y ~ x + g", {}, self);
  summarize(source, "~ x + y:g + g", {}, self);
  EXPECT_EQ(not_ours(kernels_seen), "");
  EXPECT_EQ(not_ours(views_seen), "");
  EXPECT_FALSE(views_seen.empty()) << "the hooks saw nothing";
  EXPECT_EQ(kernels_seen.empty(), HostSpace().concurrency() == 1) << "the hooks saw nothing";
}

TEST_F(Labels, AStrangerIsFound) {
  Kokkos::View<double*, Kokkos::HostSpace> nameless("scratch", 3);
  EXPECT_EQ(not_ours(views_seen), "'scratch' ");
}

}  // namespace
