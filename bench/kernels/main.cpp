#include <benchmark/benchmark.h>

#include <Kokkos_Core.hpp>

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  Kokkos::ScopeGuard kokkos(argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
