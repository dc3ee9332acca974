#include "rxhpc/cube.hpp"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "copy_rows.hpp"
#include "cube_options.hpp"
#include "input.hpp"
#include "rxhpc/errors.hpp"
#include "svg_plot.hpp"

namespace rxhpc::app {
namespace {

constexpr std::size_t most_panels = 64;

std::vector<std::string> shown_levels(const CubeFactor& f) {
  auto levels = f.levels;
  if (f.missing_level) levels.emplace_back("missing");
  return levels;
}

/// The first variable (or the counts) as a heat map: first factor down, second across, a panel a combination of the others.
Plot heat_map(const Cube& cube) {
  Plot plot;
  bool const two = cube.factors.size() > 1;
  auto const& values = cube.variables.empty() ? cube.counts : (cube.shows_means ? cube.means : cube.sums)[0];
  plot.title = cube.formula;
  plot.scale_label = cube.variables.empty() ? "Counts" : (cube.shows_means ? "mean of " : "sum of ") + cube.variables[0];
  plot.y_label = cube.factors[0].name;
  if (two) plot.x_label = cube.factors[1].name;
  auto const rows = shown_levels(cube.factors[0]), columns = two ? shown_levels(cube.factors[1]) : std::vector<std::string>{plot.scale_label};
  Cells const blank{columns, rows, std::vector<double>(rows.size() * columns.size(), std::nan(""))};
  std::map<std::vector<std::int32_t>, std::size_t> panel_of;
  for (std::size_t i = 0; i < cube.cells(); ++i) {
    std::vector<std::int32_t> rest;
    for (std::size_t f = 2; f < cube.factors.size(); ++f) rest.push_back(cube.codes[f][i]);
    auto const [at, fresh] = panel_of.try_emplace(rest, plot.panels.size());
    if (fresh && plot.panels.size() == most_panels) throw UsageError("--plot: more than " + std::to_string(most_panels) + " panels");
    if (fresh) {
      Panel panel;
      for (std::size_t f = 2; f < cube.factors.size(); ++f)
        panel.title += (f > 2 ? ", " : "") + cube.factors[f].name + " = " + shown_levels(cube.factors[f])[static_cast<std::size_t>(rest[f - 2])];
      panel.cells = {blank};
      plot.panels.push_back(std::move(panel));
    }
    auto const row = static_cast<std::size_t>(cube.codes[0][i]), column = two ? static_cast<std::size_t>(cube.codes[1][i]) : 0;
    plot.panels[at->second].cells[0].values[row * columns.size() + column] = values[i];
  }
  return plot;
}

}  // namespace

void run_cube(Session& session) {
  auto const& args = session.args;
  auto const input = args.positional("INPUT"), output = args.positional("OUTPUT");
  if (!output.empty()) refuse_existing(session, output);
  check_plot(session);
  auto const source = open_input(session, input);
  auto options = cube_options(session);
  options.means = args.flag("means", true);
  options.as_table = !output.empty();
  auto const result_cube = cube(*source, args.positional("FORMULA"), options, session.comm);
  warn_without_rows(session, result_cube.n_valid_obs);
  if (args.given("plot")) {
    Plot plot;
    together(session.comm, [&] { plot = heat_map(result_cube); });
    save_plot(session, plot);
  }
  std::string written;
  if (!output.empty()) {
    auto const rows = rows_of(result_cube);
    std::vector<int> columns(rows->schema().size());
    std::iota(columns.begin(), columns.end(), 0);
    auto const make_sink = [&](const Schema& schema, const Grid& grid) { return create_output(session, output, schema, grid, args.flag("overwrite")); };
    Timing writing;
    auto const cells = write_rows(session, *rows, false, columns, chunk_length(rows->grid()), make_sink, writing);
    written = output + ": " + with_commas(cells) + " rows, " + std::to_string(columns.size()) + " variables\n";
  }
  Result result;
  if (wants_json(session)) {
    result.fields = to_json(result_cube);
    if (!output.empty()) result.fields["output"] = output;
  }
  result.text = output.empty() ? to_text(result_cube) : written;
  result.formula = result_cube.formula;
  result.input = input;
  result.rows = source->grid().total();
  finish(session, std::move(result), result_cube.timing);
}

}  // namespace rxhpc::app
