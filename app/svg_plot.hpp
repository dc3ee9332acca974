// Plots as SVG: histograms, curves, points and cells in one or several panels. The same bytes for the same plot.
#pragma once
#include <string>
#include <vector>

namespace rxhpc::app {

struct Session;

/// Rectangles from 0 up to heights[i], between edges[i] and edges[i + 1].
struct Bars {
  std::vector<double> edges;    ///< [heights + 1]
  std::vector<double> heights;
};

/// A curve; points that are not finite break it.
struct Line {
  std::string name;             ///< in the legend; empty: none
  std::vector<double> x, y;
  bool steps = false;           ///< level between points, up or down at each
};

struct Points {
  std::vector<double> x, y;
  std::vector<int> group;       ///< [points] colour and shape: positions in Plot::groups; empty: all alike
  std::vector<double> weight;   ///< [points] the area of each, as for binned points; empty: all alike
  bool emphasised = false;      ///< larger and outlined, as for centres
};

/// A table of coloured cells. Rows are drawn downwards; NaN is left blank.
struct Cells {
  std::vector<std::string> columns, rows;
  std::vector<double> values;   ///< [rows x columns], row by row
};

struct Panel {
  std::string title;
  std::vector<Bars> bars;
  std::vector<Line> lines;
  std::vector<Points> points;
  std::vector<Cells> cells;     ///< at most one, and nothing beside it
};

/// All panels share their axes. Text is escaped, and may be any UTF-8.
struct Plot {
  std::string title, subtitle, x_label, y_label;
  std::vector<Panel> panels;
  std::vector<std::string> groups;      ///< names of the points' groups
  std::vector<std::string> categories;  ///< labels of x = 0, 1, ... instead of numbers
  std::vector<double> x_range, y_range; ///< {low, high}; empty: that of the marks
  bool diagonal = false;                ///< a line from corner to corner, to compare with
  std::string scale_label;              ///< of the cells' colours
};

/// The whole SVG document. Colours that people of every colour vision tell apart (Okabe & Ito 2008), with shapes and dashes beside them.
std::string to_svg(const Plot& plot);

/// Collective. What --plot names, written by rank 0, whole or not at all; nothing where it is not given. Throws DataError.
void save_plot(Session& session, const Plot& plot);
/// Collective. Throws at once where the plot's file exists and may not be replaced, or does not end in .svg, before any work is done.
void check_plot(Session& session);

}  // namespace rxhpc::app
