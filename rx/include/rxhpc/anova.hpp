// Comparison of two nested fits to the same rows.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "rxhpc/glm.hpp"
#include "rxhpc/lin_mod.hpp"

namespace rxhpc {

/// A model and, but for the first, what it takes off the deviance (residual sum of squares) of the one before.
struct AnovaRow {
  std::string formula;
  double resid_df = 0, resid_dev = 0;
  double df = 0, deviance = 0, statistic = 0, p_value = 0;  ///< NaN in the first row
};
struct Anova {
  std::vector<AnovaRow> rows;  ///< the smaller model first
  bool chi_squared = false;    ///< the statistic, else F with the larger model's dispersion
};

/// As R's anova(a, b): F; chi-squared where a generalised model's dispersion is fixed.
/// Throws UsageError where they are not of one family, link, response, weight and number of rows, or neither has fewer coefficients, all in the other.
Anova anova(const LinMod& a, const LinMod& b);
Anova anova(const Glm& a, const Glm& b);

nlohmann::json to_json(const Anova& table);
std::string to_text(const Anova& table);

}  // namespace rxhpc
