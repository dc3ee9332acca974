#include "elastic_net_quadratic.hpp"

#include <algorithm>
#include <cmath>

namespace rxhpc::impl {

ScaledColumns scaled_columns(const Regression& r, const RegressionFit& prior, bool standardize) {
  auto const& gram = prior.sums.gram;
  ScaledColumns s;
  s.intercept = r.design.intercept;
  s.weight = gram(0, 0);
  auto const& columns = prior.solution.columns;
  for (int j = r.design.intercept ? 1 : 0; j < static_cast<int>(columns.size()); ++j) {
    if (columns[j].reference) continue;
    int const i = j + r.skip();
    DD const centred = gram(i, i) - gram(0, i) * gram(0, i) / gram(0, 0);
    if (!(centred.hi > rank_tolerance * rank_tolerance * gram(i, i).hi)) continue;  // a constant column
    s.at.push_back(i);
    s.scale.push_back(standardize ? sqrt(centred / gram(0, 0)) : DD(1));
  }
  return s;
}

void find_quadratic(Near& near, const ScaledColumns& s) {
  int const n = static_cast<int>(s.at.size()), y = near.gram.n - 1;
  auto const& h = near.gram;
  auto const about = [&](int i, int j) { return s.intercept ? h(i, j) - h(0, i) * h(0, j) / h(0, 0) : h(i, j); };
  near.f.q = DdMatrix(n);
  near.f.c.assign(n, DD(0));
  for (int a = 0; a < n; ++a) {
    for (int b = 0; b <= a; ++b) {
      DD const q = about(s.at[a], s.at[b]) / (s.weight * s.scale[a] * s.scale[b]);
      near.f.q.set(a, b, q);
      near.f.q.set(b, a, q);
    }
  }
  for (int a = 0; a < n; ++a) {
    near.f.c[a] = about(s.at[a], y) / (s.weight * s.scale[a]);
    for (int b = 0; b < n; ++b)
      if (near.u[b].hi != 0) near.f.c[a] += near.f.q(a, b) * near.u[b];
  }
}

double objective(const Near& near, const ScaledColumns& s, ElasticPenalty p) {
  double sum = static_cast<double>(near.deviance / s.weight) / 2;
  for (DD u : near.u) sum += p.l1 * std::abs(u.hi) + p.l2 * u.hi * u.hi / 2;
  return sum;
}

Move move_to(const Near& near, const ScaledColumns& s, const std::vector<DD>& u) {
  int const n = static_cast<int>(s.at.size()), y = near.gram.n - 1;
  auto const& h = near.gram;
  Move m{near.beta, DD(0), near.deviance};
  std::vector<int> at(s.at);
  std::vector<DD> d;
  for (int a = 0; a < n; ++a) {
    m.beta[at[a]] = u[a] / s.scale[a];
    d.push_back(m.beta[at[a]] - near.beta[at[a]]);
  }
  if (s.intercept) {
    DD left = h(0, y);
    for (int a = 0; a < n; ++a) left -= h(0, at[a]) * d[a];
    at.push_back(0);
    d.push_back(left / h(0, 0));
    m.beta[0] += d.back();
  }
  for (std::size_t a = 0; a < d.size(); ++a) {
    if (d[a].hi == 0) continue;
    DD row(0);
    for (std::size_t b = 0; b < d.size(); ++b) row += h(at[a], at[b]) * d[b];
    m.curvature += d[a] * row;
    m.deviance += d[a] * (row - DD(2) * h(at[a], y));
  }
  return m;
}

void take_true_curvature(Near& there, const Near& before, const ScaledColumns& s) {
  constexpr double least = 0.25, most = 16;  // far from the best the true curvature may be anything
  int const y = there.gram.n - 1;
  std::vector<int> at(s.at);
  if (s.intercept) at.push_back(0);
  // (g_before - g_there)'d / d'Hd
  DD fall(0), expected(0);
  for (int i : at) {
    DD const d = there.beta[i] - before.beta[i];
    if (d.hi == 0) continue;
    DD row(0);
    for (int j : at) row += there.gram(i, j) * (there.beta[j] - before.beta[j]);
    fall += d * (before.gram(i, y) - there.gram(i, y));
    expected += d * row;
  }
  double const ratio = fall.hi / expected.hi;
  if (!(ratio > 0)) return;
  DD const scale(std::clamp(ratio, least, most));
  for (int i = 0; i < y; ++i)
    for (int j = 0; j < y; ++j) there.gram.set(i, j, there.gram(i, j) * scale);
}

double spread(const Move& move, const Near& from, const RegressionSums& prior, const ScaledColumns& s) {
  auto const& h = prior.gram;
  DD sum(0);
  for (int i : s.at) {
    DD const d = move.beta[i] - from.beta[i];
    if (d.hi == 0) continue;
    DD row(0);
    for (int j : s.at) row += (h(i, j) - h(0, i) * h(0, j) / h(0, 0)) * (move.beta[j] - from.beta[j]);
    sum += d * row;
  }
  return std::sqrt(std::max(sum.hi / h(0, 0).hi, 0.0));
}

}  // namespace rxhpc::impl
