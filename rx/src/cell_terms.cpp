#include "cell_terms.hpp"

#include <algorithm>

#include "memory_check.hpp"
#include "model_rows.hpp"
#include "rxhpc/design.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

constexpr double most_cells = 1 << 26;

}  // namespace

std::vector<int> CellTerm::level_counts() const {
  std::vector<int> counts;
  for (auto const& l : levels) counts.push_back(static_cast<int>(l.size()));
  return counts;
}

std::size_t CellTerm::cells() const {
  std::size_t n = 1;
  for (auto const& l : levels) n *= l.size();
  return n;
}

std::vector<std::string> CellTerm::levels_of(std::size_t cell) const {
  std::vector<std::string> names;
  for (auto const& l : levels) {
    names.push_back(l[cell % l.size()]);
    cell /= l.size();
  }
  return names;
}

CellTerm cell_term(const FormulaTerm& from, RowSource& rows, const std::string& what) {
  CellTerm t;
  t.name = result_name(from);
  t.label = from.label();
  ExprPtr product;
  for (auto const& e : from.variables) {
    auto const label = deparse(*e);
    int column = rows.derive(*e, label);
    auto const v = rows.schema()[static_cast<std::size_t>(column)];
    if (v.storage == Storage::text) throw UsageError("column '" + label + "' has too many distinct texts to be a factor");
    if (!v.coded() && v.type != VarType::logical) {
      if (!product) {
        product = e;
        t.value = column;
      } else {
        product = parse_expression("(" + deparse(*product) + ") * (" + label + ")");
        t.value = rows.derive(*product, deparse(*product));
      }
      continue;
    }
    auto levels = v.type == VarType::logical ? std::vector<std::string>{"FALSE", "TRUE"} : v.levels;
    if (v.type == VarType::character) std::sort(levels.begin(), levels.end());
    if (v.type == VarType::logical || v.type == VarType::character) column = rows.derive_factor(column, levels, ".factor(" + label + ")");
    t.factor_names.push_back(rxhpc::result_name(*e));
    t.factors.push_back(column);
    t.levels.push_back(std::move(levels));
  }
  t.number = product;
  double cells = 1;
  for (auto const& l : t.levels) cells *= static_cast<double>(l.size());
  if (cells > most_cells)
    throw UsageError("term '" + t.name + "' has " + std::to_string(static_cast<long long>(cells)) + " cells; " + what + " holds at most " +
                     std::to_string(static_cast<long long>(most_cells)));
  return t;
}

void require_cells(std::int64_t limit, const std::vector<CellTerm>& terms) {
  double cells = 0;
  for (auto const& t : terms) cells += static_cast<double>(t.cells());
  require_memory(limit, 600 * cells, "the results of " + number_text(cells) + " cells");
}

std::vector<FormulaTerm> terms_by_cells(const Formula& formula) {
  if (!formula.offsets.empty()) throw UsageError("offset() has no meaning here");
  if (formula.responses.empty()) return formula.terms;
  std::vector<FormulaTerm> terms;
  for (auto const& response : formula.responses) {
    if (formula.terms.empty()) terms.push_back({{response}});
    for (auto const& t : formula.terms) {
      FormulaTerm one{{response}};
      one.variables.insert(one.variables.end(), t.variables.begin(), t.variables.end());
      terms.push_back(std::move(one));
    }
  }
  return terms;
}

std::vector<std::string> not_text(const Schema& schema) {
  std::vector<std::string> names;
  for (auto const& v : schema.variables)
    if (v.type != VarType::character) names.push_back(v.name);
  return names;
}

std::vector<std::string> numeric_names(const Schema& schema) {
  std::vector<std::string> names;
  for (auto const& v : schema.variables)
    if (!v.coded() && v.type != VarType::character && v.type != VarType::logical) names.push_back(v.name);
  return names;
}

int weight_column(RowSource& rows, const std::string& pweights, const std::string& fweights) {
  auto const name = weight_name(pweights, fweights);
  return name.empty() ? -1 : numeric_column(rows, *parse_expression(quoted_name(name)), "the weight");
}

int where_weighted(RowSource& rows, const ExprPtr& value, int column, const std::string& pweights, const std::string& fweights) {
  auto const name = weight_name(pweights, fweights);
  if (name.empty()) return column;
  auto const e = parse_expression("ifelse(as.numeric(" + quoted_name(name) + ") == 0, NA, " + deparse(*value) + ")");
  return rows.derive(*e, deparse(*e));
}

}  // namespace rxhpc::impl
