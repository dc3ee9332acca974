// What fitting and applying k-means share: the formula resolved, the rows, the starting centres.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kept_rows.hpp"
#include "rxhpc/centroids.hpp"
#include "rxhpc/formula.hpp"
#include "rxhpc/kmeans.hpp"
#include "rxhpc/row_sample.hpp"

namespace rxhpc::impl {

/// The variables of a one-sided formula.
struct KMeansVariables {
  std::string formula;
  std::vector<std::string> names;        ///< as written
  std::vector<std::string> expressions;  ///< that mean the same for other data: levels and ranges filled in
  std::vector<int> columns;              ///< of the rows
};

/// Everything that the passes of one fit share.
struct KMeansProblem {
  RowSource rows;
  KMeansVariables variables;
  std::vector<int> read;  ///< columns of `rows` to read: variables, then the weight
  int row_number = -1;    ///< see row_number_column
  RowPackSpec spec;       ///< places in `read`
  int clusters = 0;
};

/// What a term stands for in a row: the product of its variables.
ExprPtr product_of(const FormulaTerm& term);
/// Numeric columns alone; adds computed ones to `rows`.
KMeansVariables resolve_variables(RowSource& rows, std::string_view formula);

/// Where rows are selected, those of a chunk do not follow one another: a column of `rows` with their numbers, from 1. Else -1.
int row_number_column(RowSource& rows);
/// Has a sample number its rows by that column, which joins those to read; -1: as they follow one another.
void number_rows(int column, std::vector<int>& read, RowSample::Spec& spec);

/// Collective. Starting centres [k x p] of start number `number`. Throws DataError where there are fewer distinct rows than clusters.
std::vector<double> starting_centres(const KMeansProblem& p, const KMeansOptions& options, int number, Communicator& comm, Timing& timing);

/// Collective. Throws DataError where complete rows hold fewer distinct ones than clusters.
void check_distinct_rows(const KMeansProblem& p, const KMeansOptions& options, Communicator& comm, Timing& timing);

/// Throws DataError: infinite values, negative weights, no row.
void check_counts(std::int64_t valid, std::int64_t infinite, std::int64_t negative, const KMeansOptions& options);

/// A shift that makes differences from the centres exact where values lie far from zero; zero elsewhere.
std::vector<double> shift_of(const std::vector<double>& points, int columns);

}  // namespace rxhpc::impl
