// Sweeps an accumulator of one's own over a table and checks it against the plain two-pass formula.
#include <cmath>
#include <cstdio>

#include <rxhpc/kokkos.hpp>
#include <rxhpc/self_communicator.hpp>
#include <rxhpc/sweep.hpp>
#include <rxhpc/view_source.hpp>

#include "skewness.hpp"

namespace {

constexpr std::size_t rows = 200000;
using Column = Kokkos::View<double*, Kokkos::HostSpace>;

double by_two_passes(const Column& x, const Column& w) {
  double weight = 0, mean = 0, m2 = 0, m3 = 0;
  for (std::size_t i = 0; i < rows; ++i) weight += w(i), mean += w(i) * x(i);
  mean /= weight;
  for (std::size_t i = 0; i < rows; ++i) {
    double const d = x(i) - mean;
    m2 += w(i) * d * d, m3 += w(i) * d * d * d;
  }
  return std::sqrt(weight) * m3 / std::pow(m2, 1.5);
}

int run() {
  Column x("x", rows), w("w", rows);
  for (std::size_t i = 0; i < rows; ++i) {
    x(i) = std::exp(std::sin(0.1 * static_cast<double>(i)));
    w(i) = 1.0 + static_cast<double>(i % 3);
  }
  rxhpc::ViewSource const table({{"x", x}, {"w", w}}, 4096);
  rxhpc::SelfCommunicator comm;  // or MpiCommunicator: the same call, collective
  int const columns[] = {table.schema().at("x"), table.schema().at("w")};

  rxhpc::RunOptions options;
  auto const all_threads = rxhpc::sweep(table, columns, WeightedSkewness(0, 1), options, comm);
  options.threads = 1;
  auto const one_thread = rxhpc::sweep(table, columns, WeightedSkewness(0, 1), options, comm);

  double const expected = by_two_passes(x, w);
  std::printf("skewness %.12f, by two passes %.12f\n", all_threads.skewness(), expected);
  bool const same_bits = all_threads.skewness() == one_thread.skewness();
  std::printf("any number of threads: %s\n", same_bits ? "the same bits" : "DIFFERENT BITS");
  return same_bits && std::abs(all_threads.skewness() - expected) < 1e-9 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Kokkos::ScopeGuard const kokkos(argc, argv);
  return run();
}
