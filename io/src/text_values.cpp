#include "text_values.hpp"

#include <fast_float/fast_float.h>

#include <cmath>
#include <limits>

#include "text_record.hpp"

namespace rxhpc::impl {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The field without blanks and quotes around it; missing where nothing is left or it is one of the spellings.
bool stripped(std::string_view& field, const MissingStrings& missing) {
  if (field.empty() || missing.contains(field)) return false;
  field = trimmed(field);
  if (field.size() >= 2 && field.front() == '"' && field.back() == '"') field = trimmed(field.substr(1, field.size() - 2));
  return !field.empty() && !missing.contains(field);
}

bool same_letters(std::string_view s, std::string_view lower) {
  if (s.size() != lower.size()) return false;
  for (std::size_t i = 0; i < s.size(); ++i)
    if ((s[i] | 0x20) != lower[i]) return false;
  return true;
}

/// Two digits at p, 100 where they are not.
unsigned two(const char* p) {
  return is_digit(p[0]) && is_digit(p[1]) ? static_cast<unsigned>((p[0] - '0') * 10 + (p[1] - '0')) : 100;
}

bool date_at(std::string_view s, std::int64_t& days) {
  if (s.size() < 10) return false;
  const char* const p = s.data();
  auto const digit = [&](int i) { return static_cast<unsigned>(static_cast<unsigned char>(p[i])) - unsigned{'0'}; };
  unsigned const y0 = digit(0), y1 = digit(1), y2 = digit(2), y3 = digit(3), m0 = digit(5), m1 = digit(6), d0 = digit(8), d1 = digit(9);
  // One branch for all eight digits and both dashes.
  bool const well_formed = (y0 <= 9) & (y1 <= 9) & (y2 <= 9) & (y3 <= 9) & (m0 <= 9) & (m1 <= 9) & (d0 <= 9) & (d1 <= 9) & (p[4] == '-') & (p[7] == '-');
  if (!well_formed) return false;
  unsigned const month = m0 * 10 + m1, day = d0 * 10 + d1;
  std::int64_t const year = y0 * 1000 + y1 * 100 + y2 * 10 + y3;
  if (month < 1 || month > 12 || day < 1 || (day > 28 && day > days_in_month(year, month))) return false;
  days = days_of(year, month, day);
  return true;
}

/// Z, +HH, +HHMM or +HH:MM, as microseconds east of UTC.
bool offset_at(std::string_view s, std::int64_t& offset) {
  offset = 0;
  if (s.empty() || s == "Z") return true;
  if ((s[0] != '+' && s[0] != '-') || s.size() < 3) return false;
  unsigned const hours = two(s.data() + 1);
  unsigned minutes = 0;
  if (s.size() == 5) minutes = two(s.data() + 3);
  else if (s.size() == 6 && s[3] == ':') minutes = two(s.data() + 4);
  else if (s.size() != 3) return false;
  if (hours > 23 || minutes > 59) return false;
  offset = (hours * 3600LL + minutes * 60LL) * 1000000 * (s[0] == '-' ? -1 : 1);
  return true;
}

/// .123456789 as microseconds, to the nearest; how many bytes it took.
std::size_t fraction_at(std::string_view s, std::int64_t& micros) {
  micros = 0;
  if (s.size() < 2 || s[0] != '.' || !is_digit(s[1])) return 0;
  std::size_t i = 1;
  std::int64_t unit = 100000;
  for (; i < s.size() && is_digit(s[i]); ++i) {
    if (i <= 6) micros += (s[i] - '0') * unit;
    else if (i == 7 && s[i] >= '5') ++micros;
    unit /= 10;
  }
  return i;
}

}  // namespace

Parsed parse_integer(std::string_view s, const MissingStrings& missing, std::int64_t& out) {
  if (!stripped(s, missing)) return Parsed::missing;
  bool const negative = s[0] == '-';
  if (negative || s[0] == '+') s.remove_prefix(1);
  if (s.empty()) return Parsed::bad;
  std::uint64_t value = 0;
  for (char const c : s) {
    if (!is_digit(c)) return Parsed::bad;
    auto const digit = static_cast<std::uint64_t>(c - '0');
    if (value > (static_cast<std::uint64_t>(INT64_MAX) - digit) / 10) return Parsed::bad;
    value = value * 10 + digit;
  }
  out = negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
  return Parsed::value;
}

template <class T>
Parsed parse_decimal(std::string_view s, const MissingStrings& missing, T& out) {
  if (!stripped(s, missing)) return Parsed::missing;
  bool const negative = s[0] == '-';
  if (negative || s[0] == '+') s.remove_prefix(1);
  if (s.empty()) return Parsed::bad;
  if (is_digit(s[0]) || s[0] == '.') {
    T value = 0;
    auto const [end, error] = fast_float::from_chars(s.data(), s.data() + s.size(), value);
    if (end != s.data() + s.size() || error == std::errc::invalid_argument) return Parsed::bad;
    out = negative ? -value : value;
    return Parsed::value;
  }
  if (s == "Inf" || same_letters(s, "infinity") || s == "inf") {
    out = negative ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
    return Parsed::value;
  }
  if (s == "NaN" && !negative) {
    out = std::numeric_limits<T>::quiet_NaN();
    return Parsed::value;
  }
  return Parsed::bad;
}
template Parsed parse_decimal(std::string_view, const MissingStrings&, double&);
template Parsed parse_decimal(std::string_view, const MissingStrings&, float&);

Parsed parse_logical(std::string_view s, const MissingStrings& missing, std::int64_t& out) {
  if (!stripped(s, missing)) return Parsed::missing;
  if (s == "TRUE" || s == "T" || s == "true") return out = 1, Parsed::value;
  if (s == "FALSE" || s == "F" || s == "false") return out = 0, Parsed::value;
  return Parsed::bad;
}

Parsed parse_date(std::string_view s, const MissingStrings& missing, std::int64_t& out) {
  if (s.size() == 10 && !missing.have_digits() && date_at(s, out)) return Parsed::value;
  if (!stripped(s, missing)) return Parsed::missing;
  return s.size() == 10 && date_at(s, out) ? Parsed::value : Parsed::bad;
}

Parsed parse_time(std::string_view s, const MissingStrings& missing, std::int64_t& out) {
  if (!stripped(s, missing)) return Parsed::missing;
  std::int64_t days = 0, micros = 0, offset = 0;
  if (!date_at(s, days)) return Parsed::bad;
  out = days * microseconds_a_day;
  s.remove_prefix(10);
  if (s.empty()) return Parsed::value;
  if ((s[0] != ' ' && s[0] != 'T') || s.size() < 6 || s[3] != ':') return Parsed::bad;
  unsigned const hour = two(s.data() + 1), minute = two(s.data() + 4);
  unsigned second = 0;
  s.remove_prefix(6);
  if (s.size() >= 3 && s[0] == ':') {
    second = two(s.data() + 1);
    s.remove_prefix(3);
    s.remove_prefix(fraction_at(s, micros));
  }
  if (hour > 23 || minute > 59 || second > 59 || !offset_at(s, offset)) return Parsed::bad;
  out += (hour * 3600LL + minute * 60LL + second) * 1000000 + micros - offset;
  return Parsed::value;
}

}  // namespace rxhpc::impl
