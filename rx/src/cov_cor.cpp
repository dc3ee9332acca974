#include "rxhpc/cov_cor.hpp"

#include <algorithm>
#include <cmath>

#include "data_covariance.hpp"
#include "model_rows.hpp"
#include "regression.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/moments.hpp"
#include "rxhpc/pair_products.hpp"
#include "symmetric_eigen.hpp"

namespace rxhpc {
namespace {

using impl::Regression;

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// Sums of squares and products about the means, of the responses and then the design's columns without the intercept.
struct Centred {
  std::vector<std::string> names;
  std::vector<int> column;          ///< position in Design::columns(); -1: a response
  std::vector<char> by_coding;      ///< left out by the coding of factors
  DdMatrix products;                ///< pairwise: over the rows of each pair
  DdMatrix squares;                 ///< pairwise only: (i, j) the squares of i over the rows where j is present
  std::vector<DD> means, raw_sums;
  DdMatrix raw;                     ///< not pairwise: uncentred
  DD divisor;                       ///< of the covariance
};

bool lost_digits(const Regression& r, const impl::RegressionSums& s, const std::vector<double>& shift) {
  std::size_t k = 0;
  int column = 0;
  DD const n = s.gram(0, 0);
  auto const lost = [&](int j, double about) {
    DD const mean = s.gram(0, j) / n;
    return impl::far_off(n, mean - DD(about), s.gram(j, j) - s.gram(0, j) * mean, about);
  };
  for (auto const& t : r.spec.terms) {
    bool const numeric = !t.numeric.empty(), plain = t.factors.empty() && numeric;
    double const about = plain ? shift[k++] : 0;
    for (std::int64_t c = 0; c < t.cells(); ++c, ++column)
      if (numeric && lost(column, about)) return true;  // counts of cells are exact
  }
  for (std::size_t y = 0; y < r.spec.responses.size(); ++y)
    if (lost(column + static_cast<int>(y), shift[k + y])) return true;
  return false;
}

impl::RegressionSums complete_sums(const Regression& r, const FitOptions& options, Communicator& comm, CovCor& out) {
  auto spec = r.spec;
  // Pass 1: plain about the means where that is worth it, else exact.
  if (!impl::small_or_narrow(r)) spec.shift = impl::first_shift(r, comm);
  spec.precision = spec.shift.empty() ? Precision::exact : Precision::plain;
  auto sums = impl::sweep_sums(r, spec, options, comm, out.timing);
  out.exact = spec.precision == Precision::exact;
  if (out.exact || !lost_digits(r, sums, spec.shift)) return sums;
  // Pass 2: the same sums in double-double where the first lost digits.
  spec.precision = Precision::exact;
  spec.shift.clear();
  out.exact = true;
  return impl::sweep_sums(r, spec, options, comm, out.timing);
}

/// Names and origin of the variables; `gram` gets the place of each in the cross products.
Centred variables_of(const Regression& r, const std::vector<std::vector<char>>& level_in_use, std::vector<int>* gram) {
  Centred c;
  auto const columns = r.design.coded(Coding::drop_last, level_in_use);
  for (std::size_t y = 0; y < r.formula.responses.size(); ++y) {
    c.names.push_back(result_name(*r.formula.responses[y]));
    c.column.push_back(-1);
    c.by_coding.push_back(0);
    if (gram) gram->push_back(static_cast<int>(columns.size() + y));
  }
  for (int j = 1; j < static_cast<int>(columns.size()); ++j) {
    auto const& term = r.design.terms[static_cast<std::size_t>(columns[j].term)].variables;
    bool const number = term.size() == 1 && !r.design.variables[static_cast<std::size_t>(term[0])].factor;
    c.names.push_back(number ? result_name(r.design.variables[static_cast<std::size_t>(term[0])].label) : columns[j].name);
    c.column.push_back(j);
    c.by_coding.push_back(columns[j].reference);
    if (gram) gram->push_back(j);
  }
  return c;
}

Centred complete(Regression& r, const FitOptions& options, Communicator& comm, CovCor& out) {
  auto const s = complete_sums(r, options, comm, out);
  impl::refuse_overflow(r, s);
  std::vector<int> at;
  auto c = variables_of(r, s.level_in_use, &at);
  int const n = static_cast<int>(at.size());
  DD const total = s.gram(0, 0);
  for (int i : at) c.raw_sums.push_back(s.gram(0, i)), c.means.push_back(s.gram(0, i) / total);
  c.products = c.raw = DdMatrix(n);
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      DD const raw = s.gram(at[i], at[j]);
      c.raw.set(i, j, raw);
      c.products.set(i, j, raw - c.means[std::min(i, j)] * c.raw_sums[std::max(i, j)]);
    }
  out.n_valid_obs = s.n_valid;
  out.n_missing_obs = s.n_missing;
  out.weighted = r.spec.weight >= 0;
  out.sum_of_weights = static_cast<double>(s.weight_sum);
  c.divisor = impl::covariance_divisor(r, s);
  return c;
}

/// Means of the first rows, for columns that are plain numbers; 0 for cells.
std::vector<double> first_pair_shift(const Regression& r, const PairProductSpec& spec, Communicator& comm) {
  std::vector<int> places;
  for (auto const& t : spec.terms)
    if (t.factors.empty() && t.numeric.size() == 1) places.push_back(t.numeric[0]);
  Moments const fresh(places);
  auto const packed = impl::first_rows_state(r.rows, r.read, fresh, [](const Moments& m) { return std::ranges::any_of(m.finalize(), [](auto const& z) { return z.n > 0; }); }, comm);
  Moments first(places);
  first.unpack(packed);
  auto const& found = first.finalize();
  std::vector<double> shift;
  std::size_t k = 0;
  for (auto const& t : spec.terms) {
    bool const plain = t.factors.empty() && t.numeric.size() == 1;
    double const mean = plain ? found[k++].mean : 0;
    shift.insert(shift.end(), t.cells(), std::isfinite(mean) ? mean : 0);
  }
  return shift;
}

PairProducts pair_sums(const Regression& r, const FitOptions& options, Communicator& comm, CovCor& out) {
  PairProductSpec spec;
  for (int y : r.spec.responses) spec.terms.push_back({{y}, {}, {}});
  spec.terms.insert(spec.terms.end(), r.spec.terms.begin() + 1, r.spec.terms.end());
  std::int64_t columns = 0;
  for (auto const& t : spec.terms) columns += t.cells();
  auto const pass = [&] {
    out.exact = spec.precision == Precision::exact;
    auto sums = sweep(r.rows, r.read, PairProducts(spec), options.run, comm, &out.timing);
    if (sums.n_infinite() > 0)
      throw DataError(std::to_string(sums.n_infinite()) + " values of variables of the formula '" + r.formula.text + "' are infinite");
    return sums;
  };
  double const p = static_cast<double>(columns);
  spec.precision = static_cast<double>(r.rows.grid().total()) * 3 * p * p <= 1e8 ? Precision::exact : Precision::plain;
  if (spec.precision == Precision::plain) spec.shift = first_pair_shift(r, spec, comm);
  auto sums = pass();
  if (out.exact) return sums;
  for (int i = 0; i < sums.columns(); ++i)
    for (int j = 0; j < sums.columns(); ++j)
      if (impl::far_off(DD(static_cast<double>(sums.n(i, j))), sums.distance(i, j), sums.squares(i, j), spec.shift[i])) {
        spec.precision = Precision::exact;
        return pass();
      }
  return sums;
}

Centred pairwise(Regression& r, const FitOptions& options, Communicator& comm, CovCor& out) {
  auto const s = pair_sums(r, options, comm, out);
  std::vector<std::vector<char>> all_in_use;
  for (auto const& v : r.design.variables) all_in_use.emplace_back(v.levels.size(), 1);
  auto c = variables_of(r, all_in_use, nullptr);
  int const n = s.columns();
  c.products = c.squares = DdMatrix(n);
  out.pair_counts.assign(n, std::vector<std::int64_t>(n));
  for (int i = 0; i < n; ++i) {
    c.means.push_back(s.n(i, i) ? s.mean(i, i) : DD(none));
    for (int j = 0; j < n; ++j) {
      c.products.set(i, j, s.products(std::min(i, j), std::max(i, j)));
      c.squares.set(i, j, s.squares(i, j));
      out.pair_counts[i][j] = s.n(i, j);
    }
  }
  out.pairwise = true;
  out.n_valid_obs = s.n_any();
  out.n_missing_obs = s.rows() - s.n_any();
  if (out.n_valid_obs == 0) throw DataError("no row has a value in a variable of the formula, or none was selected");
  return c;
}

/// Divisor of an entry; not above 0 where there is none.
DD divisor_of(const Centred& c, const CovCor& out, int i, int j) {
  return out.pairwise ? DD(static_cast<double>(out.pair_counts[i][j] - 1)) : c.divisor;
}

double covariance(const Centred& c, const CovCor& out, int i, int j) {
  DD const divisor = divisor_of(c, out, i, j);
  return divisor.hi > 0 ? static_cast<double>(c.products(i, j) / divisor) : none;
}

double correlation(const Centred& c, const CovCor& out, int i, int j) {
  if (!(divisor_of(c, out, i, j).hi > 0)) return none;
  DD const a = out.pairwise ? c.squares(i, j) : c.products(i, i), b = out.pairwise ? c.squares(j, i) : c.products(j, j);
  if (!(a.hi > 0 && b.hi > 0)) return none;
  return i == j ? 1.0 : std::clamp(static_cast<double>(c.products(i, j) / sqrt(a * b)), -1.0, 1.0);
}

template <class T>
std::vector<T> chosen(const std::vector<T>& all, const std::vector<int>& keep) {
  std::vector<T> out;
  for (int k : keep) out.push_back(all[k]);
  return out;
}

PrincipalComponents components_of(const CovCor& of) {
  auto const eigen = impl::symmetric_eigen(of.matrix);
  PrincipalComponents pc;
  double const largest = eigen.values.empty() ? 0 : std::abs(eigen.values.front());
  for (double v : eigen.values) {
    if (v < -1e-9 * largest) throw NumericalError("the matrix of pairwise-complete rows is not non-negative definite: it has no principal components");
    pc.std_devs.push_back(std::sqrt(std::max(v, 0.0)));
  }
  for (std::size_t i = 0; i < of.variables.size(); ++i) {
    pc.loadings.emplace_back();
    for (auto const& v : eigen.vectors) pc.loadings.back().push_back(v[i]);
  }
  pc.center = of.means;
  pc.scale = of.type == CovType::cor ? of.std_devs : std::vector<double>(of.means.size(), 1.0);
  return pc;
}

/// beta* = (R_xx + lambda I)^-1 r_xy; beta_j = s_y beta*_j / s_j; the intercept from the means (specification, 3.4).
RidgeFit ridge_at(double lambda, const DdMatrix& correlations, const CovCor& of) {
  int const n = correlations.n - 1;
  DdMatrix system = correlations;
  for (int j = 0; j < n; ++j) system.set(j, j, system(j, j) + DD(lambda));
  auto const factor = cholesky(system, n, impl::rank_tolerance);
  auto const beta = solve(factor, n, n);
  RidgeFit fit{lambda, {0}};
  DD intercept(of.means[0]);
  for (int j = 0; j < n; ++j) {
    DD const b = beta[j] * DD(of.std_devs[0]) / DD(of.std_devs[j + 1]);
    fit.estimates.push_back(factor.aliased[j] ? none : static_cast<double>(b));
    if (!factor.aliased[j]) intercept -= b * DD(of.means[j + 1]);
  }
  fit.estimates[0] = static_cast<double>(intercept);
  return fit;
}

void add_ridge(const std::vector<double>& lambdas, const Centred& c, const std::vector<int>& keep, CovCor& out) {
  if (keep.empty() || c.column[keep[0]] >= 0) throw NumericalError("the response does not vary: there is no ridge regression");
  int const n = static_cast<int>(keep.size());
  if (n < 2) throw NumericalError("no predictor varies: there is no ridge regression");
  DdMatrix correlations(n);  // predictors, then the response
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      int const a = keep[(i + 1) % n], b = keep[(j + 1) % n];
      DD const sa = out.pairwise ? c.squares(a, b) : c.products(a, a), sb = out.pairwise ? c.squares(b, a) : c.products(b, b);
      correlations.set(i, j, i == j ? DD(1) : c.products(a, b) / sqrt(sa * sb));
    }
  for (double lambda : lambdas) out.ridge.push_back(ridge_at(lambda, correlations, out));
}

void check(const CovCorOptions& o, const Formula& formula) {
  bool const ridge = !o.ridge_lambda.empty();
  if (!formula.offsets.empty()) throw UsageError("covcor takes no offset()");
  if (formula.terms.empty()) throw UsageError("the formula names no variable");
  if (!ridge && !formula.responses.empty()) throw UsageError("the formula has a left side, which is for --ridge-lambda alone: write '~ ...'");
  if (ridge && formula.responses.size() != 1) throw UsageError("--ridge-lambda needs a formula with one response: 'y ~ ...'");
  for (double lambda : o.ridge_lambda)
    if (!(lambda >= 0) || std::isinf(lambda)) throw UsageError("--ridge-lambda: penalties are numbers from 0");
  if (o.type == CovType::sscp && (o.princomp || ridge)) throw UsageError("--princomp and --ridge-lambda need --type cov or cor");
  if (o.princomp && ridge) throw UsageError("--princomp and --ridge-lambda exclude one another");
  if (!o.pairwise) return;
  if (!o.pweights.empty() || !o.fweights.empty()) throw UsageError("--use pairwise.complete.obs takes no weights");
  if (o.type == CovType::sscp) throw UsageError("--use pairwise.complete.obs needs --type cov or cor");
}

void fill_matrix(const Centred& c, const std::vector<int>& keep, CovCor& out) {
  bool const sscp = out.type == CovType::sscp;
  auto const value = [&](int i, int j) {
    return out.type == CovType::cor ? correlation(c, out, i, j) : sscp ? static_cast<double>(c.raw(i, j)) : covariance(c, out, i, j);
  };
  if (sscp) {
    out.variables.push_back("(Intercept)");
    out.means.push_back(1);
    out.matrix.push_back({out.sum_of_weights});
    for (int k : keep) out.matrix[0].push_back(static_cast<double>(c.raw_sums[k]));
  }
  for (int i : keep) {
    out.variables.push_back(c.names[i]);
    out.means.push_back(static_cast<double>(c.means[i]));
    if (!sscp) out.std_devs.push_back(std::sqrt(std::max(covariance(c, out, i, i), 0.0)));
    out.matrix.emplace_back();
    if (sscp) out.matrix.back().push_back(static_cast<double>(c.raw_sums[i]));
    for (int j : keep) out.matrix.back().push_back(value(i, j));
  }
}

}  // namespace

CovCor cov_cor(const ChunkSource& source, std::string_view text, const CovCorOptions& options, Communicator& comm) {
  CovCor out;
  FitOptions fit;  // not by designators: g++ 12 destroys defaulted members twice when an exception passes
  fit.rows = options.rows;
  fit.pweights = options.pweights;
  fit.fweights = options.fweights;
  fit.run = options.run;
  Regression r{RowSource(source, options.rows), {}, {}, {}, {}, {}, 0};
  impl::use_sweep_for_ranges(r.rows, options.run, comm);
  auto formula = impl::model_formula(text, r.rows.schema(), false);
  formula.intercept = true;  // the matrix is about means, or has the constant's sums, whatever the formula says
  check(options, formula);
  impl::resolve_terms(r, std::move(formula), fit);
  out.formula = r.formula.text;
  out.rows = r.rows.options();
  out.type = options.type;
  auto const centred = options.pairwise ? pairwise(r, fit, comm, out) : complete(r, fit, comm, out);

  std::vector<int> keep;
  for (int k = 0; k < static_cast<int>(centred.names.size()); ++k) {
    bool const flat = covariance(centred, out, k, k) <= options.var_tol;
    if (flat || (!options.keep_all && centred.by_coding[k])) out.dropped_vars.push_back(centred.names[k]);
    else keep.push_back(k);
  }
  out.columns = chosen(centred.column, keep);
  for (auto const& y : r.formula.responses) {
    out.responses.push_back(deparse(*y));
    out.response_expressions.push_back(deparse(*r.rows.pinned(y)));
    add_inputs(r.design.inputs, r.rows, out.response_expressions.back());
  }
  if (options.pairwise) {
    auto counts = chosen(out.pair_counts, keep);
    for (auto& row : counts) row = chosen(row, keep);
    fill_matrix(centred, keep, out);
    out.pair_counts = std::move(counts);
  } else {
    fill_matrix(centred, keep, out);
  }
  if (options.princomp) out.princomp = components_of(out);
  if (!options.ridge_lambda.empty()) add_ridge(options.ridge_lambda, centred, keep, out);
  out.design = std::move(r.design);
  return out;
}

}  // namespace rxhpc
