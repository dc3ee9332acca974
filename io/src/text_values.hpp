// Stage 2 of parsing: one field to one value. Raw fields; nothing here knows rows or columns.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#if defined(__SSE4_1__)
#include <immintrin.h>
#endif

#include "rxhpc/column.hpp"

namespace rxhpc::impl {

enum class Parsed : std::uint8_t { value, missing, bad };

/// No integer of any column: the missing value while a column is parsed.
constexpr std::int64_t missing_integer = INT64_MIN;

/// The spellings of a missing value.
class MissingStrings {
 public:
  explicit MissingStrings(std::vector<std::string> spellings = {}) : spellings_(std::move(spellings)) {
    for (auto const& s : spellings_) digits_ = digits_ || s.find_first_of("0123456789") != s.npos;
  }
  bool contains(std::string_view s) const {
    for (auto const& spelling : spellings_)
      if (s.size() == spelling.size() && (s.empty() || (s[0] == spelling[0] && s == spelling))) return true;
    return false;
  }
  /// One of them could be taken for a number or a date.
  bool have_digits() const { return digits_; }

 private:
  std::vector<std::string> spellings_;
  bool digits_ = false;
};

/// Up to 16 digits with or without one point: digits and the number of them after the point.
struct Digits {
  std::uint64_t value = 0;
  int fraction = 0;
  bool point = false;
};

#if defined(__SSE4_1__)
struct PointShuffle {
  alignas(16) std::uint8_t lanes[16][16];
};
/// Row p: the bytes before lane p move up by one, over the point; those after it stay.
constexpr PointShuffle make_point_shuffle() {
  PointShuffle t{};
  for (int p = 0; p < 16; ++p)
    for (int i = 0; i < 16; ++i) t.lanes[p][i] = static_cast<std::uint8_t>(i > p ? i : i == 0 ? 0x80 : i - 1);
  return t;
}
inline constexpr PointShuffle point_shuffle = make_point_shuffle();

/// The field [begin, end), 1 to 16 bytes; false where it is not digits with at most one point. Reads the 16 bytes before `end`.
inline bool parse_digits(const char* begin, const char* end, Digits& out) {
  auto const length = static_cast<int>(end - begin);
  __m128i const lanes = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  __m128i const ours = _mm_cmpgt_epi8(lanes, _mm_set1_epi8(static_cast<char>(15 - length)));
  __m128i const raw = _mm_loadu_si128(reinterpret_cast<const __m128i*>(end - 16));
  __m128i digits = _mm_and_si128(_mm_sub_epi8(raw, _mm_set1_epi8('0')), ours);
  auto const points = _mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(raw, _mm_set1_epi8('.')), ours));
  out.fraction = 0;
  out.point = points != 0;
  if (points) {
    int const point = __builtin_ctz(static_cast<unsigned>(points));
    if (length == 1) return false;
    out.fraction = 15 - point;
    digits = _mm_shuffle_epi8(digits, _mm_load_si128(reinterpret_cast<const __m128i*>(point_shuffle.lanes[point])));
  }
  __m128i const nine = _mm_set1_epi8(9);
  if (_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_max_epu8(digits, nine), nine)) != 0xFFFF) return false;
  __m128i const pairs = _mm_maddubs_epi16(digits, _mm_setr_epi8(10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1));
  __m128i const fours = _mm_madd_epi16(pairs, _mm_setr_epi16(100, 1, 100, 1, 100, 1, 100, 1));
  __m128i const packed = _mm_packus_epi32(fours, fours);
  __m128i const eights = _mm_madd_epi16(packed, _mm_setr_epi16(10000, 1, 10000, 1, 10000, 1, 10000, 1));
  auto const both = static_cast<std::uint64_t>(_mm_cvtsi128_si64(eights));
  out.value = (both & 0xFFFFFFFFu) * 100000000u + (both >> 32);
  return true;
}
#else
inline bool parse_digits(const char* begin, const char* end, Digits& out) {
  std::uint64_t value = 0;
  const char* point = nullptr;
  for (const char* p = begin; p < end; ++p) {
    unsigned const digit = static_cast<unsigned char>(*p) - unsigned{'0'};
    if (digit <= 9) value = value * 10 + digit;
    else if (*p == '.' && !point) point = p;
    else return false;
  }
  if (point && end - begin == 1) return false;
  out.value = value;
  out.point = point != nullptr;
  out.fraction = point ? static_cast<int>(end - point) - 1 : 0;
  return true;
}
#endif

/// Any spelling of a whole number within int64 (its lowest value left out); blanks around it are allowed.
Parsed parse_integer(std::string_view field, const MissingStrings& missing, std::int64_t& out);
/// R's spellings of numbers: decimals, exponents, Inf, NaN; correctly rounded. T: double or float.
template <class T>
Parsed parse_decimal(std::string_view field, const MissingStrings& missing, T& out);
Parsed parse_logical(std::string_view field, const MissingStrings& missing, std::int64_t& out);
/// YYYY-MM-DD as days since 1970-01-01.
Parsed parse_date(std::string_view field, const MissingStrings& missing, std::int64_t& out);
/// YYYY-MM-DD[ T]HH:MM[:SS[.fraction]] with Z or an offset, or a date alone, as microseconds since 1970-01-01 UTC.
Parsed parse_time(std::string_view field, const MissingStrings& missing, std::int64_t& out);

constexpr std::int64_t microseconds_a_day = 86400LL * 1000000;

/// Days since 1970-01-01 of a date of the Gregorian calendar (H. Hinnant's days-from-civil).
constexpr std::int64_t days_of(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2;
  std::int64_t const era = (year >= 0 ? year : year - 399) / 400;
  auto const of_era = static_cast<unsigned>(year - era * 400);
  unsigned const of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  unsigned const day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
  return era * 146097 + static_cast<std::int64_t>(day_of_era) - 719468;
}
constexpr unsigned days_in_month(std::int64_t year, unsigned month) {
  bool const leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 ? (leap ? 29 : 28) : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

}  // namespace rxhpc::impl
