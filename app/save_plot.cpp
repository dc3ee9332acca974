#include "input.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/table.hpp"
#include "svg_plot.hpp"

namespace rxhpc::app {

void check_plot(Session& session) {
  auto const file = session.args.text("plot");
  if (file.empty()) return;
  if (!file.ends_with(".svg")) throw UsageError("--plot: '" + file + "' does not end in .svg");
  refuse_existing(session, file);
}

void save_plot(Session& session, const Plot& plot) {
  auto const file = session.args.text("plot");
  if (file.empty()) return;
  together(session.comm, [&] {
    if (session.root()) write_whole(file, to_svg(plot), session.args.flag("overwrite"));
  });
}

}  // namespace rxhpc::app
