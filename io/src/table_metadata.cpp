#include "table_metadata.hpp"

#include <algorithm>
#include <type_traits>

#include "atomic_file.hpp"
#include "hdf5_handle.hpp"
#include "rxhpc/errors.hpp"
#include "table_index.hpp"

namespace rxhpc::impl {
namespace {

/// A numeric data set of exactly that shape.
template <class T>
void read_array(hid_t group, const std::string& file, const std::string& name, const std::vector<hsize_t>& shape, std::vector<T>& values) {
  hid_t const type = std::is_same_v<T, double> ? H5T_NATIVE_DOUBLE : std::is_same_v<T, std::uint64_t> ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64;
  auto const full = "/rx/" + name;
  Handle const dataset(H5Dopen2(group, name.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset) throw_hdf5(file, full, "is absent or damaged");
  Handle const space(H5Dget_space(dataset), H5Sclose);
  Handle const stored_type(H5Dget_type(dataset), H5Tclose);
  std::vector<hsize_t> found(shape.size());
  if (!space || H5Sget_simple_extent_ndims(space) != static_cast<int>(shape.size()) ||
      H5Sget_simple_extent_dims(space, found.data(), nullptr) < 0 || found != shape || !stored_type ||
      H5Tget_class(stored_type) != H5Tget_class(type) || H5Tget_size(stored_type) != sizeof(T))
    throw_hdf5(file, full, "has another shape than the schema says");
  std::size_t count = 1;
  for (auto n : shape) count *= static_cast<std::size_t>(n);
  values.resize(count);
  if (count > 0 && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) throw_hdf5(file, full, "cannot be read");
}

std::string read_schema(hid_t rx, const std::string& file, std::uint64_t file_bytes) {
  Handle const dataset(H5Dopen2(rx, "schema", H5P_DEFAULT), H5Dclose);
  if (!dataset) throw_hdf5(file, "/rx/schema", "is absent or damaged");
  Handle const type(H5Dget_type(dataset), H5Tclose);
  Handle const space(H5Dget_space(dataset), H5Sclose);
  if (!type || H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) > 0 || !space || H5Sget_simple_extent_npoints(space) != 1)
    throw_hdf5(file, "/rx/schema", "is not text");
  auto const bytes = H5Tget_size(type);
  if (bytes > file_bytes) throw_hdf5(file, "/rx/schema", "is longer than the file");
  std::string text(bytes, '\0');
  Handle const memory(H5Tcopy(type), H5Tclose);
  if (H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, text.data()) < 0) throw_hdf5(file, "/rx/schema", "cannot be read");
  return text;
}

ImageArrays read_arrays(hid_t rx, const std::string& file, const TableImage& image) {
  hsize_t const chunks = static_cast<hsize_t>(image.chunk_count()), columns = image.schema.size();
  require_arrays_fit(image);
  ImageArrays a;
  a.levels.resize(columns);
  auto const zones = [&](const char* name, auto& values) { read_array(rx, file, std::string("zonemap/") + name, {chunks, columns}, values); };
  zones("n", a.n);
  zones("missing", a.missing);
  zones("mean", a.mean);
  zones("mean_lo", a.mean_lo);
  zones("m2", a.m2);
  zones("min", a.min);
  zones("max", a.max);
  read_array(rx, file, "chunks", {columns, chunks, 3}, a.chunks);
  for (std::size_t c = 0; c < columns; ++c) {
    auto const& v = image.schema[c];
    if (keeps_level_counts(v, image.chunk_count())) read_array(rx, file, "zonemap/levels/" + link_name(v.name), {chunks, v.levels.size()}, a.levels[c]);
  }
  return a;
}

/// The mark of a table. Where it has variable length, as it once had, that it is there must do: it would be read from a heap that HDF5 does
/// not survive all damage of, before anything is known to be right. What tells a table apart in the end is the hash over its metadata.
bool is_marked(hid_t file) {
  if (H5Aexists(file, "rx_format") <= 0) return false;
  Handle const attribute(H5Aopen(file, "rx_format", H5P_DEFAULT), H5Aclose);
  Handle const type(attribute ? H5Aget_type(attribute) : H5I_INVALID_HID, H5Tclose);
  return (type && H5Tis_variable_str(type) > 0) || text_attribute(file, "rx_format") == format_name;
}

/// A file without the mark is another program's, unless it holds what no other program writes.
bool has_our_metadata(hid_t file) {
  if (H5Lexists(file, "rx", H5P_DEFAULT) <= 0) return false;
  Handle const rx(H5Gopen2(file, "rx", H5P_DEFAULT), H5Gclose);
  return rx && (H5Aexists(rx, "metadata_xxh3") > 0 || H5Lexists(rx, "schema", H5P_DEFAULT) > 0);
}

std::string dataset_name(const Variable& v) { return "/data/" + link_name(v.name) + (v.coded() ? "/codes" : ""); }

}  // namespace

std::optional<TableImage> read_image(const std::string& path, std::uint64_t* hash) {
  std::uint64_t indexed = 0;
  if (auto image = read_by_index(path, indexed)) {
    if (hash) *hash = indexed;
    return image;
  }
  Hdf5Lock lock;
  auto const time = modified(open_for_reading(path).get(), path);  // a file that takes its place from here on is another
  auto const file = open_hdf5(path);
  if (!is_marked(file)) {
    if (has_our_metadata(file)) throw DataError(path + ": damaged (attribute 'rx_format' differs); its columns as they lie are " + path + ":/data");
    return {};
  }
  std::vector<std::int64_t> value(1);
  if (!integer_attribute(file, "rx_complete", value) || value[0] != 1) throw DataError(path + ": unfinished table");
  if (!integer_attribute(file, "rx_format_version", value) || value[0] < 1) throw DataError(path + ": damaged (no format version)");
  if (value[0] > format_version)
    throw DataError(path + ": table format " + std::to_string(value[0]) + " is newer than this program's " + std::to_string(format_version));
  if (value[0] < format_version)
    throw DataError(path + ": table format " + std::to_string(value[0]) + " is of a program before the first release; `rxhpc import " + path + ":/data NEW.h5` makes one of today's");
  hsize_t bytes = 0;
  H5Fget_filesize(file, &bytes);
  Handle const rx(H5Gopen2(file, "rx", H5P_DEFAULT), H5Gclose);
  if (!rx) throw_hdf5(path, "/rx", "is absent or damaged");

  TableImage image;
  image.path = path;
  image.file_bytes = bytes;
  image.modified = time;
  auto const text = read_schema(rx, path, bytes);
  parse_schema_text(text, path, image);
  auto const arrays = read_arrays(rx, path, image);
  std::uint64_t const found = metadata_hash(text, arrays);
  std::vector<std::int64_t> stored(1);
  {
    Handle const attribute(H5Aopen(rx, "metadata_xxh3", H5P_DEFAULT), H5Aclose);
    std::uint64_t expected = 0;
    if (!attribute || H5Aread(attribute, H5T_NATIVE_UINT64, &expected) < 0 || expected != found)
      throw DataError(path + ": data set '/rx': damaged (hash of the metadata differs)");
  }
  take_arrays(arrays, image);
  if (hash) *hash = found;
  return image;
}

bool read_through_hdf5(const TableImage& image, int column, std::int64_t chunk, Buffer& stored) {
  Hdf5Lock lock;
  Handle const file(H5Fopen(image.path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  if (!file) return false;
  auto const& v = image.schema[static_cast<std::size_t>(column)];
  Handle const dataset(H5Dopen2(file, dataset_name(v).c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset) return false;
  if (image.codec != Codec::none) {
    hsize_t const offset = static_cast<hsize_t>(chunk) * static_cast<hsize_t>(std::min(image.rows, image.chunk_rows));
    hsize_t bytes = 0;
    std::uint32_t mask = 0;
    if (H5Dget_chunk_storage_size(dataset, &offset, &bytes) < 0 || bytes == 0 || bytes > (hsize_t{1} << 32)) return false;
    stored.resize(bytes);
    return H5Dread_chunk(dataset, H5P_DEFAULT, &offset, &mask, stored.data()) >= 0 && mask == 0;
  }
  hsize_t const first = static_cast<hsize_t>(chunk) * static_cast<hsize_t>(image.chunk_rows), count = static_cast<hsize_t>(image.rows_of(chunk));
  Handle const space(H5Dget_space(dataset), H5Sclose);
  Handle const type(H5Dget_type(dataset), H5Tclose);
  hsize_t rows = 0;
  if (!space || !type || H5Tget_size(type) != static_cast<std::size_t>(v.value_bytes()) || H5Sget_simple_extent_ndims(space) != 1 ||
      H5Sget_simple_extent_dims(space, &rows, nullptr) < 0 || rows != static_cast<hsize_t>(image.rows) ||
      H5Sselect_hyperslab(space, H5S_SELECT_SET, &first, nullptr, &count, nullptr) < 0)
    return false;
  stored.resize(static_cast<std::size_t>(count) * static_cast<std::size_t>(v.value_bytes()));
  return H5Dread(dataset, type, simple_space({count}), space, H5P_DEFAULT, stored.data()) >= 0;
}

}  // namespace rxhpc::impl
