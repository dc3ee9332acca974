#include "rxhpc/lin_mod.hpp"

#include <algorithm>
#include <cmath>

#include "coefficient_covariance.hpp"
#include "cube_predictions.hpp"
#include "data_covariance.hpp"
#include "distributions.hpp"
#include "model_rows.hpp"
#include "regression.hpp"
#include "robust.hpp"
#include "rxhpc/dd_matrix.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/moments.hpp"
#include "sequential_anova.hpp"
#include "stepwise.hpp"
#include "sweep_operator.hpp"
#include "variance_inflation.hpp"

namespace rxhpc {
namespace {

using impl::Regression;

constexpr double log_two_pi = 1.8378770664093454836;
constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// Sum of log(w) over the rows used: the one part of R's log likelihood that cross products do not hold.
double sum_log_weights(Regression& r, const FitOptions& options, Communicator& comm, Timing& timing) {
  auto const w = quoted_name(options.pweights);
  auto const expression = "ifelse(" + w + " > 0, log(" + w + "), NA)";
  CellMoments::Spec spec;
  auto read = r.read;
  for (int k = 0; k < static_cast<int>(read.size()); ++k) spec.also_present.push_back(k);
  spec.value = static_cast<int>(read.size());
  read.push_back(r.rows.derive(*parse_expression(expression), expression));
  auto const state = sweep(r.rows, read, CellMoments(spec), options.run, comm, &timing).finalize();
  return static_cast<double>((DD(state[0].base.mean) + DD(state[0].base.mean_lo)) * DD(static_cast<double>(state[0].base.n)));
}

/// `robust`: the covariance over the candidates that standard errors come from; null for the classical one.
ResponseFit fit_response(const Regression& r, const impl::RegressionFit& fit, int y, double df, double observations, double log_weights,
                         const DdMatrix* robust, const FitOptions& options) {
  auto const& s = fit.sums;
  auto const& sol = fit.solution;
  auto const& inv = fit.inverse;
  ResponseFit f;
  f.name = deparse(*r.formula.responses[y]);
  int const column = sol.candidates + y, at = s.gram.n - static_cast<int>(r.spec.responses.size()) + y;
  DD rss = residual(sol.factor, sol.gram, column, column);
  if (rss.hi < 0) rss = DD(0);
  DD const raw = s.gram(at, at), about_mean = raw - s.gram(0, at) * s.gram(0, at) / s.gram(0, 0);
  DD const variance = df > 0 ? rss / DD(df) : DD(none);
  auto const covariance = [&](int i, int j) { return robust ? (*robust)(i, j) : inv(i, j) * variance; };
  auto const beta = solve(sol.factor, sol.candidates, column);
  // What the response's last digits alone could be, where nothing is left over to tell them by.
  auto const is_rounding = [&](int k) { return std::abs(static_cast<double>(beta[k])) * std::sqrt(sol.gram(k, k).hi) <= 0x1p-50 * std::sqrt(raw.hi); };

  f.coefficients.resize(sol.columns.size());
  for (std::size_t j = 0; j < sol.columns.size(); ++j)
    f.coefficients[j] = {options.like_r ? sol.columns[j].r_name : sol.columns[j].name, none, none, none, none, true};
  for (int k = 0; k < sol.candidates; ++k) {
    if (sol.factor.aliased[k]) continue;
    auto& c = f.coefficients[sol.order[k]];
    DD const error = df > 0 ? sqrt(covariance(k, k)) : DD(none);
    c.aliased = false;
    c.estimate = static_cast<double>(beta[k]);
    c.std_error = static_cast<double>(error);
    c.t_value = error.hi != 0 ? static_cast<double>(beta[k] / error) : is_rounding(k) ? none : c.estimate / 0.0;
    c.p_value = impl::t_two_sided(c.t_value, df);
  }
  f.residual_squares = static_cast<double>(rss);
  f.total_squares = static_cast<double>(raw);
  f.y_var = static_cast<double>(about_mean);
  f.sigma = static_cast<double>(df > 0 ? sqrt(variance) : DD(none));
  // A cube's tests are those of the same model with an intercept.
  bool const centred = r.design.intercept || r.design.cube;
  DD const total = centred ? about_mean : raw;
  double const num_df = sol.factor.rank - (centred ? 1 : 0);
  bool const constant = num_df > 0 && !(total.hi > 0x1p-100 * raw.hi);
  if (num_df > 0 && !constant) {
    f.r_squared = total.hi > 0 ? static_cast<double>(DD(1) - rss / total) : none;
    f.adj_r_squared = df > 0 && total.hi > 0 ? static_cast<double>(DD(1) - (rss / total) * DD((observations - (centred ? 1 : 0)) / df)) : none;
    double const value = df > 0 ? (rss.hi > 0 ? static_cast<double>((total - rss) / DD(num_df) / variance) : INFINITY) : none;
    f.f = {value, num_df, df, impl::f_upper(value, num_df, df)};
  } else {
    f.r_squared = f.adj_r_squared = constant ? none : 0;
    f.f = {none, std::max(0.0, num_df), df, none};
  }
  f.log_likelihood = 0.5 * (log_weights - observations * (log_two_pi + 1 - std::log(observations) + std::log(f.residual_squares)));
  f.aic = -2 * f.log_likelihood + 2 * (sol.factor.rank + 1);
  if (options.cov_coef) {
    auto c = impl::coefficient_covariance(covariance, sol);
    f.cov_coef = std::move(c.value);
    f.cov_coef_low = std::move(c.low);
  }
  return f;
}

/// The model of some terms out of a scope's sums: its own design, and the rows and columns of the cross products that it has.
struct Submodel {
  Regression regression;  ///< its rows are never read
  impl::RegressionSums sums;
  /// `terms`: positions in the scope's formula.
  Submodel(const ChunkSource& source, const Regression& r, const impl::RegressionSums& s, const std::vector<int>& terms);
};

Submodel::Submodel(const ChunkSource& source, const Regression& r, const impl::RegressionSums& s, const std::vector<int>& terms)
    : regression{RowSource(source, r.rows.options()), r.formula, {}, {}, {}, r.spec, r.dense} {
  auto& design = regression.design;
  design.intercept = r.design.intercept;
  design.inputs = r.design.inputs;
  std::vector<int> wanted;  // terms of r.design
  if (design.intercept) wanted.push_back(0);
  for (int t : terms) wanted.push_back(t + design.intercept);
  std::vector<std::int64_t> first{0};
  for (int t = 0; t < static_cast<int>(r.design.terms.size()); ++t) first.push_back(first.back() + r.design.cells(t));
  std::vector<int> at, known;
  if (r.skip()) at.push_back(0);
  for (int t : wanted) {
    ModelTerm term;
    for (int v : r.design.terms[t].variables) {
      auto const found = std::find(known.begin(), known.end(), v);
      term.variables.push_back(static_cast<int>(found - known.begin()));
      if (found != known.end()) continue;
      known.push_back(v);
      design.variables.push_back(r.design.variables[v]);
      sums.level_in_use.push_back(s.level_in_use[v]);
    }
    design.terms.push_back(std::move(term));
    for (auto j = first[t]; j < first[t + 1]; ++j) {
      at.push_back(static_cast<int>(j) + r.skip());
      sums.cell_in_use.push_back(s.cell_in_use[j]);
    }
  }
  at.push_back(s.gram.n - 1);
  sums.gram = DdMatrix(static_cast<int>(at.size()));
  for (int i = 0; i < sums.gram.n; ++i)
    for (int j = 0; j < sums.gram.n; ++j) sums.gram.set(i, j, s.gram(at[i], at[j]));
  sums.n_valid = s.n_valid;
  sums.n_missing = s.n_missing;
  sums.weight_sum = s.weight_sum;
}

impl::RegressionFit fit_submodel(const Submodel& m, const FitOptions& options) {
  impl::RegressionFit fit;
  fit.sums = m.sums;
  fit.solution = impl::solve_design(m.regression, m.sums, options);
  fit.inverse = inverse(fit.solution.factor, fit.solution.candidates, m.regression.workers);
  fit.condition = impl::condition_of(m.regression, m.sums, fit.solution, fit.inverse);
  return fit;
}

/// The cells of a cube. Everything stands in the sums that the fit came from.
CountDF count_df(const Regression& r, const impl::RegressionFit& fit, const FitOptions& options) {
  auto out = impl::count_cells(r, fit.sums, r.spec.weight >= 0);
  for (auto const& y : r.formula.responses) out.responses.push_back(deparse(*y));
  if (!options.cube_predictions && !impl::cells_alone(r)) return out;
  auto const& sol = fit.solution;
  for (int y = 0; y < static_cast<int>(r.spec.responses.size()); ++y) {
    auto const solved = solve(sol.factor, sol.candidates, sol.candidates + y);
    std::vector<DD> beta(sol.columns.size(), DD(0));
    for (int k = 0; k < sol.candidates; ++k)
      if (!sol.factor.aliased[k]) beta[static_cast<std::size_t>(sol.order[k])] = solved[k];
    out.means.push_back(impl::predict_cells(r, fit.sums, beta, DD(0)));
  }
  return out;
}

double observations_of(const impl::RegressionSums& sums, const FitOptions& options) {
  return options.fweights.empty() ? static_cast<double>(sums.n_valid) : static_cast<double>(sums.weight_sum);
}

/// Fills in what belongs to the fit of `r`. `robust`: [responses] covariances, or none.
void finish(LinMod& model, Regression& r, const impl::RegressionFit& fit, double log_weights, const std::vector<DdMatrix>& robust, const FitOptions& options) {
  auto const& sums = fit.sums;
  model.condition_number = fit.condition;
  model.exact = fit.exact;
  model.n_valid_obs = sums.n_valid;
  model.n_missing_obs = sums.n_missing;
  model.weight_sum = static_cast<double>(sums.weight_sum);
  model.rank = fit.solution.factor.rank;
  double const observations = observations_of(sums, options);
  model.df_residual = observations - model.rank;
  impl::check_frequencies(options, observations, model.rank, model.warnings);
  for (int y = 0; y < static_cast<int>(r.spec.responses.size()); ++y) {
    model.fits.push_back(fit_response(r, fit, y, model.df_residual, observations, log_weights, robust.empty() ? nullptr : &robust[y], options));
    model.fits.back().expression = deparse(*r.rows.pinned(r.formula.responses[y]));
    add_inputs(r.design.inputs, r.rows, model.fits.back().expression);
  }
  for (auto const& f : model.fits)  // R's measure of it, of the response instead of the fitted values
    if (model.df_residual > 0 && f.residual_squares / model.df_residual < 1e-30 * f.total_squares / observations)
      model.warnings.push_back("essentially perfect fit of " + f.name + ": its standard errors and tests say little more than how it was rounded");
  for (std::size_t y = 0; options.anova && y < model.fits.size(); ++y)
    model.fits[y].anova = impl::sequential_anova(r, fit, static_cast<int>(y), model.df_residual, options.like_r ? impl::r_rank_tolerance : impl::rank_tolerance);
  if (r.design.cube) model.count_df = count_df(r, fit, options);
  if (options.cov_data) model.cov_data = impl::data_covariance(r, sums);
  if (options.vif) model.vif = impl::variance_inflation(r, fit);
  model.not_estimable = fit.solution.candidates - fit.solution.factor.rank;
  if (auto const note = impl::dropped_note(model.not_estimable); !note.empty()) model.warnings.push_back(note);
  model.design = std::move(r.design);
  impl::note_unused_levels(model.design, sums);
}

/// The coefficients of every step, each name where it first appears.
std::vector<StepCoefficients> coefficients_of_steps(const ChunkSource& source, const Regression& r, const impl::RegressionSums& sums,
                                                    const impl::StepPath& path, const FitOptions& options) {
  std::vector<StepCoefficients> out;
  std::size_t const steps = path.models.size();
  for (std::size_t k = 0; k < steps; ++k) {
    Submodel m(source, r, sums, path.models[k]);
    LinMod one;
    finish(one, m.regression, fit_submodel(m, options), 0, {}, options);
    for (auto const& c : one.fits[0].coefficients) impl::add_step_coefficient(out, k, steps, c);
  }
  return out;
}

/// Collective. Chooses terms from one exact pass over all that the scope names, and fits the model chosen from the same sums.
void fit_stepwise(const ChunkSource& source, Regression& r, const impl::StepScope& scope, const FitOptions& options, Communicator& comm, LinMod& model) {
  auto spec = r.spec;
  spec.precision = Precision::exact;
  auto const sums = impl::sweep_sums(r, spec, options, comm, model.timing);
  std::vector<std::vector<int>> columns(scope.formula.terms.size());
  std::vector<int> always;
  auto const all = r.design.columns();
  for (int j = 0; j < static_cast<int>(all.size()); ++j) {
    int const term = all[j].term - r.design.intercept;
    (term < 0 ? always : columns[term]).push_back(j + r.skip());
  }
  auto const& control = *options.step;
  impl::SweepScorer scorer(sums.gram, std::move(columns), std::move(always), options.like_r ? impl::r_rank_tolerance : impl::rank_tolerance,
                           observations_of(sums, options), control);
  auto const path = impl::search_steps(scope, control, scorer);
  Selection selection{r.formula.text, path.anova, {}};
  if (control.keep_coefs) selection.coefs = coefficients_of_steps(source, r, sums, path, options);
  double const log_weights = options.pweights.empty() ? 0 : sum_log_weights(r, options, comm, model.timing);
  if (options.robust.empty()) {
    Submodel chosen(source, r, sums, path.models.back());
    finish(model, chosen.regression, fit_submodel(chosen, options), log_weights, {}, options);
    model.formula = impl::formula_of(scope, path.models.back());
  } else {
    // Scores need the rows again: the model chosen is fitted anew to the same ones.
    auto of_rows = options;
    of_rows.step.reset();
    if (sums.n_missing > 0) of_rows.rows.row_selection = impl::complete_rows(scope, options.rows.row_selection, options.cluster);
    auto const searched = model.timing;
    model = lin_mod(source, impl::formula_of(scope, path.models.back()), of_rows, comm);
    model.n_missing_obs = sums.n_missing;
    impl::add_timing(model.timing, searched);
  }
  model.selection = std::move(selection);
}

/// Collective. The covariances of each response's coefficients over the candidates, where robust ones are asked for.
std::vector<DdMatrix> robust_covariances(const Regression& r, const impl::RegressionFit& fit, int cluster, const FitOptions& options, Communicator& comm, LinMod& model) {
  std::vector<DdMatrix> all;
  auto const& sol = fit.solution;
  for (std::size_t y = 0; y < r.spec.responses.size() && !options.robust.empty(); ++y) {
    impl::ScoredFit scored{r, sol, fit.inverse, fit.exact, std::vector<double>(sol.columns.size(), 0.0), r.spec.responses[y]};
    auto const beta = solve(sol.factor, sol.candidates, sol.candidates + static_cast<int>(y));
    for (int k = 0; k < sol.candidates; ++k) scored.beta[sol.order[k]] = static_cast<double>(beta[k]);
    all.push_back(impl::robust_covariance(scored, observations_of(fit.sums, options), cluster, options, comm, model.timing, model.robust));
  }
  return all;
}

}  // namespace

LinMod lin_mod(const ChunkSource& source, std::string_view text, const FitOptions& given, Communicator& comm) {
  auto options = given;
  if (options.cube && (options.cov_coef || options.step)) throw UsageError("--cov-coef and stepwise selection cannot be had with --cube");
  if (options.cube && options.anova) throw UsageError("--anova cannot be had with --cube");
  impl::check_robust(options);
  LinMod model;
  Regression r{RowSource(source, options.rows), {}, {}, {}, {}, {}, 0};
  impl::use_sweep_for_ranges(r.rows, options.run, comm);
  if (options.step) {
    auto const base = impl::model_formula(text, r.rows.schema(), options.like_r);
    if (base.responses.size() != 1) throw UsageError("stepwise selection needs a formula with one response: 'y ~ ...'");
    auto const scope = impl::step_scope(base, *options.step, options.like_r);
    impl::resolve_terms(r, scope.formula, options);
    if (!r.formula.offsets.empty()) throw impl::no_offset(r.formula);
    impl::resolve_cluster(r, options.cluster);
    impl::check_cov_data(r, options);
    fit_stepwise(source, r, scope, options, comm, model);
  } else {
    impl::resolve(r, text, options);
    if (!r.formula.offsets.empty()) throw impl::no_offset(r.formula);
    int const cluster = impl::resolve_cluster(r, options.cluster);
    impl::check_cov_data(r, options);
    auto const fit = impl::fit_from_sums(r, options, comm, model.timing);
    double const log_weights = options.pweights.empty() ? 0 : sum_log_weights(r, options, comm, model.timing);
    model.formula = r.formula.text;
    auto const robust = robust_covariances(r, fit, cluster, options, comm, model);
    finish(model, r, fit, log_weights, robust, options);
  }
  model.rows = r.rows.options();
  model.pweights = options.pweights;
  model.fweights = options.fweights;
  model.like_r = options.like_r;
  return model;
}

}  // namespace rxhpc
