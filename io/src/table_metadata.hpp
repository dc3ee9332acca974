// Reading a table file's metadata (rank 0), by its index or through HDF5, and chunks that are not where the chunk table says.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "codec_chunk.hpp"
#include "table_layout.hpp"

namespace rxhpc::impl {

/// Everything but the rows, verified; nothing where the file has not the mark of an rxhpc table. Throws DataError naming file and data
/// set, and where it is not HDF5. `hash`: of the metadata.
std::optional<TableImage> read_image(const std::string& path, std::uint64_t* hash = nullptr);
/// The stored bytes of a chunk as HDF5 finds them; false where it does not.
bool read_through_hdf5(const TableImage& image, int column, std::int64_t chunk, Buffer& stored);

}  // namespace rxhpc::impl
