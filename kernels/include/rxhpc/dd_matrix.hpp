// Small symmetric systems in double-double: what regression from cross products needs so that no digit of the answer is lost.
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "rxhpc/dd.hpp"

namespace rxhpc {

/// Square, row-major [n x n], high and low parts apart so that rows are vectors.
struct DdMatrix {
  int n = 0;
  std::vector<double> hi, lo;
  DdMatrix() = default;
  explicit DdMatrix(int size) : n(size), hi(std::size_t(size) * size), lo(std::size_t(size) * size) {}
  DD operator()(int i, int j) const { return {hi[std::size_t(i) * n + j], lo[std::size_t(i) * n + j]}; }
  void set(int i, int j, DD x) { hi[std::size_t(i) * n + j] = x.hi, lo[std::size_t(i) * n + j] = x.lo; }
};

/// Who shares the work on a large system: run(work) calls work(0) to work(count - 1), at once if it can, and waits for all. Any number of them
/// gives the same bits.
struct Workers {
  int count = 1;
  std::function<void(const std::function<void(int)>& work)> run;
};

/// gram = R'R, columns taken in order; a column is aliased, and skipped, when |R_jj| <= tolerance * sqrt(gram_jj) (or gram_jj is 0), unless
/// `rounding` is above 0 and |R_jj| is above rounding * max(|x_j|, |c_k x_k|), x_j being nearly sum c_k x_k of columns kept: what a column made of others
/// leaves when all are rounded is smaller.
struct Cholesky {
  DdMatrix r;                 ///< upper triangular [n x n]; rows of aliased columns are zero
  std::vector<char> aliased;  ///< [n]
  std::vector<double> pivot;  ///< [n] |R_jj| / sqrt(gram_jj), also of aliased columns
  int rank = 0;               ///< columns kept among the first `candidates`
};
/// Only the first `candidates` columns can be kept as pivots; the rest (responses) are carried along: after it, for a response
/// column y, r(j, y) = (R^-T X'y)_j and residual(y, z) below is what is left of y'z.
/// Cost n^2 * candidates / 3 double-double multiply-adds, vectorised along rows.
Cholesky cholesky(const DdMatrix& gram, int candidates, double tolerance, double rounding = 0, const Workers& workers = {});
/// What is left of gram(y, z) after projecting on the kept columns, both being columns past the candidates: y'z - sum_j r(j,y) r(j,z).
DD residual(const Cholesky& c, const DdMatrix& gram, int y, int z);
/// Coefficients of response column y on the kept columns, [candidates]; aliased ones are 0.
std::vector<DD> solve(const Cholesky& c, int candidates, int y);
/// (X'X)^-1 over the kept columns, [candidates x candidates], rows and columns of aliased ones zero.
DdMatrix inverse(const Cholesky& c, int candidates, const Workers& workers = {});

}  // namespace rxhpc
