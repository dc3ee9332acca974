#include "rxhpc/contingency_tests.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "distributions.hpp"
#include "table_margins.hpp"

namespace rxhpc {
namespace impl {

Margins::Margins(const TwoWay& t) : row(t.rows, 0), column(t.columns, 0) {
  for (std::size_t i = 0; i < t.rows; ++i)
    for (std::size_t j = 0; j < t.columns; ++j) {
      row[i] += t.at(i, j);
      column[j] += t.at(i, j);
      total += t.at(i, j);
      if (!(t.at(i, j) >= 0) || std::isinf(t.at(i, j))) counts = false;
      if (t.at(i, j) != std::floor(t.at(i, j)) || t.at(i, j) > 1e9) whole = false;
    }
}

TwoWay occupied(const TwoWay& t, const Margins& m) {
  TwoWay out;
  for (double r : m.row) out.rows += r != 0;
  for (double c : m.column) out.columns += c != 0;
  for (std::size_t i = 0; i < t.rows; ++i)
    for (std::size_t j = 0; j < t.columns; ++j)
      if (m.row[i] != 0 && m.column[j] != 0) out.values.push_back(t.at(i, j));
  return out;
}

TwoWay occupied(const TwoWay& t) { return occupied(t, Margins(t)); }

}  // namespace impl

using impl::Margins;
using impl::occupied;

TableTest chi_squared(const TwoWay& table, bool yates) {
  TableTest out;
  if (!Margins(table).counts) return out;  // a row or column whose sums cancel is not an empty one
  auto const t = occupied(table);
  Margins const m(t);
  if (t.rows < 2 || t.columns < 2 || !(m.total > 0)) return out;
  bool const two_by_two = yates && t.rows == 2 && t.columns == 2;
  double correction = two_by_two ? 0.5 : 0;
  auto const expected = [&](std::size_t i, std::size_t j) { return m.row[i] * m.column[j] / m.total; };
  if (two_by_two)
    for (std::size_t k = 0; k < 4; ++k) correction = std::min(correction, std::abs(t.values[k] - expected(k / 2, k % 2)));
  out.statistic = 0;
  for (std::size_t i = 0; i < t.rows; ++i)
    for (std::size_t j = 0; j < t.columns; ++j) {
      double const e = expected(i, j), d = std::abs(t.at(i, j) - e) - correction;
      out.statistic += d * d / e;
    }
  out.df = static_cast<double>((t.rows - 1) * (t.columns - 1));
  out.p_value = impl::chi_squared_upper(out.statistic, out.df);
  out.method = two_by_two ? "Pearson's chi-squared test with Yates' continuity correction" : "Pearson's chi-squared test";
  out.valid = true;
  return out;
}

double cramers_v(const TwoWay& table) {
  auto const test = chi_squared(table, false);
  if (!test.valid) return TableTest::none;
  auto const t = occupied(table);
  return std::sqrt(test.statistic / (Margins(t).total * static_cast<double>(std::min(t.rows, t.columns) - 1)));
}

namespace {

/// A larger table without its empty rows and columns. One of 2 by 2 stays: an empty column has a risk of 0 or 1.
TwoWay two_by_two_of(const TwoWay& t) { return t.rows == 2 && t.columns == 2 ? t : occupied(t); }

/// p and interval of a ratio whose logarithm is normal with this standard error.
void judge_ratio(TableTest& out, double se, double conf_level, Alternative alternative) {
  double const log = std::log(out.estimate), two_sided = impl::normal_two_sided(out.statistic);
  if (alternative == Alternative::two_sided) {
    double const z = impl::normal_quantile_two_sided(conf_level);
    out.conf_low = std::exp(log - z * se);
    out.conf_high = std::exp(log + z * se);
    out.p_value = two_sided;
    return;
  }
  bool const less = alternative == Alternative::less;
  double const level = 2 * conf_level - 1, z = std::copysign(impl::normal_quantile_two_sided(std::abs(level)), level);
  out.conf_low = less ? 0 : std::exp(log - z * se);
  out.conf_high = less ? std::exp(log + z * se) : std::numeric_limits<double>::infinity();
  out.p_value = (out.statistic < 0) == less ? two_sided / 2 : 1 - two_sided / 2;
}

}  // namespace

TableTest odds_ratio(const TwoWay& given, double conf_level, Alternative alternative) {
  TableTest out;
  auto const t = two_by_two_of(given);
  if (!Margins(given).counts || t.rows != 2 || t.columns != 2) return out;
  double const a = t.values[0], b = t.values[1], c = t.values[2], d = t.values[3];
  out.estimate = a * d / (b * c);
  if (std::isnan(out.estimate)) return out;
  double const se = std::sqrt(1 / a + 1 / b + 1 / c + 1 / d);
  out.valid = true;
  out.method = "odds ratio with Woolf's interval";
  if (std::isinf(se)) return out;
  out.statistic = std::log(out.estimate) / se;
  judge_ratio(out, se, conf_level, alternative);
  return out;
}

TableTest risk_ratio(const TwoWay& given, double conf_level, Alternative alternative) {
  TableTest out;
  auto const t = two_by_two_of(given);
  Margins const m(t);
  if (!Margins(given).counts || t.rows != 2 || t.columns != 2) return out;
  double const b = t.values[1], d = t.values[3], p1 = b / m.row[0], p2 = d / m.row[1];
  out.estimate = p2 / p1;
  if (std::isnan(out.estimate)) return out;
  double const se = std::sqrt((1 - p1) / b + (1 - p2) / d);
  out.valid = true;
  out.method = "risk ratio of the second column, second row over first";
  if (std::isinf(se) || std::isnan(se)) return out;
  if (se > 0) out.statistic = std::log(out.estimate) / se;
  judge_ratio(out, se, conf_level, alternative);
  return out;
}

namespace {

/// Mantel & Haenszel's estimate with Robins, Breslow & Greenland's variance (Biometrics 42, 1986).
void common_odds_ratio(const std::vector<TwoWay>& strata, double conf_level, TableTest& out) {
  double r = 0, s = 0, pr = 0, mixed = 0, qs = 0;
  for (auto const& t : strata) {
    double const a = t.values[0], b = t.values[1], c = t.values[2], d = t.values[3], n = a + b + c + d;
    double const p = (a + d) / n, q = (b + c) / n, ad = a * d / n, bc = b * c / n;
    r += ad, s += bc, pr += p * ad, mixed += p * bc + q * ad, qs += q * bc;
  }
  out.estimate = r / s;
  double const sd = std::sqrt(pr / (2 * r * r) + mixed / (2 * r * s) + qs / (2 * s * s)), z = impl::normal_quantile_two_sided(conf_level);
  out.conf_low = out.estimate * std::exp(-z * sd);
  out.conf_high = out.estimate * std::exp(z * sd);
}

/// x' V^-1 x for a symmetric positive definite V, which is destroyed; NaN where it is singular.
double quadratic_form(std::vector<double>& v, std::vector<double> x) {
  std::size_t const n = x.size();
  double form = 0;
  for (std::size_t k = 0; k < n; ++k) {  // Gaussian elimination in the order given: x' V^-1 x = sum of x_k^2 / pivot_k
    double const pivot = v[k * n + k];
    if (!(pivot > 1e-12)) return TableTest::none;
    form += x[k] * x[k] / pivot;
    for (std::size_t i = k + 1; i < n; ++i) {
      double const f = v[i * n + k] / pivot;
      x[i] -= f * x[k];
      for (std::size_t j = k; j < n; ++j) v[i * n + j] -= f * v[k * n + j];
    }
  }
  return form;
}

/// Rows and columns that are empty in all strata are left out.
std::vector<TwoWay> common_shape(const std::vector<TwoWay>& strata) {
  TwoWay all = strata[0];
  for (std::size_t k = 1; k < strata.size(); ++k)
    for (std::size_t e = 0; e < all.values.size(); ++e) all.values[e] += strata[k].values[e];
  Margins const m(all);
  std::vector<TwoWay> out;
  for (auto const& t : strata) {
    if (!(Margins(t).total > 1)) continue;
    out.push_back(occupied(t, m));
  }
  return out;
}

}  // namespace

TableTest mantel_haenszel(const std::vector<TwoWay>& given, double conf_level) {
  TableTest out;
  if (given.empty()) return out;
  for (auto const& t : given)
    if (!Margins(t).counts) return out;
  auto const strata = common_shape(given);
  if (strata.empty() || strata[0].rows < 2 || strata[0].columns < 2) return out;
  std::size_t const rows = strata[0].rows - 1, columns = strata[0].columns - 1, n = rows * columns;
  std::vector<double> difference(n, 0), variance(n * n, 0);
  for (auto const& t : strata) {
    Margins const m(t);
    double const scale = 1 / (m.total * m.total * (m.total - 1));
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < columns; ++j) {
        difference[i * columns + j] += t.at(i, j) - m.row[i] * m.column[j] / m.total;
        for (std::size_t k = 0; k < rows; ++k)
          for (std::size_t l = 0; l < columns; ++l)
            variance[(i * columns + j) * n + k * columns + l] += m.row[i] * ((i == k) * m.total - m.row[k]) * m.column[j] * ((j == l) * m.total - m.column[l]) * scale;
      }
  }
  bool const two_by_two = n == 1;
  out.df = static_cast<double>(n);
  if (two_by_two) difference[0] = std::abs(difference[0]) - (std::abs(difference[0]) >= 0.5 ? 0.5 : 0);
  out.statistic = quadratic_form(variance, difference);
  if (std::isnan(out.statistic)) return out;
  out.p_value = impl::chi_squared_upper(out.statistic, out.df);
  out.method = two_by_two ? "Mantel-Haenszel chi-squared test with continuity correction" : "Cochran-Mantel-Haenszel test";
  if (two_by_two) common_odds_ratio(strata, conf_level, out);
  out.valid = true;
  return out;
}

}  // namespace rxhpc
