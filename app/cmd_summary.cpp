#include "analysis.hpp"
#include "input.hpp"
#include "rxhpc/summary.hpp"

namespace rxhpc::app {

void run_summary(Session& session) {
  auto const& args = session.args;
  auto const input = args.positional("INPUT");
  auto const formula = args.positional("FORMULA").empty() ? "~ ." : args.positional("FORMULA");
  auto const source = open_input(session, input);
  auto const summary = summarize(*source, formula,
                                 {.rows = row_options(args),
                                  .pweights = unquoted(args.text("pweights")),
                                  .fweights = unquoted(args.text("fweights")),
                                  .by_term = args.flag("by-term", true),
                                  .use_zone_map = args.flag("use-zone-map", true),
                                  .run = session.run},
                                 session.comm);
  finish_analysis(session, summary, source->grid().total());
}

}  // namespace rxhpc::app
