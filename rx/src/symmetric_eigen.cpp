#include "symmetric_eigen.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

using Rows = std::vector<std::vector<double>>;

void rotate(std::vector<double>& x, std::vector<double>& y, double c, double s) {
  for (std::size_t k = 0; k < x.size(); ++k) {
    double const a = x[k], b = y[k];
    x[k] = c * a - s * b;
    y[k] = s * a + c * b;
  }
}

/// Makes a(p, q) zero by a rotation of rows and columns p and q.
void annihilate(Rows& a, Rows& vectors, std::size_t p, std::size_t q) {
  double const app = a[p][p], aqq = a[q][q], apq = a[p][q];
  double const tau = (aqq - app) / (2 * apq);
  double const t = std::copysign(1 / (std::abs(tau) + std::hypot(1.0, tau)), tau);
  double const c = 1 / std::sqrt(1 + t * t), s = t * c;
  rotate(a[p], a[q], c, s);
  for (std::size_t k = 0; k < a.size(); ++k) a[k][p] = a[p][k], a[k][q] = a[q][k];
  a[p][p] = app - t * apq;
  a[q][q] = aqq + t * apq;
  a[p][q] = a[q][p] = 0;
  rotate(vectors[p], vectors[q], c, s);
}

}  // namespace

SymmetricEigen symmetric_eigen(const Rows& matrix) {
  std::size_t const n = matrix.size();
  Rows a = matrix, vectors(n, std::vector<double>(n, 0.0));
  for (auto const& row : a)
    for (double x : row)
      if (!std::isfinite(x)) throw NumericalError("the matrix has entries that are missing or infinite");
  for (std::size_t k = 0; k < n; ++k) vectors[k][k] = 1;
  // Sweeps until every entry off the diagonal is rounding error of those on it that it stands between, so that small eigenvalues keep their digits beside
  // large ones (Demmel & Veselić, SIAM J. Matrix Anal. Appl. 13, 1992). Entries fall quadratically, what is 0 but for rounding
  // more slowly (seen: 28 sweeps), so the bound is never met.
  double const tiny = std::numeric_limits<double>::epsilon();
  for (int sweep = 0; sweep < 60; ++sweep) {
    bool done = true;
    for (std::size_t p = 0; p + 1 < n; ++p)
      for (std::size_t q = p + 1; q < n; ++q)
        if (std::abs(a[p][q]) > tiny * std::sqrt(std::abs(a[p][p])) * std::sqrt(std::abs(a[q][q]))) annihilate(a, vectors, p, q), done = false;
    if (done) break;
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return a[i][i] > a[j][j]; });
  SymmetricEigen out;
  for (auto k : order) {
    auto v = vectors[k];
    auto const first = std::find_if(v.begin(), v.end(), [](double x) { return std::abs(x) > 1e-8; });
    if (first != v.end() && *first < 0)
      for (double& x : v) x = -x;
    out.values.push_back(a[k][k]);
    out.vectors.push_back(std::move(v));
  }
  return out;
}

}  // namespace rxhpc::impl
