#include "rxhpc/cube.hpp"

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
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Cube made(const ChunkSource& source, const char* formula, CubeOptions options = {}) {
  SelfCommunicator self;
  options.run.threads = 1;
  return cube(source, formula, options, self);
}

MemorySource table(std::int64_t chunk_rows = 3) {
  MemorySource s(chunk_rows);
  s.numeric("x", {1, 2, nan, 4, 5, 6, 7, 8}).integer("k", {1, 1, 2, 2, 4, INT32_MIN, 4, 4});
  s.factor("f", {"a", "b"}, {0, 1, 0, 1, 0, -1, 1, 1}).factor("g", {"u", "v"}, {0, 0, 0, 0, 1, 1, 1, 1});
  s.numeric("w", {1, 2, 3, 0, 0.5, 2, 2, 1}).numeric("bad", {1, 1, -1, 1, 1, 1, 1, 1}).factor("t", {"z", "y"}, {0, 0, 1, 1, 0, 0, 1, 1}, VarType::character);
  s.factor("one", {"only"}, std::vector<int>(8, 0)).factor("gone", {"p", "q"}, std::vector<int>(8, -1));
  return s;
}

using Numbers = std::vector<double>;

TEST(Cube, CountsSumsAndMeans) {
  auto const c = made(table(), "x ~ f:g");
  ASSERT_EQ(c.factors.size(), 2u);
  EXPECT_EQ(c.factors[0].name, "f");
  EXPECT_EQ(c.codes[0], (std::vector<std::int32_t>{0, 1, 0, 1}));  // the first factor is fastest
  EXPECT_EQ(c.codes[1], (std::vector<std::int32_t>{0, 0, 1, 1}));
  EXPECT_EQ(c.counts, (Numbers{1, 2, 1, 2}));
  EXPECT_EQ(c.sums[0], (Numbers{1, 6, 5, 15}));
  EXPECT_EQ(c.means[0], (Numbers{1, 3, 5, 7.5}));
  EXPECT_EQ(c.n_valid_obs, 6);
  EXPECT_EQ(c.n_missing_obs, 2);
  for (auto formula : {"x ~ f + g", "x ~ f * g"}) EXPECT_EQ(made(table(), formula).sums, c.sums);
}

TEST(Cube, SeveralResponsesLeaveRowsOutTogether) {
  auto const c = made(table(), "cbind(x, k) ~ g");
  EXPECT_EQ(c.variables, (std::vector<std::string>{"x", "k"}));
  EXPECT_EQ(c.counts, (Numbers{3, 3}));
  EXPECT_EQ(c.sums[0], (Numbers{7, 20}));
  EXPECT_EQ(c.sums[1], (Numbers{4, 12}));
}

TEST(Cube, WholeNumbersAndTextAsFactors) {
  auto const c = made(table(), "~ F(k)");
  EXPECT_EQ(c.factors[0].name, "F_k");
  EXPECT_EQ(c.factors[0].levels, (std::vector<std::string>{"1", "2", "3", "4"}));
  EXPECT_EQ(c.counts, (Numbers{2, 2, 0, 3}));
  auto const text = made(table(), "~ t");
  EXPECT_EQ(text.factors[0].levels, (std::vector<std::string>{"y", "z"}));
  CubeOptions without_empty;
  without_empty.remove_zero_counts = true;
  EXPECT_EQ(made(table(), "~ F(k)", without_empty).counts, (Numbers{2, 2, 3}));
}

TEST(Cube, Weights) {
  CubeOptions o;
  o.pweights = "w";
  auto const c = made(table(), "x ~ g", o);
  EXPECT_EQ(c.counts, (Numbers{3, 5.5}));  // the row of weight 0 is no row
  EXPECT_EQ(c.rows, (std::vector<std::int64_t>{2, 4}));
  EXPECT_EQ(c.sums[0], (Numbers{5, 2.5 + 12 + 14 + 8}));
  EXPECT_EQ(c.means[0][0], 5.0 / 3);
  o.pweights = "bad";
  EXPECT_THROW(made(table(), "x ~ g", o), DataError);
  o.fweights = "w";
  EXPECT_THROW(made(table(), "x ~ g", o), UsageError);
}

TEST(Cube, AMeanIsFiniteWhereItsSumIsNot) {
  constexpr double most = std::numeric_limits<double>::max(), inf = std::numeric_limits<double>::infinity();
  double const third = std::nextafter(most / 3, 0);
  MemorySource s(2);
  s.numeric("x", {1.7e308, 1.7e308, -most, -most, -most, inf, 1, third, third, third}).numeric("w", {1, 1, 1, 1, 0.5, 1, 1, 1, 1, 1});
  s.factor("f", {"a", "b", "c", "d"}, {0, 0, 1, 1, 1, 2, 2, 3, 3, 3});
  auto const plain = made(s, "x ~ f");
  EXPECT_EQ(plain.sums[0], (Numbers{inf, -inf, inf, 3 * third}));
  EXPECT_EQ(plain.means[0], (Numbers{1.7e308, -most, inf, third}));
  CubeOptions weighted;
  weighted.pweights = "w";
  EXPECT_EQ(made(s, "x ~ f", weighted).means[0], plain.means[0]);
}

TEST(Cube, MissingAsALevel) {
  CubeOptions o;
  o.use_missing = UseMissing::ifany;
  auto const c = made(table(), "~ f:g", o);
  EXPECT_TRUE(c.factors[0].missing_level);
  EXPECT_FALSE(c.factors[1].missing_level);
  EXPECT_EQ(c.counts, (Numbers{2, 2, 0, 1, 2, 1}));
  EXPECT_TRUE(to_json(c)["cells"][5]["levels"][0].is_null());
  EXPECT_NE(to_text(c).find("<NA>"), std::string::npos);
  o.use_missing = UseMissing::always;
  EXPECT_EQ(made(table(), "~ f:g", o).counts, (Numbers{2, 2, 0, 1, 2, 1, 0, 0, 0}));
  auto const gone = made(table(), "~ gone", o);
  EXPECT_EQ(gone.counts, (Numbers{0, 0, 8}));
}

TEST(Cube, DegenerateFactors) {
  auto const one = made(table(), "x ~ one");
  EXPECT_EQ(one.counts, (Numbers{7}));
  auto const gone = made(table(), "x ~ gone");
  EXPECT_EQ(gone.counts, (Numbers{0, 0}));
  EXPECT_EQ(gone.sums[0], (Numbers{0, 0}));
  EXPECT_TRUE(std::isnan(gone.means[0][0]));
  EXPECT_EQ(gone.n_missing_obs, 8);
}

TEST(Cube, SparseKeepsWhatOccurs) {
  CubeOptions o;
  o.sparse = true;
  auto const all = made(table(), "x ~ f:F(k):t"), some = made(table(), "x ~ f:F(k):t", o);
  std::size_t next = 0;
  for (std::size_t i = 0; i < all.cells(); ++i) {
    if (all.rows[i] == 0) continue;
    ASSERT_LT(next, some.cells());
    for (std::size_t f = 0; f < 3; ++f) EXPECT_EQ(some.codes[f][next], all.codes[f][i]);
    EXPECT_EQ(some.sums[0][next], all.sums[0][i]);
    ++next;
  }
  EXPECT_EQ(next, some.cells());
}

TEST(Cube, ABillionBillionPossibleCells) {
  MemorySource s(2);
  std::vector<std::string> levels;
  for (int k = 0; k < 30000; ++k) levels.push_back(std::to_string(k));
  for (auto name : {"a", "b", "c", "d", "e"}) {
    Variable v;
    std::vector<std::int16_t> const codes{7, 29999, 7, static_cast<std::int16_t>(name[0] - 'a')};
    s.add(name, VarType::factor, Storage::int16, codes, levels);
  }
  CubeOptions o;
  EXPECT_THROW(made(s, "~ a:b"), UsageError);
  EXPECT_THROW(made(s, "~ a:b:c:d:e"), UsageError);
  o.sparse = true;
  auto const c = made(s, "~ a:b:c:d:e", o);  // 2.4e22: beyond 64 bits
  EXPECT_EQ(c.counts, (Numbers{1, 2, 1}));
  EXPECT_EQ(c.codes[0], (std::vector<std::int32_t>{0, 7, 29999}));
  EXPECT_EQ(c.codes[4], (std::vector<std::int32_t>{4, 7, 29999}));
}

TEST(Cube, WhatACubeIsNotMadeOf) {
  EXPECT_THROW(made(table(), "x ~ 1"), UsageError);
  EXPECT_THROW(made(table(), "x ~ w"), UsageError);
  EXPECT_THROW(made(table(), "f ~ g"), UsageError);
  EXPECT_THROW(made(table(), "x ~ nosuch"), UsageError);
  EXPECT_THROW(made(table(), "x ~ f + offset(w)"), UsageError);
}

TEST(Cube, RanksAndChunksCannotMatter) {
  auto const want = to_json(made(table(8), "cbind(x, w) ~ f:F(k)"));
  for (std::int64_t rows : {1, 3, 5})
    for (bool sparse : {false, true})
      for (int ranks : {1, 2, 3, 5}) {
        auto const s = table(rows);
        test::on_ranks(ranks, [&](Communicator& comm) {
          CubeOptions o;
          o.run.threads = 1;
          o.sparse = sparse;
          auto got = to_json(cube(s, "cbind(x, w) ~ f:F(k)", o, comm));
          if (sparse) EXPECT_LT(got["cells"].size(), want["cells"].size());
          else EXPECT_EQ(got, want);
        });
      }
}

TEST(Cube, TheMemoryLimitHolds) {
  CubeOptions o;
  o.rows.transforms = {"big = k * 90", "wide = ifelse(k > 1, 299, 0)"};
  auto const formula = "x ~ F(big, 0, 299):F(wide, 0, 299)";
  auto const want = to_json(made(table(), formula, o));
  EXPECT_EQ(want["cells"].size(), 90000u);
  // the counters do not fit, the cells do: they are looked up as they occur, with the same bits
  o.run.memory_limit = 6'000'000;
  EXPECT_EQ(to_json(made(table(), formula, o)), want);
  o.as_json = true;
  EXPECT_THROW(made(table(), formula, o), UsageError);
  o.as_json = false;
  o.run.memory_limit = 3'000'000;
  try {
    made(table(), formula, o);
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_STREQ(e.what(), "--memory-limit: this needs up to 3.4 MiB for 90000 cells, the limit is 2.8 MiB");
  }
  o.remove_zero_counts = true;
  EXPECT_NO_THROW(made(table(), formula, o));
  o.remove_zero_counts = false;
  o.sparse = true;
  EXPECT_NO_THROW(made(table(), formula, o));
}

TEST(Cube, ATableHasEveryNameOnce) {
  auto const message = [](const char* formula, bool as_table, std::vector<std::string> transforms) {
    CubeOptions o;
    o.as_table = as_table;
    o.rows.transforms = std::move(transforms);
    try {
      rows_of(made(table(), formula, o));
    } catch (const UsageError& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  for (bool early : {true, false}) {
    EXPECT_EQ(message("Counts ~ f", early, {"Counts = x"}),
              "the table of cells would have two columns named 'Counts', one of them the counts; give the formula's another name: "
              "--transform 'NAME = Counts'");
    EXPECT_NE(message("x ~ Counts", early, {"Counts = f"}).find("'Counts', one of them the counts"), std::string::npos);
    EXPECT_NE(message("F_k ~ F(k)", early, {"F_k = x"}).find("two columns named 'F_k'; give"), std::string::npos);
    EXPECT_EQ(message("x ~ f", early, {}), "");
  }
  CubeOptions o;
  o.rows.transforms = {"Counts = x"};
  EXPECT_EQ(made(table(), "Counts ~ f", o).variables[0], "Counts");  // no table: no harm
}

TEST(Cube, TheCellsAreATable) {
  CubeOptions o;
  o.use_missing = UseMissing::ifany;
  auto const c = made(table(), "x ~ f:F(k)", o);
  auto const rows = rows_of(c);
  ASSERT_EQ(rows->schema().size(), 4u);
  EXPECT_EQ(rows->schema()[0].levels, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(rows->schema()[1].type, VarType::integer);
  EXPECT_EQ(rows->schema()[3].name, "Counts");
  auto const counts = test::all_values(*rows, 3), k = test::all_values(*rows, 1), f = test::all_values(*rows, 0);
  EXPECT_EQ(counts, c.counts);
  EXPECT_EQ(k.front(), 1);
  EXPECT_TRUE(std::isnan(k.back()));
  EXPECT_TRUE(std::isnan(f.back()));
  auto const again = made(*rows, "Counts ~ f");  // missing ones drop out
  EXPECT_EQ(again.sums[0][0], c.counts[0] + c.counts[3] + c.counts[6] + c.counts[9]);
}

}  // namespace
}  // namespace rxhpc
