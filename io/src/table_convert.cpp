#include "table_convert.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "rxhpc/errors.hpp"
#include "rxhpc/table.hpp"

namespace rxhpc::impl {
namespace {

[[noreturn]] void does_not_fit(const Variable& v) {
  throw Error(ErrorKind::other, "internal: a value of column '" + v.name + "' does not fit its storage " + to_string(v.storage));
}

template <class To>
To fit(const Variable& v, std::int64_t raw, std::int64_t missing) {
  if (raw < std::numeric_limits<To>::min() || raw > std::numeric_limits<To>::max() || raw == missing) does_not_fit(v);
  return static_cast<To>(raw);
}

template <class To>
To from_double(const Variable& v, double x, const Column& target) {
  if (x != x) return static_cast<To>(target.missing);
  // A Date may come with a fraction of a day, a POSIXct with one of a microsecond.
  double const scaled = target.divisor != 1.0 ? std::nearbyint(x * target.divisor) : v.type == VarType::date ? std::floor(x) : x;
  if (!(scaled >= -9.2e18 && scaled <= 9.2e18) || scaled != std::floor(scaled)) does_not_fit(v);
  return fit<To>(v, static_cast<std::int64_t>(scaled), target.missing);
}

template <class To, class From>
void integers_from(const Variable& v, const Column& c, std::int64_t rows, To* out) {
  Column const target = column_of(v, nullptr);
  auto const* p = static_cast<const From*>(c.data);
  if constexpr (std::is_floating_point_v<From>) {
    for (std::int64_t i = 0; i < rows; ++i) out[i] = from_double<To>(v, static_cast<double>(p[i * c.stride]), target);
  } else if (c.divisor != target.divisor) {
    for (std::int64_t i = 0; i < rows; ++i) out[i] = from_double<To>(v, c.value(i), target);
  } else {
    bool bad = false;  // looked at once, so that the loop stays simple
    for (std::int64_t i = 0; i < rows; ++i) {
      std::int64_t const raw = p[i * c.stride];
      bool const missing = raw == c.missing;
      out[i] = missing ? static_cast<To>(target.missing) : static_cast<To>(raw);
      bad |= !missing && (raw != static_cast<std::int64_t>(out[i]) || raw == target.missing);
    }
    if (bad) does_not_fit(v);
  }
}

template <class To>
void integers(const Variable& v, const Column& c, std::int64_t rows, To* out) {
  switch (c.storage) {
    case Storage::int8: return integers_from<To, std::int8_t>(v, c, rows, out);
    case Storage::int16: return integers_from<To, std::int16_t>(v, c, rows, out);
    case Storage::uint16: return integers_from<To, std::uint16_t>(v, c, rows, out);
    case Storage::int32: return integers_from<To, std::int32_t>(v, c, rows, out);
    case Storage::int64: return integers_from<To, std::int64_t>(v, c, rows, out);
    case Storage::float32: return integers_from<To, float>(v, c, rows, out);
    case Storage::float64: return integers_from<To, double>(v, c, rows, out);
    case Storage::text: does_not_fit(v);
  }
}

template <class To>
void integer_chunk(const Variable& v, const Column& c, std::int64_t rows, std::int64_t length, Buffer& out) {
  auto* p = reinterpret_cast<To*>(out.data());
  integers<To>(v, c, rows, p);
  std::fill(p + rows, p + length, static_cast<To>(column_of(v, nullptr).missing));
}

void doubles(const Column& c, std::int64_t rows, std::int64_t length, Buffer& out) {
  // Bits are copied, never moved through arithmetic: R's NA is a signalling pattern.
  auto* p = out.data();
  if (c.storage == Storage::float64) {
    auto const* from = static_cast<const unsigned char*>(c.data);
    for (std::int64_t i = 0; i < rows; ++i) std::memcpy(p + 8 * i, from + 8 * i * c.stride, 8);
  } else {
    load_values(c, 0, rows, reinterpret_cast<double*>(p));
    for (std::int64_t i = 0; c.storage == Storage::float32 && i < rows; ++i) {  // whose only mark of missing is NaN
      double x;
      std::memcpy(&x, p + 8 * i, 8);
      if (x != x) std::memcpy(p + 8 * i, &na_bits, 8);
    }
  }
  for (std::int64_t i = rows; i < length; ++i) std::memcpy(p + 8 * i, &na_bits, 8);
}

void floats(const Variable& v, const Column& c, std::int64_t rows, std::int64_t length, Buffer& out) {
  auto* p = reinterpret_cast<float*>(out.data());
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  for (std::int64_t i = 0; i < rows; ++i) {
    double const x = c.value(i);
    p[i] = x == x ? static_cast<float>(x) : nan;
    if (std::isinf(p[i]) && !std::isinf(x)) does_not_fit(v);
  }
  std::fill(p + rows, p + length, nan);
}

void texts(const Variable& v, const Column& c, std::int64_t rows, std::int64_t length, Buffer& out) {
  if (c.storage != Storage::text) does_not_fit(v);
  auto const width = static_cast<std::size_t>(v.text_width), have = static_cast<std::size_t>(c.text_width);
  std::memset(out.data(), 0, static_cast<std::size_t>(length) * width);
  for (std::int64_t i = 0; i < rows; ++i) {
    auto const* from = static_cast<const char*>(c.data) + i * c.stride;
    auto const bytes = strnlen(from, have);
    if (bytes > width) does_not_fit(v);
    std::memcpy(out.data() + static_cast<std::size_t>(i) * width, from, bytes);
  }
}

}  // namespace

bool stored_as_is(const Variable& v, const Column& c) {
  auto const target = column_of(v, c.data);
  if (c.storage != v.storage || c.stride != target.stride) return false;
  if (v.storage == Storage::text) return c.text_width == v.text_width;
  if (v.storage == Storage::float32 || v.storage == Storage::float64) return true;
  return c.missing == target.missing && c.divisor == target.divisor;
}

void convert(const Variable& v, const Column& c, std::int64_t rows, std::int64_t length, Buffer& out) {
  out.resize(static_cast<std::size_t>(length) * static_cast<std::size_t>(v.value_bytes()));
  switch (v.storage) {
    case Storage::int8: return integer_chunk<std::int8_t>(v, c, rows, length, out);
    case Storage::int16: return integer_chunk<std::int16_t>(v, c, rows, length, out);
    case Storage::uint16: return integer_chunk<std::uint16_t>(v, c, rows, length, out);
    case Storage::int32: return integer_chunk<std::int32_t>(v, c, rows, length, out);
    case Storage::int64: return integer_chunk<std::int64_t>(v, c, rows, length, out);
    case Storage::float32: return floats(v, c, rows, length, out);
    case Storage::float64: return doubles(c, rows, length, out);
    case Storage::text: return texts(v, c, rows, length, out);
  }
}

bool normalise_na(const void* values, std::int64_t rows, Buffer& out) {
  constexpr std::uint64_t exponent = 0x7FF0000000000000ULL;
  auto const* p = static_cast<const unsigned char*>(values);
  auto const odd = [](std::uint64_t bits) {
    return (bits & exponent) == exponent && static_cast<std::uint32_t>(bits) == 1954u && bits != na_bits;
  };
  std::int64_t found = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    std::uint64_t bits;
    std::memcpy(&bits, p + 8 * i, 8);
    found += odd(bits);
  }
  if (found == 0) return false;
  out.resize(static_cast<std::size_t>(rows) * 8);
  for (std::int64_t i = 0; i < rows; ++i) {
    std::uint64_t bits;
    std::memcpy(&bits, p + 8 * i, 8);
    if (odd(bits)) bits = na_bits;
    std::memcpy(out.data() + 8 * i, &bits, 8);
  }
  return true;
}

}  // namespace rxhpc::impl

namespace rxhpc {
namespace {

bool is_number(VarType type) { return type <= VarType::numeric; }

Storage wider(Storage a, Storage b) {
  if (a == b) return a;
  bool const floating_a = a == Storage::float32 || a == Storage::float64, floating_b = b == Storage::float32 || b == Storage::float64;
  if (floating_a || floating_b) return Storage::float64;
  if (a == Storage::uint16 || b == Storage::uint16) return std::max({a, b, Storage::int32});
  return std::max(a, b);
}

}  // namespace

bool same_layout(const Variable& a, const Variable& b) {
  auto const x = column_of(a, nullptr), y = column_of(b, nullptr);
  return a.storage == b.storage && a.text_width == b.text_width && x.missing == y.missing && x.divisor == y.divisor;
}

Variable widened(const Variable& in_table, const Variable& appended) {
  auto const clash = [&](const std::string& why) { return DataError("column '" + in_table.name + "': " + why); };
  auto out = in_table;
  bool const text = in_table.storage == Storage::text || appended.storage == Storage::text, codes = in_table.coded() && appended.coded();
  if (text && in_table.storage != appended.storage) throw clash("text of fixed length and text in codes cannot be appended to one another");
  if (!text && !codes && in_table.type != appended.type && !(is_number(in_table.type) && is_number(appended.type)))
    throw clash(std::string("it is ") + to_string(in_table.type) + " in the table and " + to_string(appended.type) + " in what is appended");
  out.text_width = std::max(in_table.text_width, appended.text_width);
  out.storage = wider(in_table.storage, appended.storage);
  if (is_number(in_table.type) && in_table.type != appended.type)
    out.type = out.storage == Storage::float64 ? VarType::numeric : out.storage == Storage::int64 ? VarType::int64 : VarType::integer;
  return out;
}

}  // namespace rxhpc
