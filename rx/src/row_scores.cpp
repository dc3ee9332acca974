#include "row_scores.hpp"

#include <cmath>

#include "coefficient_covariance.hpp"

namespace rxhpc::impl {

RowScores::RowScores(const ScoredFit& fit, bool leverage)
    : family_(fit.family), response_(fit.response), weight_(fit.regression.spec.weight), offset_(fit.offset), leverage_(leverage) {
  auto const& sol = fit.solution;
  CoefficientCovariance c;
  if (leverage) c = coefficient_covariance([&](int i, int j) { return fit.inverse(i, j); }, sol);
  predictor_ = std::make_unique<LinearPredictor>(fit.regression.design, fit.regression.bound, fit.beta, square_rows(c.value), square_rows(c.low));
}

RowScores::Tile RowScores::tile() const {
  Tile t;
  t.terms = predictor_->tile(tile_rows);
  for (auto* v : {&t.score, &t.prior, &t.leverage, &t.eta, &t.y, &t.mu, &t.slope, &t.of_mu, &t.deviance}) v->assign(tile_rows, 1.0);
  return t;
}

void RowScores::compute(const Chunk& in, std::int64_t from, std::int64_t count, Tile& t) const {
  predictor_->compute(in, from, count, t.terms, t.eta.data(), leverage_ ? t.leverage.data() : nullptr);
  load_values(in.columns[response_], from, count, t.y.data());
  if (weight_ >= 0) load_values(in.columns[weight_], from, count, t.prior.data());
  // score = y - eta
  for (std::int64_t i = 0; i < count && !family_; ++i) t.score[i] = t.y[i] - t.eta[i];
  if (family_) {
    if (offset_ >= 0) {
      load_values(in.columns[offset_], from, count, t.score.data());
      for (std::int64_t i = 0; i < count; ++i) t.eta[i] += t.score[i];
    }
    // score = (y - mu) mu' / V, which for a canonical link is y - mu up to the ends of the range, where mu' and V vanish together
    bool const canonical = (family_->link == Link::logit && family_->variance == Variance::binomial) || (family_->link == Link::log && family_->variance == Variance::mu);
    int const n = static_cast<int>(count);
    glm_means(*family_, t.eta.data(), n, t.mu.data(), t.slope.data());
    glm_variances(*family_, t.y.data(), t.mu.data(), n, t.of_mu.data(), t.deviance.data());
    for (int i = 0; i < n; ++i) {
      double const ratio = canonical ? 1 : t.of_mu[i] > 0 ? t.slope[i] / t.of_mu[i] : 0;
      t.score[i] = (t.y[i] - t.mu[i]) * ratio;
      t.leverage[i] *= t.slope[i] * ratio;
    }
  }
  for (std::int64_t i = 0; i < count; ++i)
    if (!(t.prior[i] > 0)) t.score[i] = std::nan("");  // a weight of 0 is no row at all
}

}  // namespace rxhpc::impl
