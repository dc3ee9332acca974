#include "rxhpc/quantile.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "memory_source.hpp"
#include "order_statistics.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/self_communicator.hpp"
#include "thread_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;
constexpr double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();

Quantiles quantiles(const ChunkSource& source, const char* formula, QuantileOptions options = {}) {
  SelfCommunicator self;
  return quantile(source, formula, options, self);
}

std::vector<double> of(const std::vector<double>& x, int type, const std::vector<double>& probs) {
  MemorySource s(3);
  s.numeric("x", x);
  return quantiles(s, "~ x", {.probs = probs, .type = type}).variables[0].cells[0].quantiles;
}

void expect_near(const std::vector<double>& got, const std::vector<double>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t k = 0; k < want.size(); ++k) EXPECT_NEAR(got[k], want[k], 1e-14 * std::abs(want[k])) << "number " << k;
}

// R 4.2: quantile(c(3, 1, 4, 1, 5, 9, 2, 6), c(0, .1, .25, .4, .5, .75, 1), type = k)
TEST(Quantile, NineTypesOfR) {
  std::vector<double> const x{3, 1, 4, 1, 5, 9, 2, 6}, p{0, 0.1, 0.25, 0.4, 0.5, 0.75, 1};
  expect_near(of(x, 1, p), {1, 1, 1, 3, 3, 5, 9});
  expect_near(of(x, 2, p), {1, 1, 1.5, 3, 3.5, 5.5, 9});
  expect_near(of(x, 3, p), {1, 1, 1, 2, 3, 5, 9});
  expect_near(of(x, 4, p), {1, 1, 1, 2.2, 3, 5, 9});
  expect_near(of(x, 5, p), {1, 1, 1.5, 2.7, 3.5, 5.5, 9});
  expect_near(of(x, 6, p), {1, 1, 1.25, 2.6, 3.5, 5.75, 9});
  expect_near(of(x, 7, p), {1, 1, 1.75, 2.8, 3.5, 5.25, 9});
  expect_near(of(x, 8, p), {1, 1, 1 + 5.0 / 12, 2 + 2.0 / 3, 3.5, 5 + 7.0 / 12, 9});
  expect_near(of(x, 9, p), {1, 1, 1.4375, 2.675, 3.5, 5.5625, 9});
}

// R 4.2: quantile(x, 0.5, type = t) of 9, 11 and 13 values, of which type 8 misses the middle by what rounding left of 1/3 + n/2 + 1/6.
TEST(Quantile, TheMedianOfAnOddNumberIsTheMiddleOne) {
  for (int n = 1; n <= 15; n += 2) {
    std::vector<double> x;
    for (int i = 0; i < n; ++i) x.push_back(std::ldexp(1 + i, 60 * (n / 2 - i)));
    auto sorted = x;
    std::sort(sorted.begin(), sorted.end());
    MemorySource s(4);
    s.numeric("x", x);
    for (int type : {5, 6, 7, 8, 9}) {
      SelfCommunicator self;
      QuantileOptions o;
      o.probs = {0.5};
      o.type = type;
      EXPECT_EQ(quantile(s, "~ x", o, self).variables[0].cells[0].quantiles[0], sorted[static_cast<std::size_t>(n / 2)]) << n << " values, type " << type;
    }
  }
}

TEST(Quantile, RevoScaleRsRule) {
  MemorySource s(2);
  s.numeric("x", {4, 1, 3, 2}).integer("k", {4, 1, 3, 2});
  auto const q = quantiles(s, "~ x + k", {.probs = {0.4}});
  EXPECT_EQ(q.variables[0].type, 4);
  EXPECT_DOUBLE_EQ(q.variables[0].cells[0].quantiles[0], 1.6);
  EXPECT_EQ(q.variables[1].type, 1);
  EXPECT_EQ(q.variables[1].cells[0].quantiles[0], 2);
}

TEST(Quantile, MissingInfiniteAndZero) {
  MemorySource s(2);
  s.numeric("x", {nan, -inf, 5, inf, nan, -0.0}).numeric("none", std::vector<double>(6, nan));
  auto const q = quantiles(s, "~ x + none", {.type = 1});
  EXPECT_EQ(q.variables[0].cells[0].quantiles, (std::vector<double>{-inf, -inf, 0, 5, inf}));
  EXPECT_FALSE(std::signbit(q.variables[0].cells[0].quantiles[2]));
  EXPECT_EQ(q.variables[0].valid_obs, 4);
  EXPECT_EQ(q.variables[0].missing_obs, 2);
  EXPECT_EQ(q.variables[1].valid_obs, 0);
  for (double v : q.variables[1].cells[0].quantiles) EXPECT_TRUE(std::isnan(v));
  auto const j = to_json(q);
  EXPECT_EQ(j["variables"][0]["quantiles"][0], "-Infinity");
  EXPECT_TRUE(j["variables"][1]["quantiles"][0].is_null());
  EXPECT_TRUE(j["variables"][0]["exact"].get<bool>());
}

TEST(Quantile, Cells) {
  MemorySource s(3);
  s.numeric("x", {1, 10, 2, 20, 3, nan, 30}).factor("g", {"a", "b", "empty"}, {0, 1, 0, 1, 0, 1, -1}).factor("h", {"u", "v"}, {0, 0, 0, 1, 1, 1, 1});
  auto const q = quantiles(s, "x ~ g + g:h", {.probs = {0.5, 1}, .type = 7});
  ASSERT_EQ(q.variables.size(), 2u);
  EXPECT_EQ(q.variables[0].name, "x:g");
  EXPECT_EQ(q.variables[0].cells[0].quantiles, (std::vector<double>{2, 3}));
  EXPECT_EQ(q.variables[0].cells[1].quantiles, (std::vector<double>{15, 20}));
  EXPECT_TRUE(std::isnan(q.variables[0].cells[2].quantiles[0]));
  EXPECT_EQ(q.variables[0].missing_obs, 2);
  EXPECT_EQ(q.variables[1].cells[1].levels, (std::vector<std::string>{"b", "u"}));
  EXPECT_EQ(q.variables[1].cells[0].quantiles[0], 1.5);
  EXPECT_EQ(to_json(q)["categorical"][1]["cells"][1]["quantiles"][0], 10);
}

TEST(Quantile, FrequencyWeightsRepeatRows) {
  MemorySource weighted(2), repeated(2);
  weighted.numeric("x", {5, 1, 3, 2, 9}).numeric("w", {2, 1, 3, 0, nan});
  repeated.numeric("x", {5, 5, 1, 3, 3, 3});
  std::vector<double> const p{0, 0.1, 0.3, 0.5, 0.8, 1};
  for (int type = 1; type <= 9; ++type) {
    auto const q = quantiles(weighted, "~ x", {.probs = p, .type = type, .fweights = "w"}).variables[0];
    EXPECT_EQ(q.cells[0].quantiles, quantiles(repeated, "~ x", {.probs = p, .type = type}).variables[0].cells[0].quantiles) << type;
    EXPECT_EQ(q.cells[0].sum_of_weights, 6);
    EXPECT_EQ(q.missing_obs, 1);
  }
}

TEST(Quantile, ProbabilityWeights) {
  MemorySource s(2);
  s.numeric("x", {1, 2, 3, 4}).numeric("w", {0.1, 0.2, 0.3, 0.4}).numeric("same", {0.7, 0.7, 0.7, 0.7});
  // the smallest x with a share of at least p up to it
  auto const q = quantiles(s, "~ x", {.probs = {0.05, 0.1, 0.25, 0.5, 0.7, 1}, .type = 1, .pweights = "w"});
  EXPECT_EQ(q.variables[0].cells[0].quantiles, (std::vector<double>{1, 1, 2, 3, 4, 4}));
  for (int type = 1; type <= 9; ++type)
    EXPECT_EQ(quantiles(s, "~ x", {.type = type, .pweights = "same"}).variables[0].cells[0].quantiles,
              quantiles(s, "~ x", {.type = type}).variables[0].cells[0].quantiles);
}

TEST(Quantile, ExtremesAreThoseOfTheValuesHoweverLittleTheyWeigh) {
  MemorySource s(2);
  s.numeric("x", {4.5, 0, 2.5, 1, 3.5, 9}).numeric("w", {0.5, 0, 2, 0.5, 2, nan}).numeric("tiny", {1e-40, 0, 1, 1e-40, 1, 0});
  s.factor("g", {"a", "b"}, {0, 0, 0, 0, 0, 0});
  for (auto const* weight : {"w", "tiny"})
    for (int type = 1; type <= 9; ++type) {
      auto const pweighted = quantiles(s, "~ x + x:g", {.probs = {1, 0.5, 0}, .type = type, .pweights = weight});
      auto const fweighted = quantiles(s, "~ x", {.probs = {0, 1}, .type = type, .fweights = weight});
      for (auto const& v : pweighted.variables) {
        EXPECT_EQ(v.cells[0].quantiles[0], 4.5) << weight << type;
        EXPECT_EQ(v.cells[0].quantiles[2], 1) << weight << type;
      }
      EXPECT_EQ(fweighted.variables[0].cells[0].quantiles, (std::vector<double>{1, 4.5})) << weight << type;
    }
}

TEST(Quantile, BadRequestsAreRefused) {
  MemorySource s;
  s.numeric("x", {1, 2}).factor("g", {"a"}, {0, 0}).numeric("w", {1, -1}).numeric("v", {1, inf}).logical("l", {0, 1});
  EXPECT_THROW(quantiles(s, "~ x", {.probs = {1.1}}), UsageError);
  EXPECT_THROW(quantiles(s, "~ x", {.probs = {-0.1}}), UsageError);
  EXPECT_THROW(quantiles(s, "~ x", {.probs = {nan}}), UsageError);
  EXPECT_THROW(quantiles(s, "~ x", {.probs = {}}), UsageError);
  EXPECT_THROW(quantiles(s, "~ x", {.type = 10}), UsageError);
  EXPECT_THROW(quantiles(s, "~ g"), UsageError);
  EXPECT_THROW(quantiles(s, "~ l"), UsageError);
  EXPECT_THROW(quantiles(s, "~ y"), UsageError);
  EXPECT_THROW(quantiles(s, "~ x", {.pweights = "w", .fweights = "w"}), UsageError);
  EXPECT_THROW(quantiles(s, "~ x", {.pweights = "g"}), UsageError);
  EXPECT_THROW(quantiles(s, "~ x", {.pweights = "w"}), DataError);
  EXPECT_THROW(quantiles(s, "~ x", {.fweights = "v"}), DataError);
  MemorySource only;
  only.factor("g", {"a"}, {0});
  EXPECT_THROW(quantiles(only, "~ ."), UsageError);
  MemorySource empty;
  empty.numeric("x", {});
  EXPECT_TRUE(std::isnan(quantiles(empty, "~ x").variables[0].cells[0].quantiles[0]));
}

TEST(Quantile, TransformsAndSelection) {
  MemorySource s(3);
  s.numeric("x", {1, 2, 3, 4, 5, 6, 7, 8});
  QuantileOptions options{.probs = {0.5}, .type = 7};
  options.rows.transforms = {"z = 10 * x"};
  options.rows.row_selection = "x > 2";
  EXPECT_EQ(quantiles(s, "~ z", options).variables[0].cells[0].quantiles[0], 55);
  EXPECT_EQ(quantiles(s, "~ log2(x)", options).variables[0].cells[0].quantiles[0], (std::log2(5) + std::log2(6)) / 2);
}

/// Shapes that are hard for a search: sorted, ties, a few frequent values among many, huge ranges, denormals, neighbours.
std::vector<double> shape(int kind, std::size_t n, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  std::uniform_int_distribution<int> digit(0, 9);
  std::vector<double> x(n);
  for (std::size_t i = 0; i < n; ++i) switch (kind) {
      case 0: x[i] = normal(random); break;
      case 1: x[i] = static_cast<double>(i); break;
      case 2: x[i] = digit(random); break;
      case 3: x[i] = digit(random) < 6 ? 0.0 : normal(random); break;
      case 4: x[i] = std::ldexp(normal(random), 100 * (digit(random) - 5)); break;
      case 5: x[i] = digit(random) == 0 ? nan : digit(random) == 0 ? inf : digit(random) == 1 ? -inf : digit(random) == 2 ? -0.0 : -normal(random); break;
      case 6: x[i] = std::nextafter(1.0, 2.0) * (1 + digit(random) * 0x1p-52); break;
      case 7: x[i] = digit(random) * 5e-324; break;
      default: x[i] = 7;
    }
  return x;
}

std::vector<double> sorted_numbers(std::vector<double> x) {
  std::erase_if(x, [](double v) { return v != v; });
  std::sort(x.begin(), x.end());
  return x;
}

TEST(OrderStatistics, EveryRankWhateverMayBeCollected) {
  std::mt19937_64 random(5);
  struct Case {
    std::size_t rows, most;
    std::int64_t chunk_rows;
  };
  std::vector<Case> cases{{100000, 20000, 4096}, {100000, 1 << 20, 4096}};  // so many that what is collected is narrowed down, near the sample's values or by keys
  for (std::size_t most : {std::size_t(2), std::size_t(40), std::size_t(500), std::size_t(1) << 20})
    for (std::int64_t chunk_rows : {17, 700}) cases.push_back({2000, most, chunk_rows});
  for (int kind = 0; kind < 9; ++kind)
    for (auto const& [n, most, chunk_rows] : cases) {
      auto const x = shape(kind, n, random);
      auto const want = sorted_numbers(x);
      MemorySource s(chunk_rows);
      s.numeric("x", x);
      RowSource const rows(s, {});
      impl::RankRequest request;
      request.terms = {{0, {}, {}, {}}};
      request.shares = {0, 0.1, 0.5, 0.9, 1};
      request.most_collected = most;
      request.ranks = [](std::size_t, double rows_in) {
        return std::vector<double>{1, 2, std::floor(rows_in / 10), std::floor(rows_in / 2), std::floor(rows_in / 2) + 1, rows_in - 1, rows_in};
      };
      SelfCommunicator self;
      auto const got = impl::order_statistics(rows, request, {}, self, nullptr)[0].cells[0];
      ASSERT_EQ(got.rows, static_cast<std::int64_t>(want.size()));
      for (std::size_t k = 0; k < got.ranks.size(); ++k) {
        EXPECT_EQ(got.values[k], want[static_cast<std::size_t>(got.ranks[k]) - 1]) << "shape " << kind << ", rank " << got.ranks[k] << ", " << most;
        EXPECT_FALSE(got.values[k] == 0 && std::signbit(got.values[k]));
      }
    }
}

TEST(OrderStatistics, CellsWeightsAndDistances) {
  std::mt19937_64 random(6);
  auto const x = shape(0, 4000, random);
  std::vector<int> g(x.size());
  std::vector<double> w(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) g[i] = static_cast<int>(random() % 6) - 1, w[i] = static_cast<double>(random() % 4) / 8;
  MemorySource s(90);
  s.numeric("x", x).factor("g", {"a", "b", "c", "d", "e"}, g).numeric("w", w);
  RowSource const rows(s, {});
  for (std::size_t most : {std::size_t(10), std::size_t(300), std::size_t(1) << 20})
    for (bool weighted : {false, true}) {
      impl::RankRequest request;
      request.terms = {{0, {1}, {5}, {}}, {0, {1}, {5}, {0, 0.5, -1, 2, nan}}};
      request.weight = weighted ? 2 : -1;
      request.frequency = true;
      request.shares = {0.25, 0.5};
      request.most_collected = most;
      request.ranks = [](std::size_t, double n) { return std::vector<double>{std::ceil(n / 4), std::ceil(n / 2)}; };
      SelfCommunicator self;
      auto const got = impl::order_statistics(rows, request, {}, self, nullptr);
      for (std::size_t t = 0; t < 2; ++t)
        for (int c = 0; c < 5; ++c) {
          std::vector<std::pair<double, double>> cell;
          double total = 0;
          for (std::size_t i = 0; i < x.size(); ++i) {
            if (g[i] != c || (weighted && w[i] == 0)) continue;
            double const centre = t == 0 ? 0 : request.terms[1].centres[static_cast<std::size_t>(c)];
            if (centre != centre) continue;
            cell.emplace_back(t == 0 ? x[i] : std::abs(x[i] - centre), weighted ? w[i] : 1);
            total += cell.back().second;
          }
          std::sort(cell.begin(), cell.end());
          auto const& answer = got[t].cells[static_cast<std::size_t>(c)];
          EXPECT_EQ(answer.size, total);
          for (std::size_t k = 0; k < answer.ranks.size(); ++k) {
            double sum = 0;
            std::size_t i = 0;
            for (; i < cell.size(); ++i)
              if ((sum += cell[i].second) >= answer.ranks[k]) break;
            EXPECT_EQ(answer.values[k], cell[std::min(i, cell.size() - 1)].first) << most << weighted << t << c;
          }
        }
    }
}

// So many cells that each has a few rows of the sample, fewer than lie between two edges of the whole term: every pass must get nearer in each.
TEST(OrderStatistics, ManyCellsOfFewSampledRows) {
  int const first = 100, second = 60, cells = first * second, rows_a_cell = 20;
  std::mt19937_64 random(8);
  std::normal_distribution<> normal;
  std::vector<double> x;
  std::vector<int> f, g;
  auto const levels = [](int n) {
    std::vector<std::string> names;
    for (int k = 0; k < n; ++k) names.push_back("l" + std::to_string(k));
    return names;
  };
  for (int i = 0; i < cells * rows_a_cell; ++i) x.push_back(normal(random)), f.push_back(i % cells % first), g.push_back(i % cells / first);
  MemorySource s(4096);
  s.apart = true;  // such sources give a sample of more chunks
  s.numeric("x", x).factor("f", levels(first), f).factor("g", levels(second), g);
  RowSource const rows(s, {});
  impl::RankRequest request;
  request.terms = {{0, {1, 2}, {first, second}, {}}};
  request.shares = {0.25, 0.5, 0.75};
  request.most_collected = 70000;  // the sample, but not the rows
  request.ranks = [](std::size_t, double) { return std::vector<double>{5, 10, 15}; };
  SelfCommunicator self;
  Timing timing;
  RunOptions run;
  run.progress = [](const Progress& p) {
    if (p.pass > 40) throw std::runtime_error("passes without end");
  };
  auto const got = impl::order_statistics(rows, request, run, self, &timing);
  EXPECT_LE(timing.passes, 20);
  for (int c = 0; c < cells; ++c) {
    std::vector<double> cell;
    for (int k = 0; k < rows_a_cell; ++k) cell.push_back(x[static_cast<std::size_t>(k * cells + c)]);
    std::sort(cell.begin(), cell.end());
    EXPECT_EQ(got[0].cells[static_cast<std::size_t>(c)].values, (std::vector<double>{cell[4], cell[9], cell[14]}));
  }
}

TEST(Quantile, SameBitsForAnyRanksThreadsAndChunks) {
  std::mt19937_64 random(7);
  auto const x = shape(3, 2000, random);
  std::vector<int> g(x.size());
  std::vector<double> w(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) g[i] = static_cast<int>(random() % 3), w[i] = static_cast<double>(random() % 1000) / 7;
  std::string reference;
  for (std::int64_t chunk_rows : {2000, 1, 13, 500}) {
    MemorySource s(chunk_rows);
    s.numeric("x", x).factor("g", {"a", "b", "c"}, g).numeric("w", w);
    for (int ranks : {1, 2, 3, 4, 7}) {
      if (chunk_rows == 1 && ranks != 3) continue;
      std::vector<std::string> seen(static_cast<std::size_t>(ranks));
      test::on_ranks(ranks, [&](Communicator& comm) {
        QuantileOptions options{.probs = {0.01, 0.3, 0.7}};
        options.run.threads = 1;
        auto text = to_json(quantile(s, "~ x + x:g", options, comm)).dump();
        options.pweights = "w";
        seen[static_cast<std::size_t>(comm.rank())] = text + to_json(quantile(s, "~ x + x:g", options, comm)).dump();
      });
      if (reference.empty()) reference = seen[0];
      for (auto const& one : seen) EXPECT_EQ(one, reference) << ranks << " ranks, chunks of " << chunk_rows;
    }
  }
}

TEST(Quantile, ManyCollectedRowsOfSeveralRanks) {
  std::mt19937_64 random(9);
  for (int kind : {0, 3, 4, 5}) {
    auto const x = shape(kind, 60000, random);
    auto const want = sorted_numbers(x);
    MemorySource s(4096);
    s.numeric("x", x);
    for (int ranks : {1, 3})
      test::on_ranks(ranks, [&](Communicator& comm) {
        QuantileOptions options{.probs = {0, 0.001, 0.25, 0.5, 0.5, 1}};
        options.type = 1;
        options.run.threads = 1;
        auto const got = quantile(s, "~ x", options, comm).variables[0].cells[0].quantiles;
        for (std::size_t k = 0; k < options.probs.size(); ++k) {
          auto const rank = std::max(1.0, std::ceil(options.probs[k] * static_cast<double>(want.size())));
          EXPECT_EQ(got[k], want[static_cast<std::size_t>(rank) - 1]) << "shape " << kind << ", " << ranks << " ranks, " << options.probs[k];
        }
      });
  }
}

TEST(Quantile, CellsBeyondTheMemoryLimitAreRefusedBeforeRowsAreRead) {
  MemorySource s(2);
  s.numeric("x", {1, 2, 3});
  QuantileOptions o;
  o.run.memory_limit = 30 << 20;
  EXPECT_THROW(quantiles(s, "~ x:F(x, 1, 100000)", o), UsageError);
  EXPECT_EQ(quantiles(s, "~ x:F(x, 1, 10000)", o).variables[0].cells.size(), 10000u);
}

}  // namespace
}  // namespace rxhpc
