// Kendall's tau of a two-way table.
#include <algorithm>
#include <cmath>

#include "distributions.hpp"
#include "rxhpc/contingency_tests.hpp"
#include "table_margins.hpp"

namespace rxhpc {
namespace {

/// Concordant less discordant pairs. One pass from the last row up, with running sums of the columns below.
double excess(const TwoWay& t) {
  std::vector<double> below(t.columns, 0);
  double s = 0;
  for (std::size_t i = t.rows; i-- > 0;) {
    double right = 0, left = 0;
    for (std::size_t j = 1; j < t.columns; ++j) right += below[j];
    for (std::size_t j = 0; j < t.columns; ++j) {
      s += t.at(i, j) * (right - left);
      left += below[j];
      if (j + 1 < t.columns) right -= below[j + 1];
    }
    for (std::size_t j = 0; j < t.columns; ++j) below[j] += t.at(i, j);
  }
  return s;
}

/// P(|S| >= |s|) of n ranks without ties: twice the smaller tail, as R; permutations counted by their inversions.
double exact_p(double s, int n) {
  std::vector<double> share{1};  // of permutations with k inversions
  for (int m = 2; m <= n; ++m) {
    std::vector<double> next(share.size() + static_cast<std::size_t>(m) - 1, 0);
    for (std::size_t k = 0; k < share.size(); ++k)
      for (std::size_t add = 0; add < static_cast<std::size_t>(m); ++add) next[k + add] += share[k] / m;
    share = std::move(next);
  }
  double const pairs = n * (n - 1) / 2.0;
  auto const inversions = static_cast<std::size_t>(std::llround((pairs - s) / 2));
  double until = 0, from = 0;
  for (std::size_t k = 0; k < share.size(); ++k) {
    if (k <= inversions) until += share[k];
    if (k >= inversions) from += share[k];
  }
  return std::min(1.0, 2 * std::min(until, from));
}

/// The variance of S with ties (Kendall, Rank Correlation Methods, 4.9).
double variance(const impl::Margins& m) {
  double const n = m.total;
  double ties[2][3] = {};  // sums of t(t-1)(2t+5), t(t-1), t(t-1)(t-2)
  for (int side = 0; side < 2; ++side)
    for (double t : side == 0 ? m.row : m.column) {
      ties[side][0] += t * (t - 1) * (2 * t + 5);
      ties[side][1] += t * (t - 1);
      ties[side][2] += t * (t - 1) * (t - 2);
    }
  double v = (n * (n - 1) * (2 * n + 5) - ties[0][0] - ties[1][0]) / 18 + ties[0][1] * ties[1][1] / (2 * n * (n - 1));
  if (n > 2) v += ties[0][2] * ties[1][2] / (9 * n * (n - 1) * (n - 2));
  return v;
}

double permuted(const TwoWay& t, double s, const TableTestOptions& o) {
  impl::RandomTables const tables(t, o.seed);
  TwoWay drawn;
  std::int64_t further = 0;
  for (int k = 0; k < o.simulations; ++k) {
    tables.draw(static_cast<std::uint32_t>(k), drawn);
    further += std::abs(excess(drawn)) >= std::abs(s);
  }
  return static_cast<double>(1 + further) / static_cast<double>(1 + o.simulations);
}

}  // namespace

Kendall kendall(const TwoWay& table, const TableTestOptions& o) {
  constexpr int most_exact = 50;
  Kendall out;
  if (!impl::Margins(table).counts) return out;
  auto const t = impl::occupied(table);
  impl::Margins const m(t);
  if (t.rows < 2 || t.columns < 2 || !(m.total > 1)) return out;
  double const n = m.total, pairs = n * (n - 1) / 2, s = excess(t);
  double tied_rows = 0, tied_columns = 0;
  for (double r : m.row) tied_rows += r * (r - 1) / 2;
  for (double c : m.column) tied_columns += c * (c - 1) / 2;
  double const smaller = static_cast<double>(std::min(t.rows, t.columns));
  out.tau_a = s / pairs;
  out.tau_b = s / std::sqrt((pairs - tied_rows) * (pairs - tied_columns));
  out.tau_c = 2 * smaller * s / (n * n * (smaller - 1));
  out.z = s / std::sqrt(variance(m));
  out.valid = !std::isnan(out.tau_b);
  if (o.permute && m.whole) {
    out.method = "permutation, " + std::to_string(o.simulations) + " tables of these margins";
    out.p_value = permuted(t, s, o);
  } else if (m.whole && n < most_exact && tied_rows == 0 && tied_columns == 0) {
    out.method = "exact";
    out.p_value = exact_p(s, static_cast<int>(n));
  } else {
    out.method = "asymptotic, variance with ties";
    out.p_value = impl::normal_two_sided(out.z);
  }
  return out;
}

}  // namespace rxhpc
