// Fisher's exact test: 2 by 2 from the noncentral hypergeometric distribution, larger tables by a network of all tables or by simulation.
#include <algorithm>
#include <cmath>
#include <functional>

#include "fisher_network.hpp"
#include "rxhpc/contingency_tests.hpp"
#include "table_margins.hpp"

namespace rxhpc {
namespace {

constexpr double none = TableTest::none, infinity = std::numeric_limits<double>::infinity();
// Tables this much likelier than the observed one count as equally likely, 2 by 2 and larger, as in R.
constexpr double slack = 1e-7, network_slack = 3.45254e-7;

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

TwoWay turned(const TwoWay& t) {
  TwoWay out{t.columns, t.rows, {}};
  for (std::size_t j = 0; j < t.columns; ++j)
    for (std::size_t i = 0; i < t.rows; ++i) out.values.push_back(t.at(i, j));
  return out;
}

double simulated(const TwoWay& t, const TableTestOptions& o) {
  impl::RandomTables const tables(t, o.seed);
  auto const density = [&](const TwoWay& of) {
    double sum = 0;
    for (double n : of.values) sum -= tables.log_factorial(n);
    return sum;
  };
  double const limit = density(t) + network_slack;
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
  constexpr double most_rows = 5e7;  // logarithms of factorials are kept for as many, and are good to `slack` up to there
  impl::Margins const all(table);
  if (!all.counts || !std::all_of(table.values.begin(), table.values.end(), [](double n) { return n == std::floor(n); })) return {};
  TableTest out;
  if (all.total > most_rows) {
    out.method = "not made of more than 50,000,000 rows";
    return out;
  }
  if (table.rows == 2 && table.columns == 2 && all.total > 0) return two_by_two(table, o.conf_level);
  auto t = impl::occupied(table);
  if (t.rows < 2 || t.columns < 2) return {};
  if (t.rows == 2 && t.columns == 2) return two_by_two(t, o.conf_level);
  if (t.rows > t.columns) t = turned(t);
  out.valid = true;
  out.p_value = impl::fisher_exact(t, network_slack, o.most_steps);
  out.method = "exact, all tables of these margins";
  if (!std::isnan(out.p_value)) return out;
  out.p_value = simulated(t, o);
  out.method = "simulated, " + std::to_string(o.simulations) + " tables of these margins";
  return out;
}

}  // namespace rxhpc
