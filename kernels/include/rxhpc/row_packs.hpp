// Rows of numeric columns laid out for kernels that look at all columns of a row: eight rows side by side, column after column.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "rxhpc/chunk.hpp"

namespace rxhpc {

/// Which columns of a chunk make a row, and which rows take part.
struct RowPackSpec {
  std::vector<int> columns;   ///< positions in the chunk
  int weight = -1;            ///< position of the weight; -1: every row weighs 1
  std::vector<double> shift;  ///< [columns] subtracted from the values
  bool partial = false;       ///< a row takes part where any of its values is there (missing cells stay NaN); false: where all are
};

/// Rows [first, first + count) of a chunk: pack b holds rows 8b to 8b + 7 as [columns][8] doubles. A row that does not take part keeps its
/// place, with zeros. Infinite values and negative weights are counted, their rows left out: the caller refuses them.
class RowPacks {
 public:
  static constexpr std::int64_t tile_packs = 6;   ///< so many are used together: 28 columns, as they were and laid out, fit the first-level cache

  RowPacks() = default;
  RowPacks(const RowPacks& other);
  RowPacks(RowPacks&&) = default;
  RowPacks& operator=(const RowPacks&) = delete;
  RowPacks& operator=(RowPacks&&) = default;

  /// Fills this with rows of the chunk; memory is kept from one call to the next. Reads 8 bytes a value and writes as many.
  void assign(const Chunk& chunk, std::int64_t first, std::int64_t count, const RowPackSpec& spec);
  /// The same for at most most_tile_rows rows that are used where they lie, see in_place: rows with missing values or weights alone are written. The chunk
  /// must stay until the rows are done with, which are one thread's: a copy of them is empty, and lay_out and sharpen write.
  void assign_in_place(const Chunk& chunk, std::int64_t first, std::int64_t count, const RowPackSpec& spec);
  static constexpr std::int64_t most_tile_rows = 256;
  static_assert(8 * tile_packs <= most_tile_rows);
  /// After assign_in_place or itself, on the same object: the `count` rows of the same chunk that follow.
  void assign_next(const Chunk& chunk, std::int64_t first, std::int64_t count, const RowPackSpec& spec);

  /// Fills this with some rows of others: `count` numbers within packs [first, ...) of `from`, weights left out.
  void gather(const RowPacks& from, std::int64_t first, const std::int32_t* which, int count);
  int columns() const { return columns_; }
  std::int64_t rows() const { return rows_; }
  std::int64_t packs() const { return (rows_ + 7) / 8; }
  const double* pack(std::int64_t b) const { return x_.get() + b * columns_ * 8; }  ///< not in_place
  bool in_place(std::int64_t b) const { return in_place_ && !laid_out_[static_cast<std::size_t>(b)]; }
  /// The eight values of column j of a pack in place lie at sources()[j] + source_row(b), the shift not subtracted.
  const double* const* sources() const { return source_.data(); }
  std::int64_t source_row(std::int64_t b) const { return first_ + 8 * b; }
  const double* shift() const { return shifted_ ? shift_.data() : nullptr; }  ///< [columns], zeros to the next multiple of 8; null: all zeros
  /// Packs [first, first + count) are not in place any more.
  void lay_out(std::int64_t first, std::int64_t count) const;
  unsigned present(std::int64_t b) const { return present_[b]; }  ///< bit i: row 8b + i takes part
  double reach(std::int64_t b) const { return reach_[b]; }        ///< at least the largest |x| of the pack's rows; NaN where one has a missing cell
  /// Looks at the rows where `reach` comes from the bounds of their columns: it is then little more than the largest |x|.
  void sharpen(std::int64_t b) const;
  const double* weight(std::int64_t b) const { return weight_.empty() ? nullptr : weight_.data() + 8 * b; }
  std::int64_t valid() const { return valid_; }
  std::int64_t missing() const { return missing_; }               ///< rows with a missing value (partial: all missing) or weight
  std::int64_t infinite() const { return infinite_; }
  std::int64_t negative_weight() const { return negative_weight_; }

  static std::int64_t bytes(std::int64_t rows, int columns, bool weighted) { return (rows + 7) / 8 * (64 * (columns + (weighted ? 1 : 0)) + 9); }

 private:
  struct Free {
    void operator()(double* p) const;
  };
  void reserve(std::int64_t doubles);
  void begin(std::int64_t count, const RowPackSpec& spec);
  bool take_sources(const Chunk& chunk, std::int64_t first, std::int64_t count, const RowPackSpec& spec);
  void take_in_place(const Chunk& chunk, std::int64_t first, std::int64_t count, const RowPackSpec& spec);
  double reach_of_bounds(const Chunk& chunk, const RowPackSpec& spec) const;
  template <bool InPlace>
  void take_rows(std::int64_t count, std::int64_t b, const RowPackSpec& spec);
  template <int Packs, bool InPlace>
  void take(std::int64_t i, std::int64_t b, int lanes, const RowPackSpec& spec);
  void lay_out_pack(std::int64_t b, int lanes) const;
  void sort_out(std::int64_t b, int valid_lanes, const double* weight, bool partial);

  int columns_ = 0;
  bool in_place_ = false;
  bool side_by_side_ = false;          // all sources are the chunk's own values
  std::vector<double> shift_;          // of rows in place
  bool shifted_ = false;               // likewise: it is not all zeros
  double reach_of_all_ = std::numeric_limits<double>::quiet_NaN();  // likewise: of any whole rows, by the columns' bounds; NaN: not known
  std::int64_t first_ = 0;             // likewise: their first row in the sources
  std::int64_t rows_ = 0, capacity_ = 0;
  std::unique_ptr<double[], Free> x_;
  mutable std::vector<double> reach_;
  std::vector<double> weight_, buffer_;
  std::vector<const double*> source_;  // of the rows taken last
  std::vector<unsigned char> present_;
  mutable std::vector<unsigned char> laid_out_;  // of rows in place: packs that are not any more
  std::int64_t valid_ = 0, missing_ = 0, infinite_ = 0, negative_weight_ = 0;
};

}  // namespace rxhpc
