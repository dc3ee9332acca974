#include "rxhpc/bucket_counts.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "table_fixture.hpp"

namespace rxhpc {
namespace {

using test::infinity;
using test::MemoryTable;
using test::nan;

std::shared_ptr<BucketEdges> edges_of(std::vector<double> edges, std::vector<char> kept = {}) {
  auto e = std::make_shared<BucketEdges>();
  e->edges = std::move(edges);
  e->first = {0, static_cast<std::uint32_t>(e->edges.size())};
  e->kept = std::move(kept);
  return e;
}

BucketCounts counted(const MemoryTable& t, std::shared_ptr<const BucketEdges> edges, std::size_t most_kept = 1000) {
  BucketSpec s;
  s.edges = std::move(edges);
  s.most_kept = most_kept;
  BucketCounts a(s);
  a.update(t.all());
  return a;
}

TEST(BucketCounts, EdgesBelongToTheBucketAbove) {
  MemoryTable t;
  t.numeric({1, nan, 2, -infinity, 3, infinity, 2.5, -0.0, 0.0});
  auto const a = counted(t, edges_of({0, 2, 3}));
  EXPECT_EQ(a.rows(0), 1);  // -inf
  EXPECT_EQ(a.rows(1), 3);  // both zeros and 1
  EXPECT_EQ(a.rows(2), 2);
  EXPECT_EQ(a.rows(3), 2);  // 3 and inf
  EXPECT_EQ(a.missing(), 1);
}

TEST(BucketCounts, KeepsTheValuesOfChosenBuckets) {
  MemoryTable t;
  t.numeric({1, nan, 2, -infinity, 3, infinity, 2.5, -0.0, 0.0});
  auto a = counted(t, edges_of({0, 2, 3}, {1, 0, 1, 1}));
  auto const& k = a.kept();
  ASSERT_TRUE(k.complete);
  std::vector<std::pair<std::uint32_t, double>> got;
  for (std::size_t i = 0; i < k.value.size(); ++i) got.emplace_back(k.bucket[i], k.value[i]);
  std::sort(got.begin(), got.end());
  EXPECT_EQ(got, (std::vector<std::pair<std::uint32_t, double>>{{0, -infinity}, {2, 2}, {2, 2.5}, {3, 3}, {3, infinity}}));
  auto full = counted(t, edges_of({0, 2, 3}, {1, 0, 1, 1}), 4);
  EXPECT_FALSE(full.kept().complete);
  EXPECT_TRUE(full.kept().value.empty());
  EXPECT_EQ(full.rows(3), 2);  // counts go on
}

// Comparisons for few edges, a search for many, a row at a time in cells: the same counts.
TEST(BucketCounts, EveryWayOfCountingAgrees) {
  MemoryTable t;
  auto x = test::normals(5003, 3);
  for (std::size_t i = 0; i < x.size(); i += 50) x[i] = nan;
  t.numeric(x);
  t.factor(std::vector<std::int32_t>(x.size(), 0));
  auto sorted = test::normals(300, 4);
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t count : {0, 1, 7, 8, 9, 63, 64, 65, 300}) {
    auto const edges = edges_of({sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(count)});
    auto const a = counted(t, edges);
    BucketSpec by_cell;
    by_cell.factors = {1}, by_cell.levels = {1}, by_cell.edges = edges;
    BucketCounts b(by_cell);
    b.update(t.all());
    for (std::size_t k = 0; k <= count; ++k) {
      auto const want = std::count_if(x.begin(), x.end(), [&](double v) { return v == v && (k == 0 || v >= sorted[k - 1]) && (k == count || v < sorted[k]); });
      EXPECT_EQ(a.rows(k), want) << count << " edges, bucket " << k;
      EXPECT_EQ(b.rows(k), want) << count << " edges, bucket " << k;
    }
    EXPECT_EQ(a.missing(), 101);
  }
}

TEST(BucketCounts, WeightsSumsAndCentres) {
  MemoryTable t;
  t.numeric({1, 2, 3, 4, 5, 6});
  t.numeric({0.1, 0, -1, infinity, nan, 0.2});
  t.numeric({10, 20, 30, 40, 50, 1e300});
  BucketSpec s;
  s.weight = 1, s.summed = 2, s.centres = {3}, s.edges = edges_of({2.5});
  BucketCounts a(s);
  a.update(t.all());
  EXPECT_EQ(a.rows(0), 1);  // |1 - 3|
  EXPECT_EQ(a.rows(1), 1);  // |6 - 3|
  EXPECT_EQ(a.weight(0).hi, 0.1);
  EXPECT_EQ(a.sum(1).hi, 0.2 * 1e300);
  EXPECT_EQ(a.missing(), 1);
  EXPECT_EQ(a.negative_weight(), 1);
  EXPECT_EQ(a.infinite_weight(), 1);
}

}  // namespace
}  // namespace rxhpc
