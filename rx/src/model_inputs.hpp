// Where a model meets the columns of a new table: their types and levels must mean what they meant in the fit.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "rxhpc/design.hpp"

namespace rxhpc::impl {

/// The columns of the input that an expression or a design's variables are made from.
std::vector<std::string> columns_of(const Design& design, const std::vector<std::string>& expressions);

/// Those of a model's inputs that these columns need, through the transforms.
std::vector<InputColumn> inputs_of(const std::vector<InputColumn>& inputs, const std::vector<std::string>& transforms, const std::vector<std::string>& columns);

/// Columns of the input whose type is another than in the fit: their names, and expressions of them that are of the model's type. Levels stand for
/// what their texts spell; columns that were factors or text are left, being matched by text. Throws DataError where no meaning is clear.
std::vector<std::pair<std::string, std::string>> conversions(const std::vector<InputColumn>& inputs, const ChunkSource& input);

/// Throws DataError where a factor of the input has a level, in rows that there are, that the design does not know or that had no rows in
/// the fit, or that the codes in an expression do not know (where the table does not tell the rows, any level counts that is unknown).
void check_levels(const Design& design, RowSource& rows, const ChunkSource& input, const std::vector<std::string>& expressions = {});

}  // namespace rxhpc::impl
