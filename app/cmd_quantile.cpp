#include <cstdlib>

#include "analysis.hpp"
#include "input.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/quantile.hpp"

namespace rxhpc::app {
namespace {

std::vector<double> probabilities(const Arguments& args) {
  std::vector<double> probs;
  for (auto const& text : args.list("probs")) {
    char* end = nullptr;
    probs.push_back(std::strtod(text.c_str(), &end));
    if (text.empty() || *end != '\0') throw UsageError("--probs: '" + text + "' is not a number");
  }
  return probs;
}

}  // namespace

void run_quantile(Session& session) {
  auto const& args = session.args;
  auto const formula = args.positional("FORMULA").empty() ? "~ ." : args.positional("FORMULA");
  QuantileOptions options{.type = std::atoi(args.text("type", "0").c_str()),
                          .rows = row_options(args),
                          .pweights = unquoted(args.text("pweights")),
                          .fweights = unquoted(args.text("fweights")),
                          .run = session.run};
  if (args.given("probs")) options.probs = probabilities(args);
  auto const source = open_input(session, args.positional("INPUT"));
  finish_analysis(session, quantile(*source, formula, options, session.comm), source->grid().total());
}

}  // namespace rxhpc::app
