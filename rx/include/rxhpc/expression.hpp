// R expressions: one parser for formulas, transforms and row selections.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rxhpc {

struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

/// A node of the syntax tree. Operators are calls whose name is the operator (`+`, `%in%`, `~`); parentheses are a call of `(`.
/// Indexing (`[`, `$`) is not supported.
struct Expr {
  enum class Kind { number, text, name, call };
  Kind kind = Kind::number;
  double number = 0;             ///< Kind::number; NA, TRUE, Inf, NULL are names
  std::string text;              ///< the text, the name, or the called function's name
  std::vector<ExprPtr> args;     ///< Kind::call
  std::vector<std::string> arg_names;  ///< [args] empty where unnamed
  std::size_t position = 0;      ///< offset of its first character in the source
  bool integer = false;          ///< a number written with L
  bool quoted = false;           ///< a name written in backquotes: never a constant
  std::shared_ptr<const std::string> source;  ///< the whole text it was parsed from; null where it was made by hand

  bool is_call(std::string_view function) const { return kind == Kind::call && text == function; }
  /// NA, TRUE, Inf and the other reserved names.
  bool is_constant_name() const;
};

/// Throws UsageError, one line: the source, what was expected and where. The whole text must be one expression.
ExprPtr parse_expression(std::string_view source);
/// `name = expression` or `name <- expression`.
struct Assignment {
  std::string name;
  ExprPtr value;  ///< null for NULL
};
Assignment parse_assignment(std::string_view source);
/// As R's deparse prints it: `I(height^2)`, `log(x)`, `a %in% c("x", "y")`, names that need it in backquotes.
std::string deparse(const Expr& e);
/// What results call it, and the columns of their tables: a column alone by its plain name, all else as deparse prints it.
std::string result_name(const Expr& e);
std::string result_name(const std::string& deparsed);
/// Names of the columns that occur in it, each once, in order.
/// `T` and `F` count as names: they are columns where a table has them.
std::vector<std::string> names_in(const Expr& e);
/// The expression without the parentheses around it.
ExprPtr strip_parentheses(ExprPtr e);
/// A number as R prints it with 15 digits: 0.1, 1e+05, 123456.
std::string number_text(double x);
/// A name as it must be written in an expression: in backquotes unless it is a plain name.
std::string quoted_name(std::string_view name);
/// A text as a literal of an expression.
std::string quoted_text(std::string_view text);
/// Throws UsageError: the message and, where the source is known, the source with the place of that node.
[[noreturn]] void throw_at(const Expr& e, const std::string& message);

}  // namespace rxhpc
