// Expressions to values of a RowGraph: names, types and levels are settled here, before any row is read.
#pragma once
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compile_graph.hpp"
#include "rxhpc/expression.hpp"
#include "rxhpc/schema.hpp"

namespace rxhpc::impl {

/// What an expression is. Types are logical, integer, numeric, character, factor, ordered, date or posixct.
struct Value {
  VarType type = VarType::numeric;
  int node = -1;                    ///< -1: an untouched base column that has not been loaded
  std::vector<std::string> levels;  ///< factor, ordered and character
  int base_column = -1;             ///< position in the base where it is one of its columns, untouched
  bool raw_text = false;            ///< a column of fixed-length text: no codes
  double low = std::numeric_limits<double>::quiet_NaN(), high = low;

  bool coded() const { return !raw_text && (type == VarType::factor || type == VarType::ordered || type == VarType::character); }
  bool textual() const { return raw_text || coded(); }
  bool temporal() const { return type == VarType::date || type == VarType::posixct; }
  bool number() const { return type == VarType::logical || type == VarType::integer || type == VarType::numeric; }
};

/// What the names of an expression stand for.
struct Scope {
  virtual ~Scope() = default;
  virtual const Value* find(std::string_view name) const = 0;
  virtual std::vector<std::string> names() const = 0;
  /// Lowest and highest value of an expression, for F() without a range.
  virtual std::pair<double, double> range(const Expr& e, const Value& value) const = 0;
};

/// The value of a base column.
Value base_value(const Variable& v, int position);
/// The variable that holds a computed value.
Variable variable_for(const Value& value, const std::string& name);

/// Parses `2013-01-31`, days since 1970; NaN where it is not a date.
double parse_date(std::string_view text);
/// Parses `2013-01-31 10:20[:30[.5]]` (also with T, also a date alone), seconds since 1970 UTC; NaN where it is neither.
double parse_time(std::string_view text);
/// The number that the whole text spells; nothing where it does not.
std::optional<double> parse_number(std::string_view text);
/// What as.logical() takes for TRUE and FALSE.
std::optional<bool> truth_of(std::string_view text);

class Compiler {
 public:
  Compiler(RowGraph& graph, const Scope& scope) : graph_(graph), scope_(scope) {}

  Value compile(const Expr& e);
  /// The factor with these levels made from a value by its text.
  Value to_levels(const Value& value, const std::vector<std::string>& levels);
  /// The node of a value, its column loaded where it has not been.
  int node(const Value& value);
  /// A condition: 0, 1 or NA.
  int condition(const Expr& e, const Value& value);

 private:
  using Parameters = std::initializer_list<std::string_view>;
  using Arguments = std::vector<const Expr*>;

  RowGraph& graph_;
  const Scope& scope_;
  int depth_ = 0;

  // compile.cpp: names and operators
  Value name(const Expr& e);
  Value call(const Expr& e);
  Value arithmetic(const Expr& e, RowOp op);
  Value temporal_arithmetic(const Expr& e, RowOp op, const Value& l, const Value& r);
  Value unary_minus(const Expr& e);
  Value logic(const Expr& e, RowOp op);
  /// An integer has no -0, which doubles make of 0.
  int without_minus_zero(int node) { return graph_.add(RowOp::add, node, graph_.constant(0)); }
  Value constant(double x, VarType type) { return computed(graph_.constant(x), type); }
  Value literal(const std::string& text);
  static Value computed(int node, VarType type) {
    Value v;
    v.type = type;
    v.node = node;
    return v;
  }
  static Value coded(int node, VarType type, std::vector<std::string> levels) {
    Value v = computed(node, type);
    v.levels = std::move(levels);
    return v;
  }
  int numeric_node(const Expr& e, const Value& value);
  Value number_argument(const Expr& e);
  bool is_constant(const Value& v) const { return v.node >= 0 && graph_.is_constant(v.node); }
  bool is_missing_constant(const Value& v) const;
  std::optional<std::string> literal_text(const Value& v) const;

  // compile_compare.cpp: comparisons, %in%, text
  Value compare(const Expr& e);
  Value compare_values(const Expr& e, const std::string& op, Value l, Value r);
  Value compare_text(const Expr& e, const std::string& op, const Value& l, const Value& r);
  Value compare_order(const Expr& e, const std::string& op, const Value& l, const Value& r);
  Value compare_raw(const Expr& e, const std::string& op, const Value& l, const Value& r);
  Value member(const Expr& e);
  Value member_of_text(const Value& x, const std::vector<std::string>& set, bool missing_is_member);
  int recode(const Value& v, const std::vector<double>& codes, double missing);
  int recode_to(const Value& v, const std::vector<std::string>& levels);
  Value as_coded(const Expr& e, const Value& v);
  Value temporal_like(const Expr& e, const Value& v, VarType type);
  std::vector<Value> constants(const Expr& e, const std::string& what);
  void add_constants(const Expr& e, const std::string& what, std::vector<Value>& out);
  std::vector<double> numbers(const Expr& e, const std::string& what);
  std::string text_of(const Expr& e, const Value& constant);

  // compile_functions.cpp: functions of numbers and dates, conversions, ifelse
  Arguments arguments(const Expr& e, Parameters parameters, std::size_t required);
  bool flag(const Expr* e, bool otherwise);
  std::optional<Value> number_function(const Expr& e);
  std::optional<Value> conversion(const Expr& e);
  std::optional<Value> date_function(const Expr& e);
  std::optional<Value> other_function(const Expr& e);
  Value log(const Expr& e);
  Value extreme(const Expr& e, RowOp op);
  Value if_else(const Expr& e);
  Value is_missing(const Expr& e);
  Value as_number(const Expr& e, VarType type);
  Value as_logical(const Expr& e);
  Value as_text(const Expr& e, const Value& v);
  [[noreturn]] void unknown_function(const Expr& e);

  // compile_factors.cpp: factor(), cut(), F(), N()
  std::optional<Value> factor_function(const Expr& e);
  Value factor(const Expr& e);
  Value cut(const Expr& e);
  Value virtual_factor(const Expr& e);
  Value factor_codes(const Expr& e);
  Value with_labels(const Expr& e, int node, std::vector<std::string> labels, bool ordered);
};

/// "a number", "a factor", "text", ...: for messages.
std::string describe(const Value& v);
/// `c(0, 7.5, 10)` cut at the right: "(0,7.5]", "(7.5,10]".
/// The levels whose numbers N() gives (with text_too: also those that a text would have, sorted); empty where a value has none.
std::vector<std::string> levels_of_codes(const Value& x, bool text_too);
std::vector<std::string> cut_labels(const std::vector<double>& breaks, bool right, bool include_lowest, int digits);

}  // namespace rxhpc::impl
