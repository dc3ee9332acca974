#include "cube_options.hpp"

#include "input.hpp"

namespace rxhpc::app {

CubeOptions cube_options(const Session& session) {
  auto const& args = session.args;
  auto const missing = args.text("use-na", "no");
  CubeOptions o;
  o.rows = row_options(args);
  o.pweights = unquoted(args.text("pweights"));
  o.fweights = unquoted(args.text("fweights"));
  o.sparse = args.flag("use-sparse-cube");
  o.remove_zero_counts = args.flag("remove-zero-counts", o.sparse);
  o.use_missing = missing == "ifany" ? UseMissing::ifany : missing == "always" ? UseMissing::always : UseMissing::no;
  o.as_json = args.given("json");
  o.run = session.run;
  return o;
}

}  // namespace rxhpc::app
