#include "rxhpc/dd_matrix.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "rxhpc/pack.hpp"

namespace rxhpc {
namespace {

using impl::DdPack;
using impl::Pack;
using impl::PackPart;

struct Row {
  double* hi;
  double* lo;
};
struct ConstRow {
  const double* hi;
  const double* lo;
};

Row row(DdMatrix& m, int i) { return {m.hi.data() + std::size_t(i) * m.n, m.lo.data() + std::size_t(i) * m.n}; }
ConstRow row(const DdMatrix& m, int i) { return {m.hi.data() + std::size_t(i) * m.n, m.lo.data() + std::size_t(i) * m.n}; }

DdPack load(ConstRow r, int k, int lanes) {
  if (lanes == 8) return {Pack::load(r.hi + k), Pack::load(r.lo + k)};
  return {Pack::load_part(r.hi + k, lanes), Pack::load_part(r.lo + k, lanes)};
}
void store(DdPack x, Row r, int k, int lanes) {
  if (lanes == 8) {
    x.hi.store(r.hi + k);
    x.lo.store(r.lo + k);
  } else {
    x.hi.store_part(r.hi + k, lanes);
    x.lo.store_part(r.lo + k, lanes);
  }
}

/// y[k] += a x[k] for k in [begin, end)
void add_multiple(DD a, ConstRow x, Row y, int begin, int end) {
  using Part = impl::DdPackOf<PackPart>;
  Part const part{PackPart::all(a.hi), PackPart::all(a.lo)};
  int k = begin;
  for (; k + PackPart::lanes <= end; k += PackPart::lanes) {
    auto const sum = Part{PackPart::load(y.hi + k), PackPart::load(y.lo + k)} + part * Part{PackPart::load(x.hi + k), PackPart::load(x.lo + k)};
    sum.hi.store(y.hi + k);
    sum.lo.store(y.lo + k);
  }
  if (k == end) return;
  int const lanes = end - k;
  store(load({y.hi, y.lo}, k, lanes) + DdPack{Pack::all(a.hi), Pack::all(a.lo)} * load(x, k, lanes), y, k, lanes);
}

/// sum of x[k] y[k] over [begin, end), in lanes counted from `begin`; four sums in flight, because one waits for itself
DD dot(ConstRow x, ConstRow y, int begin, int end) {
  DdPack const zero{Pack::all(0), Pack::all(0)};
  DdPack sum[4] = {zero, zero, zero, zero};
  int k = begin;
  for (; k + 32 <= end; k += 32)
    for (int s = 0; s < 4; ++s) sum[s] = sum[s] + load(x, k + 8 * s, 8) * load(y, k + 8 * s, 8);
  for (int s = 0; k < end; k += 8, ++s) {
    int const lanes = std::min(8, end - k);
    sum[s] = sum[s] + load(x, k, lanes) * load(y, k, lanes);
  }
  return reduce((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

bool is_zero(DD x) { return x.hi == 0 && x.lo == 0; }

/// max(|x_j|, |c_k x_k|), c the coefficients of column j on the columns kept before it: R c = R(., j).
double largest_part(const Cholesky& c, const DdMatrix& gram, int j) {
  double largest = std::sqrt(gram(j, j).hi);
  std::vector<DD> left;
  for (int k = 0; k < j; ++k) left.push_back(c.r(k, j));
  for (int k = j - 1; k >= 0; --k) {
    if (c.aliased[k]) continue;
    DD const part = left[k] / c.r(k, k);
    for (int i = 0; i < k; ++i) left[i] -= c.r(i, k) * part;
    largest = std::max(largest, std::abs(part.hi) * std::sqrt(gram(k, k).hi));
  }
  return largest;
}

constexpr int panel = 32;          // pivots that a row of the rest meets while it is in cache
constexpr int worth_sharing = 256;  // columns

/// work(k, count) for each k of count workers.
template <class Work>
void share(const Workers& workers, int columns, const Work& work) {
  if (workers.count <= 1 || columns < worth_sharing) return work(0, 1);
  workers.run([&](int k) { work(k, workers.count); });
}

}  // namespace

Cholesky cholesky(const DdMatrix& gram, int candidates, double tolerance, double rounding, const Workers& workers) {
  int const n = gram.n;
  Cholesky c;
  c.r = DdMatrix(n);
  c.aliased.assign(n, 0);
  c.pivot.assign(n, 0.0);
  DdMatrix rest = gram;  // Schur complement of the columns done; upper triangle
  // rest(i, k) -= R(j, i) R(j, k), rows where R(j, i) is zero being untouched (factors are sparse)
  auto const eliminate = [&](int j, int i) {
    if (DD const r = c.r(j, i); !is_zero(r)) add_multiple(-r, row(std::as_const(c.r), j), row(rest, i), i, n);
  };
  auto const pivot = [&](int j, int end) {
    DD const diagonal = rest(j, j);
    double const norm = std::sqrt(gram(j, j).hi);
    DD const root = sqrt(diagonal);  // 0 where rounding left nothing or less
    c.pivot[j] = norm > 0 ? root.hi / norm : 0;
    bool const clear = root.hi > tolerance * norm || (rounding > 0 && root.hi > rounding * norm && root.hi > rounding * largest_part(c, gram, j));
    if (!clear || !(root.hi > 0)) {
      c.aliased[j] = 1;
      return;
    }
    ++c.rank;
    // R(j, k) = rest(j, k) / R(j, j)
    add_multiple(DD(1) / root, row(std::as_const(rest), j), row(c.r, j), j, n);
    c.r.set(j, j, root);
    for (int i = j + 1; i < end; ++i) eliminate(j, i);
  };
  for (int begin = 0, end = 0; begin < candidates; begin = end) {
    end = std::min(begin + panel, candidates);
    for (int j = begin; j < end; ++j) pivot(j, end);
    share(workers, candidates - end, [&](int worker, int count) {
      for (int i = end + worker; i < candidates; i += count)
        for (int j = begin; j < end; ++j) eliminate(j, i);
    });
  }
  return c;
}

DD residual(const Cholesky& c, const DdMatrix& gram, int y, int z) {
  DD left = gram(y, z);
  for (int j = 0; j < c.r.n && j < std::min(y, z); ++j)
    if (!c.aliased[j]) left -= c.r(j, y) * c.r(j, z);
  return left;
}

std::vector<DD> solve(const Cholesky& c, int candidates, int y) {
  // R beta = R^-T X'y from the last row up; beta lives in a one-row matrix so that rows meet it as vectors
  DdMatrix beta;
  beta.n = candidates;
  beta.hi.assign(candidates, 0);
  beta.lo.assign(candidates, 0);
  for (int j = candidates - 1; j >= 0; --j) {
    if (c.aliased[j]) continue;
    beta.set(0, j, (c.r(j, y) - dot(row(c.r, j), {beta.hi.data(), beta.lo.data()}, j + 1, candidates)) / c.r(j, j));
  }
  std::vector<DD> out(candidates);
  for (int j = 0; j < candidates; ++j) out[j] = beta(0, j);
  return out;
}

DdMatrix inverse(const Cholesky& c, int candidates, const Workers& workers) {
  // U = R^-1 by rows from the last up: U(i, .) = (e_i - sum_{m > i} R(i, m) U(m, .)) / R(i, i); then U U'. Each worker has its own columns, of which the
  // k-th costs k^2
  DdMatrix u(candidates), out(candidates);
  share(workers, candidates, [&](int worker, int count) {
    auto const bound = [&](int k) { return static_cast<int>(std::lround(candidates * std::cbrt(static_cast<double>(k) / count))); };
    int const begin = bound(worker), end = bound(worker + 1);
    for (int i = end - 1; i >= 0; --i) {
      if (c.aliased[i]) continue;
      DD const scale = DD(1) / c.r(i, i);
      for (int m = i + 1; m < end; ++m)
        if (DD const r = c.r(i, m); !c.aliased[m] && !is_zero(r)) add_multiple(-(r * scale), row(std::as_const(u), m), row(u, i), std::max(m, begin), end);
      if (i >= begin) u.set(i, i, scale);
    }
  });
  // Row i of U U' = sum_{k >= i} U(i, k) (column k of U), zeros being skipped; columns are rows of U'
  DdMatrix columns(candidates);
  for (int i = 0; i < candidates; ++i)
    for (int k = i; k < candidates; ++k) columns.set(k, i, u(i, k));
  share(workers, candidates, [&](int worker, int count) {
    for (int i = worker; i < candidates; i += count) {
      for (int k = i; k < candidates; ++k)
        if (DD const x = u(i, k); !is_zero(x)) add_multiple(x, row(std::as_const(columns), k), row(out, i), i, k + 1);
      for (int j = i + 1; j < candidates; ++j) out.set(j, i, out(i, j));
    }
  });
  return out;
}

}  // namespace rxhpc
