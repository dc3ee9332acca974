#include "rxhpc/summary.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "memory_source.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/moments.hpp"
#include "rxhpc/self_communicator.hpp"
#include "thread_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Summary summary(const ChunkSource& source, const char* formula, SummaryOptions options = {}) {
  SelfCommunicator self;
  return summarize(source, formula, options, self);
}

MemorySource table(std::int64_t chunk_rows = 3) {
  MemorySource s(chunk_rows);
  s.numeric("x", {1, 2, nan, 4, 5, 6, 7, 8}).integer("k", {1, 1, 2, 2, 3, INT32_MIN, 4, 4});
  s.factor("f", {"a", "b"}, {0, 1, 0, 1, 0, -1, 1, 1}).factor("g", {"u", "v"}, {0, 0, 0, 0, 1, 1, 1, 1});
  s.numeric("w", {1, 2, 3, 0, 1, 2, 2, 1}).factor("t", {"z", "y"}, {0, 0, 1, 1, 0, 0, 1, 1}, VarType::character);
  return s;
}

/// The same with what an import would have stored.
class Zoned final : public ChunkSource {
 public:
  explicit Zoned(const ChunkSource& base) : base_(base) {
    std::vector<int> all;
    for (int c = 0; c < static_cast<int>(base.schema().size()); ++c) all.push_back(c);
    zones_.moments.resize(all.size());
    zones_.level_counts.resize(all.size());
    Chunk chunk;
    for (std::int64_t k = 0; k < base.grid().chunks(); ++k) {
      base.read(k, all, chunk);
      for (int c : all) {
        zones_.moments[c].push_back(moments_of(chunk.columns[c], chunk.rows));
        if (!base.schema()[c].coded()) continue;
        std::vector<std::int64_t> counts(base.schema()[c].levels.size());
        level_counts_of(chunk.columns[c], chunk.rows, counts);
        zones_.level_counts[c].push_back(counts);
      }
    }
  }
  const Schema& schema() const override { return base_.schema(); }
  const Grid& grid() const override { return base_.grid(); }
  void read(std::int64_t, std::span<const int>, Chunk&) const override { throw DataError("a row was read"); }
  const ZoneMap* zone_map() const override { return &zones_; }

 private:
  const ChunkSource& base_;
  ZoneMap zones_;
};

TEST(Summary, PlainVariables) {
  auto const s = summary(table(), "~ x + k");
  ASSERT_EQ(s.variables.size(), 2u);
  auto const& x = s.variables[0].statistics;
  EXPECT_EQ(x.valid_obs, 7);
  EXPECT_EQ(x.missing_obs, 1);
  EXPECT_DOUBLE_EQ(x.mean, 33.0 / 7);
  EXPECT_DOUBLE_EQ(x.sum, 33);
  EXPECT_DOUBLE_EQ(x.std_dev, 2.5634797778466227);  // sd(c(1, 2, 4, 5, 6, 7, 8))
  EXPECT_EQ(x.min, 1);
  EXPECT_EQ(x.max, 8);
  EXPECT_EQ(s.variables[1].statistics.missing_obs, 1);
  EXPECT_EQ(s.n_valid_obs, 8);
}

TEST(Summary, CountsAndCells) {
  auto const s = summary(table(), "~ f + f:g + x:f");
  ASSERT_EQ(s.categorical.size(), 3u);
  EXPECT_EQ(s.categorical[0].cells[0].counts, 3);
  EXPECT_EQ(s.categorical[0].cells[1].counts, 4);
  EXPECT_EQ(s.categorical[0].missing_obs, 1);
  EXPECT_EQ(s.categorical[1].cells[1].levels, (std::vector<std::string>{"b", "u"}));  // first factor fastest
  EXPECT_EQ(s.categorical[1].cells[1].counts, 2);
  auto const& a = s.categorical[2].cells[0].statistics;  // x of f = a: 1, NA, 5
  EXPECT_EQ(a.valid_obs, 2);
  EXPECT_EQ(a.missing_obs, 1);
  EXPECT_DOUBLE_EQ(a.mean, 3);
  EXPECT_EQ(s.variables[0].name, "x:f");
  EXPECT_EQ(s.variables[0].statistics.valid_obs, 6);
  EXPECT_EQ(s.variables[0].statistics.missing_obs, 2);
}

TEST(Summary, LeftSideAndCharacterFactors) {
  auto const s = summary(table(), "x ~ t");
  EXPECT_EQ(s.categorical[0].name, "x:t");
  EXPECT_EQ(s.categorical[0].cells[0].levels[0], "y");  // levels of text are sorted
  EXPECT_EQ(summary(table(), "~ .").variables.size(), 3u);
}

TEST(Summary, Weights) {
  SummaryOptions p, f;
  p.pweights = "w";
  f.fweights = "w";
  // x with weight above 0: 1 2 5 6 7 8 with weights 1 2 1 2 2 1
  double const total = 9, mean = (1 + 4 + 5 + 12 + 14 + 8) / total;
  double const squares = 1 * (1 - mean) * (1 - mean) + 2 * (2 - mean) * (2 - mean) + (5 - mean) * (5 - mean) + 2 * (6 - mean) * (6 - mean) +
                         2 * (7 - mean) * (7 - mean) + (8 - mean) * (8 - mean);
  auto const a = summary(table(), "~ x", p).variables[0].statistics, b = summary(table(), "~ x", f).variables[0].statistics;
  EXPECT_DOUBLE_EQ(a.mean, mean);
  EXPECT_DOUBLE_EQ(a.std_dev, std::sqrt(6.0 / 5 * squares / total));
  EXPECT_DOUBLE_EQ(b.std_dev, std::sqrt(squares / (total - 1)));
  EXPECT_EQ(a.sum_of_weights, 9);
  EXPECT_EQ(a.valid_obs, 6);
}

TEST(Summary, AMissingWeightMakesTheRowMissing) {
  test::MemorySource s(2);
  s.numeric("x", {1, 2, NAN, 4, 5}).factor("g", {"a", "b"}, {0, 0, 1, 1, 1}).numeric("w", {1, NAN, 2, 0, 3});
  SummaryOptions p;
  p.pweights = "w";
  auto const got = summary(s, "~ x + g + x:g", p);
  EXPECT_EQ(got.variables[0].statistics.valid_obs, 2);
  EXPECT_EQ(got.variables[0].statistics.missing_obs, 2);
  EXPECT_EQ(got.variables[1].statistics.missing_obs, 2);
  EXPECT_EQ(got.categorical[0].missing_obs, 1);
  p.by_term = false;
  auto const whole = summary(s, "~ x + g + x:g", p);
  EXPECT_EQ(whole.n_missing_obs, 2);
  EXPECT_EQ(whole.variables[0].statistics.missing_obs, 0);
  EXPECT_EQ(whole.variables[1].statistics.missing_obs, 0);
  EXPECT_EQ(whole.categorical[0].missing_obs, 0);
}

/// As R: squares beyond the largest double make the deviation infinite, sums beyond it leave the mean finite.
TEST(Summary, RowsOfWeightZeroAreNoRows) {
  test::MemorySource s(3);
  s.numeric("x", {1, 2, 3, 4, NAN}).numeric("w", {1, 0, NAN, 2, 1});
  for (bool by_term : {true, false}) {
    SummaryOptions o;
    o.fweights = "w";
    o.by_term = by_term;
    auto const got = summary(s, "~ x", o);
    EXPECT_EQ(got.n_missing_obs, by_term ? 1 : 2);
    EXPECT_EQ(got.n_valid_obs, by_term ? 3 : 2);
  }
}

TEST(Summary, HugeValues) {
  for (std::int64_t chunk : {1, 2, 8}) {
    test::MemorySource s(chunk);
    s.numeric("x", {1e200, 2e200, 4e200, 1e200}).numeric("big", {1e308, 1e308, 1.5e308, 1.5e308}).numeric("same", {1e308, 1e308, 1e308, 1e308});
    s.numeric("wide", {-1.5e308, 1.5e308, -1.5e308, 1.5e308}).factor("g", {"a"}, {0, 0, 0, 0}).numeric("w", {1, 1, 1, 1});
    SummaryOptions p;
    p.pweights = "w";
    for (auto const& options : {SummaryOptions{}, p}) {
      auto const got = summary(s, "~ x + big + same + wide + x:g + big:g + same:g + wide:g", options);
      for (std::size_t k : {0, 4}) {
        EXPECT_EQ(got.variables[k].statistics.mean, 2e200);
        EXPECT_EQ(got.variables[k].statistics.std_dev, INFINITY);
        EXPECT_EQ(got.variables[k + 1].statistics.mean, 1.25e308);
        EXPECT_EQ(got.variables[k + 1].statistics.sum, INFINITY);
        EXPECT_EQ(got.variables[k + 2].statistics.mean, 1e308);
        EXPECT_EQ(got.variables[k + 2].statistics.std_dev, 0);
        EXPECT_EQ(got.variables[k + 3].statistics.mean, 0);
        EXPECT_EQ(got.variables[k + 3].statistics.std_dev, INFINITY);
      }
    }
  }
}

TEST(Summary, ByTermFalseDropsRowsEverywhere) {
  SummaryOptions options;
  options.by_term = false;
  auto const s = summary(table(), "~ x + f", options);
  EXPECT_EQ(s.n_valid_obs, 6);
  EXPECT_EQ(s.n_missing_obs, 2);
  EXPECT_EQ(s.variables[0].statistics.valid_obs, 6);
  EXPECT_EQ(s.categorical[0].cells[0].counts, 2);
  EXPECT_EQ(s.categorical[0].missing_obs, 0);
}

TEST(Summary, ZoneMapGivesTheBitsOfAScan) {
  MemorySource s(1000);
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal(1e6, 1);
  std::vector<double> x(12345), y(12345);
  std::vector<std::int32_t> f(12345);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = normal(random), y[i] = i % 7 ? normal(random) : nan, f[i] = static_cast<int>(random() % 4) - 1;
  s.numeric("x", x).numeric("y", y).factor("f", {"a", "b", "c"}, f);
  Zoned const zoned(s);
  auto const scan = summary(s, "~ x + f + y"), known = summary(zoned, "~ x + f + y");
  EXPECT_TRUE(known.from_zone_map);
  EXPECT_FALSE(scan.from_zone_map);
  EXPECT_EQ(to_json(scan).dump(), to_json(known).dump());
  SummaryOptions selected;
  selected.rows.row_selection = "x > 0";
  EXPECT_THROW(summary(zoned, "~ x", selected), DataError);  // rows have to be read
  SummaryOptions read;
  read.use_zone_map = false;
  EXPECT_THROW(summary(zoned, "~ x", read), DataError);
  EXPECT_EQ(to_json(summary(s, "~ x + f + y", read)).dump(), to_json(known).dump());
}

/// Counts how it is read.
class Apart final : public ChunkSource {
 public:
  Apart(const ChunkSource& base, bool apart) : base_(base), apart_(apart) {}
  const Schema& schema() const override { return base_.schema(); }
  const Grid& grid() const override { return base_.grid(); }
  bool columns_apart() const override { return apart_; }
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override {
    if (columns.size() > most) most = columns.size();
    base_.read(chunk, columns, out);
  }
  mutable std::atomic<std::size_t> most = 0;

 private:
  const ChunkSource& base_;
  bool apart_;
};

TEST(Summary, ColumnsAreReadApartWhereTheSourceSaysSo) {
  auto const s = table();
  Apart const apart(s, true), together(s, false);
  EXPECT_EQ(to_json(summary(apart, "~ x + k + w")).dump(), to_json(summary(together, "~ x + k + w")).dump());
  EXPECT_EQ(apart.most, 1u);
  EXPECT_EQ(together.most, 3u);
  SummaryOptions selected;
  selected.rows.row_selection = "k > 1";
  EXPECT_EQ(to_json(summary(apart, "~ x + w", selected)).dump(), to_json(summary(s, "~ x + w", selected)).dump());
  EXPECT_EQ(apart.most, 3u);  // the selection's column with them
}

TEST(Summary, SameBitsForAnyRanksAndThreads) {
  auto const s = table(1);
  SummaryOptions options;
  options.rows.transforms = {"z = log(x) * 3.7"};
  auto const* formula = "~ z + x:f + f:g + f";
  auto const reference = to_json(summary(s, formula, options)).dump();
  options.run.threads = 1;
  for (int ranks : {1, 2, 3, 4, 7}) {
    std::vector<std::string> seen(ranks);
    test::on_ranks(ranks, [&](Communicator& comm) { seen[comm.rank()] = to_json(summarize(s, formula, options, comm)).dump(); });
    for (auto const& one : seen) EXPECT_EQ(one, reference) << ranks << " ranks";
  }
}

TEST(Summary, EmptyAndConstantColumns) {
  MemorySource s;
  s.numeric("none", {nan, nan}).numeric("one", {5, 5});
  auto const r = summary(s, "~ none + one");
  EXPECT_EQ(r.variables[0].statistics.valid_obs, 0);
  EXPECT_TRUE(std::isnan(r.variables[0].statistics.mean));
  EXPECT_EQ(r.variables[1].statistics.std_dev, 0);
  MemorySource empty;
  empty.numeric("x", {});
  EXPECT_EQ(summary(empty, "~ x").variables[0].statistics.valid_obs, 0);
}

// R: median, IQR and mad of c(1, 2, 4, 5, 6, 7, 8), of its parts by f, and with rows repeated
TEST(Summary, OrderStatistics) {
  SummaryOptions options;
  options.order_statistics = true;
  auto const s = summary(table(), "~ f + x + x:f + k", options);
  auto const& x = s.variables[0].statistics;
  EXPECT_EQ(x.median, 5);
  EXPECT_EQ(x.iqr, 3.5);
  EXPECT_DOUBLE_EQ(x.mad, 1.4826 * 2);
  auto const& b = s.categorical[1].cells[1].statistics;  // 2, 4, 7, 8
  EXPECT_EQ(b.median, 5.5);
  EXPECT_EQ(b.iqr, 3.75);
  EXPECT_DOUBLE_EQ(b.mad, 1.4826 * 2);
  auto const& in_cells = s.variables[1].statistics;  // 1, 2, 4, 5, 7, 8: f is missing beside the 6
  EXPECT_EQ(in_cells.median, 4.5);
  EXPECT_EQ(in_cells.iqr, 4);
  EXPECT_DOUBLE_EQ(in_cells.mad, 1.4826 * 2.5);
  EXPECT_EQ(s.variables[2].statistics.median, 2);
  EXPECT_EQ(to_json(s)["variables"][0]["median"], 5);
  EXPECT_FALSE(to_json(summary(table(), "~ x"))["variables"][0].contains("median"));
  options.fweights = "w";
  EXPECT_EQ(summary(table(), "~ x", options).variables[0].statistics.median, 6);  // 1 2 2 5 6 6 7 7 8
  options.fweights = "";
  options.by_term = false;
  EXPECT_EQ(summary(table(), "~ x + f", options).variables[0].statistics.median, 4.5);  // 1 2 4 5 7 8
}

TEST(Summary, BadRequestsAreRefused) {
  EXPECT_THROW(summary(table(), "~ nosuch"), UsageError);
  EXPECT_THROW(summary(table(), "~"), UsageError);
  SummaryOptions both;
  both.pweights = both.fweights = "w";
  EXPECT_THROW(summary(table(), "~ x", both), UsageError);
  SummaryOptions negative;
  negative.rows.transforms = {"m = w - 1"};
  negative.pweights = "m";
  EXPECT_THROW(summary(table(), "~ x", negative), DataError);
  negative.rows.transforms = {"m = w / 0"};
  EXPECT_THROW(summary(table(), "~ x", negative), DataError);
  EXPECT_THROW(summary(table(), "~ F(x, 2^53, 2^53 + 2)"), UsageError);
  EXPECT_THROW(summary(table(), "~ F(x, 1e18, 1e18)"), UsageError);
  EXPECT_EQ(summary(table(), "~ F(x, 2^53 - 3, 2^53 - 1)").categorical[0].cells.size(), 3u);
}

/// What chunks differ by is weighed by quotients of weights: their products would overflow or vanish.
TEST(Summary, WeightsOfAnySize) {
  std::vector<double> x, w;
  for (int i = 0; i < 500; ++i) x.push_back(i * i % 97 + i), w.push_back(1 + i % 7);
  SummaryOptions p;
  p.pweights = "w";
  double const want = summary(MemorySource(1000).numeric("x", x).numeric("w", w), "~ x", p).variables[0].statistics.std_dev;
  for (double scale : {1e-170, 1e170}) {
    auto scaled = w;
    for (auto& v : scaled) v *= scale;
    for (int chunk_rows : {1000, 100, 3})
      EXPECT_NEAR(summary(MemorySource(chunk_rows).numeric("x", x).numeric("w", scaled), "~ x", p).variables[0].statistics.std_dev / want, 1, 1e-13)
          << scale << ", chunks of " << chunk_rows;
  }
}

}  // namespace
}  // namespace rxhpc
