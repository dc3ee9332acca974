// What a table file says about itself, without its rows: schema, chunk table, zone map.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "rxhpc/communicator.hpp"
#include "rxhpc/table.hpp"
#include "rxhpc/zone_map.hpp"

namespace rxhpc::impl {

constexpr const char* format_name = "rxhpc-table";
constexpr int format_version = 2;
/// Zone maps of level counts beyond this many bytes a column are not kept (level_counts of the column is then empty).
constexpr std::int64_t level_counts_limit = std::int64_t{64} << 20;

/// Where a chunk lies: bytes from the start of the file, and the XXH3-64 of what is stored there.
struct StoredChunk {
  std::uint64_t address = 0, bytes = 0, hash = 0;
};

/// One table file's metadata.
struct TableImage {
  std::string path;                             ///< not stored
  std::uint64_t file_bytes = 0;                 ///< not stored: the length that the file had when this was read,
  std::int64_t modified = 0;                    ///< and when it had last been written to, in nanoseconds since 1970
  Schema schema;
  std::int64_t rows = 0, chunk_rows = default_chunk_rows;
  Codec codec = Codec::none;
  std::vector<std::vector<StoredChunk>> chunks;  ///< [column][chunk]
  ZoneMap zones;

  std::int64_t chunk_count() const { return rows == 0 ? 0 : (rows - 1) / chunk_rows + 1; }
  std::int64_t rows_of(std::int64_t chunk) const { return std::min(chunk_rows, rows - chunk * chunk_rows); }
};

/// Level counts are stored for this column of a table of that many chunks.
bool keeps_level_counts(const Variable& v, std::int64_t chunks);

/// The JSON of /rx/schema, and back. Throws DataError naming `file`.
std::string schema_text(const TableImage& image);
void parse_schema_text(const std::string& text, const std::string& file, TableImage& image);

/// Zone map [chunk][column] and chunk table as the stored arrays; the hash runs over these and the schema's text.
struct ImageArrays {
  std::vector<std::int64_t> n, missing;
  std::vector<double> mean, mean_lo, m2, min, max;
  std::vector<std::uint64_t> chunks;               ///< [column][chunk][3]: address, bytes, hash
  std::vector<std::vector<std::int64_t>> levels;   ///< [column] of [chunk][level]; empty where not kept
};
ImageArrays arrays_of(const TableImage& image);
/// Throws DataError where no file of the image's length can hold the arrays that its schema and rows ask for: nothing is allocated for those.
void require_arrays_fit(const TableImage& image);
/// Of the lengths that these ask for.
ImageArrays shaped_arrays(const TableImage& image);
/// All of them in the order of the hash.
template <class Arrays, class Use>
void each_array(Arrays& a, Use&& use) {
  use(a.n);
  use(a.missing);
  for (auto* values : {&a.mean, &a.mean_lo, &a.m2, &a.min, &a.max}) use(*values);
  use(a.chunks);
  for (auto& values : a.levels) use(values);
}
void take_arrays(const ImageArrays& arrays, TableImage& image);
std::uint64_t metadata_hash(const std::string& schema, const ImageArrays& arrays);

/// A column's link name under /data: '%', '/', a leading '.', control characters and "_index" itself in percent form.
std::string link_name(const std::string& column);

/// Values one after the other, for sending.
class ByteWriter {
 public:
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void put(const T& value) { append(&value, sizeof value); }
  template <class T>
  void put(const std::vector<T>& values) {
    put(static_cast<std::uint64_t>(values.size()));
    append(values.data(), values.size() * sizeof(T));
  }
  void put(const std::string& text) {
    put(static_cast<std::uint64_t>(text.size()));
    append(text.data(), text.size());
  }
  void append(const void* data, std::size_t bytes) {
    if (bytes == 0) return;
    auto const at = bytes_.size();
    bytes_.resize(at + bytes);
    std::memcpy(bytes_.data() + at, data, bytes);
  }
  Bytes& bytes() { return bytes_; }

 private:
  Bytes bytes_;
};

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  bool done() const { return at_ == bytes_.size(); }
  template <class T>
  T get() {
    T value;
    std::memcpy(&value, take(sizeof value), sizeof value);
    return value;
  }
  template <class T>
  std::vector<T> get_vector() {
    auto const count = static_cast<std::size_t>(get<std::uint64_t>());
    std::vector<T> values(count);
    if (count) std::memcpy(values.data(), take(count * sizeof(T)), count * sizeof(T));
    return values;
  }
  std::string get_text() {
    auto const count = static_cast<std::size_t>(get<std::uint64_t>());
    return std::string(reinterpret_cast<const char*>(take(count)), count);
  }
  const std::byte* take(std::size_t bytes) {
    auto const* p = bytes_.data() + at_;
    at_ += bytes;
    return p;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

void put_image(ByteWriter& out, const TableImage& image);
TableImage get_image(ByteReader& in);

}  // namespace rxhpc::impl
