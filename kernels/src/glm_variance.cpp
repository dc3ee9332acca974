// Working weights, residuals and deviances of every variance function, on packs.
#include <algorithm>
#include <cmath>
#include <limits>

#include "glm_rows.hpp"
#include "lane_sum.hpp"
#include "rxhpc/pack_math.hpp"

namespace rxhpc::impl {
namespace {

Pack one() { return Pack::all(1); }
Pack zero() { return Pack::all(0); }

/// What one pack of rows knows.
struct At {
  Pack y, mu, rest, residual;
  Pack ratio;  ///< residual / mu: Variance::mu and mu_squared
  Pack mu_1;   ///< mu^(1-p): Variance::power
};

/// mu^(1-p), of which the variance mu^p and the deviance are made. Tweedie models of p = 3/2 are the most usual: a root is cheaper.
Pack power_below(const GlmFamily& f, Pack mu, const double* log_mu) {
  if (f.var_power == 1.5) return one() / sqrt(mu);
  return exp(Pack::all(1 - f.var_power) * (log_mu ? Pack::load(log_mu) : log(mu)));
}

template <Variance V>
Pack variance_of(const GlmFamily& f, const At& a) {
  if constexpr (V == Variance::constant) return one();
  else if constexpr (V == Variance::mu) return a.mu;
  else if constexpr (V == Variance::mu_squared) return a.mu * a.mu;
  else if constexpr (V == Variance::mu_cubed) return a.mu * a.mu * a.mu;
  else if constexpr (V == Variance::binomial) return a.mu * a.rest;
  else if constexpr (V == Variance::power) return a.mu / a.mu_1;
  else return fma(a.mu * a.mu, Pack::all(1 / f.theta), a.mu);
}

Pack binomial_deviance(const At& a) {
  auto const success = equal(a.y, one()), either = success | equal(a.y, zero());
  // 0 and 1 alone, as a rule: one logarithm
  if (either.bits() == 0xff) return Pack::all(-2) * log(select(success, a.mu, a.rest));
  // Two of Poisson's: what they have beside the logarithms cancels.
  return Pack::all(2) * (a.mu * log_excess(a.residual / a.mu) + a.rest * log_excess((zero() - a.residual) / a.rest));
}

/// quasi families alone have a response of 0: R takes ln(1 / mu) there
Pack gamma_deviance(const At& a) {
  auto const none = equal(a.y, zero());
  Pack half = log_gap(a.y / a.mu, a.ratio);
  if (none.bits() != 0) half = select(none, a.ratio + log(a.mu), half);
  return Pack::all(2) * half;
}

/// y (y^(1-p) - mu^(1-p)) / (1-p) - (y^(2-p) - mu^(2-p)) / (2-p), doubled; p is neither 1 nor 2
Pack power_deviance(const GlmFamily& f, const At& a) {
  double const p = f.var_power;
  Pack const mu_1 = a.mu_1, mu_2 = mu_1 * a.mu;
  if (p == 1.5) {
    // 4 (sqrt(y) - sqrt(mu))^2 / sqrt(mu)
    Pack const root = sqrt(a.y) - mu_2;
    return Pack::all(4) * mu_1 * (root * root);
  }
  auto const positive = less(zero(), a.y);
  // y^(1-p) at 0 is multiplied by y; y^(2-p) at 0 is 0 where p < 2
  Pack y_2 = zero();
  if (positive.bits() != 0) y_2 = keep(positive, exp(Pack::all(2 - p) * log(select(positive, a.y, one()))));
  Pack const theta = (y_2 - a.y * mu_1) * Pack::all(1 / (1 - p)), kappa = (y_2 - mu_2) * Pack::all(1 / (2 - p));
  Pack half = theta - kappa;
  auto const near = less(abs(a.residual), a.mu * Pack::all(1.0 / 128));
  if (near.bits() != 0) {
    // mu^(2-p) times the integral over s up to x = (y - mu) / mu of (x - s) (1 + s)^-p, by the binomial series
    Pack const x = a.residual / a.mu;
    double c = 1, series[8];
    for (int k = 0; k < 8; ++k) series[k] = c / ((k + 1) * (k + 2)), c *= -(p + k) / (k + 1);
    Pack sum = Pack::all(series[7]);
    for (int k = 6; k >= 0; --k) sum = fma(sum, x, Pack::all(series[k]));
    half = select(near, mu_2 * (x * x) * sum, half);
  }
  return Pack::all(2) * half;
}

/// R's MASS: 2 (y ln(max(1, y) / mu) - (y + theta) ln((y + theta) / (mu + theta))), with y ln(y / mu) - y ln((y + theta) / (mu + theta)) drawn
/// together, so that large counts cancel before they are rounded.
Pack negative_binomial_deviance(Pack theta, const At& a) {
  auto const positive = less(zero(), a.y);
  Pack const ratio = theta * a.residual / (a.mu * (a.y + theta));
  Pack sum = keep(positive, a.y * log1p(select(positive, ratio, zero()))) - theta * log1p(a.residual / (a.mu + theta));
  auto const fraction = positive & less(a.y, one());
  if (fraction.bits() != 0) sum = sum - keep(fraction, a.y * log(select(fraction, a.y, one())));
  return Pack::all(2) * sum;
}

template <Variance V>
Pack unit_deviance(const GlmFamily& f, const At& a) {
  if constexpr (V == Variance::constant) {
    return a.residual * a.residual;
  } else if constexpr (V == Variance::mu) {
    return Pack::all(2) * (a.mu * log_excess(a.ratio));
  } else if constexpr (V == Variance::mu_squared) {
    return gamma_deviance(a);
  } else if constexpr (V == Variance::mu_cubed) {
    return a.residual * a.residual / (a.y * a.mu * a.mu);
  } else if constexpr (V == Variance::binomial) {
    return binomial_deviance(a);
  } else if constexpr (V == Variance::power) {
    return power_deviance(f, a);
  } else {
    return negative_binomial_deviance(Pack::all(f.theta), a);
  }
}

/// y - mu from the side where it has its digits; 0 and 1 alone, as a rule.
Pack binomial_residual(const At& a) {
  auto const success = equal(a.y, one()), either = success | equal(a.y, zero());
  Pack const residual = select(success, a.rest, a.residual);
  if (either.bits() == 0xff) return residual;
  return select(either, residual, select(less(a.rest, a.mu), a.rest - (one() - a.y), residual));
}

/// Means that the variance cannot have.
template <Variance V>
unsigned refused(const At& a) {
  unsigned good = below(a.mu, std::numeric_limits<double>::infinity()).bits();
  if constexpr (V != Variance::constant) good &= less(zero(), a.mu).bits();
  if constexpr (V == Variance::binomial) good &= less(zero(), a.rest).bits();
  return ~good;
}

/// Canonical: the slope is the variance, as for logit with mu (1 - mu) and log with mu.
template <Variance V, bool Canonical>
RowSums rows_of(const GlmFamily& f, const double* y, const double* prior, const MuRows& at, int rows, double* w, double* z, RowNotes& notes) {
  constexpr double bound = 10 * std::numeric_limits<double>::epsilon();
  LaneSum deviance, weight, score;
  for (int i = 0; i < rows; i += 8) {
    unsigned const there = rows - i >= 8 ? 0xffu : (1u << (rows - i)) - 1u;
    At a;
    a.y = Pack::load(y + i);
    a.mu = Pack::load(at.mu + i);
    a.rest = Pack::load(at.rest + i);
    a.residual = a.y - a.mu;
    if constexpr (V == Variance::constant)
      if (at.low) a.residual = a.residual - Pack::load(at.low + i);
    if constexpr (V == Variance::binomial) a.residual = binomial_residual(a);
    if constexpr (V == Variance::mu || V == Variance::mu_squared) a.ratio = a.residual / a.mu;
    if constexpr (V == Variance::power) a.mu_1 = power_below(f, a.mu, at.log_mu ? at.log_mu + i : nullptr);
    Pack const p = Pack::load(prior + i), slope = Pack::load(at.slope + i);
    Pack weights = p * slope;
    if constexpr (!Canonical) weights = weights * (slope / variance_of<V>(f, a));
    Pack const residuals = V == Variance::mu && Canonical ? a.ratio : a.residual / slope;
    deviance.add(p * unit_deviance<V>(f, a));
    weight.add(weights);
    score.add(weights * residuals);
    notes.invalid += __builtin_popcount(refused<V>(a) & there);
    if constexpr (V == Variance::binomial)
      notes.at_bound += __builtin_popcount((less(a.mu, Pack::all(bound)) | less(a.rest, Pack::all(bound))).bits() & there);
    else if constexpr (V != Variance::constant)
      notes.at_bound += __builtin_popcount(less(a.mu, Pack::all(bound)).bits() & there);
    if (w) weights.store(w + i);
    if (z) residuals.store(z + i);
  }
  return {deviance.total(), weight.total(), score.total()};
}

template <Variance V>
void parts_of(const GlmFamily& f, const double* y, const double* mu, double* variance, double* deviance) {
  At a;
  a.y = Pack::load(y);
  a.mu = Pack::load(mu);
  a.rest = one() - a.mu;
  a.residual = a.y - a.mu;
  a.ratio = a.residual / a.mu;
  a.mu_1 = V == Variance::power ? power_below(f, a.mu, nullptr) : one();
  variance_of<V>(f, a).store(variance);
  unit_deviance<V>(f, a).store(deviance);
}

}  // namespace

RowSums family_rows(const GlmFamily& f, const double* y, const double* prior, const MuRows& at, int rows, double* w, double* z, RowNotes& notes) {
  switch (f.variance) {
    case Variance::constant:
      return f.link == Link::identity ? rows_of<Variance::constant, true>(f, y, prior, at, rows, w, z, notes)
                                      : rows_of<Variance::constant, false>(f, y, prior, at, rows, w, z, notes);
    case Variance::mu:
      return f.link == Link::log ? rows_of<Variance::mu, true>(f, y, prior, at, rows, w, z, notes)
                                 : rows_of<Variance::mu, false>(f, y, prior, at, rows, w, z, notes);
    case Variance::mu_squared: return rows_of<Variance::mu_squared, false>(f, y, prior, at, rows, w, z, notes);
    case Variance::mu_cubed: return rows_of<Variance::mu_cubed, false>(f, y, prior, at, rows, w, z, notes);
    case Variance::binomial:
      return f.link == Link::logit ? rows_of<Variance::binomial, true>(f, y, prior, at, rows, w, z, notes)
                                   : rows_of<Variance::binomial, false>(f, y, prior, at, rows, w, z, notes);
    case Variance::power: return rows_of<Variance::power, false>(f, y, prior, at, rows, w, z, notes);
    case Variance::negative_binomial: break;
  }
  return rows_of<Variance::negative_binomial, false>(f, y, prior, at, rows, w, z, notes);
}

std::int64_t out_of_range(Range range, const double* y, int rows) {
  if (range == Range::any) return 0;
  std::int64_t good = 0;
  for (int i = 0; i < rows; i += 8) {
    Pack const v = Pack::load(y + i);
    auto const above = less(zero(), v), at_zero = equal(v, zero()), at_one = equal(v, one());
    auto const allowed = range == Range::above_zero      ? above
                         : range == Range::from_zero     ? above | at_zero
                         : range == Range::unit_interval ? (above & less(v, one())) | at_zero | at_one
                                                         : at_zero | at_one;
    good += __builtin_popcount(allowed.bits() & (rows - i >= 8 ? 0xffu : (1u << (rows - i)) - 1u));
  }
  return rows - good;
}

double start_of(const GlmFamily& f, double y, double weight) {
  switch (f.start) {
    case StartRule::response: return y;
    case StartRule::response_not_zero: return y == 0 ? 0.1 : y;
    case StartRule::count: return y + 0.1;
    case StartRule::share: return (weight * y + 0.5) / (weight + 1);
    case StartRule::sixth: break;
  }
  return y == 0 ? y + 1.0 / 6 : y;
}

}  // namespace rxhpc::impl

namespace rxhpc {

void glm_variances(const GlmFamily& family, const double* y, const double* mu, int rows, double* variance, double* deviance) {
  auto const parts = [&](const double* a, const double* b, double* v, double* d) {
    switch (family.variance) {
      case Variance::constant: return impl::parts_of<Variance::constant>(family, a, b, v, d);
      case Variance::mu: return impl::parts_of<Variance::mu>(family, a, b, v, d);
      case Variance::mu_squared: return impl::parts_of<Variance::mu_squared>(family, a, b, v, d);
      case Variance::mu_cubed: return impl::parts_of<Variance::mu_cubed>(family, a, b, v, d);
      case Variance::binomial: return impl::parts_of<Variance::binomial>(family, a, b, v, d);
      case Variance::power: return impl::parts_of<Variance::power>(family, a, b, v, d);
      case Variance::negative_binomial: return impl::parts_of<Variance::negative_binomial>(family, a, b, v, d);
    }
  };
  for (int first = 0; first < rows; first += 8) {
    int const count = std::min(8, rows - first);
    double a[8], b[8], v[8], d[8];
    for (int i = 0; i < 8; ++i) a[i] = y[first + std::min(i, count - 1)], b[i] = mu[first + std::min(i, count - 1)];
    parts(a, b, v, d);
    std::copy_n(v, count, variance + first);
    std::copy_n(d, count, deviance + first);
  }
}

}  // namespace rxhpc
