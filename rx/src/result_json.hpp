// Numbers, timings and tables of results as JSON and as text.
#pragma once
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace rxhpc::impl {

/// A double in JSON: missing is null, infinities are texts (contract, section 3).
inline nlohmann::json number(double x) {
  if (std::isnan(x)) return nullptr;
  if (std::isinf(x)) return x > 0 ? "Infinity" : "-Infinity";
  return x;
}
/// The inverse; null is NaN.
inline double number_from(const nlohmann::json& j) {
  if (j.is_null()) return std::nan("");
  if (j == "Infinity") return INFINITY;
  if (j == "-Infinity") return -INFINITY;
  return j.get<double>();  // throws for other texts
}
/// A count: whole weights stay whole numbers.
inline nlohmann::json count(double x) {
  if (x == std::floor(x) && std::abs(x) < 9e15) return static_cast<std::int64_t>(x);
  return number(x);
}

nlohmann::json numbers(const std::vector<std::vector<double>>& rows);
std::vector<std::vector<double>> numbers_from(const nlohmann::json& j);

/// A number with so many significant digits, as R's print.
std::string significant(double x, int digits);
/// R's format of a p-value: `<2e-16` below that.
std::string p_text(double p);
/// R's stars.
const char* stars(double p);

/// Columns aligned: the first to the left, the others to the right.
std::string aligned(const std::vector<std::vector<std::string>>& rows);
/// A matrix as R prints it: as many columns side by side as fit.
std::string matrix_text(const std::vector<std::string>& row_names, const std::vector<std::string>& column_names, const std::vector<std::vector<double>>& values);
/// Numbers of one column with common decimals, `digits` significant in the one that needs the fewest (R's format()).
std::vector<std::string> formatted(const std::vector<double>& values, int digits);

}  // namespace rxhpc::impl
