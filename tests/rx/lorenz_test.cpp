#include "rxhpc/lorenz.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "memory_source.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/self_communicator.hpp"
#include "thread_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;
constexpr double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();

Lorenz of(const ChunkSource& source, const char* formula, LorenzOptions options = {}) {
  SelfCommunicator self;
  return lorenz(source, formula, options, self);
}

TEST(Lorenz, ExactCurve) {
  MemorySource s(2);
  s.numeric("x", {3, 1, nan, 4, 2}).numeric("equal", {5, 5, 5, 5, 5}).numeric("one", {0, 0, 0, 0, 8});
  auto const l = of(s, "~ x + equal + one", {.num_breaks = 0});
  auto const& x = l.curves[0];
  ASSERT_EQ(x.points.size(), 5u);
  EXPECT_DOUBLE_EQ(x.points[1].percents, 25);
  EXPECT_DOUBLE_EQ(x.points[1].cum_vals, 10);
  EXPECT_DOUBLE_EQ(x.points[3].cum_vals, 60);
  EXPECT_DOUBLE_EQ(x.gini, 0.25);  // sum of (2 i - n - 1) x[i] / (n sum of x)
  EXPECT_EQ(x.valid_obs, 4);
  EXPECT_EQ(x.missing_obs, 1);
  EXPECT_EQ(l.curves[1].gini, 0);
  EXPECT_DOUBLE_EQ(l.curves[2].gini, 0.8);
  EXPECT_DOUBLE_EQ(to_json(l)["gini"]["x"].get<double>(), 0.25);
  EXPECT_EQ(to_json(l)["curve"]["x"][4]["cum_vals"], 100);
}

TEST(Lorenz, BinsCoarsenTheCurve) {
  MemorySource s(3);
  s.numeric("x", {1, 2, 3, 4});
  auto const l = of(s, "~ x", {.num_breaks = 2}).curves[0];  // {1, 2}, {3, 4}
  ASSERT_EQ(l.points.size(), 3u);
  EXPECT_DOUBLE_EQ(l.points[1].cum_vals, 30);
  EXPECT_DOUBLE_EQ(l.gini, 0.2);
  EXPECT_DOUBLE_EQ(of(s, "~ x").curves[0].gini, 0.25);
}

TEST(Lorenz, WeightsRepeatRows) {
  MemorySource weighted(2), repeated(2);
  weighted.numeric("x", {1, 5, 9}).numeric("w", {3, 1, 2});
  repeated.numeric("x", {1, 1, 1, 5, 9, 9});
  for (int bins : {0, 1000}) {
    double const want = of(repeated, "~ x", {.num_breaks = bins}).curves[0].gini;
    EXPECT_DOUBLE_EQ(of(weighted, "~ x", {.num_breaks = bins, .fweights = "w"}).curves[0].gini, want);
    EXPECT_DOUBLE_EQ(of(weighted, "~ x", {.num_breaks = bins, .pweights = "w"}).curves[0].gini, want);
  }
}

TEST(Lorenz, RowsWithoutWeightSetNoRange) {
  MemorySource s(2);
  s.numeric("x", {1, 2, 1e6, 3, 10, inf}).numeric("w", {1, 1, 0, 1, 2, nan}).numeric("y", {1, 2, -inf, 3, 10, inf});
  s.integer("k", {1, 2, 1000000, 3, 10, 5}).integer("n", {1, 1, 0, 1, 2, 0});
  for (auto formula : {"~ x", "y ~ x", "~ k"})
    for (int bins : {0, 1000}) {
      EXPECT_NEAR(of(s, formula, {.num_breaks = bins, .pweights = "w"}).curves[0].gini, 0.4, 1e-12) << formula << bins;
      EXPECT_NEAR(of(s, formula, {.num_breaks = bins, .fweights = "n"}).curves[0].gini, 0.4, 1e-12) << formula << bins;
    }
}

TEST(Lorenz, OrderedByAnother) {
  MemorySource s(2);
  s.numeric("value", {10, 20, 30}).numeric("order", {3, 2, 1});
  auto const c = of(s, "value ~ order", {.num_breaks = 0}).curves[0];
  EXPECT_EQ(c.name, "value");
  EXPECT_DOUBLE_EQ(c.points[1].cum_vals, 50);
  EXPECT_LT(c.gini, 0);
}

TEST(Lorenz, BadRequestsAreRefused) {
  MemorySource s;
  s.numeric("x", {1, 2}).numeric("none", {nan, nan}).numeric("big", {1, inf}).numeric("zero", {-1, 1}).factor("g", {"a"}, {0, 0});
  EXPECT_THROW(of(s, "~ none"), DataError);
  EXPECT_THROW(of(s, "~ big"), DataError);
  EXPECT_THROW(of(s, "~ zero"), NumericalError);
  EXPECT_THROW(of(s, "~ g"), UsageError);
  EXPECT_THROW(of(s, "~ x:g"), UsageError);
  EXPECT_THROW(of(s, "~ y"), UsageError);
  EXPECT_THROW(of(s, "~ x", {.num_breaks = -1}), UsageError);
  for (int bins : {0, 10}) EXPECT_THROW(of(s, "~ x", {.num_breaks = bins, .pweights = "zero"}), DataError);
}

TEST(Lorenz, SameBitsForAnyRanksAndChunks) {
  std::mt19937_64 random(4);
  std::lognormal_distribution<double> draw;
  std::vector<double> x(800), w(800);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = draw(random), w[i] = draw(random);
  std::string reference;
  for (std::int64_t chunk_rows : {800, 9, 100})
    for (int ranks : {1, 2, 3, 4}) {
      MemorySource s(chunk_rows);
      s.numeric("x", x).numeric("w", w);
      std::vector<std::string> seen(static_cast<std::size_t>(ranks));
      test::on_ranks(ranks, [&](Communicator& comm) {
        LorenzOptions o{.num_breaks = 20, .pweights = "w", .run = {.threads = 1}};
        auto text = to_json(lorenz(s, "~ x", o, comm)).dump();
        o.num_breaks = 0;
        seen[static_cast<std::size_t>(comm.rank())] = text + to_json(lorenz(s, "~ x", o, comm)).dump();
      });
      if (reference.empty()) reference = seen[0];
      for (auto const& one : seen) EXPECT_EQ(one, reference) << ranks << " ranks, chunks of " << chunk_rows;
    }
}

TEST(Lorenz, WeightsOfAnySize) {
  for (double scale : {1e-170, 1.0, 1e170}) {
    MemorySource s(2);
    s.numeric("x", {1, 5, 9}).numeric("w", {3 * scale, scale, 2 * scale});
    for (int bins : {0, 1000}) EXPECT_NEAR(of(s, "~ x", {.num_breaks = bins, .pweights = "w"}).curves[0].gini, 34.0 / 78, 1e-15) << scale;
  }
}

// Neither is in any group, so neither sets a bin nor counts.
TEST(Lorenz, RowsThatAreNotUsedDoNotMatter) {
  MemorySource s(2), w(2);
  s.numeric("v", {1, 2, inf, 3, nan}).numeric("o", {1, 2, nan, 3, 1e9});
  w.numeric("x", {nan, nan, 1, 2, 3}).numeric("w", {0, 1, 0, 1, 1});
  for (int bins : {0, 4}) {
    auto const curve = of(s, "v ~ o", {.num_breaks = bins}).curves[0];
    EXPECT_EQ(curve.points.size(), 4u) << bins;
    EXPECT_EQ(curve.valid_obs, 3);
    EXPECT_EQ(of(w, "~ x", {.num_breaks = bins, .fweights = "w"}).curves[0].missing_obs, 1) << "weight 0: no row";
  }
}

}  // namespace
}  // namespace rxhpc
