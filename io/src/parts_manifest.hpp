// A directory of parts: manifest.json names the part files, their rows and hashes, and is written last.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "table_layout.hpp"

namespace rxhpc::impl {

struct Part {
  std::string file;        ///< name within the directory
  std::int64_t rows = 0;
  std::uint64_t hash = 0;  ///< the part's own metadata hash
};

struct Manifest {
  TableImage table;        ///< schema, rows, chunk_rows and codec of the whole
  std::vector<Part> parts;
};

constexpr const char* manifest_name = "manifest.json";
std::string part_name(std::size_t number);  ///< part-00000.h5
bool is_parts_directory(const std::string& path);
/// The first entry of the directory that a table does not write there, as somebody's notes; empty: none.
std::string no_part_of_table(const std::string& directory);
std::string manifest_text(const Manifest& manifest);
/// Throws DataError naming the manifest.
Manifest read_manifest(const std::string& directory);

}  // namespace rxhpc::impl
