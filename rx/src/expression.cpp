// A Pratt parser for R's expressions: one token of look-ahead, binding strengths from R's operator table.
#include "rxhpc/expression.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "expression_text.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc {
namespace impl {

bool is_reserved(std::string_view name) {
  static constexpr std::array<std::string_view, 20> reserved{
      "NULL", "NA", "TRUE", "FALSE", "Inf", "NaN", "NA_integer_", "NA_real_", "NA_character_", "function",
      "while", "repeat", "for", "if", "in", "else", "next", "break", "NA_complex_", "..."};
  return std::find(reserved.begin(), reserved.end(), name) != reserved.end();
}

bool continues_name(char c) {
  auto const u = static_cast<unsigned char>(c);
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || u >= 0x80;
}

bool starts_name(std::string_view s, std::size_t at) {
  if (at >= s.size() || !continues_name(s[at]) || s[at] == '_' || (s[at] >= '0' && s[at] <= '9')) return false;
  return s[at] != '.' || at + 1 >= s.size() || s[at + 1] < '0' || s[at + 1] > '9';
}

int binary_strength(std::string_view op) {
  if (op == "~") return tilde_strength;
  if (op == "|" || op == "||") return 6;
  if (op == "&" || op == "&&") return 7;
  if (op == "==" || op == "!=" || op == "<" || op == "<=" || op == ">" || op == ">=") return comparison_strength;
  if (op == "+" || op == "-") return 10;
  if (op == "*" || op == "/") return 11;
  if (op.size() >= 2 && op.front() == '%') return 12;
  if (op == ":") return 13;
  if (op == "^") return power_strength;
  return 0;
}

}  // namespace impl

namespace {

using impl::located;

constexpr int depth_limit = 200;
constexpr int node_limit = 200000, chain_limit = 20000;
constexpr std::size_t source_limit = std::size_t{1} << 20;

struct Token {
  enum class Kind { number, text, name, op, end };
  Kind kind = Kind::end;
  std::string text;
  double number = 0;
  bool integer = false, quoted = false;
  std::size_t position = 0;
};

void append_utf8(std::string& out, unsigned long code) {
  auto const put = [&](unsigned long byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6), put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18), put(0x80 | (code >> 12 & 0x3F)), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
  }
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : s_(source) {}

  Token next() {
    skip_blanks();
    Token t;
    t.position = at_;
    if (at_ >= s_.size()) return t;
    char const c = s_[at_];
    if (digit(at_) || (c == '.' && digit(at_ + 1))) return number(std::move(t));
    if (c == '"' || c == '\'') return quoted(std::move(t), Token::Kind::text);
    if (c == '`') return quoted(std::move(t), Token::Kind::name);
    if (impl::starts_name(s_, at_)) {
      std::size_t end = at_;
      while (end < s_.size() && impl::continues_name(s_[end])) ++end;
      t.kind = Token::Kind::name;
      t.text = s_.substr(at_, end - at_);
      at_ = end;
      return t;
    }
    return operator_token(std::move(t));
  }

 private:
  std::string_view s_;
  std::size_t at_ = 0;

  bool digit(std::size_t i) const { return i < s_.size() && s_[i] >= '0' && s_[i] <= '9'; }
  char peek(std::size_t ahead) const { return at_ + ahead < s_.size() ? s_[at_ + ahead] : '\0'; }

  void skip_blanks() {
    for (; at_ < s_.size(); ++at_) {
      char const c = s_[at_];
      if (c == '#') {
        while (at_ < s_.size() && s_[at_] != '\n') ++at_;
        if (at_ >= s_.size()) return;
      } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
        return;
      }
    }
  }

  Token number(Token t) {
    t.kind = Token::Kind::number;
    std::size_t end = at_;
    if (s_[at_] == '0' && (peek(1) == 'x' || peek(1) == 'X')) {
      end = at_ + 2;
      std::size_t const first = end;
      for (; end < s_.size() && std::isxdigit(static_cast<unsigned char>(s_[end])); ++end) {
        char const h = s_[end];
        t.number = t.number * 16 + (h <= '9' ? h - '0' : (h | 0x20) - 'a' + 10);
      }
      if (end == first) throw UsageError(located(s_, at_, "expected hexadecimal digits after 0x"));
    } else {
      while (digit(end)) ++end;
      if (end < s_.size() && s_[end] == '.')
        for (++end; digit(end);) ++end;
      if (end < s_.size() && (s_[end] == 'e' || s_[end] == 'E')) {
        std::size_t exponent = end + 1;
        if (exponent < s_.size() && (s_[exponent] == '+' || s_[exponent] == '-')) ++exponent;
        if (!digit(exponent)) throw UsageError(located(s_, at_, "expected digits in the exponent of a number"));
        for (end = exponent; digit(end);) ++end;
      }
      // strtod, not from_chars: it gives Inf and 0 beyond the range, as R does.
      t.number = std::strtod(std::string(s_.substr(at_, end - at_)).c_str(), nullptr);
    }
    if (end < s_.size() && s_[end] == 'L') {
      t.integer = t.number == std::floor(t.number) && t.number <= 2147483647.0;
      ++end;
    }
    if (end < s_.size() && impl::continues_name(s_[end])) throw UsageError(located(s_, end, "unexpected letter after a number"));
    at_ = end;
    return t;
  }

  Token quoted(Token t, Token::Kind kind) {
    char const mark = s_[at_];
    t.kind = kind;
    t.quoted = true;
    for (++at_; at_ < s_.size() && s_[at_] != mark; ++at_) {
      if (s_[at_] == '\\')
        escape(t.text);
      else
        t.text.push_back(s_[at_]);
    }
    if (at_ >= s_.size()) throw UsageError(located(s_, t.position, std::string("the quote ") + mark + " is never closed"));
    ++at_;
    if (kind == Token::Kind::name && t.text.empty()) throw UsageError(located(s_, t.position, "an empty name"));
    return t;
  }

  // Leaves at_ on the last character of the escape.
  void escape(std::string& out) {
    std::size_t const start = at_;
    char const c = peek(1);
    ++at_;
    static constexpr std::string_view from = "ntrabfv\\'\"`0 ", to("\n\t\r\a\b\f\v\\'\"`\0 ", 13);
    if (c == 'x' || c == 'u' || c == 'U') {
      bool const braces = c != 'x' && peek(1) == '{';
      std::size_t const most = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      if (braces) ++at_;
      unsigned long code = 0;
      std::size_t digits = 0;
      for (; digits < most && std::isxdigit(static_cast<unsigned char>(peek(1))); ++digits, ++at_) {
        char const h = peek(1);
        code = code * 16 + static_cast<unsigned long>(h <= '9' ? h - '0' : (h | 0x20) - 'a' + 10);
      }
      bool const closed = !braces || peek(1) == '}';
      if (braces) ++at_;
      if (digits == 0 || !closed || code == 0 || code > 0x10FFFF) throw UsageError(located(s_, start, "a malformed escape in quotes"));
      if (c == 'x')
        out.push_back(static_cast<char>(code));
      else
        append_utf8(out, code);
      return;
    }
    auto const k = c == '\0' ? std::string_view::npos : from.find(c);
    if (k == std::string_view::npos || c == '0') throw UsageError(located(s_, start, "an unknown escape in quotes"));
    out.push_back(to[k]);
  }

  Token operator_token(Token t) {
    t.kind = Token::Kind::op;
    if (s_[at_] == '%') {
      auto const close = s_.find('%', at_ + 1);
      auto const newline = s_.find('\n', at_);
      if (close == std::string_view::npos || newline < close) throw UsageError(located(s_, at_, "the operator that starts with % is never closed"));
      t.text = s_.substr(at_, close + 1 - at_);
      at_ = close + 1;
      return t;
    }
    static constexpr std::array<std::string_view, 27> operators{"<-", "<=", ">=", "==", "!=", "&&", "||", "**", "+", "-", "*", "/", "^", ":",
                                                                "<",  ">",  "!",  "&",  "|",  "~",  "(",  ")",  ",", "=", "[", "$", "{"};
    for (auto op : operators) {
      if (s_.substr(at_, op.size()) != op) continue;
      at_ += op.size();
      t.text = op == "**" ? "^" : op;
      return t;
    }
    throw UsageError(located(s_, at_, "an unexpected character"));
  }
};

class Parser {
 public:
  explicit Parser(std::string_view source) : source_(std::make_shared<std::string>(source)), lexer_(*source_) {
    if (source.size() > source_limit) throw UsageError("an expression of more than a million characters");
    advance();
  }

  ExprPtr whole() {
    auto e = expression(0);
    expect_end();
    return e;
  }

  Assignment assignment() {
    Assignment a;
    if (current_.kind != Token::Kind::name && current_.kind != Token::Kind::text) fail("expected 'name = expression'");
    if (current_.kind == Token::Kind::name && !current_.quoted && impl::is_reserved(current_.text)) fail("a reserved word cannot be assigned to");
    a.name = current_.text;
    if (a.name.empty()) fail("an empty name");
    advance();
    if (!at("=") && !at("<-")) fail("expected '=' after the name");
    advance();
    auto value = expression(0);
    expect_end();
    bool const null = value->kind == Expr::Kind::name && !value->quoted && value->text == "NULL";
    if (!null) a.value = std::move(value);
    return a;
  }

 private:
  std::shared_ptr<const std::string> source_;
  Lexer lexer_;
  Token current_;
  int depth_ = 0, nodes_ = 0, chain_ = 0;

  void advance() { current_ = lexer_.next(); }
  bool at(std::string_view op) const { return current_.kind == Token::Kind::op && current_.text == op; }
  [[noreturn]] void fail(const std::string& message) const { throw UsageError(located(*source_, current_.position, message)); }
  void expect_end() const {
    if (current_.kind == Token::Kind::end) return;
    if (at("[") || at("$") || at("{")) fail("'" + current_.text + "' is not supported");
    if (at("<-") || at("=")) fail("an assignment does not belong here (comparison is '==')");
    fail(at(")") ? "a ')' without a '('" : "expected an operator or the end");
  }

  std::shared_ptr<Expr> node(Expr::Kind kind, std::string text, std::size_t position) {
    if (++nodes_ > node_limit) fail("the expression is too long");
    auto e = std::make_shared<Expr>();
    e->kind = kind;
    e->text = std::move(text);
    e->position = position;
    e->source = source_;
    return e;
  }

  ExprPtr call(std::string function, std::size_t position, std::vector<ExprPtr> args) {
    auto e = node(Expr::Kind::call, std::move(function), position);
    e->arg_names.resize(args.size());
    e->args = std::move(args);
    return e;
  }

  ExprPtr expression(int least) {
    if (++depth_ > depth_limit) fail("parentheses and operators are nested too deeply");
    auto left = operand();
    for (;;) {
      int const strength = current_.kind == Token::Kind::op ? impl::binary_strength(current_.text) : 0;
      if (strength == 0 || strength < least) break;
      // Deep left chains recurse when they are printed and freed.
      if (++chain_ > chain_limit) fail("the expression is too long");
      Token const op = current_;
      advance();
      bool const right_associative = op.text == "^";
      auto right = expression(right_associative ? strength : strength + 1);
      left = call(op.text, op.position, {left, right});
      if (strength == impl::comparison_strength && current_.kind == Token::Kind::op &&
          impl::binary_strength(current_.text) == strength)
        fail("comparisons cannot be chained; join them with '&'");
    }
    --depth_;
    return left;
  }

  ExprPtr operand() {
    Token const t = current_;
    switch (t.kind) {
      case Token::Kind::number: {
        advance();
        auto e = node(Expr::Kind::number, {}, t.position);
        e->number = t.number;
        e->integer = t.integer;
        return e;
      }
      case Token::Kind::text:
        advance();
        if (at("(")) fail("text cannot be called");
        return node(Expr::Kind::text, t.text, t.position);
      case Token::Kind::name: {
        advance();
        if (at("(")) return function_call(t);
        static constexpr std::array<std::string_view, 9> statements{"function", "while", "repeat", "for", "if", "in", "else", "next", "break"};
        if (!t.quoted && std::find(statements.begin(), statements.end(), t.text) != statements.end())
          throw UsageError(located(*source_, t.position, "'" + t.text + "' is not supported"));
        auto e = node(Expr::Kind::name, t.text, t.position);
        e->quoted = t.quoted;
        return e;
      }
      case Token::Kind::end: fail(t.position == 0 || source_->find_first_not_of(" \t\r\n") >= t.position ? "expected an expression" : "expected a term");
      case Token::Kind::op: break;
    }
    if (at("(")) {
      advance();
      auto inner = expression(0);
      if (!at(")")) fail("expected ')'");
      advance();
      return call("(", t.position, {inner});
    }
    int const strength = t.text == "-" || t.text == "+" ? impl::unary_strength
                         : t.text == "!"                ? impl::not_strength
                         : t.text == "~"                ? impl::tilde_strength
                                                        : 0;
    if (strength == 0) fail("expected a term, not '" + t.text + "'");
    advance();
    return call(t.text, t.position, {expression(strength)});
  }

  ExprPtr function_call(const Token& name) {
    if (!name.quoted && impl::is_reserved(name.text))
      throw UsageError(located(*source_, name.position, "'" + name.text + "' is not a function"));
    advance();  // the parenthesis
    auto e = node(Expr::Kind::call, name.text, name.position);
    while (!at(")")) {
      if (!e->args.empty()) {
        if (!at(",")) fail("expected ',' or ')'");
        advance();
      }
      argument(*e);
    }
    advance();
    return e;
  }

  void argument(Expr& function) {
    std::string name;
    auto value = expression(0);
    if (at("=")) {
      bool const nameable = (value->kind == Expr::Kind::name || value->kind == Expr::Kind::text) && !value->text.empty();
      if (!nameable) fail("expected an argument's name before '='");
      name = value->text;
      advance();
      value = expression(0);
    }
    function.args.push_back(std::move(value));
    function.arg_names.push_back(std::move(name));
  }
};

void collect_names(const Expr& e, std::vector<std::string>& out) {
  if (e.kind == Expr::Kind::name && !e.is_constant_name() && (e.quoted || e.text != ".rxRowNums") &&
      std::find(out.begin(), out.end(), e.text) == out.end())
    out.push_back(e.text);
  for (auto const& arg : e.args) collect_names(*arg, out);
}

}  // namespace

bool Expr::is_constant_name() const { return kind == Kind::name && !quoted && impl::is_reserved(text); }

ExprPtr parse_expression(std::string_view source) { return Parser(source).whole(); }
Assignment parse_assignment(std::string_view source) { return Parser(source).assignment(); }

std::vector<std::string> names_in(const Expr& e) {
  std::vector<std::string> names;
  collect_names(e, names);
  return names;
}

ExprPtr strip_parentheses(ExprPtr e) {
  while (e->is_call("(") && e->args.size() == 1) e = e->args[0];
  return e;
}

}  // namespace rxhpc
