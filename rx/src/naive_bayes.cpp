#include "rxhpc/naive_bayes.hpp"

#include <algorithm>
#include <cmath>

#include "model_rows.hpp"
#include "rxhpc/class_statistics.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// The formula against the source, and where each variable lies in what is read.
struct Problem {
  RowSource rows;
  std::string formula;
  Design response, predictors;
  std::vector<int> read;
  ClassStatistics::Spec spec;

  int place(int column) {
    auto const at = std::find(read.begin(), read.end(), column);
    if (at != read.end()) return static_cast<int>(at - read.begin());
    read.push_back(column);
    return static_cast<int>(read.size()) - 1;
  }
};

/// A design of single variables, without an intercept.
Design design_of(std::vector<FormulaTerm> terms, RowSource& rows) {
  Formula f;
  f.terms = std::move(terms);
  f.intercept = false;
  return make_design(f, rows, false);
}

void resolve(Problem& p, std::string_view text, const NaiveBayesOptions& o) {
  std::vector<std::string> names;
  for (auto const& v : p.rows.schema().variables)
    if (v.storage != Storage::text) names.push_back(v.name);
  auto const f = parse_formula(text, names);
  p.formula = f.text;
  if (f.responses.size() != 1) throw UsageError("naive Bayes needs one response: 'y ~ a + b'");
  if (!f.offsets.empty()) throw UsageError("naive Bayes takes no offset()");
  if (f.terms.empty()) throw UsageError("the formula has no predictor");
  p.response = design_of({FormulaTerm{{f.responses[0]}}}, p.rows);
  auto const& y = p.response.variables[0];
  if (!y.factor) throw UsageError("the response '" + y.label + "' is not a factor; F(" + y.label + ") or factor() makes one");
  if (y.levels.size() < 2) throw DataError("the response '" + y.label + "' has one level; two classes are needed");
  for (auto const& t : f.terms) {
    if (t.variables.size() > 1) throw UsageError("naive Bayes takes no interactions: '" + t.label() + "'");
    if (t.label() == y.label) throw UsageError("the response '" + y.label + "' cannot be a predictor, too");
  }
  p.predictors = design_of(f.terms, p.rows);

  // Classes, weights and selection are read before the predictors, which ClassStatistics takes one by one
  p.spec.classes = static_cast<int>(y.levels.size());
  p.spec.response = p.place(bind(p.response, p.rows).variable_columns[0]);
  if (auto const weights = impl::weight_name(o.pweights, o.fweights); !weights.empty())
    p.spec.weight = p.place(numeric_column(p.rows, *parse_expression(quoted_name(weights)), "the weight"));
  auto const bound = bind(p.predictors, p.rows);
  if (!o.by_term) {
    std::string complete;
    for (auto const& v : p.predictors.variables) complete += (complete.empty() ? "" : " & ") + ("!is.na(" + v.expression + ")");
    p.spec.also_true = p.place(p.rows.derive(*parse_expression(complete), complete));
  }
  for (std::size_t k = 0; k < p.predictors.variables.size(); ++k) {
    auto const& v = p.predictors.variables[k];
    int const at = static_cast<int>(p.read.size());  // its own place, be it the weight, too: that is read before the selection is known
    p.read.push_back(bound.variable_columns[k]);
    if (v.factor) {
      p.spec.factors.push_back(at);
      p.spec.levels.push_back(static_cast<int>(v.levels.size()));
    } else {
      p.spec.numbers.push_back(at);
    }
  }
}

std::vector<double> priors(const ClassStatistics& s, const NaiveBayesOptions& o, int classes) {
  std::vector<double> p;
  double total = 0;
  for (int c = 0; c < classes; ++c) total += p.emplace_back(o.prior.empty() ? s.weight(c) : o.prior[static_cast<std::size_t>(c)]);
  for (double& x : p) x /= total;
  return p;
}

NaiveBayesTable numeric_table(const ClassStatistics& s, int number, const std::string& label, const NaiveBayesOptions& o, NaiveBayes& out) {
  NaiveBayesTable t;
  bool any = false;
  for (int c = 0; c < static_cast<int>(out.classes.size()); ++c) {
    auto const& m = s.moments(number, c);
    if (m.base.n > 0 && !std::isfinite(m.base.mean)) throw DataError("column '" + label + "': infinite values; a row selection can leave them out");
    any |= m.base.n > 0;
    double const mean = m.base.n > 0 ? m.base.mean + m.base.mean_lo : none, deviation = std::sqrt(variance_of(m, out.weighted, !o.fweights.empty()));
    // weights leave rounding where all values are equal
    t.mean.push_back(mean);
    t.std_dev.push_back(out.weighted && deviation <= std::abs(mean) * naive_bayes_rounding ? 0 : deviation);
    if (s.rows(c) > 0 && std::isnan(t.std_dev.back()))
      out.warnings.push_back("class '" + out.classes[static_cast<std::size_t>(c)] + "' has fewer than two values of '" + label +
                             "': rows with a value there cannot be predicted");
  }
  if (!any) throw DataError("column '" + label + "' has only missing values");
  return t;
}

NaiveBayesTable factor_table(const ClassStatistics& s, int factor, int levels, const std::string& label, const NaiveBayesOptions& o, NaiveBayes& out) {
  NaiveBayesTable t;
  double all = 0;
  for (int c = 0; c < static_cast<int>(out.classes.size()); ++c) {
    double total = 0;
    for (int l = 0; l < levels; ++l) total += s.count(factor, l, c);
    all += total;
    auto& share = t.share.emplace_back();
    for (int l = 0; l < levels; ++l) {
      double const under = total + o.smoothing_factor * levels;
      share.push_back(under > 0 ? (s.count(factor, l, c) + o.smoothing_factor) / under : none);
    }
    if (s.rows(c) > 0 && std::isnan(share[0]))
      out.warnings.push_back("class '" + out.classes[static_cast<std::size_t>(c)] + "' has no value of '" + label +
                             "': rows with a value there cannot be predicted");
  }
  if (!(all > 0)) throw DataError("column '" + label + "' has only missing values");
  return t;
}

void check_options(const NaiveBayesOptions& o) {
  if (!(o.smoothing_factor >= 0) || std::isinf(o.smoothing_factor)) throw UsageError("--smoothing-factor is not negative");
}

void check_prior(const NaiveBayesOptions& o, std::size_t classes) {
  if (o.prior.empty()) return;
  if (o.prior.size() != classes)
    throw UsageError("--prior has " + std::to_string(o.prior.size()) + " values, the response " + std::to_string(classes) + " levels");
  double total = 0;
  for (double p : o.prior) {
    if (!(p >= 0) || std::isinf(p)) throw UsageError("--prior: the values are not negative");
    total += p;
  }
  if (!(total > 0)) throw UsageError("--prior: one value at least is above 0");
}

}  // namespace

NaiveBayes naive_bayes(const ChunkSource& source, std::string_view formula, const NaiveBayesOptions& options, Communicator& comm) {
  check_options(options);
  Problem p{RowSource(source, options.rows), {}, {}, {}, {}, {}};
  impl::use_sweep_for_ranges(p.rows, options.run, comm);
  resolve(p, formula, options);
  auto const& y = p.response.variables[0];
  check_prior(options, y.levels.size());

  NaiveBayes out;
  auto const s = sweep(p.rows, p.read, ClassStatistics(p.spec), options.run, comm, &out.timing);
  impl::refuse_weights(impl::weight_name(options.pweights, options.fweights), s.refused_weight());
  if (s.valid() == 0) throw DataError("no row has a class: the response '" + y.label + "' is missing in every one, or its weight is 0 or missing, or none was selected");
  out.formula = p.formula;
  out.response = y.label;
  out.rows = p.rows.options();
  out.weighted = p.spec.weight >= 0;
  out.smoothing_factor = options.smoothing_factor;
  out.classes = y.levels;
  out.n_valid_obs = s.valid();
  out.n_missing_obs = s.missing();
  for (int c = 0; c < p.spec.classes; ++c) out.weight_sum += s.weight(c);
  out.apriori = priors(s, options, p.spec.classes);
  for (int c = 0; c < p.spec.classes; ++c)
    if (s.rows(c) == 0) out.warnings.push_back("no row is of class '" + out.classes[static_cast<std::size_t>(c)] + "'");
  int number = 0, factor = 0;
  for (auto const& v : p.predictors.variables) {
    auto const name = result_name(v.label);
    out.tables.push_back(v.factor ? factor_table(s, factor, static_cast<int>(v.levels.size()), name, options, out)
                                  : numeric_table(s, number, name, options, out));
    ++(v.factor ? factor : number);
  }
  out.predictors = std::move(p.predictors);
  return out;
}

}  // namespace rxhpc
