#include "bench_table.hpp"
#include "rxhpc/cross_products.hpp"

namespace rxhpc::bench {
namespace {

/// p numeric columns, the constant, and a response.
CrossProductSpec numeric_design(int p, Precision precision, bool weighted) {
  CrossProductSpec s;
  s.terms.push_back({});
  for (int k = 0; k < p; ++k) s.terms.push_back({{k}, {}, {}});
  s.responses = {p};
  s.weight = weighted ? p + 1 : -1;
  s.precision = precision;
  if (precision == Precision::plain) s.shift.assign(p + 1, 0.5);
  return s;
}

void run(benchmark::State& state, const Table& table, CrossProductSpec spec, double bytes, double flops) {
  CrossProducts a(std::move(spec));
  for (auto _ : state)
    for (auto const& c : table.chunks()) {
      a.reset();
      a.update(c);
    }
  report(state, table.rows(), bytes, flops);
}

template <Precision P, bool Weighted>
void cross_products(benchmark::State& state) {
  int const p = static_cast<int>(state.range(0));
  Table const table(p + 2, {}, std::max(2, 128 / p));
  run(state, table, numeric_design(p, P, Weighted), 8.0 * (p + 1 + Weighted), (p + 2.0) * (p + 3.0));
}
BENCHMARK(cross_products<Precision::plain, false>)->ArgName("p")->Arg(4)->Arg(8)->Arg(16)->Arg(28)->Arg(52)->Arg(100)->Unit(benchmark::kMillisecond);
BENCHMARK(cross_products<Precision::exact, false>)->ArgName("p")->Arg(4)->Arg(8)->Arg(16)->Arg(28)->Arg(52)->Unit(benchmark::kMillisecond);
BENCHMARK(cross_products<Precision::plain, true>)->ArgName("p")->Arg(4)->Arg(28)->Unit(benchmark::kMillisecond);
BENCHMARK(cross_products<Precision::exact, true>)->ArgName("p")->Arg(4)->Arg(28)->Unit(benchmark::kMillisecond);

/// y ~ x1 + x2 + f7 + f12 + f300
template <Precision P>
void three_factors(benchmark::State& state) {
  Table const table(3, {7, 12, 300}, 32);
  CrossProductSpec s;
  s.terms = {{}, {{0}, {}, {}}, {{1}, {}, {}}, {{}, {3}, {7}}, {{}, {4}, {12}}, {{}, {5}, {300}}};
  s.responses = {2};
  s.precision = P;
  run(state, table, s, 30, 0);
}
BENCHMARK(three_factors<Precision::plain>)->Unit(benchmark::kMillisecond);
BENCHMARK(three_factors<Precision::exact>)->Unit(benchmark::kMillisecond);

/// y ~ x1 + f7 + x1:f7 + f12 + f7:f12
template <Precision P>
void interactions(benchmark::State& state) {
  Table const table(2, {7, 12}, 32);
  CrossProductSpec s;
  s.terms = {{}, {{0}, {}, {}}, {{}, {2}, {7}}, {{0}, {2}, {7}}, {{}, {3}, {12}}, {{}, {2, 3}, {7, 12}}};
  s.responses = {1};
  s.precision = P;
  run(state, table, s, 20, 0);
}
BENCHMARK(interactions<Precision::plain>)->Unit(benchmark::kMillisecond);
BENCHMARK(interactions<Precision::exact>)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace rxhpc::bench
