// Private to the tile interpreter: loops over registers, and the functions of numbers and dates.
#pragma once
#include <cstdint>

#include "rxhpc/row_program.hpp"

namespace rxhpc::impl {

// Registers are never input and output at once, so the loops carry no dependence.
template <class F>
inline void map1(const double* __restrict a, double* __restrict out, int n, F f) {
  for (int i = 0; i < n; ++i) out[i] = f(a[i]);
}
template <class F>
inline void map2(const double* __restrict a, const double* __restrict b, double* __restrict out, int n, F f) {
  for (int i = 0; i < n; ++i) out[i] = f(a[i], b[i]);
}

/// Arithmetic, functions of one and two numbers, and parts of dates.
void run_function(RowOp op, const double* a, const double* b, double* out, int n);

}  // namespace rxhpc::impl
