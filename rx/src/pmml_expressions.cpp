#include "pmml_expressions.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "compile.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

using Needs = std::vector<std::string>;

constexpr std::size_t longest = std::size_t{1} << 20;

[[noreturn]] void refuse(const Expr& e, const std::string& why = "") {
  throw UsageError("'" + deparse(e) + "' cannot be written as PMML" + (why.empty() ? "" : ": " + why));
}

/// For attributes and for text: blanks other than spaces are kept by references only.
std::string escaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char const c = text[i];
    auto const blank = c == '\t' || c == '\n' || c == '\r';
    auto const noncharacter = text.compare(i, 3, "\xEF\xBF\xBE") == 0 || text.compare(i, 3, "\xEF\xBF\xBF") == 0;
    if (noncharacter || (static_cast<unsigned char>(c) < 0x20 && !blank))
      throw UsageError(pmml_shown(text) + " has a control character, which PMML cannot hold");
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&quot;";
    else if (blank) out += "&#" + std::to_string(static_cast<int>(c)) + ";";
    else out += c;
  }
  return out;
}

template <class... Text>
std::string call(const char* function, const Text&... arguments) {
  return "      <Apply" + pmml_attribute("function", function) + ">\n" + (std::string() + ... + arguments) + "      </Apply>\n";
}
std::string constant_element(const char* type, const std::string& value) {
  return "      <Constant" + pmml_attribute("dataType", type) + ">" + escaped(value) + "</Constant>\n";
}
std::string number_element(double x) { return constant_element("double", pmml_number(x)); }
std::string text_element(const std::string& x) { return constant_element("string", x); }
std::string present(const std::string& value) { return call("isNotMissing", value); }

/// `body` where all conditions hold, else `none`; empty: missing.
std::string guarded(const Needs& needs, std::string body, const std::string& none) {
  for (auto need = needs.rbegin(); need != needs.rend(); ++need) body = call("if", *need, body, none);
  return body;
}

Needs joined(Needs a, const Needs& b) {
  for (auto const& need : b)
    if (std::find(a.begin(), a.end(), need) == a.end()) a.push_back(need);
  return a;
}

/// R's NA among codes 0 and 1: lowest is `and`, highest is `or`, by the rules of three values.
constexpr double unknown = 0.5;

const Expr& bare(const Expr& e) {
  bool const wrapped = (e.is_call("(") || e.is_call("I") || e.is_call("identity")) && e.args.size() == 1;
  return wrapped ? bare(*e.args[0]) : e;
}

}  // namespace

std::string pmml_shown(const std::string& text) {
  Expr e;
  e.kind = Expr::Kind::text;
  e.text = text;
  std::string out;
  for (char c : deparse(e)) {
    char code[8];
    std::snprintf(code, sizeof code, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += static_cast<unsigned char>(c) < 0x20 ? code : std::string(1, c);
  }
  return out;
}
std::string pmml_attribute(const char* name, const std::string& value) { return std::string(" ") + name + "=\"" + escaped(value) + "\""; }
std::string pmml_number(double x) { return nlohmann::json(x).dump(); }

PmmlFields::Written PmmlFields::of_field(const Field& field) {
  Written w;
  w.kind = field.kind;
  w.field = field;
  w.values = field.values;
  w.text = "      <FieldRef" + pmml_attribute("field", field.name) + "/>\n";
  w.needs = {present(w.text)};
  if (w.kind == PmmlKind::logical) w.text = call("equal", w.text, text_element("TRUE"));
  return w;
}

PmmlFields::Written PmmlFields::constant(double x, PmmlKind kind) {
  Written w;
  w.kind = kind;
  w.number = x;
  w.text = number_element(x);
  return w;
}

PmmlFields::Written PmmlFields::literal(const std::string& text) {
  Written w;
  w.kind = PmmlKind::text;
  w.literal = text;
  w.values = {{text}};
  w.text = text_element(text);
  return w;
}

std::string PmmlFields::choose(const Written& test, const std::string& yes, const std::string& no, const std::string& none) {
  if (test.number) return *test.number != 0 ? yes : no;
  if (!test.coded) return guarded(test.needs, call("if", test.text, yes, no), none);
  return call("if", call("equal", test.text, number_element(1)), yes, call("if", call("equal", test.text, number_element(0)), no, none));
}

std::string PmmlFields::code(const Written& w) {
  return w.coded ? w.text : choose(w, number_element(1), number_element(0), number_element(unknown));
}

/// A branch is asked for its value only where it has one.
PmmlFields::Written PmmlFields::chosen(const Written& test, const Written& yes, const Written& no, PmmlKind kind) {
  auto const branch = [](const Written& w) { return w.needs == Needs{present(w.text)} ? w.text : guarded(w.needs, w.text, ""); };
  Written w;
  w.kind = kind;
  w.text = choose(test, branch(yes), branch(no), "");
  w.needs = {present(w.text)};
  if (yes.values && no.values) {
    w.values = yes.values;
    w.values->insert(no.values->begin(), no.values->end());
  }
  return w;
}

PmmlFields::Written PmmlFields::as_number(const Expr& e, Written w) {
  if (w.kind == PmmlKind::number) return w;
  if (w.kind != PmmlKind::logical) refuse(e, "a number is needed");
  if (w.number) return constant(*w.number);
  Written out;
  if (w.coded) {
    out.needs = {call("notEqual", w.text, number_element(unknown))};
    out.text = guarded(out.needs, w.text, "");
  } else {
    out.needs = w.needs;
    out.text = choose(w, number_element(1), number_element(0), "");
  }
  return out;
}

PmmlFields::Written PmmlFields::as_text(const Expr& e, Written w) {
  if (w.kind == PmmlKind::text) return w;
  if (w.kind == PmmlKind::logical) return w.number ? literal(*w.number != 0 ? "TRUE" : "FALSE") : chosen(w, literal("TRUE"), literal("FALSE"), PmmlKind::text);
  if (w.kind == PmmlKind::number && w.number) return literal(number_text(*w.number));
  refuse(e, "text is needed");
}

PmmlFields::Written PmmlFields::as_temporal(const Expr& e, Written w, PmmlKind kind) {
  if (w.kind == kind) return w;
  double const x = !w.literal ? std::nan("") : kind == PmmlKind::date ? parse_date(*w.literal) : parse_time(*w.literal);
  if (std::isnan(x)) refuse(e, kind == PmmlKind::date ? "a date is needed" : "a time is needed");
  return constant(x, kind);
}

PmmlFields::Written PmmlFields::number(Scoped s) { return as_number(s.e, write(s)); }

PmmlFields::Written PmmlFields::condition(Scoped s) {
  auto w = write(s);
  if (w.kind == PmmlKind::logical) return w;
  w = as_number(s.e, std::move(w));
  if (w.number) return constant(*w.number != 0, PmmlKind::logical);
  Written out;
  out.kind = PmmlKind::logical;
  out.needs = w.needs;
  out.text = call("notEqual", w.text, number_element(0));
  return out;
}

PmmlFields::Written PmmlFields::write(Scoped s) {
  auto const& e = s.e;
  for (auto const& argument : e.arg_names)
    if (!argument.empty()) refuse(e, "it names its arguments");
  auto const make = [&]() -> Written {
    if (e.kind == Expr::Kind::number && std::isfinite(e.number)) return constant(e.number);
    if (e.kind == Expr::Kind::text && !e.text.empty()) return literal(e.text);
    if (e.kind == Expr::Kind::name) return name(s);
    if (e.kind != Expr::Kind::call) refuse(e);
    if (auto const& inner = bare(e); &inner != &e) return write({inner, s.before});
    static const std::map<std::string, const char*> functions{{"log", "ln"}, {"log10", "log10"}, {"log1p", "ln1p"}, {"exp", "exp"}, {"expm1", "expm1"},
                                                              {"sqrt", "sqrt"}, {"abs", "abs"}, {"floor", "floor"}, {"ceiling", "ceil"}};
    auto const count = e.args.size();
    auto const is = [&](std::initializer_list<const char*> names) { return std::find(names.begin(), names.end(), e.text) != names.end(); };
    if (count == 1) {
      if (e.text == "+") return number({*e.args[0], s.before});
      if (e.text == "-") return arithmetic(s);
      if (e.text == "!") return negation(s);
      if (auto const f = functions.find(e.text); f != functions.end()) return function(s, f->second);
      if (e.text == "is.na") return is_missing(s);
      if (e.text == "as.integer") return whole_number(s);
      if (e.text == "as.Date") return date(s);
      if (is({"as.numeric", "as.double"})) {
        auto w = write({*e.args[0], s.before});
        if (w.kind == PmmlKind::date || w.kind == PmmlKind::time) w.kind = PmmlKind::number;
        return as_number(*e.args[0], std::move(w));
      }
    }
    if (count == 2) {
      if (is({"+", "-", "*", "/"})) return arithmetic(s);
      if (e.text == "^") return power(s);
      if (is({"&", "&&", "|", "||"})) return logic(s);
      if (is({"==", "!=", "<", "<=", ">", ">="})) return compare(s);
    }
    if (count == 3 && e.text == "ifelse") return if_else(s);
    refuse(e);
  };
  auto w = make();
  if (w.text.size() > longest) refuse(e, "it is too long");
  return w;
}

PmmlFields::Written PmmlFields::arithmetic(Scoped s) {
  auto const& e = s.e;
  if (e.args.size() == 1) {
    auto const x = number({*e.args[0], s.before});
    if (x.number) return constant(-*x.number);
    Written w;
    w.text = call("-", number_element(0), x.text);
    w.needs = x.needs;
    return w;
  }
  auto l = write({*e.args[0], s.before}), r = write({*e.args[1], s.before});
  for (auto kind : {PmmlKind::date, PmmlKind::time})
    if (e.text == "-" && (l.kind == kind || r.kind == kind)) {
      l = as_temporal(*e.args[0], std::move(l), kind), r = as_temporal(*e.args[1], std::move(r), kind);
      l.kind = r.kind = PmmlKind::number;
    }
  l = as_number(*e.args[0], std::move(l)), r = as_number(*e.args[1], std::move(r));
  if (l.number && r.number) {
    double const a = *l.number, b = *r.number, x = e.text == "+" ? a + b : e.text == "-" ? a - b : e.text == "*" ? a * b : a / b;
    if (std::isfinite(x)) return constant(x);
  }
  Written w;
  w.needs = joined(l.needs, r.needs);
  bool const never_none = (l.number && *l.number != 0) || (r.number && *r.number != 0);
  if (e.text == "/" && !never_none)
    w.needs.push_back(call("or", call("notEqual", l.text, number_element(0)), call("notEqual", r.text, number_element(0))));
  w.text = call(e.text.c_str(), l.text, r.text);
  return w;
}

/// R's powers of missing values: 1^NA and NA^0 are 1.
PmmlFields::Written PmmlFields::power(Scoped s) {
  auto const base = number({*s.e.args[0], s.before}), exponent = number({*s.e.args[1], s.before});
  if ((base.number && *base.number == 1) || (exponent.number && *exponent.number == 0)) return constant(1);
  if (!base.number && !exponent.number) refuse(s.e, "base and exponent are both columns");
  if (!exponent.number && *base.number < 0) refuse(s.e, "the base is negative");
  Written w;
  w.needs = joined(base.needs, exponent.needs);
  if (exponent.number && *exponent.number != std::floor(*exponent.number)) w.needs.push_back(call("greaterOrEqual", base.text, number_element(0)));
  w.text = call("pow", base.text, exponent.text);
  return w;
}

PmmlFields::Written PmmlFields::function(Scoped s, const char* pmml) {
  auto const x = number({*s.e.args[0], s.before});
  Written w;
  w.needs = x.needs;
  if (s.e.text == "log" || s.e.text == "log10" || s.e.text == "sqrt") w.needs.push_back(call("greaterOrEqual", x.text, number_element(0)));
  if (s.e.text == "log1p") w.needs.push_back(call("greaterOrEqual", x.text, number_element(-1)));
  w.text = call(pmml, x.text);
  // Whole numbers are of type integer to some engines, whose quotients they would cut.
  if (s.e.text == "floor" || s.e.text == "ceiling") w.text = call("*", number_element(1), w.text);
  return w;
}

/// Cut towards zero; what a 32-bit integer cannot hold is NA.
PmmlFields::Written PmmlFields::whole_number(Scoped s) {
  auto x = write({*s.e.args[0], s.before});
  if (x.kind == PmmlKind::date || x.kind == PmmlKind::time) x.kind = PmmlKind::number;
  if (x.kind == PmmlKind::logical) return as_number(s.e, std::move(x));
  x = as_number(*s.e.args[0], std::move(x));
  Written w;
  w.needs = x.needs;
  w.needs.push_back(call("lessThan", call("abs", x.text), number_element(2147483648.0)));
  w.text = call("if", w.needs.back(), call("*", number_element(1), call("if", call("lessThan", x.text, number_element(0)), call("ceil", x.text), call("floor", x.text))));
  return w;
}

PmmlFields::Written PmmlFields::compare(Scoped s) {
  static const std::map<std::string, const char*> functions{{"==", "equal"}, {"!=", "notEqual"}, {"<", "lessThan"}, {"<=", "lessOrEqual"}, {">", "greaterThan"}, {">=", "greaterOrEqual"}};
  auto const &le = *s.e.args[0], &re = *s.e.args[1];
  auto l = write({le, s.before}), r = write({re, s.before});
  // A number beside text that spells one is compared as a number.
  auto const spelled = [](const Written& number, Written& text) {
    if (number.kind != PmmlKind::number || number.number || !text.literal) return;
    if (auto const x = parse_number(*text.literal); x && std::isfinite(*x)) text = constant(*x);
  };
  spelled(l, r), spelled(r, l);
  auto const either = [&](PmmlKind kind) { return l.kind == kind || r.kind == kind; };
  if (either(PmmlKind::date) || either(PmmlKind::time)) {
    auto const kind = either(PmmlKind::date) ? PmmlKind::date : PmmlKind::time;
    l = as_temporal(le, std::move(l), kind), r = as_temporal(re, std::move(r), kind);
  } else if (either(PmmlKind::text)) {
    if (s.e.text != "==" && s.e.text != "!=") refuse(s.e, "texts and levels have no order there");
    l = as_text(le, std::move(l)), r = as_text(re, std::move(r));
  } else {
    l = as_number(le, std::move(l)), r = as_number(re, std::move(r));
  }
  Written w;
  w.kind = PmmlKind::logical;
  w.needs = joined(l.needs, r.needs);
  w.text = call(functions.at(s.e.text), l.text, r.text);
  return w;
}

PmmlFields::Written PmmlFields::logic(Scoped s) {
  auto const l = condition({*s.e.args[0], s.before}), r = condition({*s.e.args[1], s.before});
  Written w;
  w.kind = PmmlKind::logical;
  w.coded = true;
  w.text = call(s.e.text[0] == '&' ? "min" : "max", code(l), code(r));
  return w;
}

PmmlFields::Written PmmlFields::negation(Scoped s) {
  auto w = condition({*s.e.args[0], s.before});
  if (w.number) return constant(*w.number == 0, PmmlKind::logical);
  w.text = w.coded ? call("-", number_element(1), w.text) : call("not", w.text);
  w.field.reset();
  return w;
}

/// Of columns alone: what computed values lack is told in too many ways.
PmmlFields::Written PmmlFields::is_missing(Scoped s) {
  auto const x = write({*s.e.args[0], s.before});
  if (!x.field || !x.field->column) refuse(s.e, "it is asked of columns only");
  Written w;
  w.kind = PmmlKind::logical;
  w.text = call("isMissing", "      <FieldRef" + pmml_attribute("field", x.field->name) + "/>\n");
  return w;
}

PmmlFields::Written PmmlFields::if_else(Scoped s) {
  auto const test = condition({*s.e.args[0], s.before});
  auto const &ye = *s.e.args[1], &ne = *s.e.args[2];
  auto yes = write({ye, s.before}), no = write({ne, s.before});
  auto const either = [&](PmmlKind kind) { return yes.kind == kind || no.kind == kind; };
  if (either(PmmlKind::text)) return chosen(test, as_text(ye, std::move(yes)), as_text(ne, std::move(no)), PmmlKind::text);
  for (auto kind : {PmmlKind::date, PmmlKind::time})
    if (either(kind)) return chosen(test, as_temporal(ye, std::move(yes), kind), as_temporal(ne, std::move(no), kind), kind);
  if (either(PmmlKind::number)) return chosen(test, as_number(ye, std::move(yes)), as_number(ne, std::move(no)), PmmlKind::number);
  Written w;
  w.kind = PmmlKind::logical;
  w.coded = true;
  w.text = choose(test, code(yes), code(no), number_element(unknown));
  return w;
}

PmmlFields::Written PmmlFields::date(Scoped s) { return as_temporal(s.e, write({*s.e.args[0], s.before}), PmmlKind::date); }

}  // namespace rxhpc::impl
