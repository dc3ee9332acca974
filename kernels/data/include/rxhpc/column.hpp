// One column of a chunk as a trivially copyable view.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "rxhpc/kokkos_macros.hpp"
#include "rxhpc/schema.hpp"

namespace rxhpc {

/// R's NA: a NaN whose low word is 1954. It is a signalling pattern that arithmetic turns quiet, so it is told by the low word.
constexpr std::uint64_t na_bits = 0x7FF00000000007A2ULL;

inline double na_value() {
  double x;
  std::memcpy(&x, &na_bits, sizeof x);
  return x;
}

/// True for R's NA and not for any other NaN.
inline bool is_na(double x) {
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return x != x && static_cast<std::uint32_t>(bits) == 1954u;
}

/// The code that stands for a missing value in each integer storage of a plain number. Factor and logical codes use -1.
constexpr std::int64_t missing_code(Storage storage) {
  switch (storage) {
    case Storage::int8: return INT8_MIN;
    case Storage::int16: return INT16_MIN;
    case Storage::uint16: return UINT16_MAX;
    case Storage::int32: return INT32_MIN;
    case Storage::int64: return INT64_MIN;
    default: return 0;
  }
}

/// View of one column: not a template, because the type switch is uniform over a column and is paid once a tile.
/// Owns nothing; valid as long as the chunk, View or buffer behind it.
struct Column {
  const void* data = nullptr;
  std::ptrdiff_t stride = 1;     ///< in values (bytes for Storage::text); 0 repeats one value
  std::int64_t missing = 0;      ///< the integer that means missing; floating storage: any NaN
  double bound = not_a_number(); ///< no value is missing, or farther from 0; NaN: not known
  double divisor = 1.0;          ///< value = stored / divisor: 1e6 for POSIXct, stored in microseconds and worth seconds
  Storage storage = Storage::float64;
  int text_width = 0;

  /// The value of row i as a double, NaN where missing.
  KOKKOS_INLINE_FUNCTION double value(std::int64_t i) const {
    switch (storage) {
      case Storage::float64: return static_cast<const double*>(data)[i * stride];
      case Storage::float32: return static_cast<double>(static_cast<const float*>(data)[i * stride]);
      default: {
        std::int64_t const raw = integer(i);
        return raw == missing ? not_a_number() : divisor == 1.0 ? static_cast<double>(raw) : static_cast<double>(raw) / divisor;
      }
    }
  }

  /// The stored integer of row i (integer storages only), missing code included.
  KOKKOS_INLINE_FUNCTION std::int64_t integer(std::int64_t i) const {
    switch (storage) {
      case Storage::int8: return static_cast<const std::int8_t*>(data)[i * stride];
      case Storage::int16: return static_cast<const std::int16_t*>(data)[i * stride];
      case Storage::uint16: return static_cast<const std::uint16_t*>(data)[i * stride];
      case Storage::int32: return static_cast<const std::int32_t*>(data)[i * stride];
      case Storage::int64: return static_cast<const std::int64_t*>(data)[i * stride];
      default: return 0;
    }
  }

  /// The factor code of row i, from 0; negative where missing.
  KOKKOS_INLINE_FUNCTION std::int32_t code(std::int64_t i) const { return static_cast<std::int32_t>(integer(i)); }

  bool side_by_side_doubles() const { return storage == Storage::float64 && stride == 1; }

  /// The rows from `first` on.
  Column from(std::int64_t first) const {
    Column c = *this;
    std::ptrdiff_t const bytes = storage == Storage::text ? 1 : bytes_of(storage);
    c.data = static_cast<const char*>(data) + first * stride * bytes;
    return c;
  }

  static KOKKOS_INLINE_FUNCTION double not_a_number() { return std::numeric_limits<double>::quiet_NaN(); }
};

/// The view of `data` as a column of that variable: missing rule and unit follow from its type.
inline Column column_of(const Variable& v, const void* data, std::ptrdiff_t stride = 1) {
  Column c;
  c.data = data;
  c.stride = v.storage == Storage::text ? stride * v.text_width : stride;
  c.storage = v.storage;
  c.text_width = v.text_width;
  c.missing = v.coded() || v.type == VarType::logical ? -1 : missing_code(v.storage);
  c.divisor = v.type == VarType::posixct && bytes_of(v.storage) == 8 && v.storage == Storage::int64 ? 1e6 : 1.0;
  return c;
}

/// Rows [first, first + count) as doubles, missing as NaN. The storage switch stands outside the loop.
void load_values(const Column& column, std::int64_t first, std::int64_t count, double* out);
/// Rows [first, first + count) as codes, missing as -1.
void load_codes(const Column& column, std::int64_t first, std::int64_t count, std::int32_t* out);

}  // namespace rxhpc
