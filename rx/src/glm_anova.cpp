// Analysis of deviance of nested fits.
#include <algorithm>
#include <cmath>
#include <limits>

#include "distributions.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/glm.hpp"

namespace rxhpc {

std::vector<AnovaRow> anova(const Glm& a, const Glm& b) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  if (a.family != b.family || a.link != b.link || a.response != b.response)
    throw UsageError("--anova-with: the models differ in family, link or response");
  if (a.n_valid_obs != b.n_valid_obs)
    throw UsageError("--anova-with: one model used " + std::to_string(b.n_valid_obs) + " rows, the other " + std::to_string(a.n_valid_obs));
  if (a.rank == b.rank) throw UsageError("--anova-with: both models have " + std::to_string(a.rank) + " coefficients; one must be nested in the other");
  auto const& smaller = a.rank < b.rank ? a : b;
  auto const& larger = a.rank < b.rank ? b : a;
  for (auto const& c : smaller.coefficients)
    if (!c.aliased && std::none_of(larger.coefficients.begin(), larger.coefficients.end(), [&](auto const& d) { return d.name == c.name; }))
      throw UsageError("--anova-with: the models are not nested: '" + c.name + "' is in the smaller alone");
  std::vector<AnovaRow> rows(2);
  rows[0] = {smaller.formula, smaller.df_residual, smaller.deviance, none, none, none, none};
  double const df = smaller.df_residual - larger.df_residual, fall = smaller.deviance - larger.deviance;
  double const f = fall / df / larger.dispersion;
  rows[1] = {larger.formula, larger.df_residual, larger.deviance, df, fall, larger.fixed_dispersion ? fall : f,
             larger.fixed_dispersion ? impl::chi_squared_upper(fall, df) : impl::f_upper(f, df, larger.df_residual)};
  return rows;
}

}  // namespace rxhpc
