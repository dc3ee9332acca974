// The table of a cube's cells (RevoScaleR's countDF): counts, and predictions at the means of everything else.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "regression.hpp"

namespace rxhpc::impl {

/// Whether the cells of the first term are the whole model.
inline bool cells_alone(const Regression& r) { return r.design.terms.size() == 1; }

/// The cells of a cube's first term with their counts, no predictions yet. `weighted`: the weights of sums.gram are those of the rows, else
/// counts are rows.
CountDF count_cells(const Regression& r, const RegressionSums& sums, bool weighted);

/// [cells] beta_cell + beside + sum over the other columns j of beta_j * mean_j, mean_j = sum w x_j / sum w: the weighted mean of a numeric
/// column, the overall share of a level or cell. NaN where a cell has no rows. `beta`: [columns of the design], 0 where a column was left
/// out. Of sums.gram the first row alone is used, so that only the rows' own weights will do; from it the means come in double-double.
std::vector<double> predict_cells(const Regression& r, const RegressionSums& sums, const std::vector<DD>& beta, DD beside);

/// {factors: [{name, levels}], cells: [{levels, counts, valid_obs, means, links}]}
nlohmann::json count_df_json(const CountDF& c);
/// A table, one line a cell, with its heading.
std::string count_df_text(const CountDF& c);

}  // namespace rxhpc::impl
