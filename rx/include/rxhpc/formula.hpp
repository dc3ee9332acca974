// R model formulas: what is on either side, expanded to terms.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "rxhpc/expression.hpp"

namespace rxhpc {

/// An interaction of one or more variables: `a:log(b)` has two. Variables are names, F(), N(), I(), or functions of columns.
struct FormulaTerm {
  std::vector<ExprPtr> variables;
  std::string label() const;  ///< variables deparsed, joined by ':'
};

struct Formula {
  std::vector<ExprPtr> responses;  ///< several with cbind(); none for `~ x`
  std::vector<FormulaTerm> terms;  ///< expanded, each once, in written order (RevoScaleR); offsets apart
  std::vector<ExprPtr> offsets;
  bool intercept = true;
  std::string text;                ///< deparsed, as it is shown
  std::vector<std::string> written;  ///< variables of the right side, deparsed, as its text has them from left to right

  /// Terms sorted by degree, main effects first, and each term's variables as the text has them, as R's terms() does; otherwise the same.
  Formula in_r_order() const;
};

/// Operators + : * ^ %in% - . 0 1 -1 offset() cbind() I() and parentheses as in R. `.` stands for `dot_names` (without the
/// variables of the left side). Throws UsageError that points at the character.
Formula parse_formula(std::string_view source, const std::vector<std::string>& dot_names = {});

}  // namespace rxhpc
