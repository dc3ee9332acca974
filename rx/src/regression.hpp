// What the regression family shares: a formula resolved for the kernels, the sums over the rows, and the columns chosen from them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rxhpc/cross_products.hpp"
#include "rxhpc/design.hpp"
#include "rxhpc/fit_options.hpp"

namespace rxhpc::impl {

constexpr double rank_tolerance = 1e-11;   // what stays above it is kept
constexpr double rank_rounding = 5e-15;    // below it, what exceeds this share of a column's largest part is no rounding: text of 15 digits leaves 3e-15
constexpr double r_rank_tolerance = 1e-7;  // lm()'s

/// Everything that the passes of one fit share.
struct Regression {
  RowSource rows;
  Formula formula;
  Design design;
  BoundDesign bound;
  std::vector<int> read;       ///< columns of `rows` to read
  CrossProductSpec spec;       ///< terms (the constant first, also where the design has none), responses, weight: places in `read`
  int dense = 0;               ///< numeric columns with the constant and the responses
  Workers workers{};           ///< this rank's threads, for its equations

  /// The place of a column of `rows` in `read`, where it is added if it must be.
  int place(int column);
  /// 1 where the gram has a constant before the design's columns, which the design itself lacks.
  int skip() const { return design.intercept ? 0 : 1; }
};

/// Parses a formula that must have a response.
Formula formula_with_response(const Regression& r, std::string_view text, const FitOptions& options);
/// Resolves formula and design against `r.rows`. Responses, weight and offsets are left to the caller.
void resolve_design(Regression& r, Formula formula, const FitOptions& options);
/// Resolves the weight, then counts the numeric columns: the responses stand before it.
void resolve_weight(Regression& r, const FitOptions& options);
/// Both, with every response as a number. Offsets are left to the caller.
void resolve(Regression& r, std::string_view formula, const FitOptions& options);
/// The same for a formula that is there already, with or without responses.
void resolve_terms(Regression& r, Formula formula, const FitOptions& options);

/// Small or narrow problems go the exact way at once: there it costs next to nothing.
bool small_or_narrow(const Regression& r);

/// Collective. Shifts, one for each purely numeric term but the constant, then the responses: the mean by the zone map where all rows of the first chunk
/// count, or of the first rows that do; of a term 0 where that lies within a quarter of the standard deviation. Any value near the data will do for sums, as
/// long as it is the same for everybody; glm also starts from the last response's mean.
std::vector<double> first_shift(const Regression& r, Communicator& comm);

/// Sums over the rows that the answer is made of.
struct RegressionSums {
  DdMatrix gram;  ///< [expanded columns + constant first where the design has none] + responses
  std::int64_t n_valid = 0, n_missing = 0;
  DD weight_sum;
  std::vector<std::vector<char>> level_in_use;  ///< [variable][level]
  std::vector<char> cell_in_use;                ///< [design column]
  std::vector<std::int64_t> cube_rows;          ///< [cells of a cube's first term] rows; empty where there is no cube
};

/// Notes in the design which levels have no rows.
void note_unused_levels(Design& design, const RegressionSums& sums);

/// What the sums of a whole pass say. Throws DataError: infinite values (after a pass to find out where), negative weights, no complete row.
/// Collective.
RegressionSums sums_of(const Regression& r, const CrossProducts& state, const FitOptions& options, Communicator& comm);
/// Collective. One pass. Throws DataError: infinite values, negative weights, no complete row.
RegressionSums sweep_sums(const Regression& r, const CrossProductSpec& spec, const FitOptions& options, Communicator& comm, Timing& timing);

/// Whether a shift `about` is so far from the mean, by `distance`, that n squares of that are most of what was summed (or it overflowed); a constant
/// column is none of that. squares: about the mean.
bool far_off(DD n, DD distance, DD squares, double about);
/// Whether any numeric column's shift was, and any response's where asked for: the sums have lost digits.
bool shift_far_off(const Regression& r, const RegressionSums& s, const std::vector<double>& shift, bool responses = true);

/// Throws DataError, naming the column, where values are so large that their squares overflow.
void refuse_overflow(const Regression& r, const RegressionSums& s);

/// Columns of the gram in the order of elimination, and the factor.
struct RegressionSolution {
  std::vector<DesignColumn> columns;  ///< of the design, references marked
  std::vector<int> order;             ///< [candidates] positions in `columns`
  DdMatrix gram;                      ///< candidates in that order, then responses
  Cholesky factor;
  int candidates = 0;
  Coding coding = Coding::drop_last;
};

/// The coding that the options ask for; drop_last is only tried first (solve_design).
Coding coding_of(const FitOptions& options);
/// The order of the columns in that coding, and the factor.
RegressionSolution solve_coded(const Regression& r, const RegressionSums& s, Coding coding, const FitOptions& options, double tolerance);
/// The same in the order that costs least: which columns are kept matters little, as where a fit starts.
RegressionSolution solve_cheaply(const Regression& r, const RegressionSums& s, Coding coding, const FitOptions& options, double tolerance);
/// The columns at these positions of fit.columns, in that order, and the factor; nothing else is filled in.
RegressionSolution factor_in_order(const Regression& r, const RegressionSums& s, const std::vector<int>& order, double tolerance);
/// The same columns as `first` but those that were aliased there, from other sums, in the order that costs least.
RegressionSolution solve_again(const Regression& r, const RegressionSums& s, const RegressionSolution& first, double tolerance);
/// Chooses the coding and the order of the columns, and factors.
RegressionSolution solve_design(const Regression& r, const RegressionSums& s, const FitOptions& options);
RegressionSolution solve_design(const Regression& r, const RegressionSums& s, const FitOptions& options, double tolerance);

/// True where a column of sums in plain double is so near a combination of others that the rank or digits may be wrong.
bool nearly_dependent(const Regression& r, const RegressionSums& s, const RegressionSolution& sol);

/// ||R||_1 ||R^-1||_1 of the correlation matrix of the kept columns, the intercept and a cube's cells left out (specification, 13.3).
/// Without an intercept, and not a cube, correlations are about zero. `inv` is (X'X)^-1 over the candidates.
double condition_of(const Regression& r, const RegressionSums& s, const RegressionSolution& sol, const DdMatrix& inv);

/// A least-squares fit, before anything is said of a response.
struct RegressionFit {
  RegressionSums sums;
  RegressionSolution solution;
  DdMatrix inverse;       ///< (X'X)^-1 over the candidates
  double condition = 1;   ///< condition_of
  bool exact = true;      ///< sums in double-double
};

/// Collective. One pass in plain double about first_shift and, where that loses digits, a second in double-double; small and narrow
/// problems go the second way at once (design, section 6).
RegressionFit fit_from_sums(const Regression& r, const FitOptions& options, Communicator& comm, Timing& timing);

/// Throws DataError where frequency weights stand for fewer rows than there are coefficients; notes those that are not whole numbers.
void check_frequencies(const FitOptions& options, double observations, int rank, std::vector<std::string>& warnings);

/// Why a linear model takes none, by its own formula.
UsageError no_offset(const Formula& formula);

/// "2 coefficients are not estimable ..." where columns were dropped, else empty.
std::string dropped_note(int dropped);

}  // namespace rxhpc::impl
