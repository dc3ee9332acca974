#include "glm_response.hpp"

#include <algorithm>

#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

/// The expression that is 0 for the first level and 1 for the second; throws where there are not two. Both are named in it: a third one in
/// another table is neither.
std::string second_level(const std::string& name, const Variable& v, bool binomial) {
  if (!binomial) throw UsageError("the response '" + name + "' is " + to_string(v.type) + "; this family needs a number");
  auto levels = v.levels;
  if (v.type == VarType::character) std::sort(levels.begin(), levels.end());
  if (v.storage == Storage::text || levels.size() != 2)
    throw DataError("the response '" + name + "' has " + (v.storage == Storage::text ? "too many" : std::to_string(levels.size())) +
                    " levels; a binomial response has two, the second being the success");
  return "as.numeric(N(factor(" + name + ", levels = c(" + quoted_text(levels[0]) + ", " + quoted_text(levels[1]) + "))))";
}

}  // namespace

GlmResponse resolve_response(Regression& r, bool binomial, FitOptions& options) {
  GlmResponse out;
  auto const& written = r.formula.responses;
  if (written.size() == 2 && binomial) {
    auto const successes = deparse(*r.rows.pinned(written[0])), failures = deparse(*r.rows.pinned(written[1]));
    auto const trials = "((" + successes + ") + (" + failures + "))";
    if (!options.fweights.empty()) throw UsageError("--fweights cannot go with a response of successes and failures");
    out.name = "cbind(" + deparse(*written[0]) + ", " + deparse(*written[1]) + ")";
    out.expression = "(" + successes + ") / " + trials;
    auto const weights = trials + (options.pweights.empty() ? "" : " * " + quoted_name(options.pweights));
    // A row without trials says nothing: its weight is 0, and its share must not be missing.
    out.expression = "ifelse(" + trials + " == 0, 0, " + out.expression + ")";
    r.spec.responses = {r.place(numeric_column(r.rows, *parse_expression(out.expression), "the response"))};
    r.spec.weight = r.place(numeric_column(r.rows, *parse_expression(weights), "the weight"));
    if (!options.pweights.empty()) out.trials = trials;
    options.pweights = weights;
    r.dense = 1;
    for (auto const& t : r.spec.terms) r.dense += t.factors.empty();
    return out;
  }
  if (written.size() != 1) throw UsageError("this model has one response" + std::string(binomial ? ", or cbind(successes, failures)" : ""));
  out.name = out.expression = deparse(*written[0]);
  int const column = r.rows.derive(*written[0], out.name);
  auto const v = r.rows.schema()[column];
  if (v.type == VarType::logical && binomial) out.expression = "as.numeric(" + out.name + ")";
  else if (v.coded() || v.storage == Storage::text) out.expression = second_level(out.name, v, binomial);
  else out.expression = deparse(*r.rows.pinned(written[0]));
  r.spec.responses = {r.place(out.expression == out.name ? column : numeric_column(r.rows, *parse_expression(out.expression), "the response"))};
  resolve_weight(r, options);
  return out;
}

void refuse_responses(const NamedFamily& family, const GlmStep& step) {
  if (step.n_out_of_range() > 0) {
    auto const range = family.functions.range;
    std::string const what = range == Range::zero_or_one ? "is neither 0 nor 1" : range == Range::unit_interval ? "is not between 0 and 1"
                             : range == Range::from_zero ? "is negative" : "is not above 0";
    throw DataError("the response " + what + " in " + std::to_string(step.n_out_of_range()) + " rows, which the family " + family.family + " cannot have");
  }
  double const total = static_cast<double>(step.sums().weighted_y), weight = static_cast<double>(step.sums().weight);
  if (family.functions.variance == Variance::binomial && (total == 0 || total == weight))
    throw DataError("the response is " + std::string(total == 0 ? "0" : "1") + " in every row: there is only one class");
}

std::string offset_expression(Regression& r, const std::string& column) {
  std::string sum = column.empty() ? "" : quoted_name(column);
  for (auto const& e : r.formula.offsets) {
    auto const one = deparse(*r.rows.pinned(e));
    sum += sum.empty() ? one : " + (" + one + ")";
  }
  return sum;
}

}  // namespace rxhpc::impl
