#include <algorithm>
#include <cstring>

#include "cross_layout.hpp"
#include "rxhpc/pack.hpp"

namespace rxhpc::impl {
namespace {

/// The compiler's own vectors: g++ 12 leaves the plain loop over a cell scalar.
using Four = double __attribute__((vector_size(32)));

constexpr std::size_t group_bytes = 12 << 10;  ///< of a group's table: well inside the first cache
constexpr std::size_t short_cells = 16 << 10;  ///< most cells of a joint table that is counted in 16 bits

/// Four columns to rows of `width`, four rows at a time; columns are padded to multiples of eight.
void transpose(const double* const* column, int rows, int width, double* to) {
  for (int i = 0; i < rows; i += 4) {
    Four a, b, c, d;
    std::memcpy(&a, column[0] + i, sizeof a);
    std::memcpy(&b, column[1] + i, sizeof b);
    std::memcpy(&c, column[2] + i, sizeof c);
    std::memcpy(&d, column[3] + i, sizeof d);
    Four const ab0 = __builtin_shufflevector(a, b, 0, 4, 2, 6), ab1 = __builtin_shufflevector(a, b, 1, 5, 3, 7);
    Four const cd0 = __builtin_shufflevector(c, d, 0, 4, 2, 6), cd1 = __builtin_shufflevector(c, d, 1, 5, 3, 7);
    Four const row[4] = {__builtin_shufflevector(ab0, cd0, 0, 1, 4, 5), __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5),
                         __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7), __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7)};
    for (int k = 0; k < 4; ++k) std::memcpy(to + std::size_t(i + k) * width, &row[k], sizeof row[k]);
  }
}

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

CellSums::CellSums(const CrossLayout& layout)
    : layout_(layout), key_done_(layout.plan.keys.size(), 0), joint_done_(layout.joint_tables.size(), 0) {
  if (layout.plan.keys.empty()) return;
  int width = 0;
  for (auto const& t : layout.cell_tables) width = std::max(width, t.width);
  auto const rows = static_cast<std::size_t>(layout.plan.tile_rows);
  row_.resize(std::size_t(width) * rows);
  row_error_.resize(row_.size());
  column_.resize(rows);
  column_error_.resize(rows);
  zeros_.resize(rows);
  cell_.resize(rows);
  make_groups();
  make_short_counts();
}

/// Each key joins the first group whose table stays small with it.
void CellSums::make_groups() {
  auto const& plan = layout_.plan;
  std::vector<Group> found;
  for (int k = 0; k < static_cast<int>(plan.keys.size()); ++k) {
    if (!layout_.cell_tables[k].only_dense()) continue;
    std::size_t const bytes = std::size_t(layout_.cell_tables[k].width) * sizeof(double) * (layout_.exact ? 2 : 1);
    auto const fits = [&](const Group& g) { return std::size_t(g.cells) * std::size_t(plan.keys[k].cells) * bytes <= group_bytes; };
    auto group = std::find_if(found.begin(), found.end(), fits);
    if (group == found.end()) group = found.emplace(found.end());
    group->keys.push_back(k);
    group->cells *= plan.keys[k].cells;
  }
  for (auto& g : found) {
    if (g.keys.size() < 2) continue;
    std::size_t const sums = std::size_t(g.cells) * layout_.cell_tables[g.keys[0]].width;
    g.hi.assign(sums, 0.0);
    g.lo.assign(layout_.exact ? sums : 0, 0.0);
    if (layout_.weighted) g.counts.assign(g.cells, 0);
    for (int k : g.keys) key_done_[k] = 1;
    for (int j = 0; j < static_cast<int>(layout_.joint_tables.size()); ++j) {
      auto const& t = layout_.joint_tables[j];
      auto const in = [&](int key) { return std::find(g.keys.begin(), g.keys.end(), key) != g.keys.end(); };
      if (!in(t.a) || !in(t.b)) continue;
      g.joint.push_back(j);
      joint_done_[j] = 1;
    }
    groups_.push_back(std::move(g));
  }
}

void CellSums::make_short_counts() {
  for (int j = 0; j < static_cast<int>(layout_.joint_tables.size()); ++j) {
    auto const& t = layout_.joint_tables[j];
    auto const size = std::size_t(layout_.plan.keys[t.a].cells) * std::size_t(t.cells_b);
    if (joint_done_[j] || t.pairs.size() != 1 || !t.pairs[0].counted || size > short_cells) continue;
    joint_done_[j] = 1;
    short_.push_back({j, t.pairs[0].at, std::vector<std::uint16_t>(size)});
  }
}

void CellSums::clear() {
  for (auto& g : groups_) {
    std::fill(g.hi.begin(), g.hi.end(), 0.0);
    std::fill(g.lo.begin(), g.lo.end(), 0.0);
    std::fill(g.counts.begin(), g.counts.end(), 0);
  }
  for (auto& s : short_) std::fill(s.rows.begin(), s.rows.end(), std::uint16_t{0});
  short_rows_ = 0;
}

/// Rows of the table's entries, side by side so that a cell is one vector addition.
void CellSums::interleave(const CellTable& table, const DesignTile& tile) {
  if (row_is_dense_ && table.only_dense()) return;
  row_is_dense_ = table.only_dense();
  row_has_error_ = false;
  int const width = table.width, entries = static_cast<int>(table.entries.size());
  if (table.only_dense() && !tile.weight) {
    for (int e = 0; e < width; e += 4) {
      double const* column[4];
      for (int k = 0; k < 4; ++k) column[k] = e + k < entries ? tile.dense[table.entries[e + k].right] : zeros_.data();
      transpose(column, tile.rows, width, row_.data() + e);
    }
    return;
  }
  for (int e = 0; e < entries; ++e) {
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
  for (int e = entries; e < width; ++e)
    for (int i = 0; i < tile.rows; ++i) row_[std::size_t(i) * width + e] = 0;
}

/// To the table at hi (and lo) and the rows of its cells at `counts` (null: not kept).
void CellSums::add_rows(const CellTable& table, const std::int32_t* cell, const DesignTile& tile, std::int64_t* counts, double* hi, double* lo) {
  if (counts)
    for (int i = 0; i < tile.rows; ++i) ++counts[cell[i]];
  interleave(table, tile);
  if (!layout_.exact) scatter_width<false, false>(cell, tile.rows, row_.data(), nullptr, table.width, hi, nullptr);
  else if (row_has_error_) scatter_width<true, true>(cell, tile.rows, row_.data(), row_error_.data(), table.width, hi, lo);
  else scatter_width<true, false>(cell, tile.rows, row_.data(), nullptr, table.width, hi, lo);
}

void CellSums::add_group(Group& group, const DesignTile& tile) {
  std::copy_n(tile.cell[group.keys[0]], tile.rows, cell_.begin());
  auto step = static_cast<std::int32_t>(layout_.plan.keys[group.keys[0]].cells);
  for (std::size_t k = 1; k < group.keys.size(); ++k) {
    std::int32_t const* const code = tile.cell[group.keys[k]];
    for (int i = 0; i < tile.rows; ++i) cell_[i] += step * code[i];
    step *= static_cast<std::int32_t>(layout_.plan.keys[group.keys[k]].cells);
  }
  add_rows(layout_.cell_tables[group.keys[0]], cell_.data(), tile, group.counts.empty() ? nullptr : group.counts.data(), group.hi.data(),
           group.lo.data());
}

/// Margins: each cell of the group to its cell in every key, its rows (or weights: the first entry) to the joint tables.
void CellSums::flush_group(Group& group, std::int64_t* counts, double* hi, double* lo) {
  int const width = layout_.cell_tables[group.keys[0]].width;
  auto const add = [&](std::size_t to, std::size_t from) {
    if (!layout_.exact) {
      hi[to] += group.hi[from];
      return;
    }
    DD const s = rxhpc::two_sum(hi[to], group.hi[from]);
    hi[to] = s.hi;
    lo[to] += s.lo + group.lo[from];
  };
  std::vector<std::int64_t> code(layout_.plan.keys.size());
  for (std::int64_t c = 0; c < group.cells; ++c) {
    std::int64_t rest = c;
    std::size_t const from = std::size_t(c) * width;
    for (int k : group.keys) {
      auto const& table = layout_.cell_tables[k];
      code[k] = rest % layout_.plan.keys[k].cells;
      rest /= layout_.plan.keys[k].cells;
      for (int e = 0; e < width; ++e) add(table.sums + std::size_t(code[k]) * width + e, from + e);
      if (table.counted) counts[table.counts + code[k]] += group.counts[c];
    }
    for (int j : group.joint) {
      auto const& t = layout_.joint_tables[j];
      auto const& pair = t.pairs[0];
      std::size_t const at = pair.at + std::size_t(code[t.a]) * t.cells_b + code[t.b];
      if (pair.counted) counts[at] += static_cast<std::int64_t>(group.hi[from]);
      else add(at, from);
    }
  }
}

void CellSums::flush_short(std::int64_t* counts) {
  for (auto& s : short_)
    for (std::size_t k = 0; k < s.rows.size(); ++k) {
      counts[s.at + k] += s.rows[k];
      s.rows[k] = 0;
    }
  short_rows_ = 0;
}

void CellSums::flush(std::int64_t* counts, double* hi, double* lo) {
  for (auto& g : groups_) flush_group(g, counts, hi, lo);
  flush_short(counts);
  clear();
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
  for (auto& g : groups_) add_group(g, tile);
  for (std::size_t k = 0; k < layout_.cell_tables.size(); ++k) {
    if (key_done_[k]) continue;
    auto const& table = layout_.cell_tables[k];
    add_rows(table, tile.cell[k], tile, table.counted ? counts + table.counts : nullptr, hi + table.sums, layout_.exact ? lo + table.sums : nullptr);
  }
  if (short_rows_ + tile.rows > UINT16_MAX) flush_short(counts);
  short_rows_ += tile.rows;
  for (auto& s : short_) {
    auto const& t = layout_.joint_tables[s.table];
    std::int32_t const *a = tile.cell[t.a], *b = tile.cell[t.b];
    auto const cells_b = static_cast<std::int32_t>(t.cells_b);
    std::uint16_t* const rows = s.rows.data();
    for (int i = 0; i < tile.rows; ++i) ++rows[a[i] * cells_b + b[i]];
  }
  for (std::size_t j = 0; j < layout_.joint_tables.size(); ++j)
    if (!joint_done_[j]) add_joint(layout_.joint_tables[j], tile, counts, hi, lo);
}

}  // namespace rxhpc::impl
