// Stepwise selection for generalised linear models: every candidate is a fit of its own.
#include <algorithm>
#include <cmath>

#include "distributions.hpp"
#include "glm_stepwise.hpp"
#include "model_rows.hpp"
#include "rxhpc/errors.hpp"
#include "stepwise.hpp"

namespace rxhpc::impl {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// Fits candidates; scores as R's add1() and drop1() do, so that each search goes the way of R's step().
class RefitScorer final : public StepScorer {
 public:
  RefitScorer(const ChunkSource& source, const StepScope& scope, GlmOptions options, Communicator& comm, Timing& timing)
      : source_(source), scope_(scope), control_(*options.step), options_(std::move(options)), comm_(comm), timing_(timing) {
    options_.step.reset();
  }

  Glm fit(const std::vector<int>& terms) {
    auto text = formula_of(scope_, terms);
    for (auto const& o : scope_.formula.offsets) text += " + offset(" + deparse(*o) + ")";
    auto model = glm(source_, text, options_, comm_);
    timing_.read_s += model.timing.read_s;
    timing_.compute_s += model.timing.compute_s;
    timing_.merge_s += model.timing.merge_s;
    timing_.rows += model.timing.rows;
    timing_.bytes += model.timing.bytes;
    timing_.passes += model.timing.passes;
    return model;
  }

  StepScore move_to(const std::vector<int>& terms) override {
    terms_ = terms;
    now_ = fit(terms);
    if (std::isnan(now_.aic) && !control_.by_significance)
      throw UsageError("the family " + now_.family + " has no AIC to select terms by; --step-criterion sig-level needs none");
    return {now_.deviance, now_.df_residual, now_.aic + (control_.k - 2) * now_.rank};
  }
  StepScore with(int term) override {
    auto terms = terms_;
    terms.push_back(term);
    return score(fit(terms));
  }
  StepScore without(int term) override {
    auto terms = terms_;
    std::erase(terms, term);
    return score(fit(terms));
  }
  /// Chi-squared where the dispersion is fixed, else F with the larger model's deviance for it.
  double p_value(const StepScore& smaller, const StepScore& larger) const override {
    double const df = smaller.resid_df - larger.resid_df, change = std::max(0.0, smaller.deviance - larger.deviance);
    return now_.fixed_dispersion ? chi_squared_upper(change, df) : f_upper(change / df / (larger.deviance / larger.resid_df), df, larger.resid_df);
  }

 private:
  /// Differences to the current model in deviance over its dispersion, or in n ln(deviance) for gaussian.
  StepScore score(const Glm& m) const {
    double const observations = now_.df_residual + now_.rank, scale = control_.scale;
    bool const gaussian = now_.family == "gaussian" && scale == 0;
    double const dispersion = scale > 0 ? scale : now_.dispersion;
    double const fit = gaussian ? observations * std::log(m.deviance / now_.deviance) : (m.deviance - now_.deviance) / dispersion;
    return {m.deviance, m.df_residual, now_.aic + (control_.k - 2) * now_.rank + fit + control_.k * (m.rank - now_.rank)};
  }

  const ChunkSource& source_;
  const StepScope& scope_;
  StepControl control_;
  GlmOptions options_;
  Communicator& comm_;
  Timing& timing_;
  std::vector<int> terms_;
  Glm now_;
};

/// The coefficients of every step, each name where it first appears.
std::vector<StepCoefficients> coefficients_of(const std::vector<Glm>& models) {
  std::vector<StepCoefficients> out;
  for (std::size_t k = 0; k < models.size(); ++k)
    for (auto const& c : models[k].coefficients) {
      auto at = std::find_if(out.begin(), out.end(), [&](auto const& known) { return known.name == c.name; });
      if (at == out.end()) at = out.insert(out.end(), {c.name, std::vector<double>(models.size(), 0.0)});
      at->values[k] = c.aliased ? none : c.estimate;
    }
  return out;
}

/// Rows that are complete in all that the scope names, so that all candidates are fitted to the same ones.
std::string complete_rows(const StepScope& scope, const std::string& selection) {
  std::vector<std::string> names;
  auto const add = [&](const Expr& e) {
    for (auto const& n : names_in(e))
      if (std::find(names.begin(), names.end(), n) == names.end()) names.push_back(n);
  };
  for (auto const& t : scope.formula.terms)
    for (auto const& v : t.variables) add(*v);
  std::string all = selection.empty() ? "" : "(" + selection + ")";
  for (auto const& n : names) all += (all.empty() ? "" : " & ") + ("!is.na(" + quoted_name(n) + ")");
  return all;
}

}  // namespace

Glm glm_stepwise(const ChunkSource& source, std::string_view formula, const GlmOptions& options, Communicator& comm) {
  if (options.cube) throw UsageError("stepwise selection cannot be had with --cube");
  if (options.checkpoint || !options.resume.empty()) throw UsageError("a stepwise search has no checkpoints");
  RowSource const rows(source, options.rows);
  auto const base = model_formula(formula, rows.schema(), options.like_r);
  if (base.responses.size() != 1) throw UsageError("stepwise selection needs a formula with one response: 'y ~ ...'");
  auto const scope = step_scope(base, *options.step, options.like_r);
  Timing timing;
  // Rows that are missing count as such, though they are kept from the candidates by a selection.
  RefitScorer as_given(source, scope, options, comm, timing);
  std::vector<int> everything;
  for (int t = 0; t < static_cast<int>(scope.formula.terms.size()); ++t) everything.push_back(t);
  auto const whole = as_given.fit(everything);
  auto restricted = options;
  if (whole.n_missing_obs > 0) restricted.rows.row_selection = complete_rows(scope, options.rows.row_selection);
  RefitScorer scorer(source, scope, restricted, comm, timing);
  auto const path = search_steps(scope, *options.step, scorer);

  std::vector<Glm> models;
  for (std::size_t k = options.step->keep_coefs ? 0 : path.models.size() - 1; k < path.models.size(); ++k) models.push_back(scorer.fit(path.models[k]));
  auto model = models.back();
  model.selection = Selection{base.text, path.anova, options.step->keep_coefs ? coefficients_of(models) : std::vector<StepCoefficients>{}};
  model.n_missing_obs = whole.n_missing_obs;
  model.rows = options.rows;
  model.timing = timing;
  return model;
}

}  // namespace rxhpc::impl
