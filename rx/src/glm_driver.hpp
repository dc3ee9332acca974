// The iterations of a generalised linear model, as a machine whose state can be stored between two passes.
#pragma once
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "glm_families.hpp"
#include "regression.hpp"
#include "sampled_source.hpp"
#include "rxhpc/glm_step.hpp"

namespace rxhpc::impl {

/// Everything that the next pass depends on beside the data and the options.
struct GlmState {
  int attempt = 0;              ///< which start, in the order of GlmDriver::starts
  int subset = 0;               ///< the pass uses every so manyth tile of each chunk, to come near the answer; 0: all rows
  int subset_begin = 0;         ///< the iteration of subsets that began with this one
  bool subset_inherits = false; ///< from another subset's coefficients
  bool exact = true;            ///< sums in double-double
  bool from_response = false;   ///< the pass takes mu from the response
  bool finished = false;        ///< the coefficients stand; passes that remain are for the null model or other sums
  bool converged = false;
  int iteration = 0, subset_iteration = 0, halvings = 0, all_halvings = 0;
  int followed = 0;             ///< passes for rare levels alone
  std::vector<DD> beta, base;   ///< [constant where the design has none, columns]; base: those before, empty where there are none
  double base_deviance = 0;     ///< NaN: nothing to compare with
  double base_slope = 0;        ///< the score there times the way from there to beta: half of what the deviance falls by at first
  std::vector<double> shift;    ///< plain sums: about these values
  // Columns, chosen in the first whole pass
  bool decided = false;
  Coding coding = Coding::drop_last;
  std::vector<int> order;
  std::vector<char> aliased;
  std::vector<double> scale;    ///< [columns] what a step is judged by: GlmDriver::scales
  // Sums free of the coefficients
  bool constants = false;
  double unit = 1;              ///< the mean prior weight where that is below 1: what the 0.1 of R's tests of deviances counts in
  DD weight, weighted_y, likelihood;
  std::int64_t fractional = 0;
  // The model with one number
  bool null_done = false;
  double null_value = 0, null_base = 0, null_base_deviance = 0, null_base_score = 0;
  DD null_deviance;
  int null_passes = 0;
  // Negative binomial
  double theta = 0;
  int theta_rounds = 0;
  bool theta_done = true;
  double theta_given_up = std::numeric_limits<double>::quiet_NaN();  // where its search stood when the iterations ended
};
std::string text_of(const GlmState& state);
/// Throws DataError where the text is no state.
GlmState state_from(const std::string& text);

/// What the last pass found at the final coefficients.
struct GlmEvaluation {
  std::vector<DD> beta;          ///< where the pass was
  RegressionSums sums;
  RegressionSolution solution;
  DdMatrix inverse;              ///< empty until it is asked for
  std::vector<DD> step;          ///< [as beta] what one more iteration would add
  std::vector<DD> previous;      ///< [as beta] what the one before added; empty where there was none
  GlmSums of_rows;
  std::int64_t at_bound = 0;
  double deviance = 0;
  double condition = 1;
};

/// The fitted means can be a constant.
inline bool intercept_like(const Regression& r) { return r.design.intercept || r.design.cube; }

class GlmDriver {
 public:
  /// `offset`: the first of r.spec.carried is one.
  GlmDriver(Regression& r, NamedFamily& family, bool offset, const GlmOptions& options, Communicator& comm, Timing& timing);
  /// Collective. Runs to the end; `state` and `last` then hold the answer.
  void run();
  /// Columns whose coefficients go on by steps that do not shrink, in rows where they count, while the deviance stands: what separation looks like.
  std::vector<std::size_t> runaways() const;

  GlmState state;
  GlmEvaluation last;
  int trials = -1;  ///< which of r.spec.carried holds numbers of trials; -1: the weights do

 private:
  static constexpr int most_theta_rounds = 100;
  enum class Start { response, linear, values };
  GlmStepSpec step_spec() const;
  GlmStep pass(const GlmStepSpec& spec);
  void begin(Start start);
  void next_start();
  void begin_subset();
  GlmStep subset_pass(GlmStepSpec spec);
  void leave_subset(bool useful);
  void decide(const GlmStep& step);
  void decide_subset(const GlmStep& step, const RegressionSums& sums, bool valid);
  bool is_numeric(const DesignColumn& column) const;
  std::vector<double> scales(const RegressionSums& sums, const std::vector<DesignColumn>& columns) const;
  bool choose_columns(const RegressionSums& sums);
  void accept(const RegressionSums& sums, double deviance);
  bool halve(bool valid, double deviance, const RegressionSums& sums);
  bool step_is_small(double deviance) const;
  void finish_or_refine(bool converged);
  void take_constants(const GlmStep& step);
  void decide_null(const GlmStep& step);
  bool advance_theta();
  double theta_by_moments() const;
  void give_theta_up();
  double null_start() const;  ///< the number beside the offset that the null model begins with
  void take_theta_up();
  bool next_step_is_tiny(double deviance) const;
  bool worth_following() const;
  void take_last_step(double deviance);
  double size_of(double deviance) const { return std::abs(deviance) + 0.1 * state.unit; }
  bool rose(double before, double after, double slope_before, double slope_after) const;
  /// What the step that the solution gives takes off the deviance, by the quadratic that it minimises.
  static double fall_of(const RegressionSolution& solution);
  double dispersion_of(const RegressionSums& sums, const RegressionSolution& solution) const;
  std::vector<double> given_values() const;
  std::vector<DD> solve_step(const RegressionSolution& solution) const;

  Regression& r_;
  NamedFamily& family_;
  const GlmOptions& options_;
  Communicator& comm_;
  Timing& timing_;
  std::vector<Start> starts_;
  std::vector<double> first_shift_;  // of numeric terms; the response's mean last
  bool offset_ = false;
  std::optional<bool> read_again_;         // subsets are read from the table in each pass; known once one has been
  std::unique_ptr<SampledSource> sample_;  // else: their rows
};

}  // namespace rxhpc::impl
