#include <algorithm>
#include <cstdio>

#include "analysis.hpp"
#include "input.hpp"
#include "rxhpc/lorenz.hpp"
#include "svg_plot.hpp"

namespace rxhpc::app {
namespace {

Plot plot_of(const Lorenz& l) {
  Plot plot;
  plot.title = "Lorenz curve";
  plot.x_label = "Lowest percent of rows";
  plot.y_label = "Percent of the total";
  plot.diagonal = true;
  plot.x_range = {0, 100};
  double low = 0;
  Panel panel;
  for (auto const& c : l.curves) {
    char gini[32];
    std::snprintf(gini, sizeof gini, " (Gini %.4f)", c.gini);
    Line line{c.name + gini, {}, {}, false};
    for (auto const& p : c.points) line.x.push_back(p.percents), line.y.push_back(p.cum_vals), low = std::min(low, p.cum_vals);
    panel.lines.push_back(std::move(line));
  }
  if (low == 0) plot.y_range = {0, 100};
  plot.diagonal = low == 0;
  plot.panels.push_back(std::move(panel));
  return plot;
}

}  // namespace

void run_lorenz(Session& session) {
  auto const& args = session.args;
  check_plot(session);
  auto const source = open_input(session, args.positional("INPUT"));
  auto const result = lorenz(*source, args.positional("FORMULA"),
                             {.num_breaks = static_cast<int>(args.integer("num-breaks", 1000)),
                              .rows = row_options(args),
                              .pweights = unquoted(args.text("pweights")),
                              .fweights = unquoted(args.text("fweights")),
                              .run = session.run},
                             session.comm);
  save_plot(session, plot_of(result));
  finish_analysis(session, result, source->grid().total());
}

}  // namespace rxhpc::app
