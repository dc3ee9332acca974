#include "penalised_quadratic.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "regression.hpp"

namespace rxhpc::impl {
namespace {

constexpr int most_sweeps = 100'000, sweeps_at_once = 16;
constexpr int most_tried = 64;           // signs of the start, from which steps are tried before any sweep
constexpr int first_steps = 8;           // of those
constexpr double smallest_move = 1e-14;  // of the descent, in units of the largest that there could be
constexpr double near_move = 1e-6;       // of the descent, below which signs are thought to be found
constexpr int patience = 256;            // sweeps after which they are tried all the same, and then each time after twice as many, with twice the steps
constexpr double slack = 1e-12;          // of the conditions, for rounding
constexpr double endless = std::numeric_limits<double>::infinity();

class Descent {
 public:
  Descent(const Quadratic& f, ElasticPenalty penalty, std::vector<DD>& u) : f_(f), penalty_(penalty), u_(u), n_(f.q.n), gradient_(u.size()) {
    for (int j = 0; j < n_; ++j)
      if (f.q(j, j).hi > 0) largest_ = std::max(largest_, std::abs(f.c[j].hi) / std::sqrt(f.q(j, j).hi));
  }

  bool run() {
    // The signs that came are tried at once where that costs little, or there are none to find.
    auto const active = std::count_if(u_.begin(), u_.end(), [](DD x) { return x.hi != 0; });
    if ((penalty_.l1 == 0 || active <= most_tried) && step_to_minimum(first_steps)) return true;
    int next_try = patience, steps = 1;
    bool tried = false;
    for (int sweeps = 0; sweeps < most_sweeps; sweeps += sweeps_at_once) {
      refresh();
      double move = sweep();
      if (move <= smallest_move * largest_) return true;  // with a gradient that is fresh
      for (int k = 1; k < sweeps_at_once && move > smallest_move * largest_; ++k) move = sweep();
      bool const ripe = sweeps >= next_try || (!tried && signs_stand_ && move <= near_move * largest_);
      if (!ripe) continue;
      if (step_to_minimum(steps)) return true;
      tried = true;
      next_try = 2 * std::max(sweeps, patience);
      steps *= 2;
    }
    return false;
  }

 private:
  /// gradient = c - Q u
  DD gradient(int j) const {
    DD g = f_.c[j];
    for (int k = 0; k < n_; ++k)
      if (u_[k].hi != 0) g -= f_.q(j, k) * u_[k];
    return g;
  }
  void refresh() {
    for (DD& x : u_) x = DD(x.hi);
    for (int j = 0; j < n_; ++j) gradient_[j] = gradient(j).hi;
  }

  /// Each coordinate to its minimum, the others held; the largest move, in units of the function's root.
  double sweep() {
    double largest = 0;
    signs_stand_ = true;
    for (int j = 0; j < n_; ++j) {
      double const q = f_.q.hi[std::size_t(j) * n_ + j], old = u_[j].hi;
      if (!(q > 0)) continue;
      // u_j = S(gradient + q u_j, l1) / (q + l2), S the soft threshold
      double const z = gradient_[j] + q * old;
      double const next = std::abs(z) > penalty_.l1 ? (z > 0 ? z - penalty_.l1 : z + penalty_.l1) / (q + penalty_.l2) : 0;
      double const move = next - old;
      if (move == 0) continue;
      signs_stand_ &= std::signbit(next) == std::signbit(old) && (next != 0) == (old != 0);
      u_[j] = DD(next);
      double const* const row = f_.q.hi.data() + std::size_t(j) * n_;
      for (int k = 0; k < n_; ++k) gradient_[k] -= row[k] * move;
      largest = std::max(largest, std::sqrt(q) * std::abs(move));
    }
    return largest;
  }

  struct Way {
    std::vector<DD> by;
    double length;
  };
  /// From u to the minimum for the signs of the columns `active`, (Q_AA + l2 I) u_A = c_A - l1 sign_A; where a column depends on others, along what
  /// changes no prediction, on the side where the penalty does not rise: that way has no end.
  Way way(const std::vector<int>& active) const {
    int const a = static_cast<int>(active.size());
    DdMatrix system(a + 1);
    for (int i = 0; i < a; ++i) {
      for (int k = 0; k < a; ++k) system.set(i, k, f_.q(active[i], active[k]) + DD(i == k ? penalty_.l2 : 0));
      DD const right = f_.c[active[i]] - DD(penalty_.l1 * sign_[active[i]]);
      system.set(i, a, right);
      system.set(a, i, right);
    }
    auto const factor = cholesky(system, a, rank_tolerance);
    if (factor.rank == a) {
      auto by = solve(factor, a, a);
      for (int i = 0; i < a; ++i) by[i] -= u_[active[i]];
      return {by, 1};
    }
    int const dependent = static_cast<int>(std::find(factor.aliased.begin(), factor.aliased.end(), 1) - factor.aliased.begin());
    auto by = solve(factor, dependent, dependent);  // of the columns before it
    by.resize(active.size(), DD(0));
    by[dependent] = DD(-1);
    DD fall(0);
    for (int i = 0; i <= dependent; ++i) fall += by[i] * (gradient(active[i]) - DD(penalty_.l2) * u_[active[i]] - DD(penalty_.l1 * sign_[active[i]]));
    if (fall.hi < 0)
      for (DD& x : by) x = -x;
    return {by, endless};
  }

  /// The column, of those that are 0, whose gradient exceeds l1 most; -1: none does, u is the minimum.
  int worst() const {
    int found = -1;
    double most = 0;
    for (int j = 0; j < n_; ++j) {
      double const root = std::sqrt(f_.q.hi[std::size_t(j) * n_ + j]);
      if (sign_[j] != 0 || !(root > 0)) continue;
      double const excess = std::abs(gradient(j).hi) - penalty_.l1;
      if (excess > slack * (penalty_.l1 + largest_ * root) && excess / root > most) most = excess / root, found = j;
    }
    return found;
  }

  /// The active-set method (Osborne, Presnell & Turlach, IMA J. Numer. Anal. 20, 2000; Lee, Battle, Raina & Ng, NIPS 2006): towards the minimum
  /// for the signs as they are, as far as the first coefficient that reaches 0, whose column leaves. Where all signs stand, the worst column joins. No step
  /// raises the function, so that no signs come back. False after so many steps, u being no worse than before.
  bool step_to_minimum(int steps) {
    sign_.assign(u_.size(), 0);
    for (int j = 0; j < n_; ++j)
      if (penalty_.l1 > 0 ? u_[j].hi != 0 : f_.q(j, j).hi > 0) sign_[j] = std::copysign(1.0, u_[j].hi);
    for (; steps > 0; --steps) {
      std::vector<int> active;
      for (int j = 0; j < n_; ++j)
        if (sign_[j] != 0) active.push_back(j);
      auto const [by, end] = way(active);
      double length = end;
      int leaves = -1;
      for (std::size_t i = 0; i < active.size() && penalty_.l1 > 0; ++i)
        if (double const to_zero = -u_[active[i]].hi / by[i].hi; by[i].hi * sign_[active[i]] < 0 && to_zero <= length) length = to_zero, leaves = active[i];
      if (length == endless) return false;
      for (std::size_t i = 0; i < active.size(); ++i) {
        int const j = active[i];
        u_[j] += DD(length) * by[i];
        if (j == leaves || (leaves >= 0 && u_[j].hi * sign_[j] < 0)) u_[j] = DD(0), sign_[j] = 0;
      }
      if (leaves >= 0) continue;
      int const joins = worst();
      if (joins < 0) return true;
      sign_[joins] = std::copysign(1.0, gradient(joins).hi);
    }
    return false;
  }

  const Quadratic& f_;
  ElasticPenalty penalty_;
  std::vector<DD>& u_;
  int n_;
  std::vector<double> gradient_;
  std::vector<double> sign_;  // of the columns that may differ from 0
  double largest_ = 0;
  bool signs_stand_ = false;
};

}  // namespace

bool minimise(const Quadratic& f, ElasticPenalty penalty, std::vector<DD>& u) { return Descent(f, penalty, u).run(); }

}  // namespace rxhpc::impl
