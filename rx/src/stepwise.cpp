#include "stepwise.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "model_rows.hpp"
#include "result_json.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

using Names = std::set<std::string>;

Names names_of(const FormulaTerm& term) {
  Names names;
  for (auto const& v : term.variables) names.insert(deparse(*v));
  return names;
}

Formula scope_formula(const std::string& text, const Formula& base) {
  std::vector<std::string> dot;
  for (auto const& t : base.terms)
    for (auto const& v : t.variables)
      if (v->kind == Expr::Kind::name && std::find(dot.begin(), dot.end(), v->text) == dot.end()) dot.push_back(v->text);
  auto formula = parse_formula(text, dot);
  if (!formula.offsets.empty()) throw UsageError("a scope takes no offset()");
  return formula;
}

/// True where every variable of `part` is in `whole`.
bool within(const std::vector<int>& part, const std::vector<int>& whole) { return std::includes(whole.begin(), whole.end(), part.begin(), part.end()); }

class Search {
 public:
  Search(const StepScope& scope, const StepControl& control, StepScorer& scorer) : scope_(scope), control_(control), scorer_(scorer) {
    auto method = control.method;
    if (method.empty()) method = control.scope_lower.empty() && control.scope_upper.empty() ? "backward" : "stepwise";
    if (method != "stepwise" && method != "forward" && method != "backward")
      throw UsageError("--step-method is stepwise, forward or backward, not '" + method + "'");
    forward_ = method != "backward";
    backward_ = method != "forward";
    add_below_ = std::isnan(control.max_sig_level_to_add) ? (backward_ ? 0.15 : 0.50) : control.max_sig_level_to_add;
    drop_above_ = std::isnan(control.min_sig_level_to_drop) ? (forward_ ? 0.15 : 0.10) : control.min_sig_level_to_drop;
  }

  StepPath run() {
    std::vector<int> terms;
    for (int t = 0; t < static_cast<int>(scope_.base.size()); ++t)
      if (scope_.base[t]) terms.push_back(t);
    StepPath path;
    auto now = scorer_.move_to(terms);
    double const none = std::nan("");
    path.anova.push_back({"", none, none, now.resid_df, now.deviance, now.aic});
    path.models.push_back(terms);
    std::set<std::set<int>> seen{{terms.begin(), terms.end()}};
    for (int step = 0; step < control_.max_steps; ++step) {
      auto const change = control_.by_significance ? by_significance(terms, now) : by_aic(terms, now);
      if (change.term < 0) break;
      auto next_terms = terms;
      if (change.add) next_terms.push_back(change.term);
      else std::erase(next_terms, change.term);
      // Levels that contradict one another would go round in circles.
      if (!seen.insert({next_terms.begin(), next_terms.end()}).second) break;
      auto const next = scorer_.move_to(next_terms);
      if (!control_.by_significance && next.resid_df != now.resid_df && next.aic >= now.aic + 1e-7) break;
      auto const label = (change.add ? "+ " : "- ") + scope_.formula.terms[change.term].label();
      path.anova.push_back({label, next.resid_df - now.resid_df, std::abs(next.deviance - now.deviance), next.resid_df, next.deviance, next.aic});
      path.models.push_back(next_terms);
      terms = std::move(next_terms);
      now = next;
    }
    return path;
  }

 private:
  struct Change {
    int term = -1;
    bool add = false;
  };

  /// Terms outside the lower scope that are part of no other term.
  std::vector<int> droppable(const std::vector<int>& terms) const {
    std::vector<int> out;
    for (int t : terms) {
      bool const inside = std::any_of(terms.begin(), terms.end(), [&](int u) { return u != t && within(scope_.variables[t], scope_.variables[u]); });
      if (!scope_.lower[t] && !inside) out.push_back(t);
    }
    return out;
  }
  /// Terms of the upper scope that are not in the model and hold no other such term.
  std::vector<int> addable(const std::vector<int>& terms) const {
    std::vector<int> absent, out;
    for (int t = 0; t < static_cast<int>(scope_.upper.size()); ++t)
      if (scope_.upper[t] && std::find(terms.begin(), terms.end(), t) == terms.end()) absent.push_back(t);
    for (int t : absent)
      if (std::none_of(absent.begin(), absent.end(), [&](int u) { return u != t && within(scope_.variables[u], scope_.variables[t]); })) out.push_back(t);
    return out;
  }

  Change by_aic(const std::vector<int>& terms, const StepScore& now) {
    Change best;
    double lowest = now.aic;
    if (backward_) {
      for (int t : droppable(terms)) {
        auto const s = scorer_.without(t);
        if (s.resid_df == now.resid_df) best = {t, false}, lowest = -INFINITY;  // a term without effect goes first, the last of several
        else if (s.aic < lowest) best = {t, false}, lowest = s.aic;
      }
      if (std::isinf(lowest)) return best;
    }
    if (forward_)
      for (int t : addable(terms)) {
        auto const s = scorer_.with(t);
        if (s.resid_df != now.resid_df && s.aic < lowest) best = {t, true}, lowest = s.aic;
      }
    return best;
  }

  Change by_significance(const std::vector<int>& terms, const StepScore& now) {
    Change best;
    if (backward_) {
      double highest = drop_above_;
      for (int t : droppable(terms)) {
        auto const s = scorer_.without(t);
        double const p = s.resid_df == now.resid_df ? INFINITY : scorer_.p_value(s, now);
        if (p > highest) best = {t, false}, highest = p;
      }
      if (best.term >= 0) return best;
    }
    if (forward_) {
      double lowest = add_below_;
      for (int t : addable(terms)) {
        auto const s = scorer_.with(t);
        double const p = s.resid_df == now.resid_df ? INFINITY : scorer_.p_value(now, s);
        if (p < lowest) best = {t, true}, lowest = p;
      }
    }
    return best;
  }

  const StepScope& scope_;
  const StepControl& control_;
  StepScorer& scorer_;
  bool forward_ = true, backward_ = true;
  double add_below_ = 0, drop_above_ = 0;
};

}  // namespace

StepScope step_scope(const Formula& base, const StepControl& control, bool like_r) {
  StepScope s;
  s.formula = base;
  std::vector<Names> names;
  for (auto const& t : base.terms) names.push_back(names_of(t));
  auto const place = [&](const FormulaTerm& t) { return static_cast<std::size_t>(std::find(names.begin(), names.end(), names_of(t)) - names.begin()); };
  std::size_t const of_base = base.terms.size();
  if (!control.scope_upper.empty()) {
    auto upper = scope_formula(control.scope_upper, base);
    if (like_r) upper = upper.in_r_order();
    std::vector<std::size_t> places;
    for (auto const& t : upper.terms) {
      places.push_back(place(t));
      if (places.back() < names.size()) continue;
      names.push_back(names_of(t));
      s.formula.terms.push_back(t);
    }
    s.upper.assign(names.size(), 0);
    for (auto p : places) s.upper[p] = 1;
  } else {
    s.upper.assign(names.size(), 1);
  }
  s.base.assign(names.size(), 0);
  std::fill_n(s.base.begin(), of_base, 1);
  s.lower.assign(names.size(), 0);
  if (!control.scope_lower.empty())
    for (auto const& t : scope_formula(control.scope_lower, base).terms) {
      auto const p = place(t);
      if (p >= of_base) throw UsageError("the lower scope has the term '" + t.label() + "', which is not in the formula");
      s.lower[p] = 1;
    }
  std::vector<std::string> all;
  for (auto const& n : names) {
    s.variables.emplace_back();
    for (auto const& one : n) {
      auto const at = std::find(all.begin(), all.end(), one);
      s.variables.back().push_back(static_cast<int>(at - all.begin()));
      if (at == all.end()) all.push_back(one);
    }
    std::sort(s.variables.back().begin(), s.variables.back().end());
  }
  return s;
}

bool uses_f_test(const StepControl& control, bool fixed_dispersion) {
  if (control.test.empty()) return !fixed_dispersion;
  if (control.test != "F" && control.test != "Chisq") throw UsageError("--step-test is F or Chisq, not '" + control.test + "'");
  return control.test == "F";
}

StepPath search_steps(const StepScope& scope, const StepControl& control, StepScorer& scorer) { return Search(scope, control, scorer).run(); }

std::string formula_of(const StepScope& scope, const std::vector<int>& terms) {
  auto const& left = scope.formula.responses;
  std::string text = left.size() == 2 ? "cbind(" + deparse(*left[0]) + ", " + deparse(*left[1]) + ") ~ " : deparse(*left[0]) + " ~ ";
  for (std::size_t k = 0; k < terms.size(); ++k) text += (k ? " + " : "") + scope.formula.terms[terms[k]].label();
  if (terms.empty()) return text + (scope.formula.intercept ? "1" : "0");
  return scope.formula.intercept ? text : text + " - 1";
}

std::string complete_rows(const StepScope& scope, const std::string& selection, const std::string& cluster) {
  std::vector<std::string> expressions;
  auto const add = [&](const std::string& e) {
    if (std::find(expressions.begin(), expressions.end(), e) == expressions.end()) expressions.push_back(e);
  };
  for (auto const& t : scope.formula.terms)
    for (auto const& v : t.variables) add(deparse(*v));
  if (!cluster.empty()) add(quoted_name(cluster));
  return complete_selection(selection, expressions);
}

void add_step_coefficient(std::vector<StepCoefficients>& all, std::size_t k, std::size_t steps, const Coefficient& c) {
  auto at = std::find_if(all.begin(), all.end(), [&](auto const& known) { return known.name == c.name; });
  if (at == all.end()) at = all.insert(all.end(), {c.name, std::vector<double>(steps, 0.0)});
  at->values[k] = c.aliased ? std::nan("") : c.estimate;
}

void add_selection(nlohmann::json& j, const Selection& s) {
  j["formula_base"] = s.formula_base;
  j["anova"] = nlohmann::json::array();
  for (auto const& a : s.anova)
    j["anova"].push_back({{"step", a.step}, {"df", count(a.df)}, {"deviance", number(a.deviance)}, {"resid_df", count(a.resid_df)},
                          {"resid_dev", number(a.resid_dev)}, {"aic", number(a.aic)}});
  if (s.coefs.empty()) return;
  j["step_coefs"] = nlohmann::json::array();
  for (auto const& c : s.coefs) {
    nlohmann::json one{{"name", c.name}, {"values", nlohmann::json::array()}};
    for (double x : c.values) one["values"].push_back(number(x));
    j["step_coefs"].push_back(std::move(one));
  }
}

std::string selection_text(const Selection& s) {
  std::vector<std::vector<std::string>> rows{{"Step", "Df", "Deviance", "Resid. Df", "Resid. Dev", "AIC"}};
  for (auto const& a : s.anova)
    rows.push_back({a.step.empty() ? "<start>" : a.step, std::isnan(a.df) ? "" : significant(a.df, 15), std::isnan(a.deviance) ? "" : significant(a.deviance, 7),
                    significant(a.resid_df, 15), significant(a.resid_dev, 7), significant(a.aic, 7)});
  return "\nSteps from " + s.formula_base + ":\n" + aligned(rows);
}

}  // namespace rxhpc::impl
