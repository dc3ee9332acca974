#include <algorithm>
#include <ctime>

#include "bench_table.hpp"
#include "rxhpc/moments.hpp"
#include "rxhpc/pack.hpp"

namespace rxhpc::bench {
namespace {

double read_all(const double* x, std::int64_t n) {
  impl::Pack s[8];
  for (auto& p : s) p = impl::Pack::all(0);
  for (std::int64_t i = 0; i + 64 <= n; i += 64)
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k) s[k] = s[k] + impl::Pack::load(x + i + 8 * k);
  double total = 0, lane[8];
  for (auto& p : s) {
    p.store(lane);
    total += lane[0];
  }
  return total;
}

}  // namespace

// In processor time of this process, as the rates of the benchmarks are.
double stream_bandwidth() {
  static double const best = [] {
    std::vector<double> x(std::size_t(32) << 20, 1.0);
    double fastest = 0;
    for (int k = 0; k < 5; ++k) {
      auto const start = std::clock();
      benchmark::DoNotOptimize(read_all(x.data(), static_cast<std::int64_t>(x.size())));
      double const took = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
      fastest = std::max(fastest, 8.0 * static_cast<double>(x.size()) / took);
    }
    return fastest;
  }();
  return best;
}

namespace {

void stream(benchmark::State& state) {
  std::vector<double> x(std::size_t(32) << 20, 1.0);
  for (auto _ : state) benchmark::DoNotOptimize(read_all(x.data(), static_cast<std::int64_t>(x.size())));
  report(state, static_cast<double>(x.size()), 8);
}
BENCHMARK(stream)->Unit(benchmark::kMillisecond);

void moments(benchmark::State& state) {
  Table const table(1, {}, static_cast<int>(state.range(0)));
  for (auto _ : state)
    for (auto const& c : table.chunks()) benchmark::DoNotOptimize(moments_of(c.columns[0], c.rows));
  report(state, table.rows(), 8);
}
BENCHMARK(moments)->ArgName("chunks")->Arg(1)->Arg(256)->Unit(benchmark::kMillisecond);

void moments_int16(benchmark::State& state) {
  Table const table(0, {1000}, 64);
  for (auto _ : state)
    for (auto const& c : table.chunks()) benchmark::DoNotOptimize(moments_of(c.columns[0], c.rows));
  report(state, table.rows(), 2);
}
BENCHMARK(moments_int16)->Unit(benchmark::kMillisecond);

void level_counts(benchmark::State& state) {
  Table const table(0, {static_cast<int>(state.range(0))}, 64);
  std::vector<std::int64_t> counts(state.range(0));
  for (auto _ : state)
    for (auto const& c : table.chunks()) benchmark::DoNotOptimize(level_counts_of(c.columns[0], c.rows, counts));
  report(state, table.rows(), 2);
}
BENCHMARK(level_counts)->ArgName("levels")->Arg(7)->Arg(300)->Unit(benchmark::kMillisecond);

void cell_moments(benchmark::State& state) {
  Table const table(2, {7, static_cast<int>(state.range(0))}, 16);
  CellMoments a({.value = 0, .factors = {2, 3}, .levels = {7, static_cast<int>(state.range(0))}, .weight = state.range(1) ? 1 : -1, .also_present = {}});
  for (auto _ : state)
    for (auto const& c : table.chunks()) a.update(c);
  report(state, table.rows(), 12 + 8.0 * static_cast<double>(state.range(1)));
}
BENCHMARK(cell_moments)->ArgNames({"levels", "weighted"})->Args({1, 0})->Args({12, 0})->Args({300, 0})->Args({12, 1})->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace rxhpc::bench
