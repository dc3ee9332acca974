// Rows laid out for a kernel that looks at them in every pass, kept between passes as far as memory allows.
#pragma once
#include <algorithm>
#include <atomic>
#include <memory>
#include <vector>

#include "rxhpc/chunk_source.hpp"
#include "rxhpc/row_bounds.hpp"
#include "rxhpc/row_packs.hpp"

namespace rxhpc::impl {

/// One entry a chunk of the source; empty rows where they are still to be filled. A chunk is one thread's at a time; results must not depend on which chunks were kept.
class KeptRows {
 public:
  KeptRows(std::int64_t chunks, std::int64_t budget) : rows_(static_cast<std::size_t>(chunks)), budget_(budget) {}
  RowPacks* find(std::int64_t chunk) const { return rows_[static_cast<std::size_t>(chunk)].get(); }
  /// A place for the rows of that chunk, to be filled at once; null where they would not fit.
  RowPacks* make_room(std::int64_t chunk, std::int64_t bytes) {
    if (used_.fetch_add(bytes) + bytes > budget_) {
      used_ -= bytes;
      return nullptr;
    }
    rows_[static_cast<std::size_t>(chunk)] = std::make_unique<RowPacks>();
    return rows_[static_cast<std::size_t>(chunk)].get();
  }

 private:
  std::vector<std::unique_ptr<RowPacks>> rows_;
  std::int64_t budget_;
  std::atomic<std::int64_t> used_{0};
};

/// Bounds of rows between the passes of an iteration, one entry a chunk. A chunk is one thread's at a time. Where they save little they rest for some
/// passes, ever longer: what each rank decides for itself, since results do not depend on it.
class KeptBounds {
 public:
  explicit KeptBounds(std::int64_t chunks) : bounds_(static_cast<std::size_t>(chunks)) {}
  static std::int64_t bytes(std::int64_t rows) { return 12 * (rows + 8); }
  RowBounds* at(std::int64_t chunk) { return &bounds_[static_cast<std::size_t>(chunk)]; }
  /// A new iteration begins.
  void forget() {
    for (auto& b : bounds_) b.filled = false;
    rest_ = 0, length_ = 2;
    rows_ = saved_ = 0;
  }
  /// Before a pass: whether it uses them.
  bool in_use() {
    if (rows_ > 0 && saved_ < rows_ / 10) {
      rest_ = length_ + 1;
      length_ = std::min(2 * length_, 16);
      for (auto& b : bounds_) b.filled = false;
    }
    rows_ = saved_ = 0;
    return rest_ == 0 || --rest_ == 0;
  }
  /// After a chunk of so many rows that had bounds before.
  void count(std::int64_t rows, std::int64_t saved) {
    rows_ += rows;
    saved_ += saved;
  }

 private:
  std::vector<RowBounds> bounds_;
  std::atomic<std::int64_t> rows_{0}, saved_{0};
  int rest_ = 0, length_ = 2;
};

/// The source without the columns of chunks whose rows are kept: nobody reads them again.
class UnkeptSource final : public ChunkSource {
 public:
  UnkeptSource(const ChunkSource& base, const KeptRows& kept) : base_(base), kept_(kept) {}
  const Schema& schema() const override { return base_.schema(); }
  const Grid& grid() const override { return base_.grid(); }
  bool local() const override { return base_.local(); }
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override {
    if (!kept_.find(chunk)) return base_.read(chunk, columns, out);
    out.index = chunk;
    out.first_row = base_.grid().first(chunk);
    out.rows = 0;
    out.columns.clear();
  }
  void read_pieces(std::int64_t chunk, std::span<const int> columns, Chunk& out, const PieceFunction& use) const override {
    if (kept_.find(chunk)) return ChunkSource::read_pieces(chunk, columns, out, use);
    base_.read_pieces(chunk, columns, out, use);
  }
  std::int64_t stored_bytes(std::int64_t chunk, std::span<const int> columns) const override {
    return kept_.find(chunk) ? 0 : base_.stored_bytes(chunk, columns);
  }
  std::int64_t held_bytes(std::span<const int> columns) const override { return base_.held_bytes(columns); }
  void prefetch(std::int64_t chunk, std::span<const int> columns) const override {
    if (!kept_.find(chunk)) base_.prefetch(chunk, columns);
  }

 private:
  const ChunkSource& base_;
  const KeptRows& kept_;
};

}  // namespace rxhpc::impl
