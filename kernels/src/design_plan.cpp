#include <algorithm>
#include <string>

#include "design_tile.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

int position_of(std::vector<int>& list, int column) {
  auto const at = std::find(list.begin(), list.end(), column);
  if (at != list.end()) return static_cast<int>(at - list.begin());
  list.push_back(column);
  return static_cast<int>(list.size()) - 1;
}

DesignPlan::Product product_of(DesignPlan& plan, const std::vector<int>& columns) {
  DesignPlan::Product p;
  for (int column : columns) p.of.push_back(position_of(plan.numeric, column));
  return p;
}

int factor_of(DesignPlan& plan, int column, int levels) {
  for (std::size_t f = 0; f < plan.factors.size(); ++f)
    if (plan.factors[f].column == column) {
      if (plan.factors[f].levels != levels) throw UsageError("design: the terms disagree on the levels of a factor");
      return static_cast<int>(f);
    }
  plan.factors.push_back({column, levels});
  return static_cast<int>(plan.factors.size()) - 1;
}

/// The key of a term's factors, made where it is new.
int key_of(DesignPlan& plan, const DesignTerm& term) {
  if (term.levels.size() != term.factors.size()) throw UsageError("design: a term needs one number of levels a factor");
  CellKey key;
  for (std::size_t f = 0; f < term.factors.size(); ++f) key.factor.push_back(factor_of(plan, term.factors[f], term.levels[f]));
  key.levels = term.levels;
  key.cells = term.cells();
  if (key.cells < 1 || key.cells > INT32_MAX) throw UsageError("design: a term with " + std::to_string(key.cells) + " cells cannot be held");
  for (std::size_t k = 0; k < plan.keys.size(); ++k)
    if (plan.keys[k].factor == key.factor) return static_cast<int>(k);
  plan.keys.push_back(std::move(key));
  return static_cast<int>(plan.keys.size()) - 1;
}

void place_term(DesignPlan& plan, const DesignTerm& term) {
  DesignPlan::Place place;
  place.first = plan.columns;
  if (term.factors.empty() && term.numeric.empty()) {
    place.dense = 0;
  } else if (term.factors.empty()) {
    place.dense = static_cast<int>(plan.dense.size());
    plan.dense.push_back(product_of(plan, term.numeric));
  } else {
    place.key = key_of(plan, term);
    auto& members = plan.keys[place.key].value;
    place.member = static_cast<int>(members.size());
    members.push_back(term.numeric.empty() ? -1 : static_cast<int>(plan.values.size()));
    if (!term.numeric.empty()) plan.values.push_back(product_of(plan, term.numeric));
  }
  plan.columns += term.cells();
  plan.terms.push_back(place);
}

}  // namespace

DesignPlan plan_design(const CrossProductSpec& spec) {
  DesignPlan plan;
  plan.weight = spec.weight;
  plan.dense.emplace_back();
  for (auto const& term : spec.terms) place_term(plan, term);
  for (int y : spec.responses) {
    DesignPlan::Place place;
    place.first = plan.columns++;
    place.dense = static_cast<int>(plan.dense.size());
    plan.dense.push_back(product_of(plan, {y}));
    plan.responses.push_back(place);
  }
  for (int column : spec.carried) {
    plan.carried.push_back(static_cast<int>(plan.values.size()));
    plan.values.push_back(product_of(plan, {column}));
  }
  if (spec.precision == Precision::plain && !spec.shift.empty()) {
    if (spec.shift.size() != plan.dense.size() - 1)
      throw UsageError("design: " + std::to_string(plan.dense.size() - 1) + " shifts are needed (numeric terms, then responses), " +
                       std::to_string(spec.shift.size()) + " were given");
    for (std::size_t k = 1; k < plan.dense.size(); ++k) plan.dense[k].shift = spec.shift[k - 1];
  }
  // A column that is nothing but one dense product is shifted as it is read.
  std::vector<int> uses(plan.numeric.size(), 0);
  plan.shift.assign(plan.numeric.size(), 0.0);
  for (auto const* list : {&plan.dense, &plan.values})
    for (auto const& p : *list)
      for (int u : p.of) ++uses[u];
  for (auto const& p : plan.dense)
    if (p.of.size() == 1 && uses[p.of[0]] == 1) plan.shift[p.of[0]] = p.shift;
  plan.tile_rows = plan.dense.size() <= 60 ? 256 : least_tile_rows;  // the tile stays well inside the second cache
  return plan;
}

}  // namespace rxhpc::impl
