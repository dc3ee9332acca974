// R expressions: one parser for formulas, transforms and row selections.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rxhpc {

struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

/// A node of the syntax tree. Operators are calls whose name is the operator (`+`, `%in%`, `~`, `[` is not supported).
struct Expr {
  enum class Kind { number, text, name, call };
  Kind kind = Kind::number;
  double number = 0;             ///< Kind::number; NA, TRUE, Inf, NULL are names
  std::string text;              ///< the text, the name, or the called function's name
  std::vector<ExprPtr> args;     ///< Kind::call
  std::vector<std::string> arg_names;  ///< [args] empty where unnamed
  std::size_t position = 0;      ///< offset of its first character in the source
};

/// Throws UsageError with the source, a caret and what was expected; the whole text must be one expression.
ExprPtr parse_expression(std::string_view source);
/// `name = expression` or `name <- expression`.
struct Assignment {
  std::string name;
  ExprPtr value;  ///< null for NULL
};
Assignment parse_assignment(std::string_view source);
/// As R's deparse prints it: `I(height^2)`, `log(x)`, `a %in% c("x", "y")`, names that need it in backquotes.
std::string deparse(const Expr& e);
/// Names of the columns that occur in it, each once, in order.
std::vector<std::string> names_in(const Expr& e);

}  // namespace rxhpc
