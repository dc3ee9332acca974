// Inverse links on packs, and links of single numbers.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "glm_rows.hpp"
#include "rxhpc/pack_tails.hpp"

namespace rxhpc::impl {
namespace {

// R keeps means and slopes this far from the end of their range.
constexpr double epsilon = std::numeric_limits<double>::epsilon();

Pack one() { return Pack::all(1); }

/// mu, 1 - mu and the slope of one pack; `allowed` where the link has no such eta.
struct Inverse {
  Pack mu, rest, slope;
};

/// Of a law that is symmetric about 0: `at` its tail beyond |eta| and its density there.
Inverse symmetric(Pack eta, Tail<Pack> at) {
  Pack const floor = Pack::all(epsilon), small = max(at.tail, floor), large = one() - small;
  auto const negative = less(eta, Pack::all(0));
  return {select(negative, small, large), select(negative, large, small), max(at.density, floor)};
}

template <Link L>
Inverse inverse_of(Pack eta, double power) {
  Pack const floor = Pack::all(epsilon);
  if constexpr (L == Link::identity) {
    return {eta, one() - eta, one()};
  } else if constexpr (L == Link::log) {
    Pack const mu = max(exp(eta), floor);
    return {mu, one() - mu, mu};
  } else if constexpr (L == Link::logit) {
    // t = e^-|eta|; the larger of mu and 1 - mu is 1 / (1 + t), the other t / (1 + t)
    Pack const t = max(exp(Pack::all(0) - abs(eta)), floor), large = one() / (one() + t), small = t * large;
    auto const negative = less(eta, Pack::all(0));
    return {select(negative, small, large), select(negative, large, small), small * large};
  } else if constexpr (L == Link::probit) {
    return symmetric(eta, normal_tail(abs(eta)));
  } else if constexpr (L == Link::cauchit) {
    return symmetric(eta, cauchy_tail(abs(eta)));
  } else if constexpr (L == Link::cloglog) {
    Pack const rate = exp(min(eta, Pack::all(700.0))), rest = exp(Pack::all(0) - rate);
    Pack const mu = Pack::all(0) - expm1(Pack::all(0) - rate);
    return {max(min(mu, Pack::all(1 - epsilon)), floor), max(rest, floor), max(rate * rest, floor)};
  } else if constexpr (L == Link::inverse) {
    Pack const mu = one() / eta;
    return {mu, one() - mu, Pack::all(0) - mu * mu};
  } else if constexpr (L == Link::inverse_square) {
    Pack const mu = one() / sqrt(eta);
    return {mu, one() - mu, Pack::all(-0.5) * mu / eta};
  } else if constexpr (L == Link::sqrt) {
    Pack const mu = eta * eta;
    return {mu, one() - mu, eta + eta};
  } else {
    Pack const mu = max(exp(log(eta) * Pack::all(1 / power)), floor);
    return {mu, one() - mu, mu / (eta * Pack::all(power))};
  }
}

template <Link L>
bool all_allowed(Pack eta, unsigned rows, std::int64_t& refused) {
  unsigned good = below(eta, std::numeric_limits<double>::infinity()).bits();
  if constexpr (L == Link::inverse_square || L == Link::sqrt || L == Link::power) good &= less(Pack::all(0), eta).bits();
  if constexpr (L == Link::inverse) good &= ~equal(eta, Pack::all(0)).bits();
  unsigned const bad = ~good & rows;
  refused += __builtin_popcount(bad);
  return bad == 0;
}

// eta read once, three arrays written: all of it in the first cache
template <Link L>
std::int64_t rows_of(double power, const double* eta, int rows, MuRows& to) {
  std::int64_t refused = 0;
  for (int i = 0; i < rows; i += 8) {
    Pack const x = Pack::load(eta + i);
    all_allowed<L>(x, rows - i >= 8 ? 0xffu : (1u << (rows - i)) - 1u, refused);
    auto const at = inverse_of<L>(x, power);
    at.mu.store(to.mu + i);
    at.rest.store(to.rest + i);
    at.slope.store(to.slope + i);
  }
  to.log_mu = L == Link::log ? eta : nullptr;
  return refused;
}

double probit_of(double p) {
  // Newton's way from the logistic curve; the start of a fit needs no more
  double const tail = std::min(p, 1 - p);
  double x = tail >= 0.5 ? 0 : -std::sqrt(-2 * std::log(2 * tail));
  for (int k = 0; k < 60; ++k) {
    double const below_x = 0.5 * std::erfc(-x * std::numbers::sqrt2 / 2);
    double const density = std::exp(-0.5 * x * x) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
    double const newton = (below_x - tail) / density, step = newton / (1 + std::min(std::max(0.5 * x * newton, -0.5), 0.5));
    x -= step;
    if (std::abs(step) <= 1e-15 * (1 + std::abs(x))) break;
  }
  return p < 0.5 ? x : -x;
}

}  // namespace

std::int64_t link_rows(const GlmFamily& family, const double* eta, int rows, MuRows& to) {
  switch (family.link) {
    case Link::identity: return rows_of<Link::identity>(1, eta, rows, to);
    case Link::log: return rows_of<Link::log>(1, eta, rows, to);
    case Link::logit: return rows_of<Link::logit>(1, eta, rows, to);
    case Link::probit: return rows_of<Link::probit>(1, eta, rows, to);
    case Link::cloglog: return rows_of<Link::cloglog>(1, eta, rows, to);
    case Link::cauchit: return rows_of<Link::cauchit>(1, eta, rows, to);
    case Link::inverse: return rows_of<Link::inverse>(1, eta, rows, to);
    case Link::inverse_square: return rows_of<Link::inverse_square>(1, eta, rows, to);
    case Link::sqrt: return rows_of<Link::sqrt>(1, eta, rows, to);
    case Link::power: break;
  }
  return rows_of<Link::power>(family.link_power, eta, rows, to);
}

}  // namespace rxhpc::impl

namespace rxhpc {

double glm_link(const GlmFamily& family, double mu) {
  switch (family.link) {
    case Link::identity: return mu;
    case Link::log: return std::log(mu);
    case Link::logit: return std::log(mu / (1 - mu));
    case Link::probit: return impl::probit_of(mu);
    case Link::cloglog: return std::log(-std::log1p(-mu));
    case Link::cauchit: return std::tan(std::numbers::pi * (mu - 0.5));
    case Link::inverse: return 1 / mu;
    case Link::inverse_square: return 1 / (mu * mu);
    case Link::sqrt: return std::sqrt(mu);
    case Link::power: break;
  }
  return std::pow(mu, family.link_power);
}

namespace {

/// What the mean goes to, NaN where the link has no mean that way.
double mean_at_infinity(const GlmFamily& family, bool positive) {
  double const inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  switch (family.link) {
    case Link::identity: return positive ? inf : -inf;
    case Link::log: return positive ? inf : 0;
    case Link::logit:
    case Link::probit:
    case Link::cloglog:
    case Link::cauchit: return positive ? 1 : 0;
    case Link::inverse: return 0;
    case Link::inverse_square: return positive ? 0 : nan;
    case Link::sqrt: return positive ? inf : nan;
    case Link::power: break;
  }
  return !positive ? nan : family.link_power > 0 ? inf : 0;
}

}  // namespace

void glm_means(const GlmFamily& family, const double* eta, int rows, double* mu, double* slope) {
  for (int first = 0; first < rows; first += 8) {
    int const count = std::min(8, rows - first);
    double x[8], m[8], rest[8], s[8];
    for (int i = 0; i < 8; ++i) x[i] = eta[first + std::min(i, count - 1)];
    impl::MuRows to{m, rest, s};
    bool const some_refused = impl::link_rows(family, x, 8, to) > 0;
    for (int i = 0; i < count; ++i) {
      bool refused = false;
      if (some_refused) {
        double one[8], a[8], b[8], c[8];
        for (double& v : one) v = x[i];
        impl::MuRows alone{a, b, c};
        refused = impl::link_rows(family, one, 1, alone) > 0;
      }
      mu[first + i] = !refused ? m[i] : std::isinf(x[i]) ? mean_at_infinity(family, x[i] > 0) : std::nan("");
      if (slope) slope[first + i] = refused ? std::nan("") : s[i];
    }
  }
}

}  // namespace rxhpc
