// A pass over chunks by threads of its own.
#pragma once
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

#include "rxhpc/kokkos.hpp"

namespace rxhpc::impl {

/// Threads to use where `asked` were asked for; 0: as many as Kokkos has, else as many as this process may run on.
inline int thread_count(int asked) {
  if (asked > 0) return asked;
  if (Kokkos::is_initialized() && !Kokkos::is_finalized()) return std::max(1, static_cast<int>(HostSpace().concurrency()));
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

/// Calls work(i, thread) for first <= i < last; items are handed out in order. Where some fail, the failure of the lowest item is
/// thrown, whatever the number of threads: items below a failed one are still done, those above it are not begun.
template <class Work>
void parallel_items(std::int64_t first, std::int64_t last, int threads, Work&& work) {
  std::atomic<std::int64_t> next{first}, failed{std::numeric_limits<std::int64_t>::max()};
  std::exception_ptr failure;
  std::mutex mutex;
  auto const run = [&](int thread) {
    for (;;) {
      std::int64_t const i = next.fetch_add(1, std::memory_order_relaxed);
      if (i >= last || i > failed.load(std::memory_order_relaxed)) return;
      try {
        work(i, thread);
      } catch (...) {
        std::lock_guard lock(mutex);
        if (i < failed.load()) {
          failed = i;
          failure = std::current_exception();
        }
      }
    }
  };
  std::vector<std::thread> others;
  int const wanted = static_cast<int>(std::min<std::int64_t>(threads, last - first));
  try {
    for (int t = 1; t < wanted; ++t) others.emplace_back(run, t);
  } catch (const std::system_error&) {
    // Fewer threads than asked for are enough.
  }
  run(0);
  for (auto& other : others) other.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace rxhpc::impl
