// A table in memory, cut into chunks, for the tests of this room.
#pragma once
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rxhpc/chunk_source.hpp"

namespace rxhpc::test {

class MemorySource final : public ChunkSource {
 public:
  explicit MemorySource(const std::vector<std::int64_t>& chunk_rows) : grid_(chunk_rows) {}
  /// Chunks of that many rows, as many as the first column needs.
  explicit MemorySource(std::int64_t chunk_rows = default_chunk_rows) : uniform_(chunk_rows) {}

  void add(Variable v, const void* data, std::size_t bytes) {
    auto copy = std::make_shared<std::vector<char>>(bytes);
    if (bytes) std::memcpy(copy->data(), data, bytes);
    data_.push_back(std::move(copy));
    schema_.variables.push_back(std::move(v));
  }
  template <class T>
  void add(const std::string& name, VarType type, Storage storage, const std::vector<T>& values, std::vector<std::string> levels = {}) {
    Variable v;
    v.name = name;
    v.type = type;
    v.storage = storage;
    v.levels = std::move(levels);
    if (uniform_ > 0 && schema_.variables.empty()) grid_ = Grid::uniform(static_cast<std::int64_t>(values.size()), uniform_);
    add(std::move(v), values.data(), values.size() * sizeof(T));
  }
  MemorySource& numeric(const std::string& name, const std::vector<double>& x) {
    add(name, VarType::numeric, Storage::float64, x);
    return *this;
  }
  MemorySource& integer(const std::string& name, const std::vector<std::int32_t>& x) {
    add(name, VarType::integer, Storage::int32, x);
    return *this;
  }
  MemorySource& logical(const std::string& name, const std::vector<std::int8_t>& x) {
    add(name, VarType::logical, Storage::int8, x);
    return *this;
  }
  /// Codes from 0, -1 for missing; fewer than 128 levels.
  MemorySource& factor(const std::string& name, std::vector<std::string> levels, const std::vector<int>& codes, VarType type = VarType::factor) {
    add(name, type, Storage::int8, std::vector<std::int8_t>(codes.begin(), codes.end()), std::move(levels));
    return *this;
  }
  void text(const std::string& name, int width, const std::vector<std::string>& values) {
    Variable v;
    v.name = name;
    v.type = VarType::character;
    v.storage = Storage::text;
    v.text_width = width;
    std::string bytes;
    for (auto const& value : values) bytes += value + std::string(static_cast<std::size_t>(width) - value.size(), '\0');
    add(std::move(v), bytes.data(), bytes.size());
  }

  Schema& variables() { return schema_; }
  const void* address(int column) const { return data_[static_cast<std::size_t>(column)]->data(); }
  const Schema& schema() const override { return schema_; }
  const Grid& grid() const override { return grid_; }
  bool columns_apart() const override { return apart; }
  bool apart = false;  ///< whether to say that columns may be read one by one
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override {
    out.index = chunk;
    out.first_row = grid_.first(chunk);
    out.rows = grid_.rows(chunk);
    out.columns.clear();
    for (int c : columns) {
      auto const at = static_cast<std::size_t>(c);
      out.columns.push_back(column_of(schema_[at], data_[at]->data()).from(grid_.first(chunk)));
    }
  }

 private:
  std::int64_t uniform_ = 0;
  Grid grid_;
  Schema schema_;
  std::vector<std::shared_ptr<std::vector<char>>> data_;
};

/// All values of one column of a source, NA where missing; codes of coded columns.
inline std::vector<double> all_values(const ChunkSource& source, int column) {
  std::vector<double> values;
  Chunk chunk;
  for (std::int64_t k = 0; k < source.grid().chunks(); ++k) {
    source.read(k, std::vector<int>{column}, chunk);
    std::vector<double> part(static_cast<std::size_t>(chunk.rows));
    load_values(chunk.columns[0], 0, chunk.rows, part.data());
    values.insert(values.end(), part.begin(), part.end());
  }
  return values;
}

/// All values as text: levels of coded columns, "NA" where missing.
inline std::vector<std::string> all_texts(const ChunkSource& source, int column) {
  std::vector<std::string> texts;
  for (double x : all_values(source, column))
    texts.push_back(x != x ? "NA" : source.schema()[static_cast<std::size_t>(column)].levels[static_cast<std::size_t>(x)]);
  return texts;
}

}  // namespace rxhpc::test
