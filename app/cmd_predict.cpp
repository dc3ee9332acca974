#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "analysis.hpp"
#include "append.hpp"
#include "copy_rows.hpp"
#include "input.hpp"
#include "rxhpc/predict.hpp"
#include "rxhpc/table.hpp"

namespace rxhpc::app {
namespace {

/// Rows that have no value there.
std::int64_t missing_rows(const Column& column, std::int64_t rows) {
  constexpr std::int64_t tile = 1024;
  std::int64_t missing = 0;
  double x[tile];
  for (std::int64_t first = 0; first < rows; first += tile) {
    auto const n = std::min(tile, rows - first);
    load_values(column, first, n, x);
    missing += std::count_if(x, x + n, [](double v) { return v != v; });
  }
  return missing;
}

/// Passes some of the columns on; counts rows whose prediction, the first column, is missing.
class ChosenColumnsSink final : public ChunkSink {
 public:
  ChosenColumnsSink(ChunkSink& sink, std::vector<int> columns) : sink_(sink), columns_(std::move(columns)) {}
  std::int64_t missing() const { return missing_; }
  void write(const Chunk& chunk) override {
    missing_ += missing_rows(chunk.columns.front(), chunk.rows);
    Chunk chosen;
    chosen.index = chunk.index;
    chosen.first_row = chunk.first_row;
    chosen.rows = chunk.rows;
    for (int c : columns_) chosen.columns.push_back(chunk.columns[static_cast<std::size_t>(c)]);
    sink_.write(chosen);
  }
  void exchange() override { sink_.exchange(); }
  void finish() override { sink_.finish(); }

 private:
  ChunkSink& sink_;
  std::vector<int> columns_;
  std::atomic<std::int64_t> missing_ = 0;
};

/// A name for a file that only this job needs.
std::string output_beside(const std::string& output) {
  auto place = output;
  while (place.size() > 1 && place.back() == '/') place.pop_back();
  auto const slash = place.rfind('/');
  auto const at = slash == std::string::npos ? 0 : slash + 1;
  return place.substr(0, at) + "." + place.substr(at) + ".predicted";
}

/// Removes the file of that name in the end.
struct Passing {
  std::string path;
  ~Passing() {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove(path, ignored);
  }
};

PredictOptions predict_options(const Session& session) {
  auto const& args = session.args;
  PredictOptions options;
  options.type = args.text("type", "response");
  options.std_errors = args.flag("compute-std-errors");
  options.interval = args.text("interval", "none");
  options.conf_level = args.number("conf-level", 0.95);
  if (args.given("conf-level") && options.interval == "none") throw UsageError("--conf-level is that of --interval confidence or prediction");
  if (!(options.conf_level > 0 && options.conf_level < 1)) throw UsageError("--conf-level: " + args.text("conf-level") + " is not between 0 and 1");
  options.residuals = args.flag("compute-residuals");
  options.residual_type = args.text("residual-type", "response");
  if (args.given("residual-type") && !options.residuals) throw UsageError("--residual-type says which residuals: it needs --compute-residuals");
  if (args.given("s")) options.penalty = args.number("s", 0);
  options.leverage = args.flag("compute-leverage");
  options.cooks_distance = args.flag("compute-cooks-distance");
  options.rows = row_options(args);
  options.write_model_vars = args.flag("write-model-vars");
  options.extra_vars = args.list("extra-vars-to-write");
  options.pred_var_names = args.list("pred-var-names");
  options.std_errors_var_names = args.list("std-errors-var-names");
  options.interval_var_names = args.list("interval-var-names");
  options.resid_var_names = args.list("resid-var-names");
  if (args.given("std-errors-var-names") && !options.std_errors) throw UsageError("--std-errors-var-names needs --compute-std-errors");
  if (args.given("interval-var-names") && options.interval == "none") throw UsageError("--interval-var-names needs --interval confidence or prediction");
  if (args.given("resid-var-names") && !options.residuals) throw UsageError("--resid-var-names needs --compute-residuals");
  options.remove_missings = args.flag("remove-missings");
  options.check_factor_levels = args.flag("check-factor-levels", true);
  options.run = session.run;
  return options;
}

}  // namespace

void run_predict(Session& session) {
  auto const& args = session.args;
  auto const model_file = args.positional("MODEL"), input = args.positional("INPUT"), output = args.positional("OUTPUT");
  bool const append = args.text("append", "none") == "rows" && output_exists(session, output);
  if (!append) refuse_existing(session, output);
  auto const model = read_json(session, model_file, "model file");
  std::map<std::string, VarType> types;
  together(session.comm, [&] { types = of_model_file(model_file, [&] { return factor_columns(model); }); });
  auto const source = open_input(session, input, types);
  std::unique_ptr<Predictor> predictor;
  std::vector<int> columns;
  together(session.comm, [&] {
    predictor = of_model_file(model_file, [&] { return std::make_unique<Predictor>(model, *source, predict_options(session)); });
    columns = kept_columns(session, predictor->schema());
  });
  Timing timing;
  predictor->select(chunk_length(source->grid()), session.comm, &timing);
  Schema schema;
  for (int c : columns) schema.variables.push_back(predictor->schema()[static_cast<std::size_t>(c)]);
  // Appended predictions are a table of their own first, which is then added to the one that exists.
  Passing const passing{append && session.root() ? output_beside(output) : ""};
  auto const table = append ? create_table(output_beside(output), schema, predictor->grid(), {.overwrite = true, .passing = true}, zone_function(), session.comm)
                            : create_output(session, output, schema, predictor->grid(), args.flag("overwrite"));
  ChosenColumnsSink sink(*table, columns);
  predictor->run(sink, session.comm, &timing);
  table->finish();
  std::int64_t missing = sink.missing();
  session.comm.all_sum({&missing, 1});
  auto const predicted = predictor->grid().total();
  auto rows = predicted;
  std::size_t all_columns = columns.size();
  if (append) rows = append_table(session, output_beside(output), output, timing, all_columns);

  Result result;
  result.input = input;
  result.rows = rows;
  result.fields = {{"model", model_file}, {"output", output}, {"num_rows", rows}, {"num_vars", all_columns}, {"n_valid_obs", predicted - missing}, {"n_missing_obs", missing}};
  if (model.contains("formula")) result.formula = model["formula"].is_string() ? model["formula"].get<std::string>() : "";
  result.text = output + ": " + with_commas(rows) + " rows, " + std::to_string(all_columns) + " variables\n";
  if (int const n = model.value("not_estimable", 0); n > 0) {
    // as R's warning of a rank-deficient fit
    auto const note = std::to_string(n) + (n == 1 ? " coefficient of the model was" : " coefficients of the model were") +
                      " not estimable: predictions for rows unlike those of the fit, of cells without rows among them, may mean nothing";
    result.fields["warnings"] = {note};
    result.text += "Note: " + note + "\n";
  }
  finish(session, std::move(result), timing);
}

}  // namespace rxhpc::app
