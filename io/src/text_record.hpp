// One record at a time, byte by byte: headers, samples and the exact place of an error. The fast path is text_rows.hpp.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rxhpc::impl {

/// Splits the record that begins at `at` (no blank line) into raw fields, quotes included, carriage return of the line end not. Returns
/// the start of the next line; -1 where a quote is still open at the end.
std::int64_t split_record(const char* data, std::int64_t size, std::int64_t at, char delimiter, std::vector<std::string_view>& fields);

/// The first byte from `at` on that does not belong to a blank line.
std::int64_t skip_blank_lines(const char* data, std::int64_t size, std::int64_t at);

enum class Quoting { none, quoted, malformed };
/// What the raw field says: `value` is the text between the quotes, with doubled quotes halved (then in `buffer`), or the raw field itself
/// where it is not quoted. Blanks around a quoted field do not count. Malformed: a quote elsewhere than at both ends.
Quoting unquote(std::string_view raw, std::string& buffer, std::string_view& value);

/// True for well-formed UTF-8.
bool valid_utf8(std::string_view text);

/// Text for a message: shortened, control bytes and bad UTF-8 as \xHH.
std::string shown(std::string_view text);

inline std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

}  // namespace rxhpc::impl
