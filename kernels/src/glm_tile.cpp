#include "glm_tile.hpp"

#include <algorithm>
#include <cmath>

#include "lane_sum.hpp"
#include "rxhpc/pack_math.hpp"

namespace rxhpc::impl {
namespace {

enum Buffer { eta_buffer, mu_buffer, rest_buffer, slope_buffer, weight_buffer, residual_buffer, prior_buffer, response_buffer, low_buffer, buffers };

int padded(int rows) { return (rows + 7) / 8 * 8; }

/// The last row once more, up to whole packs: its prior weight is 0 there, and its functions are defined.
void repeat_last(double* x, int rows) { std::fill(x + rows, x + padded(rows), x[rows - 1]); }

/// ln Gamma without the sign that lgamma keeps in a global.
double log_gamma(double x) {
  int sign = 0;
  return lgamma_r(x, &sign);
}

/// ln Gamma(y + 1) by table for small counts.
double log_factorial(double y) {
  static std::vector<double> const table = [] {
    std::vector<double> t;
    for (int k = 0; k < 256; ++k) t.push_back(log_gamma(k + 1.0));
    return t;
  }();
  if (y >= 0 && y < 256 && y == std::floor(y)) return table[static_cast<std::size_t>(y)];
  return log_gamma(y + 1);
}

/// y ln y - y - ln Gamma(y + 1), 0 at 0.
double perfect_poisson(double y) {
  static std::vector<double> const table = [] {
    std::vector<double> t{0};
    for (int k = 1; k < 256; ++k) t.push_back(k * std::log(k) - k - log_factorial(k));
    return t;
  }();
  if (y >= 0 && y < 256 && y == std::floor(y)) return table[static_cast<std::size_t>(y)];
  return y > 0 ? y * std::log(y) - y - log_factorial(y) : 0;
}

}  // namespace

GlmTile::GlmTile(const GlmStepSpec& spec, const CrossLayout& layout, GlmSums& sums, std::int64_t* counts)
    : spec_(spec), plan_(layout.plan), sums_(sums), counts_(counts), exact_(layout.exact), dense_beta_(layout.plan.dense.size() - 1),
      storage_(std::size_t(buffers) * layout.plan.tile_rows), dense_(layout.plan.dense.size()) {
  auto const beta = [&](std::size_t column) { return DD(spec.beta[column], spec.beta_low.empty() ? 0.0 : spec.beta_low[column]); };
  for (auto const& place : plan_.terms) {
    auto const first = static_cast<std::size_t>(place.first);
    if (place.key >= 0) {
      tables_.push_back({place.key, plan_.keys[place.key].value[place.member], first});
      continue;
    }
    dense_beta_[place.dense] += beta(first);
    // b (x + shift) = b x + b shift
    if (place.dense > 0) dense_beta_[0] += beta(first) * DD(plan_.dense[place.dense].shift);
  }
}

// eta = b0 + sum of b x, one multiply-add a dense column and row, one look-up a factor term; columns are in the first cache
void GlmTile::predict(const DesignTile& tile, double* eta) {
  int const columns = static_cast<int>(dense_beta_.size()), end = padded(tile.rows);
  double const* const from = offset(tile);
  int r = 0;
  // Four packs of rows at a time: one sum waits for itself
  for (; r + 32 <= end; r += 32) {
    Pack sum[4];
    for (int k = 0; k < 4; ++k) sum[k] = Pack::all(dense_beta_[0].hi);
    if (from)
      for (int k = 0; k < 4; ++k) sum[k] = sum[k] + Pack::load(from + r + 8 * k);
    for (int j = 1; j < columns; ++j) {
      Pack const b = Pack::all(dense_beta_[j].hi);
      for (int k = 0; k < 4; ++k) sum[k] = fma(b, Pack::load(tile.dense[j] + r + 8 * k), sum[k]);
    }
    for (int k = 0; k < 4; ++k) sum[k].store(eta + r + 8 * k);
  }
  for (; r < end; r += 8) {
    Pack sum = Pack::all(dense_beta_[0].hi);
    if (from) sum = sum + Pack::load(from + r);
    for (int j = 1; j < columns; ++j) sum = fma(Pack::all(dense_beta_[j].hi), Pack::load(tile.dense[j] + r), sum);
    sum.store(eta + r);
  }
  for (auto const& t : tables_) {
    std::int32_t const* const cell = tile.cell[t.key];
    double const* const b = spec_.beta.data() + t.first;
    if (t.value < 0) {
      for (int i = 0; i < tile.rows; ++i) eta[i] += b[cell[i]];
    } else {
      double const* const x = tile.values[t.value];
      for (int i = 0; i < tile.rows; ++i) eta[i] = std::fma(b[cell[i]], x[i], eta[i]);
    }
  }
}

/// The same in double-double, rounded once.
void GlmTile::predict_exactly(const DesignTile& tile, double* eta) {
  int const columns = static_cast<int>(dense_beta_.size()), end = padded(tile.rows);
  double const* const from = offset(tile);
  double* const low = buffer(low_buffer);
  for (int r = 0; r < end; r += 8) {
    DdPack sum{Pack::all(dense_beta_[0].hi), Pack::all(dense_beta_[0].lo)};
    auto const add = [&](DdPack x) {
      auto const s = two_sum(sum.hi, x.hi);
      sum = {s.hi, sum.lo + (s.lo + x.lo)};
    };
    if (from) add({Pack::load(from + r), Pack::all(0)});
    for (int j = 1; j < columns; ++j) {
      Pack const x = Pack::load(tile.dense[j] + r);
      auto const p = two_prod(Pack::all(dense_beta_[j].hi), x);
      add({p.hi, fma(Pack::all(dense_beta_[j].lo), x, p.lo)});
    }
    sum.hi.store(eta + r);
    sum.lo.store(low + r);
  }
  for (auto const& t : tables_) {
    std::int32_t const* const cell = tile.cell[t.key];
    double const* const b = spec_.beta.data() + t.first;
    double const* const b_low = spec_.beta_low.empty() ? nullptr : spec_.beta_low.data() + t.first;
    double const* const x = t.value < 0 ? nullptr : tile.values[t.value];
    for (int i = 0; i < tile.rows; ++i) {
      DD const p = x ? rxhpc::two_prod(b[cell[i]], x[i]) : DD(b[cell[i]]);
      DD const s = rxhpc::two_sum(eta[i], p.hi);
      eta[i] = s.hi;
      low[i] += s.lo + p.lo + (b_low ? b_low[cell[i]] * (x ? x[i] : 1.0) : 0.0);
    }
  }
  for (int i = 0; i < tile.rows; ++i) eta[i] += low[i];
}

void GlmTile::start_from_response(const DesignTile& tile, double* eta) {
  // One row after another: it happens in one pass. Equal responses, as a rule 0 and 1, are computed once.
  double last_y = std::nan(""), last_w = 0, last_eta = 0;
  for (int i = 0; i < tile.rows; ++i) {
    double const w = spec_.unit_weights_start ? 1 : prior_[i];
    if (!(y_[i] == last_y && w == last_w)) last_y = y_[i], last_w = w, last_eta = glm_link(spec_.family, start_of(spec_.family, last_y, w));
    eta[i] = last_eta;
  }
}

void GlmTile::add_constants(const DesignTile& tile) {
  int const rows = tile.rows;
  counts_[1] += out_of_range(spec_.family.range, y_, rows);
  LaneSum weight, weighted_y, logarithms;
  bool const of_response = spec_.family.likelihood == LikelihoodTerm::log_response, of_weight = spec_.family.likelihood == LikelihoodTerm::log_weight && tile.weight;
  // The padding has weight 0, a response that is there, and so no part in any sum; its own logarithm is that of 1.
  for (int i = 0; i < rows; i += 8) {
    Pack const w = Pack::load(prior_ + i), y = Pack::load(y_ + i);
    auto const product = two_prod(w, y);
    weight.add(w);
    weighted_y.add(product.hi);
    weighted_y.add(product.lo);
    if (of_response) logarithms.add(keep(less(Pack::all(0), y), w * log(y)));
    if (of_weight) logarithms.add(log(select(equal(w, Pack::all(0)), Pack::all(1), w)));
  }
  sums_.weight += weight.total();
  sums_.weighted_y += weighted_y.total();
  sums_.likelihood += logarithms.total();
  if (spec_.family.variance == Variance::binomial) count_fractions(tile);
  if (spec_.family.likelihood == LikelihoodTerm::poisson) add_perfect_poisson(tile);
}

void GlmTile::count_fractions(const DesignTile& tile) {
  if (!tile.weight) {
    counts_[3] += out_of_range(Range::zero_or_one, y_, tile.rows);
    return;
  }
  for (int i = 0; i < tile.rows; ++i) {
    double const w = prior_[i], successes = w * y_[i];
    counts_[3] += w != std::floor(w) || std::abs(successes - std::round(successes)) > 1e-3;
  }
}

/// The likelihood of Poisson counts by means that are the counts.
void GlmTile::add_perfect_poisson(const DesignTile& tile) {
  double sum = 0;
  for (int i = 0; i < tile.rows; ++i) {
    double const y = y_[i];
    sum += prior_[i] * perfect_poisson(y);
    // R's density of a number that is no count is 0
    counts_[3] += std::abs(y - std::round(y)) > 1e-9 * std::max(1.0, std::abs(y));
  }
  sums_.likelihood += DD(sum);
}

/// ln of the binomial density of round(m y) successes in round(m) trials, times w / m, as R's binomial()$aic has it.
void GlmTile::add_row_likelihood(const DesignTile& tile) {
  double const* const given = spec_.trials >= 0 ? tile.values[plan_.carried[static_cast<std::size_t>(spec_.trials)]] : nullptr;
  for (int i = 0; i < tile.rows; ++i) {
    // halves to the even number, as R's round()
    double const m = given ? given[i] : prior_[i], trials = std::nearbyint(m), successes = std::nearbyint(m * y_[i]), rest = trials - successes;
    if (!(trials > 0)) continue;
    double term = trials == 1 ? 0 : log_factorial(trials) - log_factorial(successes) - log_factorial(rest);
    if (successes > 0) term += successes * std::log(at_.mu[i]);
    if (rest > 0) term += rest * std::log(at_.rest[i]);
    sums_.row_likelihood += DD(given ? term * (prior_[i] / m) : term);
  }
}

/// The model with one number beside the offset; what apply() left in the buffers is not needed any more but weight and residual.
void GlmTile::add_null(const DesignTile& tile) {
  double* const eta = buffer(low_buffer);
  int const end = padded(tile.rows);
  MuRows at{buffer(mu_buffer), buffer(rest_buffer), buffer(slope_buffer)};
  RowNotes notes;
  if (spec_.null == GlmStepSpec::Null::mean) {
    std::fill(at.mu, at.mu + end, spec_.null_value);
    std::fill(at.rest, at.rest + end, 1 - spec_.null_value);
    std::fill(at.slope, at.slope + end, 1.0);
  } else {
    double const* const from = offset(tile);
    for (int i = 0; i < tile.rows; ++i) eta[i] = spec_.null_value + (from ? from[i] : 0.0);
    repeat_last(eta, tile.rows);
    link_rows(spec_.family, eta, tile.rows, at);
  }
  auto const sums = family_rows(spec_.family, y_, prior_, at, tile.rows, nullptr, nullptr, notes);
  sums_.null_deviance += sums.deviance;
  sums_.null_weight += sums.weight;
  sums_.null_score += sums.score;
}

namespace {

constexpr std::size_t most_rising = 1024;

/// Sums over k < count of 1/(theta + k), its squares and ln(theta + k).
struct RisingSums {
  double psi, tri, gammas;
};

/// The same over from <= k < to by asymptotic series (Abramowitz & Stegun 6.1.41, 6.3.18, 6.4.12), exact to rounding from 1024 on.
RisingSums rising_between(double theta, double from, double to) {
  auto const at = [](double x) {
    double const r = 1 / x, r2 = r * r;
    return RisingSums{-r / 2 - r2 / 12 * (1 - r2 / 10), r + r2 / 2 + r * r2 / 6 * (1 - r2 / 5), (x - 0.5) * std::log(x) - x + r / 12 * (1 - r2 / 30)};
  };
  auto const low = at(theta + from), high = at(theta + to);
  return {std::log((theta + to) / (theta + from)) + (high.psi - low.psi), low.tri - high.tri, high.gammas - low.gammas};
}

}  // namespace

/// Derivatives of the log likelihood of the negative binomial by theta (Venables & Ripley, Modern Applied Statistics with S, 7.4).
/// psi(theta + y) - psi(theta) is a sum of 1 / (theta + k), which a table holds as far as counts usually go.
void GlmTile::add_theta(const DesignTile& tile) {
  double const theta = spec_.family.theta;
  for (int i = 0; i < tile.rows; ++i) {
    double const w = prior_[i], y = y_[i], mu = at_.mu[i];
    double const count = std::max(0.0, std::round(y));
    auto const whole = static_cast<std::size_t>(std::min(count, static_cast<double>(most_rising)));
    if (rising_.empty()) rising_.assign(3, DD(0));
    while (rising_.size() / 3 <= whole) {
      std::size_t const k = rising_.size() / 3;
      DD const at = DD(theta) + DD(static_cast<double>(k - 1));
      DD const inverse = DD(1) / at, square = inverse * inverse, ln = DD(std::log(at.hi));
      for (DD const& term : {inverse, square, ln}) rising_.push_back(rising_[rising_.size() - 3] + term);
    }
    RisingSums sums{rising_[3 * whole].hi, rising_[3 * whole + 1].hi, rising_[3 * whole + 2].hi};
    if (count > most_rising) {
      auto const more = rising_between(theta, most_rising, count);
      sums = {sums.psi + more.psi, sums.tri + more.tri, sums.gammas + more.gammas};
    }
    double const ratio = (y - mu) / (theta + mu), log_ratio = -std::log1p(mu / theta);
    sums_.theta_score += DD(w * (sums.psi + log_ratio - ratio));
    sums_.theta_information += DD(w * (sums.tri - 1 / theta + 2 / (mu + theta) - (y + theta) / ((mu + theta) * (mu + theta))));
    sums_.theta_likelihood += DD(w * (sums.gammas - log_factorial(y) + (theta + y) * log_ratio + (y > 0 ? y * std::log(mu / theta) : 0)));
  }
}

DesignTile GlmTile::apply(const DesignTile& tile) {
  double* const eta = buffer(eta_buffer);
  int const rows = tile.rows, end = padded(rows), last = static_cast<int>(dense_.size()) - 1;
  // The response and prior weights, whole packs of them
  y_ = tile.dense[last];
  if (rows < end) {
    std::copy_n(y_, rows, buffer(response_buffer));
    repeat_last(buffer(response_buffer), rows);
    y_ = buffer(response_buffer);
  }
  prior_ = tile.weight;
  if (!prior_) {
    std::fill_n(buffer(prior_buffer), rows, 1.0);
    std::fill(buffer(prior_buffer) + rows, buffer(prior_buffer) + end, 0.0);
    prior_ = buffer(prior_buffer);
  }
  if (spec_.from_response) start_from_response(tile, eta);
  else if (exact_) predict_exactly(tile, eta);
  else predict(tile, eta);
  if (rows < end) repeat_last(eta, rows);
  // mu, then weights and working residuals
  at_ = {buffer(mu_buffer), buffer(rest_buffer), buffer(slope_buffer)};
  RowNotes notes;
  notes.invalid += link_rows(spec_.family, eta, rows, at_);
  double *const w = buffer(weight_buffer), *const z = buffer(residual_buffer);
  auto const sums = family_rows(spec_.family, y_, prior_, at_, rows, w, z, notes);
  sums_.deviance += sums.deviance;
  counts_[0] += notes.invalid;
  counts_[2] += notes.at_bound;
  if (spec_.constants) add_constants(tile);
  if (spec_.row_likelihood) add_row_likelihood(tile);
  if (spec_.family.variance == Variance::negative_binomial) add_theta(tile);
  if (spec_.null != GlmStepSpec::Null::none) add_null(tile);
  if (spec_.from_response) {
    // The whole working response: beta is 0
    double const* const from = offset(tile);
    for (int i = 0; i < rows; ++i) z[i] += eta[i] - (from ? from[i] : 0.0);
  }
  std::fill(w + rows, w + end, 0.0);
  std::fill(z + rows, z + end, 0.0);
  std::copy_n(tile.dense, last, dense_.begin());
  dense_[last] = z;
  DesignTile out = tile;
  out.dense = dense_.data();
  out.weight = w;
  return out;
}

}  // namespace rxhpc::impl
