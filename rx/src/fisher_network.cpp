// Tables of given margins are built cell by cell, column after column. What matters for the rest of a table is a node: what the rows have
// left, and which of them this column has passed. Paths to a node are known by their log likelihood so far and the probability of all paths
// alike. Bounds of what the rest can add (the longest and the shortest path of Mehta & Patel, JASA 78, 1983, 427) decide most paths long
// before their end: those that stay below the observed table whatever comes count whole, those that stay above it not at all.
#include "fisher_network.hpp"

#include <algorithm>
#include <cmath>

#include "fisher_paths.hpp"
#include "table_margins.hpp"

namespace rxhpc::impl {
namespace {

constexpr std::size_t most_paths = 8'000'000;  // of one layer, 16 bytes each
constexpr std::size_t most_nodes = 1'000'000;
constexpr std::size_t most_end_paths = 20'000;

struct Node {
  std::vector<Path> paths;
  std::size_t merged = 0;  // so many of them are sorted and differ
  double longest = 0, shortest = 0;
  bool bounded = false;
};

class Network {
 public:
  Network(const TwoWay& t, double slack, std::int64_t most_steps) : margins_(t), most_(most_steps) {
    for (double n = 0; n <= margins_.total; ++n) log_factorial_.push_back(std::lgamma(n + 1));
    same_ = 1e-15 * (100 + 4 * log_factorial_.back());  // what rounding makes of equal sums
    limit_ = std::log1p(slack);
    for (double n : t.values) limit_ -= lf(static_cast<int>(n));
    for (double c : margins_.column) column_.push_back(static_cast<int>(c));
    std::sort(column_.begin(), column_.end());
  }

  double run() {
    RowSums rows;
    for (double r : margins_.row) rows.push_back(static_cast<int>(r));
    std::sort(rows.begin(), rows.end());
    layer_[rows].paths = {{0, 1}};
    later_ = static_cast<int>(margins_.total);
    TableEnds const ends(column_, rows, log_factorial_, same_, most_end_paths);
    ends_ = &ends;
    steps_ = ends.steps();
    for (at_ = 0; at_ + ends.columns() < column_.size(); ++at_) {
      later_ -= column_[at_];
      for (passed_ = 0; passed_ < rows.size(); ++passed_) {
        next_.clear();
        live_ = 0;
        for (auto& [left, node] : layer_) {
          leave(left, node);
          if (too_long()) return TableTest::none;
          std::vector<Path>().swap(node.paths);
        }
        layer_.swap(next_);
      }
    }
    return std::min(1.0, p_);
  }

 private:
  double lf(int n) const { return log_factorial_[static_cast<std::size_t>(n)]; }

  bool too_long() const { return steps_ > most_ || live_ > most_paths || next_.size() > most_nodes; }

  /// All ways to give the next row its share of this column.
  void leave(const RowSums& left, Node& node) {
    settle(node);
    if (node.paths.empty()) return;
    int has = 0;
    for (int n : left) has += n;
    int const rest = has - later_, mine = left[passed_];  // rest: of this column
    int open = 0;
    for (std::size_t i = passed_; i < left.size(); ++i) open += left[i];
    int const others = open - mine;
    bool const column_ends = passed_ + 1 == left.size();
    for (int n = std::max(0, rest - others); n <= std::min(rest, mine) && !too_long(); ++n) {
      // the row's share is hypergeometric, the rows before being given
      double const chance = std::exp(lf(mine) - lf(n) - lf(mine - n) + lf(others) - lf(rest - n) - lf(others - rest + n) - lf(open) + lf(rest) + lf(open - rest));
      to_ = left;
      to_[passed_] = mine - n;
      pass(to_, passed_);
      arrive(node.paths, -lf(n), chance, column_ends ? 0 : passed_ + 1, rest - n);
    }
  }

  /// Adds to the node `to_` the paths whose end is still open.
  void arrive(const std::vector<Path>& from, double log, double chance, std::size_t passed, int rest) {
    auto& node = next_[to_];
    if (!node.bounded) bound(node, passed, rest);
    auto const low = limit_ - node.longest - log, high = limit_ - node.shortest - log;
    auto const below = [](const Path& path, double x) { return path.log <= x; };
    auto const first = std::lower_bound(from.begin(), from.end(), low, below), last = std::lower_bound(first, from.end(), high, below);
    double whole = 0;
    for (auto path = from.begin(); path != first; ++path) whole += path->weight;
    p_ += whole * chance;
    steps_ += (last - from.begin()) + 8;
    if (passed == 0 && at_ + 1 + ends_->columns() == column_.size()) return meet(first, last, log, chance);
    for (auto path = first; path != last; ++path) node.paths.push_back({path->log + log, path->weight * chance});
    live_ += static_cast<std::size_t>(last - first);
    if (node.paths.size() > 2 * node.merged + 1024) {
      auto const before = node.paths.size();
      settle(node);
      live_ -= before - node.paths.size();
    }
  }

  /// The paths with every end that makes a table no likelier than the observed one.
  template <class It>
  void meet(It first, It last, double log, double chance) {
    if (first == last) return;
    auto const& end = ends_->at(to_);
    double sum = 0;
    auto at = end.log.size();
    for (auto path = first; path != last && at > 0; ++path) {
      double const left = limit_ - log - path->log;
      while (at > 0 && end.log[at - 1] > left) --at, ++steps_;
      if (at > 0) sum += path->weight * end.share[at - 1];
    }
    p_ += sum * chance;
  }

  void settle(Node& node) {
    impl::settle(node.paths, same_);
    node.merged = node.paths.size();
  }

  /// Bounds of -sum of log n! over the cells that are still open: later columns in all rows, and `rest` of this column from row `passed` on.
  void bound(Node& node, std::size_t passed, int rest) {
    node.bounded = true;
    bool const within = passed > 0 && rest > 0;
    node.longest = longest(passed, within ? rest : 0) + same_;
    node.shortest = -std::min(most_by_rows(passed, within ? rest : 0), most_by_columns(passed, within ? rest : 0)) - same_;
  }

  /// Upper bound, by Lagrange multipliers: for any u_i, v_j, -sum log n! <= sum over cells of max over n of (n (u_i + v_j) - log n!) - sum u_i r_i -
  /// sum v_j c_j. Multipliers as if the cells were their expectations, which leaves little between the bound and the longest path.
  double longest(std::size_t passed, int rest) const {
    int open = 0;
    for (std::size_t i = passed; i < to_.size(); ++i) open += to_[i];
    double const share = rest > 0 ? std::min(static_cast<double>(rest) / open, 1 - 0x1p-20) : 0;
    double const now = rest > 0 ? std::log(share / (1 - share)) : 0;
    double sum = -now * rest;
    for (std::size_t j = at_ + 1; j < column_.size(); ++j) sum -= column_[j] * std::log(static_cast<double>(column_[j]) / later_);
    for (std::size_t i = 0; i < to_.size(); ++i) {
      if (to_[i] == 0) continue;
      bool const in_column = rest > 0 && i >= passed;
      double const row = to_[i] * (in_column ? 1 - share : 1.0), u = std::log(row);
      sum -= u * to_[i];
      for (std::size_t j = at_ + 1; j < column_.size(); ++j) sum += best(row * column_[j] / later_);
      if (in_column) sum += best(row * share / (1 - share));
    }
    return sum;
  }
  /// max over n of n log e - log n!
  double best(double e) const {
    int const n = std::min(static_cast<int>(e), static_cast<int>(log_factorial_.size()) - 1);
    return n > 0 ? n * std::log(e) - lf(n) : 0;
  }

  /// Upper bounds of sum log n!, a convex function: each row fills the largest columns first, whatever the other rows do; and the other way about.
  double most_by_rows(std::size_t passed, int rest) const {
    double sum = 0;
    for (std::size_t i = 0; i < to_.size(); ++i) {
      int left = to_[i];
      bool waits = rest > 0 && i >= passed;  // for this column's turn
      for (std::size_t j = column_.size(); left > 0 && (j > at_ + 1 || waits);) {
        bool const now = waits && (j == at_ + 1 || rest >= column_[j - 1]);
        int const n = std::min(left, now ? rest : column_[j - 1]);
        sum += lf(n);
        left -= n;
        if (now) waits = false;
        else --j;
      }
    }
    return sum;
  }
  double most_by_columns(std::size_t passed, int rest) const {
    auto& rows = sorted_;
    rows.assign(to_.begin(), to_.end());
    std::sort(rows.begin(), rows.end(), std::greater<>());
    double sum = 0;
    auto const fill = [&](int left, auto begin, auto end) {
      for (auto row = begin; left > 0 && row != end; ++row) {
        int const n = std::min(left, *row);
        sum += lf(n);
        left -= n;
      }
    };
    for (std::size_t j = at_ + 1; j < column_.size(); ++j) fill(column_[j], rows.begin(), rows.end());
    if (rest > 0) {
      rows.assign(to_.begin() + static_cast<std::ptrdiff_t>(passed), to_.end());
      std::sort(rows.begin(), rows.end(), std::greater<>());
      fill(rest, rows.begin(), rows.end());
    }
    return sum;
  }

  Margins margins_;
  std::vector<double> log_factorial_;
  std::vector<int> column_;                // smallest first: few likelihoods differ as long as cells are small
  double same_ = 0, limit_ = 0, p_ = 0;
  std::size_t at_ = 0, passed_ = 0;        // the cell whose turn it is: column, row of the node
  int later_ = 0;                          // what the later columns take
  const TableEnds* ends_ = nullptr;
  ByRowSums<Node> layer_, next_;
  RowSums to_;
  mutable RowSums sorted_;
  std::size_t live_ = 0;
  std::int64_t steps_ = 0, most_;
};

}  // namespace

double fisher_exact(const TwoWay& table, double slack, std::int64_t most_steps) { return Network(table, slack, most_steps).run(); }

}  // namespace rxhpc::impl
