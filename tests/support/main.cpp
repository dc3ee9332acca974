#include <gtest/gtest.h>
#if __has_include(<Kokkos_Core.hpp>)
#include <Kokkos_Core.hpp>
#endif

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
#ifdef KOKKOS_CORE_HPP
  Kokkos::ScopeGuard kokkos(argc, argv);
#endif
  return RUN_ALL_TESTS();
}
