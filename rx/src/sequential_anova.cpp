#include "sequential_anova.hpp"

#include <algorithm>
#include <limits>

#include "distributions.hpp"

namespace rxhpc::impl {

std::vector<AnovaTerm> sequential_anova(const Regression& r, const RegressionFit& fit, int y, double df_residual, double tolerance) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  auto const& columns = fit.solution.columns;
  auto const degree = [&](int term) { return r.design.terms[term].variables.size(); };
  std::vector<int> order;
  for (int j = 0; j < static_cast<int>(columns.size()); ++j)
    if (!columns[j].reference) order.push_back(j);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return degree(columns[a].term) < degree(columns[b].term); });
  auto const factor = factor_in_order(r, fit.sums, order, tolerance);
  int const candidates = static_cast<int>(order.size());

  std::vector<AnovaTerm> out;
  double const rss = static_cast<double>(residual(factor.factor, factor.gram, candidates + y, candidates + y));
  double const error = df_residual > 0 ? std::max(rss, 0.0) / df_residual : none;
  for (int k = 0; k < candidates;) {
    int const term = columns[order[k]].term;
    DD sum(0);
    double df = 0;
    for (; k < candidates && columns[order[k]].term == term; ++k) {
      if (factor.factor.aliased[k]) continue;
      DD const part = factor.factor.r(k, candidates + y);
      sum += part * part;
      ++df;
    }
    if (df == 0 || degree(term) == 0) continue;
    AnovaTerm a;
    for (int v : r.design.terms[term].variables) a.term += (a.term.empty() ? "" : ":") + r.design.variables[v].label;
    a.df = df;
    a.sum_sq = static_cast<double>(sum);
    a.mean_sq = a.sum_sq / df;
    a.f_value = a.mean_sq / error;
    a.p_value = f_upper(a.f_value, df, df_residual);
    out.push_back(std::move(a));
  }
  out.push_back({"Residuals", df_residual, std::max(rss, 0.0), error, none, none});
  return out;
}

}  // namespace rxhpc::impl
