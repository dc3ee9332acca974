// Selection of terms: which may enter or leave, and which does. How a candidate is scored is the scorer's matter.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "rxhpc/fit_options.hpp"
#include "rxhpc/formula.hpp"
#include "rxhpc/schema.hpp"

namespace rxhpc::impl {

/// All terms that can be in a model of the search.
struct StepScope {
  Formula formula;                         ///< the base's terms, then those that only the scope names
  std::vector<std::vector<int>> variables; ///< [terms] which variables each has, sorted
  std::vector<char> base, lower, upper;    ///< [terms]
};
/// Throws UsageError: a lower scope that is not part of the base, offsets that the base lacks.
StepScope step_scope(const Formula& base, const StepControl& control, bool like_r);

/// A model as the search sees it.
struct StepScore {
  double deviance = 0;
  double resid_df = 0;
  double aic = 0;
};

/// Whether the F test is asked for, or goes by itself. Throws UsageError: another test.
bool uses_f_test(const StepControl& control, bool fixed_dispersion);

/// Scores models next to the current one. Terms are positions in StepScope::formula.terms.
class StepScorer {
 public:
  virtual ~StepScorer() = default;
  /// The current model from now on; called first with the base, then after each step.
  virtual StepScore move_to(const std::vector<int>& terms) = 0;
  virtual StepScore with(int term) = 0;
  virtual StepScore without(int term) = 0;
  /// The test of the smaller model against the larger.
  virtual double p_value(const StepScore& smaller, const StepScore& larger) const = 0;
};

struct StepPath {
  std::vector<Step> anova;
  std::vector<std::vector<int>> models;  ///< [steps] terms in the order in which they came
};
/// As R's step(): of all terms that may be dropped or added without breaking the hierarchy of interactions, the one with the lowest
/// AIC, until none lowers it. By significance: the least significant term above the level to drop goes; if there is none, the most
/// significant below the level to add comes.
StepPath search_steps(const StepScope& scope, const StepControl& control, StepScorer& scorer);

/// `y ~ a + b` of these terms of the scope.
std::string formula_of(const StepScope& scope, const std::vector<int>& terms);

/// The selection of rows that are complete in all that the scope names, and in `cluster` unless it is empty, out of `selection`.
std::string complete_rows(const StepScope& scope, const std::string& selection, const std::string& cluster);

/// Notes a coefficient of step `k` of `steps`; names stand where they first appear.
void add_step_coefficient(std::vector<StepCoefficients>& all, std::size_t k, std::size_t steps, const Coefficient& c);

/// Adds anova, formula_base and step_coefs.
void add_selection(nlohmann::json& j, const Selection& selection);
std::string selection_text(const Selection& selection);

}  // namespace rxhpc::impl
