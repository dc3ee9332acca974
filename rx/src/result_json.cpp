#include "result_json.hpp"

#include <algorithm>
#include <cstdio>

namespace rxhpc::impl {

nlohmann::json numbers(const std::vector<std::vector<double>>& rows) {
  auto out = nlohmann::json::array();
  for (auto const& row : rows) {
    auto line = nlohmann::json::array();
    for (double x : row) line.push_back(number(x));
    out.push_back(std::move(line));
  }
  return out;
}

std::vector<std::vector<double>> numbers_from(const nlohmann::json& j) {
  std::vector<std::vector<double>> out;
  for (auto const& row : j) {
    out.emplace_back();
    for (auto const& x : row) out.back().push_back(number_from(x));
  }
  return out;
}

std::string significant(double x, int digits) {
  if (std::isnan(x)) return "NA";
  if (std::isinf(x)) return x > 0 ? "Inf" : "-Inf";
  char text[64];
  std::snprintf(text, sizeof text, "%.*g", digits, x);
  return text;
}

std::string p_text(double p) { return std::isnan(p) ? "NA" : p < 2e-16 ? "<2e-16" : significant(p, 3); }

const char* stars(double p) {
  return std::isnan(p) ? "" : p < 0.001 ? "***" : p < 0.01 ? "**" : p < 0.05 ? "*" : p < 0.1 ? "." : "";
}

std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> width;
  auto const letters = [](const std::string& s) {
    return static_cast<std::size_t>(std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xC0) != 0x80; }));
  };
  for (auto const& row : rows)
    for (std::size_t j = 0; j < row.size(); ++j) {
      if (j == width.size()) width.push_back(0);
      width[j] = std::max(width[j], letters(row[j]));
    }
  std::string out;
  for (auto const& row : rows) {
    std::string line;
    for (std::size_t j = 0; j < row.size(); ++j) {
      std::string const pad(width[j] - letters(row[j]), ' ');
      line += (j ? "  " : "") + (j == 0 ? row[j] + pad : pad + row[j]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string matrix_text(const std::vector<std::string>& row_names, const std::vector<std::string>& column_names,
                        const std::vector<std::vector<double>>& values) {
  constexpr std::size_t line = 110;
  std::size_t const columns = column_names.size();
  std::vector<std::vector<std::string>> shown;  // [columns][rows], the name first
  for (std::size_t j = 0; j < columns; ++j) {
    shown.push_back({column_names[j]});
    for (auto const& row : values) shown.back().push_back(significant(row[j], 6));
  }
  std::size_t names = 0;
  for (auto const& n : row_names) names = std::max(names, n.size());
  std::string out;
  for (std::size_t first = 0; first < columns;) {
    std::size_t width = names, last = first;
    while (last < columns) {
      std::size_t widest = 0;
      for (auto const& cell : shown[last]) widest = std::max(widest, cell.size());
      if (last > first && width + 2 + widest > line) break;
      width += 2 + widest;
      ++last;
    }
    std::vector<std::vector<std::string>> rows{{""}};
    for (auto const& n : row_names) rows.push_back({n});
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (std::size_t j = first; j < last; ++j) rows[i].push_back(shown[j][i]);
    out += aligned(rows);
    first = last;
  }
  return out;
}

std::vector<std::string> formatted(const std::vector<double>& values, int digits) {
  // Fixed notation with the decimals that the smallest magnitude needs, unless that gets too wide.
  int decimals = 0;
  bool wide = false;
  for (double x : values) {
    if (!std::isfinite(x) || x == 0) continue;
    int const exponent = static_cast<int>(std::floor(std::log10(std::abs(x))));
    auto text = significant(x, digits);
    int needed = 0;
    if (text.find('e') == std::string::npos) {
      if (auto const point = text.find('.'); point != std::string::npos) needed = static_cast<int>(text.size() - point - 1);
    } else {
      needed = std::max(0, digits - 1 - exponent);
    }
    decimals = std::max(decimals, needed);
    wide |= exponent > 14;
  }
  wide |= decimals > 9;
  std::vector<std::string> out;
  for (double x : values) {
    char text[400];
    if (!std::isfinite(x))
      out.push_back(significant(x, digits));
    else if (wide)
      std::snprintf(text, sizeof text, "%.*e", digits - 1, x), out.emplace_back(text);
    else
      std::snprintf(text, sizeof text, "%.*f", decimals, x), out.emplace_back(text);
  }
  return out;
}

}  // namespace rxhpc::impl
