// Small tables with every type, and the folder they are written to.
#pragma once
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "rxhpc/self_communicator.hpp"
#include "rxhpc/table.hpp"

namespace rxhpc::test {

/// A folder that goes away with the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "rxhpc-table-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator()));
  }

 private:
  std::filesystem::path path_;
};

/// Counts, sums and ranges in row order: stands in for the summary kernel.
inline ZoneMoments plain_zone(const Variable& v, const Column& c, std::int64_t rows, std::vector<std::int64_t>& counts) {
  ZoneMoments z;
  for (std::int64_t i = 0; i < rows; ++i) {
    if (v.coded()) {
      auto const code = c.code(i);
      if (code < 0) ++z.missing;
      else ++z.n, ++counts[static_cast<std::size_t>(code)];
      continue;
    }
    double const x = c.value(i);
    if (x != x) { ++z.missing; continue; }
    z.min = z.n == 0 ? x : std::min(z.min, x);
    z.max = z.n == 0 ? x : std::max(z.max, x);
    z.mean += (x - z.mean) / static_cast<double>(++z.n);
  }
  return z;
}

/// A column's values in memory.
struct Values {
  Variable variable;
  std::vector<unsigned char> bytes;
  std::int64_t rows = 0;

  Column column(std::int64_t first) const {
    return column_of(variable, bytes.data() + first * variable.value_bytes());
  }
};

template <class T>
Values values(const std::string& name, VarType type, Storage storage, const std::vector<T>& data, std::vector<std::string> levels = {}) {
  Values v;
  v.variable.name = name;
  v.variable.type = type;
  v.variable.storage = storage;
  v.variable.levels = std::move(levels);
  v.rows = static_cast<std::int64_t>(data.size());
  v.bytes.resize(data.size() * sizeof(T));
  if (!data.empty()) std::memcpy(v.bytes.data(), data.data(), v.bytes.size());
  return v;
}

inline Values texts(const std::string& name, int width, const std::vector<std::string>& data) {
  Values v;
  v.variable.name = name;
  v.variable.type = VarType::character;
  v.variable.storage = Storage::text;
  v.variable.text_width = width;
  v.rows = static_cast<std::int64_t>(data.size());
  v.bytes.resize(data.size() * static_cast<std::size_t>(width), 0);
  for (std::size_t i = 0; i < data.size(); ++i) std::memcpy(v.bytes.data() + i * static_cast<std::size_t>(width), data[i].data(), data[i].size());
  return v;
}

struct MemoryTable {
  std::vector<Values> columns;
  std::int64_t chunk_rows = 100;

  std::int64_t rows() const { return columns.empty() ? 0 : columns[0].rows; }
  Grid grid() const { return Grid::uniform(rows(), chunk_rows); }
  Schema schema() const {
    Schema s;
    for (auto const& c : columns) s.variables.push_back(c.variable);
    return s;
  }
  Chunk chunk(std::int64_t k) const {
    Chunk out;
    auto const g = grid();
    out.index = k;
    out.first_row = g.first(k);
    out.rows = g.rows(k);
    for (auto const& c : columns) out.columns.push_back(c.column(out.first_row));
    return out;
  }
};

/// Every type with missing values, odd names, many levels. Row i's values follow from i.
inline MemoryTable every_type(std::int64_t rows, std::int64_t chunk_rows) {
  std::vector<double> numeric;
  std::vector<float> single;
  std::vector<std::int8_t> logical, tiny;
  std::vector<std::int16_t> code, small;
  std::vector<std::uint16_t> word;
  std::vector<std::int32_t> whole, day;
  std::vector<std::int64_t> big, instant;
  std::vector<std::string> text, levels, few{"A", "B", "Ünïcode", ""};
  for (int k = 0; k < 200; ++k) levels.push_back("level " + std::to_string(k));
  for (std::int64_t i = 0; i < rows; ++i) {
    bool const gone = i % 7 == 3;
    numeric.push_back(gone ? na_value() : static_cast<double>(i) / 3 - 5);
    single.push_back(gone ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(i) / 8);
    logical.push_back(gone ? -1 : i % 2);
    tiny.push_back(gone ? INT8_MIN : static_cast<std::int8_t>(i % 100 - 50));
    small.push_back(gone ? INT16_MIN : static_cast<std::int16_t>(i * 31));
    word.push_back(gone ? UINT16_MAX : static_cast<std::uint16_t>(60000 + i % 1000));
    whole.push_back(gone ? INT32_MIN : static_cast<std::int32_t>(i * 100003));
    big.push_back(gone ? INT64_MIN : (i + 1) * 1000000007ll * 1009);
    code.push_back(gone ? -1 : static_cast<std::int16_t>(i * 13 % 200));
    day.push_back(gone ? INT32_MIN : static_cast<std::int32_t>(15000 + i));
    instant.push_back(gone ? INT64_MIN : 1357000000000000ll + i * 1500000);
    text.push_back(gone ? "" : "text " + std::to_string(i * i));
  }
  std::vector<std::int8_t> letters(logical.begin(), logical.end());
  MemoryTable t;
  t.chunk_rows = chunk_rows;
  t.columns = {values("numeric", VarType::numeric, Storage::float64, numeric),
               values("single", VarType::float32, Storage::float32, single),
               values("logical", VarType::logical, Storage::int8, logical),
               values("tiny", VarType::integer, Storage::int8, tiny),
               values("small", VarType::int16, Storage::int16, small),
               values("word", VarType::uint16, Storage::uint16, word),
               values("whole", VarType::integer, Storage::int32, whole),
               values("big", VarType::int64, Storage::int64, big),
               values("a/b", VarType::factor, Storage::int16, code, levels),
               values(".", VarType::ordered, Storage::int8, letters, few),
               values("ch%r", VarType::character, Storage::int8, letters, few),
               values("_index", VarType::date, Storage::int32, day),
               values("when", VarType::posixct, Storage::int64, instant),
               texts("text", 24, text)};
  t.columns[0].variable.description = "thirds, \"quoted\"";
  t.columns[0].variable.low = -5;
  t.columns[0].variable.high = 1e6;
  return t;
}

inline void write_table(const MemoryTable& t, const std::string& path, TableOptions options = {}) {
  SelfCommunicator comm;
  auto sink = create_table(path, t.schema(), t.grid(), options, plain_zone, comm);
  for (std::int64_t k = 0; k < t.grid().chunks(); ++k) sink->write(t.chunk(k));
  sink->finish();
}

inline std::vector<int> all_columns(const ChunkSource& source) {
  std::vector<int> all;
  for (std::size_t c = 0; c < source.schema().size(); ++c) all.push_back(static_cast<int>(c));
  return all;
}

/// All bytes of all columns, [column]; throws what reading throws.
inline std::vector<std::vector<unsigned char>> read_all(const ChunkSource& source) {
  std::vector<std::vector<unsigned char>> bytes(source.schema().size());
  Chunk chunk;
  auto const columns = all_columns(source);
  for (std::int64_t k = 0; k < source.grid().chunks(); ++k) {
    source.read(k, columns, chunk);
    for (std::size_t c = 0; c < bytes.size(); ++c) {
      auto const* p = static_cast<const unsigned char*>(chunk.columns[c].data);
      bytes[c].insert(bytes[c].end(), p, p + chunk.rows * source.schema()[c].value_bytes());
    }
  }
  return bytes;
}

}  // namespace rxhpc::test
