#include "rxhpc/design.hpp"

#include <algorithm>
#include <set>

#include "rxhpc/errors.hpp"

namespace rxhpc {
namespace {

std::vector<std::string> sorted(std::vector<std::string> levels) {
  std::sort(levels.begin(), levels.end());
  return levels;
}

DesignVariable resolve(const ExprPtr& e, RowSource& rows) {
  DesignVariable v;
  v.label = deparse(*e);
  auto const column = rows.schema()[rows.derive(*e, v.label)];
  v.factor = column.coded() || column.type == VarType::logical;
  if (column.storage == Storage::text)
    throw UsageError("column '" + v.label + "' has too many distinct texts to be a factor");
  if (v.factor)
    v.levels = column.type == VarType::logical     ? std::vector<std::string>{"FALSE", "TRUE"}
               : column.type == VarType::character ? sorted(column.levels)
                                                   : column.levels;
  v.expression = deparse(*rows.pinned(e));
  return v;
}

/// Digits of a cell: the level of each factor of the term.
std::vector<int> levels_of_cell(const std::vector<int>& radix, std::int64_t cell) {
  std::vector<int> digits;
  for (int k : radix) {
    digits.push_back(static_cast<int>(cell % k));
    cell /= k;
  }
  return digits;
}

}  // namespace

std::string shown_name(const DesignVariable& v) {
  auto const e = parse_expression(v.label);
  if (e->kind != Expr::Kind::call || e->text != "F") return v.label;
  std::string name = "F";
  for (auto const& arg : e->args) name += "_" + deparse(*arg);
  return e->args.size() == 3 ? name + "_T" : name;
}

std::int64_t Design::cells(int term) const {
  std::int64_t n = 1;
  for (int v : terms[term].variables)
    if (variables[v].factor) n *= static_cast<std::int64_t>(variables[v].levels.size());
  return n;
}

std::vector<DesignColumn> Design::columns() const {
  std::vector<std::string> shown;
  for (auto const& v : variables) shown.push_back(shown_name(v));
  std::vector<DesignColumn> all;
  for (int t = 0; t < static_cast<int>(terms.size()); ++t) {
    std::vector<int> radix;
    for (int v : terms[t].variables)
      if (variables[v].factor) radix.push_back(static_cast<int>(variables[v].levels.size()));
    for (std::int64_t cell = 0; cell < cells(t); ++cell) {
      DesignColumn c{t, cell, "", "", false};
      std::string numbers, levels;
      auto digit = levels_of_cell(radix, cell);
      std::size_t factor = 0;
      for (int v : terms[t].variables) {
        c.r_name += (c.r_name.empty() ? "" : ":") + variables[v].label;
        if (variables[v].factor) {
          auto const& level = variables[v].levels[digit[factor++]];
          levels += (levels.empty() ? "" : ", ") + shown[v] + "=" + level;
          c.r_name += level;
        } else {
          numbers += (numbers.empty() ? "" : ":") + shown[v];
        }
      }
      c.name = terms[t].variables.empty() ? "(Intercept)" : numbers.empty() ? levels : levels.empty() ? numbers : numbers + " for " + levels;
      if (terms[t].variables.empty()) c.r_name = "(Intercept)";
      all.push_back(std::move(c));
    }
  }
  return all;
}

/// [terms][factors of the term] 1: all levels have columns; 0: one is left out.
std::vector<std::vector<char>> Design::coded_in_full(Coding coding) const {
  std::set<std::set<int>> in_model;
  in_model.insert(std::set<int>{});  // the span of the intercept: given, or made by the first factor in full
  std::vector<std::set<int>> of_term;
  for (auto const& t : terms) in_model.insert(of_term.emplace_back(t.variables.begin(), t.variables.end()));
  // R looks for the term without the factor within the terms before (TermCode of its model.c), whether or not it is one itself.
  auto const within_earlier = [&](const std::set<int>& margin, std::size_t term) {
    return std::any_of(of_term.begin(), of_term.begin() + static_cast<std::ptrdiff_t>(term),
                       [&](auto const& t) { return std::includes(t.begin(), t.end(), margin.begin(), margin.end()); });
  };
  std::vector<std::vector<char>> full(terms.size());
  bool full_seen = intercept;
  for (std::size_t t = 0; t < terms.size(); ++t) {
    bool const cells = cube && t == 0;
    for (int v : terms[t].variables) {
      if (!variables[static_cast<std::size_t>(v)].factor) continue;
      auto margin = of_term[t];
      margin.erase(v);
      bool const spanned = in_model.count(margin) || (coding == Coding::as_r && within_earlier(margin, t));
      full[t].push_back(cells || !spanned || !full_seen);
      if (!cells) full_seen = true;
    }
    if (cells) full_seen = true;
  }
  if (coding != Coding::as_r) span_terms(full);
  return full;
}

// Factors in full span the products of all subsets of them; a factor with a level left out is in each of its term's products, times the numbers
// of the term in any case. Terms of fewer factors come first: in full they make it needless that larger ones are.
void Design::span_terms(std::vector<std::vector<char>>& full) const {
  using Product = std::pair<std::set<int>, std::set<int>>;  // numbers, factors
  constexpr std::size_t most_factors = 12;
  struct Parts {
    std::set<int> numbers;
    std::vector<int> factors;
  };
  std::vector<Parts> parts(terms.size());
  std::vector<std::size_t> order;
  for (std::size_t t = 0; t < terms.size(); ++t) {
    for (int v : terms[t].variables) {
      if (variables[static_cast<std::size_t>(v)].factor) parts[t].factors.push_back(v);
      else parts[t].numbers.insert(v);
    }
    if (parts[t].factors.size() <= most_factors) order.push_back(t);
  }
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return parts[a].factors.size() < parts[b].factors.size(); });
  std::set<Product> spanned;
  // the products of a term as it is coded, or of all subsets of its factors
  auto const products = [&](std::size_t t, bool all) {
    std::vector<Product> out;
    auto const& factors = parts[t].factors;
    for (unsigned subset = 0; subset < 1u << factors.size(); ++subset) {
      Product p{parts[t].numbers, {}};
      bool has = true;
      for (std::size_t k = 0; k < factors.size(); ++k) {
        if (subset >> k & 1u) p.second.insert(factors[k]);
        else has &= all || full[t][k];
      }
      if (has) out.push_back(std::move(p));
    }
    return out;
  };
  for (auto t : order)
    for (auto& p : products(t, false)) spanned.insert(std::move(p));
  for (auto t : order) {
    auto all = products(t, true);
    if (std::all_of(all.begin(), all.end(), [&](auto const& p) { return spanned.count(p) > 0; })) continue;
    std::fill(full[t].begin(), full[t].end(), 1);
    spanned.insert(all.begin(), all.end());
  }
}

std::vector<DesignColumn> Design::coded(Coding coding, const std::vector<std::vector<char>>& level_in_use) const {
  auto const full = coded_in_full(coding);
  auto all = columns();
  std::size_t at = 0;
  for (int t = 0; t < static_cast<int>(terms.size()); ++t) {
    std::vector<int> left_out, radix;  // -1: no level is
    for (int v : terms[t].variables) {
      if (!variables[v].factor) continue;
      int const levels = static_cast<int>(variables[v].levels.size());
      int reference = coding == Coding::drop_last ? levels - 1 : 0;
      if (coding != Coding::drop_last)
        while (reference + 1 < levels && !level_in_use[v][reference]) ++reference;
      left_out.push_back(full[t][left_out.size()] ? -1 : reference);
      radix.push_back(levels);
    }
    for (std::int64_t cell = 0; cell < cells(t); ++cell, ++at) {
      auto const digit = levels_of_cell(radix, cell);
      for (std::size_t k = 0; k < digit.size(); ++k) all[at].reference |= digit[k] == left_out[k];
    }
  }
  return all;
}

namespace {

void add_inputs(std::vector<InputColumn>& inputs, const RowSource& rows, const Expr& e) {
  auto const& table = rows.base_schema();
  for (auto const& name : names_in(e)) {
    int const at = table.find(name);
    auto const known = std::any_of(inputs.begin(), inputs.end(), [&](auto const& c) { return c.name == name; });
    if (at >= 0 && !known) inputs.push_back({name, table[static_cast<std::size_t>(at)].type});
  }
}

}  // namespace

void add_inputs(std::vector<InputColumn>& inputs, const RowSource& rows, const std::string& expression) { add_inputs(inputs, rows, *parse_expression(expression)); }

void add_transform_inputs(std::vector<InputColumn>& inputs, const RowSource& rows) {
  for (auto const& text : rows.options().transforms)
    if (auto const made = parse_assignment(text); made.value) add_inputs(inputs, rows, *made.value);
}

Design make_design(const Formula& formula, RowSource& rows, bool cube) {
  Design d;
  d.cube = cube;
  d.intercept = formula.intercept && !cube;
  if (d.intercept) d.terms.push_back({});
  for (auto const& term : formula.terms) {
    ModelTerm t;
    for (auto const& e : term.variables) {
      auto const label = deparse(*e);
      auto known = std::find_if(d.variables.begin(), d.variables.end(), [&](auto const& v) { return v.label == label; });
      if (known == d.variables.end()) known = d.variables.insert(d.variables.end(), resolve(e, rows));
      t.variables.push_back(static_cast<int>(known - d.variables.begin()));
    }
    d.terms.push_back(std::move(t));
  }
  if (cube) {
    bool const categorical = !d.terms.empty() && std::all_of(d.terms[0].variables.begin(), d.terms[0].variables.end(),
                                                             [&](int v) { return d.variables[v].factor; });
    if (!categorical) throw UsageError("--cube needs a formula whose first term is a factor or an interaction of factors");
  }
  if (d.terms.empty()) throw UsageError("the formula has neither an intercept nor a term on its right side");
  for (auto const& v : d.variables)
    if (v.factor && v.levels.empty()) throw DataError("column '" + v.label + "': a factor without levels has only missing values");
  for (auto const& v : d.variables) add_inputs(d.inputs, rows, v.expression);
  add_transform_inputs(d.inputs, rows);
  return d;
}

BoundDesign bind(const Design& design, RowSource& rows) {
  BoundDesign b;
  for (auto const& v : design.variables) {
    int column = rows.derive(*parse_expression(v.expression), v.expression);
    if (v.factor) {
      auto const& found = rows.schema()[column];
      if (found.levels != v.levels || found.type == VarType::logical || found.type == VarType::character)
        column = rows.derive_factor(column, v.levels, ".factor(" + v.expression + ")");
    } else if (auto const& found = rows.schema()[column]; found.coded() || found.storage == Storage::text) {
      throw DataError("column '" + v.label + "' is a number in the model and " + to_string(found.type) + " in the data");
    }
    b.variable_columns.push_back(column);
  }
  auto const place = [&](int column) {
    auto const at = std::find(b.read.begin(), b.read.end(), column);
    if (at != b.read.end()) return static_cast<int>(at - b.read.begin());
    b.read.push_back(column);
    return static_cast<int>(b.read.size()) - 1;
  };
  for (auto const& term : design.terms) {
    DesignTerm k;
    for (int v : term.variables) {
      int const at = place(b.variable_columns[v]);
      if (!design.variables[v].factor) {
        k.numeric.push_back(at);
      } else {
        k.factors.push_back(at);
        k.levels.push_back(static_cast<int>(design.variables[v].levels.size()));
      }
    }
    b.kernel_terms.push_back(std::move(k));
  }
  return b;
}

int numeric_column(RowSource& rows, const Expr& e, const std::string& what) {
  int const column = rows.derive(e, deparse(e));
  auto const& v = rows.schema()[column];
  if (v.coded() || v.storage == Storage::text)
    throw UsageError(what + " '" + deparse(e) + "' is " + to_string(v.type) + "; it must be a number");
  return column;
}

}  // namespace rxhpc
