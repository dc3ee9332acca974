#include <cmath>
#include <numeric>

#include "analysis.hpp"
#include "input.hpp"
#include "rxhpc/histogram.hpp"
#include "svg_plot.hpp"

namespace rxhpc::app {
namespace {

Plot plot_of(const Histogram& h, bool percent) {
  // Bars of different widths compare by area.
  bool const density = !h.equal_widths;
  Plot plot;
  plot.title = "Histogram of " + h.variable;
  plot.x_label = h.variable;
  plot.y_label = density ? "Density" : percent ? "Percent" : "Counts";
  plot.categories = h.categories;
  std::vector<double> edges = h.breaks;
  if (edges.empty()) {
    edges.resize(h.categories.size() + 1);
    std::iota(edges.begin(), edges.end(), -0.5);
  }
  for (auto const& p : h.panels) {
    Panel panel;
    for (std::size_t f = 0; f < p.levels.size(); ++f) panel.title += (f ? ", " : "") + h.factors[f] + "=" + p.levels[f];
    panel.bars.push_back({edges, density ? h.density(p) : percent ? h.percents(p) : p.counts});
    plot.panels.push_back(std::move(panel));
  }
  return plot;
}

}  // namespace

void run_histogram(Session& session) {
  auto const& args = session.args;
  check_plot(session);
  HistogramOptions options;
  options.breaks = args.text("breaks", "sturges");
  options.num_breaks = static_cast<int>(args.integer("num-breaks", 0));
  options.start_val = args.number("start-val", std::nan(""));
  options.end_val = args.number("end-val", std::nan(""));
  options.right = args.flag("right", true);
  options.levels_to_drop = args.list("levels-to-drop");
  options.levels_to_keep = args.list("levels-to-keep");
  options.max_num_panels = static_cast<int>(args.integer("max-num-panels", 100));
  options.rows = row_options(args);
  options.pweights = unquoted(args.text("pweights"));
  options.fweights = unquoted(args.text("fweights"));
  options.run = session.run;
  bool const percent = args.text("hist-type", "counts") == "percent";
  auto const source = open_input(session, args.positional("INPUT"));
  auto const h = histogram(*source, args.positional("FORMULA"), options, session.comm);
  warn_without_rows(session, h.n_valid_obs);
  save_plot(session, plot_of(h, percent));
  Result result;
  result.fields = to_json(h);
  result.text = to_text(h, percent);
  result.formula = h.formula;
  result.input = args.positional("INPUT");
  result.rows = source->grid().total();
  finish(session, std::move(result), h.timing);
}

}  // namespace rxhpc::app
