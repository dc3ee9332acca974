#include "analysis.hpp"
#include "append.hpp"
#include "elastic_net.hpp"
#include "input.hpp"
#include "results.hpp"
#include "rxhpc/anova.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/table.hpp"

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

/// What a checkpoint belongs to: whatever changes the bits of the answer, but the limit of iterations.
nlohmann::json job_of(const Session& session) {
  auto const& args = session.args;
  nlohmann::json job{{"verb", args.verb().name}, {"formula", args.positional("FORMULA")}, {"input", args.positional("INPUT")}};
  for (auto const* option : {"family", "link", "variance", "var-power", "link-power", "theta", "offset", "pweights", "fweights", "cluster", "drop-first", "drop-main", "cube",
                             "like-r", "initial-values", "row-selection", "coeff-tolerance", "objective-function-tolerance"})
    if (find_option(args.verb(), option) && args.given(option)) job[option] = args.texts(option);
  job["transform"] = args.texts("transform");
  return job;
}

/// Collective. Writes the state after each pass, and takes up the one that is there.
void use_checkpoint(Session& session, GlmOptions& options) {
  auto const file = session.args.text("checkpoint");
  if (file.empty()) {
    if (session.args.flag("resume")) throw UsageError("--resume needs --checkpoint FILE");
    return;
  }
  auto const job = job_of(session);
  options.checkpoint = [&session, file, job](const std::string& state) {
    together(session.comm, [&] {
      if (session.root()) write_whole(file, nlohmann::json{{"rxhpc_checkpoint", 1}, {"job", job}, {"state", state}}.dump(), true);
    });
  };
  if (!session.args.flag("resume") || !output_exists(session, file)) return;
  auto const saved = read_json(session, file, "checkpoint");
  if (saved.value("rxhpc_checkpoint", 0) != 1 || !saved.contains("state") || !saved["state"].is_string()) throw DataError(file + ": not a checkpoint");
  if (saved.value("job", nlohmann::json()) != job) throw DataError(file + ": the checkpoint is of another fit");
  options.resume = saved["state"];
}

/// Adds the comparison with an earlier model to the result.
void add_anova(Session& session, const Glm& model, Result& result) {
  auto const file = session.args.text("anova-with");
  if (file.empty()) return;
  auto const table = anova(model, of_model_file(file, [json = read_json(session, file, "model file")] { return glm_from_json(json); }));
  result.fields["anova"] = to_json(table);
  result.text += to_text(table);
}

/// A fit without convergence is told, but is no model; --return-always takes it as it is.
void run(Session& session, GlmOptions options) {
  auto const& args = session.args;
  if (wants_path(args)) return run_path(session, options, false);
  refuse_existing_model(session);
  if (options.step && args.given("anova-with")) throw UsageError("--anova-with compares one fit with another, not a stepwise search");
  use_checkpoint(session, options);
  auto const source = open_input(session, args.positional("INPUT"));
  auto const model = glm(*source, args.positional("FORMULA"), options, session.comm);
  bool const accepted = model.converged || args.flag("return-always");
  Result result;
  result.fields = to_json(model);
  result.text = to_text(model);
  add_anova(session, model, result);
  if (accepted) write_model(session, model_json(model));
  result.formula = model.formula;
  result.input = args.positional("INPUT");
  result.rows = source->grid().total();
  finish(session, std::move(result), model.timing);
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
