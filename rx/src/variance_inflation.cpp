#include "variance_inflation.hpp"

namespace rxhpc::impl {
namespace {

/// Determinant of the rows and columns `at` of a positive definite matrix.
double determinant(const DdMatrix& a, const std::vector<int>& at) {
  DdMatrix b(static_cast<int>(at.size()));
  for (int i = 0; i < b.n; ++i)
    for (int j = 0; j < b.n; ++j) b.set(i, j, a(at[i], at[j]));
  auto const c = cholesky(b, b.n, 0);
  DD d(1);
  for (int i = 0; i < b.n; ++i) d *= c.r(i, i) * c.r(i, i);
  return static_cast<double>(d);
}

}  // namespace

std::vector<VarianceInflation> variance_inflation(const Regression& r, const RegressionFit& fit) {
  auto const& sol = fit.solution;
  std::vector<int> kept, term;
  for (int k = 0; k < sol.candidates; ++k) {
    int const t = sol.columns[sol.order[k]].term;
    if (sol.factor.aliased[k] || r.design.terms[t].variables.empty()) continue;
    kept.push_back(k);
    term.push_back(t);
  }
  int const n = static_cast<int>(kept.size());
  DdMatrix correlation(n);
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j)
      correlation.set(i, j, i == j ? DD(1) : fit.inverse(kept[i], kept[j]) / sqrt(fit.inverse(kept[i], kept[i]) * fit.inverse(kept[j], kept[j])));
  // det(R without s) / det(R) is the determinant of the block s of R^-1
  auto const inverted = inverse(cholesky(correlation, n, 0), n);
  std::vector<VarianceInflation> out;
  for (int t = 0; t < static_cast<int>(r.design.terms.size()); ++t) {
    std::vector<int> of_term;
    for (int k = 0; k < n; ++k)
      if (term[k] == t) of_term.push_back(k);
    if (of_term.empty()) continue;
    std::string label;
    for (int v : r.design.terms[t].variables) label += (label.empty() ? "" : ":") + r.design.variables[v].label;
    out.push_back({label, determinant(correlation, of_term) * determinant(inverted, of_term), static_cast<int>(of_term.size())});
  }
  return out;
}

}  // namespace rxhpc::impl
