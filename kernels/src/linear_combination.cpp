#include "rxhpc/linear_combination.hpp"

#include "rxhpc/pack.hpp"

namespace rxhpc {
namespace {

using impl::Pack;

template <int Columns>
void add_columns(const double* b, const double* const* x, std::int64_t rows, double* out) {
  const double* column[Columns];
  for (int k = 0; k < Columns; ++k) column[k] = x[k];
  std::int64_t i = 0;
  for (; i + 8 <= rows; i += 8) {
    Pack sum = Pack::load(out + i);
#pragma GCC unroll 8
    for (int k = 0; k < Columns; ++k) sum = sum + Pack::all(b[k]) * Pack::load(column[k] + i);
    sum.store(out + i);
  }
  for (; i < rows; ++i)
    for (int k = 0; k < Columns; ++k) out[i] += b[k] * column[k][i];
}

}  // namespace

void add_multiples(std::span<const double> b, const double* const* x, std::int64_t rows, double* out) {
  std::size_t k = 0;
  for (; k + 8 <= b.size(); k += 8) add_columns<8>(b.data() + k, x + k, rows, out);
  if (k + 4 <= b.size()) {
    add_columns<4>(b.data() + k, x + k, rows, out);
    k += 4;
  }
  for (; k < b.size(); ++k) add_columns<1>(b.data() + k, x + k, rows, out);
}

}  // namespace rxhpc
