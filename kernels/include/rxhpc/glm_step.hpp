// One step of iteratively reweighted least squares in one visit of the rows.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "rxhpc/cross_products.hpp"
#include "rxhpc/glm_family.hpp"

namespace rxhpc {

namespace impl {
class GlmTile;
}

struct GlmStepSpec {
  /// Terms, one response, prior weights. Its responses' shift must be 0.
  CrossProductSpec products;
  bool has_offset = false;        ///< the first of products.carried
  GlmFamily family;
  /// Coefficients of the expanded columns, of the unshifted variables, [columns - 1] high and low parts.
  std::vector<double> beta, beta_low;
  bool from_response = false;     ///< take mu from the response by the family's start rule, not from beta (which is 0 then)
  bool unit_weights_start = false; ///< the start rule takes w = 1 (frequency weights)
  bool constants = false;         ///< also the sums that do not depend on beta: weighted_y, likelihood
  bool row_likelihood = false;    ///< also `row_likelihood`: binomial with numbers of trials
  int trials = -1;                ///< which of products.carried holds them, the prior weights being these times something; -1: the prior weights do
  enum class Null { none, mean, linear } null = Null::none;
  double null_value = 0;          ///< mean: the mu of every row; linear: added to the offset
  int tile_step = 1;              ///< use only every so-manieth tile of a chunk
};

/// Sums over the rows used, in double-double.
struct GlmSums {
  DD deviance;
  DD null_deviance, null_weight, null_score;  ///< of the model with one number: deviance, sum w, sum w z
  DD weight, weighted_y;                      ///< sum of prior weights, and times y
  DD likelihood;                              ///< the family's LikelihoodTerm
  DD row_likelihood;
  DD theta_score, theta_information;          ///< negative binomial: first derivative of the log likelihood, minus the second
  DD theta_likelihood;                        ///< negative binomial: the log likelihood
};

/// Accumulator. State: that of CrossProducts for the columns and the working residual z = (y - mu) dη/dμ, weighted by
/// w = prior (dμ/dη)^2 / V(mu), and GlmSums. So gram() is [X'WX, X'Wz; z'Wz] at beta: the step to the next beta is the solution of
/// X'WX d = X'Wz, and z'Wz is Pearson's chi-squared. (McCullagh & Nelder, Generalized Linear Models, 2nd ed., section 2.5.)
/// Deviances and sums are compensated. A row costs what it costs CrossProducts, a multiply-add a term for eta (a look-up a factor term)
/// and a few vector functions of the link and the variance.
class GlmStep {
 public:
  explicit GlmStep(GlmStepSpec spec);
  GlmStep(const GlmStep& other);
  GlmStep& operator=(const GlmStep& other);
  ~GlmStep();
  void reset();
  void update(const Chunk& chunk);
  void update_rows(const Chunk& chunk, std::int64_t first, std::int64_t rows);  ///< see PiecewiseAccumulator
  void finish_rows(const Chunk& chunk);
  std::size_t packed_size() const;
  void pack(std::span<double> out) const;
  void unpack(std::span<double const> in);
  void merge(std::span<double> into, std::span<double const> from) const;

  const CrossProducts& products() const { return products_; }
  const GlmSums& sums() const { return sums_; }
  std::int64_t n_invalid() const { return counts_[0]; }       ///< rows whose eta or mu the link or the variance cannot have
  std::int64_t n_out_of_range() const { return counts_[1]; }  ///< rows whose response the family cannot have
  std::int64_t n_at_bound() const { return counts_[2]; }      ///< rows whose mu is numerically 0 or, in binomial families, 1
  std::int64_t n_fractional() const { return counts_[3]; }    ///< binomial, `constants`: rows whose prior weight, or times y, is no whole number

 private:
  GlmStepSpec spec_;
  CrossProducts products_;
  GlmSums sums_;
  std::int64_t counts_[4] = {};
  std::unique_ptr<impl::GlmTile> tile_;  // of the chunk being added; never copied
};

static_assert(PiecewiseAccumulator<GlmStep>);

}  // namespace rxhpc
