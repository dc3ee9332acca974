// A simulation that looks at its own fields while it runs: every few steps a regression over all cells of all ranks, on the
// simulation's own Kokkos Views, without a copy and without a file.
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include <rxhpc/kokkos.hpp>
#include <rxhpc/lin_mod.hpp>
#include <rxhpc/view_source.hpp>
#ifdef RXHPC_HAVE_MPI
#include <rxhpc/mpi_communicator.hpp>
#else
#include <rxhpc/self_communicator.hpp>
#endif

namespace {

// The simulation's state: fields side by side, one row a cell, as such codes often keep them.
struct Simulation {
  enum Field { temperature, pressure, fields };
  using Fields = Kokkos::View<double* [fields], Kokkos::LayoutRight, Kokkos::HostSpace>;
  Fields state;
  Kokkos::View<std::int8_t*, Kokkos::HostSpace> material;

  Simulation(std::int64_t first_cell, std::int64_t cells)
      : state("state", static_cast<std::size_t>(cells)), material("material", static_cast<std::size_t>(cells)) {
    for (std::int64_t i = 0; i < cells; ++i) {
      auto const cell = static_cast<double>(first_cell + i);
      auto const k = static_cast<std::size_t>(i);
      material(k) = static_cast<std::int8_t>((first_cell + i) / 97 % 3);
      state(k, pressure) = 1.0 + 0.5 * std::sin(0.001 * cell);
      state(k, temperature) = std::exp(0.2 + 0.7 * state(k, pressure) + 0.1 * material(k) + 0.05 * std::sin(1.7 * cell));
    }
  }

  // Heat leaks away, slower in the third material.
  void step(double dt) {
    auto const fields_now = state;
    auto const what = material;
    Kokkos::parallel_for("simulation::step", Kokkos::RangePolicy<Kokkos::DefaultHostExecutionSpace>(0, state.extent(0)), [=](std::size_t i) {
      fields_now(i, temperature) *= std::exp(-dt * (what(i) == 2 ? 0.5 : 1.0));
    });
    Kokkos::fence();
  }
};

// Collective: every rank calls it with its own cells.
void look(Simulation const& simulation, int step, rxhpc::Communicator& comm) {
  std::vector<std::string> const materials{"steel", "copper", "foam"};
  rxhpc::ViewSource const cells({{"T", Kokkos::subview(simulation.state, Kokkos::ALL, int{Simulation::temperature})},
                                 {"p", Kokkos::subview(simulation.state, Kokkos::ALL, int{Simulation::pressure})},
                                 {"mat", simulation.material, materials}},
                                10000);
  auto const fit = rxhpc::lin_mod(cells, "log(T) ~ p + mat", {}, comm);
  if (comm.rank() != 0) return;
  std::printf("step %d: log(T) of %lld cells\n", step, static_cast<long long>(fit.n_valid_obs));
  for (auto const& c : fit.fits.front().coefficients)
    if (!c.aliased) std::printf("  %-12s %12.6f  +- %.2g\n", c.name.c_str(), c.estimate, c.std_error);
}

void simulate(rxhpc::Communicator& comm) {
  auto const mine = rxhpc::share_of(120000, comm.rank(), comm.size());
  Simulation simulation(mine.first, mine.last - mine.first);
  for (int step = 0; step <= 20; ++step) {
    if (step % 10 == 0) look(simulation, step, comm);
    simulation.step(0.01);
  }
}

}  // namespace

// The library starts neither MPI nor Kokkos: the simulation does.
int main(int argc, char** argv) {
#ifdef RXHPC_HAVE_MPI
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
#endif
  int status = 0;
  {
    Kokkos::ScopeGuard const kokkos(argc, argv);
    try {
#ifdef RXHPC_HAVE_MPI
      rxhpc::MpiCommunicator comm(MPI_COMM_WORLD);
#else
      rxhpc::SelfCommunicator comm;
#endif
      simulate(comm);
    } catch (const std::exception& e) {
      std::fprintf(stderr, "in_situ_views: %s\n", e.what());
      status = 1;
    }
  }
#ifdef RXHPC_HAVE_MPI
  MPI_Finalize();
#endif
  return status;
}
