#include "rxhpc/anova.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "distributions.hpp"
#include "result_json.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// What a comparison needs of a fit.
struct Fit {
  std::string formula, response, weights, offset;
  double df_residual, deviance, dispersion;
  std::int64_t rows;
  std::vector<std::string> columns;  ///< that have a coefficient
};

template <class Coefficients>
std::vector<std::string> estimated(const Coefficients& coefficients) {
  std::vector<std::string> names;
  for (auto const& c : coefficients)
    if (!c.aliased) names.push_back(c.name);
  return names;
}

Anova compare(const Fit& a, const Fit& b, bool chi_squared) {
  if (a.response != b.response) throw UsageError("--anova-with: the models differ in their response: '" + a.response + "' and '" + b.response + "'");
  if (a.weights != b.weights) throw UsageError("--anova-with: the models differ in their weights");
  if (a.offset != b.offset) throw UsageError("--anova-with: the models differ in their offset");
  if (a.rows != b.rows) throw UsageError("--anova-with: one model used " + std::to_string(b.rows) + " rows, the other " + std::to_string(a.rows));
  if (a.columns.size() == b.columns.size())
    throw UsageError("--anova-with: both models have " + std::to_string(a.columns.size()) + " coefficients; one must be nested in the other");
  auto const& smaller = a.columns.size() < b.columns.size() ? a : b;
  auto const& larger = a.columns.size() < b.columns.size() ? b : a;
  for (auto const& name : smaller.columns)
    if (std::find(larger.columns.begin(), larger.columns.end(), name) == larger.columns.end())
      throw UsageError("--anova-with: the models are not nested: '" + name + "' is in the smaller alone");
  double const df = smaller.df_residual - larger.df_residual, fall = smaller.deviance - larger.deviance;
  double const f = fall / df / larger.dispersion;
  Anova out{{}, chi_squared};
  out.rows.push_back({smaller.formula, smaller.df_residual, smaller.deviance, none, none, none, none});
  out.rows.push_back({larger.formula, larger.df_residual, larger.deviance, df, fall, chi_squared ? fall : f,
                      chi_squared ? impl::chi_squared_upper(fall, df) : impl::f_upper(f, df, larger.df_residual)});
  return out;
}

Fit fit_of(const Glm& m) {
  bool const own_theta = m.functions.variance == Variance::negative_binomial && !std::isnan(m.theta_error);
  if (own_theta)  // deviances at different thetas cannot be compared
    return {m.formula, m.response, m.pweights.empty() ? m.fweights : m.pweights, m.offset_expression, m.df_residual, -2 * m.log_likelihood, 1, m.n_valid_obs, estimated(m.coefficients)};
  return {m.formula, m.response, m.pweights.empty() ? m.fweights : m.pweights, m.offset_expression, m.df_residual, m.deviance, m.dispersion, m.n_valid_obs, estimated(m.coefficients)};
}

Fit fit_of(const LinMod& m) {
  if (m.fits.size() != 1) throw UsageError("--anova-with compares models of one response");
  auto const& f = m.fits[0];
  if (std::isnan(f.residual_squares)) throw UsageError("--anova-with compares fits by least squares, not '" + m.formula + "'");
  return {m.formula, f.name, m.pweights.empty() ? m.fweights : m.pweights, "", m.df_residual, f.residual_squares, f.residual_squares / m.df_residual, m.n_valid_obs,
          estimated(f.coefficients)};
}

}  // namespace

Anova anova(const LinMod& a, const LinMod& b) { return compare(fit_of(a), fit_of(b), false); }

Anova anova(const Glm& a, const Glm& b) {
  if (a.family != b.family || a.link != b.link) throw UsageError("--anova-with: the models differ in family or link");
  if (a.functions.variance == Variance::negative_binomial && (std::isnan(a.theta_error) != std::isnan(b.theta_error) || (std::isnan(a.theta_error) && a.theta != b.theta)))
    throw UsageError("--anova-with: theta was given in one model alone, or differs");
  return compare(fit_of(a), fit_of(b), a.fixed_dispersion);
}

nlohmann::json to_json(const Anova& table) {
  auto j = nlohmann::json::array();
  for (auto const& r : table.rows)
    j.push_back({{"formula", r.formula}, {"resid_df", impl::count(r.resid_df)}, {"resid_dev", impl::number(r.resid_dev)}, {"df", impl::count(r.df)},
                 {"deviance", impl::number(r.deviance)}, {"statistic", impl::number(r.statistic)}, {"p_value", impl::number(r.p_value)}});
  return j;
}

std::string to_text(const Anova& table) {
  auto const number = [](double x) { return std::isnan(x) ? std::string() : impl::significant(x, 6); };
  std::vector<std::vector<std::string>> rows{{"", "Resid. Df", "Resid. Dev", "Df", "Deviance", table.chi_squared ? "Chi-squared" : "F", "p"}};
  for (auto const& r : table.rows)
    rows.push_back({r.formula, impl::significant(r.resid_df, 15), number(r.resid_dev), number(r.df), number(r.deviance), number(r.statistic), number(r.p_value)});
  return "\nComparison of models:\n" + impl::aligned(rows) + "\n";
}

}  // namespace rxhpc
