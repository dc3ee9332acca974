// Takes something from every room of the installed package.
#include <rxhpc/kokkos.hpp>
#include <rxhpc/moments.hpp>
#include <rxhpc/self_communicator.hpp>
#include <rxhpc/sweep.hpp>
#include <rxhpc/view_source.hpp>
#ifdef WITH_IO
#include <rxhpc/table.hpp>
#endif

int main(int argc, char** argv) {
  Kokkos::ScopeGuard const kokkos(argc, argv);
  Kokkos::View<double*, Kokkos::HostSpace> x("x", 1000);
  for (std::size_t i = 0; i < 1000; ++i) x(i) = static_cast<double>(i);
  rxhpc::ViewSource const table({{"x", x}}, 100);
  rxhpc::SelfCommunicator comm;
  int const columns[] = {0};
  auto const moments = rxhpc::sweep(table, columns, rxhpc::Moments({0}), {}, comm).finalize();
  bool right = moments[0].n == 1000 && moments[0].mean == 499.5 && moments[0].max == 999;
#ifdef WITH_IO
  try {
    rxhpc::open_table("no such table", comm);
    right = false;
  } catch (const rxhpc::DataError&) {
  }
#endif
  return right ? 0 : 1;
}
