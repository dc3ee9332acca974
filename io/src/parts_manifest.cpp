#include "parts_manifest.hpp"

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "codec_chunk.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

// Numbers of 64 bits as text: JSON readers elsewhere keep 53 bits.
std::string hex_of(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

}  // namespace

std::string part_name(std::size_t number) {
  char text[32];
  std::snprintf(text, sizeof text, "part-%05zu.h5", number);
  return text;
}

bool is_parts_directory(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(std::filesystem::path(path) / manifest_name, ignored);
}

std::string no_part_of_table(const std::string& directory) {
  std::error_code ignored;
  std::string first;
  for (auto const& entry : std::filesystem::directory_iterator(directory, ignored)) {
    auto const name = entry.path().filename().string();
    bool const part = name.starts_with("part-") && name.ends_with(".h5"), leftover = name.starts_with(".") && name.find(".unfinished-") != name.npos;
    bool const ours = (name == manifest_name || part || leftover) && !entry.is_directory(ignored);
    if (!ours && (first.empty() || name < first)) first = name;
  }
  return first;
}

std::string manifest_text(const Manifest& manifest) {
  using Json = nlohmann::ordered_json;
  Json parts = Json::array();
  for (auto const& part : manifest.parts) parts.push_back({{"file", part.file}, {"rows", part.rows}, {"hash", hex_of(part.hash)}});
  auto const schema = Json::parse(schema_text(manifest.table));
  Json const body{{"format", "rxhpc-parts"}, {"version", format_version}, {"parts", std::move(parts)}, {"table", schema}};
  Json whole = body;
  auto const text = body.dump();
  whole["hash"] = hex_of(hash_of(text.data(), text.size()));
  return whole.dump(1) + "\n";
}

Manifest read_manifest(const std::string& directory) {
  auto const file = (std::filesystem::path(directory) / manifest_name).string();
  auto const text = read_whole(file);
  Manifest manifest;
  std::string schema;
  try {
    auto j = nlohmann::ordered_json::parse(text);
    if (j.at("format") != "rxhpc-parts" || j.at("version") != format_version) throw DataError("unknown format");
    auto const hash = j.at("hash").get<std::string>();
    j.erase("hash");
    auto const body = j.dump();
    if (hash != hex_of(hash_of(body.data(), body.size()))) throw DataError("damaged (hash differs)");
    for (auto const& p : j.at("parts"))
      manifest.parts.push_back({p.at("file").get<std::string>(), p.at("rows").get<std::int64_t>(),
                                std::stoull(p.at("hash").get<std::string>(), nullptr, 16)});
    schema = j.at("table").dump();
  } catch (const std::exception& e) {
    throw DataError(file + ": " + reason_of(e));
  }
  parse_schema_text(schema, file, manifest.table);
  std::int64_t rows = 0;
  for (auto const& part : manifest.parts) {
    if (part.rows < 0 || part.file.find('/') != std::string::npos || part.file.empty()) throw DataError(file + ": bad part");
    rows += part.rows;
  }
  if (rows != manifest.table.rows) throw DataError(file + ": rows of the parts do not add up");
  return manifest;
}

}  // namespace rxhpc::impl
