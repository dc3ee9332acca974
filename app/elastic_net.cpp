#include "elastic_net.hpp"

#include "analysis.hpp"
#include "input.hpp"
#include "rxhpc/elastic_net.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::app {

bool wants_path(const Arguments& args) {
  bool wanted = false;
  for (auto const* name : {"alpha", "lambda", "n-lambda", "lambda-min-ratio", "standardize"}) wanted |= args.given(name);
  return wanted;
}

void run_path(Session& session, const GlmOptions& fit, bool linear) {
  auto const& args = session.args;
  for (auto const* name : {"checkpoint", "resume", "anova", "anova-with", "coeff-tolerance", "objective-function-tolerance", "conf-level"})
    if (find_option(args.verb(), name) && args.given(name)) throw UsageError("--" + std::string(name) + " cannot be had with an elastic net");
  for (auto const* name : {"n-lambda", "lambda-min-ratio"})
    if (args.given("lambda") && args.given(name)) throw UsageError("--" + std::string(name) + " is for paths whose penalties --lambda does not give");
  ElasticNetOptions options;
  int const most_iterations = options.max_iterations;
  static_cast<GlmOptions&>(options) = fit;
  if (linear || !args.given("max-iterations")) options.max_iterations = most_iterations;
  options.linear = linear;
  options.alpha = args.number("alpha", options.alpha);
  options.lambda = args.numbers("lambda");
  options.n_lambda = static_cast<int>(args.integer("n-lambda", options.n_lambda));
  if (args.given("lambda-min-ratio")) options.lambda_min_ratio = args.number("lambda-min-ratio", 0);
  options.standardize = args.flag("standardize", true);
  refuse_existing_model(session);
  auto const source = open_input(session, args.positional("INPUT"));
  auto const net = elastic_net(*source, args.positional("FORMULA"), options, session.comm);
  bool const accepted = net.converged || (!linear && args.flag("return-always"));
  if (accepted && !net.path.empty()) write_model(session, model_json(net));
  finish_analysis(session, net, source->grid().total());
  if (!accepted) throw NumericalError(net.warnings.front() + (linear ? "" : "; --return-always takes the path as it is"));
}

}  // namespace rxhpc::app
