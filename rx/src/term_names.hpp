// Names of terms in results. A table of results is used by the names of its columns, so that a term that is nothing but a column has that
// column's name; all else, and what is parsed again (model files), keeps R's deparse, with backquotes where a name needs them.
#pragma once
#include <string>

#include "rxhpc/formula.hpp"

namespace rxhpc::impl {

inline std::string result_name(const Expr& e) { return e.kind == Expr::Kind::name ? e.text : deparse(e); }
inline std::string result_name(const FormulaTerm& t) { return t.variables.size() == 1 ? result_name(*t.variables[0]) : t.label(); }
/// Of an expression as deparse() wrote it.
inline std::string result_name(const std::string& deparsed) { return result_name(*parse_expression(deparsed)); }

}  // namespace rxhpc::impl
