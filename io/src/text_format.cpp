#include "text_format.hpp"

#include <charconv>
#include <cmath>
#include <cstring>

#include "text_header.hpp"
#include "text_values.hpp"

namespace rxhpc::impl {
namespace {

/// The text, in quotes where it holds one of the delimiters, a quote or a line end, is empty, begins or ends with a blank, or reads as missing.
std::string written(std::string_view text, std::string_view delimiters) {
  auto const blank = [](char c) { return c == ' ' || c == '\t'; };
  bool quotes = text.empty() || text == "NA" || blank(text.front()) || blank(text.back());
  for (char const c : text) quotes = quotes || delimiters.find(c) != std::string_view::npos || c == '"' || c == '\n' || c == '\r';
  if (!quotes) return std::string(text);
  std::string out = "\"";
  for (char const c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out += '"';
}

template <class T>
void append_number(std::string& out, T value) {
  char buffer[40];
  auto const end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out.append(buffer, end);
}

template <class T>
void append_floating(std::string& out, T value) {
  if (std::isnan(value)) out += sizeof(T) == 8 && !is_na(static_cast<double>(value)) ? "NaN" : "NA";
  else if (std::isinf(value)) out += value > 0 ? "Inf" : "-Inf";
  else append_number(out, value);
}

void append_padded(std::string& out, std::int64_t value, int digits) {
  char buffer[24];
  auto const length = static_cast<int>(std::to_chars(buffer, buffer + sizeof buffer, value).ptr - buffer);
  for (int i = length; i < digits; ++i) out += '0';
  out.append(buffer, static_cast<std::size_t>(length));
}

/// Days since 1970-01-01 as YYYY-MM-DD (H. Hinnant's civil-from-days).
void append_date(std::string& out, std::int64_t days) {
  days += 719468;
  std::int64_t const era = (days >= 0 ? days : days - 146096) / 146097;
  auto const of_era = static_cast<unsigned>(days - era * 146097);
  unsigned const year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  unsigned const of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  unsigned const shifted = (5 * of_year + 2) / 153;
  unsigned const day = of_year - (153 * shifted + 2) / 5 + 1, month = shifted < 10 ? shifted + 3 : shifted - 9;
  std::int64_t const year = static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0);
  if (year < 0) out += '-';
  append_padded(out, year < 0 ? -year : year, 4);
  out += '-';
  append_padded(out, month, 2);
  out += '-';
  append_padded(out, day, 2);
}

void append_time(std::string& out, std::int64_t micros) {
  std::int64_t days = micros / microseconds_a_day, rest = micros % microseconds_a_day;
  if (rest < 0) {
    rest += microseconds_a_day;
    --days;
  }
  append_date(out, days);
  std::int64_t const seconds = rest / 1000000, fraction = rest % 1000000;
  out += ' ';
  append_padded(out, seconds / 3600, 2);
  out += ':';
  append_padded(out, seconds / 60 % 60, 2);
  out += ':';
  append_padded(out, seconds % 60, 2);
  if (fraction == 0) return;
  out += '.';
  append_padded(out, fraction, 6);
  while (out.back() == '0') out.pop_back();
}

/// A time or date that is stored as a floating number: seconds or days.
void append_moment(std::string& out, VarType type, double value) {
  if (std::isnan(value)) out += "NA";
  else if (type == VarType::date) append_date(out, static_cast<std::int64_t>(std::floor(value)));
  else append_time(out, static_cast<std::int64_t>(std::llround(value * 1e6)));
}

void append_value(std::string& out, const Variable& v, const Column& c, std::int64_t row) {
  bool const floating = c.storage == Storage::float64 || c.storage == Storage::float32;
  if (floating && (v.type == VarType::date || v.type == VarType::posixct)) return append_moment(out, v.type, c.value(row));
  if (c.storage == Storage::float64) return append_floating(out, static_cast<const double*>(c.data)[row * c.stride]);
  if (c.storage == Storage::float32) return append_floating(out, static_cast<const float*>(c.data)[row * c.stride]);
  std::int64_t const raw = c.integer(row);
  if (raw == c.missing) {
    out += "NA";
  } else if (v.type == VarType::logical) {
    out += raw ? "TRUE" : "FALSE";
  } else if (v.type == VarType::date) {
    append_date(out, raw);
  } else if (v.type == VarType::posixct) {
    append_time(out, c.divisor == 1e6 ? raw : raw * 1000000);
  } else {
    append_number(out, raw);
  }
}

}  // namespace

RowFormatter::RowFormatter(const Schema& schema, char delimiter) : schema_(schema), delimiter_(delimiter) {
  for (auto const& v : schema.variables) {
    levels_.emplace_back();
    for (auto const& level : v.levels) levels_.back().push_back(written(level, {&delimiter, 1}));
  }
}

std::string RowFormatter::header() const {
  std::string out;
  for (auto const& v : schema_.variables) {
    if (!out.empty()) out += delimiter_;
    out += written(v.name, sensed_delimiters);
  }
  return out += '\n';
}

void RowFormatter::append(const Chunk& chunk, std::string& out) const {
  for (std::int64_t row = 0; row < chunk.rows; ++row) {
    for (std::size_t k = 0; k < schema_.size(); ++k) {
      if (k) out += delimiter_;
      auto const& c = chunk.columns[k];
      auto const& v = schema_[k];
      if (c.storage == Storage::text) {
        auto const* text = static_cast<const char*>(c.data) + row * c.stride;
        std::string_view const value(text, ::strnlen(text, static_cast<std::size_t>(c.text_width)));
        out += value.empty() ? "NA" : written(value, {&delimiter_, 1});
      } else if (v.coded()) {
        auto const code = c.code(row);
        if (code < 0 || code >= static_cast<std::int32_t>(levels_[k].size())) out += "NA";
        else out += levels_[k][static_cast<std::size_t>(code)];
      } else {
        append_value(out, v, c, row);
      }
    }
    out += '\n';
  }
}

}  // namespace rxhpc::impl
