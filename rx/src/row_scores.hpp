// What every row adds to the score equations of a fit, and how much it pulls the fit towards itself.
#pragma once
#include <memory>
#include <vector>

#include "linear_predictor.hpp"
#include "regression.hpp"
#include "rxhpc/glm_family.hpp"

namespace rxhpc::impl {

/// A finished fit as its scores need it.
struct ScoredFit {
  const Regression& regression;
  const RegressionSolution& solution;
  const DdMatrix& inverse;            ///< (X'WX)^-1 over the candidates
  bool exact = true;                  ///< its sums were in double-double
  std::vector<double> beta;           ///< [design columns], 0 where aliased
  int response = 0;                   ///< place in `regression.read`
  int offset = -1;                    ///< place in `regression.read`
  const GlmFamily* family = nullptr;  ///< null: a linear model
};

/// Of a row with linear predictor eta and mean mu: score (y - mu) mu' / V(mu) and leverage (mu'^2 / V(mu)) x'(X'WX)^-1 x, both as if its
/// prior weight were 1. Cost a row: a multiply-add a term; with leverages one a pair of terms.
class RowScores {
 public:
  RowScores(const ScoredFit& fit, bool leverage);

  static constexpr std::int64_t tile_rows = 1024;
  /// One thread's rows: terms as LinearPredictor has them, then [tile_rows] each.
  struct Tile {
    LinearPredictor::Tile terms;
    std::vector<double> score;  ///< NaN where the row takes no part
    std::vector<double> prior, leverage;
    std::vector<double> eta, y, mu, slope, of_mu, deviance;
  };
  Tile tile() const;
  /// Rows [from, from + count) of a chunk of `regression.read`.
  void compute(const Chunk& in, std::int64_t from, std::int64_t count, Tile& tile) const;

 private:
  const GlmFamily* family_;
  int response_, weight_, offset_;
  bool leverage_;
  std::unique_ptr<LinearPredictor> predictor_;
};

}  // namespace rxhpc::impl
