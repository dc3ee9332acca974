#include <filesystem>
#include <nlohmann/json.hpp>

#include "input.hpp"
#include "results.hpp"
#include "rxhpc/lin_mod.hpp"
#include "rxhpc/table.hpp"

namespace rxhpc::app {

void run_linmod(Session& session) {
  auto const& args = session.args;
  auto const input = args.positional("INPUT"), model_file = args.text("model");
  if (!model_file.empty()) refuse_existing(session, model_file);
  auto const source = open_input(session, input);
  auto const model = lin_mod(*source, args.positional("FORMULA"),
                             {.rows = row_options(args),
                              .pweights = unquoted(args.text("pweights")),
                              .fweights = unquoted(args.text("fweights")),
                              .drop_first = args.flag("drop-first"),
                              .drop_main = args.flag("drop-main", true),
                              .cube = args.flag("cube"),
                              .cov_coef = args.flag("cov-coef"),
                              .like_r = args.flag("like-r"),
                              .run = session.run},
                             session.comm);
  together(session.comm, [&] {
    if (session.root() && !model_file.empty()) write_whole(model_file, json_text(model_json(model)), args.flag("overwrite"));
  });
  Result result;
  result.fields = to_json(model);
  result.text = to_text(model);
  result.formula = model.formula;
  result.input = input;
  result.rows = source->grid().total();
  finish(session, std::move(result), model.timing);
}

}  // namespace rxhpc::app
