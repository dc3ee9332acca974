// A formula resolved against a source: which columns it reads, which expanded columns it stands for, what they are called.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "rxhpc/cross_products.hpp"
#include "rxhpc/formula.hpp"
#include "rxhpc/row_source.hpp"

namespace rxhpc {

/// One variable of the right-hand side: a numeric column or a factor, made by an expression.
struct DesignVariable {
  std::string label;                ///< as written, deparsed: `log(x)`
  std::string expression;           ///< pinned (RowSource::pinned), so that predict makes the same column
  bool factor = false;
  std::vector<std::string> levels;  ///< of a factor, in order
  std::vector<std::string> unused;  ///< those of them without a row in the fit: predict takes them for unknown
};

/// RevoScaleR's name of a variable: F(age) is F_age, F(age, 30, 39) is F_age_30_39_T.
std::string shown_name(const DesignVariable& v);

/// Variables whose product (and combination of levels) a term is; none: the intercept.
struct ModelTerm {
  std::vector<int> variables;  ///< positions in Design::variables
};

/// One column of the expanded design.
struct DesignColumn {
  int term = 0;
  std::int64_t cell = 0;   ///< mixed radix over the term's factors, first fastest
  std::string name;        ///< RevoScaleR's style: `g=a, h=b`, `x for g=a`, `x:z`
  std::string r_name;      ///< R's: `ga:hb`
  bool reference = false;  ///< left out by the coding of factors, not for want of rank
};

/// How levels are left out so that the design has full rank: the last one of a factor, or the first one that is in use. as_r: the first, of the
/// factors that R's own rule chooses.
enum class Coding { drop_last, drop_first, as_r };

/// A column of the table itself, before transforms.
struct InputColumn {
  std::string name;
  VarType type = VarType::numeric;
};

/// The plan of a model. Holds no data and no View; it is what a model file stores.
struct Design {
  std::vector<DesignVariable> variables;
  std::vector<ModelTerm> terms;  ///< the intercept first where there is one
  bool intercept = true;
  bool cube = false;             ///< first term: one coefficient a cell, no intercept
  std::vector<InputColumn> inputs;  ///< what variables, transforms, offset and response name

  std::int64_t cells(int term) const;
  /// All expanded columns in order of the terms, references unmarked.
  std::vector<DesignColumn> columns() const;
  /// The columns with references marked; level_in_use [variables][levels]. A factor of a term is coded in full unless the term without it is
  /// in the model, or, as_r, part of an earlier term. What all terms in full would span is always spanned, as_r apart: there it is as in R.
  std::vector<DesignColumn> coded(Coding coding, const std::vector<std::vector<char>>& level_in_use) const;

 private:
  std::vector<std::vector<char>> coded_in_full(Coding coding) const;
  void span_terms(std::vector<std::vector<char>>& full) const;
};

/// Which columns of a RowSource a design's variables are.
struct BoundDesign {
  std::vector<int> variable_columns;  ///< [variables] positions in the source's schema
  /// The design's terms for the kernels, columns numbered by place in `read`.
  std::vector<DesignTerm> kernel_terms;
  std::vector<int> read;              ///< columns to read: the variables', each once
};

/// Resolves the right-hand side. Character columns become factors with sorted levels, logical ones factors FALSE, TRUE.
/// Throws UsageError for unknown columns and for factors where numbers are needed.
Design make_design(const Formula& formula, RowSource& rows, bool cube);
/// Adds the columns that an expression names to a model's inputs, each once.
void add_inputs(std::vector<InputColumn>& inputs, const RowSource& rows, const std::string& expression);
/// Those that the source's transforms name.
void add_transform_inputs(std::vector<InputColumn>& inputs, const RowSource& rows);
/// Finds (or makes) the design's variables in a source, factors by the design's levels.
BoundDesign bind(const Design& design, RowSource& rows);

/// The numeric column of a response or weight expression; throws UsageError for factors and text.
int numeric_column(RowSource& rows, const Expr& e, const std::string& what);

}  // namespace rxhpc
