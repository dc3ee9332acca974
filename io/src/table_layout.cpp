#include "table_layout.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "codec_chunk.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

using Json = nlohmann::ordered_json;

constexpr double bytes_of_cell = 80;  // of metadata, of a chunk and column

bool valid_utf8(const std::string& text) {
  for (std::size_t i = 0; i < text.size();) {
    auto const c = static_cast<unsigned char>(text[i]);
    int const more = c < 0x80 ? 0 : c >= 0xC2 && c < 0xE0 ? 1 : c >= 0xE0 && c < 0xF0 ? 2 : c >= 0xF0 && c < 0xF5 ? 3 : -1;
    if (more < 0 || i + static_cast<std::size_t>(more) >= text.size()) return false;
    auto const next = more > 0 ? static_cast<unsigned char>(text[i + 1]) : 0;
    if ((c == 0xE0 && next < 0xA0) || (c == 0xED && next > 0x9F) || (c == 0xF0 && next < 0x90) || (c == 0xF4 && next > 0x8F)) return false;
    for (int k = 1; k <= more; ++k)
      if ((static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]) & 0xC0) != 0x80) return false;
    i += static_cast<std::size_t>(more) + 1;
  }
  return true;
}

// JSON holds UTF-8 only; other bytes go as {"hex": "..."}.
Json text_json(const std::string& text) {
  if (valid_utf8(text)) return text;
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  for (unsigned char c : text) hex += {digits[c >> 4], digits[c & 15]};
  return Json{{"hex", hex}};
}

std::string text_of(const Json& j) {
  if (j.is_string()) return j.get<std::string>();
  auto const hex = j.at("hex").get<std::string>();
  std::string text;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) text += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return text;
}

// Doubles that JSON cannot write are text; null is "unknown".
Json number_json(double x) {
  if (std::isnan(x)) return nullptr;
  if (std::isinf(x)) return x > 0 ? "Inf" : "-Inf";
  return x;
}

double number_of(const Json& j) {
  if (j.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (j.is_string()) return j.get<std::string>() == "Inf" ? HUGE_VAL : -HUGE_VAL;
  return j.get<double>();
}

Json missing_rule(const Variable& v) {
  if (v.storage == Storage::float64 || v.storage == Storage::float32) return "NaN";
  if (v.storage == Storage::text) return "";
  return column_of(v, nullptr).missing;
}

Variable variable_of(const Json& j) {
  Variable v;
  v.name = text_of(j.at("name"));
  v.type = var_type(j.at("type").get<std::string>());
  v.storage = storage_of(j.at("storage").get<std::string>());
  v.text_width = j.value("text_width", 0);
  if (v.storage == Storage::text && (v.text_width < 1 || v.text_width > (1 << 24))) throw DataError("text width out of range");
  if (j.contains("levels"))
    for (auto const& level : j.at("levels")) v.levels.push_back(text_of(level));
  v.low = number_of(j.at("low"));
  v.high = number_of(j.at("high"));
  v.description = text_of(j.at("description"));
  return v;
}

}  // namespace

bool keeps_level_counts(const Variable& v, std::int64_t chunks) {
  return v.coded() && static_cast<std::int64_t>(v.levels.size()) * 8 <= level_counts_limit / std::max<std::int64_t>(1, chunks);
}

std::string schema_text(const TableImage& image) {
  Json columns = Json::array();
  for (auto const& v : image.schema.variables) {
    Json j{{"name", text_json(v.name)}, {"type", to_string(v.type)}, {"storage", to_string(v.storage)}};
    if (v.storage == Storage::text) j["text_width"] = v.text_width;
    j["missing"] = missing_rule(v);
    if (v.coded()) {
      j["levels"] = Json::array();
      for (auto const& level : v.levels) j["levels"].push_back(text_json(level));
    }
    j["low"] = number_json(v.low);
    j["high"] = number_json(v.high);
    j["description"] = text_json(v.description);
    columns.push_back(std::move(j));
  }
  return Json{{"rows", image.rows}, {"chunk_rows", image.chunk_rows}, {"codec", to_string(image.codec)}, {"columns", std::move(columns)}}
      .dump();
}

void parse_schema_text(const std::string& text, const std::string& file, TableImage& image) {
  try {
    auto const j = Json::parse(text);
    image.rows = j.at("rows").get<std::int64_t>();
    image.chunk_rows = j.at("chunk_rows").get<std::int64_t>();
    image.codec = codec_of(j.at("codec").get<std::string>());
    for (auto const& column : j.at("columns")) image.schema.variables.push_back(variable_of(column));
  } catch (const std::exception& e) {
    throw DataError(file + ": data set '/rx/schema': " + reason_of(e));
  }
  if (image.rows < 0 || image.chunk_rows < 1 || image.chunk_rows > (1 << 30))
    throw DataError(file + ": data set '/rx/schema': row counts out of range");
}

ImageArrays arrays_of(const TableImage& image) {
  auto const chunks = static_cast<std::size_t>(image.chunk_count()), columns = image.schema.size();
  ImageArrays a;
  for (auto* v : {&a.n, &a.missing}) v->reserve(chunks * columns);
  for (auto* v : {&a.mean, &a.mean_lo, &a.m2, &a.min, &a.max}) v->reserve(chunks * columns);
  for (std::size_t k = 0; k < chunks; ++k)
    for (std::size_t c = 0; c < columns; ++c) {
      auto const& z = image.zones.moments[c][k];
      a.n.push_back(z.n);
      a.missing.push_back(z.missing);
      a.mean.push_back(z.mean);
      a.mean_lo.push_back(z.mean_lo);
      a.m2.push_back(z.m2);
      a.min.push_back(z.min);
      a.max.push_back(z.max);
    }
  a.chunks.reserve(3 * chunks * columns);
  a.levels.resize(columns);
  for (std::size_t c = 0; c < columns; ++c) {
    for (auto const& s : image.chunks[c]) a.chunks.insert(a.chunks.end(), {s.address, s.bytes, s.hash});
    if (!keeps_level_counts(image.schema[c], image.chunk_count())) continue;
    for (auto const& counts : image.zones.level_counts[c]) a.levels[c].insert(a.levels[c].end(), counts.begin(), counts.end());
  }
  return a;
}

void require_arrays_fit(const TableImage& image) {
  auto const chunks = static_cast<double>(image.chunk_count());
  double bytes = chunks * bytes_of_cell * static_cast<double>(std::max<std::size_t>(1, image.schema.size()));
  for (auto const& v : image.schema.variables)
    if (keeps_level_counts(v, image.chunk_count())) bytes += chunks * 8 * static_cast<double>(v.levels.size());
  if (bytes > static_cast<double>(image.file_bytes)) throw DataError(image.path + ": data set '/rx/schema': more chunks than the file can hold");
}

ImageArrays shaped_arrays(const TableImage& image) {
  auto const chunks = static_cast<std::size_t>(image.chunk_count()), columns = image.schema.size();
  ImageArrays a;
  each_array(a, [&](auto& values) { values.resize(chunks * columns); });
  a.chunks.resize(3 * chunks * columns);
  a.levels.resize(columns);
  for (std::size_t c = 0; c < columns; ++c)
    if (keeps_level_counts(image.schema[c], image.chunk_count())) a.levels[c].resize(chunks * image.schema[c].levels.size());
  return a;
}

void take_arrays(const ImageArrays& a, TableImage& image) {
  auto const chunks = static_cast<std::size_t>(image.chunk_count()), columns = image.schema.size();
  image.zones.moments.assign(columns, std::vector<ZoneMoments>(chunks));
  image.zones.level_counts.assign(columns, {});
  image.chunks.assign(columns, std::vector<StoredChunk>(chunks));
  for (std::size_t c = 0; c < columns; ++c) {
    for (std::size_t k = 0; k < chunks; ++k) {
      auto const i = k * columns + c;
      image.zones.moments[c][k] = {a.n[i], a.missing[i], a.mean[i], a.mean_lo[i], a.m2[i], a.min[i], a.max[i]};
      auto const* s = &a.chunks[3 * (c * chunks + k)];
      image.chunks[c][k] = {s[0], s[1], s[2]};
    }
    if (!keeps_level_counts(image.schema[c], image.chunk_count())) continue;
    auto const levels = static_cast<std::ptrdiff_t>(image.schema[c].levels.size());
    for (std::size_t k = 0; k < chunks; ++k) {
      auto const from = a.levels[c].begin() + static_cast<std::ptrdiff_t>(k) * levels;
      image.zones.level_counts[c].emplace_back(from, from + levels);
    }
  }
}

std::uint64_t metadata_hash(const std::string& schema, const ImageArrays& a) {
  // The hash of hashes, each over one array with its length: no copy of the whole.
  std::vector<std::uint64_t> parts;
  auto const add = [&](const auto& values) {
    auto const bytes = values.size() * sizeof(values[0]);
    parts.push_back(bytes);
    parts.push_back(hash_of(values.data(), bytes));
  };
  add(schema);
  each_array(a, add);
  return hash_of(parts.data(), parts.size() * sizeof parts[0]);
}

std::string link_name(const std::string& column) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string name;
  for (std::size_t i = 0; i < column.size(); ++i) {
    auto const c = static_cast<unsigned char>(column[i]);
    bool const odd = c < 0x20 || c == 0x7F || c == '/' || c == '%' || (c == '.' && i == 0) || (i == 0 && column == "_index");
    if (odd) name += {'%', digits[c >> 4], digits[c & 15]};
    else name += column[i];
  }
  return name.empty() ? "%" : name;
}

void put_image(ByteWriter& out, const TableImage& image) {
  out.put(image.path);
  out.put(image.file_bytes);
  out.put(image.modified);
  out.put(schema_text(image));
  auto const a = arrays_of(image);
  each_array(a, [&](auto const& values) { out.append(values.data(), values.size() * sizeof values[0]); });
}

TableImage get_image(ByteReader& in) {
  TableImage image;
  image.path = in.get_text();
  image.file_bytes = in.get<std::uint64_t>();
  image.modified = in.get<std::int64_t>();
  parse_schema_text(in.get_text(), image.path, image);
  auto a = shaped_arrays(image);
  each_array(a, [&](auto& values) {
    auto const bytes = values.size() * sizeof values[0];
    if (bytes > 0) std::memcpy(values.data(), in.take(bytes), bytes);
  });
  take_arrays(a, image);
  return image;
}

}  // namespace rxhpc::impl
