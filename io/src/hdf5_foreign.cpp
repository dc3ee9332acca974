#include "hdf5_foreign.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <unordered_map>

#include "codec_chunk.hpp"
#include "hdf5_foreign_values.hpp"
#include "hdf5_handle.hpp"
#include "rxhpc/errors.hpp"
#include "table_layout.hpp"

namespace rxhpc::impl {
namespace {

constexpr std::size_t most_levels = 65536;  ///< text with more distinct values is kept as fixed-length text

enum class Kind : std::int8_t { number, codes, text };
enum class Mark : std::int8_t { none, whole, real };  ///< a value that marks missing ones

struct ForeignColumn {
  std::string dataset;                     ///< path within the file
  Kind kind = Kind::number;
  Mark mark = Mark::none;
  std::uint64_t fill = 0;                  ///< the mark's 64 bits
};

struct ForeignTable {
  Schema schema;
  std::vector<ForeignColumn> columns;
  std::int64_t rows = -1;
};

// The storage that holds every value of the file's type and leaves our missing code free. int32 and int64 keep R's and Arrow's
// habit: their lowest value is missing.
Storage storage_for(hid_t type) {
  auto const bytes = H5Tget_size(type);
  if (H5Tget_class(type) == H5T_FLOAT) return bytes <= 4 ? Storage::float32 : Storage::float64;
  bool const is_signed = H5Tget_sign(type) == H5T_SGN_2;
  if (bytes == 1) return Storage::int16;
  if (bytes == 2 || (bytes == 4 && is_signed)) return Storage::int32;
  return bytes <= 4 || is_signed ? Storage::int64 : Storage::float64;
}

hid_t memory_type(Storage storage) {
  switch (storage) {
    case Storage::int8: return H5T_NATIVE_INT8;
    case Storage::int16: return H5T_NATIVE_INT16;
    case Storage::uint16: return H5T_NATIVE_UINT16;
    case Storage::int32: return H5T_NATIVE_INT32;
    case Storage::int64: return H5T_NATIVE_INT64;
    case Storage::float32: return H5T_NATIVE_FLOAT;
    default: return H5T_NATIVE_DOUBLE;
  }
}

// Distinct values in the order of their first appearance, or too many of them: fixed-length text.
void learn_texts(hid_t dataset, std::int64_t rows, const std::string& file, const std::string& name, Variable& v) {
  std::unordered_map<std::string, int> seen;
  std::size_t longest = 1;
  for (std::int64_t first = 0; first < rows; first += default_chunk_rows)
    for_texts(dataset, first, std::min(default_chunk_rows, rows - first), file, name, [&](std::int64_t, std::string_view text) {
      longest = std::max(longest, text.size());
      if (seen.size() <= most_levels && seen.emplace(text, 0).second) v.levels.emplace_back(text);
    });
  v.type = VarType::character;
  v.storage = code_storage(v.levels.size());
  if (v.levels.size() <= most_levels) return;
  v.levels.clear();
  v.storage = Storage::text;
  v.text_width = static_cast<int>((longest + 7) / 8 * 8);
}

void learn_number(hid_t dataset, hid_t type, Variable& v, ForeignColumn& column) {
  if (is_boolean(type)) {
    v.type = VarType::logical;
    v.storage = Storage::int8;
    return;
  }
  v.storage = storage_for(type);
  auto const units = text_attribute(dataset, "units");
  bool const integers = H5Tget_class(type) == H5T_INTEGER;
  if (v.storage == Storage::float32) v.type = VarType::float32;
  else if (v.storage == Storage::float64) v.type = VarType::numeric;
  else v.type = v.storage == Storage::int64 ? VarType::int64 : VarType::integer;
  if (integers && units == "days since 1970-01-01" && v.storage == Storage::int32) v.type = VarType::date;
  if (integers && units == "microseconds since 1970-01-01 00:00:00" && v.storage == Storage::int64) v.type = VarType::posixct;
  bool const marked = integers ? fill_mark(dataset, v.storage == Storage::float64, column.fill) : real_fill_mark(dataset, column.fill);
  if (marked) column.mark = integers ? Mark::whole : Mark::real;
}

void check_length(ForeignTable& table, std::int64_t rows, const std::string& file, const std::string& name) {
  if (table.rows >= 0 && rows != table.rows)
    throw DataError(file + ": data set '" + name + "' has " + std::to_string(rows) + " rows, the ones before it have " + std::to_string(table.rows));
  table.rows = rows;
}

// A member of the group, where it is a column: an AnnData categorical, numbers or text.
void learn_member(hid_t group, const std::string& prefix, const std::string& name, const std::string& file, ForeignTable& table) {
  Handle const object(H5Oopen(group, name.c_str(), H5P_DEFAULT), H5Oclose);
  if (!object) return;
  Variable v;
  v.name = name;
  v.description = text_attribute(object, "long_name");
  ForeignColumn column;
  column.dataset = prefix + name;
  auto const kind = H5Iget_type(object);
  if (kind == H5I_GROUP) {
    if (text_attribute(object, "encoding-type") != "categorical") return;
    Handle const codes(H5Dopen2(object, "codes", H5P_DEFAULT), H5Dclose), categories(H5Dopen2(object, "categories", H5P_DEFAULT), H5Dclose);
    if (!codes || !categories) throw DataError(file + ": data set '" + column.dataset + "': codes or categories are absent");
    auto levels = read_categories(categories, file, column.dataset + "/categories");
    if (!levels) return;
    auto const rows = length_of(codes);
    if (rows < 0) throw DataError(file + ": data set '" + column.dataset + "/codes' is not one-dimensional");
    check_length(table, rows, file, column.dataset);
    column.dataset += "/codes";
    column.kind = Kind::codes;
    v.levels = std::move(*levels);
    v.type = is_ordered(object) ? VarType::ordered : VarType::factor;
    v.storage = code_storage(v.levels.size());
  } else if (kind == H5I_DATASET) {
    auto const rows = length_of(object);
    Handle const type(H5Dget_type(object), H5Tclose);
    auto const type_class = type ? H5Tget_class(type) : H5T_NO_CLASS;
    bool const numbers = type_class == H5T_INTEGER || type_class == H5T_FLOAT || is_boolean(type);
    if (rows < 0 || (!numbers && type_class != H5T_STRING)) return;
    check_length(table, rows, file, column.dataset);
    if (numbers) {
      learn_number(object, type, v, column);
    } else {
      column.kind = Kind::text;
      learn_texts(object, rows, file, column.dataset, v);
    }
  } else {
    return;
  }
  table.schema.variables.push_back(std::move(v));
  table.columns.push_back(std::move(column));
}

std::vector<std::string> members_of(hid_t group, const std::string& file) {
  H5G_info_t info{};
  if (H5Gget_info(group, &info) < 0) throw_hdf5(file, "", "cannot list the group");
  bool const created = info.nlinks > 0 && H5Lget_name_by_idx(group, ".", H5_INDEX_CRT_ORDER, H5_ITER_INC, 0, nullptr, 0, H5P_DEFAULT) >= 0;
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    auto const order = created ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
    auto const length = H5Lget_name_by_idx(group, ".", order, H5_ITER_INC, i, nullptr, 0, H5P_DEFAULT);
    if (length < 0) throw_hdf5(file, "", "cannot list the group");
    std::string name(static_cast<std::size_t>(length) + 1, '\0');
    H5Lget_name_by_idx(group, ".", order, H5_ITER_INC, i, name.data(), name.size(), H5P_DEFAULT);
    name.pop_back();
    names.push_back(std::move(name));
  }
  return names;
}

// An AnnData frame's own order of columns, where the group has it.
void order_members(hid_t group, const std::string& file, std::vector<std::string>& names) {
  if (text_attribute(group, "encoding-type") != "dataframe") return;
  std::erase(names, text_attribute(group, "_index"));
  if (H5Aexists(group, "column-order") <= 0) return;
  Handle const attribute(H5Aopen(group, "column-order", H5P_DEFAULT), H5Aclose);
  Handle const type(H5Aget_type(attribute), H5Tclose), space(H5Aget_space(attribute), H5Sclose);
  auto const count = space ? H5Sget_simple_extent_npoints(space) : -1;
  if (count != static_cast<hssize_t>(names.size()) || !type || H5Tis_variable_str(type) <= 0) return;
  std::vector<char*> pointers(names.size(), nullptr);
  if (names.empty() || H5Aread(attribute, type, pointers.data()) < 0) return;
  std::vector<std::string> ordered;
  for (auto* p : pointers) ordered.emplace_back(p ? p : "");
  H5Dvlen_reclaim(type, space, H5P_DEFAULT, pointers.data());
  if (std::is_permutation(ordered.begin(), ordered.end(), names.begin(), names.end())) names = std::move(ordered);
  (void)file;
}

ForeignTable learn(const std::string& path, const std::string& wanted) {
  Hdf5Lock lock;
  auto const file = open_hdf5(path);
  std::string group_name = wanted;
  if (group_name.empty()) group_name = H5Lexists(file, "data", H5P_DEFAULT) > 0 ? "/data" : "/";
  Handle group(H5Gopen2(file, group_name.c_str(), H5P_DEFAULT), H5Gclose);
  if (!group && wanted.empty()) group = Handle(H5Gopen2(file, (group_name = "/").c_str(), H5P_DEFAULT), H5Gclose);
  if (!group) throw DataError(path + ": has no group '" + group_name + "'");
  auto names = members_of(group, path);
  order_members(group, path, names);
  ForeignTable table;
  auto const prefix = group_name.back() == '/' ? group_name : group_name + "/";
  for (auto const& name : names) learn_member(group, prefix, name, path, table);
  if (table.schema.size() == 0) throw DataError(path + ": group '" + group_name + "' has no one-dimensional data sets of numbers or text");
  return table;
}

struct ForeignScratch final : ChunkScratch {
  std::vector<Buffer> values;
};

class ForeignSource final : public ChunkSource {
 public:
  ForeignSource(std::string path, ForeignTable table) : path_(std::move(path)), table_(std::move(table)) {
    grid_ = Grid::uniform(table_.rows, default_chunk_rows);
    Hdf5Lock lock;
    // A cache that holds a few of the file's chunks: ours need not begin where those do.
    Handle const access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    H5Pset_cache(access, 0, 521, std::size_t{16} << 20, 1.0);
    file_ = Handle(H5Fopen(path_.c_str(), H5F_ACC_RDONLY, access), H5Fclose);
    if (!file_) throw_hdf5(path_, "", "cannot be opened");
    for (std::size_t c = 0; c < table_.columns.size(); ++c) {
      datasets_.emplace_back(H5Dopen2(file_, table_.columns[c].dataset.c_str(), H5P_DEFAULT), H5Dclose);
      if (!datasets_.back()) throw_hdf5(path_, table_.columns[c].dataset, "cannot be opened");
      codes_.emplace_back();
      if (table_.columns[c].kind == Kind::text)
        for (auto const& level : table_.schema[c].levels) codes_[c].emplace(level, static_cast<int>(codes_[c].size()));
    }
  }
  ~ForeignSource() override {
    Hdf5Lock lock;
    datasets_.clear();
    file_.reset();
  }
  const Schema& schema() const override { return table_.schema; }
  const Grid& grid() const override { return grid_; }
  std::int64_t held_bytes(std::span<const int> columns) const override { return grid_.longest() * table_.schema.row_bytes(columns); }

  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override {
    auto* scratch = dynamic_cast<ForeignScratch*>(out.scratch.get());
    if (!scratch) out.scratch.reset(scratch = new ForeignScratch);
    if (scratch->values.size() < columns.size()) scratch->values.resize(columns.size());
    out.index = chunk;
    out.first_row = grid_.first(chunk);
    out.rows = grid_.rows(chunk);
    out.columns.resize(columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i) {
      auto const c = static_cast<std::size_t>(columns[i]);
      auto const& v = table_.schema[c];
      scratch->values[i].resize(static_cast<std::size_t>(out.rows) * static_cast<std::size_t>(v.value_bytes()));
      fill(c, out.first_row, out.rows, scratch->values[i].data());
      out.columns[i] = column_of(v, scratch->values[i].data());
    }
  }

 private:
  void fill(std::size_t c, std::int64_t first, std::int64_t rows, unsigned char* out) const {
    auto const& v = table_.schema[c];
    if (table_.columns[c].kind == Kind::text) return fill_texts(c, first, rows, out);
    if (table_.columns[c].kind == Kind::codes) return fill_codes(c, first, rows, out);
    {
      Hdf5Lock lock;
      auto const boolean = boolean_type();
      // A double that comes of unsigned integers is still one of these where its mark of missing is looked for.
      auto const type = v.type == VarType::logical ? static_cast<hid_t>(boolean)
                        : marked_unsigned(c)       ? H5T_NATIVE_UINT64
                                                   : memory_type(v.storage);
      read_rows(datasets_[c], type, first, rows, out, path_, table_.columns[c].dataset);
    }
    switch (v.storage) {
      case Storage::int8: return mend<std::int8_t>(c, rows, out);
      case Storage::int16: return mend<std::int16_t>(c, rows, out);
      case Storage::int32: return mend<std::int32_t>(c, rows, out);
      case Storage::int64: return mend<std::int64_t>(c, rows, out);
      case Storage::float32: return mend_reals<float>(c, rows, out);
      default: return marked_unsigned(c) ? mend_unsigned(c, rows, out) : mend_reals<double>(c, rows, out);
    }
  }

  bool marked_unsigned(std::size_t c) const { return table_.columns[c].mark == Mark::whole && table_.schema[c].storage == Storage::float64; }

  template <class T>
  void mend_reals(std::size_t c, std::int64_t rows, unsigned char* out) const {
    if (table_.columns[c].mark != Mark::real) return;
    auto* p = reinterpret_cast<T*>(out);
    auto const mark = static_cast<T>(std::bit_cast<double>(table_.columns[c].fill));
    for (std::int64_t i = 0; i < rows; ++i)
      if (p[i] == mark) p[i] = static_cast<T>(na_value());
  }

  // The file's own mark of missing becomes ours; so does what is neither TRUE nor FALSE.
  template <class T>
  void mend(std::size_t c, std::int64_t rows, unsigned char* out) const {
    auto* p = reinterpret_cast<T*>(out);
    auto const& column = table_.columns[c];
    auto const mark = static_cast<std::int64_t>(column.fill);
    if (column.mark == Mark::whole)
      for (std::int64_t i = 0; i < rows; ++i)
        if (p[i] == mark) p[i] = static_cast<T>(missing_code(table_.schema[c].storage));
    if (table_.schema[c].type == VarType::logical)
      for (std::int64_t i = 0; i < rows; ++i)
        if (p[i] != 0 && p[i] != 1) p[i] = -1;
  }

  // Bits are copied: the values change their type where they lie.
  void mend_unsigned(std::size_t c, std::int64_t rows, unsigned char* out) const {
    for (std::int64_t i = 0; i < rows; ++i) {
      std::uint64_t whole;
      std::memcpy(&whole, out + 8 * i, 8);
      double const value = whole == table_.columns[c].fill ? na_value() : static_cast<double>(whole);
      std::memcpy(out + 8 * i, &value, 8);
    }
  }

  // Codes are looked at in their full width, before they are narrowed and before anyone indexes with them.
  void fill_codes(std::size_t c, std::int64_t first, std::int64_t rows, unsigned char* out) const {
    auto const& v = table_.schema[c];
    auto const levels = static_cast<std::int64_t>(v.levels.size());
    std::vector<std::int64_t> codes(static_cast<std::size_t>(rows));
    {
      Hdf5Lock lock;
      read_rows(datasets_[c], H5T_NATIVE_INT64, first, rows, codes.data(), path_, table_.columns[c].dataset);
    }
    auto const width = static_cast<std::size_t>(v.value_bytes());
    for (std::size_t i = 0; i < codes.size(); ++i) {
      if (codes[i] >= levels) throw DataError(path_ + ": data set '" + table_.columns[c].dataset + "': code " + std::to_string(codes[i]) + " has no category");
      auto const code = std::max<std::int64_t>(codes[i], -1);  // little-endian: its low bytes are the narrower code
      std::memcpy(out + i * width, &code, width);
    }
  }

  void fill_texts(std::size_t c, std::int64_t first, std::int64_t rows, unsigned char* out) const {
    auto const& v = table_.schema[c];
    Hdf5Lock lock;
    for_texts(datasets_[c], first, rows, path_, table_.columns[c].dataset, [&](std::int64_t i, std::string_view text) {
      if (v.storage == Storage::text) {
        auto const width = static_cast<std::size_t>(v.text_width);
        std::memset(out + static_cast<std::size_t>(i) * width, 0, width);
        std::memcpy(out + static_cast<std::size_t>(i) * width, text.data(), std::min(width, text.size()));
        return;
      }
      auto const at = codes_[c].find(std::string(text));
      if (at == codes_[c].end()) throw DataError(path_ + ": data set '" + table_.columns[c].dataset + "' changed while it was read");
      auto const code = static_cast<std::int32_t>(at->second);  // little-endian: its low bytes are the narrower code
      std::memcpy(out + i * v.value_bytes(), &code, static_cast<std::size_t>(v.value_bytes()));
    });
  }

  std::string path_;
  ForeignTable table_;
  Grid grid_;
  Handle file_;
  std::vector<Handle> datasets_;
  std::vector<std::unordered_map<std::string, int>> codes_;
};

void put_table(ByteWriter& out, const ForeignTable& table) {
  TableImage image;
  image.schema = table.schema;
  out.put(schema_text(image));
  out.put(table.rows);
  for (auto const& c : table.columns) {
    out.put(c.dataset);
    out.put(c.kind);
    out.put(c.mark);
    out.put(c.fill);
  }
}

ForeignTable get_table(ByteReader& in, const std::string& file) {
  TableImage image;
  parse_schema_text(in.get_text(), file, image);
  ForeignTable table;
  table.schema = std::move(image.schema);
  table.rows = in.get<std::int64_t>();
  for (std::size_t c = 0; c < table.schema.size(); ++c) {
    ForeignColumn column;
    column.dataset = in.get_text();
    column.kind = in.get<Kind>();
    column.mark = in.get<Mark>();
    column.fill = in.get<std::uint64_t>();
    table.columns.push_back(std::move(column));
  }
  return table;
}

}  // namespace

std::unique_ptr<ChunkSource> open_foreign(const std::string& file, const std::string& group, Communicator& comm) {
  Bytes blob;
  together(comm, [&] {
    if (comm.rank() != 0) return;
    ByteWriter out;
    put_table(out, learn(file, group));
    blob = std::move(out.bytes());
  });
  comm.broadcast(blob);
  std::unique_ptr<ChunkSource> source;
  together(comm, [&] {
    ByteReader in(blob);
    source = std::make_unique<ForeignSource>(file, get_table(in, file));
  });
  return source;
}

}  // namespace rxhpc::impl
