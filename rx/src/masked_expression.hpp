// Expressions that are missing in some rows.
#pragma once
#include "rxhpc/expression.hpp"

namespace rxhpc::impl {

/// e where it is finite.
inline ExprPtr where_finite(const Expr& e) {
  auto const x = deparse(e);
  return parse_expression("ifelse(abs(" + x + ") < Inf, " + x + ", NA)");
}

/// e where `other` is there.
inline ExprPtr where_there(const Expr& e, const Expr& other) { return parse_expression("ifelse(is.na(" + deparse(other) + "), NA, " + deparse(e) + ")"); }

}  // namespace rxhpc::impl
