#include <algorithm>
#include <cstring>

#include "cross_layout.hpp"
#include "rxhpc/pack.hpp"

namespace rxhpc::impl {
namespace {

/// The compiler's own vectors: g++ 12 leaves the plain loop over a cell scalar.
using Four = double __attribute__((vector_size(32)));

/// to[e] += row[e] for one cell after another; exact: TwoSum, its error and the row's own joining `lo`.
template <int Width, bool Exact, bool RowError>
void scatter(const std::int32_t* cell, int rows, const double* row, const double* row_error, int width_, double* hi, double* lo) {
  int const width = Width > 0 ? Width : width_;
  for (int i = 0; i < rows; ++i) {
    double* __restrict const to = hi + std::size_t(cell[i]) * width;
    double* __restrict const error = Exact ? lo + std::size_t(cell[i]) * width : nullptr;
    double const* __restrict const x = row + std::size_t(i) * width;
    double const* __restrict const e = RowError ? row_error + std::size_t(i) * width : nullptr;
#pragma GCC unroll 4
    for (int k = 0; k < width; k += 4) {
      Four a, b;
      std::memcpy(&a, to + k, sizeof a);
      std::memcpy(&b, x + k, sizeof b);
      Four const s = a + b;
      std::memcpy(to + k, &s, sizeof s);
      if constexpr (Exact) {
        Four const t = s - a;
        Four sum = (a - (s - t)) + (b - t);
        if constexpr (RowError) {
          std::memcpy(&b, e + k, sizeof b);
          sum += b;
        }
        std::memcpy(&a, error + k, sizeof a);
        a += sum;
        std::memcpy(error + k, &a, sizeof a);
      }
    }
  }
}

template <bool Exact, bool RowError>
void scatter_width(const std::int32_t* cell, int rows, const double* row, const double* row_error, int width, double* hi, double* lo) {
  switch (width) {
    case 4: return scatter<4, Exact, RowError>(cell, rows, row, row_error, width, hi, lo);
    case 8: return scatter<8, Exact, RowError>(cell, rows, row, row_error, width, hi, lo);
    case 12: return scatter<12, Exact, RowError>(cell, rows, row, row_error, width, hi, lo);
    case 16: return scatter<16, Exact, RowError>(cell, rows, row, row_error, width, hi, lo);
    default: return scatter<0, Exact, RowError>(cell, rows, row, row_error, width, hi, lo);
  }
}

/// w x y with its rounding error; null factors are 1. `out` is padded to whole packs.
void multiply(const double* w, const double* x, const double* y, int rows, double* out, double* error) {
  Pack const zero = Pack::all(0);
  for (int r = 0; r < rows; r += 8) {
    DdPack p{Pack::all(1), zero};
    if (w && x) {
      p = two_prod(Pack::load(w + r), Pack::load(x + r));
    } else if (w || x) {
      p.hi = Pack::load((w ? w : x) + r);
    }
    if (y) {
      Pack const z = Pack::load(y + r);
      auto const q = two_prod(p.hi, z);
      p = {q.hi, fma(p.lo, z, q.lo)};
    }
    p.hi.store(out + r);
    if (error) p.lo.store(error + r);
  }
}

}  // namespace

CellSums::CellSums(const CrossLayout& layout) : layout_(layout) {
  if (layout.plan.keys.empty()) return;
  int width = 0;
  for (auto const& t : layout.cell_tables) width = std::max(width, t.width);
  row_.resize(std::size_t(width) * layout.plan.tile_rows);
  row_error_.resize(row_.size());
  column_.resize(layout.plan.tile_rows);
  column_error_.resize(layout.plan.tile_rows);
}

/// Rows of the table's entries, side by side so that a cell is one vector addition.
void CellSums::interleave(const CellTable& table, const DesignTile& tile) {
  if (row_is_dense_ && table.only_dense()) return;
  row_is_dense_ = table.only_dense();
  row_has_error_ = false;
  int const width = table.width;
  for (int e = 0; e < static_cast<int>(table.entries.size()); ++e) {
    auto const& entry = table.entries[e];
    double const* const x = entry.left < 0 ? nullptr : tile.values[entry.left];
    double const* y = entry.inner ? tile.values[entry.right] : tile.dense[entry.right];
    if (!entry.inner && entry.right == 0 && (x || tile.weight)) y = nullptr;  // times the constant
    int const factors = (tile.weight != nullptr) + (x != nullptr) + (y != nullptr);
    double const* product = y ? y : x ? x : tile.weight;
    if (factors > 1) {
      multiply(tile.weight, x, y, tile.rows, column_.data(), layout_.exact ? column_error_.data() : nullptr);
      product = column_.data();
    }
    for (int i = 0; i < tile.rows; ++i) row_[std::size_t(i) * width + e] = product[i];
    if (!layout_.exact) continue;
    if (factors > 1 && !row_has_error_) {
      row_has_error_ = true;
      std::fill_n(row_error_.begin(), std::ptrdiff_t(tile.rows) * width, 0.0);
    }
    if (factors > 1)
      for (int i = 0; i < tile.rows; ++i) row_error_[std::size_t(i) * width + e] = column_error_[i];
  }
  for (int e = static_cast<int>(table.entries.size()); e < width; ++e)
    for (int i = 0; i < tile.rows; ++i) row_[std::size_t(i) * width + e] = 0;
}

void CellSums::add_cells(const CellTable& table, const std::int32_t* cell, const DesignTile& tile, std::int64_t* counts, double* hi, double* lo) {
  if (table.counted)
    for (int i = 0; i < tile.rows; ++i) ++counts[table.counts + cell[i]];
  interleave(table, tile);
  double* const to = hi + table.sums;
  if (!layout_.exact) scatter_width<false, false>(cell, tile.rows, row_.data(), nullptr, table.width, to, nullptr);
  else if (row_has_error_) scatter_width<true, true>(cell, tile.rows, row_.data(), row_error_.data(), table.width, to, lo + table.sums);
  else scatter_width<true, false>(cell, tile.rows, row_.data(), nullptr, table.width, to, lo + table.sums);
}

void CellSums::add_joint(const JointTable& table, const DesignTile& tile, std::int64_t* counts, double* hi, double* lo) {
  std::int32_t const *a = tile.cell[table.a], *b = tile.cell[table.b];
  auto const at = [&](int i) { return std::size_t(a[i]) * table.cells_b + b[i]; };
  for (auto const& pair : table.pairs) {
    if (pair.counted) {
      for (int i = 0; i < tile.rows; ++i) ++counts[pair.at + at(i)];
      continue;
    }
    multiply(tile.weight, pair.left < 0 ? nullptr : tile.values[pair.left], pair.right < 0 ? nullptr : tile.values[pair.right], tile.rows,
             column_.data(), layout_.exact ? column_error_.data() : nullptr);
    for (int i = 0; i < tile.rows; ++i) {
      std::size_t const k = pair.at + at(i);
      DD const s = rxhpc::two_sum(hi[k], column_[i]);
      hi[k] = s.hi;
      if (layout_.exact) lo[k] += s.lo + column_error_[i];
    }
  }
}

void CellSums::add(const DesignTile& tile, std::int64_t* counts, double* hi, double* lo) {
  row_is_dense_ = false;
  for (std::size_t k = 0; k < layout_.cell_tables.size(); ++k) add_cells(layout_.cell_tables[k], tile.cell[k], tile, counts, hi, lo);
  for (auto const& t : layout_.joint_tables) add_joint(t, tile, counts, hi, lo);
}

}  // namespace rxhpc::impl
