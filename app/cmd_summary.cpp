#include <nlohmann/json.hpp>

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
  Result result;
  result.fields = to_json(summary);
  result.text = to_text(summary);
  result.formula = summary.formula;
  result.input = input;
  result.rows = source->grid().total();
  finish(session, std::move(result), summary.timing);
}

}  // namespace rxhpc::app
