#include "analysis.hpp"
#include "input.hpp"
#include "rxhpc/cov_cor.hpp"

namespace rxhpc::app {
void run_covcor(Session& session) {
  auto const& args = session.args;
  refuse_existing_model(session);
  auto const type = args.text("type", "cov");
  CovCorOptions const options{.rows = row_options(args),
                              .pweights = unquoted(args.text("pweights")),
                              .fweights = unquoted(args.text("fweights")),
                              .type = type == "cov" ? CovType::cov : type == "cor" ? CovType::cor : CovType::sscp,
                              .keep_all = args.flag("keep-all", true),
                              .var_tol = args.number("var-tol", 1e-12),
                              .pairwise = args.text("use") == "pairwise.complete.obs",
                              .princomp = args.flag("princomp"),
                              .ridge_lambda = args.numbers("ridge-lambda"),
                              .run = session.run};
  if (args.given("model") && !options.princomp && options.ridge_lambda.size() != 1)
    throw UsageError("--model needs --princomp, or --ridge-lambda with one penalty");
  auto const source = open_input(session, args.positional("INPUT"));
  auto const result = cov_cor(*source, args.positional("FORMULA"), options, session.comm);
  if (args.given("model")) write_model(session, model_json(result));
  finish_analysis(session, result, source->grid().total());
}

}  // namespace rxhpc::app
