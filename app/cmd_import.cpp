#include "analysis.hpp"
#include "append.hpp"
#include "copy_rows.hpp"
#include "input.hpp"
#include "rxhpc/table.hpp"

namespace rxhpc::app {
namespace {

/// Text straight to a table, in one pass where the guessed types hold.
std::int64_t import_directly(Session& session, const std::string& input, TextOptions options, const std::string& output, Timing& timing,
                             std::size_t& columns) {
  options.keep = session.args.list("vars-to-keep");
  options.drop = session.args.list("vars-to-drop");
  if (!options.keep.empty() && !options.drop.empty()) throw UsageError("--vars-to-keep and --vars-to-drop exclude one another");
  auto const make_sink = [&](const Schema& schema, const Grid& grid) {
    columns = schema.size();
    return create_output(session, output, schema, grid, session.args.flag("overwrite"));
  };
  auto const progress = [&](std::int64_t rows, std::int64_t bytes) {
    timing.bytes = bytes;
    session.progress.show_bytes(rows, bytes);
  };
  return import_text(input, options, make_sink, zone_function(), session.comm, progress);
}

}  // namespace

void run_import(Session& session) {
  auto const& args = session.args;
  auto const input = args.positional("INPUT"), output = args.positional("OUTPUT");
  bool const append = args.text("append", "none") == "rows" && output_exists(session, output);
  if (!append) refuse_existing(session, output);
  auto const rows = row_options(args);
  Timing timing;
  std::int64_t written = 0;
  std::size_t columns = 0;
  if (append) {
    written = append_rows(session, input, rows, output, timing, columns);
  } else if (rows == RowOptions{} && !is_text_name(output) && !input_is_table(input, session.comm)) {
    TextOptions options;
    together(session.comm, [&] { options = text_options(session); });
    written = import_directly(session, input, options, output, timing, columns);
  } else {
    written = copy_table(session, input, rows, output, timing, columns);
  }
  finish_written(session, written, columns, timing);
}

}  // namespace rxhpc::app
