// A table of r rows and c columns as tables of 2 by 2, with the risk and odds ratio of each.
#include "rxhpc/contingency_tests.hpp"

namespace rxhpc {
namespace {

/// Sums of all values but one, for each: from both ends, so that what is not negative stays so and no digit is lost to a difference.
std::vector<double> sums_without(const std::vector<double>& x) {
  std::vector<double> out(x.size(), 0);
  double before = 0, after = 0;
  for (std::size_t k = 0; k < x.size(); before += x[k++]) out[k] = before;
  for (std::size_t k = x.size(); k-- > 0; after += x[k]) out[k] += after;
  return out;
}

TablePair with_ratios(TablePair pair, std::vector<double> values, double conf_level) {
  pair.values = {2, 2, std::move(values)};
  pair.risk_ratio = risk_ratio(pair.values, conf_level);
  pair.odds_ratio = odds_ratio(pair.values, conf_level);
  return pair;
}

std::vector<TablePair> pooled_pairs(const TwoWay& t, double conf_level) {
  TwoWay other_columns{t.rows, t.columns, {}}, other_rows = t, others = t;
  for (std::size_t i = 0; i < t.rows; ++i) {
    auto const first = t.values.begin() + static_cast<std::ptrdiff_t>(i * t.columns);
    auto const without = sums_without({first, first + static_cast<std::ptrdiff_t>(t.columns)});
    other_columns.values.insert(other_columns.values.end(), without.begin(), without.end());
  }
  auto const down = [&](const TwoWay& from, TwoWay& to) {
    for (std::size_t j = 0; j < t.columns; ++j) {
      std::vector<double> column;
      for (std::size_t i = 0; i < t.rows; ++i) column.push_back(from.at(i, j));
      auto const without = sums_without(column);
      for (std::size_t i = 0; i < t.rows; ++i) to.values[i * t.columns + j] = without[i];
    }
  };
  down(t, other_rows);
  down(other_columns, others);
  std::vector<TablePair> out;
  for (std::size_t i = 0; i < t.rows; ++i)
    for (std::size_t j = 0; j < t.columns; ++j)
      out.push_back(
          with_ratios({.row = i, .column = j}, {others.at(i, j), other_rows.at(i, j), other_columns.at(i, j), t.at(i, j)}, conf_level));
  return out;
}

}  // namespace

double pairwise_tables(const TwoWay& t, bool pooled) {
  auto const rows = static_cast<double>(t.rows), columns = static_cast<double>(t.columns);
  if (t.rows < 2 || t.columns < 2) return 0;
  return pooled ? rows * columns : rows * (rows - 1) / 2 * (columns * (columns - 1) / 2);
}

std::vector<TablePair> pairwise(const TwoWay& t, bool pooled, double conf_level) {
  std::vector<TablePair> out;
  if (t.rows < 2 || t.columns < 2) return out;
  if (pooled) return pooled_pairs(t, conf_level);
  for (std::size_t a = 0; a < t.rows; ++a)
    for (std::size_t i = a + 1; i < t.rows; ++i)
      for (std::size_t b = 0; b < t.columns; ++b)
        for (std::size_t j = b + 1; j < t.columns; ++j)
          out.push_back(with_ratios({a, i, b, j, {}, {}, {}}, {t.at(a, b), t.at(a, j), t.at(i, b), t.at(i, j)}, conf_level));
  return out;
}

}  // namespace rxhpc
