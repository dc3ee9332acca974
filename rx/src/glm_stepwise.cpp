// Stepwise selection for generalised linear models: every candidate is a fit of its own.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "distributions.hpp"
#include "glm_stepwise.hpp"
#include "model_rows.hpp"
#include "rxhpc/errors.hpp"
#include "stepwise.hpp"

namespace rxhpc::impl {
namespace {

/// Fits candidates; scores as R's add1() and drop1() do, so that each search goes the way of R's step().
class RefitScorer final : public StepScorer {
 public:
  RefitScorer(const ChunkSource& source, const StepScope& scope, GlmOptions options, Communicator& comm, Timing& timing)
      : source_(source), scope_(scope), control_(*options.step), options_(std::move(options)), comm_(comm), timing_(timing) {
    options_.step.reset();
  }

  /// The model of these terms, in this order; each is fitted once, as a candidate or where the search goes.
  const Glm& fit(const std::vector<int>& terms) { return fit(terms, options_, fits_); }

  /// Its formula, offsets included.
  std::string text_of(const std::vector<int>& terms) const {
    auto text = formula_of(scope_, terms);
    for (auto const& o : scope_.formula.offsets) text += " + offset(" + deparse(*o) + ")";
    return text;
  }

  StepScore move_to(const std::vector<int>& terms) override {
    terms_ = terms;
    now_ = fit(terms);
    // Candidates have the theta of the model that they would follow: deviances at different ones cannot be compared.
    beside_ = options_;
    at_theta_.clear();
    if (own_theta()) beside_.family.theta = now_.theta;
    if (std::isnan(now_.aic) && !control_.by_significance)
      throw UsageError("the family " + now_.family + " has no AIC to select terms by; --step-criterion sig-level needs none");
    return {now_.deviance, now_.df_residual, criterion()};
  }
  StepScore with(int term) override {
    auto terms = terms_;
    terms.push_back(term);
    return score(candidate(terms));
  }
  StepScore without(int term) override {
    auto terms = terms_;
    std::erase(terms, term);
    return score(candidate(terms));
  }
  /// Chi-squared where the dispersion is fixed, else F with the larger model's deviance for it.
  double p_value(const StepScore& smaller, const StepScore& larger) const override {
    double const df = smaller.resid_df - larger.resid_df, change = std::max(0.0, smaller.deviance - larger.deviance);
    return now_.fixed_dispersion ? chi_squared_upper(change, df) : f_upper(change / df / (larger.deviance / larger.resid_df), df, larger.resid_df);
  }

 private:
  using Fits = std::map<std::vector<int>, Glm>;
  const Glm& fit(const std::vector<int>& terms, const GlmOptions& options, Fits& known) {
    auto const [at, fresh] = known.try_emplace(terms);
    if (!fresh) return at->second;
    auto const& model = at->second = glm(source_, text_of(terms), options, comm_);
    add_timing(timing_, model.timing);
    return model;
  }
  const Glm& candidate(const std::vector<int>& terms) { return own_theta() ? fit(terms, beside_, at_theta_) : fit(terms); }
  bool own_theta() const { return now_.functions.variance == Variance::negative_binomial && !options_.family.theta; }
  /// AIC with k for 2; R does not count theta.
  double criterion() const { return now_.aic + (control_.k - 2) * now_.rank - (own_theta() ? 2 : 0); }

  /// Differences to the current model in deviance over its dispersion, or in n ln(deviance) for gaussian.
  StepScore score(const Glm& m) const {
    double const observations = now_.df_residual + now_.rank, scale = control_.scale;
    bool const gaussian = now_.family == "gaussian" && scale == 0;
    double const dispersion = scale > 0 ? scale : now_.dispersion;
    double const fit = gaussian ? observations * std::log(m.deviance / now_.deviance) : (m.deviance - now_.deviance) / dispersion;
    return {m.deviance, m.df_residual, criterion() + fit + control_.k * (m.rank - now_.rank)};
  }

  const ChunkSource& source_;
  const StepScope& scope_;
  StepControl control_;
  GlmOptions options_, beside_;
  Communicator& comm_;
  Timing& timing_;
  Fits fits_, at_theta_;
  std::vector<int> terms_;  // of the current model
  Glm now_;
};

}  // namespace

Glm glm_stepwise(const ChunkSource& source, std::string_view formula, const GlmOptions& options, Communicator& comm) {
  if (options.cube) throw UsageError("stepwise selection cannot be had with --cube");
  if (options.checkpoint || !options.resume.empty()) throw UsageError("a stepwise search has no checkpoints");
  RowSource const rows(source, options.rows);
  auto const base = model_formula(formula, rows.schema(), options.like_r);
  if (base.responses.empty()) throw UsageError("stepwise selection needs a formula with a response: 'y ~ ...'");
  auto const scope = step_scope(base, *options.step, options.like_r);
  Timing timing;
  // Rows that are missing count as such, though they are kept from the candidates by a selection.
  std::vector<int> everything(scope.formula.terms.size());
  std::iota(everything.begin(), everything.end(), 0);
  auto const whole = RefitScorer(source, scope, options, comm, timing).fit(everything);
  auto restricted = options;
  if (whole.n_missing_obs > 0) restricted.rows.row_selection = complete_rows(scope, options.rows.row_selection, options.cluster);
  auto candidate = restricted;  // robust errors are the last model's matter
  candidate.robust.clear();
  candidate.cluster.clear();
  RefitScorer scorer(source, scope, candidate, comm, timing);
  auto const path = search_steps(scope, *options.step, scorer);

  auto model = options.robust.empty() && options.cluster.empty() ? scorer.fit(path.models.back())
                                                                 : RefitScorer(source, scope, restricted, comm, timing).fit(path.models.back());
  model.selection = Selection{base.text, path.anova, {}};
  for (std::size_t k = 0; options.step->keep_coefs && k < path.models.size(); ++k)
    for (auto const& c : scorer.fit(path.models[k]).coefficients) add_step_coefficient(model.selection->coefs, k, path.models.size(), c);
  model.n_missing_obs = whole.n_missing_obs;
  model.rows.row_selection = options.rows.row_selection;
  model.timing = timing;
  return model;
}

}  // namespace rxhpc::impl
