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

namespace {

/// What read_by_index does, for one open file.
class IndexedFile {
 public:
  explicit IndexedFile(const std::string& path) : path_(path), fd_(open_for_reading(path)), bytes_(file_bytes(fd_.get(), path)) {}

  /// False where anything is not as it should be. What the file cannot hold, or the schema does not ask for, is not allocated for.
  bool read(TableImage& image, std::uint64_t& hash) const {
    image.path = path_;
    image.modified = modified(fd_.get(), path_);
    image.file_bytes = bytes_;
    Tail tail;
    if (bytes_ < sizeof tail || !read_at_place(&tail, {bytes_ - sizeof tail, sizeof tail})) return false;
    if (std::memcmp(tail.mark, index_mark, sizeof index_mark) != 0 || tail.format != format_version) return false;
    if (tail.places == 0 || tail.places > (bytes_ - sizeof tail) / sizeof(ArrayPlace)) return false;
    ArrayPlace const all{bytes_ - sizeof tail - tail.places * sizeof(ArrayPlace), tail.places * sizeof(ArrayPlace)};
    ArrayPlace schema;
    if (!read_at_place(&schema, {all.address, sizeof schema}) || !inside(schema)) return false;
    std::string text(schema.bytes, '\0');
    if (!read_at_place(text.data(), schema)) return false;
    parse_schema_text(text, path_, image);
    require_arrays_fit(image);
    if (tail.places != 1 + fixed_arrays + image.schema.size()) return false;
    std::vector<ArrayPlace> places(tail.places);
    if (!read_at_place(places.data(), all) || hash_of_places(places) != tail.places_hash) return false;
    auto arrays = shaped_arrays(image);
    bool right = true;
    std::size_t next = 1;
    each_array(arrays, [&](auto& values) {
      auto const& place = places[next++];
      right = right && place.bytes == values.size() * sizeof values[0] && (values.empty() || read_at_place(values.data(), place));
    });
    if (!right || metadata_hash(text, arrays) != tail.metadata_hash) return false;
    take_arrays(arrays, image);
    hash = tail.metadata_hash;
    return true;
  }

 private:
  static constexpr std::size_t fixed_arrays = 8;  // of each_array, before the level counts of each column

  bool inside(const ArrayPlace& place) const { return place.address <= bytes_ && place.bytes <= bytes_ - place.address; }
  bool read_at_place(void* to, const ArrayPlace& place) const { return inside(place) && read_at(fd_.get(), to, place.bytes, place.address, path_); }

  std::string path_;
  FileDescriptor fd_;
  std::uint64_t bytes_;
};

}  // namespace

std::optional<TableImage> read_by_index(const std::string& path, std::uint64_t& metadata_hash) {
  IndexedFile const file(path);
  TableImage image;
  try {
    if (file.read(image, metadata_hash)) return image;
  } catch (const std::exception&) {  // a schema that is none, or more memory than there is
  }
  return {};
}

}  // namespace rxhpc::impl
