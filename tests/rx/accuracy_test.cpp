// Digits that ill-conditioned designs cost linmod, logit and glm, beside what Householder's QR in double loses on the same rows. With
// RXHPC_ACCURACY_TABLE in the environment the table of docs/algorithms/linear_model.md is printed.
#include <gtest/gtest.h>

#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "memory_source.hpp"
#include "rxhpc/glm.hpp"
#include "rxhpc/lin_mod.hpp"
#include "rxhpc/self_communicator.hpp"

namespace rxhpc {
namespace {

using Wide = boost::multiprecision::cpp_bin_float_100;
using WideMatrix = std::vector<std::vector<Wide>>;

/// Rows as doubles, which are taken to be exact. The first column is the constant.
struct Problem {
  std::vector<std::vector<double>> x;  // [columns][rows]
  std::vector<double> y;
  std::size_t rows() const { return y.size(); }
  std::size_t columns() const { return x.size(); }
};

/// Coefficients and their standard errors.
template <class T>
struct Answer {
  std::vector<T> beta, error;
};

Wide product(const std::vector<double>& a, const std::vector<double>& b) {
  Wide s = 0;
  for (std::size_t i = 0; i < a.size(); ++i) s += Wide(a[i]) * Wide(b[i]);
  return s;
}

/// X'X, and its inverse by Gauss and Jordan.
WideMatrix gram(const Problem& p) {
  WideMatrix g(p.columns(), std::vector<Wide>(p.columns()));
  for (std::size_t i = 0; i < p.columns(); ++i)
    for (std::size_t j = 0; j < p.columns(); ++j) g[i][j] = product(p.x[i], p.x[j]);
  return g;
}
WideMatrix inverse(WideMatrix m) {
  for (std::size_t i = 0; i < m.size(); ++i) {
    Wide const pivot = m[i][i];
    m[i][i] = 1;
    for (auto& v : m[i]) v /= pivot;
    for (std::size_t j = 0; j < m.size(); ++j) {
      if (j == i) continue;
      Wide const factor = m[j][i];
      m[j][i] = 0;
      for (std::size_t c = 0; c < m.size(); ++c) m[j][c] -= factor * m[i][c];
    }
  }
  return m;
}

/// Normal equations in a hundred digits.
Answer<Wide> exact_answer(const Problem& p) {
  auto const inv = inverse(gram(p));
  Answer<Wide> out;
  out.beta.assign(p.columns(), 0);
  for (std::size_t i = 0; i < p.columns(); ++i)
    for (std::size_t j = 0; j < p.columns(); ++j) out.beta[i] += inv[i][j] * product(p.x[j], p.y);
  Wide rss = 0;
  for (std::size_t r = 0; r < p.rows(); ++r) {
    Wide e = p.y[r];
    for (std::size_t j = 0; j < p.columns(); ++j) e -= out.beta[j] * Wide(p.x[j][r]);
    rss += e * e;
  }
  for (std::size_t j = 0; j < p.columns(); ++j) out.error.push_back(sqrt(rss / Wide(p.rows() - p.columns()) * inv[j][j]));
  return out;
}

/// 2-norm condition number of the columns scaled to length 1, by power iterations.
double condition(const Problem& p) {
  auto g = gram(p);
  std::vector<Wide> length;
  for (std::size_t i = 0; i < g.size(); ++i) length.push_back(sqrt(g[i][i]));
  for (std::size_t i = 0; i < g.size(); ++i)
    for (std::size_t j = 0; j < g.size(); ++j) g[i][j] /= length[i] * length[j];
  auto const largest = [](const WideMatrix& m) {
    std::vector<Wide> v(m.size(), 1);
    v[0] = 2;
    Wide value = 0;
    for (int it = 0; it < 100; ++it) {
      std::vector<Wide> w(m.size(), 0);
      for (std::size_t i = 0; i < m.size(); ++i)
        for (std::size_t j = 0; j < m.size(); ++j) w[i] += m[i][j] * v[j];
      value = 0;
      for (auto const& x : w) value += x * x;
      value = sqrt(value);
      for (std::size_t i = 0; i < m.size(); ++i) v[i] = w[i] / value;
    }
    return value;
  };
  return static_cast<double>(sqrt(largest(g) * largest(inverse(g))));
}

/// Sums of products in blocks, so that QR is not held to account for a naive sum over many rows.
double dot(const std::vector<double>& a, const std::vector<double>& b, std::size_t from) {
  double all = 0;
  for (std::size_t i = from; i < a.size(); i += 64) {
    double s = 0;
    for (std::size_t k = i; k < std::min(i + 64, a.size()); ++k) s += a[k] * b[k];
    all += s;
  }
  return all;
}

/// Householder's QR without pivoting (Golub & Van Loan, Matrix Computations, 4th edition, algorithm 5.2.1), as LINPACK and LAPACK do it.
Answer<double> qr_answer(Problem p) {
  std::size_t const k = p.columns(), n = p.rows();
  for (std::size_t j = 0; j < k; ++j) {
    auto v = p.x[j];
    double const norm = std::sqrt(dot(v, v, j)), alpha = v[j] > 0 ? -norm : norm;
    v[j] -= alpha;
    double const square = dot(v, v, j);
    auto const reflect = [&](std::vector<double>& c) {
      double const s = 2 / square * dot(v, c, j);
      for (std::size_t i = j; i < n; ++i) c[i] -= s * v[i];
    };
    for (std::size_t c = j + 1; c < k; ++c) reflect(p.x[c]);
    reflect(p.y);
    p.x[j][j] = alpha;
  }
  // R b = Q'y for Q'y and the columns of the identity
  auto const solve = [&](std::vector<double> b) {
    for (std::size_t j = k; j-- > 0;) {
      for (std::size_t c = j + 1; c < k; ++c) b[j] -= p.x[c][j] * b[c];
      b[j] /= p.x[j][j];
    }
    return b;
  };
  Answer<double> out;
  out.beta = solve({p.y.begin(), p.y.begin() + static_cast<std::ptrdiff_t>(k)});
  std::vector<double> squares(k, 0);
  for (std::size_t c = 0; c < k; ++c) {
    std::vector<double> unit(k, 0);
    unit[c] = 1;
    auto const column = solve(unit);
    for (std::size_t j = 0; j < k; ++j) squares[j] += column[j] * column[j];
  }
  double const variance = dot(p.y, p.y, k) / static_cast<double>(n - k);
  for (double s : squares) out.error.push_back(std::sqrt(variance * s));
  return out;
}

struct Table {
  test::MemorySource source;
  std::string formula = "y ~ ";
  explicit Table(const Problem& p) : source(p.rows() < 1000 ? 16 : 10'000) {
    source.numeric("y", p.y);
    for (std::size_t j = 1; j < p.columns(); ++j) {
      auto const name = "x" + std::to_string(j);
      source.numeric(name, p.x[j]);
      formula += (j > 1 ? " + " : "") + name;
    }
  }
};

/// A coefficient that was dropped has no digit right.
template <class Coefficients>
Answer<double> answer_of(const Coefficients& coefficients) {
  Answer<double> out;
  for (auto const& c : coefficients) {
    out.beta.push_back(c.aliased ? 0 : c.estimate);
    out.error.push_back(c.aliased ? 0 : c.std_error);
  }
  return out;
}

Answer<double> own_answer(const Problem& p) {
  Table const t(p);
  SelfCommunicator self;
  return answer_of(lin_mod(t.source, t.formula, {}, self).fits[0].coefficients);
}

/// Decimal digits that all numbers have right, 16 at the most.
double digits(const std::vector<double>& got, const std::vector<Wide>& want) {
  double least = 16;
  for (std::size_t j = 0; j < got.size(); ++j) {
    Wide const wrong = abs((Wide(got[j]) - want[j]) / want[j]);
    double const d = wrong > 0 ? -std::log10(static_cast<double>(wrong)) : 16;
    least = std::min(least, std::isnan(got[j]) ? 0.0 : std::max(d, 0.0));
  }
  return least;
}

/// Column `c` of Hadamard's matrix of order 32: 1 and -1, orthogonal to the others.
double hadamard(std::size_t row, std::size_t c) { return __builtin_parityll(row & c) ? -1 : 1; }

/// x_1 = h_1, x_j = K h_1 + h_j: nearly equal columns, whole numbers; y = X beta + residuals that are orthogonal to all.
Problem nearly_equal(double k) {
  Problem p;
  p.x.assign(6, std::vector<double>(32));
  p.y.assign(32, 0);
  double const beta[] = {3, -2, 1, 2, -1, 3};
  for (std::size_t i = 0; i < 32; ++i) {
    for (std::size_t j = 0; j < 6; ++j) p.x[j][i] = j < 2 ? hadamard(i, j) : k * hadamard(i, 1) + hadamard(i, j);
    for (std::size_t j = 0; j < 6; ++j) p.y[i] += beta[j] * p.x[j][i];
    p.y[i] += hadamard(i, 21);
  }
  return p;
}

/// Numbers far from 0: x_j = K + h_j.
Problem far_off(double k) {
  Problem p;
  p.x.assign(5, std::vector<double>(32));
  p.y.assign(32, 0);
  double const beta[] = {7, -2, 1, 2, 3};
  for (std::size_t i = 0; i < 32; ++i) {
    for (std::size_t j = 0; j < 5; ++j) p.x[j][i] = j < 1 ? 1 : k + hadamard(i, j);
    for (std::size_t j = 0; j < 5; ++j) p.y[i] += beta[j] * p.x[j][i];
    p.y[i] += hadamard(i, 21);
  }
  return p;
}

/// Powers of 0, 1, ..., 20, and residuals orthogonal to them: binomial coefficients with alternating signs.
Problem powers(int degree) {
  Problem p;
  p.x.assign(static_cast<std::size_t>(degree) + 1, {});
  double binomial = 1;
  for (int i = 0; i <= 20; ++i) {
    double v = 1, y = 0;
    for (auto& column : p.x) {
      column.push_back(v);
      y += v;
      v *= i;
    }
    p.y.push_back(y + (i % 2 ? -binomial : binomial));
    binomial = binomial * (20 - i) / (i + 1);
  }
  return p;
}

/// [columns][rows], orthonormal, by Gram and Schmidt.
std::vector<std::vector<double>> orthogonal(std::size_t rows, std::size_t columns, std::mt19937& random) {
  std::normal_distribution<double> normal;
  std::vector<std::vector<double>> q(columns, std::vector<double>(rows));
  for (std::size_t c = 0; c < columns; ++c) {
    for (auto& v : q[c]) v = normal(random);
    for (int twice = 0; twice < 2; ++twice)
      for (std::size_t b = 0; b < c; ++b) {
        double const s = dot(q[b], q[c], 0);
        for (std::size_t i = 0; i < rows; ++i) q[c][i] -= s * q[b][i];
      }
    double const s = dot(q[c], q[c], 0);
    for (auto& v : q[c]) v /= std::sqrt(s);
  }
  return q;
}

/// X = U S V' with singular values from 1 down to 1 / kappa; U and V random orthogonal. Rounded to double, which is then the exact design.
Problem singular_values(double kappa, double noise) {
  std::mt19937 random(17);
  std::normal_distribution<double> normal;
  std::size_t const n = 50, k = 8;
  auto const u = orthogonal(n, k, random), v = orthogonal(k, k, random);
  Problem p;
  p.x.assign(k + 1, std::vector<double>(n, 0));
  p.x[0].assign(n, 1);
  for (std::size_t j = 0; j < k; ++j)
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t m = 0; m < k; ++m) p.x[j + 1][i] += u[m][i] * std::pow(kappa, -static_cast<double>(m) / (k - 1)) * v[j][m];
  for (std::size_t i = 0; i < n; ++i) {
    double y = 1 + noise * normal(random);
    for (std::size_t j = 1; j <= k; ++j) y += static_cast<double>(j) * p.x[j][i];
    p.y.push_back(y);
  }
  return p;
}

/// Digits lost are no more than QR loses: the last one of double is not counted.
void expect_no_worse(const char* what, double condition_number, const Answer<double>& own, const Answer<double>& qr, const Answer<Wide>& want) {
  double const q = digits(qr.beta, want.beta), o = digits(own.beta, want.beta);
  EXPECT_GE(o, std::min(q, 15.0)) << "coefficients of " << what << " at " << condition_number;
  bool const errors = !want.error.empty();
  double const qe = errors ? digits(qr.error, want.error) : 0, oe = errors ? digits(own.error, want.error) : 0;
  EXPECT_GE(oe, std::min(qe, 15.0)) << "standard errors of " << what << " at " << condition_number;
  if (std::getenv("RXHPC_ACCURACY_TABLE")) std::printf("| %s | %.0e | %.1f | %.1f | %.1f | %.1f |\n", what, condition_number, q, o, qe, oe);
}
void compare(const char* what, const Problem& p) { expect_no_worse(what, condition(p), own_answer(p), qr_answer(p), exact_answer(p)); }

TEST(Accuracy, LinearModelsLoseNoMoreThanQr) {
  for (int e = 0; e <= 14; e += 2) compare("nearly equal columns", nearly_equal(std::pow(10, e)));
  for (int e = 0; e <= 14; e += 2) compare("far from 0", far_off(std::pow(10, e)));
  for (int d = 1; d <= 11; ++d) compare("powers", powers(d));
  for (double noise : {1e-3, 1e-9})
    for (int e = 0; e <= 14; ++e) compare(noise == 1e-3 ? "singular values" : "singular values, R2 near 1", singular_values(std::pow(10, e), noise));
}

/// Many rows, which are summed in plain double where that may do: blocks of 32, each multiplied by a whole number of its own, so that products are rounded
/// though all values are exact.
void compare_blocks(int count, double k, double noise) {
  std::mt19937 random(1);
  std::size_t const columns = 29;
  Problem p;
  p.x.assign(columns, {});
  std::vector<double> beta;
  for (std::size_t j = 0; j < columns; ++j) beta.push_back(j == 0 ? 5 : (j % 2 ? -1.0 : 1.0) * (1.0 + static_cast<double>(j / 2 % 3)));
  Wide squares = 0;
  for (int c = 0; c < count; ++c) {
    double const s = 1 + static_cast<double>(random() % (1u << 24));
    squares += Wide(s) * Wide(s);
    for (std::size_t i = 0; i < 32; ++i) {
      double y = noise * s * hadamard(i, 31);
      for (std::size_t j = 0; j < columns; ++j) {
        p.x[j].push_back(j == 0 ? 1 : s * (j == 1 ? hadamard(i, 1) : k * hadamard(i, 1) + hadamard(i, j)));
        y += beta[j] * p.x[j].back();
      }
      p.y.push_back(y);
    }
  }
  // X'X = 32 squares M'M but for the constant, M = [e_1, k e_1 + e_j]; the inverse of M'M has k^2 (columns - 2) + 1 in its first place, 1 in the others
  Answer<Wide> want;
  Wide const variance = squares * 32 * Wide(noise) * Wide(noise) / Wide(p.rows() - columns);
  for (std::size_t j = 0; j < columns; ++j) {
    want.beta.push_back(beta[j]);
    Wide const inv = j == 0 ? 1 / Wide(p.rows()) : (j == 1 ? Wide(k) * Wide(k) * (columns - 2) + 1 : Wide(1)) / (32 * squares);
    want.error.push_back(sqrt(variance * inv));
  }
  Problem block;  // has the condition of all
  for (std::size_t j = 0; j < columns; ++j) block.x.emplace_back(p.x[j].begin(), p.x[j].begin() + 32);
  block.y.assign(32, 0);
  expect_no_worse("240,000 rows", condition(block), own_answer(p), qr_answer(p), want);
}

TEST(Accuracy, ManyRowsLoseNoMoreThanQr) {
  for (double k : {0.0, 2.0, 4.0, 30.0}) compare_blocks(7500, k, 50);
}

/// y of 0 and 1, or counts, that no Hadamard function makes, in 128 rows; columns as in nearly_equal, or h_j themselves where k is 0.
Problem classes_or_counts(double k, bool counts) {
  Problem p;
  p.x.assign(6, {});
  for (std::size_t i = 0; i < 128; ++i) {
    auto const r = i % 32;
    auto const noise = static_cast<double>((i * i * 7 + i * 3) % 11), eta = hadamard(r, 1) - hadamard(r, 2) + hadamard(r, 4);
    p.y.push_back(counts ? std::floor((noise + eta + 4) / 3) : noise + 2 * eta > 5);
    for (std::size_t j = 0; j < 6; ++j) p.x[j].push_back(j < 2 || k == 0 ? hadamard(r, j) : k * hadamard(r, 1) + hadamard(r, j));
  }
  return p;
}

Answer<double> own_glm(const Problem& p, bool counts) {
  Table const t(p);
  SelfCommunicator self;
  GlmOptions o;
  o.logit = !counts;
  o.family.name = counts ? "poisson" : "binomial";
  o.coeff_tolerance = 0;
  o.objective_tolerance = 1e-15;
  return answer_of(glm(t.source, t.formula, o, self).coefficients);
}

/// R's glm.fit: QR of sqrt(w) X.
Answer<double> qr_glm(const Problem& p, bool counts) {
  Answer<double> a;
  std::vector<double> eta;
  for (double y : p.y) eta.push_back(counts ? std::log(y + 0.1) : std::log((y + 0.5) / (1.5 - y)));
  Problem w = p;
  for (int iteration = 0; iteration < 12; ++iteration) {
    for (std::size_t i = 0; i < p.rows(); ++i) {
      double const mu = counts ? std::exp(eta[i]) : 1 / (1 + std::exp(-eta[i])), v = counts ? mu : mu * (1 - mu), root = std::sqrt(v);
      for (std::size_t j = 0; j < p.columns(); ++j) w.x[j][i] = root * p.x[j][i];
      w.y[i] = root * (eta[i] + (p.y[i] - mu) / v);
    }
    a = qr_answer(w);
    for (std::size_t i = 0; i < p.rows(); ++i) {
      eta[i] = 0;
      for (std::size_t j = 0; j < p.columns(); ++j) eta[i] += a.beta[j] * p.x[j][i];
    }
  }
  return a;
}

/// The same model by well-conditioned columns gives what all coefficients should be: b_1 - K sum b_j in the first place, b_j in the others.
TEST(Accuracy, GeneralisedModelsLoseNoMoreThanQr) {
  for (bool counts : {false, true}) {
    auto const good = own_glm(classes_or_counts(0, counts), counts);
    for (int e = 0; e <= 14; e += 2) {
      double const k = std::pow(10, e);
      auto const p = classes_or_counts(k, counts);
      Answer<Wide> want;
      for (double b : good.beta) want.beta.push_back(b);
      for (std::size_t j = 2; j < 6; ++j) want.beta[1] -= Wide(k) * want.beta[j];
      expect_no_worse(counts ? "Poisson regression" : "logistic regression", condition(p), own_glm(p, counts), qr_glm(p, counts), want);
    }
  }
}

/// What rounding leaves of a column that others make is no column of its own; what is ten thousand times smaller than a column but no rounding is one.
TEST(Accuracy, RoundedCombinationsAreAliased) {
  std::mt19937 random(4);
  std::normal_distribution<double> normal;
  auto const in_text = [](double x) {
    char text[64];
    std::snprintf(text, sizeof text, "%.15g", x);
    return std::strtod(text, nullptr);
  };
  Problem p;
  p.x.assign(5, {});
  for (int i = 0; i < 20'000; ++i) {
    double const a = in_text(100 + normal(random)), b = in_text(a * (1 + 1e-5 * normal(random))), small = 1e-4 * normal(random), part = 1e-12 * normal(random);
    p.x[0].push_back(1);
    p.x[1].push_back(a);
    p.x[2].push_back(b);
    p.x[3].push_back(small);
    p.x[4].push_back(part);
    p.y.push_back(a + normal(random));
  }
  auto const aliased = [&](auto&& last) {
    auto q = p;
    for (std::size_t i = 0; i < q.rows(); ++i) q.x[4][i] = last(q.x[1][i], q.x[2][i], q.x[3][i], p.x[4][i]);
    Table const t(q);
    SelfCommunicator self;
    return lin_mod(t.source, t.formula, {}, self).rank == 4;
  };
  EXPECT_TRUE(aliased([&](double a, double b, double, double) { return in_text(a + b); }));
  EXPECT_TRUE(aliased([&](double a, double b, double c, double) { return in_text(0.3 * a - 7 * b + c / 3); }));
  EXPECT_TRUE(aliased([](double a, double b, double, double) { return a - b; }));
  EXPECT_TRUE(aliased([](double a, double b, double, double) { return (a - b) * 1e9; }));
  EXPECT_TRUE(aliased([](double a, double, double, double) { return a * 2.54; }));
  EXPECT_TRUE(aliased([](double a, double, double, double) { return (a - 100.1) / 3; }));
  EXPECT_FALSE(aliased([](double a, double, double, double part) { return a / 128 + part; }));
  EXPECT_FALSE(aliased([](double, double, double c, double) { return c * c; }));
}

}  // namespace
}  // namespace rxhpc
