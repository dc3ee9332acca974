// Rows for a first look.
#pragma once
#include "rxhpc/chunk_source.hpp"

namespace rxhpc::impl {

/// The source for a pass that only makes a start: damaged bytes are left to the passes that the answer comes from.
class UncheckedSource final : public ChunkSource {
 public:
  explicit UncheckedSource(const ChunkSource& base) : base_(base) {}
  const Schema& schema() const override { return base_.schema(); }
  const Grid& grid() const override { return base_.grid(); }
  bool local() const override { return base_.local(); }
  const ZoneMap* zone_map() const override { return base_.zone_map(); }
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override { base_.read_unchecked(chunk, columns, out); }
  std::int64_t stored_bytes(std::int64_t chunk, std::span<const int> columns) const override { return base_.stored_bytes(chunk, columns); }
  std::int64_t held_bytes(std::span<const int> columns) const override { return base_.held_bytes(columns); }
  void prefetch(std::int64_t chunk, std::span<const int> columns) const override { base_.prefetch(chunk, columns); }

 private:
  const ChunkSource& base_;
};

}  // namespace rxhpc::impl
