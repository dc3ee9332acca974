#include <algorithm>
#include <memory>

#include "analysis.hpp"
#include "append.hpp"
#include "copy_rows.hpp"
#include "input.hpp"

namespace rxhpc::app {
namespace {

void also(std::string& selection, const std::string& condition) {
  selection = selection.empty() ? condition : "(" + selection + ") & " + condition;
}

/// --start-row and --num-rows as a condition on the row's number; .rxRowNums is a double, exact to 2^53.
void select_range(const Arguments& args, std::string& selection) {
  auto const first = args.integer("start-row", 1);
  if (first > 1) also(selection, ".rxRowNums >= " + std::to_string(first));
  if (args.given("num-rows")) also(selection, ".rxRowNums < " + std::to_string(first + std::min(args.integer("num-rows", 0), INT64_MAX - first)));
}

/// --remove-missings as a condition on the columns that are kept. Collective: opens INPUT to see them.
void select_complete(Session& session, const std::string& input, RowOptions& rows) {
  auto const base = open_input(session, input);
  std::string complete;
  together(session.comm, [&] {
    RowOptions transforms = rows;
    transforms.row_selection.clear();
    RowSource const source(*base, transforms);
    auto const* zones = base->zone_map();
    for (int c : kept_columns(session, source.schema(), new_names(base->schema(), rows))) {
      int const there = source.base_column(c);
      // The zone map may know that nothing is missing.
      if (zones && there >= 0) {
        auto const& chunks = zones->moments[static_cast<std::size_t>(there)];
        if (std::all_of(chunks.begin(), chunks.end(), [](const ZoneMoments& z) { return z.missing == 0; })) continue;
      }
      complete += (complete.empty() ? "" : " & ") + ("!is.na(" + quoted_name(source.schema()[static_cast<std::size_t>(c)].name) + ")");
    }
  });
  if (!complete.empty()) also(rows.row_selection, complete);
}

}  // namespace

void run_datastep(Session& session) {
  auto const& args = session.args;
  auto const input = args.positional("INPUT"), output = args.positional("OUTPUT");
  auto const append = output_exists(session, output) ? args.text("append", "none") : "none";
  if (append == "none") refuse_existing(session, output);
  auto rows = row_options(args);
  if (args.flag("remove-missings")) select_complete(session, input, rows);
  select_range(args, rows.row_selection);
  Timing timing;
  std::size_t columns = 0;
  auto const step = append == "rows" ? append_rows : append == "cols" ? append_columns : copy_table;
  auto const written = step(session, input, rows, output, timing, columns);
  finish_written(session, written, columns, timing);
}

}  // namespace rxhpc::app
