#include <cstdlib>

#include "analysis.hpp"
#include "input.hpp"
#include "rxhpc/quantile.hpp"

namespace rxhpc::app {
void run_quantile(Session& session) {
  auto const& args = session.args;
  auto const formula = args.positional("FORMULA").empty() ? "~ ." : args.positional("FORMULA");
  QuantileOptions options{.type = std::atoi(args.text("type", "0").c_str()),
                          .rows = row_options(args),
                          .pweights = unquoted(args.text("pweights")),
                          .fweights = unquoted(args.text("fweights")),
                          .run = session.run};
  if (args.given("probs")) options.probs = args.numbers("probs");
  auto const source = open_input(session, args.positional("INPUT"));
  auto const quantiles = quantile(*source, formula, options, session.comm);
  warn_without_rows(session, quantiles.n_valid_obs);
  finish_analysis(session, quantiles, source->grid().total());
}

}  // namespace rxhpc::app
