#include "table_index.hpp"

#include <sys/stat.h>

#include <cstring>

#include "codec_chunk.hpp"
#include "posix_file.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

constexpr char index_mark[8] = {'R', 'X', 'H', 'P', 'C', 'I', 'D', 'X'};

/// The last bytes of the file; before them the places.
struct Tail {
  std::uint64_t format = format_version, places = 0, metadata_hash = 0, places_hash = 0;
  char mark[8];
};

std::uint64_t hash_of_places(const std::vector<ArrayPlace>& places) { return hash_of(places.data(), places.size() * sizeof places[0]); }

}  // namespace

void append_index(int fd, const std::vector<ArrayPlace>& places, std::uint64_t metadata_hash, const std::string& name) {
  Tail tail{.places = places.size(), .metadata_hash = metadata_hash, .places_hash = hash_of_places(places), .mark = {}};
  std::memcpy(tail.mark, index_mark, sizeof index_mark);
  ByteWriter out;
  out.append(places.data(), places.size() * sizeof places[0]);
  out.put(tail);
  write_at(fd, out.bytes().data(), out.bytes().size(), file_bytes(fd, name), name);
}

std::optional<TableImage> read_by_index(const std::string& path, std::uint64_t& hash) {
  auto const fd = open_for_reading(path);
  TableImage image;
  image.path = path;
  image.modified = modified(fd.get(), path);
  image.file_bytes = file_bytes(fd.get(), path);
  auto const read = [&](void* to, std::uint64_t bytes, std::uint64_t address) {
    return address <= image.file_bytes && bytes <= image.file_bytes - address && read_at(fd.get(), to, bytes, address, path);
  };
  Tail tail;
  if (image.file_bytes < sizeof tail || !read(&tail, sizeof tail, image.file_bytes - sizeof tail)) return {};
  if (std::memcmp(tail.mark, index_mark, sizeof index_mark) != 0 || tail.format != format_version || tail.places == 0) return {};
  if (tail.places > (image.file_bytes - sizeof tail) / sizeof(ArrayPlace)) return {};
  std::vector<ArrayPlace> places(tail.places);
  auto const bytes = places.size() * sizeof places[0];
  if (!read(places.data(), bytes, image.file_bytes - sizeof tail - bytes) || hash_of_places(places) != tail.places_hash) return {};

  if (places[0].bytes > image.file_bytes) return {};
  std::string text(places[0].bytes, '\0');
  if (!read(text.data(), text.size(), places[0].address)) return {};
  ImageArrays arrays;
  try {
    parse_schema_text(text, path, image);
    arrays = shaped_arrays(image);
  } catch (const DataError&) {
    return {};
  }
  bool right = true;
  std::size_t next = 1;
  each_array(arrays, [&](auto& values) {
    auto const wanted = values.size() * sizeof values[0];
    right = right && next < places.size() && places[next].bytes == wanted && (wanted == 0 || read(values.data(), wanted, places[next].address));
    ++next;
  });
  if (!right || next != places.size() || metadata_hash(text, arrays) != tail.metadata_hash) return {};
  take_arrays(arrays, image);
  hash = tail.metadata_hash;
  return image;
}

}  // namespace rxhpc::impl
