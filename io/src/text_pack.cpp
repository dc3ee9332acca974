// Columns from one storage to another, missing values included.
#include <type_traits>

#include "text_parse.hpp"

namespace rxhpc::impl {
namespace {

template <class T>
constexpr T missing_as(bool coded) {
  if constexpr (std::is_same_v<T, std::uint16_t>) return coded ? static_cast<T>(-1) : UINT16_MAX;
  else return coded ? static_cast<T>(-1) : std::numeric_limits<T>::min();
}

template <class From, class To>
void convert_values(const From* from, To* to, std::int64_t rows, bool coded) {
  if constexpr (std::is_floating_point_v<From>) {
    for (std::int64_t i = 0; i < rows; ++i) to[i] = static_cast<To>(from[i]);
  } else if constexpr (std::is_floating_point_v<To>) {
    From const missing = missing_as<From>(coded);
    To const none = static_cast<To>(na_value());
    for (std::int64_t i = 0; i < rows; ++i) to[i] = from[i] == missing ? none : static_cast<To>(from[i]);
  } else {
    From const missing = missing_as<From>(coded);
    To const none = missing_as<To>(coded);
    for (std::int64_t i = 0; i < rows; ++i) to[i] = from[i] == missing ? none : static_cast<To>(from[i]);
  }
}

template <class From>
void convert_from(const From* from, void* to, Storage wanted, std::int64_t rows, bool coded) {
  switch (wanted) {
    case Storage::int8: return convert_values(from, static_cast<std::int8_t*>(to), rows, coded);
    case Storage::int16: return convert_values(from, static_cast<std::int16_t*>(to), rows, coded);
    case Storage::uint16: return convert_values(from, static_cast<std::uint16_t*>(to), rows, coded);
    case Storage::int32: return convert_values(from, static_cast<std::int32_t*>(to), rows, coded);
    case Storage::int64: return convert_values(from, static_cast<std::int64_t*>(to), rows, coded);
    case Storage::float32: return convert_values(from, static_cast<float*>(to), rows, coded);
    case Storage::float64: return convert_values(from, static_cast<double*>(to), rows, coded);
    case Storage::text: return;
  }
}

template <class From, class To>
void map_values(const From* from, To* to, std::int64_t rows, const std::int32_t* map) {
  for (std::int64_t i = 0; i < rows; ++i) to[i] = static_cast<To>(map[from[i]]);
}

template <class From>
void map_from(const From* from, void* to, Storage wanted, std::int64_t rows, const std::int32_t* map) {
  switch (wanted) {
    case Storage::int8: return map_values(from, static_cast<std::int8_t*>(to), rows, map);
    case Storage::int16: return map_values(from, static_cast<std::int16_t*>(to), rows, map);
    default: return map_values(from, static_cast<std::int32_t*>(to), rows, map);
  }
}

}  // namespace

Storage packed_storage(std::int64_t low, std::int64_t high) {
  if (low > INT8_MIN && high <= INT8_MAX) return Storage::int8;
  if (low > INT16_MIN && high <= INT16_MAX) return Storage::int16;
  if (low > INT32_MIN && high <= INT32_MAX) return Storage::int32;
  return Storage::int64;
}

void convert(const void* from, Storage stored, void* to, Storage wanted, std::int64_t rows, bool coded) {
  if (stored == wanted) {
    std::memcpy(to, from, static_cast<std::size_t>(rows) * static_cast<std::size_t>(bytes_of(stored)));
    return;
  }
  switch (stored) {
    case Storage::int8: return convert_from(static_cast<const std::int8_t*>(from), to, wanted, rows, coded);
    case Storage::int16: return convert_from(static_cast<const std::int16_t*>(from), to, wanted, rows, coded);
    case Storage::uint16: return convert_from(static_cast<const std::uint16_t*>(from), to, wanted, rows, coded);
    case Storage::int32: return convert_from(static_cast<const std::int32_t*>(from), to, wanted, rows, coded);
    case Storage::int64: return convert_from(static_cast<const std::int64_t*>(from), to, wanted, rows, coded);
    case Storage::float32: return convert_from(static_cast<const float*>(from), to, wanted, rows, coded);
    case Storage::float64: return convert_from(static_cast<const double*>(from), to, wanted, rows, coded);
    case Storage::text: return;
  }
}

void map_codes(const void* from, Storage stored, void* to, Storage wanted, std::int64_t rows, const std::int32_t* map) {
  switch (stored) {
    case Storage::int8: return map_from(static_cast<const std::int8_t*>(from), to, wanted, rows, map);
    case Storage::int16: return map_from(static_cast<const std::int16_t*>(from), to, wanted, rows, map);
    default: return map_from(static_cast<const std::int32_t*>(from), to, wanted, rows, map);
  }
}

}  // namespace rxhpc::impl
