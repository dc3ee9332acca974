// bench_bandwidth [THREADS] [REPEATS]: GB/s that so many threads read from memory, as one line of JSON.
// Each thread sums its own 768 MiB of doubles in 32 independent lanes, far beyond any cache; best and median over the repeats.
#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t values_per_thread = std::size_t{96} << 20;

double sum_of(const double* x, std::size_t n) {
  constexpr int lanes = 32;
  double sums[lanes] = {};
  for (std::size_t i = 0; i < n; i += lanes)
    for (int l = 0; l < lanes; ++l) sums[l] += x[i + l];
  double total = 0;
  for (double s : sums) total += s;
  return total;
}

}  // namespace

int main(int argc, char** argv) {
  int const threads = argc > 1 ? std::max(1, std::atoi(argv[1])) : static_cast<int>(std::thread::hardware_concurrency());
  int const repeats = argc > 2 ? std::max(1, std::atoi(argv[2])) : 9;
  std::vector<double> seconds(repeats), totals(threads);
  std::barrier gate(threads);
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t)
    workers.emplace_back([&, t] {
      auto const data = std::make_unique_for_overwrite<double[]>(values_per_thread);
      std::fill_n(data.get(), values_per_thread, 1.0);  // the thread that reads a page touches it first
      for (int r = 0; r < repeats; ++r) {
        gate.arrive_and_wait();
        auto const begin = std::chrono::steady_clock::now();
        totals[t] += sum_of(data.get(), values_per_thread);
        gate.arrive_and_wait();
        if (t == 0) seconds[r] = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      }
    });
  for (auto& w : workers) w.join();
  for (double total : totals)
    if (total != static_cast<double>(repeats) * static_cast<double>(values_per_thread)) return 1;
  std::sort(seconds.begin(), seconds.end());
  double const gigabytes = static_cast<double>(threads) * static_cast<double>(values_per_thread) * sizeof(double) / 1e9;
  std::printf("{\"threads\": %d, \"best_gb_per_s\": %.2f, \"median_gb_per_s\": %.2f}\n", threads, gigabytes / seconds.front(),
              gigabytes / seconds[seconds.size() / 2]);
  return 0;
}
