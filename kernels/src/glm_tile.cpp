#include "glm_tile.hpp"

#include <algorithm>
#include <cmath>

#include "glm_likelihood.hpp"
#include "lane_sum.hpp"
#include "rxhpc/pack_math.hpp"

namespace rxhpc::impl {
namespace {

enum Buffer { eta_buffer, mu_buffer, rest_buffer, slope_buffer, weight_buffer, residual_buffer, prior_buffer, response_buffer, low_buffer, buffers };

int padded(int rows) { return (rows + 7) / 8 * 8; }

/// The last row once more, up to whole packs: its prior weight is 0 there, and its functions are defined.
void repeat_last(double* x, int rows) { std::fill(x + rows, x + padded(rows), x[rows - 1]); }

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

/// The same in double-double; what rounding eta loses is left in low_buffer.
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
  for (int i = 0; i < end; i += 8) {
    auto const sum = two_sum(Pack::load(eta + i), Pack::load(low + i));
    sum.hi.store(eta + i);
    sum.lo.store(low + i);
  }
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
    double const m = given ? given[i] : prior_[i], trials = std::nearbyint(m), successes = std::nearbyint(m * y_[i]);
    if (!(trials > 0)) continue;
    double const term = log_binomial(successes, trials, at_.mu[i], at_.rest[i]);
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

/// Derivatives of the log likelihood of the negative binomial by theta (Venables & Ripley, Modern Applied Statistics with S, 7.4).
/// psi(theta + y) - psi(theta) is a sum of 1 / (theta + k) over k < y, which a table holds as far as counts usually go.
void GlmTile::add_theta(const DesignTile& tile) {
  constexpr double most_rising = 1024;
  double const theta = spec_.family.theta;
  if (rising_.empty()) rising_.assign(3, DD(0));
  auto const sums_to = [&](double count) {
    auto const k = static_cast<std::size_t>(count);
    while (rising_.size() / 3 <= k) {
      DD const at = DD(theta) + DD(static_cast<double>(rising_.size() / 3 - 1));
      DD const inverse = DD(1) / at, square = inverse * inverse, ln = DD(std::log(at.hi));
      for (DD const& term : {inverse, square, ln}) rising_.push_back(rising_[rising_.size() - 3] + term);
    }
    return &rising_[3 * k];
  };
  for (int i = 0; i < tile.rows; ++i) {
    double const w = prior_[i], y = y_[i], mu = at_.mu[i];
    double const ratio = (y - mu) / (theta + mu), log_ratio = -std::log1p(mu / theta);
    GammaSlopes slopes{0, 0};
    double likelihood = 0;
    if (y >= 0 && y <= most_rising && y == std::floor(y)) {
      DD const* const sums = sums_to(y);
      slopes = {sums[0].hi, sums[1].hi};
      likelihood = sums[2].hi - log_factorial(y) + (theta + y) * log_ratio + (y > 0 ? y * std::log(mu / theta) : 0);
    } else if (y > most_rising) {
      DD const* const sums = sums_to(most_rising);
      auto const more = gamma_slopes(theta + most_rising, y - most_rising);
      slopes = {sums[0].hi + more.psi, sums[1].hi + more.tri};
      likelihood = log_negative_binomial(y, mu, theta);
    } else if (y > 0) {
      slopes = gamma_slopes(theta, y);
      likelihood = log_negative_binomial(y, mu, theta);
    }
    sums_.theta_score += DD(w * (slopes.psi + log_ratio - ratio));
    sums_.theta_information += DD(w * (slopes.tri - 1 / theta + 2 / (mu + theta) - (y + theta) / ((mu + theta) * (mu + theta))));
    sums_.theta_likelihood += DD(w * likelihood);
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
  if (rows < end) {
    repeat_last(eta, rows);
    if (exact_) repeat_last(buffer(low_buffer), rows);
  }
  // mu, then weights and working residuals
  at_ = {buffer(mu_buffer), buffer(rest_buffer), buffer(slope_buffer)};
  RowNotes notes;
  notes.invalid += link_rows(spec_.family, eta, rows, at_);
  // Where means are far above the residuals, eta's rounding would be most of a deviance's changes.
  if (exact_ && !spec_.from_response && spec_.family.link == Link::identity) at_.low = buffer(low_buffer);
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
