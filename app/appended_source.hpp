// Two tables seen as one: one below the other, or side by side.
#pragma once
#include <array>
#include <vector>

#include "rxhpc/chunk_source.hpp"

namespace rxhpc::app {

/// The rows of `first`, then those of `second`, under the columns of `first`. Columns are matched by name; numbers take the wider type,
/// factor levels that only `second` has come last; in an ordered factor they are an error unless `second` has them there, too.
class RowsAfterRows final : public ChunkSource {
 public:
  /// `both`: false leaves the rows of `first` out, so that only the new ones, in the common form, are seen.
  /// Throws DataError where a column is in one alone, or where types do not go together.
  RowsAfterRows(const ChunkSource& first, const ChunkSource& second, const std::vector<int>& second_columns, bool both = true);

  const Schema& schema() const override { return schema_; }
  const Grid& grid() const override { return grid_; }
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override;

 private:
  /// How one side's column becomes the common one.
  struct Mapping {
    int column = 0;
    bool as_it_is = true;
    std::vector<std::int32_t> codes;  ///< of coded columns: new code of each old one
  };

  std::array<const ChunkSource*, 2> sides_;
  std::array<std::vector<Mapping>, 2> mappings_;
  std::int64_t chunks_before_ = 0;  ///< chunks of `first`
  Schema schema_;
  Grid grid_;
};

/// Columns of two sources with one grid, side by side.
class ColumnsBesideColumns final : public ChunkSource {
 public:
  struct Place {
    int side, column;
  };
  ColumnsBesideColumns(const ChunkSource& left, const ChunkSource& right, std::vector<Place> places);

  const Schema& schema() const override { return schema_; }
  const Grid& grid() const override { return sides_[0]->grid(); }
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override;

 private:
  std::array<const ChunkSource*, 2> sides_;
  std::vector<Place> places_;
  Schema schema_;
};

}  // namespace rxhpc::app
