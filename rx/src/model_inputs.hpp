// Where a model meets the columns of a new table: their types and levels must mean what they meant in the fit.
#pragma once
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "rxhpc/design.hpp"

namespace rxhpc::impl {

/// The columns of the input that an expression or a design's variables are made from.
std::vector<std::string> columns_of(const Design& design, const std::vector<std::string>& expressions);

/// Expressions of which none may be missing where these and the design are to have a value, levels known to the design among them.
std::vector<std::string> complete_expressions(const Design& design, std::vector<std::string> expressions);

/// What columns are made from.
struct Sources {
  std::set<std::string> columns;        ///< before the transforms
  std::vector<std::string> transforms;  ///< those needed, in order
};
/// What it takes to make these columns of an input by transforms. One that needs columns which are not there is left out where the input has its
/// result (made of other columns) already.
Sources sources_of(std::set<std::string> columns, const std::vector<std::string>& transforms, const Schema& input);

/// Those of the columns `read` whose type is another than in the fit: their names, and expressions of them that are of the model's type. Levels stand for
/// what their texts spell; columns that were factors or text are left, being matched by text. Throws DataError where no meaning is clear.
std::vector<std::pair<std::string, std::string>> conversions(const std::vector<InputColumn>& inputs, const std::set<std::string>& read, const ChunkSource& input);

/// Throws DataError where a factor of the input has a level, in rows that there are, that the design does not know or that had no rows in
/// the fit, or that the codes in an expression do not know (where the table does not tell the rows, any level counts that is unknown).
void check_levels(const Design& design, RowSource& rows, const ChunkSource& input, const std::vector<std::string>& expressions = {});

}  // namespace rxhpc::impl
