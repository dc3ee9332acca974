// What is said where no row was left to look at: an error of fits, a warning of tables of counts.
#pragma once

namespace rxhpc {

inline constexpr const char* no_complete_row = "no row is complete: every row has a missing value in a variable of the formula, weight 0, or was not selected";

}  // namespace rxhpc
