#include <algorithm>
#include <nlohmann/json.hpp>

#include "analysis.hpp"
#include "input.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/expression.hpp"
#include "rxhpc/kmeans.hpp"
#include "rxhpc/table.hpp"
#include "svg_plot.hpp"

namespace rxhpc::app {
namespace {

/// Collective. The rows of a table of centres, its columns found by name.
std::vector<std::vector<double>> read_centres(Session& session, const std::string& path, const std::vector<std::string>& names) {
  TextOptions text;
  text.threads = session.threads;
  text.memory_limit = session.run.memory_limit;
  auto const table = input_is_table(path, session.comm) ? open_table(path, session.comm) : open_text_input(session, path, text);
  std::vector<std::vector<double>> centres;
  together(session.comm, [&] {
    std::vector<int> columns;
    for (auto const& name : names) {
      int const c = table->schema().find(name);
      if (c < 0) throw UsageError("--centers: " + path + " has no column '" + name + "'; it needs one for every variable of the formula");
      auto const& v = table->schema()[static_cast<std::size_t>(c)];
      if (v.coded() || v.storage == Storage::text) throw UsageError("--centers: " + path + ": column '" + name + "' is " + to_string(v.type) + "; it must be a number");
      columns.push_back(c);
    }
    Chunk chunk;
    for (std::int64_t k = 0; k < table->grid().chunks(); ++k) {
      table->read(k, columns, chunk);
      for (std::int64_t i = 0; i < chunk.rows; ++i) {
        auto& row = centres.emplace_back();
        for (auto const& column : chunk.columns) row.push_back(column.value(i));
      }
    }
    if (centres.empty()) throw DataError(path + ": has no rows; --centers needs one for every cluster");
    try {
      check_centres(centres);
    } catch (const DataError& e) {
      throw DataError(path + ": " + e.what());
    }
  });
  return centres;
}

KMeansStart start_of(const std::string& word) {
  return word == "first" ? KMeansStart::first : word == "plus-plus" ? KMeansStart::plus_plus : word == "parallel" ? KMeansStart::parallel : KMeansStart::random;
}

KMeansOptions kmeans_options(Session& session, const ChunkSource& source) {
  auto const& args = session.args;
  KMeansOptions o;
  o.rows = row_options(args);
  o.pweights = unquoted(args.text("pweights"));
  o.fweights = unquoted(args.text("fweights"));
  o.num_clusters = static_cast<int>(std::min<std::int64_t>(args.integer("num-clusters", 0), INT32_MAX));
  o.start = start_of(args.text("start", "random"));
  o.num_start_rows = args.integer("num-start-rows", 0);
  o.num_starts = static_cast<int>(std::min<std::int64_t>(args.integer("num-starts", 1), INT32_MAX));
  o.max_iterations = static_cast<int>(std::min<std::int64_t>(args.integer("max-iterations", 1000), INT32_MAX));
  o.tolerance = args.number("tolerance", 0);
  o.seed = static_cast<std::uint64_t>(args.integer("seed", 0));
  o.missing = args.text("missing-values", "listwise") == "partial" ? KMeansMissing::partial : KMeansMissing::listwise;
  o.run = session.run;
  auto const path = args.text("centers");
  if (!path.empty() && o.num_starts > 1) throw UsageError("--num-starts: given --centers are one start");
  if (args.given("num-start-rows") && (!path.empty() || o.start != KMeansStart::plus_plus)) throw UsageError("--num-start-rows needs --start plus-plus");
  if (args.given("plot-vars") && !args.given("plot")) throw UsageError("--plot-vars needs --plot");
  if (!path.empty()) {
    std::vector<std::string> names;
    together(session.comm, [&] { names = kmeans_variables(source, args.positional("FORMULA"), o.rows); });
    for (auto& name : names) name = result_name(name);
    o.centers = read_centres(session, path, names);
  }
  return o;
}

/// Collective. INPUT's rows with their cluster.
void write_clusters(Session& session, const KMeans& model, const ChunkSource& source, const std::string& output, Timing& timing) {
  auto const name = session.args.text("out-col-name", ".rxCluster");
  std::unique_ptr<ClusteredRows> rows;
  std::vector<int> columns;
  together(session.comm, [&] {
    rows = std::make_unique<ClusteredRows>(model, source, unquoted(name));
    columns = kept_columns(session, rows->schema(), {unquoted(name)});
  });
  Schema schema;
  for (int c : columns) schema.variables.push_back(rows->schema()[static_cast<std::size_t>(c)]);
  auto const sink = create_output(session, output, schema, rows->grid(), session.args.flag("overwrite"));
  rows->run(columns, *sink, session.run, session.comm, &timing);
  sink->finish();
}

constexpr std::int64_t plotted_rows = 2000;
constexpr std::size_t most_named_clusters = 24;  // more do not fit beside the plot

/// Places, among the model's variables, of the two to draw: --plot-vars, else the first two.
std::pair<std::size_t, std::size_t> plotted_variables(const Arguments& args, const std::vector<std::string>& variables) {
  auto const wanted = args.list("plot-vars");
  if (wanted.empty() && variables.size() < 2) throw UsageError("--plot draws two variables; the formula has one");
  if (wanted.empty()) return {0, 1};
  if (wanted.size() != 2) throw UsageError("--plot-vars takes two of the formula's variables");
  std::size_t place[2];
  for (int k = 0; k < 2; ++k) {
    auto const& name = wanted[static_cast<std::size_t>(k)];
    auto const at = std::find_if(variables.begin(), variables.end(), [&](auto const& v) { return result_name(v) == name; });
    if (at == variables.end()) throw UsageError("--plot-vars: '" + name + "' is no variable of the formula");
    place[k] = static_cast<std::size_t>(at - variables.begin());
  }
  return {place[0], place[1]};
}

/// Collective. Some rows coloured by their cluster, and the centres.
void draw_clusters(Session& session, const KMeans& model, const ChunkSource& source, std::pair<std::size_t, std::size_t> variables, Timing& timing) {
  auto const sample = clustered_sample(model, source, plotted_rows, session.run, session.comm, &timing);
  auto const [x, y] = variables;
  Points rows, centres;
  for (std::size_t r = 0; r < sample.rows.size(); ++r) {
    rows.x.push_back(sample.rows[r][x]);
    rows.y.push_back(sample.rows[r][y]);
    rows.group.push_back(sample.cluster[r]);
  }
  centres.emphasised = true;
  Plot plot;
  for (std::size_t k = 0; k < model.centers.size(); ++k) {
    centres.x.push_back(model.centers[k][x]);
    centres.y.push_back(model.centers[k][y]);
    centres.group.push_back(static_cast<int>(k));
    if (model.centers.size() <= most_named_clusters) plot.groups.push_back("cluster " + std::to_string(k + 1));
  }
  plot.title = "Clusters of " + model.formula;
  plot.subtitle = std::to_string(sample.rows.size()) + " of " + std::to_string(model.n_valid_obs) + " rows, and the centres";
  plot.x_label = result_name(model.variables[x]);
  plot.y_label = result_name(model.variables[y]);
  Panel panel;
  panel.points = {std::move(rows), std::move(centres)};
  plot.panels.push_back(std::move(panel));
  save_plot(session, plot);
}

}  // namespace

void run_kmeans(Session& session) {
  auto const& args = session.args;
  auto const output = args.positional("OUTPUT");
  refuse_existing_model(session);
  if (!output.empty()) refuse_existing(session, output);
  check_plot(session);
  auto const source = open_input(session, args.positional("INPUT"));
  bool const plot = !args.text("plot").empty();
  std::pair<std::size_t, std::size_t> plotted;
  if (plot) together(session.comm, [&] { plotted = plotted_variables(args, kmeans_variables(*source, args.positional("FORMULA"), row_options(args))); });
  auto model = kmeans(*source, args.positional("FORMULA"), kmeans_options(session, *source), session.comm);
  write_model(session, model_json(model));
  if (!output.empty()) write_clusters(session, model, *source, output, model.timing);
  if (plot) draw_clusters(session, model, *source, plotted, model.timing);
  finish_analysis(session, model, source->grid().total());
}

}  // namespace rxhpc::app
