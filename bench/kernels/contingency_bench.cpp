#include "bench_table.hpp"
#include "rxhpc/contingency.hpp"

namespace rxhpc::bench {
namespace {

void contingency(benchmark::State& state) {
  int const f = static_cast<int>(state.range(0)), g = static_cast<int>(state.range(1)), values = static_cast<int>(state.range(2));
  bool const sparse = state.range(3) != 0;
  Table const table(values, {f, g}, 32);
  ContingencySpec spec{{values, values + 1}, {f, g}, {0, 0}, {}, -1, sparse};
  for (int v = 0; v < values; ++v) spec.values.push_back(v);
  for (auto _ : state) {
    Contingency cells(spec);
    for (auto const& c : table.chunks()) cells.update(c);
    benchmark::DoNotOptimize(cells.occupied());
  }
  report(state, table.rows(), 4 + 8.0 * values);
}
BENCHMARK(contingency)
    ->ArgNames({"f", "g", "values", "sparse"})
    ->Args({7, 12, 0, 0})->Args({7, 12, 1, 0})->Args({7, 12, 3, 0})->Args({7, 12, 1, 1})
    ->Args({300, 300, 1, 0})->Args({1000, 3000, 1, 0})->Args({1000, 3000, 1, 1})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace rxhpc::bench
