#include <algorithm>
#include <nlohmann/json.hpp>

#include "analysis.hpp"
#include "cube_options.hpp"
#include "input.hpp"
#include "rxhpc/crosstabs.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::app {
namespace {

/// --tests: a list of names, or all, or none.
void choose_tests(const Arguments& args, CrossTabsOptions& o) {
  struct Named {
    std::string name;
    bool* wanted;
  } const known[] = {{"chisquare", &o.chi_square}, {"fisher", &o.fisher},         {"kendall", &o.kendall},
                     {"odds-ratio", &o.odds_ratio}, {"risk-ratio", &o.risk_ratio}, {"mantel-haenszel", &o.mantel_haenszel}};
  if (!args.given("tests")) return;
  std::vector<std::string> names;
  for (auto const& k : known) *k.wanted = false, names.push_back(k.name);
  names.insert(names.end(), {"all", "none"});
  auto const wanted = args.list("tests");
  for (auto const& asked : wanted) {
    if (std::find(names.begin(), names.end(), asked) == names.end())
      throw UsageError(with_suggestion("--tests: unknown test '" + asked + "'", asked, names));
    for (auto const& k : known)
      if (asked == k.name || asked == "all") *k.wanted = true;
  }
  if (wanted.size() > 1 && std::find(wanted.begin(), wanted.end(), "none") != wanted.end())
    throw UsageError("--tests: none stands alone; it cannot go with another test");
}

}  // namespace

void run_crosstabs(Session& session) {
  auto const& args = session.args;
  CrossTabsOptions o;
  o.cube = cube_options(session);
  o.cube.means = args.flag("means");
  o.marginals = args.flag("marginals");
  o.pairwise = args.flag("pairwise");
  o.pooled = args.flag("pooled", true);
  if (args.given("pooled") && !o.pairwise) throw UsageError("--pooled needs --pairwise");
  choose_tests(args, o);
  o.tests.conf_level = args.number("conf-level", 0.95);
  if (!(o.tests.conf_level > 0 && o.tests.conf_level < 1)) throw UsageError("--conf-level: " + args.text("conf-level") + " is not between 0 and 1");
  o.tests.seed = static_cast<std::uint64_t>(args.integer("seed", 1));
  o.tests.simulations = static_cast<int>(std::min<std::int64_t>(args.integer("num-simulations", o.tests.simulations), 100000000));
  o.tests.permute = args.flag("permute");
  if (o.tests.permute && !o.kendall) throw UsageError("--permute is for Kendall's tau: --tests kendall");
  auto const alternative = args.text("alternative", "two.sided");
  o.tests.alternative = alternative == "less" ? Alternative::less : alternative == "greater" ? Alternative::greater : Alternative::two_sided;
  if (args.given("alternative") && !o.odds_ratio && !o.risk_ratio) throw UsageError("--alternative is for --tests odds-ratio and risk-ratio");
  o.percents = args.flag("percents");
  auto const source = open_input(session, args.positional("INPUT"));
  auto const tabs = cross_tabs(*source, args.positional("FORMULA"), o, session.comm);
  warn_without_rows(session, tabs.cube.n_valid_obs);
  finish_analysis(session, tabs, source->grid().total());
}

}  // namespace rxhpc::app
