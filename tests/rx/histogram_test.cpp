#include "rxhpc/histogram.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "histogram_breaks.hpp"
#include "memory_source.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/self_communicator.hpp"
#include "thread_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;
constexpr double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();

Histogram of(const ChunkSource& source, const char* formula, const HistogramOptions& options = {}) {
  SelfCommunicator self;
  return histogram(source, formula, options, self);
}

HistogramOptions with_breaks(const char* breaks, bool right = true) {
  HistogramOptions o;
  o.breaks = breaks;
  o.right = right;
  return o;
}

MemorySource table(std::int64_t chunk_rows = 3) {
  MemorySource s(chunk_rows);
  s.numeric("x", {1, 2, 2, 3, 5, 8, nan, 10}).factor("g", {"a", "b"}, {0, 1, 0, 1, 0, 1, 0, -1}).numeric("w", {1, 1, 2, 0.5, 1, 0, 1, 4});
  s.integer("k", {1, 3, 3, 1, 1, 2, 2, 5});
  return s;
}

// R 4.2: pretty(c(low, high), n, min.n = 1)
TEST(HistogramBreaks, PrettyAsR) {
  using V = std::vector<double>;
  EXPECT_EQ(impl::pretty(0, 0, 5), (V{-1, 0}));
  EXPECT_EQ(impl::pretty(5, 5, 5), (V{0, 5}));
  EXPECT_EQ(impl::pretty(-3, -3, 2), (V{-4, -2}));
  EXPECT_EQ(impl::pretty(1.6, 5.1, 9), (V{1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5}));
  EXPECT_EQ(impl::pretty(-1, 1, 4), (V{-1, -0.5, 0, 0.5, 1}));
  EXPECT_EQ(impl::pretty(43, 101, 5), (V{40, 50, 60, 70, 80, 90, 100, 110}));
  EXPECT_EQ(impl::pretty(0.1, 0.7, 1), (V{0, 0.5, 1}));
}

// R 4.2: hist(c(1, 2, 2, 3, 5, 8, 10), ...)$counts
TEST(Histogram, BreaksAndSides) {
  auto const h = of(table(), "~ x", with_breaks("1,2,5,10"));
  EXPECT_EQ(h.all.counts, (std::vector<double>{3, 2, 2}));
  EXPECT_EQ(of(table(), "~ x", with_breaks("1,2,5,10", false)).all.counts, (std::vector<double>{1, 3, 3}));
  EXPECT_FALSE(h.equal_widths);
  EXPECT_EQ(h.density(h.all), (std::vector<double>{3.0 / 7, 2.0 / 21, 2.0 / 35}));
  EXPECT_EQ(h.n_missing_obs, 1);
  auto const part = of(table(), "~ x", with_breaks("2,5"));
  EXPECT_EQ(part.outside, 3);
  EXPECT_EQ(part.all.counts, (std::vector<double>{4}));
  EXPECT_EQ(of(table(), "~ x").breaks, (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(of(table(), "~ x", with_breaks("2")).breaks, (std::vector<double>{0, 5, 10}));
  auto const json = to_json(h);
  EXPECT_EQ(json["mids"][0], 1.5);
  EXPECT_EQ(json["panels"][0]["counts"][0], 3);
}

TEST(Histogram, BinsOfEqualWidth) {
  HistogramOptions o;
  o.num_breaks = 3;
  EXPECT_EQ(of(table(), "~ x", o).breaks, (std::vector<double>{1, 4, 7, 10}));
  o.start_val = 0, o.end_val = 6;
  auto const h = of(table(), "~ x", o);
  EXPECT_EQ(h.breaks, (std::vector<double>{0, 2, 4, 6}));
  EXPECT_EQ(h.all.counts, (std::vector<double>{3, 1, 1}));
  EXPECT_EQ(h.outside, 2);
}

TEST(Histogram, PanelsWeightsAndFactors) {
  auto const h = of(table(), "~ x | g", with_breaks("0,2,10"));
  ASSERT_EQ(h.panels.size(), 2u);
  EXPECT_EQ(h.panels[0].levels, (std::vector<std::string>{"a"}));
  EXPECT_EQ(h.panels[0].counts, (std::vector<double>{2, 1}));
  EXPECT_EQ(h.panels[1].counts, (std::vector<double>{1, 2}));
  EXPECT_EQ(h.n_missing_obs, 2);  // x or g
  EXPECT_DOUBLE_EQ(h.percents(h.panels[0])[0], 200.0 / 3);
  auto o = with_breaks("0,2,10");
  o.pweights = "w";
  EXPECT_EQ(of(table(), "~ x", o).all.counts, (std::vector<double>{4, 5.5}));
  auto const f = of(table(), "~ g");
  EXPECT_EQ(f.categories, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(f.all.counts, (std::vector<double>{4, 3}));
  auto const whole = of(table(), "~ F(k) | g");
  EXPECT_EQ(whole.categories, (std::vector<std::string>{"1", "2", "3", "4", "5"}));
  EXPECT_EQ(whole.panels[1].counts, (std::vector<double>{1, 1, 1, 0, 0}));
  EXPECT_NE(to_text(h).find("g=b"), std::string::npos);
}

TEST(Histogram, RowsWithoutWeightSetNoBreaks) {
  MemorySource s(2), kept(2);
  s.numeric("x", {1, 2, 1e6, 3, 10, -inf, inf, 4}).numeric("w", {1, 1, 0, 1, 2, 1, 1, nan});
  kept.numeric("x", {1, 2, 3, 10, -inf, inf}).numeric("w", {1, 1, 1, 2, 1, 1});
  for (auto rule : {"sturges", "scott", "fd", "5"}) {
    auto o = with_breaks(rule);
    o.pweights = "w";
    auto const h = of(s, "~ x", o), want = of(kept, "~ x", o);
    EXPECT_EQ(h.breaks, want.breaks) << rule;
    EXPECT_EQ(h.all.counts, want.all.counts) << rule;
    EXPECT_EQ(h.outside, 2) << rule;
  }
  HistogramOptions o;
  o.num_breaks = 3;
  o.fweights = "w";
  EXPECT_EQ(of(s, "~ x", o).breaks, (std::vector<double>{1, 4, 7, 10}));
}

TEST(Histogram, FrequencyWeightsSetBreaksAsRowsWrittenOut) {
  std::mt19937 random(5);
  std::vector<double> x, w, written;
  for (int i = 0; i < 60; ++i) {
    x.push_back(i % 7 == 3 ? inf : std::exp(random() % 4000 / 1000.0));
    w.push_back(random() % 30);
    for (int k = 0; k < w.back(); ++k) written.push_back(x.back());
  }
  MemorySource weighted(7), rows(100);
  weighted.numeric("x", x).numeric("w", w);
  rows.numeric("x", written);
  for (auto rule : {"sturges", "scott", "fd"}) {
    auto o = with_breaks(rule), of_weights = o;
    of_weights.fweights = "w";
    auto const want = of(rows, "~ x", o), have = of(weighted, "~ x", of_weights);
    EXPECT_EQ(have.breaks, want.breaks) << rule;
    EXPECT_EQ(have.all.counts, want.all.counts) << rule;
    auto plain = o;
    plain.pweights = "w";
    if (std::string(rule) == "sturges") {
      EXPECT_NE(of(weighted, "~ x", plain).breaks, want.breaks);  // the weights do matter here
    }
  }
}

TEST(Histogram, InfiniteAndConstantValues) {
  MemorySource s;
  s.numeric("x", {1, inf, 2, -inf, 4}).numeric("one", {7, 7, 7, 7, 7});
  auto const h = of(s, "~ x");
  EXPECT_EQ(h.outside, 2);
  EXPECT_EQ(h.all.total, 3);
  EXPECT_EQ(h.breaks.front(), 1);
  EXPECT_EQ(h.breaks.back(), 4);
  for (auto rule : {"sturges", "scott", "fd", "5"}) EXPECT_EQ(of(s, "~ one", with_breaks(rule)).all.total, 5) << rule;
}

TEST(Histogram, BadRequestsAreRefused) {
  MemorySource s;
  s.numeric("none", {nan, nan}).numeric("x", {1, 2}).numeric("m", {-1, 1}).factor("g", {"a", "b", "c"}, {0, 1});
  EXPECT_THROW(of(s, "~ none"), DataError);
  EXPECT_THROW(of(s, "~ x + m"), UsageError);
  EXPECT_THROW(of(s, "x ~ m"), UsageError);
  EXPECT_THROW(of(s, "~ x | m"), UsageError);
  EXPECT_THROW(of(s, "~ y"), UsageError);
  EXPECT_THROW(of(s, "~ x", with_breaks("many")), UsageError);
  EXPECT_THROW(of(s, "~ x", with_breaks("1,1,2")), UsageError);
  EXPECT_THROW(of(s, "~ x", with_breaks("0")), UsageError);
  HistogramOptions few, turned, negative;
  few.max_num_panels = 2;
  EXPECT_THROW(of(s, "~ x | g", few), UsageError);
  turned.start_val = 3, turned.end_val = 2;
  EXPECT_THROW(of(s, "~ x", turned), UsageError);
  negative.fweights = "m";
  EXPECT_THROW(of(s, "~ x", negative), DataError);
}

TEST(Histogram, SameBitsForAnyRanksAndChunks) {
  std::mt19937_64 random(2);
  std::normal_distribution<double> normal;
  std::vector<double> x(900), w(900);
  std::vector<int> g(900);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = normal(random), w[i] = std::abs(normal(random)), g[i] = static_cast<int>(random() % 3);
  std::string reference;
  for (std::int64_t chunk_rows : {900, 10, 77})
    for (int ranks : {1, 2, 3, 4}) {
      MemorySource s(chunk_rows);
      s.numeric("x", x).numeric("w", w).factor("g", {"a", "b", "c"}, g);
      std::vector<std::string> seen(static_cast<std::size_t>(ranks));
      test::on_ranks(ranks, [&](Communicator& comm) {
        auto o = with_breaks("fd");
        o.pweights = "w";
        o.run.threads = 1;
        seen[static_cast<std::size_t>(comm.rank())] = to_json(histogram(s, "~ x | g", o, comm)).dump();
      });
      if (reference.empty()) reference = seen[0];
      for (auto const& one : seen) EXPECT_EQ(one, reference) << ranks << " ranks, chunks of " << chunk_rows;
    }
}

TEST(Histogram, LevelsDroppedAndKept) {
  auto const t = table();
  HistogramOptions o;
  o.levels_to_drop = {"b"};
  auto const panels = of(t, "~ x | g", o);
  HistogramOptions selected;
  selected.rows.row_selection = "is.na(g) | g != 'b'";
  auto const same = of(t, "~ x | g", selected);
  ASSERT_EQ(panels.panels.size(), 1u);
  EXPECT_EQ(panels.panels[0].levels, std::vector<std::string>{"a"});
  EXPECT_EQ(panels.breaks, same.breaks);  // 8 is in the other panel
  EXPECT_EQ(panels.panels[0].counts, same.panels[0].counts);
  EXPECT_EQ(panels.all.counts, same.panels[0].counts);
  EXPECT_EQ(panels.n_valid_obs, same.n_valid_obs);
  HistogramOptions kept;
  kept.levels_to_keep = {"1", "g=b"};
  auto const bars = of(t, "~ F(k) | g", kept);
  EXPECT_EQ(bars.categories, std::vector<std::string>{"1"});
  ASSERT_EQ(bars.panels.size(), 1u);
  EXPECT_EQ(bars.panels[0].levels, std::vector<std::string>{"b"});
  EXPECT_EQ(bars.panels[0].counts, std::vector<double>{1});
  EXPECT_EQ(bars.all.total, 1);
  kept.levels_to_keep = {"z"};
  EXPECT_THROW(of(t, "~ x | g", kept), UsageError);
  o.levels_to_drop = {"a", "g=b"};
  EXPECT_THROW(of(t, "~ g", o), UsageError);
  o.levels_to_drop = {"a"};
  EXPECT_THROW(of(t, "~ x", o), UsageError);
}

TEST(Histogram, ALevelOfTwoFactorsMustBeTold) {
  MemorySource t;
  t.factor("f", {"a", "b"}, {0, 1, 0, 1, 0}).factor("g", {"c", "a"}, {0, 0, 1, 1, 1});
  auto const refused = [&](HistogramOptions o) {
    try {
      of(t, "~ f | g", o);
      return std::string();
    } catch (const UsageError& e) {
      return std::string(e.what());
    }
  };
  HistogramOptions drop, keep;
  drop.levels_to_drop = keep.levels_to_keep = {"a"};
  EXPECT_EQ(refused(drop), "--levels-to-drop: 'a' is a level of 'f' and of 'g'; write 'f=a' or 'g=a'");
  EXPECT_EQ(refused(keep), "--levels-to-keep: 'a' is a level of 'f' and of 'g'; write 'f=a' or 'g=a'");
  keep.levels_to_keep = {"f=a", "g=a"};
  EXPECT_EQ(of(t, "~ f | g", keep).all.total, 2);
  drop.levels_to_drop = {"g=a"};
  auto const left = of(t, "~ f | g", drop);
  EXPECT_EQ(left.categories, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(left.panels.size(), 1u);
}

}  // namespace
}  // namespace rxhpc
