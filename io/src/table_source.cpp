// Reading tables: metadata once on rank 0, then chunks by every thread of every rank, without locks and without HDF5.
#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

#include "hdf5_foreign.hpp"
#include "parts_manifest.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/table.hpp"
#include "table_convert.hpp"
#include "table_mapping.hpp"
#include "table_metadata.hpp"

namespace rxhpc {
namespace impl {
namespace {

constexpr std::size_t pages_around = 65536;  // what Linux enters into its tables at one fault
constexpr std::uint64_t longest_hdf5_chunk = 0xFFFFFFFF;

struct ReadScratch final : ChunkScratch {
  ChunkDecoder decoder;
  std::vector<HashStream> streams;  ///< [position among the columns asked for]
  std::vector<char> fresh;          ///< likewise: not yet seen to be right
  Buffer stored;
  std::vector<Buffer> values, converted;  ///< [position among the columns asked for]
};

// How what is not in the page cache comes there: in whole blocks, which are mapped at a fraction of the cost of single pages and of which the next one is
// read ahead, or in pages. To ask for read-ahead brings pages.
enum class Arrival { unknown, blocks, pages };

constexpr int mostly_cached = 64;  // columns found in the page cache one after another, from where on one a chunk is looked at

// One file of the table. `checked` [column * chunks + chunk]: whether those mapped bytes have been seen to be right by some thread; a later
// pass through the same source looks whether they are still there and hashes no more.
struct FileOfTable {
  TableImage image;
  std::unique_ptr<MappedFile> bytes;
  mutable std::vector<std::atomic<bool>> checked;
  mutable std::atomic<Arrival> arrival = Arrival::unknown;
  mutable std::atomic<int> found_cached = 0;

  FileOfTable(TableImage i, std::unique_ptr<MappedFile> b, std::size_t cells) : image(std::move(i)), bytes(std::move(b)), checked(cells) {}
  std::atomic<bool>& check_of(int column, std::int64_t chunk) const {
    return checked[static_cast<std::size_t>(column) * static_cast<std::size_t>(image.chunk_count()) + static_cast<std::size_t>(chunk)];
  }
};

class TableSource final : public ChunkSource {
 public:
  TableSource(Schema schema, std::vector<TableImage> images);
  const Schema& schema() const override { return schema_; }
  const Grid& grid() const override { return grid_; }
  bool columns_apart() const override { return true; }
  const ZoneMap* zone_map() const override { return &zones_; }
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override { read_columns(chunk, columns, out, true); }
  void read_unchecked(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override { read_columns(chunk, columns, out, false); }
  void read_pieces(std::int64_t chunk, std::span<const int> columns, Chunk& out, const PieceFunction& use) const override;
  std::int64_t stored_bytes(std::int64_t chunk, std::span<const int> columns) const override;
  std::int64_t held_bytes(std::span<const int> columns) const override;
  void prefetch(std::int64_t chunk, std::span<const int> columns) const override;

 private:
  void read_columns(std::int64_t chunk, std::span<const int> columns, Chunk& out, bool check) const;
  const unsigned char* values_of(const FileOfTable& file, int column, std::int64_t chunk, Buffer& values, ReadScratch& scratch, bool check) const;
  const unsigned char* mapped(const FileOfTable& file, int column, std::int64_t chunk, bool check) const;
  const unsigned char* place_of(const FileOfTable& file, int column, std::int64_t chunk) const;
  bool hand_on(const FileOfTable& file, std::int64_t chunk, std::span<const int> columns, Chunk& out, ReadScratch& scratch,
               const PieceFunction& use) const;
  ReadScratch& prepare(std::int64_t chunk, std::span<const int> columns, Chunk& out) const;
  void fetch(const FileOfTable& file, int column, std::int64_t chunk, Buffer& stored) const;

  Schema schema_;
  Grid grid_;
  ZoneMap zones_;
  std::vector<std::unique_ptr<FileOfTable>> files_;
  std::vector<std::pair<int, std::int64_t>> places_;  ///< [global chunk] file and chunk in it
};

[[noreturn]] void damaged(const FileOfTable& file, int column, std::int64_t chunk, const char* how) {
  throw DataError(file.image.path + ": data set '" + file.image.schema[static_cast<std::size_t>(column)].name + "', chunk " +
                  std::to_string(chunk) + ": " + how);
}

TableSource::TableSource(Schema schema, std::vector<TableImage> images) : schema_(std::move(schema)) {
  std::vector<std::int64_t> rows;
  zones_.moments.resize(schema_.size());
  zones_.level_counts.resize(schema_.size());
  std::vector<char> counted(schema_.size(), 1);
  for (auto& image : images) {
    auto const chunks = image.chunk_count();
    for (std::int64_t k = 0; k < chunks; ++k) {
      rows.push_back(image.rows_of(k));
      places_.emplace_back(static_cast<int>(files_.size()), k);
    }
    for (std::size_t c = 0; c < schema_.size(); ++c) {
      auto& moments = image.zones.moments[c];
      zones_.moments[c].insert(zones_.moments[c].end(), moments.begin(), moments.end());
      auto& counts = image.zones.level_counts[c];
      counted[c] = counted[c] && static_cast<std::int64_t>(counts.size()) == chunks;
      for (auto& k : counts) {
        k.resize(schema_[c].levels.size());  // an earlier part may not know the last levels
        zones_.level_counts[c].push_back(std::move(k));
      }
    }
    image.zones = {};
    auto bytes = std::make_unique<MappedFile>(image.path);
    if (modified(bytes->fd(), image.path) != image.modified) throw DataError(image.path + ": was changed by another program while it was opened");
    if (bytes->bytes() < image.file_bytes)
      throw DataError(image.path + ": truncated to " + std::to_string(bytes->bytes()) + " of " + std::to_string(image.file_bytes) + " bytes");
    files_.push_back(std::make_unique<FileOfTable>(std::move(image), std::move(bytes), schema_.size() * static_cast<std::size_t>(chunks)));
  }
  for (std::size_t c = 0; c < schema_.size(); ++c)
    if (!counted[c]) zones_.level_counts[c].clear();
  grid_ = Grid(std::move(rows));
}

[[noreturn]] void gone(const FileOfTable& file, int column, std::int64_t chunk) {
  damaged(file, column, chunk, "cannot be read (the file was cut short or its medium fails)");
}

const StoredChunk& place_in(const FileOfTable& file, int column, std::int64_t chunk) {
  return file.image.chunks[static_cast<std::size_t>(column)][static_cast<std::size_t>(chunk)];
}

// Plain values where the chunk table says they lie in the mapping, fit to be used there but not yet looked at; else null.
const unsigned char* TableSource::place_of(const FileOfTable& file, int column, std::int64_t chunk) const {
  auto const& v = file.image.schema[static_cast<std::size_t>(column)];
  auto const value_bytes = static_cast<std::size_t>(v.value_bytes()), aligned_to = v.storage == Storage::text ? 1 : value_bytes;
  auto const& place = place_in(file, column, chunk);
  if (place.bytes != static_cast<std::size_t>(file.image.rows_of(chunk)) * value_bytes) damaged(file, column, chunk, "has another length than its rows");
  auto const* p = file.bytes->range(place.address, place.bytes);
  return p && reinterpret_cast<std::uintptr_t>(p) % aligned_to == 0 ? p : nullptr;
}

// The chunk where it lies, once its bytes have been seen to be right, or unless they are to be; null where it is not to be had so.
const unsigned char* TableSource::mapped(const FileOfTable& file, int column, std::int64_t chunk, bool check) const {
  auto const& place = place_in(file, column, chunk);
  auto const* p = place_of(file, column, chunk);
  if (!p) return nullptr;
  auto& checked = file.check_of(column, chunk);
  if (!check || checked.load(std::memory_order_relaxed)) {
    if (!touch_mapped(p, place.bytes)) gone(file, column, chunk);
    return p;
  }
  std::uint64_t hash = 0;
  if (!hash_mapped(p, place.bytes, hash)) gone(file, column, chunk);
  if (hash != place.hash) return nullptr;
  checked.store(true, std::memory_order_relaxed);
  return p;
}

// Stored bytes with the right hash, from their place or, where they have moved, through HDF5.
void TableSource::fetch(const FileOfTable& file, int column, std::int64_t chunk, Buffer& stored) const {
  auto const& place = file.image.chunks[static_cast<std::size_t>(column)][static_cast<std::size_t>(chunk)];
  bool const inside = place.address <= file.bytes->bytes() && place.bytes <= file.bytes->bytes() - place.address;
  if (inside) {
    stored.resize(place.bytes);
    if (read_at(file.bytes->fd(), stored.data(), stored.size(), place.address, file.image.path) &&
        hash_of(stored.data(), stored.size()) == place.hash)
      return;
  }
  if (!read_through_hdf5(file.image, column, chunk, stored)) damaged(file, column, chunk, "damaged (cannot be found)");
  if (stored.size() != place.bytes || hash_of(stored.data(), stored.size()) != place.hash)
    damaged(file, column, chunk, "damaged (hash differs)");
}

const unsigned char* TableSource::values_of(const FileOfTable& file, int column, std::int64_t chunk, Buffer& values,
                                            ReadScratch& scratch, bool check) const {
  auto const& image = file.image;
  auto const& v = image.schema[static_cast<std::size_t>(column)];
  auto const value_bytes = static_cast<std::size_t>(v.value_bytes());
  if (image.codec == Codec::none) {
    if (auto const* p = mapped(file, column, chunk, check)) return p;
    fetch(file, column, chunk, values);
    return values.data();
  }
  fetch(file, column, chunk, scratch.stored);
  auto const decoded_as = [&](std::int64_t rows) {
    if (static_cast<std::uint64_t>(rows) > longest_hdf5_chunk / value_bytes) return false;
    values.resize(static_cast<std::size_t>(rows) * value_bytes);
    return scratch.decoder.decode(image.codec, scratch.stored, value_bytes, values);
  };
  // Programs before the first release padded the only chunk of a short last part to full length.
  if (!decoded_as(std::min(image.rows, image.chunk_rows)) && (image.rows >= image.chunk_rows || !decoded_as(image.chunk_rows)))
    damaged(file, column, chunk, "cannot be decoded");
  return values.data();
}

ReadScratch& TableSource::prepare(std::int64_t chunk, std::span<const int> columns, Chunk& out) const {
  auto* scratch = dynamic_cast<ReadScratch*>(out.scratch.get());
  if (!scratch) {
    auto fresh = std::make_unique<ReadScratch>();
    scratch = fresh.get();
    out.scratch = std::move(fresh);
  }
  out.index = chunk;
  out.first_row = grid_.first(chunk);
  out.rows = grid_.rows(chunk);
  out.in_cache = false;
  out.columns.resize(columns.size());
  return *scratch;
}

void TableSource::read_columns(std::int64_t chunk, std::span<const int> columns, Chunk& out, bool check) const {
  auto* const scratch = &prepare(chunk, columns, out);
  if (scratch->values.size() < columns.size()) scratch->values.resize(columns.size());
  auto const [file_number, local] = places_[static_cast<std::size_t>(chunk)];
  auto const& file = *files_[static_cast<std::size_t>(file_number)];
  for (std::size_t i = 0; i < columns.size(); ++i) {
    auto const c = static_cast<std::size_t>(columns[i]);
    auto const& stored = file.image.schema[c];
    auto const* const values = values_of(file, columns[i], local, scratch->values[i], *scratch, check || i == 0);
    check = check || values == scratch->values[i].data();  // not where it was: another program has moved the chunks
    out.columns[i] = column_of(stored, values);
    if (same_layout(stored, schema_[c])) continue;
    // A part written in a narrower storage, or as another type of numbers, than the table has by now.
    if (scratch->converted.size() < columns.size()) scratch->converted.resize(columns.size());
    convert(schema_[c], out.columns[i], out.rows, out.rows, scratch->converted[i]);
    out.columns[i] = column_of(schema_[c], scratch->converted[i].data());
  }
}

// Plain chunks where they lie are hashed a piece ahead of their use; all others come whole. Where the hash is another in the end, the
// chunk has moved or is damaged: reading it whole finds out which.
void TableSource::read_pieces(std::int64_t chunk, std::span<const int> columns, Chunk& out, const PieceFunction& use) const {
  auto const [file_number, local] = places_[static_cast<std::size_t>(chunk)];
  auto const& file = *files_[static_cast<std::size_t>(file_number)];
  auto& scratch = prepare(chunk, columns, out);
  bool in_place = file.image.codec == Codec::none;
  for (std::size_t i = 0; in_place && i < columns.size(); ++i) {
    auto const &stored = file.image.schema[static_cast<std::size_t>(columns[i])], &wanted = schema_[static_cast<std::size_t>(columns[i])];
    auto const* p = same_layout(stored, wanted) ? place_of(file, columns[i], local) : nullptr;
    in_place = p != nullptr;
    out.columns[i] = column_of(stored, p);
    if (stored.storage != Storage::float64) continue;
    auto const& zone = zones_.moments[static_cast<std::size_t>(columns[i])][static_cast<std::size_t>(chunk)];
    if (zone.n == out.rows) out.columns[i].bound = std::max(std::fabs(zone.min), std::fabs(zone.max));
  }
  if (!in_place || !hand_on(file, local, columns, out, scratch, use)) ChunkSource::read_pieces(chunk, columns, out, use);
}

bool TableSource::hand_on(const FileOfTable& file, std::int64_t chunk, std::span<const int> columns, Chunk& out, ReadScratch& scratch,
                          const PieceFunction& use) const {
  while (scratch.streams.size() < columns.size()) scratch.streams.emplace_back();
  scratch.fresh.assign(columns.size(), true);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    scratch.fresh[i] = !file.check_of(columns[i], chunk).load(std::memory_order_relaxed);
    scratch.streams[i].begin();
    if (!touch_mapped(out.columns[i].data, place_in(file, columns[i], chunk).bytes, pages_around)) gone(file, columns[i], chunk);
  }
  out.in_cache = std::ranges::all_of(scratch.fresh, std::identity{});
  for (std::int64_t first = 0; first < out.rows; first += piece_rows) {
    auto const rows = std::min(piece_rows, out.rows - first);
    for (std::size_t i = columns.size(); i-- > 0;) {  // those that are used first last: they are in cache then
      auto const value_bytes = static_cast<std::int64_t>(schema_[static_cast<std::size_t>(columns[i])].value_bytes());
      auto const* const p = static_cast<const unsigned char*>(out.columns[i].data) + first * value_bytes;
      auto const bytes = static_cast<std::size_t>(rows * value_bytes);
      if (!(scratch.fresh[i] ? hash_mapped(p, bytes, scratch.streams[i]) : touch_mapped(p, bytes))) gone(file, columns[i], chunk);
    }
    use(first, rows);
  }
  out.in_cache = false;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!scratch.fresh[i]) continue;
    if (scratch.streams[i].hash() != place_in(file, columns[i], chunk).hash) return false;
    file.check_of(columns[i], chunk).store(true, std::memory_order_relaxed);
  }
  return true;
}

std::int64_t TableSource::stored_bytes(std::int64_t chunk, std::span<const int> columns) const {
  auto const [file, local] = places_[static_cast<std::size_t>(chunk)];
  std::int64_t bytes = 0;
  for (int c : columns)
    bytes += static_cast<std::int64_t>(files_[static_cast<std::size_t>(file)]->image.chunks[static_cast<std::size_t>(c)][static_cast<std::size_t>(local)].bytes);
  return bytes;
}

// Plain columns that are mapped are used where they lie; all others are decoded, or converted.
std::int64_t TableSource::held_bytes(std::span<const int> columns) const {
  bool const in_place = std::ranges::all_of(files_, [](auto const& f) { return f->image.codec == Codec::none && f->bytes->range(0, 1); });
  return in_place ? 0 : grid_.longest() * schema_.row_bytes(columns);
}

void TableSource::prefetch(std::int64_t chunk, std::span<const int> columns) const {
  auto const [number, local] = places_[static_cast<std::size_t>(chunk)];
  auto const& file = *files_[static_cast<std::size_t>(number)];
  auto const n = static_cast<std::int64_t>(columns.size());
  if (n > 0 && file.found_cached >= mostly_cached) columns = columns.subspan(static_cast<std::size_t>((chunk + chunk / n) % n), 1);
  for (int c : columns) {
    auto const& place = place_in(file, c, local);
    if (file.bytes->in_page_cache(place.address + place.bytes)) {
      ++file.found_cached;
      continue;
    }
    file.found_cached = 0;
    bool const mapped = file.image.codec == Codec::none;  // compressed chunks are read, not mapped
    if (mapped && file.arrival == Arrival::unknown)
      if (auto const blocks = file.bytes->brings_blocks(place.address + place.bytes)) file.arrival = *blocks ? Arrival::blocks : Arrival::pages;
    if (!mapped || file.arrival != Arrival::blocks)
      ::posix_fadvise(file.bytes->fd(), static_cast<off_t>(place.address), static_cast<off_t>(place.bytes), POSIX_FADV_WILLNEED);
  }
}

bool has_hdf5_signature(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;
  std::ifstream in(path, std::ios::binary);
  // At the start, or after a user block of 512, 1024, ... bytes.
  for (std::streamoff at = 0; at <= (1 << 20); at = at == 0 ? 512 : at * 2) {
    char bytes[8];
    in.seekg(at);
    if (!in.read(bytes, 8)) return false;
    if (std::memcmp(bytes, "\211HDF\r\n\032\n", 8) == 0) return true;
  }
  return false;
}

// FILE:/group, where FILE exists.
bool split_group(const std::string& path, std::string& file, std::string& group) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return false;
  auto const colon = path.find(":/");
  if (colon == std::string::npos || colon == 0) return false;
  file = path.substr(0, colon);
  group = path.substr(colon + 1);
  return std::filesystem::is_regular_file(file, ignored);
}

void read_parts(const std::string& directory, Schema& schema, std::vector<TableImage>& images) {
  auto const manifest = read_manifest(directory);
  schema = manifest.table.schema;
  for (auto const& part : manifest.parts) {
    auto const path = (std::filesystem::path(directory) / part.file).string();
    std::uint64_t hash = 0;
    auto image = read_image(path, &hash);
    if (!image || hash != part.hash || image->rows != part.rows) throw DataError(path + ": is not the part that " + manifest_name + " names");
    if (image->schema.size() != schema.size()) throw DataError(path + ": has other columns than " + manifest_name);
    images.push_back(std::move(*image));
  }
}

/// Collective. What rank 0 has read, for the others: is it foreign, the schema of the whole (as an image without chunks), the image of each file.
void share_images(Communicator& comm, bool& foreign, Schema& schema, std::vector<TableImage>& images) {
  Bytes blob;
  if (comm.rank() == 0) {
    TableImage whole;
    whole.schema = schema;
    whole.zones.moments.resize(schema.size());
    whole.zones.level_counts.resize(schema.size());
    whole.chunks.resize(schema.size());
    ByteWriter out;
    out.put(foreign);
    put_image(out, whole);
    out.put(static_cast<std::uint64_t>(images.size()));
    for (auto const& image : images) put_image(out, image);
    blob = std::move(out.bytes());
  }
  comm.broadcast(blob);
  if (comm.rank() == 0) return;
  ByteReader in(blob);
  foreign = in.get<bool>();
  schema = get_image(in).schema;
  images.resize(static_cast<std::size_t>(in.get<std::uint64_t>()));
  for (auto& image : images) image = get_image(in);
}

}  // namespace
}  // namespace impl

bool is_table(const std::string& path) {
  std::string file, group;
  return impl::is_parts_directory(path) || impl::has_hdf5_signature(path) ||
         (impl::split_group(path, file, group) && impl::has_hdf5_signature(file));
}

std::unique_ptr<ChunkSource> open_table(const std::string& path, Communicator& comm) {
  std::string file, group;
  if (impl::split_group(path, file, group)) return impl::open_foreign(file, group, comm);
  std::error_code ignored;
  bool foreign = false;
  Schema schema;
  std::vector<impl::TableImage> images;
  together(comm, [&] {
    if (comm.rank() != 0) return;
    if (impl::is_parts_directory(path)) return impl::read_parts(path, schema, images);
    if (std::filesystem::is_directory(path, ignored)) throw DataError(path + ": a directory without a manifest: not a table, or unfinished");
    auto image = impl::read_image(path);
    foreign = !image;
    if (!image) return;
    schema = image->schema;
    images.push_back(std::move(*image));
  });
  if (comm.size() > 1) impl::share_images(comm, foreign, schema, images);
  if (foreign) return impl::open_foreign(path, "", comm);
  std::unique_ptr<ChunkSource> source;
  together(comm, [&] { source = std::make_unique<impl::TableSource>(std::move(schema), std::move(images)); });
  return source;
}

}  // namespace rxhpc
