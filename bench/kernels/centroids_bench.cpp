// One step of Lloyd's iteration, and the processor's own rate of fused multiply-adds to compare it with.
#include "bench_table.hpp"
#include "rxhpc/centroids.hpp"
#include "rxhpc/pack.hpp"

namespace rxhpc::bench {
namespace {

/// FLOP/s of one thread: independent multiply-adds in registers.
void peak(benchmark::State& state) {
  using impl::Pack;
#ifdef RXHPC_PACK_AVX512
  constexpr int chains = 16;
#else
  constexpr int chains = 5;  // of two registers each
#endif
  Pack sum[chains];
  for (int k = 0; k < chains; ++k) sum[k] = Pack::all(k);
  Pack a = Pack::all(0.5), b = Pack::all(1);
  benchmark::DoNotOptimize(a);
  benchmark::DoNotOptimize(b);
  for (auto _ : state) {
    for (int i = 0; i < 10000; ++i)
#pragma GCC unroll 16
      for (int k = 0; k < chains; ++k) sum[k] = fma(sum[k], a, b);
    for (auto& s : sum) benchmark::DoNotOptimize(s);
  }
  state.counters["FLOP/s"] = benchmark::Counter(10000.0 * chains * 8 * 2 * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(peak)->Unit(benchmark::kMicrosecond);

std::shared_ptr<const Centres> some_centres(int k, int p) {
  std::vector<double> values;
  std::uint64_t state = 7;
  for (int i = 0; i < k * p; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    values.push_back(static_cast<double>(state >> 11) * 0x1p-53 + i % p);
  }
  return std::make_shared<Centres>(p, values, std::vector<double>(static_cast<std::size_t>(p), 0.0));
}

RowPackSpec all_columns(int p) {
  RowPackSpec spec;
  for (int j = 0; j < p; ++j) spec.columns.push_back(j);
  spec.shift.assign(static_cast<std::size_t>(p), 0.0);
  return spec;
}

/// Rows laid out before; `labels` without sums.
template <bool Sums>
void centroids(benchmark::State& state) {
  int const k = static_cast<int>(state.range(0)), p = static_cast<int>(state.range(1));
  Table const table(p, {}, 2);
  std::vector<RowPacks> rows(table.chunks().size());
  std::int64_t const most = state.range(2);  // rows of a chunk: few stay in cache
  for (std::size_t c = 0; c < rows.size(); ++c) rows[c].assign(table.chunks()[c], 0, std::min(most, table.chunks()[c].rows), all_columns(p));
  auto const centres = some_centres(k, p);
  Centroids a(all_columns(p), centres, false);
  std::vector<std::int32_t> label(default_chunk_rows);
  for (auto _ : state)
    for (auto const& r : rows) {
      if (Sums) {
        a.reset();
        a.update(r);
      } else {
        centres->nearest(r, 0, r.packs(), label.data());
        benchmark::DoNotOptimize(label.data());
      }
    }
  report(state, static_cast<double>(rows.size()) * static_cast<double>(rows[0].rows()), 8.0 * p, 2.0 * k * p);
}
constexpr std::int64_t all = default_chunk_rows;
BENCHMARK(centroids<true>)->ArgNames({"k", "p", "rows"})->Args({2, 2, all})->Args({5, 4, all})->Args({16, 28, 1536})->Args({16, 28, all})->Args({64, 28, all})->Args({256, 28, all})->Args({1000, 100, all})->Unit(benchmark::kMicrosecond);
BENCHMARK(centroids<false>)->ArgNames({"k", "p", "rows"})->Args({16, 28, 1536})->Args({16, 28, all})->Args({256, 28, 1536})->Args({256, 28, all})->Unit(benchmark::kMicrosecond);

void lay_out_rows(benchmark::State& state) {
  int const p = static_cast<int>(state.range(0));
  Table const table(p, {}, 2);
  RowPacks rows;
  for (auto _ : state)
    for (auto const& c : table.chunks()) rows.assign(c, 0, c.rows, all_columns(p));
  report(state, table.rows(), 16.0 * p);
}
BENCHMARK(lay_out_rows)->ArgName("p")->Arg(2)->Arg(28)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace rxhpc::bench
