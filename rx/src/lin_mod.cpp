#include "rxhpc/lin_mod.hpp"

#include <algorithm>
#include <cmath>

#include "distributions.hpp"
#include "model_rows.hpp"
#include "regression.hpp"
#include "rxhpc/dd_matrix.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/moments.hpp"

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

ResponseFit fit_response(const Regression& r, const impl::RegressionFit& fit, int y, double df, double observations, double log_weights,
                         const FitOptions& options) {
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
  auto const beta = solve(sol.factor, sol.candidates, column);

  f.coefficients.resize(sol.columns.size());
  for (std::size_t j = 0; j < sol.columns.size(); ++j)
    f.coefficients[j] = {options.like_r ? sol.columns[j].r_name : sol.columns[j].name, none, none, none, none, true};
  for (int k = 0; k < sol.candidates; ++k) {
    if (sol.factor.aliased[k]) continue;
    auto& c = f.coefficients[sol.order[k]];
    DD const error = df > 0 ? sqrt(inv(k, k) * variance) : DD(none);
    c.aliased = false;
    c.estimate = static_cast<double>(beta[k]);
    c.std_error = static_cast<double>(error);
    c.t_value = error.hi == 0 ? c.estimate / 0.0 : static_cast<double>(beta[k] / error);
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
  if (num_df > 0) {
    f.r_squared = total.hi > 0 ? static_cast<double>(DD(1) - rss / total) : none;
    f.adj_r_squared = df > 0 && total.hi > 0 ? static_cast<double>(DD(1) - (rss / total) * DD((observations - (centred ? 1 : 0)) / df)) : none;
    double const value = df > 0 ? (rss.hi > 0 ? static_cast<double>((total - rss) / DD(num_df) / variance) : INFINITY) : none;
    f.f = {value, num_df, df, impl::f_upper(value, num_df, df)};
  } else {
    f.r_squared = f.adj_r_squared = 0;
    f.f = {none, 0, df, none};
  }
  f.log_likelihood = 0.5 * (log_weights - observations * (log_two_pi + 1 - std::log(observations) + std::log(f.residual_squares)));
  f.aic = -2 * f.log_likelihood + 2 * (sol.factor.rank + 1);
  if (options.cov_coef) {
    f.cov_coef.assign(sol.columns.size(), std::vector<double>(sol.columns.size(), none));
    for (int i = 0; i < sol.candidates; ++i)
      for (int j = 0; j < sol.candidates; ++j)
        if (!sol.factor.aliased[i] && !sol.factor.aliased[j])
          f.cov_coef[sol.order[i]][sol.order[j]] = static_cast<double>(inv(i, j) * variance);
  }
  return f;
}

}  // namespace

LinMod lin_mod(const ChunkSource& source, std::string_view formula, const FitOptions& options, Communicator& comm) {
  if (options.cube && options.cov_coef) throw UsageError("--cov-coef cannot be had with --cube");
  LinMod model;
  Regression r{RowSource(source, options.rows), {}, {}, {}, {}, {}, 0};
  impl::use_sweep_for_ranges(r.rows, options.run, comm);
  impl::resolve(r, formula, options);
  if (!r.formula.offsets.empty()) throw UsageError("linmod takes no offset(); subtract it from the response: 'y - x ~ ...'");

  auto const fit = impl::fit_from_sums(r, options, comm, model.timing);
  auto const& sums = fit.sums;
  auto const& solution = fit.solution;
  model.condition_number = fit.condition;
  model.exact = fit.exact;
  model.n_valid_obs = sums.n_valid;
  model.n_missing_obs = sums.n_missing;
  model.weight_sum = static_cast<double>(sums.weight_sum);
  model.rank = solution.factor.rank;
  double const observations = options.fweights.empty() ? static_cast<double>(sums.n_valid) : model.weight_sum;
  model.df_residual = observations - model.rank;
  double const log_weights = options.pweights.empty() ? 0 : sum_log_weights(r, options, comm, model.timing);
  for (int y = 0; y < static_cast<int>(r.spec.responses.size()); ++y)
    model.fits.push_back(fit_response(r, fit, y, model.df_residual, observations, log_weights, options));
  if (auto const note = impl::dropped_note(solution); !note.empty()) model.warnings.push_back(note);
  model.design = std::move(r.design);
  model.formula = r.formula.text;
  model.rows = options.rows;
  model.pweights = options.pweights;
  model.fweights = options.fweights;
  model.like_r = options.like_r;
  return model;
}

}  // namespace rxhpc
