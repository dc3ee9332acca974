// Names, constants and operators.
#include "compile.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "rxhpc/column.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {

Value base_value(const Variable& v, int position) {
  Value value;
  value.base_column = position;
  value.low = v.low;
  value.high = v.high;
  switch (v.type) {
    case VarType::integer:
    case VarType::int16:
    case VarType::uint16: value.type = VarType::integer; break;
    case VarType::int64:
    case VarType::float32:
    case VarType::numeric: value.type = VarType::numeric; break;
    default: value.type = v.type;
  }
  if (v.coded()) value.levels = v.levels;
  value.raw_text = v.storage == Storage::text;
  return value;
}

Variable variable_for(const Value& value, const std::string& name) {
  Variable v;
  v.name = name;
  v.type = value.type;
  v.levels = value.levels;
  auto const levels = value.levels.size();
  switch (value.type) {
    case VarType::logical: v.storage = Storage::int8; break;
    case VarType::integer:
    case VarType::date: v.storage = Storage::int32; break;
    case VarType::posixct: v.storage = Storage::int64; break;
    case VarType::factor:
    case VarType::ordered:
    case VarType::character: v.storage = levels <= 127 ? Storage::int8 : levels <= 32767 ? Storage::int16 : Storage::int32; break;
    default: v.storage = Storage::float64;
  }
  return v;
}

std::optional<double> parse_number(std::string_view text) {
  auto const first = text.find_first_not_of(" \t"), last = text.find_last_not_of(" \t");
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, last - first + 1);
  if (text.front() == '+') text.remove_prefix(1);
  double x = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
  if (error == std::errc::invalid_argument || end != text.data() + text.size()) return std::nullopt;
  return error == std::errc{} ? x : std::strtod(std::string(text).c_str(), nullptr);  // beyond the range: Inf and 0, as R has it
}

std::string describe(const Value& v) {
  switch (v.type) {
    case VarType::logical: return "a logical value";
    case VarType::character: return "text";
    case VarType::factor: return "a factor";
    case VarType::ordered: return "an ordered factor";
    case VarType::date: return "a date";
    case VarType::posixct: return "a time";
    default: return "a number";
  }
}

int Compiler::node(const Value& v) {
  if (v.node >= 0) return v.node;
  return graph_.load(v.coded() ? RowOp::code : RowOp::value, v.base_column);
}

bool Compiler::is_missing_constant(const Value& v) const {
  return is_constant(v) && std::isnan(graph_.constant_value(v.node));
}

std::optional<std::string> Compiler::literal_text(const Value& v) const {
  if (v.type != VarType::character || !is_constant(v) || is_missing_constant(v)) return std::nullopt;
  return v.levels[static_cast<std::size_t>(graph_.constant_value(v.node))];
}

Value Compiler::literal(const std::string& text) { return coded(graph_.constant(0), VarType::character, {text}); }

Value Compiler::compile(const Expr& e) {
  struct Depth {
    int& depth;
    explicit Depth(int& d) : depth(d) { ++depth; }
    ~Depth() { --depth; }
  } const level(depth_);
  if (depth_ > 2000) throw_at(e, "the expression is too long");
  switch (e.kind) {
    case Expr::Kind::number: return constant(e.number, e.integer ? VarType::integer : VarType::numeric);
    case Expr::Kind::text: return literal(e.text);
    case Expr::Kind::name: return name(e);
    case Expr::Kind::call: break;
  }
  return call(e);
}

Value Compiler::name(const Expr& e) {
  // .rxRowNums is the row's number also where there is a column of that name, which `.rxRowNums` in backquotes means
  bool const row_number = !e.quoted && e.text == ".rxRowNums";
  if (auto const* column = scope_.find(e.text); column && !e.is_constant_name() && !row_number) return *column;
  if (!e.quoted) {
    if (e.text == "NA") return constant(na_value(), VarType::logical);
    if (e.text == "NA_integer_") return constant(na_value(), VarType::integer);
    if (e.text == "NA_real_") return constant(na_value(), VarType::numeric);
    if (e.text == "NA_character_") return coded(graph_.constant(na_value()), VarType::character, {});
    if (e.text == "TRUE" || e.text == "T") return constant(1, VarType::logical);
    if (e.text == "FALSE" || e.text == "F") return constant(0, VarType::logical);
    if (e.text == "Inf") return constant(std::numeric_limits<double>::infinity(), VarType::numeric);
    if (e.text == "NaN") return constant(std::numeric_limits<double>::quiet_NaN(), VarType::numeric);
    if (e.text == "pi") return constant(3.14159265358979323846, VarType::numeric);
    if (row_number) return computed(graph_.add(RowOp::row_number), VarType::numeric);
    if (e.is_constant_name()) throw_at(e, "'" + e.text + "' has no value for a row");
  }
  throw_at(e, with_suggestion("unknown column '" + e.text + "'", e.text, scope_.names()));
}

Value Compiler::call(const Expr& e) {
  auto const count = e.args.size();
  if (e.text == "(" || e.text == "I" || e.text == "identity") {
    if (count != 1) throw_at(e, e.text + "() takes one argument");
    return compile(*e.args[0]);
  }
  if (count == 1 && e.text == "+") return computed(numeric_node(*e.args[0], compile(*e.args[0])), compile(*e.args[0]).type);
  if (count == 1 && e.text == "-") return unary_minus(e);
  if (count == 1 && e.text == "!") {
    int const c = condition(*e.args[0], compile(*e.args[0]));
    return computed(graph_.add(RowOp::negation, c), VarType::logical);
  }
  if (count == 2) {
    if (e.text == "+") return arithmetic(e, RowOp::add);
    if (e.text == "-") return arithmetic(e, RowOp::subtract);
    if (e.text == "*") return arithmetic(e, RowOp::multiply);
    if (e.text == "/") return arithmetic(e, RowOp::divide);
    if (e.text == "^") return arithmetic(e, RowOp::power);
    if (e.text == "%%") return arithmetic(e, RowOp::modulo);
    if (e.text == "%/%") return arithmetic(e, RowOp::int_divide);
    if (e.text == "&" || e.text == "&&") return logic(e, RowOp::both);
    if (e.text == "|" || e.text == "||") return logic(e, RowOp::either);
    if (e.text == "%in%") return member(e);
    if (e.text == "==" || e.text == "!=" || e.text == "<" || e.text == "<=" || e.text == ">" || e.text == ">=") return compare(e);
    if (e.text == ":") throw_at(e, "a range belongs into c(...); ':' between columns is an interaction, which only formulas have");
  }
  if (e.text == "~") throw_at(e, "a formula does not belong here");
  if (e.text.size() >= 2 && e.text[0] == '%') throw_at(e, "unknown operator '" + e.text + "'");
  using Family = std::optional<Value> (Compiler::*)(const Expr&);
  for (Family family : {&Compiler::number_function, &Compiler::conversion, &Compiler::date_function, &Compiler::factor_function,
                        &Compiler::other_function})
    if (auto value = (this->*family)(e)) return *value;
  unknown_function(e);
}

int Compiler::numeric_node(const Expr& e, const Value& v) {
  if (v.number()) return node(v);
  std::string const hint = v.coded() && v.type != VarType::character ? "; as.numeric() gives its codes" : "";
  throw_at(e, "'" + deparse(e) + "' is " + describe(v) + ", a number is needed" + hint);
}

Value Compiler::number_argument(const Expr& e) {
  auto const v = compile(e);
  return computed(numeric_node(e, v), v.type);
}

int Compiler::condition(const Expr& e, const Value& v) {
  if (v.type == VarType::logical) return node(v);
  if (!v.number()) throw_at(e, "'" + deparse(e) + "' is " + describe(v) + ", a condition is needed");
  return graph_.add(RowOp::truth, node(v));
}

Value Compiler::logic(const Expr& e, RowOp op) {
  int const l = condition(*e.args[0], compile(*e.args[0])), r = condition(*e.args[1], compile(*e.args[1]));
  return computed(graph_.add(op, l, r), VarType::logical);
}

Value Compiler::unary_minus(const Expr& e) {
  auto const v = number_argument(*e.args[0]);
  int const result = graph_.add(RowOp::negate, v.node);
  if (v.type == VarType::numeric) return computed(result, VarType::numeric);
  return computed(without_minus_zero(result), VarType::integer);
}

Value Compiler::arithmetic(const Expr& e, RowOp op) {
  auto const l = compile(*e.args[0]), r = compile(*e.args[1]);
  if (l.temporal() || r.temporal()) return temporal_arithmetic(e, op, l, r);
  int const a = numeric_node(*e.args[0], l), b = numeric_node(*e.args[1], r);
  if (op == RowOp::power && graph_.is_constant(b) && graph_.constant_value(b) == 2) return computed(graph_.add(RowOp::square, a), VarType::numeric);
  int const result = graph_.add(op, a, b);
  bool const integers = l.type != VarType::numeric && r.type != VarType::numeric;
  if (integers && op == RowOp::multiply) return computed(without_minus_zero(result), VarType::numeric);
  if (!integers || (op != RowOp::modulo && op != RowOp::int_divide)) return computed(result, VarType::numeric);
  // R's integers have no NaN and no Inf: division by zero is NA.
  int const zero = graph_.add(RowOp::equal, b, graph_.constant(0));
  return computed(graph_.add(RowOp::choose, zero, graph_.constant(na_value()), result), VarType::integer);
}

Value Compiler::temporal_arithmetic(const Expr& e, RowOp op, const Value& left, const Value& right) {
  if (op != RowOp::add && op != RowOp::subtract) throw_at(e, "'" + e.text + "' cannot be used with dates and times");
  Value l = left, r = right;
  if (l.textual()) l = temporal_like(*e.args[0], l, r.type);
  if (r.textual()) r = temporal_like(*e.args[1], r, l.type);
  if (l.temporal() && r.temporal()) {
    if (op == RowOp::add) throw_at(e, "two dates cannot be added");
    if (l.type != r.type) l = temporal_like(*e.args[0], l, VarType::posixct), r = temporal_like(*e.args[1], r, VarType::posixct);
    return computed(graph_.add(op, node(l), node(r)), VarType::numeric);
  }
  if (op == RowOp::subtract && r.temporal()) throw_at(e, "a date cannot be subtracted from a number");
  auto const type = l.temporal() ? l.type : r.type;
  int const a = l.temporal() ? node(l) : numeric_node(*e.args[0], l), b = r.temporal() ? node(r) : numeric_node(*e.args[1], r);
  return computed(graph_.add(op, a, b), type);
}

}  // namespace rxhpc::impl
