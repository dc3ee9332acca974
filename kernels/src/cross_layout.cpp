#include "cross_layout.hpp"

#include <string>

#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

constexpr std::int64_t most_entries = std::int64_t(64) << 20;

CellTable cell_table(const CellKey& key, const DesignPlan& plan) {
  CellTable t;
  t.members = static_cast<int>(key.value.size());
  t.dense = static_cast<int>(plan.dense.size());
  for (int g : key.value)
    for (int k = 0; k < t.dense; ++k) t.entries.push_back({g, k, false});
  for (int g = 0; g < t.members; ++g)
    if (key.value[g] < 0) t.plain_member = g;
  t.inner.assign(std::size_t(t.members) * t.members, -1);
  for (int g = 0; g < t.members; ++g)
    for (int h = g; h < t.members; ++h) {
      if (key.value[g] < 0 || key.value[h] < 0) continue;
      t.inner[g * t.members + h] = t.inner[h * t.members + g] = static_cast<int>(t.entries.size());
      t.entries.push_back({key.value[g], key.value[h], true});
    }
  t.width = (static_cast<int>(t.entries.size()) + 3) / 4 * 4;
  return t;
}

void check_size(std::int64_t a, std::int64_t b, std::int64_t tables) {
  if (a > most_entries / b || a * b > most_entries / tables)
    throw UsageError("the joint table of two terms with " + std::to_string(a) + " and " + std::to_string(b) + " cells would have " +
                     std::to_string(static_cast<double>(a) * static_cast<double>(b) * static_cast<double>(tables)) + " entries; at most " +
                     std::to_string(most_entries) + " are held");
}

}  // namespace

CrossLayout::CrossLayout(CrossProductSpec s) : spec(std::move(s)), plan(plan_design(spec)) {
  exact = spec.precision == Precision::exact;
  weighted = spec.weight >= 0 || spec.reweighted;
  sums = plan.dense.size() * (plan.dense.size() + 1) / 2;
  for (auto const& key : plan.keys) {
    CellTable t = cell_table(key, plan);
    check_size(key.cells, t.width, 1);
    t.counts = counts;
    t.counted = weighted || t.plain_member < 0;
    if (t.counted) counts += key.cells;
    t.sums = sums;
    sums += std::size_t(key.cells) * t.width;
    cell_tables.push_back(std::move(t));
  }
  for (int a = 0; a < static_cast<int>(plan.keys.size()); ++a)
    for (int b = a + 1; b < static_cast<int>(plan.keys.size()); ++b) {
      auto const &left = plan.keys[a], &right = plan.keys[b];
      check_size(left.cells, right.cells, static_cast<std::int64_t>(left.value.size() * right.value.size()));
      JointTable t;
      t.a = a, t.b = b, t.cells_b = right.cells;
      auto const size = std::size_t(left.cells) * right.cells;
      for (int g : left.value)
        for (int h : right.value) {
          bool const counted = !weighted && g < 0 && h < 0;
          t.pairs.push_back({g, h, counted, counted ? counts : sums});
          (counted ? counts : sums) += size;
        }
      joint_tables.push_back(std::move(t));
    }
}

}  // namespace rxhpc::impl
