// Arithmetic and functions with R's results: R's remainder and rounding, missing values, the calendar.
#include "row_program_functions.hpp"

#include <cmath>
#include <cstring>
#include <limits>

namespace rxhpc {

std::int64_t days_from_civil(std::int64_t year, int month, int day) {
  // Years from March, so that the leap day is a year's last; eras of 400 years have 146,097 days.
  std::int64_t const y = month <= 2 ? year - 1 : year;
  std::int64_t const era = (y >= 0 ? y : y - 399) / 400;
  std::int64_t const year_of_era = y - era * 400;
  std::int64_t const day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

namespace impl {
namespace {

double const na = na_value();
constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

// Hardware passes on one operand's NaN, which one is the compiler's choice: NA must win over NaN whichever comes first.
void repair1(const double* a, double* out, int n) {
  for (int i = 0; i < n; ++i)
    if (out[i] != out[i] && is_na(a[i])) out[i] = na;
}
void repair2(const double* a, const double* b, double* out, int n) {
  for (int i = 0; i < n; ++i)
    if (out[i] != out[i]) out[i] = is_na(a[i]) || is_na(b[i]) ? na : nan_value;
}

bool any_nan(const double* out, int n) {
  std::int64_t found = 0;
  for (int i = 0; i < n; ++i) found += out[i] != out[i] ? 1 : 0;
  return found > 0;
}

template <class F>
void function1(const double* a, double* out, int n, F f) {
  map1(a, out, n, f);
  if (any_nan(out, n)) repair1(a, out, n);
}
template <class F>
void function2(const double* a, const double* b, double* out, int n, F f) {
  map2(a, b, out, n, f);
  if (any_nan(out, n)) repair2(a, b, out, n);
}

// R's %%: the sign of the divisor. The remainder of a small quotient is exact in one fused step, also when the quotient was one off.
double modulo(double x, double y) {
  if (y == 0 || !(std::fabs(x) < infinity) || y != y) return x != x || y != y ? x + y : nan_value;
  if (std::fabs(y) == infinity) return x == 0 || (x > 0) == (y > 0) ? x : y;
  // a divisor with no room for a remainder of the other sign, as R has it
  if (std::fabs(y) > 4503599627370496.0 && std::fabs(x) <= std::fabs(y))
    return std::fabs(x) == std::fabs(y) ? 0 : (x < 0 && y > 0) || (x > 0 && y < 0) ? x + y : x;
  double const q = std::floor(x / y);
  double r;
  if (std::fabs(q) < 4503599627370496.0) {
    r = std::fma(-q, y, x);
    if (r != 0 && (r > 0) != (y > 0)) r += y;
    else if (std::fabs(r) >= std::fabs(y)) r -= y;
  } else {
    r = std::fmod(x, y);
    if (r != 0 && (r > 0) != (y > 0)) r += y;
  }
  return r;
}

double int_divide(double x, double y) {
  double const q = x / y;
  if (y == 0 || !(std::fabs(q) < 4503599627370496.0)) return q;
  if (std::fabs(q) < 1) return q < 0 || (x < 0 && y > 0) || (x > 0 && y < 0) ? -1.0 : 0.0;
  double whole = std::floor(q);
  double const r = std::fma(-whole, y, x);
  if (r != 0 && (r > 0) != (y > 0)) whole -= 1;
  else if (std::fabs(r) >= std::fabs(y)) whole += 1;
  return whole;
}

double power(double x, double y) {
  if (x == 1 || y == 0) return 1;
  if (y == 2) return x * x;
  if (x == 0) return y > 0 ? 0 : y < 0 ? infinity : y;  // whatever the zero's sign, as in R
  // R's NaN for powers of negative numbers that C takes from the limit
  if (x < 0 && (std::isinf(y) || (std::isinf(x) && y != std::floor(y)))) return std::numeric_limits<double>::quiet_NaN();
  return std::pow(x, y);
}

double power_of_ten(int n) {
  double p = 1;
  for (int i = 0; i < n; ++i) p *= 10;
  return p;
}

// R 4's rounding: of the two neighbours with that many digits the nearer, in double arithmetic; a tie goes to the even one.
double round_digits(double x, double digits) {
  if (x != x || digits != digits) return x + digits;
  if (std::fabs(x) == infinity || digits > 323 || x == 0) return x;
  if (digits < -308) return 0;
  int const d = static_cast<int>(std::floor(digits + 0.5));
  if (d == 0) return std::nearbyint(x);
  double const magnitude = std::fabs(x);
  double const unit = power_of_ten(d > 0 ? d : -d);
  // A double has no more than 15 certain digits.
  if (d > 0 && magnitude * unit > 1e15) return x;
  double const scaled = d > 0 ? magnitude * unit : magnitude / unit;
  double const below = std::floor(scaled), above = std::ceil(scaled);
  double const low = d > 0 ? below / unit : below * unit, high = d > 0 ? above / unit : above * unit;
  double const down = magnitude - low, up = high - magnitude;
  double const nearest = down < up || (down == up && std::fmod(below, 2.0) == 0) ? low : high;
  return std::copysign(nearest, x);
}

double signif_digits(double x, double digits) {
  if (x != x || digits != digits) return x + digits;
  if (std::fabs(x) == infinity || x == 0 || digits > 22) return x;
  int const d = digits < 1 ? 1 : static_cast<int>(std::floor(digits + 0.5));
  int const places = d - 1 - static_cast<int>(std::floor(std::log10(std::fabs(x))));
  if (places > 300 || places < -300) return x;
  double const unit = power_of_ten(places > 0 ? places : -places);
  double const whole = std::nearbyint(places > 0 ? x * unit : x / unit);
  return places > 0 ? whole / unit : whole * unit;
}

struct Civil {
  std::int64_t year;
  int month, day;
};

Civil civil_from_days(std::int64_t days) {
  days += 719468;
  std::int64_t const era = (days >= 0 ? days : days - 146096) / 146097;
  auto const day_of_era = days - era * 146097;
  auto const year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  auto const day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  auto const from_march = (5 * day_of_year + 2) / 153;
  int const month = static_cast<int>(from_march < 10 ? from_march + 3 : from_march - 9);
  return {year_of_era + era * 400 + (month <= 2), month, static_cast<int>(day_of_year - (153 * from_march + 2) / 5 + 1)};
}

template <class F>
void date_part(const double* a, double* out, int n, F part) {
  for (int i = 0; i < n; ++i) {
    double const day = std::floor(a[i]);
    out[i] = std::fabs(day) < 1e12 ? static_cast<double>(part(static_cast<std::int64_t>(day))) : na;
  }
}

template <class F>
void time_part(const double* a, double* out, int n, F part) {
  for (int i = 0; i < n; ++i) {
    double const second = a[i] - 86400.0 * std::floor(a[i] / 86400.0);
    out[i] = std::fabs(a[i]) < 1e17 ? std::floor(part(second)) : na;
  }
}

bool run_arithmetic(RowOp op, const double* a, const double* b, double* out, int n) {
  switch (op) {
    case RowOp::add: function2(a, b, out, n, [](double x, double y) { return x + y; }); return true;
    case RowOp::subtract: function2(a, b, out, n, [](double x, double y) { return x - y; }); return true;
    case RowOp::multiply: function2(a, b, out, n, [](double x, double y) { return x * y; }); return true;
    case RowOp::divide: function2(a, b, out, n, [](double x, double y) { return x / y; }); return true;
    case RowOp::power: function2(a, b, out, n, power); return true;
    case RowOp::modulo: function2(a, b, out, n, modulo); return true;
    case RowOp::int_divide: function2(a, b, out, n, int_divide); return true;
    case RowOp::round: function2(a, b, out, n, round_digits); return true;
    case RowOp::signif: function2(a, b, out, n, signif_digits); return true;
    case RowOp::atan2: function2(a, b, out, n, [](double x, double y) { return std::atan2(x, y); }); return true;
    case RowOp::minimum: function2(a, b, out, n, [](double x, double y) { return x != x || y != y ? x + y : x < y ? x : y; }); return true;
    case RowOp::maximum: function2(a, b, out, n, [](double x, double y) { return x != x || y != y ? x + y : x > y ? x : y; }); return true;
    default: return false;
  }
}

bool run_calendar(RowOp op, const double* a, double* out, int n) {
  switch (op) {
    case RowOp::year: date_part(a, out, n, [](std::int64_t d) { return civil_from_days(d).year; }); return true;
    case RowOp::month: date_part(a, out, n, [](std::int64_t d) { return civil_from_days(d).month; }); return true;
    case RowOp::day: date_part(a, out, n, [](std::int64_t d) { return civil_from_days(d).day; }); return true;
    // 1970-01-01 was a Thursday.
    case RowOp::weekday: date_part(a, out, n, [](std::int64_t d) { return ((d + 3) % 7 + 7) % 7 + 1; }); return true;
    case RowOp::second_of_day_hour: time_part(a, out, n, [](double s) { return s / 3600; }); return true;
    case RowOp::second_of_day_minute: time_part(a, out, n, [](double s) { return (s - 3600 * std::floor(s / 3600)) / 60; }); return true;
    case RowOp::second_of_day_second: time_part(a, out, n, [](double s) { return s - 60 * std::floor(s / 60); }); return true;
    default: return false;
  }
}

}  // namespace

void run_function(RowOp op, const double* a, const double* b, double* out, int n) {
  if (run_arithmetic(op, a, b, out, n) || run_calendar(op, a, out, n)) return;
  switch (op) {
    case RowOp::negate: return function1(a, out, n, [](double x) { return -x; });
    case RowOp::square: return function1(a, out, n, [](double x) { return x * x; });
    case RowOp::log: return function1(a, out, n, [](double x) { return std::log(x); });
    case RowOp::log2: return function1(a, out, n, [](double x) { return std::log2(x); });
    case RowOp::log10: return function1(a, out, n, [](double x) { return std::log10(x); });
    case RowOp::log1p: return function1(a, out, n, [](double x) { return std::log1p(x); });
    case RowOp::exp: return function1(a, out, n, [](double x) { return std::exp(x); });
    case RowOp::expm1: return function1(a, out, n, [](double x) { return std::expm1(x); });
    case RowOp::sqrt: return function1(a, out, n, [](double x) { return std::sqrt(x); });
    case RowOp::abs: return function1(a, out, n, [](double x) { return std::fabs(x); });
    case RowOp::sign: return function1(a, out, n, [](double x) { return x > 0 ? 1.0 : x < 0 ? -1.0 : x; });
    case RowOp::floor: return function1(a, out, n, [](double x) { return std::floor(x); });
    case RowOp::ceiling: return function1(a, out, n, [](double x) { return std::ceil(x); });
    case RowOp::truncate: return function1(a, out, n, [](double x) { return std::trunc(x); });
    case RowOp::sin: return function1(a, out, n, [](double x) { return std::sin(x); });
    case RowOp::cos: return function1(a, out, n, [](double x) { return std::cos(x); });
    case RowOp::tan: return function1(a, out, n, [](double x) { return std::tan(x); });
    case RowOp::asin: return function1(a, out, n, [](double x) { return std::asin(x); });
    case RowOp::acos: return function1(a, out, n, [](double x) { return std::acos(x); });
    case RowOp::atan: return function1(a, out, n, [](double x) { return std::atan(x); });
    default: return;
  }
}

}  // namespace impl
}  // namespace rxhpc
