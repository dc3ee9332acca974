// Functions of numbers, dates and conditions, and conversions.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "compile.hpp"
#include "rxhpc/column.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

struct NumberFunction {
  std::string_view name;
  RowOp op;
  bool keeps_integers = false;
};

constexpr std::array<NumberFunction, 18> number_functions{{{"log2", RowOp::log2},     {"log10", RowOp::log10},
                                                           {"log1p", RowOp::log1p},   {"exp", RowOp::exp},
                                                           {"expm1", RowOp::expm1},   {"sqrt", RowOp::sqrt},
                                                           {"abs", RowOp::abs, true}, {"sign", RowOp::sign},
                                                           {"floor", RowOp::floor},   {"ceiling", RowOp::ceiling},
                                                           {"trunc", RowOp::truncate}, {"sin", RowOp::sin},
                                                           {"cos", RowOp::cos},       {"tan", RowOp::tan},
                                                           {"asin", RowOp::asin},     {"acos", RowOp::acos},
                                                           {"atan", RowOp::atan},     {"is.nan", RowOp::is_nan}}};

struct DateFunction {
  std::string_view name;
  RowOp op;
  bool of_day;
};

constexpr std::array<DateFunction, 8> date_functions{{{"year", RowOp::year, true},
                                                      {"month", RowOp::month, true},
                                                      {"day", RowOp::day, true},
                                                      {"mday", RowOp::day, true},
                                                      {"weekday", RowOp::weekday, true},
                                                      {"hour", RowOp::second_of_day_hour, false},
                                                      {"minute", RowOp::second_of_day_minute, false},
                                                      {"second", RowOp::second_of_day_second, false}}};

constexpr std::array<std::string_view, 27> other_names{"log", "round", "signif", "atan2", "pmin", "pmax", "ifelse", "is.na", "is.finite",
                                                       "is.infinite", "xor", "as.numeric", "as.double", "as.integer", "as.logical", "as.character", "as.Date",
                                                       "as.POSIXct", "factor", "as.factor", "ordered", "cut", "F", "N", "I", "identity", "c"};

int digits_at(std::string_view s, std::size_t from, std::size_t count) {
  if (from + count > s.size()) return -1;
  int x = 0;
  for (std::size_t i = from; i < from + count; ++i) {
    if (s[i] < '0' || s[i] > '9') return -1;
    x = x * 10 + (s[i] - '0');
  }
  return x;
}

}  // namespace

double parse_date(std::string_view s) {
  double const none = std::numeric_limits<double>::quiet_NaN();
  if (s.size() != 10 || (s[4] != '-' && s[4] != '/') || s[7] != s[4]) return none;
  int const year = digits_at(s, 0, 4), month = digits_at(s, 5, 2), day = digits_at(s, 8, 2);
  static constexpr int lengths[12] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > lengths[month - 1]) return none;
  if (month == 2 && day == 29 && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0))) return none;
  return static_cast<double>(days_from_civil(year, month, day));
}

double parse_time(std::string_view s) {
  double const none = std::numeric_limits<double>::quiet_NaN();
  double const day = parse_date(s.substr(0, 10));
  if (std::isnan(day)) return none;
  if (s.size() == 10) return day * 86400;
  if (s.back() == 'Z') s.remove_suffix(1);
  if (s.size() < 16 || (s[10] != ' ' && s[10] != 'T') || s[13] != ':') return none;
  int const hour = digits_at(s, 11, 2), minute = digits_at(s, 14, 2);
  double second = 0;
  if (s.size() > 16) {
    if (s[16] != ':' || s.size() < 19) return none;
    second = digits_at(s, 17, 2);
    if (s.size() > 19) {
      double fraction = 0;
      auto const [end, error] = std::from_chars(s.data() + 19, s.data() + s.size(), fraction, std::chars_format::fixed);
      if (s[19] != '.' || error != std::errc{} || end != s.data() + s.size()) return none;
      second += fraction;
    }
  }
  if (hour < 0 || hour > 24 || minute < 0 || minute > 59 || second < 0 || second >= 61) return none;
  return day * 86400 + hour * 3600.0 + minute * 60.0 + second;
}

// R's matching without abbreviations: named arguments to their parameters, the others in order to those that are left.
Compiler::Arguments Compiler::arguments(const Expr& e, Parameters parameters, std::size_t required) {
  Arguments found(parameters.size(), nullptr);
  std::vector<std::string_view> const names(parameters);
  for (std::size_t i = 0; i < e.args.size(); ++i) {
    auto const& name = e.arg_names[i];
    if (name.empty()) continue;
    auto const at = static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    if (at == names.size())
      throw_at(*e.args[i], with_suggestion(e.text + "() has no argument '" + name + "'", name, std::vector<std::string>(names.begin(), names.end())));
    if (found[at]) throw_at(*e.args[i], "the argument '" + name + "' is given twice");
    found[at] = e.args[i].get();
  }
  std::size_t next = 0;
  for (std::size_t i = 0; i < e.args.size(); ++i) {
    if (!e.arg_names[i].empty()) continue;
    while (next < found.size() && found[next]) ++next;
    if (next == found.size())
      throw_at(*e.args[i], e.text + "() takes " + (names.size() == 1 ? "one argument" : "at most " + std::to_string(names.size()) + " arguments"));
    found[next] = e.args[i].get();
  }
  for (std::size_t i = 0; i < required; ++i)
    if (!found[i]) throw_at(e, e.text + "() needs an argument '" + std::string(names[i]) + "'");
  return found;
}

bool Compiler::flag(const Expr* e, bool otherwise) {
  if (!e) return otherwise;
  auto const v = compile(*e);
  if (!is_constant(v) || is_missing_constant(v) || !v.number()) throw_at(*e, "TRUE or FALSE is needed");
  return graph_.constant_value(v.node) != 0;
}

std::optional<Value> Compiler::number_function(const Expr& e) {
  auto const at = std::find_if(number_functions.begin(), number_functions.end(), [&](auto const& f) { return f.name == e.text; });
  if (at != number_functions.end()) {
    auto const x = number_argument(*arguments(e, {"x"}, 1)[0]);
    bool const integer = at->keeps_integers && x.type != VarType::numeric;
    return computed(graph_.add(at->op, x.node), at->op == RowOp::is_nan ? VarType::logical : integer ? VarType::integer : VarType::numeric);
  }
  if (e.text == "log") return log(e);
  if (e.text == "round" || e.text == "signif") {
    auto const args = arguments(e, {"x", "digits"}, 1);
    auto const x = number_argument(*args[0]);
    int const digits = args[1] ? number_argument(*args[1]).node : graph_.constant(e.text == "round" ? 0 : 6);
    return computed(graph_.add(e.text == "round" ? RowOp::round : RowOp::signif, x.node, digits), VarType::numeric);
  }
  if (e.text == "atan2") {
    auto const args = arguments(e, {"y", "x"}, 2);
    return computed(graph_.add(RowOp::atan2, number_argument(*args[0]).node, number_argument(*args[1]).node), VarType::numeric);
  }
  if (e.text == "pmin") return extreme(e, RowOp::minimum);
  if (e.text == "pmax") return extreme(e, RowOp::maximum);
  return std::nullopt;
}

Value Compiler::log(const Expr& e) {
  auto const args = arguments(e, {"x", "base"}, 1);
  int const x = number_argument(*args[0]).node;
  if (!args[1]) return computed(graph_.add(RowOp::log, x), VarType::numeric);
  int const base = number_argument(*args[1]).node;
  if (graph_.is_constant(base) && graph_.constant_value(base) == 2) return computed(graph_.add(RowOp::log2, x), VarType::numeric);
  if (graph_.is_constant(base) && graph_.constant_value(base) == 10) return computed(graph_.add(RowOp::log10, x), VarType::numeric);
  return computed(graph_.add(RowOp::divide, graph_.add(RowOp::log, x), graph_.add(RowOp::log, base)), VarType::numeric);
}

Value Compiler::extreme(const Expr& e, RowOp op) {
  Value result;
  bool remove_missing = false, first = true;
  for (std::size_t i = 0; i < e.args.size(); ++i) {
    if (e.arg_names[i] == "na.rm") remove_missing = flag(e.args[i].get(), false);
    else if (!e.arg_names[i].empty()) throw_at(*e.args[i], e.text + "() has no argument '" + e.arg_names[i] + "'");
  }
  for (std::size_t i = 0; i < e.args.size(); ++i) {
    if (!e.arg_names[i].empty()) continue;
    auto x = compile(*e.args[i]);
    if (first) {
      if (!x.temporal()) numeric_node(*e.args[i], x);
      result = computed(node(x), x.type == VarType::logical ? VarType::integer : x.type);
      first = false;
      continue;
    }
    if (result.temporal()) x = temporal_like(*e.args[i], x, result.type);
    else numeric_node(*e.args[i], x);
    int const a = result.node, b = node(x);
    int both = graph_.add(op, a, b);
    if (remove_missing)
      both = graph_.add(RowOp::choose, graph_.add(RowOp::is_missing, a), b,
                        graph_.add(RowOp::choose, graph_.add(RowOp::is_missing, b), a, both));
    auto const type = x.type == VarType::numeric && !result.temporal() ? VarType::numeric : result.type;
    result = computed(both, type);
  }
  if (first) throw_at(e, e.text + "() needs an argument");
  return result;
}

std::optional<Value> Compiler::conversion(const Expr& e) {
  if (e.text == "as.numeric" || e.text == "as.double") return as_number(e, VarType::numeric);
  if (e.text == "as.integer") return as_number(e, VarType::integer);
  if (e.text == "as.logical") return as_logical(e);
  if (e.text == "as.character") {
    auto const& x = *arguments(e, {"x"}, 1)[0];
    return as_text(x, compile(x));
  }
  if (e.text == "as.Date" || e.text == "as.POSIXct") {
    auto const& x = *arguments(e, {"x", "tz"}, 1)[0];
    auto const args = arguments(e, {"x", "tz"}, 1);
    if (args[1] && !(args[1]->kind == Expr::Kind::text && (args[1]->text == "UTC" || args[1]->text == "GMT")))
      throw_at(*args[1], "times are kept in UTC: tz can only be \"UTC\" or \"GMT\"");
    return temporal_like(x, compile(x), e.text == "as.Date" ? VarType::date : VarType::posixct);
  }
  return std::nullopt;
}

Value Compiler::as_number(const Expr& e, VarType type) {
  auto const* given = arguments(e, {"x"}, 1)[0];
  // A number's text spells that number; what it is need not be known.
  if (given->is_call("as.character") && given->args.size() == 1)
    if (auto const of = compile(*given->args[0]).type; of == VarType::numeric || of == VarType::integer) given = given->args[0].get();
  auto const& xe = *given;
  auto const x = compile(xe);
  int result = -1;
  if (x.raw_text) as_coded(xe, x);
  if (x.type == VarType::factor || x.type == VarType::ordered) {
    result = graph_.add(RowOp::add, node(x), graph_.constant(1));
  } else if (x.coded()) {
    std::vector<double> values;
    for (auto const& level : x.levels) values.push_back(parse_number(level).value_or(na_value()));
    result = recode(x, values, na_value());
  } else {
    result = node(x);
  }
  if (type == VarType::numeric || x.type == VarType::integer || x.type == VarType::logical || x.type == VarType::factor || x.type == VarType::ordered) return computed(result, type);
  // What a 32-bit integer cannot hold is NA.
  int const whole = without_minus_zero(graph_.add(RowOp::truncate, result));
  int const fits = graph_.add(RowOp::less, graph_.add(RowOp::abs, whole), graph_.constant(2147483648.0));
  return computed(graph_.add(RowOp::choose, fits, whole, graph_.constant(na_value())), type);
}

std::optional<bool> truth_of(std::string_view text) {
  if (text == "TRUE" || text == "T" || text == "True" || text == "true") return true;
  if (text == "FALSE" || text == "F" || text == "False" || text == "false") return false;
  return std::nullopt;
}

Value Compiler::as_logical(const Expr& e) {
  auto const& xe = *arguments(e, {"x"}, 1)[0];
  auto const x = compile(xe);
  if (x.textual()) {
    auto const text = as_coded(xe, x);
    std::vector<double> values;
    for (auto const& level : text.levels) {
      auto const truth = truth_of(level);
      values.push_back(truth ? *truth : na_value());
    }
    return computed(recode(text, values, na_value()), VarType::logical);
  }
  return computed(condition(xe, x), VarType::logical);
}

Value Compiler::as_text(const Expr& e, const Value& x) {
  if (x.raw_text) return x;
  if (x.coded() || x.type == VarType::logical || is_constant(x)) {
    auto text = as_coded(e, x);
    text.type = VarType::character;
    text.node = node(text);
    text.base_column = -1;
    return text;
  }
  throw_at(e, "'" + deparse(e) + "' is " + describe(x) + ": its texts are not known before the data are read; cut() and factor(x, levels = c(...)) give it levels");
}

std::optional<Value> Compiler::date_function(const Expr& e) {
  auto const at = std::find_if(date_functions.begin(), date_functions.end(), [&](auto const& f) { return f.name == e.text; });
  if (at == date_functions.end()) return std::nullopt;
  auto const& xe = *arguments(e, {"x"}, 1)[0];
  auto x = compile(xe);
  if (x.coded()) x = temporal_like(xe, x, at->of_day ? VarType::date : VarType::posixct);
  if (!x.temporal()) throw_at(xe, "'" + deparse(xe) + "' is " + describe(x) + ", a date or time is needed");
  x = temporal_like(xe, x, at->of_day ? VarType::date : VarType::posixct);
  return computed(graph_.add(at->op, node(x)), VarType::integer);
}

Value Compiler::is_missing(const Expr& e) {
  auto const x = compile(*arguments(e, {"x"}, 1)[0]);
  int const n = x.raw_text ? graph_.text_code(x.base_column, {}) : node(x);
  return computed(graph_.add(RowOp::is_missing, n), VarType::logical);
}

std::optional<Value> Compiler::other_function(const Expr& e) {
  if (e.text == "ifelse") return if_else(e);
  if (e.text == "is.na") return is_missing(e);
  if (e.text == "is.finite" || e.text == "is.infinite") {
    auto const x = number_argument(*arguments(e, {"x"}, 1)[0]);
    int const magnitude = graph_.add(RowOp::abs, x.node);
    int const infinite = graph_.add(RowOp::in_set, magnitude, -1, -1, {0.0, std::numeric_limits<double>::infinity()});
    if (e.text == "is.infinite") return computed(infinite, VarType::logical);
    int const missing = graph_.add(RowOp::is_missing, x.node);
    return computed(graph_.add(RowOp::negation, graph_.add(RowOp::either, infinite, missing)), VarType::logical);
  }
  if (e.text == "xor") {
    auto const args = arguments(e, {"x", "y"}, 2);
    int const a = condition(*args[0], compile(*args[0])), b = condition(*args[1], compile(*args[1]));
    return computed(graph_.add(RowOp::not_equal, a, b), VarType::logical);
  }
  return std::nullopt;
}

Value Compiler::if_else(const Expr& e) {
  auto const args = arguments(e, {"test", "yes", "no"}, 3);
  int const test = condition(*args[0], compile(*args[0]));
  auto yes = compile(*args[1]), no = compile(*args[2]);
  if (yes.textual() || no.textual()) {
    yes = as_text(*args[1], yes), no = as_text(*args[2], no);
    if (yes.raw_text || no.raw_text) as_coded(yes.raw_text ? *args[1] : *args[2], yes.raw_text ? yes : no);
    auto levels = yes.levels;
    for (auto const& level : no.levels)
      if (std::find(levels.begin(), levels.end(), level) == levels.end()) levels.push_back(level);
    return coded(graph_.add(RowOp::choose, test, recode_to(yes, levels), recode_to(no, levels)), VarType::character, levels);
  }
  if (yes.temporal() || no.temporal()) {
    auto const type = yes.temporal() ? yes.type : no.type;
    yes = temporal_like(*args[1], yes, type), no = temporal_like(*args[2], no, type);
    return computed(graph_.add(RowOp::choose, test, node(yes), node(no)), type);
  }
  auto const type = std::max(yes.type, no.type, [](VarType a, VarType b) {
    auto const rank = [](VarType t) { return t == VarType::logical ? 0 : t == VarType::integer ? 1 : 2; };
    return rank(a) < rank(b);
  });
  return computed(graph_.add(RowOp::choose, test, node(yes), node(no)), type);
}

void Compiler::unknown_function(const Expr& e) {
  static constexpr std::array<std::string_view, 16> whole_table{"min", "max", "sum", "mean", "median", "sd", "var", "length", "range", "quantile",
                                                                "scale", "cumsum", "rank", "order", "unique", "diff"};
  if (std::find(whole_table.begin(), whole_table.end(), e.text) != whole_table.end()) {
    std::string const hint = e.text == "min" || e.text == "max" ? "; p" + e.text + "() compares columns within a row" : "";
    throw_at(e, e.text + "() needs all rows at once; expressions see one row at a time" + hint);
  }
  if (e.text == "c") throw_at(e, "c(...) belongs into %in%, levels, labels or breaks");
  if (e.text == "cbind" || e.text == "offset") throw_at(e, e.text + "() belongs into a formula");
  std::vector<std::string> names(other_names.begin(), other_names.end());
  for (auto const& f : number_functions) names.emplace_back(f.name);
  for (auto const& f : date_functions) names.emplace_back(f.name);
  throw_at(e, with_suggestion("unknown function '" + e.text + "'", e.text, names));
}

}  // namespace rxhpc::impl
