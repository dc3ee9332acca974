#include "rxhpc/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>

#include "bucket_pass.hpp"
#include "cell_terms.hpp"
#include "column_range.hpp"
#include "histogram_breaks.hpp"
#include "histogram_levels.hpp"
#include "masked_expression.hpp"
#include "memory_check.hpp"
#include "model_rows.hpp"
#include "order_statistics.hpp"
#include "quantile_position.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/summary.hpp"

namespace rxhpc {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double most_bins = 1e6;

/// `~ x | g + h` in its two parts, as text; the second empty where there are no panels.
struct Parts {
  std::string variable, panels;
};

Parts parts_of(std::string_view formula) {
  auto const whole = parse_expression(formula);
  if (!whole->is_call("~") || whole->args.size() != 1) throw UsageError("the formula of a histogram is '~ x' or '~ x | g + h'");
  auto const& right = whole->args[0];
  if (!right->is_call("|")) return {deparse(*right), ""};
  return {deparse(*right->args[0]), deparse(*right->args[1])};
}

/// The panel factors: terms of one factor each.
std::vector<FormulaTerm> panel_terms(const std::string& text) {
  std::vector<FormulaTerm> factors;
  if (text.empty()) return factors;
  for (auto const& t : parse_formula("~ " + text).terms)
    for (auto const& v : t.variables) factors.push_back({{v}});
  return factors;
}

struct Work {
  RowSource& rows;
  const HistogramOptions& options;
  Communicator& comm;
  Timing& timing;
};

/// Count, extremes and second moment of the finite values, and the column that has them.
struct Finite {
  int column = -1;
  ZoneMoments moments;
  double n = 0, variance = 0;  ///< as a rule for breaks wants them: a row of frequency weight w is w rows
};

ZoneMoments moments_of_column(Work& w, int column, bool extremes_only) {
  return impl::column_moments(w.rows, column, extremes_only, w.options.run, w.comm, &w.timing);
}

/// Of the rows with a weight above 0: others set no break.
Finite finite_values(Work& w, const impl::CellTerm& variable, bool extremes_only) {
  int const counted = impl::where_weighted(w.rows, variable.number, variable.value, w.options.pweights, w.options.fweights);
  Finite f{counted, moments_of_column(w, counted, extremes_only)};
  if (f.moments.n > 0 && (f.moments.min == -inf || f.moments.max == inf)) {
    auto const finite = impl::where_finite(*variable.number);
    f.column = impl::where_weighted(w.rows, finite, w.rows.derive(*finite, deparse(*finite)), w.options.pweights, w.options.fweights);
    f.moments = moments_of_column(w, f.column, extremes_only);
  }
  if (f.moments.n == 0) throw DataError("column '" + variable.name + "' has no finite value in the rows used");
  f.n = static_cast<double>(f.moments.n);
  f.variance = f.n > 1 ? f.moments.m2 / (f.n - 1) : 0;
  return f;
}

/// Counts rows as often as their frequency weights say.
void count_weights(Work& w, Finite& f) {
  auto const& name = w.rows.schema()[static_cast<std::size_t>(f.column)].name;
  SummaryOptions options;
  options.fweights = w.options.fweights;
  options.run = w.options.run;
  auto const summary = summarize(w.rows, "~ " + quoted_name(name), options, w.comm);
  impl::add_timing(w.timing, summary.timing);
  auto const& all = summary.variables.at(0).statistics;
  f.n = all.sum_of_weights;
  f.variance = f.n > 1 ? all.std_dev * all.std_dev : 0;
}

/// Twice the interquartile range of the values to five digits, or what stands for it where that is 0 (R's nclass.FD).
double freedman_diaconis_width(Work& w, const Finite& f) {
  std::vector<double> shares;
  for (double tail = 0.25; tail >= 1.0 / 512; tail /= 2) shares.insert(shares.end(), {tail, 1 - tail});
  impl::RankRequest request;
  request.terms = {{f.column, {}, {}, {}}};
  request.weight = impl::weight_column(w.rows, {}, w.options.fweights);
  request.frequency = true;
  request.shares = shares;
  request.ranks = [&](std::size_t, double n) {
    std::vector<double> ranks;
    for (double p : shares) {
      auto const at = impl::quantile_position(7, n, p);
      ranks.insert(ranks.end(), {at.j, std::min(at.j + 1, n)});
    }
    return ranks;
  };
  auto const cell = impl::order_statistics(w.rows, request, w.options.run, w.comm, &w.timing)[0].cells[0];
  auto const quantile = [&](std::size_t k) {
    return impl::interpolated(impl::quantile_position(7, cell.scaled_size, shares[k]), impl::five_digits(cell.values[2 * k]), impl::five_digits(cell.values[2 * k + 1]));
  };
  for (std::size_t k = 0; k < shares.size(); k += 2)
    if (double const width = quantile(k + 1) - quantile(k); width > 0) return width / (1 - 2 * shares[k]);
  return 3.5 * std::sqrt(f.variance);
}

std::vector<double> numbers_of(const std::string& text) {
  std::vector<double> numbers;
  for (std::size_t at = 0; at <= text.size();) {
    auto const comma = std::min(text.find(',', at), text.size());
    auto const one = text.substr(at, comma - at);
    char* end = nullptr;
    numbers.push_back(std::strtod(one.c_str(), &end));
    if (one.empty() || *end != '\0' || !std::isfinite(numbers.back())) throw UsageError("--breaks: '" + one + "' is not a number");
    at = comma + 1;
  }
  return numbers;
}

/// The breaks, and the range of the values where it was needed (0 where not).
std::vector<double> breaks_of(Work& w, const impl::CellTerm& variable, double& value_range) {
  auto const& o = w.options;
  bool const rule = o.breaks == "sturges" || o.breaks == "scott" || o.breaks == "fd";
  auto const given = rule ? std::vector<double>() : numbers_of(o.breaks);
  if (given.size() > 1) {
    auto breaks = given;
    std::sort(breaks.begin(), breaks.end());
    if (std::adjacent_find(breaks.begin(), breaks.end()) != breaks.end()) throw UsageError("--breaks: a break is given twice");
    return breaks;
  }
  bool const both_ends = !std::isnan(o.start_val) && !std::isnan(o.end_val);
  Finite f;
  if (!(both_ends && (o.num_breaks > 0 || !rule))) {
    f = finite_values(w, variable, o.num_breaks > 0 || !rule || o.breaks == "sturges");
    value_range = f.moments.max - f.moments.min;
  }
  double const low = std::isnan(o.start_val) ? f.moments.min : o.start_val, high = std::isnan(o.end_val) ? f.moments.max : o.end_val;
  if (!(low < high) && !(low == high && std::isnan(o.start_val) && std::isnan(o.end_val)))
    throw UsageError("bins from " + number_text(low) + " to " + number_text(high) + " have no width");
  if (o.num_breaks > 10'000'000) throw UsageError("--num-breaks lies between 1 and 10 million");
  impl::require_memory(o.run.memory_limit, 512.0 * (2 + o.run.threads) * o.num_breaks, "so many bins");
  if (o.num_breaks > 0) return low < high ? impl::even_breaks(low, high, o.num_breaks) : impl::even_breaks(low - 0.5, low + 0.5, o.num_breaks);
  if (rule && !o.fweights.empty()) count_weights(w, f);
  double bins = 0;
  if (!rule) bins = given[0];
  else if (o.breaks == "sturges") bins = impl::sturges_bins(f.n);
  else if (o.breaks == "scott") bins = impl::scott_bins(f.n, f.variance, value_range);
  else bins = impl::freedman_diaconis_bins(f.n, freedman_diaconis_width(w, f), value_range);
  if (!(bins >= 1)) throw UsageError("--breaks: " + o.breaks + " is no number of bins");
  return impl::pretty(low, high, static_cast<int>(std::min(bins, most_bins)));
}

/// Edges of the buckets: breaks moved by 1e-7 of a width outwards, so that values that should lie on a break do (R's hist()).
std::vector<double> edges_of(const std::vector<double>& breaks, bool right, double value_range) {
  std::vector<double> widths;
  for (std::size_t k = 1; k < breaks.size(); ++k) widths.push_back(breaks[k] - breaks[k - 1]);
  auto sorted = widths;
  std::sort(sorted.begin(), sorted.end());
  auto const middle = sorted.size() / 2;
  double const median = sorted.size() % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  double const shift = 1e-7 * (breaks.size() > 5 ? median : breaks.size() <= 3 && value_range > 0 ? std::min(value_range, sorted[0]) : sorted[0]);
  std::vector<double> edges;
  for (std::size_t k = 0; k < breaks.size(); ++k) {
    bool const first = k == 0, last = k + 1 == breaks.size();
    double const edge = breaks[k] + (right ? (first ? -shift : shift) : (last ? shift : -shift));
    edges.push_back((right && !first) || (!right && last) ? std::nextafter(edge, inf) : edge);  // a bucket never holds its upper edge
  }
  return edges;
}

/// Bars of a factor: counts of its levels in the panels' cells.
void count_levels(Histogram& out, const std::string& variable, const std::vector<FormulaTerm>& panels, const ChunkSource& source, const HistogramOptions& o,
                  Communicator& comm) {
  std::string formula = "~ " + variable;
  for (auto const& p : panels) formula += ":" + p.label();
  auto const s = summarize(source, formula, {.rows = o.rows, .pweights = o.pweights, .fweights = o.fweights, .run = o.run}, comm);
  auto const& table = s.categorical.at(0);
  auto const first = table.cells.empty() ? std::string() : table.cells[0].levels[0];
  for (auto const& c : table.cells) {
    if (c.levels[0] == first) out.panels.push_back({{c.levels.begin() + 1, c.levels.end()}, {}, 0});
    if (out.panels.size() == 1) out.categories.push_back(c.levels[0]);
    out.panels.back().counts.push_back(c.counts);
  }
  out.n_valid_obs = table.valid_obs;
  out.n_missing_obs = table.missing_obs;
  out.timing = s.timing;
}

void count_bins(Histogram& out, Work& w, const impl::CellTerm& variable, const std::vector<impl::CellTerm>& panels, double value_range) {
  impl::ReadList read;
  BucketSpec spec;
  spec.value = read.place(variable.value);
  spec.weight = read.place(impl::weight_column(w.rows, w.options.pweights, w.options.fweights));
  std::size_t cells = 1;
  for (auto const& p : panels) {
    spec.factors.push_back(read.place(p.factors[0]));
    spec.levels.push_back(static_cast<int>(p.levels[0].size()));
    cells *= p.levels[0].size();
  }
  double const bars = static_cast<double>(cells) * static_cast<double>(out.breaks.size());
  impl::require_memory(w.options.run.memory_limit, 128 * bars, number_text(bars) + " bars");
  auto const edges = edges_of(out.breaks, out.right, value_range);
  auto buckets = std::make_shared<BucketEdges>();
  buckets->first = {0};
  for (std::size_t c = 0; c < cells; ++c) {
    buckets->edges.insert(buckets->edges.end(), edges.begin(), edges.end());
    buckets->first.push_back(static_cast<std::uint32_t>(buckets->edges.size()));
  }
  spec.edges = buckets;
  auto const counts = std::move(impl::bucket_pass(w.rows, read.columns(), {spec}, w.options.run, w.comm, &w.timing)[0]);
  if (spec.weight >= 0) impl::check_weights(counts, w.options.pweights.empty() ? w.options.fweights : w.options.pweights);
  out.n_missing_obs = counts.missing();
  for (std::size_t c = 0; c < cells; ++c) {
    HistogramPanel panel;
    std::size_t rest = c;
    for (auto const& p : panels) {
      panel.levels.push_back(p.levels[0][rest % p.levels[0].size()]);
      rest /= p.levels[0].size();
    }
    auto const at = buckets->bucket(c);
    for (std::size_t b = 0; b <= edges.size(); ++b) {
      out.n_valid_obs += counts.rows(at + b);
      if (b == 0 || b == edges.size()) out.outside += counts.rows(at + b);
      else panel.counts.push_back(counts.weight(at + b).hi);
    }
    out.panels.push_back(std::move(panel));
  }
}

std::vector<double> scaled(const HistogramPanel& panel, double by) {
  std::vector<double> out;
  for (double c : panel.counts) out.push_back(panel.total > 0 ? by * c / panel.total : std::nan(""));
  return out;
}

/// What a histogram's formula means in `rows`.
struct Resolved {
  impl::CellTerm variable;
  std::vector<FormulaTerm> panel_formula;
  std::vector<impl::CellTerm> panels;
};

Resolved resolve(const Parts& parts, RowSource& rows) {
  Resolved out;
  auto const terms = parse_formula("~ " + parts.variable).terms;
  if (terms.size() != 1) throw UsageError("a histogram shows one variable; others make panels: '~ x | g'");
  out.variable = impl::cell_term(terms[0], rows, "a histogram");
  if (out.variable.factors.size() > (out.variable.value < 0 ? 1u : 0u)) throw UsageError("a histogram shows one variable; others make panels: '~ x | g'");
  out.panel_formula = panel_terms(parts.panels);
  for (auto const& t : out.panel_formula) {
    out.panels.push_back(impl::cell_term(t, rows, "a histogram"));
    auto const& p = out.panels.back();
    if (p.value >= 0) throw UsageError("'" + p.name + "' is no factor to make panels of; F(" + p.label + ") is one");
  }
  return out;
}

void check_panels(double panels, const HistogramOptions& options) {
  if (panels > options.max_num_panels)
    throw UsageError(number_text(panels) + " panels are more than --max-num-panels allows (" + std::to_string(options.max_num_panels) + ")");
}

void add_up(Histogram& out) {
  out.all = {};
  for (auto& panel : out.panels) {
    out.all.counts.resize(panel.counts.size());
    panel.total = 0;
    for (std::size_t k = 0; k < panel.counts.size(); ++k) panel.total += panel.counts[k], out.all.counts[k] += panel.counts[k];
    out.all.total += panel.total;
  }
}

/// The histogram of the rows whose levels stay, without the bars and panels of the others.
Histogram of_chosen_levels(const ChunkSource& source, std::string_view formula, HistogramOptions options, Communicator& comm) {
  RowSource rows(source, options.rows);
  impl::use_sweep_for_ranges(rows, options.run, comm);
  auto const resolved = resolve(parts_of(formula), rows);
  auto factors = resolved.panels;
  std::size_t const bars = resolved.variable.value < 0 ? 1 : 0;
  if (bars == 1) factors.insert(factors.begin(), resolved.variable);
  impl::LevelChoice const choice(factors, options.levels_to_drop, options.levels_to_keep);
  check_panels(choice.combinations(bars), options);
  options.rows.row_selection = choice.selection(options.rows.row_selection);
  options.levels_to_drop.clear();
  options.levels_to_keep.clear();
  options.max_num_panels = std::numeric_limits<int>::max();
  auto out = histogram(source, formula, options, comm);
  std::erase_if(out.panels, [&](const HistogramPanel& panel) {
    for (std::size_t f = 0; f < panel.levels.size(); ++f)
      if (!choice.stays(bars + f, panel.levels[f])) return true;
    return false;
  });
  for (std::size_t k = out.categories.size(); k-- > 0;) {
    if (choice.stays(0, out.categories[k])) continue;
    auto const at = static_cast<std::ptrdiff_t>(k);
    out.categories.erase(out.categories.begin() + at);
    for (auto& panel : out.panels) panel.counts.erase(panel.counts.begin() + at);
  }
  add_up(out);
  return out;
}

}  // namespace

HistogramOptions::HistogramOptions() : start_val(std::nan("")), end_val(std::nan("")) {}

std::vector<double> Histogram::percents(const HistogramPanel& panel) const { return scaled(panel, 100); }

std::vector<double> Histogram::density(const HistogramPanel& panel) const {
  std::vector<double> out;
  for (std::size_t k = 0; k + 1 < breaks.size(); ++k)
    out.push_back(panel.total > 0 ? panel.counts[k] / (panel.total * (breaks[k + 1] - breaks[k])) : std::nan(""));
  return out;
}

Histogram histogram(const ChunkSource& source, std::string_view formula, const HistogramOptions& options, Communicator& comm) {
  if (!options.levels_to_drop.empty() || !options.levels_to_keep.empty()) return of_chosen_levels(source, formula, options, comm);
  Histogram out;
  auto const parts = parts_of(formula);
  out.formula = "~" + parts.variable + (parts.panels.empty() ? "" : " | " + parts.panels);
  out.right = options.right;
  RowSource rows(source, options.rows);
  impl::use_sweep_for_ranges(rows, options.run, comm);
  auto const [variable, panel_formula, panels] = resolve(parts, rows);
  out.variable = variable.name;
  double cells = 1;
  for (auto const& p : panels) {
    out.factors.push_back(p.name);
    cells *= static_cast<double>(p.levels[0].size());
  }
  check_panels(cells, options);
  if (variable.value < 0) {
    count_levels(out, variable.label, panel_formula, source, options, comm);
    if (out.categories.empty()) throw DataError("column '" + variable.name + "': a factor without levels has only missing values");
  } else {
    Work work{rows, options, comm, out.timing};
    double value_range = 0;
    out.breaks = breaks_of(work, variable, value_range);
    double narrow = inf, wide = 0, sum = 0;
    for (std::size_t k = 1; k < out.breaks.size(); ++k) {
      double const width = out.breaks[k] - out.breaks[k - 1];
      narrow = std::min(narrow, width), wide = std::max(wide, width), sum += width;
    }
    out.equal_widths = wide - narrow < 1e-7 * sum / static_cast<double>(out.breaks.size() - 1);
    count_bins(out, work, variable, panels, value_range);
  }
  add_up(out);
  return out;
}

}  // namespace rxhpc
