// Names, types, factor levels and ranges of a table's columns. Host only; holds no data.
#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rxhpc {

/// What a column means; the spelling of each is `to_string`'s (contract, section 5, "Text in").
enum class VarType : std::uint8_t {
  logical, integer, int16, uint16, int64, float32, numeric, character, factor, ordered, date, posixct
};

/// How a column's values lie in memory and on disk. `text` is fixed-length UTF-8, padded with NUL.
enum class Storage : std::uint8_t { int8, int16, uint16, int32, int64, float32, float64, text };

const char* to_string(VarType type);
const char* to_string(Storage storage);
/// The type of that spelling; throws UsageError that lists the spellings.
VarType var_type(std::string_view spelling);
/// The storage of that spelling; throws DataError.
Storage storage_of(std::string_view spelling);

/// Bytes of one value; 0 for text, whose width is the variable's.
constexpr int bytes_of(Storage storage) {
  switch (storage) {
    case Storage::int8: return 1;
    case Storage::int16: case Storage::uint16: return 2;
    case Storage::int32: case Storage::float32: return 4;
    case Storage::int64: case Storage::float64: return 8;
    case Storage::text: return 0;
  }
  return 0;
}

struct Variable {
  std::string name;
  VarType type = VarType::numeric;
  Storage storage = Storage::float64;
  int text_width = 0;               ///< bytes a value, Storage::text only
  std::vector<std::string> levels;  ///< factor, ordered, and character stored as codes
  double low = std::numeric_limits<double>::quiet_NaN();   ///< range that `F(x)` uses; NaN: unknown
  double high = std::numeric_limits<double>::quiet_NaN();
  std::string description;

  /// Values are codes into `levels`, -1 for missing (a character column is, too, unless stored as text).
  bool coded() const {
    return type == VarType::factor || type == VarType::ordered || (type == VarType::character && storage != Storage::text);
  }
  bool categorical() const { return type == VarType::factor || type == VarType::ordered; }
  int value_bytes() const { return storage == Storage::text ? text_width : bytes_of(storage); }
};

struct Schema {
  std::vector<Variable> variables;

  std::size_t size() const { return variables.size(); }
  const Variable& operator[](std::size_t i) const { return variables[i]; }
  Variable& operator[](std::size_t i) { return variables[i]; }
  /// Position of the column of that name, -1 where there is none.
  int find(std::string_view name) const;
  /// Position of the column of that name; throws UsageError with a "did you mean" where a name is near.
  int at(std::string_view name) const;
  /// Throws UsageError where two columns have one name.
  void check_names() const;
  /// Bytes of one row of these columns.
  std::int64_t row_bytes(std::span<const int> columns) const {
    std::int64_t bytes = 0;
    for (int c : columns) bytes += variables[static_cast<std::size_t>(c)].value_bytes();
    return bytes;
  }
};

/// The candidate nearest to `word` by edit distance, empty where none is near enough to be meant.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);
/// `message` followed by "; did you mean 'x'?" where a candidate is near.
std::string with_suggestion(std::string message, std::string_view word, const std::vector<std::string>& candidates);

}  // namespace rxhpc
