#include "rxhpc/crosstabs.hpp"

#include <gtest/gtest.h>

#include <cmath>
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

TEST(CrossTabs, MeansAreFiniteWhereTotalsAreNot) {
  MemorySource s(2);
  s.numeric("x", {1.5e308, 1.5e308, 0.75e308, 1}).factor("f", {"a", "b"}, {0, 0, 0, 1}).factor("g", {"u", "v"}, {0, 0, 1, 0});
  auto const t = made(s, "x ~ f:g").tables[0];
  EXPECT_EQ(t.grand_total, std::numeric_limits<double>::infinity());
  EXPECT_EQ(t.means.values[0], 1.5e308);
  EXPECT_DOUBLE_EQ(t.row_means[0], 1.25e308);
  EXPECT_EQ(t.row_means[1], 1);
  EXPECT_DOUBLE_EQ(t.column_means[0], 1e308);
  EXPECT_EQ(t.column_means[1], 0.75e308);
  EXPECT_DOUBLE_EQ(t.grand_mean, 0.9375e308);
}

TEST(CrossTabs, TablesTooLargeForFishersTestAreNamed) {
  MemorySource s(2);
  s.factor("f", {"a", "b"}, {0, 0, 1, 1}).factor("g", {"u", "v"}, {0, 1, 0, 1}).numeric("n", {3e7, 2e7, 1e7, 1}).numeric("few", {3, 2, 1, 1});
  CrossTabsOptions o;
  o.fisher = true;
  auto const x = made(s, "cbind(few, n) ~ f:g", o);
  EXPECT_EQ(x.warnings, std::vector<std::string>{"Fisher's test of n: not made of more than 50,000,000 rows"});
  EXPECT_EQ(to_json(x)["warnings"], x.warnings);
  EXPECT_TRUE(to_json(x)["tables"][1]["fisher"].is_null());
  EXPECT_NE(to_text(x).find("Note: " + x.warnings[0]), std::string::npos);
  EXPECT_TRUE(to_json(made(s, "few ~ f:g", o))["warnings"].is_null());
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

// a b c by u v w: 10 20 30; 5 5 10; 1 2 3
MemorySource three() {
  std::vector<int> f, g;
  double const counts[3][3] = {{10, 20, 30}, {5, 5, 10}, {1, 2, 3}};
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < counts[i][j]; ++k) f.push_back(i), g.push_back(j);
  MemorySource s(7);
  s.factor("f", {"a", "b", "c"}, f)
      .factor("g", {"u", "v", "w"}, g)
      .numeric("half", std::vector<double>(f.size(), 0.5))
      .numeric("minus", std::vector<double>(f.size(), -1));
  return s;
}

TEST(CrossTabs, PairsPooled) {
  CrossTabsOptions o;
  o.pairwise = true;
  auto const pairs = made(three(), "~ f:g", o).tables[0].pairs;
  ASSERT_EQ(pairs.size(), 9u);
  auto const& b_v = pairs[4];
  EXPECT_EQ(b_v.row, 1u);
  EXPECT_EQ(b_v.column, 1u);
  EXPECT_EQ(b_v.first_row, TablePair::others);
  EXPECT_EQ(b_v.values.values, (Numbers{44, 22, 15, 5}));
  EXPECT_NEAR(b_v.risk_ratio.estimate, (5.0 / 20) / (22.0 / 66), 1e-15);
  EXPECT_NEAR(b_v.odds_ratio.estimate, 44.0 * 5 / (22 * 15), 1e-15);
  double const se = std::sqrt(1 / 44.0 + 1 / 22.0 + 1 / 15.0 + 1 / 5.0);
  EXPECT_NEAR(b_v.odds_ratio.conf_high, std::exp(std::log(44.0 * 5 / (22 * 15)) + 1.9599639845400545 * se), 1e-12);
  // each table has all rows, in the cell counted and around it
  for (auto const& p : pairs) EXPECT_EQ(p.values.values[0] + p.values.values[1] + p.values.values[2] + p.values.values[3], 86);
  // a weight of one half leaves estimates as they are
  o.cube.pweights = "half";
  EXPECT_EQ(made(three(), "~ f:g", o).tables[0].pairs[8].risk_ratio.estimate, pairs[8].risk_ratio.estimate);
}

TEST(CrossTabs, PairsOfEveryTwoLevels) {
  CrossTabsOptions o;
  o.pairwise = true;
  o.pooled = false;
  auto const pairs = made(three(), "~ f:g", o).tables[0].pairs;
  ASSERT_EQ(pairs.size(), 9u);
  EXPECT_EQ(pairs[0].values.values, (Numbers{10, 20, 5, 5}));  // a, b by u, v
  EXPECT_EQ(pairs[2].values.values, (Numbers{20, 30, 5, 10}));
  EXPECT_EQ(pairs[7].values.values, (Numbers{5, 10, 1, 3}));  // b, c by u, w
  EXPECT_NEAR(pairs[7].risk_ratio.estimate, (3.0 / 4) / (10.0 / 15), 1e-15);
  EXPECT_NEAR(pairs[7].odds_ratio.estimate, 1.5, 1e-15);
  // rows a and c are proportional
  EXPECT_NEAR(pairs[3].odds_ratio.estimate, 1, 1e-15);
}

TEST(CrossTabs, ATableOfTwoByTwoIsItsOwnPair) {
  CrossTabsOptions o;
  o.pairwise = o.risk_ratio = o.odds_ratio = true;
  for (bool pooled : {true, false}) {
    o.pooled = pooled;
    auto const x = made(table(), "~ f:h", o);
    auto const& t = x.tables[0];
    ASSERT_EQ(t.pairs.size(), pooled ? 4u : 1u);
    auto const& p = t.pairs.back();
    EXPECT_EQ(p.values.values, t.values.values);
    EXPECT_EQ(p.risk_ratio.estimate, t.risk_ratio.estimate);
    EXPECT_EQ(p.risk_ratio.p_value, t.risk_ratio.p_value);
    EXPECT_EQ(p.odds_ratio.conf_low, t.odds_ratio.conf_low);
    // the first level against the others is the inverse
    if (pooled) {
      EXPECT_NEAR(t.pairs[1].risk_ratio.estimate * t.risk_ratio.estimate, 1, 1e-15);
    }
  }
}

TEST(CrossTabs, PairsInJsonAndText) {
  CrossTabsOptions o;
  o.pairwise = true;
  auto j = to_json(made(three(), "~ f:g", o))["tables"][0]["pairwise"];
  EXPECT_EQ(j[4]["row_level"], "b");
  EXPECT_EQ(j[4]["col_level"], "v");
  EXPECT_EQ(j[4]["values"], (nlohmann::json{{44, 22}, {15, 5}}));
  EXPECT_NEAR(j[4]["risk_ratio"]["estimate"].get<double>(), 0.75, 1e-15);
  EXPECT_NE(to_text(made(three(), "~ f:g", o)).find("each level over all others:\nf  g  Risk ratio"), std::string::npos);
  o.pooled = false;
  j = to_json(made(three(), "~ f:g", o))["tables"][0]["pairwise"];
  EXPECT_EQ(j[7]["row_levels"], (nlohmann::json{"b", "c"}));
  EXPECT_EQ(j[7]["col_levels"], (nlohmann::json{"u", "w"}));
  EXPECT_NE(to_text(made(three(), "~ f:g", o)).find("\nc / b  w / u"), std::string::npos);
  // an empty column: a risk of 0 over 0 is none; negative sums have no ratios; one factor or level has no pairs
  o.pooled = true;
  j = to_json(made(table(), "~ f:g", o))["tables"][0]["pairwise"];
  EXPECT_TRUE(j[2]["risk_ratio"].is_null());
  EXPECT_TRUE(to_json(made(three(), "minus ~ f:g", o))["tables"][0]["pairwise"][0]["odds_ratio"].is_null());
  EXPECT_EQ(to_json(made(table(), "~ f", o))["tables"][0]["pairwise"], nlohmann::json::array());
  EXPECT_EQ(to_json(made(table(), "~ f:one", o))["tables"][0]["pairwise"], nlohmann::json::array());
  EXPECT_FALSE(to_json(made(table(), "~ f:g"))["tables"][0].contains("pairwise"));
  // missing as a level
  o.cube.use_missing = UseMissing::always;
  EXPECT_TRUE(to_json(made(table(), "~ f:g", o))["tables"][0]["pairwise"].back()["row_level"].is_null());
}

TEST(CrossTabs, TooManyPairsAreRefused) {
  CrossTabsOptions o;
  o.pairwise = true;
  o.pooled = false;
  o.cube.run.memory_limit = 1 << 20;
  EXPECT_NO_THROW(made(three(), "~ f:g", o));
  try {
    made(three(), "~ F(k, 0, 39):F(l, 0, 39)", [&] {
      o.cube.rows.transforms = {"k = ifelse(f == 'a', 0, 39)", "l = ifelse(g == 'u', 0, 39)"};
      return o;
    }());
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_NE(std::string(e.what()).find("608400 tables of --pairwise"), std::string::npos) << e.what();
  }
}

TEST(CrossTabs, RanksCannotMatter) {
  CrossTabsOptions o;
  o.pairwise = true;
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
