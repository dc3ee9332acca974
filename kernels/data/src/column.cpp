#include "rxhpc/column.hpp"

namespace rxhpc {
namespace {

template <class T>
void copy_floating(const Column& c, std::int64_t first, std::int64_t count, double* out) {
  auto const* p = static_cast<const T*>(c.data) + first * c.stride;
  if (c.stride == 1)
    for (std::int64_t i = 0; i < count; ++i) out[i] = static_cast<double>(p[i]);
  else
    for (std::int64_t i = 0; i < count; ++i) out[i] = static_cast<double>(p[i * c.stride]);
}

template <class T>
void copy_integers(const Column& c, std::int64_t first, std::int64_t count, double* out) {
  auto const* p = static_cast<const T*>(c.data) + first * c.stride;
  auto const missing = static_cast<T>(c.missing);
  double const nan = na_value();
  if (c.divisor != 1.0)
    for (std::int64_t i = 0; i < count; ++i)
      out[i] = p[i * c.stride] == missing ? nan : static_cast<double>(p[i * c.stride]) / c.divisor;
  else if (c.stride == 1)
    for (std::int64_t i = 0; i < count; ++i) out[i] = p[i] == missing ? nan : static_cast<double>(p[i]);
  else
    for (std::int64_t i = 0; i < count; ++i) out[i] = p[i * c.stride] == missing ? nan : static_cast<double>(p[i * c.stride]);
}

template <class T>
void copy_codes(const Column& c, std::int64_t first, std::int64_t count, std::int32_t* out) {
  auto const* p = static_cast<const T*>(c.data) + first * c.stride;
  auto const missing = static_cast<T>(c.missing);
  for (std::int64_t i = 0; i < count; ++i) out[i] = p[i * c.stride] == missing ? -1 : static_cast<std::int32_t>(p[i * c.stride]);
}

}  // namespace

void load_values(const Column& column, std::int64_t first, std::int64_t count, double* out) {
  switch (column.storage) {
    case Storage::int8: return copy_integers<std::int8_t>(column, first, count, out);
    case Storage::int16: return copy_integers<std::int16_t>(column, first, count, out);
    case Storage::uint16: return copy_integers<std::uint16_t>(column, first, count, out);
    case Storage::int32: return copy_integers<std::int32_t>(column, first, count, out);
    case Storage::int64: return copy_integers<std::int64_t>(column, first, count, out);
    case Storage::float32: return copy_floating<float>(column, first, count, out);
    case Storage::float64: return copy_floating<double>(column, first, count, out);
    case Storage::text:
      for (std::int64_t i = 0; i < count; ++i) out[i] = na_value();
  }
}

void load_codes(const Column& column, std::int64_t first, std::int64_t count, std::int32_t* out) {
  switch (column.storage) {
    case Storage::int8: return copy_codes<std::int8_t>(column, first, count, out);
    case Storage::int16: return copy_codes<std::int16_t>(column, first, count, out);
    case Storage::uint16: return copy_codes<std::uint16_t>(column, first, count, out);
    case Storage::int32: return copy_codes<std::int32_t>(column, first, count, out);
    case Storage::int64: return copy_codes<std::int64_t>(column, first, count, out);
    default:
      for (std::int64_t i = 0; i < count; ++i) out[i] = -1;
  }
}

}  // namespace rxhpc
