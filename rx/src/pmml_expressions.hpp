// Expressions in PMML: the columns that they read, the DerivedFields that they become, and what each of them is.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rxhpc/design.hpp"
#include "rxhpc/expression.hpp"

namespace rxhpc::impl {

/// ` name="value"`. Throws UsageError for characters that XML does not have.
std::string pmml_attribute(const char* name, const std::string& value);
/// A text as R writes it, in one line: for messages.
std::string pmml_shown(const std::string& text);
/// The shortest text that reads back as the same double.
std::string pmml_number(double x);

/// What the engines are told of a value. Dates are numbers of days since 1970-01-01, times of seconds since then.
/// A column or DerivedField of truth values has the texts TRUE and FALSE: PMML's own are written otherwise.
enum class PmmlKind { number, logical, text, date, time };

/// Expressions follow R where a value is missing: engines differ in what functions make of missing arguments, so each condition is asked only
/// where its operands have values. A number that lacks some is written plainly: there both engines' arithmetic gives no prediction either.
class PmmlFields {
 public:
  struct Field {
    std::string name;
    PmmlKind kind = PmmlKind::number;
    bool column = false;                          ///< of the data
    std::optional<std::set<std::string>> values;  ///< of a text: all that it can be, where that is known
  };

  /// `target` is a name that DerivedFields leave alone.
  PmmlFields(const std::vector<InputColumn>& inputs, const std::vector<std::string>& transforms, const std::string& target);

  /// The field of a variable, derived where it is more than a column. Throws UsageError where PMML has no words for it.
  Field predictor(const DesignVariable& variable);
  /// The same of an expression that is used as a number.
  std::string number_field(const std::string& expression);
  /// The columns that have been read, in order of first use.
  const std::vector<Field>& columns() const { return columns_; }
  /// The DerivedFields, each after those that it reads.
  const std::string& derived() const { return derived_; }
  /// That name, or one like it that no field has; it is taken from then on.
  std::string unique(const std::string& name, const std::string& prefix);

 private:
  /// The markup of an expression.
  struct Written {
    PmmlKind kind = PmmlKind::number;
    std::string text;                ///< of a logical value: a condition, or its code
    std::vector<std::string> needs;  ///< conditions, to be asked in order, under which it has a value; a code always has one
    bool coded = false;              ///< a logical value as the number 1, 0, or 0.5 where R has NA
    std::optional<double> number;    ///< of a constant
    std::optional<std::string> literal;
    std::optional<Field> field;      ///< where it is that and no more
    std::optional<std::set<std::string>> values;
  };
  /// `before`: the transforms that an expression sees.
  struct Scoped {
    const Expr& e;
    std::size_t before;
  };

  std::map<std::string, VarType> types_;
  std::vector<Assignment> transforms_;
  std::map<std::size_t, Field> made_;          // by transform
  std::map<std::string, Field> of_expression_;
  std::vector<Field> columns_;
  std::set<std::string> taken_;
  std::string derived_;

  Field field_of(const std::string& expression);
  Field derive(const std::string& name, const Written& w, const Expr& e);
  Field column(const std::string& name, VarType type);
  Field transform(std::size_t place);

  Written write(Scoped s);
  Written name(Scoped s);
  Written arithmetic(Scoped s);
  Written power(Scoped s);
  Written function(Scoped s, const char* pmml);
  Written whole_number(Scoped s);
  Written compare(Scoped s);
  Written logic(Scoped s);
  Written negation(Scoped s);
  Written is_missing(Scoped s);
  Written if_else(Scoped s);
  Written date(Scoped s);

  Written number(Scoped s);
  Written condition(Scoped s);

  static Written of_field(const Field& field);
  static Written constant(double x, PmmlKind kind = PmmlKind::number);
  static Written literal(const std::string& text);
  static Written chosen(const Written& test, const Written& yes, const Written& no, PmmlKind kind);
  static Written as_number(const Expr& e, Written w);
  static Written as_text(const Expr& e, Written w);
  static Written as_temporal(const Expr& e, Written w, PmmlKind kind);
  static std::string choose(const Written& test, const std::string& yes, const std::string& no, const std::string& none);
  static std::string code(const Written& logical);
};

}  // namespace rxhpc::impl
