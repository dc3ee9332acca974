#include "analysis.hpp"
#include "append.hpp"
#include "input.hpp"
#include "rxhpc/text.hpp"

namespace rxhpc::app {

void run_export(Session& session) {
  auto const& args = session.args;
  auto const input = args.positional("INPUT"), output = args.positional("OUTPUT");
  if (!is_text_name(output)) throw UsageError("OUTPUT '" + output + "' does not end in .csv, .tsv or .txt (.gz); datastep writes tables");
  refuse_existing(session, output);
  Timing timing;
  std::size_t columns = 0;
  auto const written = copy_table(session, input, row_options(args), output, timing, columns);
  finish_written(session, written, columns, timing);
}

}  // namespace rxhpc::app
