// Some tiles of every chunk, read once.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "row_source_buffer.hpp"
#include "rxhpc/chunk_source.hpp"

namespace rxhpc::impl {

/// Every so manieth tile of a chunk, for passes that make a start of the same rows again and again: they are copied when they are first read, as far as
/// there is memory for them, so that a table larger than memory, or one that is text, is read once. What has no room is read each time; the rows are the
/// same. They are unchecked: damaged bytes are left to the passes that the answer comes from.
class SampledSource final : public ChunkSource {
 public:
  /// `columns` are those of all reads; at most `memory` bytes are kept.
  SampledSource(const ChunkSource& base, std::span<const int> columns, std::int64_t tile_rows, int every, std::int64_t memory);
  const Schema& schema() const override { return base_.schema(); }
  /// Rows at most: of a chunk of which a selection leaves fewer there are fewer.
  const Grid& grid() const override { return grid_; }
  bool local() const override { return base_.local(); }
  ~SampledSource() override;
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override;
  std::int64_t stored_bytes(std::int64_t chunk, std::span<const int> columns) const override { return base_.stored_bytes(chunk, columns); }
  std::int64_t held_bytes(std::span<const int> columns) const override { return base_.held_bytes(columns) + grid_.longest() * row_bytes_; }
  void prefetch(std::int64_t chunk, std::span<const int> columns) const override {
    if (!kept(chunk)) base_.prefetch(chunk, columns);
  }

 private:
  struct Sample {
    std::int64_t rows = 0;
    std::vector<Column> columns;
    std::vector<Buffer> values;
  };
  struct Scratch;
  const Sample* kept(std::int64_t chunk) const { return kept_[static_cast<std::size_t>(chunk)].load(std::memory_order_acquire); }
  std::int64_t sampled(std::int64_t rows) const;
  void take(const Chunk& from, Sample& sample) const;

  const ChunkSource& base_;
  std::int64_t tile_rows_, step_, row_bytes_;
  Grid grid_;
  mutable std::vector<std::atomic<const Sample*>> kept_;  // [chunk] read by one thread at a time, asked for ahead by others
  mutable std::atomic<std::int64_t> room_;
};

}  // namespace rxhpc::impl
