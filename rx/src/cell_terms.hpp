// Formula terms that are a number in the cells of factors: what summaries, quantiles and histograms are made of.
#pragma once
#include <string>
#include <vector>

#include "rxhpc/formula.hpp"
#include "rxhpc/row_source.hpp"

namespace rxhpc::impl {

struct CellTerm {
  std::string name;                              // as results show it
  std::string label;                             // as it is parsed again
  int value = -1;                                // column of the source: the product of the numeric variables; -1: counts
  ExprPtr number;                                // what `value` holds; null for counts
  std::vector<std::string> factor_names;
  std::vector<int> factors;                      // columns of the source
  std::vector<std::vector<std::string>> levels;
  bool plain() const { return factors.empty(); }
  std::vector<int> level_counts() const;
  std::size_t cells() const;
  /// The levels of a cell, first factor fastest.
  std::vector<std::string> levels_of(std::size_t cell) const;
};

/// A term's name in results.
inline std::string result_name(const FormulaTerm& t) { return t.variables.size() == 1 ? rxhpc::result_name(*t.variables[0]) : t.label(); }
/// Resolves a term: logical columns and text are factors (text with sorted levels), everything else but factors is a number.
/// Throws UsageError; `what` ("a summary") is what cannot hold a term of very many cells.
CellTerm cell_term(const FormulaTerm& term, RowSource& rows, const std::string& what);
/// Throws UsageError where the results of all cells, some 600 bytes each with their levels and what is counted, exceed the limit (0: none).
void require_cells(std::int64_t limit, const std::vector<CellTerm>& terms);
/// The terms of `~ x + y:g`; with a left side, `y ~ f + g` for `~ y:f + y:g` and `cbind(x, y) ~ 1` for `~ x + y`. Throws UsageError for offsets.
std::vector<FormulaTerm> terms_by_cells(const Formula& formula);
/// What `.` stands for: the columns that are not text, or those that are numbers.
std::vector<std::string> not_text(const Schema& schema);
std::vector<std::string> numeric_names(const Schema& schema);
/// The column of the weights, -1 where there are none. Throws UsageError where both kinds are given, or they are no number.
int weight_column(RowSource& rows, const std::string& pweights, const std::string& fweights);
/// The column of `value` in the rows that count: missing where the weight is 0 or missing, so that such a row sets no range. `column`, which
/// holds that value, itself where there are no weights. A negative weight stays, to be complained about where weights are added up.
int where_weighted(RowSource& rows, const ExprPtr& value, int column, const std::string& pweights, const std::string& fweights);

}  // namespace rxhpc::impl
