#include "bench_table.hpp"
#include "rxhpc/pair_products.hpp"

namespace rxhpc::bench {
namespace {

template <Precision P>
void pair_products(benchmark::State& state) {
  int const p = static_cast<int>(state.range(0));
  Table const table(p, {}, std::max(2, 64 / p));
  PairProductSpec spec;
  for (int k = 0; k < p; ++k) spec.terms.push_back({{k}, {}, {}});
  spec.precision = P;
  if (P == Precision::plain) spec.shift.assign(p, 0.5);
  PairProducts a(std::move(spec));
  for (auto _ : state)
    for (auto const& c : table.chunks()) {
      a.reset();
      a.update(c);
    }
  report(state, table.rows(), 8.0 * p, 6.0 * p * p);
}
BENCHMARK(pair_products<Precision::plain>)->ArgName("p")->Arg(4)->Arg(28)->Unit(benchmark::kMillisecond);
BENCHMARK(pair_products<Precision::exact>)->ArgName("p")->Arg(4)->Arg(28)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace rxhpc::bench
