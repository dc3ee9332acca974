// Stepwise selection for generalised linear models: every candidate is a fit of its own, or all are scored by one.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "distributions.hpp"
#include "glm_stepwise.hpp"
#include "model_rows.hpp"
#include "regression.hpp"
#include "rxhpc/errors.hpp"
#include "stepwise.hpp"
#include "sweep_operator.hpp"

namespace rxhpc::impl {
namespace {

/// The formula of these terms, offsets included.
std::string text_of(const StepScope& scope, const std::vector<int>& terms) {
  auto text = formula_of(scope, terms);
  for (auto const& o : scope.formula.offsets) text += " + offset(" + deparse(*o) + ")";
  return text;
}

/// AIC with k for 2; R does not count theta.
double criterion(const Glm& m, const StepControl& control, bool own_theta) { return m.aic + (control.k - 2) * m.rank - (own_theta ? 2 : 0); }

/// Of a model with that deviance, beside `now`: differences in deviance over the dispersion, or in n ln(deviance) for gaussian.
StepScore score_beside(const Glm& now, double criterion_now, double deviance, double resid_df, const StepControl& control) {
  double const observations = now.df_residual + now.rank;
  bool const gaussian = now.family == "gaussian" && control.scale == 0;
  double const dispersion = control.scale > 0 ? control.scale : now.dispersion;
  double const fit = gaussian ? observations * std::log(deviance / now.deviance) : (deviance - now.deviance) / dispersion;
  return {deviance, resid_df, criterion_now + fit + control.k * (now.df_residual - resid_df)};
}

/// Chi-squared as R's add1() and drop1() have it, F with the larger model's deviance for the dispersion.
double p_value_beside(const Glm& now, const StepScore& smaller, const StepScore& larger, const StepControl& control) {
  double const df = smaller.resid_df - larger.resid_df, change = std::max(0.0, smaller.deviance - larger.deviance);
  if (uses_f_test(control, now.fixed_dispersion)) return f_upper(change / df / (larger.deviance / larger.resid_df), df, larger.resid_df);
  return chi_squared_upper(score_beside(now, 0, smaller.deviance, 0, control).aic - score_beside(now, 0, larger.deviance, 0, control).aic, df);
}

/// Where each fit of a search stands: what the search's checkpoint holds. A search that is resumed goes the same way; of fits that were done the last pass is
/// done again. The more there is to write, the less often it is written.
class FitStates {
 public:
  explicit FitStates(const GlmOptions& options) : write_(options.checkpoint) {
    if (options.resume.empty()) return;
    try {
      states_ = nlohmann::json::parse(options.resume).at("fits").get<std::map<std::string, std::string>>();
    } catch (const nlohmann::json::exception& e) {
      throw DataError(std::string("damaged checkpoint: ") + reason_of(e));
    }
    for (auto const& [name, state] : states_) bytes_ += state.size();
  }
  /// What else changes a fit's bits is the same for all fits of a search.
  void attach(GlmOptions& options, const std::string& formula) {
    auto const name = nlohmann::json{formula, options.family.theta.value_or(0.0), options.rows.row_selection}.dump();
    options.resume = states_.contains(name) ? states_[name] : "";
    if (!write_) return;
    options.checkpoint = [this, name](const std::string& state) {
      auto& known = states_[name];
      bytes_ += state.size() - known.size();
      known = state;
      if (++unwritten_ * bytes_a_pass < bytes_) return;
      unwritten_ = 0;
      write_(nlohmann::json{{"fits", states_}}.dump());
    };
  }

 private:
  static constexpr std::size_t bytes_a_pass = std::size_t{256} << 10;
  std::function<void(const std::string&)> write_;
  std::map<std::string, std::string> states_;
  std::size_t bytes_ = 0, unwritten_ = 0;
};

/// Fits candidates; scores as R's add1() and drop1() do, so that each search goes the way of R's step().
class RefitScorer final : public StepScorer {
 public:
  RefitScorer(const ChunkSource& source, const StepScope& scope, GlmOptions options, FitStates& states, Communicator& comm, Timing& timing)
      : source_(source), scope_(scope), control_(*options.step), options_(std::move(options)), states_(states), comm_(comm), timing_(timing) {
    options_.step.reset();
  }

  /// The model of these terms, in this order; each is fitted once, as a candidate or where the search goes.
  const Glm& fit(const std::vector<int>& terms) { return fit(terms, options_, fits_); }

  StepScore move_to(const std::vector<int>& terms) override {
    terms_ = terms;
    now_ = fit(terms);
    // Candidates have the theta of the model that they would follow: deviances at different ones cannot be compared.
    beside_ = options_;
    at_theta_.clear();
    if (own_theta()) beside_.family.theta = now_.theta;
    return {now_.deviance, now_.df_residual, criterion(now_, control_, own_theta())};
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
  double p_value(const StepScore& smaller, const StepScore& larger) const override { return p_value_beside(now_, smaller, larger, control_); }

 private:
  using Fits = std::map<std::vector<int>, Glm>;
  const Glm& fit(const std::vector<int>& terms, const GlmOptions& options, Fits& known) {
    auto const [at, fresh] = known.try_emplace(terms);
    if (!fresh) return at->second;
    auto one = options;
    states_.attach(one, text_of(scope_, terms));
    auto const& model = at->second = glm(source_, text_of(scope_, terms), one, comm_);
    add_timing(timing_, model.timing);
    return model;
  }
  const Glm& candidate(const std::vector<int>& terms) { return own_theta() ? fit(terms, beside_, at_theta_) : fit(terms); }
  bool own_theta() const { return now_.functions.variance == Variance::negative_binomial && !options_.family.theta; }

  StepScore score(const Glm& m) const { return score_beside(now_, criterion(now_, control_, own_theta()), m.deviance, m.df_residual, control_); }

  const ChunkSource& source_;
  const StepScope& scope_;
  StepControl control_;
  GlmOptions options_, beside_;
  FitStates& states_;
  Communicator& comm_;
  Timing& timing_;
  Fits fits_, at_theta_;
  std::vector<int> terms_;  // of the current model
  Glm now_;
};

/// Scores every candidate by one fit, that of all terms: the deviance of a submodel is larger by what its weighted sum of squares is, with the weights and the
/// working response of that fit (Lawless & Singhal, Biometrics 34 (1978), 318-327).
class OneFitScorer final : public StepScorer {
 public:
  OneFitScorer(const Glm& whole, SweepScorer quadratic, const std::vector<int>& everything, const StepControl& control, bool own_theta)
      : whole_(whole), quadratic_(std::move(quadratic)), control_(control), criterion_(criterion(whole, control, own_theta)),
        least_(quadratic_.move_to(everything).deviance) {}
  StepScore move_to(const std::vector<int>& terms) override { return score(quadratic_.move_to(terms)); }
  StepScore with(int term) override { return score(quadratic_.with(term)); }
  StepScore without(int term) override { return score(quadratic_.without(term)); }
  double p_value(const StepScore& smaller, const StepScore& larger) const override { return p_value_beside(whole_, smaller, larger, control_); }

 private:
  StepScore score(const StepScore& squares) const {
    return score_beside(whole_, criterion_, whole_.deviance + std::max(0.0, squares.deviance - least_), squares.resid_df, control_);
  }

  const Glm& whole_;
  SweepScorer quadratic_;
  StepControl control_;
  double criterion_, least_;
};

/// The working model's columns by the scope's terms.
SweepScorer quadratic_of(const WorkingModel& w, const StepScope& scope, const Glm& whole, const GlmOptions& options) {
  std::vector<std::vector<int>> columns(scope.formula.terms.size());
  std::vector<int> always, place(w.terms.size(), 0);
  for (std::size_t t = 0; t < columns.size(); ++t) {
    auto const at = std::find(w.terms.begin(), w.terms.end(), scope.formula.terms[t].label());
    if (at == w.terms.end()) throw Error(ErrorKind::other, "internal: a term of the scope is not in its fit");
    place[static_cast<std::size_t>(at - w.terms.begin())] = static_cast<int>(t);
  }
  for (std::size_t j = 0; j < w.term_of_column.size(); ++j) {
    int const term = w.term_of_column[j], at = static_cast<int>(j) + w.skip;
    (term < 0 ? always : columns[static_cast<std::size_t>(place[static_cast<std::size_t>(term)])]).push_back(at);
  }
  return {w.gram, std::move(columns), std::move(always), options.like_r ? r_rank_tolerance : rank_tolerance, whole.df_residual + whole.rank, *options.step};
}

}  // namespace

Glm glm_stepwise(const ChunkSource& source, std::string_view formula, const GlmOptions& options, Communicator& comm) {
  if (options.cube) throw UsageError("stepwise selection cannot be had with --cube");
  RowSource const rows(source, options.rows);
  auto const base = model_formula(formula, rows.schema(), options.like_r);
  if (base.responses.empty()) throw UsageError("stepwise selection needs a formula with a response: 'y ~ ...'");
  auto const scope = step_scope(base, *options.step, options.like_r);
  Timing timing;
  // Rows that are missing count as such, though they are kept from the candidates by a selection.
  std::vector<int> everything(scope.formula.terms.size());
  std::iota(everything.begin(), everything.end(), 0);
  auto of_everything = options;
  of_everything.step.reset();
  of_everything.cov_data = false;
  FitStates states(options);
  states.attach(of_everything, text_of(scope, everything));
  WorkingModel working;
  auto const whole = glm_with_working_model(source, text_of(scope, everything), of_everything, comm, working);
  add_timing(timing, whole.timing);
  auto restricted = options;
  if (whole.n_missing_obs > 0) restricted.rows.row_selection = complete_rows(scope, options.rows.row_selection, options.cluster);
  auto candidate = restricted;  // what takes passes of its own is the last model's matter
  candidate.robust.clear();
  candidate.cluster.clear();
  candidate.cov_data = false;
  RefitScorer scorer(source, scope, candidate, states, comm, timing);
  bool const own_theta = whole.functions.variance == Variance::negative_binomial && !options.family.theta;
  if (std::isnan(whole.aic) && !options.step->by_significance)
    throw UsageError("the family " + whole.family + " has no AIC to select terms by; --step-criterion sig-level needs none");
  StepPath path;
  if (options.step->refit_each_step) {
    path = search_steps(scope, *options.step, scorer);
  } else {
    if (!working.stands)
      throw NumericalError("the fit of all terms, '" + text_of(scope, everything) +
                           "', did not converge, or its coefficients run away: its weights say nothing of other models; --refit-each-step true fits each of them");
    OneFitScorer by_one_fit(whole, quadratic_of(working, scope, whole, options), everything, *options.step, own_theta);
    path = search_steps(scope, *options.step, by_one_fit);
  }

  bool const as_candidate = options.robust.empty() && options.cluster.empty() && !options.cov_data;
  auto model = as_candidate ? scorer.fit(path.models.back()) : RefitScorer(source, scope, restricted, states, comm, timing).fit(path.models.back());
  model.selection = Selection{base.text, path.anova, {}};
  for (std::size_t k = 0; options.step->keep_coefs && k < path.models.size(); ++k)
    for (auto const& c : scorer.fit(path.models[k]).coefficients) add_step_coefficient(model.selection->coefs, k, path.models.size(), c);
  model.n_missing_obs = whole.n_missing_obs;
  model.rows.row_selection = options.rows.row_selection;
  model.timing = timing;
  return model;
}

}  // namespace rxhpc::impl
