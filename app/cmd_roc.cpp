#include <cmath>

#include "analysis.hpp"
#include "input.hpp"
#include "rxhpc/roc.hpp"
#include "svg_plot.hpp"

namespace rxhpc::app {
namespace {

/// False positives against sensitivity; points closer than a thousandth are not drawn apart.
Plot plot_of(const Roc& result) {
  Plot plot;
  plot.title = "ROC";
  plot.subtitle = result.formula;
  plot.x_label = "1 - specificity";
  plot.y_label = "sensitivity";
  plot.x_range = plot.y_range = {0, 1};
  plot.diagonal = true;
  Panel panel;
  for (auto const& c : result.curves) {
    char area[32];
    std::snprintf(area, sizeof area, " (AUC %.4f)", c.auc);
    Line line;
    line.name = c.name + area;
    line.x = {1};
    line.y = {1};
    for (auto const& p : c.points) {
      if (std::abs(1 - p.specificity - line.x.back()) + std::abs(p.sensitivity - line.y.back()) < 1e-3) continue;
      line.x.push_back(1 - p.specificity);
      line.y.push_back(p.sensitivity);
    }
    line.x.push_back(0);
    line.y.push_back(0);
    panel.lines.push_back(std::move(line));
  }
  plot.panels.push_back(std::move(panel));
  return plot;
}

}  // namespace

void run_roc(Session& session) {
  auto const& args = session.args;
  check_plot(session);
  auto const source = open_input(session, args.positional("INPUT"));
  auto const result = roc(*source, args.positional("FORMULA"),
                          {.rows = row_options(args),
                           .num_breaks = args.integer("num-breaks", 100),
                           .remove_dups = args.flag("remove-dups", true),
                           .conf_level = args.number("conf-level", 0.95),
                           .run = session.run},
                          session.comm);
  save_plot(session, plot_of(result));
  finish_analysis(session, result, source->grid().total());
}

}  // namespace rxhpc::app
