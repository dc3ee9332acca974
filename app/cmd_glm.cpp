#include <cstring>

#include "analysis.hpp"
#include "append.hpp"
#include "elastic_net.hpp"
#include "input.hpp"
#include "results.hpp"
#include "rxhpc/anova.hpp"
#include "rxhpc/chunk_source.hpp"
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
  job["stepwise"] = fit_options(session).step.has_value();
  return job;
}

/// Tells tables with other rows apart, nearly always: FNV-1a over what the zone map says of each chunk.
std::string fingerprint(const ChunkSource& source) {
  std::uint64_t hash = 14695981039346656037ULL;
  auto const add = [&hash](auto value) {
    unsigned char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    for (auto b : bytes) hash = (hash ^ b) * 1099511628211ULL;
  };
  add(source.grid().total());
  if (auto const* zones = source.zone_map())
    for (std::size_t c = 0; c < zones->moments.size(); ++c) {
      for (auto const& m : zones->moments[c])
        for (double x : {static_cast<double>(m.n), m.mean, m.mean_lo, m.m2, m.min, m.max}) add(x);
      for (auto const& counts : zones->level_counts[c])
        for (auto count : counts) add(count);
    }
  return std::to_string(hash);
}

bool is_checkpoint(const nlohmann::json& j) { return j.is_object() && j.value("rxhpc_checkpoint", 0) == 1 && j.contains("state") && j["state"].is_string(); }

/// Collective. Writes the state after each pass, and takes up the one that is there.
void use_checkpoint(Session& session, const ChunkSource& source, GlmOptions& options) {
  auto const file = session.args.text("checkpoint");
  if (file.empty()) return;
  auto job = job_of(session);
  job["rows"] = fingerprint(source);
  options.checkpoint = [&session, file, job](const std::string& state) {
    together(session.comm, [&] {
      if (session.root()) write_whole(file, nlohmann::json{{"rxhpc_checkpoint", 1}, {"job", job}, {"state", state}}.dump(), true);
    });
  };
  if (!output_exists(session, file)) return;
  bool const resume = session.args.flag("resume");
  if (!resume && session.args.flag("overwrite")) return;
  nlohmann::json saved;
  try {
    saved = read_json(session, file, "checkpoint");
  } catch (const DataError&) {
    if (resume) throw;
  }
  // An earlier checkpoint gives way to this one's; nothing else does.
  if (!is_checkpoint(saved)) throw DataError(file + (resume ? ": not a checkpoint" : ": exists already and is no checkpoint; --overwrite replaces it"));
  if (!resume) return;
  if (saved.value("job", nlohmann::json()) != job) throw DataError(file + ": the checkpoint is of another fit, or the rows have changed");
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
  if (args.flag("resume") && !args.given("checkpoint")) throw UsageError("--resume needs --checkpoint FILE");
  auto const source = open_input(session, args.positional("INPUT"));
  use_checkpoint(session, *source, options);
  auto const model = of_model_file(args.text("checkpoint"), [&] { return glm(*source, args.positional("FORMULA"), options, session.comm); });
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
