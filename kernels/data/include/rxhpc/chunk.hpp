// Some rows of some columns: the unit of reading, decoding and computing.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "rxhpc/column.hpp"

namespace rxhpc {

/// The rows of every chunk of a table, fixed when it was written; results depend on it and never on ranks or threads.
class Grid {
 public:
  Grid() = default;
  explicit Grid(std::vector<std::int64_t> rows_of_each) : first_{0} {
    for (auto rows : rows_of_each) {
      first_.push_back(first_.back() + rows);
      if (rows > longest_) longest_ = rows;
    }
  }
  /// Chunks of `length` rows, the last one shorter.
  static Grid uniform(std::int64_t total, std::int64_t length) {
    std::vector<std::int64_t> rows;
    for (std::int64_t done = 0; done < total; done += length) rows.push_back(total - done < length ? total - done : length);
    return Grid(std::move(rows));
  }
  std::int64_t chunks() const { return static_cast<std::int64_t>(first_.size()) - 1; }
  std::int64_t total() const { return first_.back(); }
  std::int64_t first(std::int64_t chunk) const { return first_[chunk]; }  ///< global number, from 0, of its first row
  std::int64_t rows(std::int64_t chunk) const { return first_[chunk + 1] - first_[chunk]; }
  std::int64_t longest() const { return longest_; }  ///< rows of the longest chunk

 private:
  std::vector<std::int64_t> first_{0};
  std::int64_t longest_ = 0;
};

constexpr std::int64_t default_chunk_rows = 131072;

/// What a source keeps between two reads into the same chunk: decode buffers, or the chunk of the source below it.
struct ChunkScratch {
  virtual ~ChunkScratch() = default;
};

/// Filled by ChunkSource::read. Reuse one a thread: buffers are kept. `columns[k]` is the k-th column asked for.
struct Chunk {
  std::int64_t index = 0;      ///< place in the global grid
  std::int64_t first_row = 0;  ///< global number, from 0, of the grid's first row of this chunk
  std::int64_t rows = 0;       ///< rows present; fewer than the grid's where a row selection has dropped some
  bool in_cache = false;       ///< the pieces handed on have just been read: kernels need not ask memory for them early
  std::vector<Column> columns;
  std::unique_ptr<ChunkScratch> scratch;
};

}  // namespace rxhpc
