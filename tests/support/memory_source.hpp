// A table in memory with any chunk length, for tests.
#pragma once
#include <cmath>
#include <deque>
#include <string>
#include <vector>

#include "rxhpc/chunk_source.hpp"

namespace rxhpc::test {

class MemorySource final : public ChunkSource {
 public:
  explicit MemorySource(std::int64_t chunk_rows = default_chunk_rows) : chunk_rows_(chunk_rows) {}

  MemorySource& numeric(const std::string& name, std::vector<double> values) {
    Variable v;
    v.name = name;
    numbers_.push_back(std::move(values));
    return add(std::move(v), numbers_.back().data(), numbers_.back().size());
  }
  MemorySource& integer(const std::string& name, std::vector<std::int32_t> values) {
    Variable v;
    v.name = name;
    v.type = VarType::integer;
    v.storage = Storage::int32;
    codes_.push_back(std::move(values));
    return add(std::move(v), codes_.back().data(), codes_.back().size());
  }
  /// Codes from 0, -1 for missing.
  MemorySource& factor(const std::string& name, std::vector<std::string> levels, std::vector<std::int32_t> codes, VarType type = VarType::factor) {
    Variable v;
    v.name = name;
    v.type = type;
    v.storage = Storage::int32;
    v.levels = std::move(levels);
    codes_.push_back(std::move(codes));
    return add(std::move(v), codes_.back().data(), codes_.back().size());
  }

  const Schema& schema() const override { return schema_; }
  const Grid& grid() const override { return grid_; }
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override {
    out.index = chunk;
    out.first_row = grid_.first(chunk);
    out.rows = grid_.rows(chunk);
    out.columns.clear();
    for (int c : columns) out.columns.push_back(column_of(schema_[c], data_[c]).from(out.first_row));
  }

 private:
  MemorySource& add(Variable v, const void* data, std::size_t rows) {
    schema_.variables.push_back(std::move(v));
    data_.push_back(data);
    grid_ = Grid::uniform(static_cast<std::int64_t>(rows), chunk_rows_);
    return *this;
  }
  std::int64_t chunk_rows_;
  Schema schema_;
  Grid grid_;
  std::deque<std::vector<double>> numbers_;
  std::deque<std::vector<std::int32_t>> codes_;
  std::vector<const void*> data_;
};

}  // namespace rxhpc::test
