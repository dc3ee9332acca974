#include <nlohmann/json.hpp>

#include "analysis.hpp"
#include "input.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/naive_bayes.hpp"

namespace rxhpc::app {
void run_naivebayes(Session& session) {
  auto const& args = session.args;
  refuse_existing_model(session);
  auto const source = open_input(session, args.positional("INPUT"));
  auto const model = naive_bayes(*source, args.positional("FORMULA"),
                                 {.rows = row_options(args),
                                  .pweights = unquoted(args.text("pweights")),
                                  .fweights = unquoted(args.text("fweights")),
                                  .smoothing_factor = args.number("smoothing-factor", 0),
                                  .prior = args.numbers("prior"),
                                  .by_term = args.flag("by-term", true),
                                  .run = session.run},
                                 session.comm);
  write_model(session, model_json(model));
  finish_analysis(session, model, source->grid().total());
}

}  // namespace rxhpc::app
