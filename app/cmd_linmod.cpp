#include "analysis.hpp"
#include "elastic_net.hpp"
#include "input.hpp"
#include "rxhpc/lin_mod.hpp"

namespace rxhpc::app {

void run_linmod(Session& session) {
  auto const& args = session.args;
  if (wants_path(args)) {
    GlmOptions options;
    static_cast<FitOptions&>(options) = fit_options(session);
    return run_path(session, options, true);
  }
  refuse_existing_model(session);
  auto const source = open_input(session, args.positional("INPUT"));
  auto const model = lin_mod(*source, args.positional("FORMULA"), fit_options(session), session.comm);
  write_model(session, model_json(model));
  finish_analysis(session, model, source->grid().total());
}

}  // namespace rxhpc::app
