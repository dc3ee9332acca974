// The only file that mentions a Kokkos version.
#pragma once
#include <Kokkos_Core.hpp>

#if KOKKOS_VERSION < 40600
#error "rxhpc needs Kokkos 4.6 or later"
#endif

namespace rxhpc {

/// Where chunks are read, decoded and folded: the threads of the host back end.
using HostSpace = Kokkos::DefaultHostExecutionSpace;

}  // namespace rxhpc
