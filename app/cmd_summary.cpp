#include <algorithm>
#include <cctype>
#include <string_view>

#include "analysis.hpp"
#include "input.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/summary.hpp"

namespace rxhpc::app {

namespace {

/// --summary-stats: what every summary has may be named; median, IQR and MAD must be.
bool order_statistics_asked(const Arguments& args) {
  constexpr std::string_view always[] = {"mean", "stddev", "min", "max", "sum", "validobs", "missingobs"}, ordered[] = {"median", "iqr", "mad"};
  bool asked = false;
  for (auto const& name : args.list("summary-stats")) {
    std::string lower;
    for (char c : name) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    bool const one = std::find(std::begin(ordered), std::end(ordered), lower) != std::end(ordered);
    if (!one && std::find(std::begin(always), std::end(always), lower) == std::end(always))
      throw UsageError(with_suggestion("--summary-stats: '" + name + "' is no statistic", name,
                                       {"Mean", "StdDev", "Min", "Max", "Sum", "ValidObs", "MissingObs", "Median", "IQR", "MAD"}));
    asked = asked || one;
  }
  return asked;
}

}  // namespace

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
                                  .run = session.run,
                                  .order_statistics = order_statistics_asked(args)},
                                 session.comm);
  finish_analysis(session, summary, source->grid().total());
}

}  // namespace rxhpc::app
