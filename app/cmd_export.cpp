#include "analysis.hpp"
#include "append.hpp"
#include "input.hpp"
#include "rxhpc/pmml.hpp"
#include "rxhpc/table.hpp"
#include "rxhpc/text.hpp"

namespace rxhpc::app {
namespace {

/// A model for other systems.
void export_model(Session& session, const std::string& input, const std::string& output) {
  for (char const* option : {"row-selection", "transform", "vars-to-keep", "vars-to-drop"})
    if (session.args.given(option)) throw UsageError("--" + std::string(option) + " belongs to rows; a model is written as it is");
  refuse_existing(session, output);
  auto const model = read_json(session, input, "model file");
  std::optional<double> penalty;
  if (session.args.given("s")) penalty = session.args.number("s", 0);
  together(session.comm, [&] {
    auto const text = of_model_file(input, [&] { return to_pmml(model, penalty); });
    if (session.root()) write_whole(output, text, session.args.flag("overwrite"));
  });
  Result result;
  result.input = input;
  result.fields = {{"output", output}, {"n_valid_obs", 0}, {"n_missing_obs", 0}};
  if (model.contains("formula") && model["formula"].is_string()) result.formula = model["formula"].get<std::string>();
  result.text = output + ": the model as PMML\n";
  finish(session, std::move(result), {});
}

}  // namespace

void run_export(Session& session) {
  auto const& args = session.args;
  auto const input = args.positional("INPUT"), output = args.positional("OUTPUT");
  if (output.ends_with(".pmml")) return export_model(session, input, output);
  if (args.given("s")) throw UsageError("--s belongs to a model that is written as PMML");
  if (!is_text_name(output)) throw UsageError("OUTPUT '" + output + "' does not end in .csv, .tsv or .txt (.gz), or in .pmml for a model; datastep writes tables");
  refuse_existing(session, output);
  Timing timing;
  std::size_t columns = 0;
  auto const written = copy_table(session, input, row_options(args), output, timing, columns);
  finish_written(session, written, columns, timing);
}

}  // namespace rxhpc::app
