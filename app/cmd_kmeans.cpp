#include <nlohmann/json.hpp>

#include "analysis.hpp"
#include "input.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/kmeans.hpp"
#include "rxhpc/table.hpp"

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
    if (centres.empty()) throw DataError("--centers: " + path + " has no rows");
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
  if (auto const path = args.text("centers"); !path.empty()) {
    std::vector<std::string> names;
    together(session.comm, [&] { names = kmeans_variables(source, args.positional("FORMULA"), o.rows); });
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

}  // namespace

void run_kmeans(Session& session) {
  auto const& args = session.args;
  auto const output = args.positional("OUTPUT");
  refuse_existing_model(session);
  if (!output.empty()) refuse_existing(session, output);
  auto const source = open_input(session, args.positional("INPUT"));
  auto model = kmeans(*source, args.positional("FORMULA"), kmeans_options(session, *source), session.comm);
  write_model(session, model_json(model));
  if (!output.empty()) write_clusters(session, model, *source, output, model.timing);
  finish_analysis(session, model, source->grid().total());
}

}  // namespace rxhpc::app
