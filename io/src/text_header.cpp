#include "text_header.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "rxhpc/errors.hpp"
#include "text_record.hpp"

namespace rxhpc::impl {
namespace {

/// Fields of each of the first records under that delimiter.
std::vector<std::size_t> field_counts(const TextBytes& text, std::int64_t at, char delimiter) {
  constexpr std::size_t most_records = 100;
  std::int64_t const end = std::min<std::int64_t>(text.size(), at + (1 << 20));
  std::vector<std::size_t> counts;
  std::vector<std::string_view> fields;
  while (at < end && counts.size() < most_records) {
    at = skip_blank_lines(text.data(), end, at);
    if (at >= end) break;
    at = split_record(text.data(), end, at, delimiter, fields);
    bool const cut = at < 0 || (at == end && end < text.size());
    if (cut && !counts.empty()) break;
    counts.push_back(fields.size());
    if (at < 0) break;
  }
  return counts;
}

/// The delimiter that cuts the first records into equally many fields, the most of them; else the commonest in the first record.
char sense_delimiter(const TextBytes& text, std::int64_t at) {
  char best = ',';
  std::size_t best_fields = 1;
  bool best_even = false;
  for (char const candidate : sensed_delimiters) {
    auto const counts = field_counts(text, at, candidate);
    if (counts.empty() || counts[0] < 2) continue;
    bool const even = std::all_of(counts.begin(), counts.end(), [&](auto n) { return n == counts[0]; });
    if ((even && !best_even) || (even == best_even && counts[0] > best_fields)) {
      best = candidate;
      best_fields = counts[0];
      best_even = even;
    }
  }
  return best;
}

std::string name_of(const TextBytes& text, std::string_view raw, std::size_t field, std::int64_t line) {
  std::string buffer;
  std::string_view value;
  auto const quoting = unquote(raw, buffer, value);
  auto const where = text.path() + ": line " + std::to_string(line) + ": ";
  if (quoting == Quoting::malformed) throw DataError(where + "the name of column " + std::to_string(field + 1) + " has a quote that does not enclose it");
  if (quoting == Quoting::none) value = trimmed(value);
  if (!valid_utf8(value)) throw DataError(where + "the name of column " + std::to_string(field + 1) + " ('" + shown(value) + "') is not valid UTF-8");
  return value.empty() ? std::string("V").append(std::to_string(field + 1)) : std::string(value);
}

/// Whether the record has a carriage return, outside quotes, that no newline follows: whole files of old systems are one such record.
bool lone_carriage_return(const char* data, std::int64_t at, std::int64_t end) {
  bool quoted = false;
  for (; at + 1 < end; ++at) {
    quoted ^= data[at] == '"';
    if (!quoted && data[at] == '\r' && data[at + 1] != '\n') return true;
  }
  return false;
}

}  // namespace

TextHeader read_header(const TextBytes& text, const TextOptions& options) {
  TextHeader header;
  const char* const data = text.data();
  std::int64_t at = 0;
  for (std::int64_t skipped = 0; skipped < options.rows_to_skip; ++skipped) {
    while (at < text.size() && data[at] != '\n') ++at;
    if (at >= text.size()) throw DataError(text.path() + ": has no more than the " + std::to_string(options.rows_to_skip) + " lines to skip");
    ++at;
  }
  at = skip_blank_lines(data, text.size(), at);
  std::int64_t const line = 1 + std::count(data, data + at, '\n');
  if (at >= text.size()) throw DataError(text.path() + ": the file has no rows and no header");
  header.delimiter = options.delimiter ? options.delimiter : sense_delimiter(text, at);

  std::vector<std::string_view> fields;
  auto const next = split_record(data, text.size(), at, header.delimiter, fields);
  if (next < 0) throw DataError(text.path() + ": line " + std::to_string(line) + ": a quote that opens here is never closed");
  header.named = options.first_row_is_names;
  if (const void* nul = std::find(data + at, data + next, '\0'); nul != data + next)
    throw DataError(text.path() + ": line " + std::to_string(line) + ": a NUL byte (is the text UTF-16?)");
  if ((header.named || next == text.size()) && lone_carriage_return(data, at, next))
    throw DataError(text.path() + ": line " + std::to_string(line) +
                    ": a carriage return without a newline; where lines end in it alone, convert them (tr '\\r' '\\n')");
  std::set<std::string> seen;
  for (std::size_t k = 0; k < fields.size(); ++k) {
    header.names.push_back(header.named ? name_of(text, fields[k], k, line) : std::string("V").append(std::to_string(k + 1)));
    if (!seen.insert(header.names.back()).second)
      throw DataError(text.path() + ": line " + std::to_string(line) + ": column '" + shown(header.names.back()) + "': the name appears twice");
  }
  header.data_begin = header.named ? next : at;
  header.data_line = line + (header.named ? std::count(data + at, data + next, '\n') : 0);
  return header;
}

}  // namespace rxhpc::impl
