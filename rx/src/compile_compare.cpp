// Comparisons and %in%: text is compared by tables over codes that are made here, once.
#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

#include "compile.hpp"
#include "rxhpc/column.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

bool holds(const std::string& op, int order) {
  if (op == "==") return order == 0;
  if (op == "!=") return order != 0;
  if (op == "<") return order < 0;
  if (op == "<=") return order <= 0;
  if (op == ">") return order > 0;
  return order >= 0;
}

std::string mirrored(const std::string& op) {
  if (op[0] == '<') return ">" + op.substr(1);
  if (op[0] == '>') return "<" + op.substr(1);
  return op;
}

bool is_equality(const std::string& op) { return op == "==" || op == "!="; }

double three_way(const std::string& a, const std::string& b) { return a < b ? -1 : a == b ? 0 : 1; }

}  // namespace

int Compiler::recode(const Value& v, const std::vector<double>& codes, double missing) {
  std::vector<double> table{missing};
  table.insert(table.end(), codes.begin(), codes.end());
  return graph_.add(RowOp::table, node(v), -1, -1, std::move(table));
}

// The codes of a coded value among other levels, missing where they lack its own.
int Compiler::recode_to(const Value& v, const std::vector<std::string>& levels) {
  if (v.levels == levels) return node(v);
  std::unordered_map<std::string, double> place;
  for (std::size_t i = 0; i < levels.size(); ++i) place.emplace(levels[i], static_cast<double>(i));
  std::vector<double> codes;
  for (auto const& level : v.levels) {
    auto const at = place.find(level);
    codes.push_back(at == place.end() ? na_value() : at->second);
  }
  return recode(v, codes, na_value());
}

std::string Compiler::text_of(const Expr& e, const Value& v) {
  if (auto text = literal_text(v)) return *text;
  if (!is_constant(v)) throw_at(e, "a constant is needed");
  double const x = graph_.constant_value(v.node);
  if (v.type == VarType::logical) return x != 0 ? "TRUE" : "FALSE";
  return number_text(x);
}

// Text for a comparison by text: codes as they are, logical values as FALSE and TRUE, constants as R prints them.
Value Compiler::as_coded(const Expr& e, const Value& v) {
  if (v.raw_text) throw_at(e, "'" + deparse(e) + "' is text of fixed length: it can only be compared with text, used in %in% and is.na()");
  if (v.coded()) return v;
  if (is_missing_constant(v)) return coded(v.node, VarType::character, {});
  if (is_constant(v) && v.number()) return literal(text_of(e, v));
  if (v.type == VarType::logical) return coded(node(v), VarType::character, {"FALSE", "TRUE"});
  throw_at(e, "'" + deparse(e) + "' is " + describe(v) + ", which cannot be compared with text");
}

// A date or time from another one, or from text.
Value Compiler::temporal_like(const Expr& e, const Value& v, VarType type) {
  if (v.type == type) return v;
  if (v.raw_text) as_coded(e, v);
  auto const parse = type == VarType::date ? parse_date : parse_time;
  if (v.coded()) {
    std::vector<double> values;
    for (auto const& level : v.levels) {
      double const x = parse(level);
      values.push_back(std::isnan(x) ? na_value() : x);
    }
    if (is_constant(v) && !is_missing_constant(v) && std::isnan(values[static_cast<std::size_t>(graph_.constant_value(v.node))]))
      throw_at(e, std::string("'") + v.levels[static_cast<std::size_t>(graph_.constant_value(v.node))] + "' is not a " + (type == VarType::date ? "date like 2013-01-31" : "time like 2013-01-31 10:20:30"));
    return computed(recode(v, values, na_value()), type);
  }
  if (v.type == VarType::date) return computed(graph_.add(RowOp::multiply, node(v), graph_.constant(86400)), type);
  if (v.type == VarType::posixct)
    return computed(graph_.add(RowOp::floor, graph_.add(RowOp::divide, node(v), graph_.constant(86400))), type);
  if (v.type == VarType::logical && !is_missing_constant(v)) throw_at(e, "'" + deparse(e) + "' is " + describe(v) + ", a date or time is needed");
  return computed(node(v), type);
}

Value Compiler::compare(const Expr& e) { return compare_values(e, e.text, compile(*e.args[0]), compile(*e.args[1])); }

Value Compiler::compare_values(const Expr& e, const std::string& op, Value l, Value r) {
  auto const& le = *e.args[0];
  auto const& re = *e.args[1];
  if (l.temporal() && r.textual()) r = temporal_like(re, r, literal_text(r) && l.type == VarType::date && std::isnan(parse_date(*literal_text(r))) && !std::isnan(parse_time(*literal_text(r))) ? VarType::posixct : l.type);
  if (r.temporal() && l.textual()) l = temporal_like(le, l, literal_text(l) && r.type == VarType::date && std::isnan(parse_date(*literal_text(l))) && !std::isnan(parse_time(*literal_text(l))) ? VarType::posixct : r.type);
  if (l.temporal() && r.temporal() && l.type != r.type) l = temporal_like(le, l, VarType::posixct), r = temporal_like(re, r, VarType::posixct);
  if (l.raw_text || r.raw_text) return compare_raw(e, op, l, r);
  if (l.textual() || r.textual()) return compare_text(e, op, l, r);
  int a = node(l), b = node(r);
  if (op[0] == '>') std::swap(a, b);
  RowOp const code = op == "==" ? RowOp::equal : op == "!=" ? RowOp::not_equal : op.size() == 1 ? RowOp::less : RowOp::less_equal;
  return computed(graph_.add(code, a, b), VarType::logical);
}

Value Compiler::compare_raw(const Expr& e, const std::string& op, const Value& l, const Value& r) {
  bool const raw_left = l.raw_text;
  auto const text = literal_text(raw_left ? r : l);
  if (!is_equality(op) || !text) as_coded(raw_left ? *e.args[0] : *e.args[1], raw_left ? l : r);
  int const found = graph_.add(RowOp::equal, graph_.text_code((raw_left ? l : r).base_column, {{*text, 0.0}}), graph_.constant(0));
  return computed(op == "==" ? found : graph_.add(RowOp::negation, found), VarType::logical);
}

Value Compiler::compare_text(const Expr& e, const std::string& op, const Value& left, const Value& right) {
  // A number with text that spells a number: as numbers. R would compare the texts, with 10 before 9.
  for (bool const flip : {false, true}) {
    auto const& number = flip ? right : left;
    auto const& other = flip ? left : right;
    if (!number.number() || number.type == VarType::logical || is_constant(number)) continue;
    auto const text = literal_text(other);
    if (is_missing_constant(other)) return constant(na_value(), VarType::logical);
    auto const value = text ? parse_number(*text) : std::nullopt;
    if (!value) throw_at(e, "'" + deparse(*e.args[flip ? 1 : 0]) + "' is a number and is compared with text");
    auto const c = constant(*value, VarType::numeric);
    return flip ? compare_values(e, op, c, number) : compare_values(e, op, number, c);
  }
  auto const l = as_coded(*e.args[0], left), r = as_coded(*e.args[1], right);
  if (is_missing_constant(l) || is_missing_constant(r)) return constant(na_value(), VarType::logical);
  if (!is_equality(op)) return compare_order(e, op, l, r);
  for (bool const flip : {false, true}) {
    auto const text = literal_text(flip ? l : r);
    if (!text) continue;
    auto const& column = flip ? r : l;
    std::vector<double> table;
    for (auto const& level : column.levels) table.push_back((level == *text) == (op == "==") ? 1 : 0);
    return computed(recode(column, table, na_value()), VarType::logical);
  }
  int a = node(l), b = node(r);
  if (l.levels != r.levels) {
    auto all = l.levels;
    std::set<std::string> const known(all.begin(), all.end());
    for (auto const& level : r.levels)
      if (!known.contains(level)) all.push_back(level);
    a = recode_to(l, all), b = recode_to(r, all);
  }
  return computed(graph_.add(op == "==" ? RowOp::equal : RowOp::not_equal, a, b), VarType::logical);
}

// Ordered factors by level order, text by its bytes.
Value Compiler::compare_order(const Expr& e, const std::string& op, const Value& l, const Value& r) {
  for (bool const flip : {false, true})
    if ((flip ? r : l).type == VarType::factor)
      throw_at(e, "'" + deparse(*e.args[flip ? 1 : 0]) + "' is a factor without an order: '" + op + "' has no meaning for it");
  bool const ordered = l.type == VarType::ordered || r.type == VarType::ordered;
  for (bool const flip : {false, true}) {
    auto const text = literal_text(flip ? l : r);
    if (!text) continue;
    auto const& column = flip ? r : l;
    auto const effective = flip ? mirrored(op) : op;
    auto const at = std::find(column.levels.begin(), column.levels.end(), *text) - column.levels.begin();
    if (ordered && at == static_cast<std::ptrdiff_t>(column.levels.size()))
      throw_at(e, with_suggestion("'" + *text + "' is not a level of '" + deparse(*e.args[flip ? 1 : 0]) + "'", *text, column.levels));
    std::vector<double> table;
    for (std::ptrdiff_t i = 0; i < static_cast<std::ptrdiff_t>(column.levels.size()); ++i) {
      double const order = ordered ? static_cast<double>(i - at) : three_way(column.levels[static_cast<std::size_t>(i)], *text);
      table.push_back(holds(effective, order < 0 ? -1 : order > 0) ? 1 : 0);
    }
    return computed(recode(column, table, na_value()), VarType::logical);
  }
  int a = node(l), b = node(r);
  if (ordered) {
    if (l.levels != r.levels) throw_at(e, "the two ordered factors have different levels");
  } else {
    std::set<std::string> all(l.levels.begin(), l.levels.end());
    all.insert(r.levels.begin(), r.levels.end());
    std::vector<std::string> const sorted(all.begin(), all.end());
    a = recode_to(l, sorted), b = recode_to(r, sorted);
  }
  if (op[0] == '>') std::swap(a, b);
  return computed(graph_.add(op.size() == 1 ? RowOp::less : RowOp::less_equal, a, b), VarType::logical);
}

void Compiler::add_constants(const Expr& e, const std::string& what, std::vector<Value>& out) {
  constexpr double longest = 1e6;
  auto const number = [&](const Expr& x) {
    auto const v = compile(x);
    if (!is_constant(v) || !v.number() || is_missing_constant(v)) throw_at(x, what + " must be constants");
    return graph_.constant_value(v.node);
  };
  auto const sequence = [&](double from, double to, double by) {
    double const steps = std::floor((to - from) / by + 1e-10);
    if (!(steps >= 0)) throw_at(e, "a sequence that never ends");
    if (!(steps < longest)) throw_at(e, "a sequence of more than a million values");
    for (double k = 0; k <= steps; ++k) out.push_back(constant(from + k * by, VarType::numeric));
  };
  if (e.is_call("c") || (e.is_call("(") && e.args.size() == 1)) {
    for (auto const& arg : e.args) add_constants(*arg, what, out);
  } else if (e.is_call(":") && e.args.size() == 2) {
    double const from = number(*e.args[0]), to = number(*e.args[1]);
    sequence(from, to, from <= to ? 1 : -1);
  } else if (e.is_call("seq")) {
    auto const args = arguments(e, {"from", "to", "by"}, 2);
    double const from = number(*args[0]), to = number(*args[1]);
    sequence(from, to, args[2] ? number(*args[2]) : from <= to ? 1.0 : -1.0);
  } else {
    auto v = compile(e);
    if (!is_constant(v)) throw_at(e, what + " must be constants: c(...), numbers, text");
    out.push_back(std::move(v));
  }
}

std::vector<Value> Compiler::constants(const Expr& e, const std::string& what) {
  std::vector<Value> values;
  add_constants(e, what, values);
  return values;
}

std::vector<double> Compiler::numbers(const Expr& e, const std::string& what) {
  std::vector<double> x;
  for (auto const& v : constants(e, what)) {
    if (!v.number() && !v.temporal()) throw_at(e, what + " must be numbers");
    x.push_back(graph_.constant_value(v.node));
  }
  return x;
}

Value Compiler::member_of_text(const Value& x, const std::vector<std::string>& set, bool missing_is_member) {
  std::set<std::string> const members(set.begin(), set.end());
  double const missing = missing_is_member ? 1 : 0;
  if (x.raw_text) {
    RowGraph::Texts texts;
    for (auto const& text : members) texts.emplace_back(text, 0.0);
    int const code = graph_.text_code(x.base_column, std::move(texts));
    return computed(graph_.add(RowOp::in_set, code, -1, -1, {missing, 0.0}), VarType::logical);
  }
  std::vector<double> table;
  for (auto const& level : x.levels) table.push_back(members.contains(level) ? 1 : 0);
  return computed(recode(x, table, missing), VarType::logical);
}

Value Compiler::member(const Expr& e) {
  auto const x = compile(*e.args[0]);
  auto const set = constants(*e.args[1], "the right side of %in%");
  bool missing = false, not_a_number = false;
  if (x.textual()) {
    std::vector<std::string> texts;
    for (auto const& v : set) {
      if (is_missing_constant(v))
        missing = true;
      else
        texts.push_back(text_of(*e.args[1], v));
    }
    return member_of_text(x, texts, missing);
  }
  std::vector<double> values;
  for (auto const& v : set) {
    if (is_missing_constant(v)) {
      (is_na(graph_.constant_value(v.node)) ? missing : not_a_number) = true;
    } else if (x.temporal()) {
      values.push_back(graph_.constant_value(node(temporal_like(*e.args[1], v, x.type))));
    } else if (auto const text = literal_text(v)) {
      if (x.type == VarType::logical && (*text == "TRUE" || *text == "FALSE")) values.push_back(*text == "TRUE");
      else if (auto const number = parse_number(*text)) values.push_back(*number);
    } else {
      values.push_back(graph_.constant_value(v.node));
    }
  }
  std::sort(values.begin(), values.end());
  values.insert(values.begin(), (missing ? 1.0 : 0.0) + (not_a_number ? 2.0 : 0.0));
  return computed(graph_.add(RowOp::in_set, node(x), -1, -1, std::move(values)), VarType::logical);
}

// The factor with these levels by text; numbers by what the level spells.
Value Compiler::to_levels(const Value& x, const std::vector<std::string>& levels) {
  if (x.raw_text) {
    RowGraph::Texts texts;
    for (std::size_t i = 0; i < levels.size(); ++i) texts.emplace_back(levels[i], static_cast<double>(i));
    std::vector<double> table{na_value()};
    for (std::size_t i = 0; i < levels.size(); ++i) table.push_back(static_cast<double>(i));
    return coded(graph_.add(RowOp::table, graph_.text_code(x.base_column, std::move(texts)), -1, -1, std::move(table)), VarType::factor, levels);
  }
  if (x.coded()) return coded(recode_to(x, levels), VarType::factor, levels);
  if (x.type == VarType::logical)
    return coded(recode_to(coded(node(x), VarType::character, {"FALSE", "TRUE"}), levels), VarType::factor, levels);
  std::vector<std::pair<double, double>> pairs;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    double value = x.type == VarType::date ? parse_date(levels[i]) : x.type == VarType::posixct ? parse_time(levels[i]) : std::numeric_limits<double>::quiet_NaN();
    if (std::isnan(value)) value = parse_number(levels[i]).value_or(value);
    if (!std::isnan(value)) pairs.emplace_back(value, static_cast<double>(i));
  }
  std::stable_sort(pairs.begin(), pairs.end(), [](auto const& a, auto const& b) { return a.first < b.first; });
  std::vector<double> data;
  for (auto const& [value, code] : pairs) data.push_back(value), data.push_back(code);
  if (data.empty()) return coded(graph_.add(RowOp::choose, node(x), graph_.constant(na_value()), graph_.constant(na_value())), VarType::factor, levels);
  return coded(graph_.add(RowOp::match_set, node(x), -1, -1, std::move(data)), VarType::factor, levels);
}

}  // namespace rxhpc::impl
