// The interpreter: loads, arithmetic, comparison and logic as loops over registers that the compiler vectorises.
#include "rxhpc/row_program.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <new>
#include <string_view>

#include "row_program_functions.hpp"

namespace rxhpc {
namespace {

using impl::map1;
using impl::map2;

double const na = na_value();

template <class T>
void floats_with_na(double* out, int n) {
  for (int i = 0; i < n; ++i) out[i] = out[i] != out[i] ? na : out[i];
}

// Stored text is padded with NUL; nothing but padding is a missing value.
void text_codes(const Column& column, std::int64_t first, int n, const std::vector<std::pair<std::string, double>>& texts, double* out) {
  for (int i = 0; i < n; ++i) {
    auto const* p = static_cast<const char*>(column.data) + (first + i) * column.stride;
    std::size_t width = static_cast<std::size_t>(column.text_width);
    while (width > 0 && p[width - 1] == '\0') --width;
    std::string_view const text(p, width);
    auto const at = std::lower_bound(texts.begin(), texts.end(), text, [](auto const& entry, std::string_view t) { return entry.first < t; });
    out[i] = width == 0 ? na : at != texts.end() && at->first == text ? at->second : -1.0;
  }
}

// Never missing. d[0]: 1 where NA is a member, plus 2 where NaN is; then the set, sorted.
void member_of(const double* a, const std::vector<double>& d, double* out, int n) {
  auto const size = static_cast<int>(d.size()) - 1;
  double const* set = d.data() + 1;
  if (size <= 8) {
    for (int i = 0; i < n; ++i) out[i] = 0;
    for (int k = 0; k < size; ++k) {
      double const s = set[k];
      for (int i = 0; i < n; ++i) out[i] = a[i] == s ? 1.0 : out[i];
    }
  } else {
    for (int i = 0; i < n; ++i) out[i] = std::binary_search(set, set + size, a[i]) ? 1.0 : 0.0;
  }
  double const na_member = d[0] == 1 || d[0] == 3 ? 1 : 0, nan_member = d[0] >= 2 ? 1 : 0;
  for (int i = 0; i < n; ++i) out[i] = a[i] == a[i] ? out[i] : is_na(a[i]) ? na_member : nan_member;
}

// d: pairs (value, code), sorted by value.
void match_set(const double* a, const std::vector<double>& d, double* out, int n) {
  auto const size = d.size() / 2;
  for (int i = 0; i < n; ++i) {
    std::size_t low = 0, high = size;
    while (low < high) {
      auto const middle = (low + high) / 2;
      if (d[2 * middle] < a[i])
        low = middle + 1;
      else
        high = middle;
    }
    out[i] = low < size && d[2 * low] == a[i] ? d[2 * low + 1] : na;
  }
}

// d: include_lowest, then the breaks in increasing order.
template <bool Right>
void cut(const double* a, const std::vector<double>& d, double* out, int n) {
  double const* breaks = d.data() + 1;
  int const count = static_cast<int>(d.size()) - 1;
  if (count <= 24) {
    for (int i = 0; i < n; ++i) out[i] = -1;
    for (int k = 0; k < count; ++k) {
      double const b = breaks[k];
      for (int i = 0; i < n; ++i) out[i] += (Right ? a[i] > b : a[i] >= b) ? 1.0 : 0.0;
    }
  } else {
    for (int i = 0; i < n; ++i)
      out[i] = static_cast<double>((Right ? std::lower_bound(breaks, breaks + count, a[i]) : std::upper_bound(breaks, breaks + count, a[i])) - breaks) - 1;
  }
  if (d[0] != 0) {
    double const edge = Right ? breaks[0] : breaks[count - 1], code = Right ? 0.0 : count - 2.0;
    for (int i = 0; i < n; ++i) out[i] = a[i] == edge ? code : out[i];
  }
  double const intervals = count - 1;
  for (int i = 0; i < n; ++i) out[i] = a[i] == a[i] && out[i] >= 0 && out[i] < intervals ? out[i] : na;
}

// d: low, high, code of what lies outside (NA: missing).
void whole_code(const double* a, const std::vector<double>& d, double* out, int n) {
  double const low = d[0], high = d[1], outside = d[2];
  for (int i = 0; i < n; ++i) {
    double const whole = std::floor(a[i]);
    double const inside = whole >= low && whole <= high ? whole - low : outside;
    out[i] = a[i] != a[i] ? na : inside;
  }
}

void table_lookup(const double* a, const std::vector<double>& t, double* out, int n) {
  double const* table = t.data();
  for (int i = 0; i < n; ++i) {
    int const at = a[i] == a[i] ? static_cast<int>(a[i]) + 1 : 0;
    out[i] = table[at];
  }
}

}  // namespace

void RowMachine::Free::operator()(double* p) const { ::operator delete[](p, std::align_val_t{64}); }

void RowMachine::prepare(const RowProgram& program) {
  program_ = &program;
  if (program.registers > capacity_) {
    capacity_ = program.registers;
    auto const bytes = sizeof(double) * program_tile_rows * static_cast<std::size_t>(capacity_);
    registers_.reset(static_cast<double*>(::operator new[](bytes, std::align_val_t{64})));
  }
  for (auto const& instruction : program.code)
    if (instruction.op == RowOp::constant)
      std::fill_n(writable(instruction.out), program_tile_rows, program.data[static_cast<std::size_t>(instruction.data)][0]);
}

void RowMachine::run(std::span<const Column> columns, std::int64_t first, int n, double row_number) {
  for (auto const& instruction : program_->code) {
    double* out = writable(instruction.out);
    double const* a = instruction.a >= 0 ? values(instruction.a) : nullptr;
    double const* b = instruction.b >= 0 ? values(instruction.b) : nullptr;
    double const* c = instruction.c >= 0 ? values(instruction.c) : nullptr;
    auto const& data = [&]() -> const std::vector<double>& { return program_->data[static_cast<std::size_t>(instruction.data)]; };
    auto const& column = [&]() -> const Column& { return columns[static_cast<std::size_t>(instruction.column)]; };
    switch (instruction.op) {
      case RowOp::constant: break;
      case RowOp::value:
        load_values(column(), first, n, out);
        if (column().storage == Storage::float32) floats_with_na<float>(out, n);
        break;
      case RowOp::code:
        load_values(column(), first, n, out);
        break;
      case RowOp::text_code:
        text_codes(column(), first, n, program_->texts[static_cast<std::size_t>(instruction.data)], out);
        break;
      case RowOp::row_number:
        for (int i = 0; i < n; ++i) out[i] = row_number + i;
        break;
      case RowOp::less: map2(a, b, out, n, [](double x, double y) { return x != x || y != y ? na : x < y ? 1.0 : 0.0; }); break;
      case RowOp::less_equal: map2(a, b, out, n, [](double x, double y) { return x != x || y != y ? na : x <= y ? 1.0 : 0.0; }); break;
      case RowOp::equal: map2(a, b, out, n, [](double x, double y) { return x != x || y != y ? na : x == y ? 1.0 : 0.0; }); break;
      case RowOp::not_equal: map2(a, b, out, n, [](double x, double y) { return x != x || y != y ? na : x != y ? 1.0 : 0.0; }); break;
      case RowOp::both: map2(a, b, out, n, [](double x, double y) { return x == 0 || y == 0 ? 0.0 : x != x || y != y ? na : 1.0; }); break;
      case RowOp::either: map2(a, b, out, n, [](double x, double y) { return x == 1 || y == 1 ? 1.0 : x != x || y != y ? na : 0.0; }); break;
      case RowOp::negation: map1(a, out, n, [](double x) { return x != x ? na : 1.0 - x; }); break;
      case RowOp::truth: map1(a, out, n, [](double x) { return x != x ? na : x != 0 ? 1.0 : 0.0; }); break;
      case RowOp::is_missing: map1(a, out, n, [](double x) { return x != x ? 1.0 : 0.0; }); break;
      case RowOp::is_nan: map1(a, out, n, [](double x) { return x != x && !is_na(x) ? 1.0 : 0.0; }); break;
      case RowOp::in_set: member_of(a, data(), out, n); break;
      case RowOp::choose:
        for (int i = 0; i < n; ++i) out[i] = a[i] != a[i] ? na : a[i] != 0 ? b[i] : c[i];
        break;
      case RowOp::table: table_lookup(a, data(), out, n); break;
      case RowOp::match_set: match_set(a, data(), out, n); break;
      case RowOp::cut_right: cut<true>(a, data(), out, n); break;
      case RowOp::cut_left: cut<false>(a, data(), out, n); break;
      case RowOp::whole_code: whole_code(a, data(), out, n); break;
      default: impl::run_function(instruction.op, a, b, out, n);
    }
  }
}

namespace {

template <class T>
void store_integers(const double* v, const std::int32_t* keep, int n, std::int64_t missing, double scale, T* out) {
  auto const none = static_cast<T>(missing);
  constexpr double low = static_cast<double>(std::numeric_limits<T>::min()), high = static_cast<double>(std::numeric_limits<T>::max());
  auto const convert = [&](double x) {
    if (scale != 1.0) x = std::nearbyint(x * scale);
    return x >= low && (sizeof(T) < 8 ? x <= high : x < high) ? static_cast<T>(x) : none;
  };
  if (keep)
    for (int i = 0; i < n; ++i) out[i] = convert(v[keep[i]]);
  else
    for (int i = 0; i < n; ++i) out[i] = convert(v[i]);
}

template <class T>
void gather(const Column& column, const std::int32_t* rows, std::int64_t count, void* out) {
  auto const* from = static_cast<const T*>(column.data);
  auto* to = static_cast<T*>(out);
  if (column.stride == 1)
    for (std::int64_t i = 0; i < count; ++i) to[i] = from[rows[i]];
  else
    for (std::int64_t i = 0; i < count; ++i) to[i] = from[rows[i] * column.stride];
}

}  // namespace

void store_values(const double* v, const std::int32_t* keep, int n, Storage storage, std::int64_t missing, double scale, void* out) {
  switch (storage) {
    case Storage::int8: return store_integers(v, keep, n, missing, scale, static_cast<std::int8_t*>(out));
    case Storage::int16: return store_integers(v, keep, n, missing, scale, static_cast<std::int16_t*>(out));
    case Storage::uint16: return store_integers(v, keep, n, missing, scale, static_cast<std::uint16_t*>(out));
    case Storage::int32: return store_integers(v, keep, n, missing, scale, static_cast<std::int32_t*>(out));
    case Storage::int64: return store_integers(v, keep, n, missing, scale, static_cast<std::int64_t*>(out));
    case Storage::float32:
    case Storage::text: return;
    case Storage::float64: break;
  }
  // Bits, not doubles: a signalling NaN must arrive as it is.
  auto* to = static_cast<std::uint64_t*>(out);
  auto const bits = [&](std::int32_t i) {
    auto const x = std::bit_cast<std::uint64_t>(v[i]);
    return v[i] != v[i] && static_cast<std::uint32_t>(x) == 1954u ? na_bits : x;
  };
  if (keep)
    for (int i = 0; i < n; ++i) to[i] = bits(keep[i]);
  else
    for (int i = 0; i < n; ++i) to[i] = bits(i);
}

void gather_rows(const Column& column, const std::int32_t* rows, std::int64_t count, void* out) {
  switch (column.storage == Storage::text ? 0 : bytes_of(column.storage)) {
    case 1: return gather<std::uint8_t>(column, rows, count, out);
    case 2: return gather<std::uint16_t>(column, rows, count, out);
    case 4: return gather<std::uint32_t>(column, rows, count, out);
    case 8: return gather<std::uint64_t>(column, rows, count, out);
    default: break;
  }
  auto* to = static_cast<char*>(out);
  auto const width = static_cast<std::size_t>(column.text_width);
  for (std::int64_t i = 0; i < count; ++i, to += width) std::memcpy(to, static_cast<const char*>(column.data) + rows[i] * column.stride, width);
}

}  // namespace rxhpc
