// Fisher's exact test: 2 by 2 from the noncentral hypergeometric distribution, larger tables by enumeration or simulation.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <unordered_map>

#include "rxhpc/contingency_tests.hpp"
#include "table_margins.hpp"

namespace rxhpc {
namespace {

constexpr double none = TableTest::none, infinity = std::numeric_limits<double>::infinity();
constexpr double slack = 1e-7;  // tables this much likelier than the observed one count as equally likely, as in R

double log_factorial(double n) { return std::lgamma(n + 1); }

/// The upper left cell of a 2 by 2 table of given margins, odds ratio e^log_odds (Fisher's noncentral hypergeometric distribution).
class Conditional {
 public:
  Conditional(double column1, double column2, double row1) : low_(std::max(0.0, row1 - column2)), high_(std::min(row1, column1)) {
    for (double x = low_; x <= high_; ++x)
      log_density_.push_back(-log_factorial(x) - log_factorial(column1 - x) - log_factorial(row1 - x) - log_factorial(column2 - row1 + x));
  }
  double low() const { return low_; }
  double high() const { return high_; }
  /// Sum of g(x) P(x) over the support.
  template <class G>
  double expected(double log_odds, const G& g) const {
    double largest = -infinity, total = 0, sum = 0;
    for (std::size_t k = 0; k < log_density_.size(); ++k) largest = std::max(largest, log_density_[k] + static_cast<double>(k) * log_odds);
    for (std::size_t k = 0; k < log_density_.size(); ++k) {
      double const p = std::exp(log_density_[k] + static_cast<double>(k) * log_odds - largest);
      total += p;
      sum += p * g(low_ + static_cast<double>(k));
    }
    return sum / total;
  }
  double log_density(double x) const { return log_density_[static_cast<std::size_t>(x - low_)]; }

 private:
  double low_, high_;
  std::vector<double> log_density_;
};

/// Brent's root search (Algorithms for Minimization without Derivatives, 1973, chapter 4) with the loose stop of R's uniroot: R and
/// RevoScaleR print what it leaves, and figures are to agree with theirs.
double root_between(const std::function<double(double)>& f, double a, double b) {
  constexpr double tolerance = 0x1p-13;  // R's .Machine$double.eps^0.25
  double fa = f(a), fb = f(b), c = a, fc = fa;
  if (fa == 0) return a;
  for (int step = 0; step < 1000 && fb != 0; ++step) {
    double const before = b - a;
    if (std::abs(fc) < std::abs(fb)) a = b, b = c, c = a, fa = fb, fb = fc, fc = fa;
    double const least = 2 * std::numeric_limits<double>::epsilon() * std::abs(b) + tolerance / 2, width = c - b;
    double next = width / 2;
    if (std::abs(next) <= least) break;
    if (std::abs(before) >= least && std::abs(fa) > std::abs(fb)) {
      double const s = fb / fa;
      double p = width * s, q = 1 - s;  // secant
      if (a != c) {                     // inverse quadratic
        double const r = fa / fc, t = fb / fc;
        p = s * (width * r * (r - t) - (b - a) * (t - 1));
        q = (r - 1) * (t - 1) * (s - 1);
      }
      if (p > 0) q = -q;
      else p = -p;
      if (p < 0.75 * width * q - std::abs(least * q) / 2 && p < std::abs(before * q / 2)) next = p / q;
    }
    if (std::abs(next) < least) next = next > 0 ? least : -least;
    a = b, fa = fb;
    b += next;
    fb = f(b);
    if ((fb > 0) == (fc > 0)) c = a, fc = fa;
  }
  return b;
}

/// The odds ratio where f, monotone, is 0: sought in (0, 1), or as the inverse of one in (0, 1).
double solved(const std::function<double(double)>& f, bool rising) {
  double const at_one = f(1);
  if (at_one == 0) return 1;
  if ((at_one > 0) == rising) return root_between(f, 0, 1);
  return 1 / root_between([&](double t) { return f(1 / t); }, std::numeric_limits<double>::epsilon(), 1);
}

TableTest two_by_two(const TwoWay& t, double conf_level) {
  double const x = t.values[0];
  Conditional const law(t.values[0] + t.values[2], t.values[1] + t.values[3], t.values[0] + t.values[1]);
  TableTest out;
  double const observed = law.log_density(x) + std::log1p(slack), tail = (1 - conf_level) / 2;
  out.p_value = std::min(1.0, law.expected(0, [&](double k) { return law.log_density(k) <= observed ? 1.0 : 0.0; }));
  bool const lowest = x == law.low(), highest = x == law.high();
  auto const expected = [&](double odds, const auto& g) { return odds > 0 ? law.expected(std::log(odds), g) : static_cast<double>(g(law.low())); };
  auto const mean = [&](double odds) { return expected(odds, [](double k) { return k; }) - x; };
  auto const from = [&](double odds) { return expected(odds, [&](double k) { return k >= x ? 1.0 : 0.0; }) - tail; };
  auto const until = [&](double odds) { return expected(odds, [&](double k) { return k <= x ? 1.0 : 0.0; }) - tail; };
  out.estimate = lowest && highest ? none : lowest ? 0 : highest ? infinity : solved(mean, true);
  out.conf_low = lowest ? 0 : solved(from, true);
  out.conf_high = highest ? infinity : solved(until, false);
  out.statistic = out.estimate;
  out.method = "exact, conditional";
  out.valid = true;
  return out;
}

/// Columns are given to the rows one after another. A state is what the rows have left, sorted; ways to it that are equally likely so far
/// are one, with their number (the hashing of Mehta & Patel, JASA 78, 1983).
class Enumeration {
 public:
  Enumeration(const TwoWay& t, std::int64_t most_steps) : margins_(t), most_(most_steps) {
    double constant = -log_factorial(margins_.total), observed = 0;
    for (double r : margins_.row) constant += log_factorial(r);
    for (double c : margins_.column) constant += log_factorial(c);
    for (double n : t.values) observed -= log_factorial(n);
    constant_ = constant;
    limit_ = observed + std::log1p(slack);
    for (double n = 0; n <= margins_.total; ++n) log_factorial_.push_back(log_factorial(n));
  }
  /// The p-value; NaN where it would take more steps than allowed.
  double run() {
    std::vector<int> rows;
    for (double r : margins_.row) rows.push_back(static_cast<int>(r));
    std::sort(rows.begin(), rows.end());
    std::sort(margins_.column.begin(), margins_.column.end(), std::greater<>());
    states_[rows][0] = {0, 1};
    for (std::size_t j = 0; j + 1 < margins_.column.size(); ++j) {
      States next;
      for (auto const& [left, pasts] : states_) {
        next_ = &next;
        pasts_ = &pasts;
        std::vector<int> after = left;
        give(after, 0, static_cast<int>(margins_.column[j]), 0);
        if (steps_ > most_) return none;
      }
      states_ = std::move(next);
    }
    double p = 0;
    for (auto const& [left, pasts] : states_) {  // the last column takes what is left
      double last = 0;
      for (int n : left) last -= log_factorial_[static_cast<std::size_t>(n)];
      for (auto const& [key, past] : pasts)
        if (past.log + last <= limit_) p += past.ways * std::exp(constant_ + past.log + last);
    }
    return std::min(1.0, p);
  }

 private:
  struct Past {
    double log = 0, ways = 0;
  };
  using Pasts = std::unordered_map<std::int64_t, Past>;
  using States = std::map<std::vector<int>, Pasts>;

  void give(std::vector<int>& left, std::size_t row, int rest, double log) {
    if (steps_ > most_) return;
    if (row + 1 == left.size()) {
      if (rest > left[row]) return;
      left[row] -= rest;
      arrive(left, log - log_factorial_[static_cast<std::size_t>(rest)]);
      left[row] += rest;
      return;
    }
    int room = 0;
    for (std::size_t k = row + 1; k < left.size(); ++k) room += left[k];
    int const had = left[row];
    for (int n = std::max(0, rest - room); n <= std::min(rest, had); ++n) {
      left[row] = had - n;
      give(left, row + 1, rest - n, log - log_factorial_[static_cast<std::size_t>(n)]);
    }
    left[row] = had;
  }
  void arrive(std::vector<int> left, double log) {
    std::sort(left.begin(), left.end());
    auto& to = (*next_)[left];
    steps_ += static_cast<std::int64_t>(pasts_->size()) + 4;
    for (auto const& [key, past] : *pasts_) {
      double const sum = past.log + log;
      auto& p = to[std::llround(sum * 1e9)];
      if (p.ways == 0) p.log = sum;
      p.ways += past.ways;
    }
  }

  impl::Margins margins_;
  std::int64_t most_, steps_ = 0;
  double constant_ = 0, limit_ = 0;
  std::vector<double> log_factorial_;
  States states_;
  States* next_ = nullptr;
  const Pasts* pasts_ = nullptr;
};

TwoWay turned(const TwoWay& t) {
  TwoWay out{t.columns, t.rows, {}};
  for (std::size_t j = 0; j < t.columns; ++j)
    for (std::size_t i = 0; i < t.rows; ++i) out.values.push_back(t.at(i, j));
  return out;
}

double simulated(const TwoWay& t, const TableTestOptions& o) {
  impl::RandomTables const tables(t, o.seed);
  auto const total = static_cast<std::size_t>(impl::Margins(t).total);
  std::vector<double> logs(total + 1);
  for (std::size_t n = 0; n <= total; ++n) logs[n] = log_factorial(static_cast<double>(n));
  auto const density = [&](const TwoWay& of) {
    double sum = 0;
    for (double n : of.values) sum -= logs[static_cast<std::size_t>(n)];
    return sum;
  };
  double const limit = density(t) + slack;
  std::int64_t rarer = 0;
  TwoWay drawn;
  for (int k = 0; k < o.simulations; ++k) {
    tables.draw(static_cast<std::uint32_t>(k), drawn);
    rarer += density(drawn) <= limit;
  }
  return static_cast<double>(1 + rarer) / static_cast<double>(1 + o.simulations);
}

}  // namespace

TableTest fisher(const TwoWay& table, const TableTestOptions& o) {
  constexpr double most_rows = 5e7;  // logarithms of factorials are kept for as many
  impl::Margins const all(table);
  if (!all.counts || !all.whole || all.total > most_rows) return {};
  if (table.rows == 2 && table.columns == 2 && all.total > 0) return two_by_two(table, o.conf_level);
  auto t = impl::occupied(table);
  if (t.rows < 2 || t.columns < 2) return {};
  if (t.rows == 2 && t.columns == 2) return two_by_two(t, o.conf_level);
  if (t.rows > t.columns) t = turned(t);
  TableTest out;
  out.valid = true;
  out.p_value = Enumeration(t, o.most_steps).run();
  out.method = "exact, all tables of these margins";
  if (!std::isnan(out.p_value)) return out;
  out.p_value = simulated(t, o);
  out.method = "simulated, " + std::to_string(o.simulations) + " tables of these margins";
  return out;
}

}  // namespace rxhpc
