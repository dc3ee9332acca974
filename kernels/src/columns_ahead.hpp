// Asking memory for rows of many columns before their turn.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "rxhpc/row_packs.hpp"

namespace rxhpc::impl {

/// The cache lines of columns of doubles that will be wanted a tile later, one after another: those of one column's tile, then the next column's.
/// Whoever works on rows owes as many lines as they have, and asks for them between calculations: memory forgets what is asked too fast, and what
/// comes long before its turn is gone from the first-level cache by then.
class ColumnsAhead {
 public:
  /// The rows from `first` on are about to be worked on. Columns that are not doubles side by side are left out.
  void begin(const Chunk& chunk, std::span<const int> columns, std::int64_t first) {
    from_.clear();
    for (int k : columns)
      if (auto const& c = chunk.columns[static_cast<std::size_t>(k)]; c.side_by_side_doubles()) from_.push_back(static_cast<const char*>(c.data) + first * value);
    rows_ = chunk.rows - first;
    row_ = 0;
    owed_ = 0;
    at_ = end_ = nullptr;
    column_ = from_.size();
    turn();
  }
  void owe(std::int64_t rows) {
    if (!from_.empty()) owed_ += rows * value / line * static_cast<std::int64_t>(from_.size());
  }
  std::int64_t owed() const { return owed_ > 0 ? owed_ : 0; }

  /// body(i) for each i in [0, count), and as many lines asked for meanwhile. What the body keeps in registers stays there: all is made inline.
  template <class Body>
  [[gnu::always_inline]] inline void during(std::int64_t count, const Body& body) {
    const char* at = at_;
    for (std::int64_t i = 0; i < count; i += 2) {
      __builtin_prefetch(at, 0, 2);
      __builtin_prefetch(at + line, 0, 2);
      at += 2 * line;
      if (at == end_) {
        turn();
        at = at_;
      }
      body(i);
      if (i + 1 < count) body(i + 1);
    }
    at_ = at;
    owed_ -= count + count % 2;
  }

 private:
  static constexpr std::int64_t value = sizeof(double), line = 64, tile_rows = 8 * RowPacks::tile_packs;
  static_assert(RowPacks::tile_packs % 2 == 0, "lines are asked for in pairs");

  void turn() {
    if (column_ >= from_.size()) {
      column_ = 0;
      row_ += tile_rows;
      if (row_ + tile_rows > rows_) from_.clear(), owed_ = 0;  // the last rows of a chunk are not worth the care
    }
    if (from_.empty()) {
      if (end_) at_ = end_ - tile_rows * value;  // a loop that is under way asks for the last lines again
      return;
    }
    at_ = from_[column_++] + row_ * value;
    end_ = at_ + tile_rows * value;
  }

  std::vector<const char*> from_;
  std::size_t column_ = 0;  // after the one being asked for
  std::int64_t rows_ = 0, row_ = 0, owed_ = 0;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
};

/// body(j) for each j in [0, count), asking for as many lines meanwhile where they are owed.
template <class Body>
[[gnu::always_inline]] inline void for_columns(std::int64_t count, ColumnsAhead* ahead, const Body& body) {
  if (ahead && ahead->owed() >= count) return ahead->during(count, body);
#pragma GCC unroll 2
  for (std::int64_t j = 0; j < count; ++j) body(j);
}

}  // namespace rxhpc::impl
