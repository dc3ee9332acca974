// The columns of a text: what is known beforehand, what parsing learns, and the variable that follows.
#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "rxhpc/text.hpp"
#include "text_dictionary.hpp"
#include "text_header.hpp"
#include "text_values.hpp"

namespace rxhpc::impl {

/// How a column's fields are read. The first seven are the lattice of the guess: `none` (all missing) below everything, `text` above
/// everything, integer below decimal, date below time. `wide` is text of fixed length.
enum class Kind : std::uint8_t { none, logical, integer, decimal, date, time, text, wide };

constexpr Kind join(Kind a, Kind b) {
  if (a == b || b == Kind::none) return a;
  if (a == Kind::none) return b;
  if ((a == Kind::integer && b == Kind::decimal) || (a == Kind::decimal && b == Kind::integer)) return Kind::decimal;
  if ((a == Kind::date && b == Kind::time) || (a == Kind::time && b == Kind::date)) return Kind::time;
  return Kind::text;
}

/// The least kind that the raw field fits.
Kind classify(std::string_view raw, const MissingStrings& missing);

/// The most distinct values of a character column that is stored as codes.
constexpr std::int32_t most_character_codes = 65536;

/// A column that is wanted, as the options say.
struct ColumnRule {
  int field = 0;           ///< place in the text
  std::string name, description;
  bool fixed = false;      ///< the type was given
  VarType type = VarType::numeric;
  std::int64_t lowest = std::numeric_limits<std::int64_t>::min(), highest = std::numeric_limits<std::int64_t>::max();  ///< integers that fit
  std::optional<double> low, high;
  bool has_levels = false;
  std::vector<std::string> levels;       ///< as the table will have them
  Dictionary values;                     ///< spellings in the text ...
  std::vector<std::int32_t> value_codes; ///< ... and their levels
  std::int32_t other = -1;               ///< code of `.rxOther`, or -1
};

/// The wanted columns in the text's order. Throws UsageError: an unknown column, levels of a column that has none.
std::vector<ColumnRule> column_rules(const TextHeader& header, const TextOptions& options);

Kind kind_of(VarType type);

/// What the fields of a column say, over some rows; a commutative, associative summary.
struct ColumnFacts {
  Kind kind = Kind::none;
  bool inexact = false;     ///< a whole number that a double cannot hold
  bool minus_zero = false;  ///< "-0" parsed as an integer: 0, where a decimal keeps the sign
  bool maybe_text = false;  ///< a quoted missing value or blanks: text if the column is text
  std::int64_t low = std::numeric_limits<std::int64_t>::max(), high = std::numeric_limits<std::int64_t>::min();
  double least = std::numeric_limits<double>::infinity(), most = -std::numeric_limits<double>::infinity();
  std::int64_t width = 0;   ///< bytes of the longest text

  void merge(const ColumnFacts& other) {
    kind = join(kind, other.kind);
    inexact |= other.inexact;
    minus_zero |= other.minus_zero;
    maybe_text |= other.maybe_text;
    low = std::min(low, other.low);
    high = std::max(high, other.high);
    least = std::min(least, other.least);
    most = std::max(most, other.most);
    width = std::max(width, other.width);
  }
};

/// The range of dates as one of times.
inline void days_to_micros(ColumnFacts& facts) {
  if (facts.low > facts.high) return;
  facts.low *= microseconds_a_day;
  facts.high *= microseconds_a_day;
}

/// The type that follows from the rule, else from the facts.
VarType decided_type(const ColumnRule& rule, const ColumnFacts& facts, VarType default_decimal);

/// The variable: narrowest storage, range. `distinct`: texts of a text column (with their levels), -1 where there are too many for codes.
Variable decided_variable(const ColumnRule& rule, const ColumnFacts& facts, VarType type, std::vector<std::string> levels, bool too_many);

}  // namespace rxhpc::impl
