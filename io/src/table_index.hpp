// The way to a table's metadata without HDF5: where its arrays lie, written behind the end of what HDF5 knows.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "table_layout.hpp"

namespace rxhpc::impl {

/// Where an array lies in the file; {0, 0}: it is empty.
struct ArrayPlace {
  std::uint64_t address = 0, bytes = 0;
};

/// Writes the index to the end of a finished table. `places`: the schema's text, then the arrays in the order of each_array. HDF5 does not look
/// behind its own end, and cuts it off when another program has the file open for writing: then it is absent, and everything is found through HDF5.
void append_index(int fd, const std::vector<ArrayPlace>& places, std::uint64_t metadata_hash, const std::string& name);

/// A table by its index, and its metadata's hash. Nothing where there is no index, or anything in it or behind it is not as it should be: then HDF5 has to say
/// what it is. Throws DataError where the file cannot be opened.
std::optional<TableImage> read_by_index(const std::string& path, std::uint64_t& metadata_hash);

}  // namespace rxhpc::impl
