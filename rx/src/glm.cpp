#include "rxhpc/glm.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "coefficient_covariance.hpp"
#include "cube_predictions.hpp"
#include "data_covariance.hpp"
#include "distributions.hpp"
#include "glm_driver.hpp"
#include "glm_response.hpp"
#include "glm_stepwise.hpp"
#include "model_rows.hpp"
#include "robust.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc {
namespace {

using impl::GlmDriver;
using impl::NamedFamily;
using Likelihood = NamedFamily::Likelihood;

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr double log_two_pi = 1.8378770664093454836;

/// R's logLik of the family at the deviance; `parameters` counts a dispersion that the family estimates.
double log_likelihood_of(const NamedFamily& family, const GlmDriver& driver, double deviance, double observations, bool frequency, int& parameters) {
  double const weight = static_cast<double>(driver.state.weight), term = static_cast<double>(driver.state.likelihood);
  switch (family.likelihood) {
    case Likelihood::none: return none;
    case Likelihood::gaussian:
      ++parameters;
      return 0.5 * ((frequency ? 0 : term) - observations * (std::log(deviance / observations) + log_two_pi + 1));
    case Likelihood::gamma: {
      ++parameters;
      int sign = 0;
      double const shape = weight / deviance;
      return shape * (-deviance / 2 - weight) - term + weight * (shape * std::log(shape) - lgamma_r(shape, &sign));
    }
    case Likelihood::inverse_gaussian:
      ++parameters;
      return -0.5 * (weight * (std::log(deviance / weight) + log_two_pi + 1) + 3 * term);
    case Likelihood::poisson:
      return driver.state.fractional > 0 ? -INFINITY : -deviance / 2 + term;
    case Likelihood::binomial: {
      bool const by_row = driver.last.of_rows.row_likelihood.hi != 0;
      return by_row ? static_cast<double>(driver.last.of_rows.row_likelihood) : -deviance / 2;
    }
    case Likelihood::negative_binomial:
      parameters += family.estimate_theta;
      return static_cast<double>(driver.last.of_rows.theta_likelihood);
  }
  return none;
}

/// The names of coefficients without a limit. Only where a mean has one that eta has not can there be such.
std::vector<std::string> runaways(const Glm& model, const GlmDriver& driver) {
  std::vector<std::string> names;
  auto const v = model.functions.variance;
  bool const counts = v == Variance::mu || v == Variance::power || v == Variance::negative_binomial;
  if (v != Variance::binomial && !(counts && model.functions.link == Link::log)) return names;
  for (auto j : driver.runaways())
    if (!model.coefficients[j].aliased) names.push_back(model.coefficients[j].name);
  return names;
}

/// `robust`: the covariance over the candidates that standard errors come from; null for the classical one.
void fill_coefficients(Glm& model, const GlmDriver& driver, const DdMatrix* robust, const GlmOptions& options, int skip) {
  auto const& solution = driver.last.solution;
  auto const& inverse = driver.last.inverse;
  auto const columns = solution.columns.size();
  auto const covariance = [&](int i, int j) { return robust ? (*robust)(i, j) : inverse(i, j) * DD(model.dispersion); };
  model.coefficients.resize(columns);
  for (std::size_t j = 0; j < columns; ++j) {
    auto& c = model.coefficients[j];
    c.name = options.like_r ? solution.columns[j].r_name : solution.columns[j].name;
    c.estimate = c.std_error = c.t_value = c.p_value = c.conf_low = c.conf_high = none;
    c.aliased = true;
  }
  double const quantile = model.normal ? impl::normal_quantile_two_sided(options.conf_level) : impl::t_quantile_two_sided(options.conf_level, model.df_residual);
  for (int k = 0; k < solution.candidates; ++k) {
    auto& c = model.coefficients[static_cast<std::size_t>(solution.order[k])];
    c.aliased = false;
    c.estimate = static_cast<double>(driver.state.beta[static_cast<std::size_t>(solution.order[k] + skip)]);
    if (solution.factor.aliased[k]) continue;  // at the last weights alone: an estimate without an error
    c.std_error = std::isnan(model.dispersion) ? none : static_cast<double>(sqrt(covariance(k, k)));
    c.t_value = c.estimate / c.std_error;
    c.p_value = model.normal ? impl::normal_two_sided(c.t_value) : impl::t_two_sided(c.t_value, model.df_residual);
    c.conf_low = c.estimate - quantile * c.std_error;
    c.conf_high = c.estimate + quantile * c.std_error;
  }
  if (!options.cov_coef) return;
  auto c = impl::coefficient_covariance(covariance, solution);
  model.cov_coef = std::move(c.value);
  model.cov_coef_low = std::move(c.low);
}

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (auto const& n : names) all += (all.empty() ? "" : ", ") + n;
  return all;
}

void fill_warnings(Glm& model, const GlmDriver& driver, const GlmOptions& options) {
  auto& w = model.warnings;
  if (!model.converged) {
    bool const stuck = driver.state.iteration < options.max_iterations;
    w.push_back(stuck ? "did not converge: no step lowers the deviance further" : "did not converge in " + std::to_string(model.iterations) + " iterations");
  }
  if (auto const note = impl::dropped_note(model.not_estimable); !note.empty()) w.push_back(note);
  if (auto const names = runaways(model, driver); !names.empty())
    w.push_back("no finite maximum exists (separation): the coefficients of " + joined(names) + " run away, their estimates and errors mean nothing; the others stand");
  if (driver.last.at_bound > 0)
    w.push_back("fitted values are numerically at the end of their range in " + std::to_string(driver.last.at_bound) + " rows");
  if (driver.state.all_halvings > 0) w.push_back("steps were halved " + std::to_string(driver.state.all_halvings) + " times, because the deviance rose or the fit left its range");
  if (model.functions.variance == Variance::binomial && model.fixed_dispersion && driver.state.fractional > 0)
    w.push_back("numbers of successes or trials are not whole in " + std::to_string(driver.state.fractional) + " rows");
  if (driver.state.theta > 1e9) w.push_back("theta runs to infinity: the counts vary no more than a Poisson law");
}

/// Collective. The covariance over the candidates, where a robust one is asked for.
std::optional<DdMatrix> robust_covariance_of(const impl::Regression& r, const GlmDriver& driver, int offset, int cluster, const GlmOptions& options, Communicator& comm,
                                             Glm& model) {
  if (options.robust.empty()) return {};
  impl::ScoredFit scored{r, driver.last.solution, driver.last.inverse, driver.state.exact, {}, r.spec.responses[0], offset, &model.functions};
  for (auto j = static_cast<std::size_t>(r.skip()); j < driver.state.beta.size(); ++j) scored.beta.push_back(static_cast<double>(driver.state.beta[j]));
  return impl::robust_covariance(scored, model.df_residual + model.rank, cluster, options, comm, model.timing, model.robust);
}

/// What the cross products of the data, not of a reweighted fit, are summed by.
CrossProductSpec data_spec(const impl::Regression& r, const GlmDriver& driver) {
  auto spec = r.spec;
  spec.precision = driver.state.exact ? Precision::exact : Precision::plain;
  if (!driver.state.exact) spec.shift = driver.state.shift;
  return spec;
}

/// Collective. The cells of a cube. The sums of the iterations weigh rows by the fit's own weights: what rows weigh in the data takes one
/// more pass, unless that is 1 and the cells are all that is asked for.
CountDF count_df(const impl::Regression& r, const GlmDriver& driver, int offset, const Glm& model, const GlmOptions& options,
                 Communicator& comm, Timing& timing) {
  bool const weighted = r.spec.weight >= 0, alone = impl::cells_alone(r) && offset < 0, predictions = options.cube_predictions || alone;
  auto spec = data_spec(r, driver);
  if (offset >= 0) {
    spec.terms.push_back({{offset}, {}, {}});
    if (!spec.shift.empty()) spec.shift.insert(spec.shift.end() - 1, 0.0);
  }
  bool const pass = weighted || (predictions && !alone);
  auto const sums = pass ? impl::sweep_sums(r, spec, options, comm, timing) : driver.last.sums;
  auto out = impl::count_cells(r, sums, weighted);
  out.responses = {model.response};
  if (!predictions) return out;
  DD const beside = offset < 0 ? DD(0) : sums.gram(0, sums.gram.n - 2) / sums.gram(0, 0);
  out.links = {impl::predict_cells(r, sums, {driver.state.beta.begin() + r.skip(), driver.state.beta.end()}, beside)};
  out.means = {std::vector<double>(out.links[0].size())};
  glm_means(model.functions, out.links[0].data(), static_cast<int>(out.links[0].size()), out.means[0].data(), nullptr);
  return out;
}

/// The response of the last pass is what eta lacks; beside it eta itself.
impl::WorkingModel working_model(const impl::Regression& r, const GlmDriver& driver) {
  impl::WorkingModel w;
  auto const& beta = driver.last.beta;
  w.gram = driver.last.sums.gram;
  w.skip = r.skip();
  int const y = w.gram.n - 1;
  DD along(0), squares(0);
  for (int i = 0; i < y; ++i) {
    DD eta(0);
    for (int j = 0; j < y; ++j) eta += w.gram(i, j) * beta[static_cast<std::size_t>(j)];
    along += beta[static_cast<std::size_t>(i)] * w.gram(i, y);
    squares += beta[static_cast<std::size_t>(i)] * eta;
    w.gram.set(i, y, w.gram(i, y) + eta);
    w.gram.set(y, i, w.gram(i, y));
  }
  w.gram.set(y, y, w.gram(y, y) + along + along + squares);
  for (auto const& c : r.design.columns()) w.term_of_column.push_back(c.term - r.design.intercept);
  for (auto const& t : r.formula.terms) w.terms.push_back(t.label());
  return w;
}

Glm fitted(const ChunkSource& source, std::string_view formula, GlmOptions options, Communicator& comm, impl::WorkingModel* working) {
  if (options.cube && options.cov_coef) throw UsageError("--cov-coef cannot be had with --cube");
  if (options.max_iterations < 1) throw UsageError("--max-iterations must be at least 1");
  if (!(options.coeff_tolerance >= 0) || !(options.objective_tolerance >= 0)) throw UsageError("tolerances cannot be negative");
  impl::check_robust(options);
  if (!(options.conf_level > 0 && options.conf_level < 1)) throw UsageError("--conf-level lies between 0 and 1");
  auto family = impl::named_family(options.family, options.logit);
  Glm model;
  impl::Regression r{RowSource(source, options.rows), {}, {}, {}, {}, {}, 0};
  impl::use_sweep_for_ranges(r.rows, options.run, comm);
  impl::resolve_design(r, impl::formula_with_response(r, formula, options), options);
  auto const response = impl::resolve_response(r, family.functions.variance == Variance::binomial, options);
  model.offset_expression = impl::offset_expression(r, options.offset);
  if (r.formula.responses.size() == 2) family.functions.range = Range::unit_interval;  // successes and failures are a share
  int offset = -1;
  if (!model.offset_expression.empty()) {
    r.spec.carried = {offset = r.place(numeric_column(r.rows, *parse_expression(model.offset_expression), "the offset"))};
    add_inputs(r.design.inputs, r.rows, model.offset_expression);
  }
  add_inputs(r.design.inputs, r.rows, response.expression);
  int trials = -1;
  if (!response.trials.empty()) {
    trials = static_cast<int>(r.spec.carried.size());
    r.spec.carried.push_back(r.place(numeric_column(r.rows, *parse_expression(response.trials), "the number of trials")));
  }
  int const cluster = impl::resolve_cluster(r, options.cluster);
  impl::check_cov_data(r, options);

  GlmDriver driver(r, family, offset >= 0, options, comm, model.timing);
  driver.trials = trials;
  driver.run();

  auto const& last = driver.last;
  model.functions = family.functions;
  model.functions.theta = driver.state.theta;
  model.family = family.family;
  model.link = family.link;
  model.logit = options.logit;
  model.fixed_dispersion = family.fixed_dispersion;
  model.normal = options.logit || (options.like_r && family.fixed_dispersion);
  model.n_valid_obs = last.sums.n_valid;
  model.n_missing_obs = last.sums.n_missing;
  model.weight_sum = static_cast<double>(driver.state.weight);
  model.rank = last.solution.candidates;
  double const observations = options.fweights.empty() ? static_cast<double>(last.sums.n_valid) : model.weight_sum;
  model.df_residual = observations - model.rank;
  impl::check_frequencies(options, observations, model.rank, model.warnings);
  model.df_null = observations - (r.design.intercept || r.design.cube ? 1 : 0);
  model.deviance = last.deviance;
  model.null_deviance = static_cast<double>(driver.state.null_deviance);
  model.pearson = static_cast<double>(last.solution.gram(last.solution.candidates, last.solution.candidates));
  model.dispersion = family.fixed_dispersion ? 1 : model.df_residual > 0 ? model.pearson / model.df_residual : none;
  int parameters = model.rank;
  model.log_likelihood = log_likelihood_of(family, driver, model.deviance, observations, !options.fweights.empty(), parameters);
  model.aic = -2 * model.log_likelihood + 2 * parameters;
  model.bic = -2 * model.log_likelihood + std::log(observations) * parameters;
  if (family.likelihood == Likelihood::negative_binomial) {
    model.theta = driver.state.theta;
    model.theta_error = family.estimate_theta ? 1 / std::sqrt(static_cast<double>(last.of_rows.theta_information)) : none;
    model.family = "Negative Binomial";
  }
  model.iterations = driver.state.iteration;
  model.converged = driver.state.converged;
  model.condition_number = last.condition;
  model.exact = driver.state.exact;
  model.conf_level = options.conf_level;
  auto const robust = robust_covariance_of(r, driver, offset, cluster, options, comm, model);
  fill_coefficients(model, driver, robust ? &*robust : nullptr, options, r.skip());
  model.not_estimable = static_cast<int>(driver.state.order.size()) - model.rank;
  fill_warnings(model, driver, options);
  if (working) {
    *working = working_model(r, driver);
    working->stands = model.converged && runaways(model, driver).empty();
  }
  model.response = response.name;
  model.response_expression = response.expression;
  if (r.design.cube) model.count_df = count_df(r, driver, offset, model, options, comm, model.timing);
  if (options.cov_data) model.cov_data = impl::data_covariance(r, impl::sweep_sums(r, data_spec(r, driver), options, comm, model.timing));
  model.design = std::move(r.design);
  impl::note_unused_levels(model.design, last.sums);
  model.formula = r.formula.text;
  model.rows = r.rows.options();
  model.pweights = options.pweights;
  model.fweights = options.fweights;
  model.like_r = options.like_r;
  return model;
}

}  // namespace

Glm glm(const ChunkSource& source, std::string_view formula, const GlmOptions& options, Communicator& comm) {
  return options.step ? impl::glm_stepwise(source, formula, options, comm) : fitted(source, formula, options, comm, nullptr);
}

Glm impl::glm_with_working_model(const ChunkSource& source, std::string_view formula, const GlmOptions& options, Communicator& comm, WorkingModel& working) {
  return fitted(source, formula, options, comm, &working);
}

}  // namespace rxhpc
