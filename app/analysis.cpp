#include "analysis.hpp"

#include "input.hpp"
#include "results.hpp"
#include "rxhpc/table.hpp"

namespace rxhpc::app {

namespace {

/// Selection is asked for by any of its options.
std::optional<StepControl> step_control(const Arguments& args) {
  bool asked = false;
  for (auto const* name : {"step-method", "step-scope-lower", "step-scope-upper", "step-criterion", "max-steps", "max-sig-level-to-add",
                           "min-sig-level-to-drop", "keep-step-coefs", "step-scale", "step-k", "step-test", "refit-each-step"})
    asked |= args.given(name);
  if (!asked) return std::nullopt;
  StepControl c;
  c.method = args.text("step-method");
  c.scope_lower = args.text("step-scope-lower");
  c.scope_upper = args.text("step-scope-upper");
  c.by_significance = args.text("step-criterion") == "sig-level";
  c.max_steps = static_cast<int>(args.integer("max-steps", c.max_steps));
  c.max_sig_level_to_add = args.number("max-sig-level-to-add", c.max_sig_level_to_add);
  c.min_sig_level_to_drop = args.number("min-sig-level-to-drop", c.min_sig_level_to_drop);
  c.keep_coefs = args.flag("keep-step-coefs");
  c.scale = args.number("step-scale", c.scale);
  c.k = args.number("step-k", c.k);
  c.test = args.text("step-test");
  c.refit_each_step = args.flag("refit-each-step", c.refit_each_step);
  if (args.given("step-test") && !c.by_significance) throw UsageError("--step-test is that of --step-criterion sig-level");
  return c;
}

}  // namespace

FitOptions fit_options(const Session& session) {
  auto const& args = session.args;
  return {.rows = row_options(args),
          .pweights = unquoted(args.text("pweights")),
          .fweights = unquoted(args.text("fweights")),
          .drop_first = args.flag("drop-first"),
          .drop_main = args.flag("drop-main", true),
          .cube = args.flag("cube"),
          .cube_predictions = args.flag("cube-predictions"),
          .cov_coef = args.flag("cov-coef"),
          .cov_data = args.flag("cov-data"),
          .like_r = args.flag("like-r"),
          .run = session.run,
          .step = step_control(args),
          .robust = args.text("robust"),
          .cluster = unquoted(args.text("cluster")),
          .vif = args.flag("vif"),
          .anova = args.flag("anova")};
}

void refuse_existing_model(Session& session) {
  if (auto const file = session.args.text("model"); !file.empty()) refuse_existing(session, file);
}

void write_model(Session& session, const nlohmann::json& model) {
  auto const file = session.args.text("model");
  together(session.comm, [&] {
    if (session.root() && !file.empty()) write_whole(file, json_text(model), session.args.flag("overwrite"));
  });
}

nlohmann::json read_json(Session& session, const std::string& path, const char* what) {
  auto& comm = session.comm;
  Bytes bytes;
  together(comm, [&] {
    if (comm.rank() == 0) bytes = to_bytes(read_whole(path));
  });
  comm.broadcast(bytes);
  nlohmann::json model;
  together(comm, [&] {
    model = nlohmann::json::parse(to_text(bytes), nullptr, false);
    if (!model.is_object()) throw DataError(path + ": not a " + what);
  });
  return model;
}

void finish_written(Session& session, std::int64_t rows, std::size_t columns, const Timing& timing) {
  auto const output = session.args.positional("OUTPUT");
  Result result;
  result.input = session.args.positional("INPUT");
  result.rows = rows;
  result.fields = {{"output", output}, {"num_rows", rows}, {"num_vars", columns}, {"n_valid_obs", rows}, {"n_missing_obs", 0}};
  result.text = output + ": " + with_commas(rows) + " rows, " + std::to_string(columns) + " variables\n";
  finish(session, std::move(result), timing);
}

}  // namespace rxhpc::app
