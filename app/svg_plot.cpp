#include "svg_plot.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "svg_axis.hpp"

namespace rxhpc::app {
namespace {

constexpr std::string_view colours[] = {"#3b6ea5", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#7f7f7f", "#222222"};
constexpr std::string_view dashes[] = {"", "6 3", "2 2", "8 3 2 3"};
constexpr std::size_t colour_count = std::size(colours);
constexpr const char *ink = "#222222", *faint = "#666666", *grid = "#dddddd";
constexpr double letter = 6.3, line_height = 16;  // of 12-pixel sans-serif, a little more than the average

std::string number(double x) {
  char buffer[64];
  auto const rounded = std::round(x * 100) / 100;
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, rounded == 0 ? 0.0 : rounded).ptr};
}

/// Characters that XML gives a meaning are escaped; control characters, which it forbids, become spaces.
std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  return out;
}

/// Characters of UTF-8 text.
std::size_t length(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string shortened(const std::string& text, double width) {
  auto const most = static_cast<std::size_t>(std::max(3.0, width / letter));
  if (length(text) <= most) return text;
  std::size_t end = 0, letters = 0;
  while (end < text.size() && (letters < most - 1 || (text[end] & 0xC0) == 0x80)) letters += (text[end++] & 0xC0) != 0x80;
  while (end > 0 && end < text.size() && (text[end] & 0xC0) == 0x80) ++end;
  return text.substr(0, end) + "\u2026";
}

std::size_t longest(const std::vector<std::string>& texts) {
  std::size_t most = 0;
  for (auto const& text : texts) most = std::max(most, length(text));
  return most;
}

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  void add(double x) {
    if (std::isfinite(x)) low = std::min(low, x), high = std::max(high, x);
  }
  void add(const std::vector<double>& values) {
    for (double x : values) add(x);
  }
};

/// A step of the sequential scale from near white to dark blue, `t` in 0..1.
std::string shade(double t) {
  constexpr int stops[][3] = {{0xf2, 0xf6, 0xfa}, {0x9d, 0xc0, 0xdd}, {0x3b, 0x6e, 0xa5}, {0x12, 0x33, 0x58}};
  double const at = std::clamp(t, 0.0, 1.0) * 3;
  int const k = std::min(2, static_cast<int>(at));
  char text[8] = "#";
  for (int c = 0; c < 3; ++c) {
    auto const value = static_cast<int>(std::lround(stops[k][c] + (at - k) * (stops[k + 1][c] - stops[k][c])));
    constexpr char digits[] = "0123456789abcdef";
    text[1 + 2 * c] = digits[value >> 4], text[2 + 2 * c] = digits[value & 15];
  }
  return text;
}

struct Box {
  double x = 0, y = 0, width = 0, height = 0;
};

class Drawing {
 public:
  explicit Drawing(const Plot& plot) : plot_(plot) {}
  std::string draw();

 private:
  void choose_axes();
  void lay_out();
  void draw_frame(const Box& box, std::size_t panel);
  void draw_bars(const Box& box, const Bars& bars);
  void draw_line(const Box& box, const Line& line, std::size_t number_of_line);
  void draw_points(const Box& box, const Points& points);
  void draw_cells(const Box& box, const Cells& cells);
  void draw_marker(double x, double y, double radius, std::size_t group, bool emphasised);
  void draw_legend(double x, double y);
  void draw_scale(double x, double y);
  void text(double x, double y, const std::string& what, std::string_view anchor, std::string_view colour = ink, std::string_view more = {});
  void line(double x1, double y1, double x2, double y2, std::string_view colour, std::string_view more = {});

  bool heat_map() const { return !plot_.panels.empty() && !plot_.panels[0].cells.empty(); }
  std::vector<std::string> legend() const;
  double x_of(const Box& box, double x) const { return box.x + box.width * x_.place(x); }
  double y_of(const Box& box, double y) const { return box.y + box.height * (1 - y_.place(y)); }

  const Plot& plot_;
  std::string out_;
  Axis x_, y_, scale_;
  std::size_t across_ = 1;         // panels in a row
  double left_ = 0, top_ = 0, right_ = 0;
  Box panel_;                      // size of one panel; x and y are the distance to the next
  double width_ = 0, height_ = 0;
  double points_weight_ = 1;
};

void Drawing::text(double x, double y, const std::string& what, std::string_view anchor, std::string_view colour, std::string_view more) {
  if (what.empty()) return;
  out_ += "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"";
  out_.append(anchor).append("\" fill=\"").append(colour).append("\"").append(more) += ">" + escaped(what) + "</text>\n";
}

void Drawing::line(double x1, double y1, double x2, double y2, std::string_view colour, std::string_view more) {
  out_ += "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) + "\" y2=\"" + number(y2) + "\" stroke=\"";
  out_.append(colour).append("\"").append(more) += "/>\n";
}

std::vector<std::string> Drawing::legend() const {
  auto names = plot_.groups;
  if (!plot_.panels.empty())
    for (auto const& l : plot_.panels[0].lines)
      if (!l.name.empty()) names.push_back(l.name);
  return names;
}

void Drawing::choose_axes() {
  Range x, y, cells;
  double most = 0;
  for (auto const& panel : plot_.panels) {
    for (auto const& b : panel.bars) x.add(b.edges), y.add(b.heights), y.add(0);
    for (auto const& l : panel.lines) x.add(l.x), y.add(l.y);
    for (auto const& p : panel.points) {
      x.add(p.x), y.add(p.y);
      for (double w : p.weight)
        if (std::isfinite(w)) most = std::max(most, w);
    }
    for (auto const& c : panel.cells) cells.add(c.values);
  }
  points_weight_ = most > 0 ? most : 1;
  if (plot_.x_range.size() == 2) x = {plot_.x_range[0], plot_.x_range[1]};
  if (plot_.y_range.size() == 2) y = {plot_.y_range[0], plot_.y_range[1]};
  bool const small = plot_.panels.size() > 1;
  bool const scatter = std::any_of(plot_.panels.begin(), plot_.panels.end(), [](const Panel& p) { return !p.points.empty(); });
  x_ = nice_axis(x.low, x.high, small ? 4 : 8, scatter && plot_.x_range.empty());
  y_ = nice_axis(y.low, y.high, small ? 4 : 6, plot_.y_range.empty());
  if (cells.low > 0 && cells.low < 0.5 * cells.high) cells.low = 0;
  scale_ = nice_axis(cells.low, cells.high, 5, true);
}

void Drawing::lay_out() {
  std::size_t const panels = std::max<std::size_t>(1, plot_.panels.size());
  auto names = legend();
  double y_labels = static_cast<double>(longest(y_.labels)), below = line_height + 6;
  right_ = 16;
  if (heat_map()) {
    std::size_t rows = 1, columns = 1, row_name = 1, column_name = 1;
    for (auto const& panel : plot_.panels)
      for (auto const& c : panel.cells) {
        rows = std::max(rows, c.rows.size()), columns = std::max(columns, c.columns.size());
        row_name = std::max(row_name, longest(c.rows)), column_name = std::max(column_name, longest(c.columns));
      }
    double const one = panels > 1 ? 26 : 34;
    panel_.width = std::clamp(static_cast<double>(columns) * std::max(one * 1.6, std::min(12.0, double(column_name)) * letter + 6), 160.0, 900.0);
    panel_.height = std::clamp(static_cast<double>(rows) * one, 60.0, 900.0);
    y_labels = static_cast<double>(std::min<std::size_t>(20, row_name));
    right_ = 100;
  } else {
    panel_.width = panels == 1 ? 640 : panels <= 4 ? 340 : 240;
    panel_.height = panels == 1 ? 400 : panels <= 4 ? 230 : 150;
    if (plot_.diagonal && panels == 1) panel_.width = 460, panel_.height = 460;
    if (!names.empty()) right_ = 50 + letter * static_cast<double>(std::min<std::size_t>(30, longest(names)));
    if (!plot_.categories.empty() && static_cast<double>(longest(plot_.categories)) * letter * double(plot_.categories.size()) > panel_.width)
      below = 12 + std::min<double>(14, static_cast<double>(longest(plot_.categories))) * letter * 0.8;
  }
  across_ = panels == 1 ? 1 : panels <= 4 ? 2 : std::min<std::size_t>(panels, heat_map() ? 2 : 4);
  left_ = 26 + letter * y_labels + (plot_.y_label.empty() ? 0 : line_height);
  top_ = 18 + (plot_.title.empty() ? 0 : 20) + (plot_.subtitle.empty() ? 0 : line_height);
  double const heading = panels > 1 ? 22 : 4;
  panel_.x = panel_.width + (heat_map() ? left_ : 18);
  panel_.y = panel_.height + heading + (heat_map() ? 28 : 12);
  std::size_t const down = (panels + across_ - 1) / across_;
  top_ += heading;
  width_ = left_ + panel_.x * static_cast<double>(across_ - 1) + panel_.width + right_;
  height_ = top_ + panel_.y * static_cast<double>(down - 1) + panel_.height + below + (plot_.x_label.empty() ? 4 : line_height + 8);
  height_ = std::max(height_, top_ + line_height * static_cast<double>(names.size()) + 20);
  width_ = std::max(width_, std::min(900.0, 32 + letter * 1.25 * static_cast<double>(std::max(length(plot_.title), length(plot_.subtitle)))));
}

void Drawing::draw_frame(const Box& box, std::size_t panel) {
  bool const many = plot_.panels.size() > 1, first = panel % across_ == 0, last = panel + across_ >= plot_.panels.size();
  if (many) text(box.x + box.width / 2, box.y - 7, shortened(plot_.panels[panel].title, box.width), "middle", ink, " font-weight=\"bold\"");
  for (std::size_t k = 0; k < y_.ticks.size(); ++k) {
    double const y = y_of(box, y_.ticks[k]);
    line(box.x, y, box.x + box.width, y, grid);
    if (first) text(box.x - 7, y + 4, y_.labels[k], "end", faint);
  }
  double const bottom = box.y + box.height;
  if (!plot_.categories.empty()) {
    auto const count = plot_.categories.size();
    double const wide = box.width / (x_.high - x_.low);
    bool const slanted = static_cast<double>(longest(plot_.categories)) * letter > wide;
    auto const every = slanted ? std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(12 / wide))) : 1;
    for (std::size_t k = 0; last && k < count; k += every) {
      double const x = x_of(box, static_cast<double>(k));
      auto const turn = " transform=\"rotate(-45 " + number(x + 4) + " " + number(bottom + 12) + ")\"";
      text(slanted ? x + 4 : x, bottom + (slanted ? 12 : 17), shortened(plot_.categories[k], slanted ? 14 * letter : wide), slanted ? "end" : "middle", faint,
           slanted ? std::string_view(turn) : std::string_view());
    }
  } else {
    for (std::size_t k = 0; k < x_.ticks.size(); ++k) {
      double const x = x_of(box, x_.ticks[k]);
      line(x, bottom, x, bottom + 4, faint);
      if (last) text(x, bottom + 17, x_.labels[k], "middle", faint);
    }
  }
  if (plot_.diagonal) line(box.x, bottom, box.x + box.width, box.y, faint, " stroke-dasharray=\"4 4\"");
}

void Drawing::draw_bars(const Box& box, const Bars& bars) {
  double const zero = y_of(box, std::clamp(0.0, y_.low, y_.high));
  for (std::size_t k = 0; k < bars.heights.size() && k + 1 < bars.edges.size(); ++k) {
    if (!std::isfinite(bars.heights[k]) || bars.heights[k] == 0) continue;
    double const from = x_of(box, bars.edges[k]), to = x_of(box, bars.edges[k + 1]), at = y_of(box, bars.heights[k]);
    double const gap = to - from > 4 ? 0.5 : 0;
    out_ += "<rect x=\"" + number(from + gap) + "\" y=\"" + number(std::min(at, zero)) + "\" width=\"" + number(std::max(0.3, to - from - 2 * gap)) +
            "\" height=\"" + number(std::abs(zero - at)) + "\" fill=\"" + std::string(colours[0]) + "\"/>\n";
  }
}

void Drawing::draw_line(const Box& box, const Line& l, std::size_t number_of_line) {
  std::string path;
  bool down = false;
  double last_x = 0, last_y = 0;
  auto const count = std::min(l.x.size(), l.y.size());
  for (std::size_t k = 0; k < count; ++k) {
    if (!std::isfinite(l.x[k]) || !std::isfinite(l.y[k])) {
      down = false;
      continue;
    }
    double const x = x_of(box, l.x[k]), y = y_of(box, l.y[k]);
    bool const end = k + 1 == count || !std::isfinite(l.x[k + 1]) || !std::isfinite(l.y[k + 1]);
    // Points nearer than a quarter of a pixel to the one before cannot be seen: curves of millions of points stay small.
    if (down && !end && std::abs(x - last_x) < 0.25 && std::abs(y - last_y) < 0.25) continue;
    if (!down) path += "M";
    else if (l.steps) path += "H" + number(x) + "L";
    else path += "L";
    path += number(x) + " " + number(y);
    down = true, last_x = x, last_y = y;
  }
  auto const dash = dashes[number_of_line / colour_count % std::size(dashes)];
  out_ += "<path d=\"" + path + "\" fill=\"none\" stroke=\"" + std::string(colours[number_of_line % colour_count]) + "\" stroke-width=\"2\"" +
          (dash.empty() ? "" : " stroke-dasharray=\"" + std::string(dash) + "\"") + "/>\n";
}

void Drawing::draw_marker(double x, double y, double r, std::size_t group, bool emphasised) {
  auto const style = "\" fill=\"" + std::string(colours[group % colour_count]) +
                     (emphasised ? "\" stroke=\"#ffffff\" stroke-width=\"1.5\"/>\n" : "\" fill-opacity=\"0.7\"/>\n");
  double const s = r * 0.886, t = r * 1.25;  // a square of the circle's area, a triangle about as large
  switch (group / colour_count % 3) {
    case 0: out_ += "<circle cx=\"" + number(x) + "\" cy=\"" + number(y) + "\" r=\"" + number(r) + style; break;
    case 1: out_ += "<rect x=\"" + number(x - s) + "\" y=\"" + number(y - s) + "\" width=\"" + number(2 * s) + "\" height=\"" + number(2 * s) + style; break;
    default:
      out_ += "<path d=\"M" + number(x) + " " + number(y - t) + "L" + number(x + t) + " " + number(y + s) + "L" + number(x - t) + " " + number(y + s) + "Z" + style;
  }
}

void Drawing::draw_points(const Box& box, const Points& p) {
  for (std::size_t k = 0; k < std::min(p.x.size(), p.y.size()); ++k) {
    if (!std::isfinite(p.x[k]) || !std::isfinite(p.y[k])) continue;
    auto const group = k < p.group.size() && p.group[k] > 0 ? static_cast<std::size_t>(p.group[k]) : 0;
    double radius = p.emphasised ? 6 : 2.5;
    if (k < p.weight.size()) radius = 1 + 5 * std::sqrt(std::clamp(p.weight[k] / points_weight_, 0.0, 1.0));
    draw_marker(x_of(box, p.x[k]), y_of(box, p.y[k]), radius, group, p.emphasised);
  }
}

void Drawing::draw_cells(const Box& box, const Cells& c) {
  double const wide = box.width / static_cast<double>(std::max<std::size_t>(1, c.columns.size()));
  double const high = box.height / static_cast<double>(std::max<std::size_t>(1, c.rows.size()));
  auto const every_row = std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(12 / high)));
  auto const every_column = std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(18 / wide)));
  for (std::size_t r = 0; r < c.rows.size(); ++r) {
    double const y = box.y + high * static_cast<double>(r);
    if (r % every_row == 0) text(box.x - 7, y + high / 2 + 4, shortened(c.rows[r], 20 * letter), "end", faint);
    for (std::size_t k = 0; k < c.columns.size(); ++k) {
      double const value = c.values.at(r * c.columns.size() + k);
      double const x = box.x + wide * static_cast<double>(k), t = scale_.place(value);
      out_ += "<rect x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" + number(wide) + "\" height=\"" + number(high) + "\" fill=\"" +
              (std::isfinite(value) ? shade(t) : "#ffffff") + "\" stroke=\"#ffffff\"/>\n";
      auto const label = std::isfinite(value) ? short_number(value) : "";
      if (high >= 14 && static_cast<double>(label.size()) * letter < wide - 2) text(x + wide / 2, y + high / 2 + 4, label, "middle", t > 0.5 ? "#ffffff" : ink);
    }
  }
  for (std::size_t k = 0; k < c.columns.size(); k += every_column)
    text(box.x + wide * (static_cast<double>(k) + 0.5), box.y + box.height + 15, shortened(c.columns[k], wide * static_cast<double>(every_column)), "middle", faint);
}

void Drawing::draw_legend(double x, double y) {
  for (std::size_t k = 0; k < plot_.groups.size(); ++k, y += line_height) {
    draw_marker(x + 10, y, 4, k, false);
    text(x + 26, y + 4, shortened(plot_.groups[k], 30 * letter), "start");
  }
  auto const& lines = plot_.panels[0].lines;
  for (std::size_t k = 0; k < lines.size(); ++k) {
    if (lines[k].name.empty()) continue;
    auto const dash = dashes[k / colour_count % std::size(dashes)];
    line(x, y, x + 20, y, colours[k % colour_count],
         " stroke-width=\"2\"" + (dash.empty() ? std::string() : " stroke-dasharray=\"" + std::string(dash) + "\""));
    text(x + 26, y + 4, shortened(lines[k].name, 30 * letter), "start");
    y += line_height;
  }
}

void Drawing::draw_scale(double x, double y) {
  double const height = std::clamp(panel_.height - 20, 80.0, 200.0);
  constexpr int steps = 40;
  text(x, y - 8, shortened(plot_.scale_label, right_ - 20), "start", faint);
  for (int k = 0; k < steps; ++k)
    out_ += "<rect x=\"" + number(x) + "\" y=\"" + number(y + height * k / steps) + "\" width=\"14\" height=\"" + number(height / steps + 0.5) + "\" fill=\"" +
            shade(1 - (k + 0.5) / steps) + "\"/>\n";
  for (std::size_t k = 0; k < scale_.ticks.size(); ++k)
    text(x + 20, y + height * (1 - scale_.place(scale_.ticks[k])) + 4, scale_.labels[k], "start", faint);
}

std::string Drawing::draw() {
  choose_axes();
  lay_out();
  auto const size = number(width_) + " " + number(height_);
  out_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + number(width_) + "\" height=\"" + number(height_) + "\" viewBox=\"0 0 " + size +
         "\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"" + number(width_) + "\" height=\"" + number(height_) + "\" fill=\"#ffffff\"/>\n";
  text(16, 24, shortened(plot_.title, width_ / 1.2 - 20), "start", ink, " font-size=\"14\" font-weight=\"bold\"");
  text(16, plot_.title.empty() ? 20 : 42, shortened(plot_.subtitle, width_ - 20), "start", faint);
  for (std::size_t k = 0; k < plot_.panels.size(); ++k) {
    auto const& panel = plot_.panels[k];
    Box const box{left_ + panel_.x * static_cast<double>(k % across_), top_ + panel_.y * static_cast<double>(k / across_), panel_.width, panel_.height};
    if (!panel.cells.empty()) {
      if (plot_.panels.size() > 1) text(box.x + box.width / 2, box.y - 7, shortened(panel.title, box.width), "middle", ink, " font-weight=\"bold\"");
      draw_cells(box, panel.cells[0]);
      continue;
    }
    draw_frame(box, k);
    for (auto const& bars : panel.bars) draw_bars(box, bars);
    for (std::size_t l = 0; l < panel.lines.size(); ++l) draw_line(box, panel.lines[l], l);
    for (auto const& points : panel.points) draw_points(box, points);
    line(box.x, box.y + box.height, box.x + box.width, box.y + box.height, faint);
    line(box.x, box.y, box.x, box.y + box.height, faint);
  }
  double const inner = width_ - left_ - right_, middle = top_ + (height_ - top_) / 2 - 20;
  text(left_ + inner / 2, height_ - 10, shortened(plot_.x_label, inner), "middle");
  text(18, middle, shortened(plot_.y_label, height_ - top_), "middle", ink, " transform=\"rotate(-90 18 " + number(middle) + ")\"");
  if (heat_map()) draw_scale(width_ - right_ + 16, top_ + 10);
  else if (!legend().empty()) draw_legend(width_ - right_ + 14, top_ + 10);
  return out_ + "</svg>\n";
}

}  // namespace

std::string to_svg(const Plot& plot) { return Drawing(plot).draw(); }

}  // namespace rxhpc::app
