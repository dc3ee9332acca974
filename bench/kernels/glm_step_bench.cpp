#include "bench_table.hpp"
#include "rxhpc/glm_step.hpp"

namespace rxhpc::bench {
namespace {

/// One visit of the rows by a family with its link: p numeric columns and a response from a column of uniform numbers.
void step(benchmark::State& state, Link link, Variance variance, double power) {
  int const p = static_cast<int>(state.range(0));
  Table const table(p + 1, {}, std::max(2, 128 / p));
  GlmStepSpec s;
  s.products.terms.push_back({});
  for (int k = 0; k < p; ++k) s.products.terms.push_back({{k}, {}, {}});
  s.products.responses = {p};
  s.products.precision = Precision::plain;
  s.products.shift.assign(p + 1, 0.5);
  s.products.shift.back() = 0;
  s.family = {.link = link, .variance = variance, .var_power = power};
  s.beta.assign(p + 1, 0.01);
  GlmStep a(std::move(s));
  for (auto _ : state)
    for (auto const& c : table.chunks()) {
      a.reset();
      a.update(c);
    }
  report(state, table.rows(), 8.0 * (p + 1), (p + 2.0) * (p + 3.0) + 2.0 * p + 60);
}

void logit_step(benchmark::State& state) { step(state, Link::logit, Variance::binomial, 0); }
void poisson_step(benchmark::State& state) { step(state, Link::log, Variance::mu, 0); }
void tweedie_step(benchmark::State& state) { step(state, Link::log, Variance::power, 1.5); }
BENCHMARK(logit_step)->ArgName("p")->Arg(1)->Arg(28)->Unit(benchmark::kMillisecond);
BENCHMARK(poisson_step)->ArgName("p")->Arg(18)->Unit(benchmark::kMillisecond);
BENCHMARK(tweedie_step)->ArgName("p")->Arg(18)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace rxhpc::bench
