// Submodels of one cross-product matrix by the SWEEP operator (Goodnight, The American Statistician 33, 1979), in double-double.
#pragma once
#include <vector>

#include "rxhpc/dd_matrix.hpp"
#include "stepwise.hpp"

namespace rxhpc::impl {

/// Linear models of one response on groups of columns. A column that depends on those already in (pivot below tolerance^2 of its
/// square) stays out, and gets another chance whenever something leaves.
class SweepScorer final : public StepScorer {
 public:
  /// `gram`: columns, the response last. `columns` [terms]: the columns of each term; `always`: those of the intercept.
  SweepScorer(DdMatrix gram, std::vector<std::vector<int>> columns, std::vector<int> always, double tolerance, double observations, const StepControl& control);

  StepScore move_to(const std::vector<int>& terms) override;
  StepScore with(int term) override;
  StepScore without(int term) override;
  double p_value(const StepScore& smaller, const StepScore& larger) const override;

 private:
  StepScore score(DD rss, int rank) const;
  std::vector<int> waiting(int but) const;

  DdMatrix gram_, swept_;
  std::vector<std::vector<int>> columns_;
  std::vector<int> always_, terms_;
  std::vector<char> in_;
  double tolerance_, observations_, scale_, k_;
  bool f_test_;
  int rank_ = 0;
};

}  // namespace rxhpc::impl
