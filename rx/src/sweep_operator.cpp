#include "sweep_operator.hpp"

#include <algorithm>
#include <cmath>

#include "distributions.hpp"

namespace rxhpc::impl {
namespace {

/// Brings column k into the model, or takes it out: a_ij -= a_ik a_kj / a_kk, row and column k over +-a_kk, a_kk = -1 / a_kk.
void sweep(DdMatrix& a, int k, bool out) {
  DD const pivot = a(k, k), scale = DD(1) / pivot;
  std::vector<DD> row(a.n);
  for (int j = 0; j < a.n; ++j) row[j] = a(k, j);
  for (int i = 0; i < a.n; ++i) {
    if (i == k || (row[i].hi == 0 && row[i].lo == 0)) continue;
    DD const factor = row[i] * scale;
    for (int j = 0; j < a.n; ++j)
      if (j != k) a.set(i, j, a(i, j) - factor * row[j]);
  }
  for (int j = 0; j < a.n; ++j) {
    DD const x = out ? -(row[j] * scale) : row[j] * scale;
    a.set(k, j, x);
    a.set(j, k, x);
  }
  a.set(k, k, -scale);
}

DdMatrix block_of(const DdMatrix& a, const std::vector<int>& at) {
  DdMatrix b(static_cast<int>(at.size()));
  for (int i = 0; i < b.n; ++i)
    for (int j = 0; j < b.n; ++j) b.set(i, j, a(at[i], at[j]));
  return b;
}

}  // namespace

SweepScorer::SweepScorer(DdMatrix gram, std::vector<std::vector<int>> columns, std::vector<int> always, double tolerance, double observations, const StepControl& control)
    : gram_(std::move(gram)),
      swept_(gram_),
      columns_(std::move(columns)),
      always_(std::move(always)),
      in_(gram_.n, 0),
      tolerance_(tolerance),
      observations_(observations),
      scale_(control.scale),
      k_(control.k),
      f_test_(uses_f_test(control, false)) {}

StepScore SweepScorer::score(DD rss, int rank) const {
  StepScore s;
  s.deviance = std::max(static_cast<double>(rss), 0.0);
  s.resid_df = observations_ - rank;
  s.aic = (scale_ > 0 ? s.deviance / scale_ - observations_ : observations_ * std::log(s.deviance / observations_)) + k_ * rank;
  return s;
}

/// Columns of the current model, but for those of one term, that depend on others.
std::vector<int> SweepScorer::waiting(int but) const {
  std::vector<int> out;
  for (int t : terms_)
    if (t != but)
      for (int c : columns_[t])
        if (!in_[c]) out.push_back(c);
  return out;
}

StepScore SweepScorer::move_to(const std::vector<int>& terms) {
  auto const enter = [&](int c) {
    if (in_[c] || !(swept_(c, c).hi > tolerance_ * tolerance_ * gram_(c, c).hi)) return;
    sweep(swept_, c, false);
    in_[c] = 1;
    ++rank_;
  };
  for (int t : terms_)
    if (std::find(terms.begin(), terms.end(), t) == terms.end())
      for (int c : columns_[t])
        if (in_[c]) sweep(swept_, c, true), in_[c] = 0, --rank_;
  terms_ = terms;
  for (int c : always_) enter(c);
  for (int t : terms)
    for (int c : columns_[t]) enter(c);
  return score(swept_(swept_.n - 1, swept_.n - 1), rank_);
}

StepScore SweepScorer::with(int term) {
  auto at = columns_[term];
  at.push_back(swept_.n - 1);
  auto block = block_of(swept_, at);
  int rank = rank_;
  for (int j = 0; j + 1 < block.n; ++j)
    if (block(j, j).hi > tolerance_ * tolerance_ * gram_(at[j], at[j]).hi) sweep(block, j, false), ++rank;
  return score(block(block.n - 1, block.n - 1), rank);
}

StepScore SweepScorer::without(int term) {
  std::vector<int> at;
  for (int c : columns_[term])
    if (in_[c]) at.push_back(c);
  int const leaving = static_cast<int>(at.size());
  for (int c : waiting(term)) at.push_back(c);
  at.push_back(swept_.n - 1);
  auto block = block_of(swept_, at);
  int rank = rank_ - leaving;
  for (int j = 0; j < leaving; ++j) sweep(block, j, true);
  for (int j = leaving; j + 1 < block.n; ++j)
    if (block(j, j).hi > tolerance_ * tolerance_ * gram_(at[j], at[j]).hi) sweep(block, j, false), ++rank;
  return score(block(block.n - 1, block.n - 1), rank);
}

double SweepScorer::p_value(const StepScore& smaller, const StepScore& larger) const {
  double const df = smaller.resid_df - larger.resid_df;
  if (!f_test_)  // as R's add1(test = "Chisq"): twice the log likelihood's difference
    return chi_squared_upper(scale_ > 0 ? (smaller.deviance - larger.deviance) / scale_ : observations_ * std::log(smaller.deviance / larger.deviance), df);
  return f_upper((smaller.deviance - larger.deviance) / df / (larger.deviance / larger.resid_df), df, larger.resid_df);
}

}  // namespace rxhpc::impl
