#include "table_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <span>

#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

constexpr std::size_t waiting_limit = std::size_t{256} << 20;  ///< bytes of early chunks kept in memory

Handle file_type(const Variable& v) {
  switch (v.storage) {
    case Storage::int8: return {H5Tcopy(H5T_STD_I8LE), H5Tclose};
    case Storage::int16: return {H5Tcopy(H5T_STD_I16LE), H5Tclose};
    case Storage::uint16: return {H5Tcopy(H5T_STD_U16LE), H5Tclose};
    case Storage::int32: return {H5Tcopy(H5T_STD_I32LE), H5Tclose};
    case Storage::int64: return {H5Tcopy(H5T_STD_I64LE), H5Tclose};
    case Storage::float32: return {H5Tcopy(H5T_IEEE_F32LE), H5Tclose};
    case Storage::float64: return {H5Tcopy(H5T_IEEE_F64LE), H5Tclose};
    case Storage::text: return utf8_type(static_cast<std::size_t>(v.text_width));
  }
  return {};
}

// Property lists of everything that is created: no times (the same rows give the same bytes), UTF-8 names.
Handle untimed(hid_t list_class) {
  Handle list(H5Pcreate(list_class), H5Pclose);
  H5Pset_obj_track_times(list, false);
  return list;
}

Handle utf8_links() {
  Handle list(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_char_encoding(list, H5T_CSET_UTF8);
  return list;
}

Handle create_group(hid_t parent, const std::string& name, const std::string& file) {
  auto const list = untimed(H5P_GROUP_CREATE);
  H5Pset_link_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  auto const id = H5Gcreate2(parent, name.c_str(), utf8_links(), list, H5P_DEFAULT);
  return {check_hdf5(id, file, name, "cannot create"), H5Gclose};
}

// Places on page boundaries, so that a mapping hands out aligned values; small things stay packed. Plain columns of a large table lie on
// multiples of a cache line instead, see spreads. What is left out between columns takes no space on the medium.
struct Alignment {
  hsize_t threshold = 4096, step = 4096;
};

// Whoever reads some rows of many columns at once wants them all to stay in the caches, whose sets are chosen by the low bits of an address: columns
// of doubles that follow one another at a power of two all fall into the same few lines of a set, and their pages into the same set of translations.
struct Sets {
  hsize_t period, apart, neighbours;
};
constexpr Sets cache_sets[] = {{4096, 256, 7}, {1 << 16, 2048, 7}};  // of the first-level and the second-level cache
constexpr Sets translation_sets[] = {{1 << 20, 16384, 15}};           // of pages of 4 KiB

bool spreads(hsize_t stride, std::span<const Sets> levels) {
  for (auto const& level : levels)
    for (hsize_t neighbour = 1; neighbour <= level.neighbours; ++neighbour) {
      auto const place = neighbour * stride % level.period;
      if (std::min(place, level.period - place) < level.apart) return false;
    }
  return true;
}

// Columns begin a little behind the boundaries that RawColumns writes from, each some lines further than the one before, as long as an eighth of
// the file can be left out for it; else where they spread.
Alignment alignment_of(const TableImage& image) {
  constexpr hsize_t line = 64, large = 1 << 16, header = 4096;  // of the next column, at most: it follows this one
  auto smallest = std::numeric_limits<hsize_t>::max();
  hsize_t bytes = 0;
  bool doubles = false;
  auto const bytes_of_column = [&](const Variable& v) { return static_cast<hsize_t>(image.rows) * static_cast<hsize_t>(v.value_bytes()); };
  for (auto const& v : image.schema.variables) {
    smallest = std::min(smallest, bytes_of_column(v));
    bytes += bytes_of_column(v);
    doubles |= v.storage == Storage::float64;
  }
  if (image.codec != Codec::none || !doubles || smallest < large) return {};
  auto const size = static_cast<hsize_t>(image.rows) * sizeof(double);
  auto const steps_of = [](hsize_t length, hsize_t step) { return (length + header - 1) / step + 1; };  // whose last one has room for a header
  auto const spread_by = [&](hsize_t step) { return steps_of(size, step) == (size - 1) / step + 1 && spreads(steps_of(size, step) * step, cache_sets); };
  for (hsize_t blocks = 1; blocks * RawColumns::block <= bytes / 8; blocks *= 2)
    for (hsize_t lines = 1; lines * line <= large / 16; ++lines) {
      auto const step = blocks * RawColumns::block + lines * line;
      hsize_t steps = 1;  // before the first column
      for (auto const& v : image.schema.variables) steps += steps_of(bytes_of_column(v), step);
      if (steps * step > bytes + bytes / 8 || steps * lines * line > RawColumns::most_filled) break;
      if (spread_by(step)) return {smallest, step};
    }
  for (auto step = smallest / 64 / line * line; step <= smallest / 8; step += line)
    if (spread_by(step) && spreads(steps_of(size, step) * step, translation_sets)) return {smallest, step};
  return {};
}

void mark(hid_t object, const char* encoding, const std::string& file) {
  put_attribute(object, "encoding-type", std::string_view(encoding), file);
  put_attribute(object, "encoding-version", std::string_view("0.2.0"), file);
}

}  // namespace

TableWriter::TableWriter(std::string path, std::string name, TableImage image, std::int64_t first_row, const std::string& description)
    : path_(std::move(path)), name_(std::move(name)), image_(std::move(image)), first_row_(first_row),
      stored_rows_(std::min(image_.rows, image_.chunk_rows)) {
  auto const chunks = static_cast<std::size_t>(image_.chunk_count());
  image_.chunks.assign(image_.schema.size(), std::vector<StoredChunk>(chunks));
  image_.zones.moments.assign(image_.schema.size(), std::vector<ZoneMoments>(chunks));
  image_.zones.level_counts.assign(image_.schema.size(), {});
  for (std::size_t c = 0; c < image_.schema.size(); ++c)
    if (keeps_level_counts(image_.schema[c], image_.chunk_count())) image_.zones.level_counts[c].resize(chunks);
  seen_.assign(chunks, 0);
  Hdf5Lock lock;
  create(description);
}

TableWriter::~TableWriter() {
  Hdf5Lock lock;
  datasets_.clear();
  file_.reset();
}

void TableWriter::create(const std::string& description) {
  Handle const access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V110);
  H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
  H5Pset_small_data_block_size(access, 0);
  auto const places = alignment_of(image_);
  H5Pset_alignment(access, places.threshold, places.step);
  auto const creation = untimed(H5P_FILE_CREATE);
  file_ = Handle(H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, creation, access), H5Fclose);
  if (!file_) throw_hdf5(name_, "", "cannot create");
  // Of fixed length, it lies in the object's header: see is_marked.
  put_attribute(file_, "rx_format", utf8_type(std::string_view(format_name).size()), format_name, name_);
  if (!description.empty()) put_attribute(file_, "description", description, name_);

  auto const data = create_group(file_, "data", name_);
  mark(data, "dataframe", name_);
  std::vector<std::string> order;
  for (auto const& v : image_.schema.variables) order.push_back(link_name(v.name));
  put_attribute(data, "column-order", order, name_);
  put_attribute(data, "_index", std::string_view("_index"), name_);
  for (std::size_t c = 0; c < image_.schema.size(); ++c) create_column(c, data);
  raw_ = FileDescriptor(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
  if (!raw_) throw_errno(name_, "cannot write", errno);
  if (image_.codec != Codec::none || image_.rows == 0) return;
  std::vector<RawColumns::Place> places_of_columns;
  for (std::size_t c = 0; c < image_.schema.size(); ++c) {
    auto const value_bytes = static_cast<std::uint64_t>(image_.schema[c].value_bytes());
    places_of_columns.push_back({image_.chunks[c][0].address, static_cast<std::uint64_t>(image_.chunk_rows) * value_bytes, static_cast<std::uint64_t>(image_.rows) * value_bytes});
  }
  columns_ = std::make_unique<RawColumns>(raw_.get(), name_, std::move(places_of_columns));
}

// Unfiltered columns are contiguous: one known place, no index to search, no padding, and other tools can map them, too.
Handle TableWriter::create_dataset(hid_t parent, const char* name, hid_t type, std::size_t value_bytes, Codec codec, std::int64_t rows) {
  auto const list = untimed(H5P_DATASET_CREATE);
  H5Pset_fill_time(list, H5D_FILL_TIME_NEVER);
  if (codec == Codec::none || rows == 0) {
    H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY);
  } else {
    hsize_t const length = static_cast<hsize_t>(stored_rows_);
    if (length * value_bytes > std::numeric_limits<std::uint32_t>::max())
      throw DataError(name_ + ": column '" + name + "': a chunk of " + std::to_string(length) + " rows of " + std::to_string(value_bytes) +
                      " bytes is more than the 4 GiB that a compressed one can have; --codec none takes it, --rows-per-read makes chunks shorter");
    H5Pset_alloc_time(list, H5D_ALLOC_TIME_INCR);
    H5Pset_chunk(list, 1, &length);
    if (value_bytes > 1) H5Pset_shuffle(list);
    unsigned const level = 1;
    if (codec == Codec::portable) H5Pset_deflate(list, 1);
    if (codec == Codec::fast) H5Pset_filter(list, static_cast<H5Z_filter_t>(filter_lz4), H5Z_FLAG_MANDATORY, 0, nullptr);
    if (codec == Codec::small) H5Pset_filter(list, static_cast<H5Z_filter_t>(filter_zstd), H5Z_FLAG_MANDATORY, 1, &level);
  }
  auto const id = H5Dcreate2(parent, name, type, simple_space({static_cast<hsize_t>(rows)}), utf8_links(), list, H5P_DEFAULT);
  return {check_hdf5(id, name_, name, "cannot create"), H5Dclose};
}

void TableWriter::create_column(std::size_t column, hid_t data) {
  auto const& v = image_.schema[column];
  auto const link = link_name(v.name);
  auto const bytes = static_cast<std::size_t>(v.value_bytes());
  auto const type = file_type(v);
  Handle dataset;
  if (v.coded()) {
    auto const group = create_group(data, link, name_);
    mark(group, "categorical", name_);
    bool const ordered = v.type == VarType::ordered;
    Handle const boolean(H5Tenum_create(H5T_STD_I8LE), H5Tclose);  // as h5py writes bool
    std::int8_t const no = 0, yes = 1, value = ordered;
    H5Tenum_insert(boolean, "FALSE", &no);
    H5Tenum_insert(boolean, "TRUE", &yes);
    put_attribute(group, "ordered", boolean, &value, name_);
    std::vector<const char*> levels;
    for (auto const& level : v.levels) levels.push_back(level.c_str());
    auto const text = utf8_type(H5T_VARIABLE);
    Handle const categories(H5Dcreate2(group, "categories", text, simple_space({levels.size()}), H5P_DEFAULT,
                                       untimed(H5P_DATASET_CREATE), H5P_DEFAULT), H5Dclose);
    if (!categories || (!levels.empty() && H5Dwrite(categories, text, H5S_ALL, H5S_ALL, H5P_DEFAULT, levels.data()) < 0))
      throw_hdf5(name_, link + "/categories", "cannot write");
    mark(categories, "string-array", name_);
    dataset = create_dataset(group, "codes", type, bytes, image_.codec, image_.rows);
    if (!v.description.empty()) put_attribute(group, "long_name", v.description, name_);
  } else {
    dataset = create_dataset(data, link.c_str(), type, bytes, image_.codec, image_.rows);
    if (!v.description.empty()) put_attribute(dataset, "long_name", v.description, name_);
  }
  mark(dataset, v.storage == Storage::text ? "string-array" : "array", name_);
  if (bytes_of(v.storage) > 0 && v.storage != Storage::float32 && v.storage != Storage::float64) {
    std::int64_t const missing = column_of(v, nullptr).missing;  // little-endian: its low bytes are the narrower value
    put_attribute(dataset, "_FillValue", type, &missing, name_);
  }
  if (v.type == VarType::date) put_attribute(dataset, "units", std::string_view("days since 1970-01-01"), name_);
  if (v.type == VarType::posixct)
    put_attribute(dataset, "units", std::string_view(v.storage == Storage::int64 ? "microseconds since 1970-01-01 00:00:00"
                                                                                 : "seconds since 1970-01-01 00:00:00"), name_);
  if (image_.codec == Codec::none && image_.rows > 0) {
    auto const place = H5Dget_offset(dataset);
    if (place == HADDR_UNDEF) throw_hdf5(name_, link, "has no place in the file");
    auto const step = static_cast<std::uint64_t>(image_.chunk_rows) * bytes;
    for (std::int64_t k = 0; k < image_.chunk_count(); ++k)
      image_.chunks[column][k] = {place + static_cast<std::uint64_t>(k) * step, static_cast<std::uint64_t>(image_.rows_of(k)) * bytes, 0};
    dataset.reset();
  }
  datasets_.push_back(std::move(dataset));
}

bool TableWriter::put(std::int64_t chunk, std::vector<EncodedColumn> columns) {
  std::unique_lock lock(mutex_);
  if (chunk < 0 || chunk >= image_.chunk_count() || seen_[chunk]) throw Error(ErrorKind::other, "internal: chunk written twice");
  seen_[chunk] = 1;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    image_.zones.moments[c][chunk] = columns[c].zone;
    if (!image_.zones.level_counts[c].empty()) image_.zones.level_counts[c][chunk] = std::move(columns[c].level_counts);
    image_.chunks[c][chunk].hash = columns[c].hash;
  }
  if (image_.codec != Codec::none) {
    Spooled entry{std::move(columns), {}, 0};
    if (chunk != next_chunk_) spool(entry);
    waiting_.emplace(chunk, std::move(entry));
    for (auto at = waiting_.begin(); at != waiting_.end() && at->first == next_chunk_; at = waiting_.erase(at), ++next_chunk_) {
      auto& ready = at->second;
      waiting_bytes_ -= ready.in_memory;
      for (std::size_t c = 0; c < ready.places.size(); ++c) {
        auto& owned = ready.columns[c].owned;
        owned.resize(ready.places[c].bytes);
        if (!read_at(spool_.get(), owned.data(), owned.size(), ready.places[c].address, name_))
          throw DataError(name_ + ": temporary file was cut short");
      }
      write_in_order(next_chunk_, ready.columns);
    }
  }
  return ++chunks_seen_ == image_.chunk_count();
}

// Chunks that come before their turn (from other ranks) wait in memory, then in a nameless file beside the table.
void TableWriter::spool(Spooled& entry) {
  std::size_t bytes = 0;
  for (auto const& c : entry.columns) bytes += c.owned.size();
  if (waiting_bytes_ + bytes <= waiting_limit) {
    waiting_bytes_ += bytes;
    entry.in_memory = bytes;
    return;
  }
  if (!spool_) {
    auto const spool_path = path_ + ".spool";
    spool_ = FileDescriptor(::open(spool_path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!spool_) throw_errno(name_, "cannot create a temporary file beside it", errno);
    ::unlink(spool_path.c_str());
  }
  for (auto& column : entry.columns) {
    write_at(spool_.get(), column.owned.data(), column.owned.size(), spool_end_, name_);
    entry.places.push_back({spool_end_, column.owned.size(), 0});
    spool_end_ += column.owned.size();
    Buffer().swap(column.owned);
  }
}

void TableWriter::write_in_order(std::int64_t chunk, std::vector<EncodedColumn>& columns) {
  Hdf5Lock lock;
  hsize_t const offset = static_cast<hsize_t>(chunk) * static_cast<hsize_t>(stored_rows_);
  for (std::size_t c = 0; c < columns.size(); ++c) {
    image_.chunks[c][chunk].bytes = columns[c].owned.size();
    if (H5Dwrite_chunk(datasets_[c], H5P_DEFAULT, 0, &offset, columns[c].owned.size(), columns[c].owned.data()) < 0)
      throw_hdf5(name_, image_.schema[c].name, "cannot write");
  }
}

void TableWriter::write_row_numbers(hid_t data) {
  auto const dataset = create_dataset(data, "_index", H5T_STD_I64LE, 8, Codec::portable, image_.rows);
  mark(dataset, "array", name_);
  if (image_.rows == 0) return;
  RowNumberEncoder encoder(stored_rows_);
  Buffer bytes;
  for (std::int64_t k = 0; k < image_.chunk_count(); ++k) {
    hsize_t const offset = static_cast<hsize_t>(k * stored_rows_);
    encoder.encode(first_row_ + k * stored_rows_, bytes);
    if (H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, &offset, bytes.size(), bytes.data()) < 0) throw_hdf5(name_, "_index", "cannot write");
  }
}

void TableWriter::find_addresses() {
  if (image_.codec == Codec::none) return;
  for (std::size_t c = 0; c < datasets_.size(); ++c)
    for (std::int64_t k = 0; k < image_.chunk_count(); ++k) {
      hsize_t const offset = static_cast<hsize_t>(k * stored_rows_);
      unsigned mask = 0;
      haddr_t place = HADDR_UNDEF;
      hsize_t bytes = 0;
      if (H5Dget_chunk_info_by_coord(datasets_[c], &offset, &mask, &place, &bytes) < 0 || bytes != image_.chunks[c][k].bytes)
        throw_hdf5(name_, image_.schema[c].name, "cannot be indexed");
      image_.chunks[c][k].address = place;
    }
}

void TableWriter::put_array(hid_t group, const std::string& name, hid_t type, const std::vector<hsize_t>& shape, const void* values) {
  Handle const dataset(H5Dcreate2(group, name.c_str(), type, simple_space(shape), utf8_links(), untimed(H5P_DATASET_CREATE), H5P_DEFAULT),
                       H5Dclose);
  hsize_t count = 1;
  for (auto n : shape) count *= n;
  if (!dataset || (count > 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0))
    throw_hdf5(name_, "/rx/" + name, "cannot write");
  if (count > 0) metadata_.push_back({H5Dget_offset(dataset), static_cast<std::uint64_t>(count * H5Tget_size(type))});
  else metadata_.emplace_back();
}

void TableWriter::write_metadata() {
  auto const rx = create_group(file_, "rx", name_);
  auto const text = schema_text(image_);
  put_array(rx, "schema", utf8_type(text.size()), {1}, text.data());
  auto const a = arrays_of(image_);
  hsize_t const chunks = static_cast<hsize_t>(image_.chunk_count()), columns = image_.schema.size();
  auto const zonemap = create_group(rx, "zonemap", name_);
  put_array(zonemap, "n", H5T_STD_I64LE, {chunks, columns}, a.n.data());
  put_array(zonemap, "missing", H5T_STD_I64LE, {chunks, columns}, a.missing.data());
  put_array(zonemap, "mean", H5T_IEEE_F64LE, {chunks, columns}, a.mean.data());
  put_array(zonemap, "mean_lo", H5T_IEEE_F64LE, {chunks, columns}, a.mean_lo.data());
  put_array(zonemap, "m2", H5T_IEEE_F64LE, {chunks, columns}, a.m2.data());
  put_array(zonemap, "min", H5T_IEEE_F64LE, {chunks, columns}, a.min.data());
  put_array(zonemap, "max", H5T_IEEE_F64LE, {chunks, columns}, a.max.data());
  put_array(rx, "chunks", H5T_STD_U64LE, {columns, chunks, 3}, a.chunks.data());
  auto const levels = create_group(zonemap, "levels", name_);
  for (std::size_t c = 0; c < image_.schema.size(); ++c) {
    auto const& v = image_.schema[c];
    if (keeps_level_counts(v, image_.chunk_count())) put_array(levels, link_name(v.name), H5T_STD_I64LE, {chunks, v.levels.size()}, a.levels[c].data());
    else metadata_.emplace_back();
  }
  stored_hash_ = metadata_hash(text, a);
  put_attribute(rx, "metadata_xxh3", H5T_STD_U64LE, &stored_hash_, name_);
}

void TableWriter::complete() {
  Hdf5Lock lock;
  if (!has_all_chunks() || (columns_ && !columns_->complete())) throw Error(ErrorKind::other, "internal: " + name_ + ": chunks are absent");
  {
    Handle const data(H5Gopen2(file_, "data", H5P_DEFAULT), H5Gclose);
    write_row_numbers(data);
    find_addresses();
    datasets_.clear();
    write_metadata();
  }
  if (H5Fflush(file_, H5F_SCOPE_GLOBAL) < 0) throw_hdf5(name_, "", "cannot write");
  std::int32_t const version = format_version;
  put_attribute(file_, "rx_format_version", H5T_STD_I32LE, &version, name_);
  std::int8_t const complete = 1;
  put_attribute(file_, "rx_complete", H5T_STD_I8LE, &complete, name_);
  if (file_.reset() < 0) throw_hdf5(name_, "", "cannot write");
  append_index(raw_.get(), metadata_, stored_hash_, name_);
  raw_.close();
}

}  // namespace rxhpc::impl
