#include "penalised_quadratic.hpp"

#include <algorithm>
#include <cmath>

#include "regression.hpp"

namespace rxhpc::impl {
namespace {

constexpr int most_sweeps = 100'000, sweeps_at_once = 16;
constexpr int most_tried = 64;           // signs of the start, which are solved for before any sweep
constexpr double smallest_move = 1e-14;  // of the descent, in units of the largest that there could be
constexpr double near_move = 1e-6;       // of the descent, below which signs are thought to be found
constexpr int patience = 256;            // sweeps after which they are tried all the same, and then each time after twice as many
constexpr double slack = 1e-12;          // of the conditions, for rounding

class Descent {
 public:
  Descent(const Quadratic& f, ElasticPenalty penalty, std::vector<DD>& u) : f_(f), penalty_(penalty), u_(u), n_(f.q.n), gradient_(u.size()) {
    for (int j = 0; j < n_; ++j)
      if (f.q(j, j).hi > 0) largest_ = std::max(largest_, std::abs(f.c[j].hi) / std::sqrt(f.q(j, j).hi));
  }

  bool run() {
    // The signs that came are tried at once where that costs little, or there are none to find.
    auto const active = std::count_if(u_.begin(), u_.end(), [](DD x) { return x.hi != 0; });
    if ((penalty_.l1 == 0 || active <= most_tried) && solve_signs()) return true;
    int next_try = patience;
    bool tried = false;
    for (int sweeps = 0; sweeps < most_sweeps; sweeps += sweeps_at_once) {
      refresh();
      double move = sweep();
      if (move <= smallest_move * largest_) return true;  // with a gradient that is fresh
      for (int k = 1; k < sweeps_at_once && move > smallest_move * largest_; ++k) move = sweep();
      bool const ripe = sweeps >= next_try || (!tried && move <= near_move * largest_);
      if (!signs_stand_ || !ripe) continue;
      if (solve_signs()) return true;
      tried = true;
      next_try = 2 * std::max(sweeps, patience);
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

  /// (Q_AA + l2 I) u_A = c_A - l1 sign(u_A) for the coordinates A that are not 0; false, and nothing changed, unless that is the minimum.
  bool solve_signs() {
    std::vector<int> active;
    for (int j = 0; j < n_; ++j)
      if (u_[j].hi != 0 || (penalty_.l1 == 0 && f_.q(j, j).hi > 0)) active.push_back(j);
    int const a = static_cast<int>(active.size());
    DdMatrix system(a + 1);
    for (int i = 0; i < a; ++i) {
      for (int k = 0; k < a; ++k) system.set(i, k, f_.q(active[i], active[k]) + DD(i == k ? penalty_.l2 : 0));
      DD const right = f_.c[active[i]] - DD(std::copysign(penalty_.l1, u_[active[i]].hi));
      system.set(i, a, right);
      system.set(a, i, right);
    }
    auto const factor = cholesky(system, a, rank_tolerance);
    if (factor.rank < a) return false;
    auto const solved = solve(factor, a, a);
    auto const before = u_;
    bool minimum = true;
    for (int i = 0; i < a; ++i) {
      minimum &= penalty_.l1 == 0 || solved[i].hi * before[active[i]].hi > 0;
      u_[active[i]] = solved[i];
    }
    for (int j = 0; j < n_ && minimum; ++j)
      if (u_[j].hi == 0 && f_.q(j, j).hi > 0)
        minimum = std::abs(gradient(j).hi) <= penalty_.l1 * (1 + slack) + slack * largest_ * std::sqrt(f_.q(j, j).hi);
    if (!minimum) u_ = before;
    return minimum;
  }

  const Quadratic& f_;
  ElasticPenalty penalty_;
  std::vector<DD>& u_;
  int n_;
  std::vector<double> gradient_;
  double largest_ = 0;
  bool signs_stand_ = false;
};

}  // namespace

bool minimise(const Quadratic& f, ElasticPenalty penalty, std::vector<DD>& u) { return Descent(f, penalty, u).run(); }

}  // namespace rxhpc::impl
