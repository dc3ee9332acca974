// The values of RowPacks, wherever they lie.
#pragma once
#include <cstdint>

#include "rxhpc/pack.hpp"
#include "rxhpc/row_packs.hpp"

namespace rxhpc::impl {

// Each looks at some pack and at those after it: column(j) are the eight values that lie in column j of that pack, row(x, j) makes what the row
// has of part x of a row there (columns from j on), pack(r, j) is column j of the r-th pack after it.

/// Packs that have been laid out.
struct LaidOut {
  const double* first;
  int columns;
  void next() { first += 8 * columns; }
  const double* column(int j) const { return first + 8 * j; }
  double value(int j, int i) const { return column(j)[i]; }
  PackPart row(PackPart x, int) const { return x; }
  Pack pack(int r, int j) const { return Pack::load(first + 8 * (r * columns + j)); }
};

/// Packs in place from which nothing is subtracted.
struct InColumns {
  const double* const* source;
  std::int64_t first;
  void next() { first += 8; }
  const double* column(int j) const { return source[j] + first; }
  double value(int j, int i) const { return column(j)[i]; }
  PackPart row(PackPart x, int) const { return x; }
  Pack pack(int r, int j) const { return Pack::load(column(j) + 8 * r); }
};

/// Packs in place from which a shift is subtracted.
struct InShiftedColumns {
  InColumns in_place;
  const double* shift;  ///< as many as fill the last part
  void next() { in_place.next(); }
  const double* column(int j) const { return in_place.column(j); }
  double value(int j, int i) const { return column(j)[i] - shift[j]; }
  PackPart row(PackPart x, int j) const { return x - PackPart::load(shift + j); }
  Pack pack(int r, int j) const { return in_place.pack(r, j) - Pack::all(shift[j]); }
};

/// use(values) of the pack `first` and of those after it that are in place as it is, or are not.
template <class Use>
auto with_values(const RowPacks& rows, std::int64_t first, const Use& use) {
  if (!rows.in_place(first)) return use(LaidOut{rows.pack(first), rows.columns()});
  InColumns const in_place{rows.sources(), rows.source_row(first)};
  return rows.shift() ? use(InShiftedColumns{in_place, rows.shift()}) : use(in_place);
}

}  // namespace rxhpc::impl
