#include "rxhpc/crosstabs.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "memory_source.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/self_communicator.hpp"
#include "thread_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;
using Numbers = std::vector<double>;

MemorySource table(std::int64_t chunk_rows = 3) {
  MemorySource s(chunk_rows);
  s.factor("f", {"a", "b"}, {0, 1, 0, 1, 0, 1, 1, 0, 1}).factor("g", {"u", "v", "empty"}, {0, 0, 0, 1, 1, 1, 1, 0, 0});
  s.factor("h", {"p", "q"}, {0, 0, 0, 0, 1, 1, 1, 1, 1}).numeric("n", {1, 2, 3, 4, 5, 6, 7, 8, 9});
  s.factor("one", {"only"}, std::vector<int>(9, 0));
  return s;
}

CrossTabs made(const ChunkSource& source, const char* formula, CrossTabsOptions o = {}) {
  SelfCommunicator self;
  o.cube.run.threads = 1;
  return cross_tabs(source, formula, o, self);
}

TEST(CrossTabs, RowsColumnsAndTotals) {
  auto const x = made(table(), "~ f:g");
  ASSERT_EQ(x.tables.size(), 1u);
  auto const& t = x.tables[0];
  EXPECT_EQ(t.name, "Counts");
  EXPECT_EQ(t.values.values, (Numbers{3, 1, 0, 2, 3, 0}));
  EXPECT_EQ(t.row_totals, (Numbers{4, 5}));
  EXPECT_EQ(t.column_totals, (Numbers{5, 4, 0}));
  EXPECT_EQ(t.grand_total, 9);
  EXPECT_EQ(t.chi_square.df, 1);  // the empty column does not count
}

TEST(CrossTabs, OneTableAVariableAndLevelOfTheOthers) {
  CrossTabsOptions o;
  o.cube.means = true;
  o.mantel_haenszel = true;
  auto const x = made(table(), "cbind(n, z) ~ f:g:h", [&] {
    o.cube.rows.transforms = {"z = -n"};
    return o;
  }());
  ASSERT_EQ(x.tables.size(), 4u);
  EXPECT_EQ(x.tables[1].name, "n, h = q");
  EXPECT_EQ(x.tables[1].values.values, (Numbers{8, 5, 0, 9, 13, 0}));
  EXPECT_EQ(x.tables[1].means.values[4], 6.5);
  EXPECT_EQ(x.tables[1].row_means, (Numbers{6.5, 22.0 / 3}));
  EXPECT_EQ(x.tables[2].name, "z, h = p");
  EXPECT_FALSE(x.tables[2].chi_square.valid);  // negative sums
  ASSERT_EQ(x.mantel_haenszel.size(), 2u);
  EXPECT_TRUE(x.mantel_haenszel[0].valid);
  EXPECT_FALSE(x.mantel_haenszel[1].valid);
  auto const j = to_json(x);
  EXPECT_EQ(j["tables"][1]["levels"][0], "q");
  EXPECT_TRUE(j["tables"][2]["chisquare"].is_null());
  EXPECT_EQ(j["cells"].size(), 12u);
}

TEST(CrossTabs, OneFactorAndOneLevel) {
  auto const x = made(table(), "~ f");
  EXPECT_EQ(x.tables[0].values.values, (Numbers{4, 5}));
  EXPECT_FALSE(x.tables[0].chi_square.valid);
  EXPECT_FALSE(made(table(), "~ f:one").tables[0].chi_square.valid);
  EXPECT_THROW(made(table(), "~ n"), UsageError);
}

TEST(CrossTabs, TextIsLaidOutAsR) {
  CrossTabsOptions o;
  o.marginals = true;
  o.cube.means = false;
  std::string text = to_text(made(table(), "n ~ f:g", o)), words;
  for (char c : text)
    if (c != ' ' || words.empty() || words.back() != ' ') words += c;
  EXPECT_NE(words.find("n (sums):\n g\nf u v empty Total\n a 12 5 0 17\n b 11 17 0 28\n Total 23 22 0 45\n"), std::string::npos) << text;
}

TEST(CrossTabs, RanksCannotMatter) {
  CrossTabsOptions o;
  o.fisher = o.kendall = o.odds_ratio = o.risk_ratio = o.mantel_haenszel = true;
  auto const want = to_json(made(table(9), "n ~ f:g:h", o));
  for (int ranks : {1, 2, 3, 5}) {
    auto const s = table(2);
    test::on_ranks(ranks, [&](Communicator& comm) {
      auto mine = o;
      mine.cube.run.threads = 1;
      EXPECT_EQ(to_json(cross_tabs(s, "n ~ f:g:h", mine, comm)), want);
    });
  }
}

}  // namespace
}  // namespace rxhpc
