// One line of CSV being written, and the numbers that go into it.
#pragma once
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace bench {

/// Counter-based random bits: a value depends on (seed, stream, row) alone, so rows can be made in any order by any thread.
/// The finalizer is that of SplitMix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators", 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : seed_(seed) {}
  std::uint64_t bits(std::uint64_t stream, std::uint64_t row) const { return mix(mix(seed_ ^ (stream * 0xD1342543DE82EF95ULL)) + row * 0x9E3779B97F4A7C15ULL); }
  /// Whole number in [0, n).
  std::uint64_t below(std::uint64_t n, std::uint64_t stream, std::uint64_t row) const {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(bits(stream, row)) * n) >> 64);
  }
  /// Bell-shaped, mean 0 and standard deviation 1, in millionths: the sum of four uniform 16-bit numbers (Irwin-Hall).
  std::int64_t normal_micro(std::uint64_t stream, std::uint64_t row) const {
    std::uint64_t const b = bits(stream, row);
    auto const sum = static_cast<std::int64_t>((b & 0xFFFF) + (b >> 16 & 0xFFFF) + (b >> 32 & 0xFFFF) + (b >> 48));
    return (sum - 131070) * 26429 / 1000;  // 1e6 / (65536 * sqrt(4 / 12))
  }

 private:
  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  std::uint64_t seed_;
};

/// Appends fields to a buffer that is large enough; `end_line` turns the last comma into a newline.
class Line {
 public:
  explicit Line(char* at) : at_(at) {}
  char* at() const { return at_; }
  void text(std::string_view s) {
    std::memcpy(at_, s.data(), s.size());
    at_ += s.size();
    comma();
  }
  void missing() { text("NA"); }
  void integer(std::int64_t x) {
    at_ = std::to_chars(at_, at_ + 24, x).ptr;
    comma();
  }
  /// `x` units of 10^-digits, all digits written.
  void decimal(std::int64_t x, int digits) {
    if (x < 0) *at_++ = '-';
    std::uint64_t const u = x < 0 ? std::uint64_t(0) - static_cast<std::uint64_t>(x) : static_cast<std::uint64_t>(x);
    std::uint64_t unit = 1;
    for (int d = 0; d < digits; ++d) unit *= 10;
    at_ = std::to_chars(at_, at_ + 24, u / unit).ptr;
    *at_++ = '.';
    padded(u % unit, digits);
    comma();
  }
  void shortest(double x) {
    at_ = std::to_chars(at_, at_ + 32, x).ptr;
    comma();
  }
  /// A name of one letter and a padded number: `m07`.
  void level(char letter, std::uint64_t number, int digits) {
    *at_++ = letter;
    padded(number, digits);
    comma();
  }
  void date(int year, int month, int day) {
    padded(static_cast<std::uint64_t>(year), 4);
    *at_++ = '-';
    padded(static_cast<std::uint64_t>(month), 2);
    *at_++ = '-';
    padded(static_cast<std::uint64_t>(day), 2);
    comma();
  }
  void end_line() { at_[-1] = '\n'; }

 private:
  void comma() { *at_++ = ','; }
  void padded(std::uint64_t x, int digits) {
    for (int d = digits - 1; d >= 0; --d, x /= 10) at_[d] = static_cast<char>('0' + x % 10);
    at_ += digits;
  }
  char* at_;
};

}  // namespace bench
