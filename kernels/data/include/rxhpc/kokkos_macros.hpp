// KOKKOS_INLINE_FUNCTION and its kind without the rest of Kokkos, whose headers cost seconds a translation unit.
#pragma once
#include <Kokkos_Macros.hpp>
