// Sums of columns times coefficients.
#pragma once
#include <cstdint>
#include <span>

namespace rxhpc {

/// out[i] += b[0] x[0][i], then b[1] x[1][i], and so on, i < rows: each product and each sum rounded by itself, so that the bits do not depend on how
/// many columns come at once. A missing value makes its row NaN. `out` lies apart from x [b.size()][rows].
/// Cost: two flops and 8 bytes a value, and a visit of `out` for every eight columns.
void add_multiples(std::span<const double> b, const double* const* x, std::int64_t rows, double* out);

}  // namespace rxhpc
