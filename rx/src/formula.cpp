// Expansion of a model formula to its terms, R's algebra on sets of variables.
#include "rxhpc/formula.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "rxhpc/errors.hpp"

namespace rxhpc {
namespace {

constexpr std::size_t term_limit = 100000;

/// A term while it is expanded. Its key is the same for every order of the variables. No variables: the intercept.
struct Term {
  std::vector<ExprPtr> variables;
  std::vector<std::string> names;  // deparsed, in the order of `variables`
  bool offset = false;

  std::string key() const {
    auto sorted = names;
    std::sort(sorted.begin(), sorted.end());
    std::string k(1, offset ? 'o' : 't');
    for (auto const& name : sorted) k += '\0' + name;
    return k;
  }
  bool empty() const { return variables.empty(); }
};

/// Terms in written order, each once; what an expression of the formula stands for.
struct Terms {
  std::vector<Term> list;
  int intercept = 0;  // +1: asked for, -1: `0` was added or `1` taken away, 0: nothing said
};

bool is_formula_operator(const Expr& e) {
  static constexpr std::array<std::string_view, 7> operators{"+", "-", "*", "/", ":", "^", "%in%"};
  return e.kind == Expr::Kind::call && !e.args.empty() && e.args.size() <= 2 &&
         std::find(operators.begin(), operators.end(), e.text) != operators.end();
}

class Expander {
 public:
  explicit Expander(std::vector<std::string> dot_names) : dot_names_(std::move(dot_names)) {}

  Terms expand(const ExprPtr& written) const {
    auto const e = strip_parentheses(written);
    if (e->kind == Expr::Kind::number) return constant(*e);
    if (e->kind == Expr::Kind::name) return name(e);
    if (e->kind == Expr::Kind::text) throw_at(*e, "text cannot be a term");
    if (e->text == "~") throw_at(*e, "a formula has one '~'");
    if (e->text == "offset") return offset(e);
    if (!is_formula_operator(*e)) return single(e);
    if (e->args.size() == 1) return e->text == "-" ? without({}, expand(e->args[0])) : expand(e->args[0]);
    if (e->text == "+") return sum(e);
    auto left = expand(e->args[0]);
    if (e->text == "^") return power(left, *e);
    auto right = expand(e->args[1]);
    if (e->text == "-") return without(std::move(left), right);
    if (e->text == ":" || e->text == "%in%") return product(left, right, *e);
    if (e->text == "*") return both(both(left, right, *e), product(left, right, *e), *e);
    Terms inside;  // a / b: a, and b within every combination of a
    inside.list.push_back(all_of(left));
    return both(left, product(inside, right, *e), *e);
  }

  /// Variables as the formula's text has them, from left to right.
  const std::vector<std::string>& met() const { return met_; }

 private:
  std::vector<std::string> dot_names_;
  mutable std::vector<std::string> met_;

  static Terms constant(const Expr& e) {
    if (e.number != 0 && e.number != 1) throw_at(e, "the only numbers that can be terms are 0 and 1");
    Terms t;
    t.intercept = e.number == 1 ? 1 : -1;
    return t;
  }

  Terms single(const ExprPtr& e) const {
    if (e->text == "cbind") throw_at(*e, "cbind() belongs on the left side");
    Terms t;
    t.list.push_back({{e}, {deparse(*e)}, false});
    met_.push_back(t.list[0].names[0]);
    return t;
  }

  Terms name(const ExprPtr& e) const {
    if (e->is_constant_name()) throw_at(*e, "'" + e->text + "' cannot be a term");
    if (e->quoted || e->text != ".") return single(e);
    if (dot_names_.empty()) throw_at(*e, "'.' has no columns to stand for");
    Terms t;
    for (auto const& column : dot_names_) {
      auto variable = std::make_shared<Expr>(*e);
      variable->text = column;
      variable->quoted = quoted_name(column) != column;
      t.list.push_back({{variable}, {deparse(*variable)}, false});
      met_.push_back(t.list.back().names[0]);
    }
    return t;
  }

  static Terms offset(const ExprPtr& e) {
    if (e->args.size() != 1) throw_at(*e, "offset() takes one argument");
    Terms t;
    t.list.push_back({{e->args[0]}, {deparse(*e->args[0])}, true});
    return t;
  }

  // A chain of `+` in one go: formulas of thousands of columns are such chains.
  Terms sum(const ExprPtr& e) const {
    std::vector<ExprPtr> parts;
    auto head = e;
    for (; head->is_call("+") && head->args.size() == 2; head = head->args[0]) parts.push_back(head->args[1]);
    auto total = expand(head);
    std::unordered_set<std::string> seen;
    for (auto const& term : total.list) seen.insert(term.key());
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
      auto const next = expand(*part);
      for (auto const& term : next.list)
        if (seen.insert(term.key()).second) total.list.push_back(term);
      if (next.intercept != 0) total.intercept = next.intercept;
      check_size(total, *e);
    }
    return total;
  }

  static void check_size(const Terms& t, const Expr& where) {
    if (t.list.size() > term_limit) throw_at(where, "the formula expands to too many terms");
  }

  static Terms both(Terms left, const Terms& right, const Expr& where) {
    std::unordered_set<std::string> seen;
    for (auto const& term : left.list) seen.insert(term.key());
    for (auto const& term : right.list)
      if (seen.insert(term.key()).second) left.list.push_back(term);
    if (right.intercept != 0) left.intercept = right.intercept;
    check_size(left, where);
    return left;
  }

  static Terms without(Terms left, const Terms& right) {
    std::unordered_set<std::string> gone;
    for (auto const& term : right.list) gone.insert(term.key());
    std::erase_if(left.list, [&](const Term& term) { return gone.contains(term.key()); });
    if (right.intercept != 0) left.intercept = -right.intercept;
    return left;
  }

  static Term merged(const Term& a, const Term& b) {
    Term t = a;
    for (std::size_t i = 0; i < b.names.size(); ++i) {
      if (std::find(t.names.begin(), t.names.end(), b.names[i]) != t.names.end()) continue;
      t.names.push_back(b.names[i]);
      t.variables.push_back(b.variables[i]);
    }
    return t;
  }

  static Terms product(const Terms& left, const Terms& right, const Expr& where) {
    Terms t;
    std::unordered_set<std::string> seen;
    if (left.intercept != 0 || right.intercept != 0) throw_at(where, "0 and 1 cannot be part of an interaction");
    if (left.list.size() * right.list.size() > term_limit) throw_at(where, "the formula expands to too many terms");
    for (auto const& a : left.list)
      for (auto const& b : right.list) {
        if (a.offset || b.offset) throw_at(where, "offset() cannot be part of an interaction");
        auto m = merged(a, b);
        if (seen.insert(m.key()).second) t.list.push_back(std::move(m));
      }
    return t;
  }

  static Term all_of(const Terms& terms) {
    Term t;
    for (auto const& term : terms.list) t = merged(t, term);
    return t;
  }

  static Terms power(const Terms& base, const Expr& e) {
    auto const exponent = strip_parentheses(e.args[1]);
    double const times = exponent->kind == Expr::Kind::number ? exponent->number : 0;
    if (!(times >= 1) || times != std::floor(times)) throw_at(*exponent, "the power of a term is a whole number from 1");
    Terms t = base;
    std::size_t size = 0;
    // Once no product is new, none will ever be.
    for (double k = 1; k < times && t.list.size() != size; ++k) {
      size = t.list.size();
      t = both(t, product(t, base, e), e);
    }
    return t;
  }
};

std::vector<ExprPtr> responses_of(const ExprPtr& side) {
  auto const e = strip_parentheses(side);
  if (e->kind == Expr::Kind::number || e->kind == Expr::Kind::text || e->is_constant_name()) throw_at(*e, "a response is a column or a function of columns");
  if (e->is_call("~")) throw_at(*e, "a formula has one '~'");
  if (e->kind == Expr::Kind::name && !e->quoted && e->text == ".") throw_at(*e, "'.' cannot be a response");
  if (!e->is_call("cbind")) return {e};
  if (e->args.empty()) throw_at(*e, "cbind() needs at least one response");
  for (auto const& name : e->arg_names)
    if (!name.empty()) throw_at(*e, "responses in cbind() cannot be renamed");
  return e->args;
}

}  // namespace

std::string FormulaTerm::label() const {
  std::string text;
  for (auto const& variable : variables) text += (text.empty() ? "" : ":") + deparse(*variable);
  return text;
}

Formula Formula::in_r_order() const {
  Formula sorted = *this;
  std::unordered_map<std::string, std::size_t> order;
  for (auto const& name : written) order.try_emplace(name, order.size());
  for (auto const& term : terms)
    for (auto const& variable : term.variables) order.try_emplace(deparse(*variable), order.size());
  auto const place = [&](const ExprPtr& e) { return order.at(deparse(*e)); };
  for (auto& term : sorted.terms)
    std::stable_sort(term.variables.begin(), term.variables.end(), [&](const ExprPtr& a, const ExprPtr& b) { return place(a) < place(b); });
  std::stable_sort(sorted.terms.begin(), sorted.terms.end(),
                   [](const FormulaTerm& a, const FormulaTerm& b) { return a.variables.size() < b.variables.size(); });
  return sorted;
}

Formula parse_formula(std::string_view source, const std::vector<std::string>& dot_names) {
  auto const e = parse_expression(source);
  if (!e->is_call("~")) throw_at(*e, "a formula has a '~', as in 'y ~ x'");
  Formula f;
  auto rest = dot_names;
  if (e->args.size() == 2) {
    f.responses = responses_of(e->args[0]);
    for (auto const& used : names_in(*e->args[0])) std::erase(rest, used);
  }
  Expander const expander(std::move(rest));
  auto const terms = expander.expand(e->args.back());
  f.written = expander.met();
  for (auto const& term : terms.list) {
    if (term.offset)
      f.offsets.push_back(term.variables[0]);
    else
      f.terms.push_back({term.variables});
  }
  f.intercept = terms.intercept >= 0;
  f.text = deparse(*e);
  return f;
}

}  // namespace rxhpc
