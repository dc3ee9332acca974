// Texts as files, and what is read from them as plain values.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <unistd.h>

#include "rxhpc/self_communicator.hpp"
#include "rxhpc/text.hpp"

namespace text_test {

using namespace rxhpc;

/// A file of that content for the length of a test.
class TextFile {
 public:
  explicit TextFile(const std::string& content, const std::string& name = "t.csv") {
    static int count = 0;
    folder_ = std::filesystem::temp_directory_path() / ("rxhpc_text_" + std::to_string(::getpid()) + "_" + std::to_string(count++));
    std::filesystem::create_directories(folder_);
    path_ = folder_ / name;
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~TextFile() { std::filesystem::remove_all(folder_); }
  std::string path() const { return path_.string(); }
  std::string beside(const std::string& name) const { return (folder_ / name).string(); }

 private:
  std::filesystem::path folder_, path_;
};

/// Every value of a table as text: bits of doubles, so that equal means the same bits.
struct Table {
  Schema schema;
  std::vector<std::vector<std::string>> cells;  ///< [column][row]
  bool operator==(const Table& other) const {
    if (cells != other.cells || schema.size() != other.schema.size()) return false;
    for (std::size_t i = 0; i < schema.size(); ++i)
      if (schema[i].type != other.schema[i].type || schema[i].storage != other.schema[i].storage || schema[i].levels != other.schema[i].levels ||
          schema[i].name != other.schema[i].name)
        return false;
    return true;
  }
};

inline std::string shown(const Variable& v, const Column& c, std::int64_t row) {
  if (c.storage == Storage::text) {
    auto const* p = static_cast<const char*>(c.data) + row * c.stride;
    return std::string(p, ::strnlen(p, static_cast<std::size_t>(c.text_width)));
  }
  if (v.coded()) return c.code(row) < 0 ? "<NA>" : v.levels.at(static_cast<std::size_t>(c.code(row)));
  if (c.storage == Storage::float64 || c.storage == Storage::float32) {
    double const x = c.value(row);
    char text[64];
    std::snprintf(text, sizeof text, "%a", x);
    return is_na(x) ? "<NA>" : std::isnan(x) ? "NaN" : text;
  }
  return c.integer(row) == c.missing ? "<NA>" : std::to_string(c.integer(row));
}

inline Table table_of(const ChunkSource& source) {
  Table t;
  t.schema = source.schema();
  t.cells.resize(t.schema.size());
  std::vector<int> columns;
  for (std::size_t k = 0; k < t.schema.size(); ++k) columns.push_back(static_cast<int>(k));
  Chunk chunk;
  for (std::int64_t i = 0; i < source.grid().chunks(); ++i) {
    source.read(i, columns, chunk);
    for (std::size_t k = 0; k < columns.size(); ++k)
      for (std::int64_t r = 0; r < chunk.rows; ++r) t.cells[k].push_back(shown(t.schema[k], chunk.columns[k], r));
  }
  return t;
}

inline ZoneFunction counting_zone() {
  return [](const Variable& v, const Column& c, std::int64_t rows, std::vector<std::int64_t>& counts) {
    ZoneMoments m;
    counts.assign(v.coded() ? v.levels.size() : 0, 0);
    for (std::int64_t r = 0; r < rows; ++r) {
      if (v.coded()) {
        if (c.code(r) < 0) ++m.missing;
        else ++m.n, ++counts[static_cast<std::size_t>(c.code(r))];
      } else {
        double const x = c.value(r);
        if (std::isnan(x)) ++m.missing;
        else ++m.n, m.mean += x;
      }
    }
    return m;
  };
}

inline Table read_text(const std::string& path, const TextOptions& options = {}) {
  SelfCommunicator comm;
  return table_of(*open_text(path, options, {}, comm));
}
inline Table read_content(const std::string& content, const TextOptions& options = {}) {
  TextFile file(content);
  return read_text(file.path(), options);
}
inline const std::vector<std::string>& column(const Table& t, const std::string& name) { return t.cells[static_cast<std::size_t>(t.schema.at(name))]; }

/// The message with which reading fails; empty where it does not.
template <class E = DataError>
std::string failure(const std::string& content, const TextOptions& options = {}) {
  TextFile file(content);
  try {
    read_text(file.path(), options);
  } catch (const E& e) {
    std::string const what = e.what();
    auto const at = what.find(file.path());
    return at == what.npos ? what : what.substr(at + file.path().size());
  }
  return "";
}

/// Gathers what import_text writes.
struct CollectedRows {
  std::mutex mutex;
  std::map<std::int64_t, std::vector<std::vector<std::string>>> chunks;
  Schema schema;
};
class CollectingSink final : public ChunkSink {
 public:
  CollectingSink(CollectedRows& rows, const Schema& schema) : rows_(rows), schema_(schema) {
    std::lock_guard lock(rows_.mutex);
    rows_.schema = schema;
  }
  void write(const Chunk& chunk) override {
    std::vector<std::vector<std::string>> cells(schema_.size());
    for (std::size_t k = 0; k < schema_.size(); ++k)
      for (std::int64_t r = 0; r < chunk.rows; ++r) cells[k].push_back(shown(schema_[k], chunk.columns[k], r));
    std::lock_guard lock(rows_.mutex);
    rows_.chunks[chunk.index] = std::move(cells);
  }
  void exchange() override {}
  void finish() override {}

 private:
  CollectedRows& rows_;
  Schema schema_;
};
inline Table collected(const CollectedRows& rows) {
  Table t;
  t.schema = rows.schema;
  t.cells.resize(t.schema.size());
  for (auto const& [index, cells] : rows.chunks)
    for (std::size_t k = 0; k < cells.size(); ++k) t.cells[k].insert(t.cells[k].end(), cells[k].begin(), cells[k].end());
  return t;
}

}  // namespace text_test
