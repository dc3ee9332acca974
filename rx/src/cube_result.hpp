// What the results of cube and crosstabs share.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "rxhpc/cube.hpp"

namespace rxhpc::impl {

/// Factors, cells and numbers of rows.
nlohmann::json cube_json(const Cube& c);
/// Title and formula, dependent variables, numbers of rows, statistic.
std::string cube_header(const Cube& c, const std::string& title, const std::string& statistic);
/// Throws UsageError where the table of the cells would have two columns of one name: a variable called Counts, or like a factor.
void refuse_double_names(const Cube& c);
/// The text of a code; missing is `<NA>`.
std::string level_text(const CubeFactor& f, std::int32_t code);

}  // namespace rxhpc::impl
