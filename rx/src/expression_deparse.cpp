// Expressions back to text, as R's deparse lays them out, and error messages that quote them.
#include <charconv>
#include <cmath>
#include <cstdio>

#include "expression_text.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/expression.hpp"

namespace rxhpc {
namespace impl {

namespace {

// Control characters and bytes that are not UTF-8 would break the one line that an error message is.
std::string printable(std::string_view s) {
  std::string out;
  for (std::size_t i = 0; i < s.size();) {
    auto const c = static_cast<unsigned char>(s[i]);
    std::size_t const length = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
    bool whole = length > 0 && i + length <= s.size();
    for (std::size_t k = 1; whole && k < length; ++k) whole = (static_cast<unsigned char>(s[i + k]) & 0xC0) == 0x80;
    if (!whole) {
      out += '?';
      ++i;
    } else if (length == 1) {
      out += c == '\t' || c == '\n' || c == '\r' ? ' ' : c < 0x20 || c == 0x7F ? '?' : static_cast<char>(c);
      ++i;
    } else {
      out += s.substr(i, length);
      i += length;
    }
  }
  return out;
}

// Moves a cut off the middle of a UTF-8 sequence.
std::size_t whole_character(std::string_view s, std::size_t at) {
  while (at > 0 && at < s.size() && (static_cast<unsigned char>(s[at]) & 0xC0) == 0x80) --at;
  return at;
}

std::size_t characters(std::string_view s) {
  std::size_t n = 0;
  for (char c : s) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return n;
}

}  // namespace

std::string located(std::string_view source, std::size_t position, const std::string& message) {
  position = whole_character(source, std::min(position, source.size()));
  constexpr std::size_t around = 24, longest = 72;
  std::size_t const from = position > around ? whole_character(source, position - around) : 0;
  std::size_t const to = std::min(source.size(), position + around) == source.size() ? source.size() : whole_character(source, position + around);
  std::string const before = (from > 0 ? "..." : "") + printable(source.substr(from, position - from));
  std::string const after = printable(source.substr(position, to - position)) + (to < source.size() ? "..." : "");
  std::string const shown = source.size() <= longest ? printable(source) : before + after;
  return "in '" + shown + "': " + message + " at character " + std::to_string(characters(source.substr(0, position)) + 1) + " (here: '" + before +
         ">>>" + after + "')";
}

}  // namespace impl

namespace {

std::string quoted(std::string_view text, char mark) {
  std::string out(1, mark);
  for (char c : text) {
    switch (c) {
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      case '\r': out += "\\r"; break;
      case '\\': out += "\\\\"; break;
      default:
        if (c == mark) out += '\\';
        out += c;
    }
  }
  return out + mark;
}

bool plain_name(std::string_view name) {
  if (!impl::starts_name(name, 0) || impl::is_reserved(name)) return false;
  for (char c : name)
    if (!impl::continues_name(c)) return false;
  return true;
}

bool spaced(std::string_view op) { return op != "^" && op != ":" && op != "/" && op != "%%" && op != "%/%"; }

int strength_of(const Expr& e) {
  if (e.kind != Expr::Kind::call) return 100;
  if (e.args.size() == 2) {
    int const s = impl::binary_strength(e.text);
    return s ? s : 100;
  }
  if (e.args.size() != 1) return 100;
  if (e.text == "-" || e.text == "+") return impl::unary_strength;
  return e.text == "!" ? impl::not_strength : e.text == "~" ? impl::tilde_strength : 100;
}

void print(const Expr& e, std::string& out);

// Trees made by hand may lack the parentheses that their shape needs.
void print_operand(const Expr& e, bool parenthesise, std::string& out) {
  if (parenthesise) out += '(';
  print(e, out);
  if (parenthesise) out += ')';
}

void print_call(const Expr& e, std::string& out) {
  int const own = strength_of(e);
  if (e.text == "(" && e.args.size() == 1) {
    out += '(';
    print(*e.args[0], out);
    out += ')';
  } else if (own < 100 && e.args.size() == 1) {
    out += e.text;
    print_operand(*e.args[0], strength_of(*e.args[0]) < own, out);
  } else if (own < 100) {
    bool const right = e.text == "^";
    print_operand(*e.args[0], strength_of(*e.args[0]) < own + right, out);
    out += spaced(e.text) ? " " + e.text + " " : e.text;
    bool const prefix = e.args[1]->kind == Expr::Kind::call && e.args[1]->args.size() == 1;
    print_operand(*e.args[1], !prefix && strength_of(*e.args[1]) < own + !right, out);
  } else {
    out += quoted_name(e.text) + '(';
    for (std::size_t i = 0; i < e.args.size(); ++i) {
      if (i) out += ", ";
      if (i < e.arg_names.size() && !e.arg_names[i].empty()) out += quoted_name(e.arg_names[i]) + " = ";
      print(*e.args[i], out);
    }
    out += ')';
  }
}

void print(const Expr& e, std::string& out) {
  switch (e.kind) {
    case Expr::Kind::number:
      if (e.integer) {
        out += std::to_string(static_cast<long long>(e.number)) + 'L';
      } else {
        out += number_text(e.number);
      }
      break;
    case Expr::Kind::text: out += quoted_text(e.text); break;
    case Expr::Kind::name: out += e.quoted || !impl::is_reserved(e.text) ? quoted_name(e.text) : e.text; break;
    case Expr::Kind::call: print_call(e, out); break;
  }
}

}  // namespace

std::string deparse(const Expr& e) {
  std::string out;
  print(e, out);
  return out;
}

std::string quoted_text(std::string_view text) { return quoted(text, '"'); }
std::string quoted_name(std::string_view name) { return plain_name(name) ? std::string(name) : quoted(name, '`'); }

std::string number_text(double x) {
  if (std::isnan(x)) return "NaN";
  if (std::isinf(x)) return x < 0 ? "-Inf" : "Inf";
  if (x == 0) return "0";
  // The fewest digits that give the same 15-digit number, then the shorter of the fixed and the exponent form.
  char best[40], trial[40];
  std::snprintf(best, sizeof best, "%.14e", x);
  double const rounded = std::strtod(best, nullptr);
  int digits = 1;
  for (; digits < 15; ++digits) {
    std::snprintf(trial, sizeof trial, "%.*e", digits - 1, x);
    if (std::strtod(trial, nullptr) == rounded) break;
  }
  char scientific[40];
  int const scientific_width = std::snprintf(scientific, sizeof scientific, "%.*e", digits - 1, x);
  int const exponent = std::atoi(std::string_view(scientific).substr(std::string_view(scientific).find('e') + 1).data());
  char fixed[400];
  int const fixed_width = std::snprintf(fixed, sizeof fixed, "%.*f", std::max(0, digits - 1 - exponent), x);
  return fixed_width <= scientific_width ? fixed : scientific;
}

std::string result_name(const Expr& e) { return e.kind == Expr::Kind::name ? e.text : deparse(e); }
std::string result_name(const std::string& deparsed) { return result_name(*parse_expression(deparsed)); }

void throw_at(const Expr& e, const std::string& message) {
  if (e.source) throw UsageError(impl::located(*e.source, e.position, message));
  throw UsageError("in '" + deparse(e) + "': " + message);
}

}  // namespace rxhpc
