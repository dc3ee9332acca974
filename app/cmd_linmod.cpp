#include "analysis.hpp"
#include "elastic_net.hpp"
#include "input.hpp"
#include "results.hpp"
#include "rxhpc/anova.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::app {

void run_linmod(Session& session) {
  auto const& args = session.args;
  if (wants_path(args)) {
    GlmOptions options;
    static_cast<FitOptions&>(options) = fit_options(session);
    return run_path(session, options, true);
  }
  refuse_existing_model(session);
  auto const source = open_input(session, args.positional("INPUT"));
  auto const options = fit_options(session);
  auto const other = args.text("anova-with");
  if (options.step && !other.empty()) throw UsageError("--anova-with compares one fit with another, not a stepwise search");
  auto const model = lin_mod(*source, args.positional("FORMULA"), options, session.comm);
  Result result;
  result.fields = to_json(model);
  result.text = to_text(model);
  if (!other.empty()) {
    auto const table = anova(model, of_model_file(other, [json = read_json(session, other, "model file")] { return lin_mod_from_json(json); }));
    result.fields["anova"] = to_json(table);
    result.text += to_text(table);
  }
  write_model(session, model_json(model));
  result.formula = model.formula;
  result.input = args.positional("INPUT");
  result.rows = source->grid().total();
  finish(session, std::move(result), model.timing);
}

}  // namespace rxhpc::app
