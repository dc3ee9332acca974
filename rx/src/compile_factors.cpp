// factor(), ordered(), cut(), and RevoScaleR's F() and N().
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <set>
#include <unordered_map>

#include "compile.hpp"
#include "rxhpc/column.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

constexpr double most_levels = 1e7;
constexpr double most_whole = 0x1p53 - 1;

std::string interval(const std::string& low, const std::string& high, bool closed_low, bool closed_high) {
  return (closed_low ? "[" : "(") + low + "," + high + (closed_high ? "]" : ")");
}

}  // namespace

std::vector<std::string> cut_labels(const std::vector<double>& breaks, bool right, bool include_lowest, int digits) {
  std::vector<std::string> edges;
  // R pads infinite breaks to one width: (60, Inf] where -Inf is a break too, else (60,Inf].
  auto const* infinity = std::find(breaks.begin(), breaks.end(), -std::numeric_limits<double>::infinity()) == breaks.end() ? "Inf" : " Inf";
  // As many digits as it takes to tell the breaks apart, as R does.
  for (int d = digits; d <= std::max(12, digits); ++d) {
    edges.clear();
    for (double b : breaks) {
      char text[64];
      if (std::isinf(b)) std::snprintf(text, sizeof text, "%s", b < 0 ? "-Inf" : infinity);
      else std::snprintf(text, sizeof text, "%.*g", d, b + 0.0);
      edges.emplace_back(text);
    }
    if (std::set<std::string>(edges.begin(), edges.end()).size() == edges.size()) break;
  }
  std::vector<std::string> labels;
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
    bool const closed_low = !right || (include_lowest && i == 0);
    bool const closed_high = right || (include_lowest && i + 2 == edges.size());
    labels.push_back(interval(edges[i], edges[i + 1], closed_low, closed_high));
  }
  return labels;
}

std::optional<Value> Compiler::factor_function(const Expr& e) {
  if (e.text == "factor" || e.text == "as.factor" || e.text == "ordered" || e.text == "as.ordered") return factor(e);
  if (e.text == "cut") return cut(e);
  if (e.text == "F") return virtual_factor(e);
  if (e.text == "N") return factor_codes(e);
  return std::nullopt;
}

// Equal labels are one level, as in R.
Value Compiler::with_labels(const Expr&, int codes, std::vector<std::string> labels, bool ordered) {
  std::vector<std::string> levels;
  std::vector<double> table{na_value()};
  std::unordered_map<std::string_view, std::size_t> places;
  for (auto const& label : labels) {
    auto const [at, fresh] = places.try_emplace(label, levels.size());
    if (fresh) levels.push_back(label);
    table.push_back(static_cast<double>(at->second));
  }
  int const node = levels.size() == labels.size() ? codes : graph_.add(RowOp::table, codes, -1, -1, std::move(table));
  return coded(node, ordered ? VarType::ordered : VarType::factor, std::move(levels));
}

Value Compiler::factor(const Expr& e) {
  auto const args = arguments(e, {"x", "levels", "labels", "ordered"}, 1);
  auto const& xe = *args[0];
  auto const x = compile(xe);
  bool const ordered = flag(args[3], e.text == "ordered" || e.text == "as.ordered" || (x.type == VarType::ordered && e.text != "as.ordered"));
  std::vector<std::string> levels;
  if (args[1]) {
    for (auto const& v : constants(*args[1], "levels"))
      if (!is_missing_constant(v)) levels.push_back(text_of(*args[1], v));
    auto const duplicate = std::set<std::string>(levels.begin(), levels.end()).size() != levels.size();
    if (duplicate) throw_at(*args[1], "a level is given twice");
    if (levels.empty()) throw_at(*args[1], "factor() needs at least one level");
  } else if (x.coded()) {
    levels = x.levels;
    if (x.type == VarType::character) std::sort(levels.begin(), levels.end());
  } else if (x.type == VarType::logical) {
    levels = {"FALSE", "TRUE"};
  } else {
    throw_at(e, "factor() of " + describe(x) + " needs levels = c(...)" + (x.number() ? "; in a formula, F() makes a factor of whole numbers" : ""));
  }
  auto labels = levels;
  if (args[2]) {
    labels.clear();
    for (auto const& v : constants(*args[2], "labels")) labels.push_back(text_of(*args[2], v));
    if (labels.size() == 1 && levels.size() > 1) {
      auto const stem = labels[0];
      labels.clear();
      for (std::size_t i = 1; i <= levels.size(); ++i) labels.push_back(stem + std::to_string(i));
    }
    if (labels.size() != levels.size())
      throw_at(*args[2], std::to_string(labels.size()) + " labels for " + std::to_string(levels.size()) + " levels");
  }
  return with_labels(e, node(to_levels(x, levels)), std::move(labels), ordered);
}

Value Compiler::cut(const Expr& e) {
  auto const args = arguments(e, {"x", "breaks", "labels", "include.lowest", "right", "dig.lab", "ordered_result"}, 2);
  auto x = compile(*args[0]);
  if (!x.temporal()) numeric_node(*args[0], x);
  std::vector<double> breaks;
  for (auto const& v : constants(*args[1], "breaks")) {
    auto const b = x.temporal() ? temporal_like(*args[1], v, x.type) : v;
    if (is_missing_constant(b) || (!x.temporal() && !b.number())) throw_at(*args[1], "breaks must be numbers");
    breaks.push_back(graph_.constant_value(b.node));
  }
  if (breaks.size() < 2) throw_at(*args[1], "cut() needs at least two breaks; a number of intervals would depend on all rows");
  std::sort(breaks.begin(), breaks.end());
  if (std::adjacent_find(breaks.begin(), breaks.end()) != breaks.end()) throw_at(*args[1], "a break is given twice");
  bool const right = flag(args[4], true), lowest = flag(args[3], false);
  double digits = 3;
  if (args[5]) {
    auto const given = numbers(*args[5], "dig.lab");
    if (given.size() != 1 || !(given[0] >= 1 && given[0] <= 17)) throw_at(*args[5], "dig.lab is a number of digits");
    digits = given[0];
  }
  auto data = breaks;
  data.insert(data.begin(), lowest ? 1.0 : 0.0);
  int const codes = graph_.add(right ? RowOp::cut_right : RowOp::cut_left, node(x), -1, -1, std::move(data));
  auto labels = cut_labels(breaks, right, lowest, static_cast<int>(digits));
  if (args[2]) {
    auto const given = constants(*args[2], "labels");
    bool const none = given.size() == 1 && given[0].type == VarType::logical && !is_missing_constant(given[0]) && graph_.constant_value(given[0].node) == 0;
    if (none) return computed(graph_.add(RowOp::add, codes, graph_.constant(1)), VarType::integer);
    if (given.size() != labels.size())
      throw_at(*args[2], std::to_string(given.size()) + " labels for " + std::to_string(labels.size()) + " intervals");
    labels.clear();
    for (auto const& v : given) labels.push_back(text_of(*args[2], v));
  }
  return with_labels(e, codes, std::move(labels), flag(args[6], false));
}

Value Compiler::virtual_factor(const Expr& e) {
  auto const args = arguments(e, {"x", "low", "high", "exclude"}, 1);
  auto const& xe = *args[0];
  auto x = compile(xe);
  if (x.raw_text) as_coded(xe, x);
  if (x.type == VarType::character) x = to_levels(x, levels_of_codes(x, true));
  if (x.temporal()) throw_at(xe, "'" + deparse(xe) + "' is " + describe(x) + ", F() needs a number or a factor");
  bool const exclude = flag(args[3], true);
  auto const bound = [&](const Expr* b, double otherwise) {
    if (!b) return otherwise;
    auto const values = numbers(*b, "low and high of F()");
    if (values.size() != 1 || std::isnan(values[0])) throw_at(*b, "low and high of F() are numbers");
    return std::floor(values[0]);
  };
  double low, high;
  if (x.coded()) {
    low = bound(args[1], 1), high = bound(args[2], static_cast<double>(x.levels.size()));
    if (low < 1 || high > static_cast<double>(x.levels.size())) throw_at(e, "low and high of F() are positions of levels, from 1 to " + std::to_string(x.levels.size()));
  } else {
    if (x.type == VarType::logical) x.low = 0, x.high = 1;
    if (!args[1] || !args[2]) {
      if (!std::isfinite(x.low) || !std::isfinite(x.high)) std::tie(x.low, x.high) = scope_.range(xe, x);
      if (!std::isfinite(x.low) || !std::isfinite(x.high)) throw_at(e, "F() finds no range: '" + deparse(xe) + "' has no finite values; give low and high");
    }
    low = bound(args[1], std::floor(x.low)), high = bound(args[2], std::floor(x.high));
  }
  if (!(low <= high)) throw_at(e, "low is above high in F()");
  if (high - low >= most_levels) throw_at(e, "F() would have more than ten million levels");
  if (low < -most_whole || high > most_whole) throw_at(e, "F() tells whole numbers apart up to 9007199254740991 (2^53 - 1), not beyond");
  std::vector<std::string> levels;
  for (double n = low; n <= high; ++n) {
    char text[32];
    std::snprintf(text, sizeof text, "%.0f", n);
    levels.emplace_back(x.coded() ? x.levels[static_cast<std::size_t>(n - 1)] : text);
  }
  double const outside = exclude ? na_value() : static_cast<double>(levels.size());
  if (!exclude) levels.emplace_back(".rxOther");
  double const first = x.coded() ? low - 1 : low;
  return coded(graph_.add(RowOp::whole_code, node(x), -1, -1, {first, first + (high - low), outside}), VarType::factor, std::move(levels));
}

std::vector<std::string> levels_of_codes(const Value& x, bool text_too) {
  if (x.raw_text || !(x.type == VarType::factor || x.type == VarType::ordered || (text_too && x.coded()))) return {};
  auto levels = x.levels;
  if (x.type == VarType::character) std::sort(levels.begin(), levels.end());
  return levels;
}

Value Compiler::factor_codes(const Expr& e) {
  auto const& xe = *arguments(e, {"x"}, 1)[0];
  auto x = compile(xe);
  if (x.raw_text) as_coded(xe, x);
  if (x.type == VarType::character) x = to_levels(x, levels_of_codes(x, true));
  if (x.coded() || x.type == VarType::logical) return computed(node(x), VarType::integer);
  throw_at(xe, "'" + deparse(xe) + "' is " + describe(x) + ", N() needs a factor");
}

}  // namespace rxhpc::impl
