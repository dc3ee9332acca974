#include "rxhpc/cube.hpp"

#include <nlohmann/json.hpp>
#include <numeric>

#include "copy_rows.hpp"
#include "cube_options.hpp"
#include "input.hpp"

namespace rxhpc::app {

void run_cube(Session& session) {
  auto const& args = session.args;
  auto const input = args.positional("INPUT"), output = args.positional("OUTPUT");
  if (!output.empty()) refuse_existing(session, output);
  auto const source = open_input(session, input);
  auto options = cube_options(session);
  options.means = args.flag("means", true);
  auto const result_cube = cube(*source, args.positional("FORMULA"), options, session.comm);
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
  result.fields = to_json(result_cube);
  if (!output.empty()) result.fields["output"] = output;
  result.text = output.empty() ? to_text(result_cube) : written;
  result.formula = result_cube.formula;
  result.input = input;
  result.rows = source->grid().total();
  finish(session, std::move(result), result_cube.timing);
}

}  // namespace rxhpc::app
