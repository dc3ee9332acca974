// Row selection and transforms as a source over a source: evaluated a tile at a time inside the scan, never by writing data.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rxhpc/chunk_source.hpp"
#include "rxhpc/expression.hpp"

namespace rxhpc {

struct RowOptions {
  std::vector<std::string> transforms;  ///< `name = EXPR`, in order, each seeing those before; `name = NULL` drops a column
  std::string row_selection;            ///< rows where it is TRUE are kept; empty: all
  bool operator==(const RowOptions&) const = default;
};

/// The base's columns after the transforms (a transform of a known name replaces that column in place, a new name comes last), and
/// any columns derived for a formula. `.rxRowNums` can be used in expressions: the row's number in the base, from 1.
/// Columns that no transform touches are passed through as views. The grid is the base's; a selection makes chunks shorter.
class RowSource final : public ChunkSource {
 public:
  RowSource(const ChunkSource& base, const RowOptions& options);
  ~RowSource() override;

  /// Adds the expression's column under that name and returns its position; a plain name returns the column's own position.
  /// Types follow R: comparisons are logical, cut() and factor() are factors. F(x), F(x, low, high, exclude) and N(f) as in
  /// RevoScaleR (specification, 2.1). Throws UsageError (unknown column with "did you mean", wrong types), pointing at the character.
  int derive(const Expr& e, const std::string& name);
  /// Adds a factor with these levels made from column `column` (factor, character, logical by text; number by its shortest text);
  /// values that are not among them become missing.
  int derive_factor(int column, const std::vector<std::string>& levels, const std::string& name);
  /// The expression with what it takes from this table written into it, so that it means the same for another one: the levels whose
  /// codes N() and as.integer() give, that text is text, the range of F(). The same node where there is nothing.
  ExprPtr pinned(const ExprPtr& e);
  /// What this source was made with, transforms pinned: for a model file.
  const RowOptions& options() const;
  /// F() without a range on a column whose low and high are unknown asks this for them: (lowest, highest) of a column of this source.
  using RangeFunction = std::function<std::pair<double, double>(const RowSource&, int column)>;
  void set_range_function(RangeFunction f);

  bool selects_rows() const;
  /// True where the column is the base's own, untouched: then `base_column` is its position there.
  int base_column(int column) const;  ///< -1 for computed columns

  const Schema& base_schema() const;  ///< before transforms

  const Schema& schema() const override;
  const Grid& grid() const override;
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override { read_rows(chunk, columns, out, true); }
  void read_unchecked(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override { read_rows(chunk, columns, out, false); }
  void read_pieces(std::int64_t chunk, std::span<const int> columns, Chunk& out, const PieceFunction& use) const override;
  bool columns_apart() const override;  ///< as the base, until rows are selected or a transform or derived column exists
  const ZoneMap* zone_map() const override;  ///< null as soon as rows are selected or a transform or derived column exists
  std::int64_t stored_bytes(std::int64_t chunk, std::span<const int> columns) const override;
  std::int64_t held_bytes(std::span<const int> columns) const override;
  void prefetch(std::int64_t chunk, std::span<const int> columns) const override;
  bool local() const override;

 private:
  struct Impl;
  void read_rows(std::int64_t chunk, std::span<const int> columns, Chunk& out, bool check) const;
  std::unique_ptr<Impl> impl_;
};

/// A source whose chunks are short (rows selected) seen through a clean grid of `chunk_rows` rows: chunk k holds the selected rows
/// [k * chunk_rows, ...) in order. `selected` is the number of rows of each chunk of the base.
class RegriddedSource final : public ChunkSource {
 public:
  RegriddedSource(const ChunkSource& base, const std::vector<std::int64_t>& selected, std::int64_t chunk_rows);
  const Schema& schema() const override { return base_.schema(); }
  const Grid& grid() const override { return grid_; }
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override;
  bool local() const override { return base_.local(); }

 private:
  const ChunkSource& base_;
  Grid grid_, selected_;
  std::uint64_t id_;  ///< tells it from others in the scratch of a chunk that several sources fill
};

}  // namespace rxhpc
