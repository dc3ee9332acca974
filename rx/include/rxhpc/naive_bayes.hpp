// rxNaiveBayes: classes from numeric and categorical predictors taken to be independent within a class.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "rxhpc/design.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc {

struct NaiveBayesOptions {
  RowOptions rows;
  std::string pweights, fweights;  ///< a column's name; at most one
  double smoothing_factor = 0;     ///< added to every count of a level in a class
  std::vector<double> prior;       ///< [classes] instead of the classes' shares; need not sum to 1
  bool by_term = true;             ///< false: a row missing in any variable is left out altogether
  RunOptions run;
};

/// Times |mean|: deviations of weighted values and distances from a class of one value that are rounding.
inline constexpr double naive_bayes_rounding = 0x1p-50;

/// What was learned of one predictor.
struct NaiveBayesTable {
  std::vector<double> mean, std_dev;          ///< [classes] of a number; NaN where a class has too few values
  std::vector<std::vector<double>> share;     ///< [classes][levels] of a factor: (count + s) / (total + s levels); NaN where a class has no value
};

struct NaiveBayes {
  std::string formula, response;
  RowOptions rows;
  bool weighted = false;
  double smoothing_factor = 0;
  std::vector<std::string> classes;
  std::vector<double> apriori;                ///< [classes]
  Design predictors;                          ///< variables of the formula's right side, one a term
  std::vector<NaiveBayesTable> tables;        ///< [predictors]
  std::int64_t n_valid_obs = 0, n_missing_obs = 0;  ///< rows with a class (and weight); others
  double weight_sum = 0;
  std::vector<std::string> warnings;
  Timing timing;
};

/// Collective. One pass. `y ~ a + b`, `y ~ .`: y a factor (or text, or logical); each predictor alone, numbers with a normal density in each
/// class, factors with the shares of their levels. A missing cell is left out by itself. Cost: class_statistics.hpp.
/// Throws UsageError (formula, response without classes), DataError (one class, a predictor without values, infinite values, negative weights).
NaiveBayes naive_bayes(const ChunkSource& source, std::string_view formula, const NaiveBayesOptions& options, Communicator& comm);

nlohmann::json to_json(const NaiveBayes& model);
std::string to_text(const NaiveBayes& model);
nlohmann::json model_json(const NaiveBayes& model);
NaiveBayes naive_bayes_from_json(const nlohmann::json& j);

}  // namespace rxhpc
