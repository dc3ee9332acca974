#include "analysis.hpp"
#include "input.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/glm.hpp"

namespace rxhpc::app {
namespace {

GlmOptions glm_options(const Session& session) {
  auto const& args = session.args;
  GlmOptions o;
  static_cast<FitOptions&>(o) = fit_options(session);
  o.max_iterations = static_cast<int>(args.integer("max-iterations", o.max_iterations));
  o.coeff_tolerance = args.number("coeff-tolerance", o.coeff_tolerance);
  o.objective_tolerance = args.number("objective-function-tolerance", o.objective_tolerance);
  o.initial_values = args.text("initial-values");
  o.conf_level = args.number("conf-level", o.conf_level);
  o.offset = unquoted(args.text("offset"));
  return o;
}

/// A fit without convergence is told, but is no model; --return-always takes it as it is.
void run(Session& session, const GlmOptions& options) {
  auto const& args = session.args;
  refuse_existing_model(session);
  auto const source = open_input(session, args.positional("INPUT"));
  auto const model = glm(*source, args.positional("FORMULA"), options, session.comm);
  bool const accepted = model.converged || args.flag("return-always");
  if (accepted) write_model(session, model_json(model));
  finish_analysis(session, model, source->grid().total());
  if (!accepted) throw NumericalError(model.warnings.front() + "; --return-always takes the fit as it is");
}

}  // namespace

void run_logit(Session& session) {
  auto options = glm_options(session);
  options.logit = true;
  run(session, options);
}

void run_glm(Session& session) {
  auto const& args = session.args;
  auto options = glm_options(session);
  auto& family = options.family;
  family.name = args.text("family", "gaussian");
  family.link = args.text("link");
  family.variance = args.text("variance");
  family.var_power = args.number("var-power", 0);
  if (args.given("link-power")) family.link_power = args.number("link-power", 0);
  if (args.given("theta")) family.theta = args.number("theta", 0);
  run(session, options);
}

}  // namespace rxhpc::app
