#include "rxhpc/centroids.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "rxhpc/random.hpp"
#include "rxhpc/row_sample.hpp"
#include "table_fixture.hpp"

namespace rxhpc {
namespace {

using test::MemoryTable;
using test::nan;

/// The definition: squared distances summed column by column, the lowest number where several are nearest.
int naive_nearest(const std::vector<double>& row, const std::vector<double>& centres, const std::vector<double>& shift) {
  auto const p = row.size();
  int best = 0;
  double least = INFINITY;
  for (std::size_t k = 0; k * p < centres.size(); ++k) {
    double d = 0;
    for (std::size_t j = 0; j < p; ++j) {
      double const t = (row[j] - shift[j]) - (centres[k * p + j] - shift[j]);
      if (!std::isnan(t)) d = std::fma(t, t, d);
    }
    if (d < least) least = d, best = static_cast<int>(k);
  }
  return best;
}

struct Points {
  MemoryTable table;
  std::vector<std::vector<double>> columns;
  Points(std::int64_t rows, int p, double grid, double offset = 0) {
    for (int j = 0; j < p; ++j) {
      auto x = test::normals(rows, static_cast<unsigned>(10 + j), offset, 3);
      if (grid > 0)
        for (auto& v : x) v = std::round(v / grid) * grid;
      columns.push_back(x);
      table.numeric(x);
    }
  }
  std::vector<double> row(std::int64_t i) const {
    std::vector<double> r;
    for (auto const& c : columns) r.push_back(c[static_cast<std::size_t>(i)]);
    return r;
  }
};

RowPackSpec spec_of(int p, std::vector<double> shift, bool partial = false) {
  RowPackSpec spec;
  for (int j = 0; j < p; ++j) spec.columns.push_back(j);
  spec.shift = std::move(shift);
  spec.partial = partial;
  return spec;
}

void expect_naive_labels(const Points& points, int p, int k, const std::vector<double>& shift) {
  std::vector<double> centres;
  for (int c = 0; c < k; ++c)
    for (double v : points.row(c * 7)) centres.push_back(v);
  Centres const nearest(p, centres, shift);
  RowPacks rows;
  rows.assign(points.table.all(), 0, points.table.rows(), spec_of(p, shift));
  std::vector<std::int32_t> label(static_cast<std::size_t>(8 * rows.packs()));
  nearest.nearest(rows, 0, rows.packs(), label.data());
  for (std::int64_t i = 0; i < points.table.rows(); ++i)
    ASSERT_EQ(label[static_cast<std::size_t>(i)], naive_nearest(points.row(i), centres, shift)) << "row " << i << ", k = " << k << ", p = " << p;
  // the same of rows in place, tile by tile
  auto const spec = spec_of(p, shift);
  auto const chunk = points.table.all();
  for (std::int64_t at = 0; at < chunk.rows; at += 48) {
    auto const count = std::min<std::int64_t>(48, chunk.rows - at);
    if (at == 0) rows.assign_in_place(chunk, at, count, spec);
    else rows.assign_next(chunk, at, count, spec);
    std::vector<std::int32_t> again(static_cast<std::size_t>(8 * rows.packs()));
    nearest.nearest(rows, 0, rows.packs(), again.data());
    for (std::int64_t i = 0; i < count; ++i)
      ASSERT_EQ(again[static_cast<std::size_t>(i)], label[static_cast<std::size_t>(at + i)]) << "row " << at + i << " in place, k = " << k << ", p = " << p;
  }
}

TEST(Centres, NearestByDefinitionAlsoWhereMostRowsAreTies) {
  for (int p : {1, 2, 3, 8, 11, 28})
    for (int k : {1, 2, 4, 5, 8, 9, 17, 40}) {
      expect_naive_labels(Points(331, p, 0), p, k, std::vector<double>(static_cast<std::size_t>(p), 0.0));
      expect_naive_labels(Points(331, p, 2), p, k, std::vector<double>(static_cast<std::size_t>(p), 0.0));         // equal centres and rows half way
      expect_naive_labels(Points(331, p, 0.1, 1e6), p, k, std::vector<double>(static_cast<std::size_t>(p), 0.0));  // far from zero: all by the second form
      expect_naive_labels(Points(331, p, 0.1, 1e6), p, k, std::vector<double>(static_cast<std::size_t>(p), 1e6));
    }
}

TEST(Centres, ManyCentresInFloatsFirst) {
  for (int p : {7, 28, 300})
    for (int k : {64, 261}) {
      std::vector<double> const none(static_cast<std::size_t>(p), 0.0);
      expect_naive_labels(Points(2200, p, 0), p, k, none);
      expect_naive_labels(Points(2200, p, 0, 300), p, k, none);  // floats hardly tell the centres apart
    }
}

TEST(Centres, HugeAndTinyValuesHaveACluster) {
  Points points(64, 2, 0);
  points.table.at(0, 3) = 1e200;
  points.columns[0][3] = 1e200;
  points.table.at(1, 5) = -1e-320;
  points.columns[1][5] = -1e-320;
  expect_naive_labels(points, 2, 5, {0, 0});
}

/// Squares beyond what a float holds.
TEST(Centres, ValuesThatAreHugeAsFloats) {
  for (double scale : {0x1p58, 0x1p62, 0x1p63, 0x1p64, 0x1p65, 0x1p127, 0x1p500}) {
    Points points(900, 4, 0);
    for (int j = 0; j < 4; ++j)
      for (std::int64_t i = 0; i < 900; ++i) points.table.at(j, i) = points.columns[static_cast<std::size_t>(j)][static_cast<std::size_t>(i)] *= scale;
    expect_naive_labels(points, 4, 64, std::vector<double>(4, 0.0));
  }
}

/// Sums with bounds kept from pass to pass against sums without, while centres move; `far` centres now and then.
TEST(Centroids, BoundsChangeNoBit) {
  for (double spread : {0.0, 30.0}) {  // one cloud; clusters
    Points points(5000, 9, 0);
    for (std::int64_t i = 0; i < 5000; ++i)
      for (int j = 0; j < 9; ++j) {
        double const at = points.columns[static_cast<std::size_t>(j)][static_cast<std::size_t>(i)] + spread * ((i % 130) >> j % 5 & 1);
        points.columns[static_cast<std::size_t>(j)][static_cast<std::size_t>(i)] = at;
        points.table.at(j, i) = i == 77 && j == 3 ? nan : at;
      }
    std::vector<double> values;
    for (int c = 0; c < 130; ++c)
      for (double v : points.row(c * 11 + 1)) values.push_back(v);
    std::vector<double> const none(9, 0.0);
    RowBounds bounds;
    std::shared_ptr<const Centres> before;
    std::int64_t saved = 0;
    for (int pass = 0; pass < 12; ++pass) {
      auto const centres = std::make_shared<const Centres>(9, values, none);
      Centroids plain(spec_of(9, none), centres, pass % 3 == 0), bounded(spec_of(9, none), centres, pass % 3 == 0);
      plain.update(points.table.all());
      std::unique_ptr<CentreMoves> moves;
      if (before) moves = std::make_unique<CentreMoves>(*before, *centres);
      bounds.begin(5000);
      bounded.remember(&bounds, moves.get());
      bounded.update(points.table.all());
      bounds.filled = true;
      saved += bounds.saved;
      std::vector<double> a(plain.packed_size()), b(plain.packed_size());
      plain.pack(a);
      bounded.pack(b);
      ASSERT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(double)), 0) << "pass " << pass;
      for (int k = 0; k < 130; ++k)
        for (int j = 0; j < 9; ++j)
          if (plain.rows(k) > 0) values[static_cast<std::size_t>(9 * k + j)] = plain.sum(k, j) / plain.weight(k);
      if (pass == 6) values[9 * 5] += 20;
      before = centres;
    }
    if (before->bounds_pay() && spread > 0) {
      EXPECT_GT(saved, 0);
    }
  }
}

TEST(Centroids, SumsByHand) {
  MemoryTable t;
  t.numeric({1, 2, 10, nan, 12, 11});
  t.numeric({0, 1, 5, 5, 7, nan});
  t.numeric({1, 2, 1, 1, 0, 1});
  auto const centres = std::make_shared<Centres>(2, std::vector<double>{0, 0, 9, 9}, std::vector<double>{0, 0});
  Centroids plain(spec_of(2, {0, 0}), centres, true);
  plain.update(t.all());
  EXPECT_EQ(plain.valid(), 4);
  EXPECT_EQ(plain.missing(), 2);
  EXPECT_EQ(plain.rows(0), 2);
  EXPECT_EQ(plain.sum(0, 0), 3);
  EXPECT_EQ(plain.sum(1, 1), 12);
  EXPECT_EQ(plain.square(0), 1 + 4 + 1);
  EXPECT_EQ(plain.square(1), 1 + 16 + 9 + 4);
  auto weighted = spec_of(2, {0, 0});
  weighted.weight = 2;
  Centroids w(weighted, centres, true);
  w.update(t.all());
  EXPECT_EQ(w.valid(), 3);  // a weight of 0 is no row
  EXPECT_EQ(w.weight(0), 3);
  EXPECT_EQ(w.sum(0, 0), 5);
  EXPECT_EQ(w.square(0), 1 + 2 * 5);
  Centroids partial(spec_of(2, {0, 0}, true), centres, true);
  partial.update(t.all());
  EXPECT_EQ(partial.valid(), 6);
  EXPECT_EQ(partial.rows(1), 4);
  EXPECT_EQ(partial.cell_weight(1, 0), 3);
  EXPECT_EQ(partial.sum(1, 0), 33);
  EXPECT_EQ(partial.square(1), 30 + 2 * 16 + 2 * 4);  // one of two cells: twice its square
}

TEST(Centroids, LaidOutBeforeOrNotTheSameBits) {
  Points const points(5000, 5, 0);
  auto const centres = std::make_shared<Centres>(5, std::vector<double>{0, 0, 0, 0, 0, 1, 2, 1, 0, 1, -3, 0, 0, 1, 1}, std::vector<double>(5, 0.25));
  Centroids a(spec_of(5, std::vector<double>(5, 0.25)), centres, true), b = a;
  a.update(points.table.all());
  RowPacks rows;
  rows.assign(points.table.all(), 0, 5000, a.spec());
  b.update(rows);
  std::vector<double> x(a.packed_size()), y(b.packed_size());
  a.pack(x);
  b.pack(y);
  EXPECT_EQ(std::memcmp(x.data(), y.data(), x.size() * sizeof(double)), 0);
}

void expect_same_bits_in_place(int p, int kind) {
  int const k = 17, n = 5003;
  std::vector<double> const none(p, 0.0), some(p, 0.25);
  std::vector<double> values;
  for (int c = 0; c < k; ++c)
    for (int j = 0; j < p; ++j) values.push_back(kind == 6 ? (c * 7 + j * 3) % 11 - 5.0 : (c * 7 + j * 3) % 19 - 9.0);
  Points points(n, kind == 1 ? p - 1 : p, 0);
  if (kind == 1) points.table.factor(test::codes(n, 5, 3));
  if (kind >= 2 && kind < 6)
    for (std::int64_t i = 5; i < n; i += 97) points.table.at(static_cast<int>(i % p), i) = nan;
  auto spec = spec_of(p, kind % 2 ? some : none, kind == 4);
  if (kind == 3 || kind == 5) {
    auto weights = test::normals(n, 5, 2, 1);
    for (auto& w : weights) w = w < 0 ? 0 : w;
    points.table.numeric(weights);
    spec.weight = p;
  }
  // bounds that are not known, that are the largest value, that say nothing
  for (double slack : {nan, 1.0, 1e9})
    for (bool squares : {false, true}) {
      auto chunk = points.table.all();
      for (int j = 0; (kind < 2 || kind > 5) && j < p; ++j)
        for (std::int64_t i = 0; i < n; ++i) {
          auto& c = chunk.columns[static_cast<std::size_t>(j)];
          c.bound = slack * std::max(i == 0 ? 0 : c.bound / slack, std::fabs(c.value(i)));
        }
      auto const tried = std::make_shared<Centres>(p, values, spec.shift), fresh = std::make_shared<Centres>(p, values, spec.shift);
      Centroids in_place(spec, tried, squares), laid_out(spec, fresh, squares);
      bool const in_floats = tried->in_floats();
      in_place.update(chunk);
      if (kind != 6) {
        EXPECT_EQ(tried->in_floats(), in_floats) << "given up, so that nothing is left in place";
      }
      RowPacks rows;
      rows.assign(points.table.all(), 0, n, spec);
      EXPECT_FALSE(rows.in_place(0));
      laid_out.update(rows);
      std::vector<double> x(in_place.packed_size()), y(laid_out.packed_size());
      in_place.pack(x);
      laid_out.pack(y);
      EXPECT_EQ(std::memcmp(x.data(), y.data(), x.size() * sizeof(double)), 0) << "p " << p << ", kind " << kind << ", squares " << squares << ", slack " << slack;
      EXPECT_GT(in_place.valid(), 0);
    }
}

// plain columns; one that has to be converted, and a shift; missing cells and weights; equal centres; a shift
TEST(Centroids, InPlaceOrLaidOutTheSameBits) {
  for (int p : {21, 26})
    for (int kind = 0; kind < 8; ++kind) expect_same_bits_in_place(p, kind);
}

TEST(RowPacks, TheLastRowsOfColumnsAreTheLastThatAreRead) {
  int const p = 3;
  std::int64_t const n = 59;
  std::vector<std::vector<double>> x(p, std::vector<double>(static_cast<std::size_t>(n), 1.5));
  Chunk chunk;
  chunk.rows = n;
  for (auto const& c : x) {
    chunk.columns.emplace_back();
    chunk.columns.back().data = c.data();
    chunk.columns.back().bound = 1.5;
  }
  auto const spec = spec_of(p, std::vector<double>(p, 0.0));
  RowPacks rows;
  rows.assign_in_place(chunk, 0, 48, spec);
  rows.assign_next(chunk, 48, 11, spec);  // sanitizers see what is read
  EXPECT_EQ(rows.valid(), 11);
  EXPECT_EQ(rows.present(1), 0x07u);
  EXPECT_DOUBLE_EQ(rows.reach(1), 1.5 * std::sqrt(3.0));
  EXPECT_TRUE(rows.in_place(0));
  EXPECT_FALSE(rows.in_place(1));
}

// Bytes may be damaged where the zone map is not; the reader notices that only when the chunk is done.
TEST(Centroids, MissingValuesBesideABoundDoNoHarm) {
  int const p = 28, k = 16, n = 200;
  Points points(n, p, 0);
  std::vector<double> values;
  for (int c = 0; c < k; ++c)
    for (double v : points.row(c)) values.push_back(v);
  auto const spec = spec_of(p, std::vector<double>(p, 0.0));
  Centroids a(spec, std::make_shared<Centres>(p, values, spec.shift), true);
  for (double harm : {nan, test::infinity, -1e300}) {
    points.table.at(3, 50) = points.table.at(7, 51) = points.table.at(0, 199) = harm;
    auto chunk = points.table.all();
    for (auto& c : chunk.columns) c.bound = 10;
    a.reset();
    a.update(chunk);
    std::int64_t rows = 0;
    for (int c = 0; c < k; ++c) rows += a.rows(c);
    EXPECT_EQ(rows, a.valid());
  }
}

TEST(RowPacks, ReachOfBoundsIsSharpenedWhereItIsWanted) {
  int const p = 5;
  Points points(64, p, 0);
  std::vector<double> const shift(p, 0.5);
  auto const spec = spec_of(p, shift);
  auto chunk = points.table.all();
  for (auto& c : chunk.columns) c.bound = 100;
  RowPacks bounded, plain;
  bounded.assign_in_place(chunk, 0, 43, spec);
  plain.assign_in_place(points.table.all(), 0, 43, spec);
  for (std::int64_t b = 0; b < bounded.packs(); ++b) {
    EXPECT_EQ(bounded.present(b), plain.present(b));
    double longest = 0;
    for (std::int64_t i = 8 * b; i < std::min<std::int64_t>(8 * b + 8, 43); ++i) {
      double square = 0;
      auto const row = points.row(i);
      for (int j = 0; j < p; ++j) square += (row[j] - 0.5) * (row[j] - 0.5);
      longest = std::max(longest, std::sqrt(square));
    }
    if (b < 5) {
      EXPECT_NEAR(bounded.reach(b), 100.5 * std::sqrt(p), 1e-9);
      bounded.sharpen(b);
    }
    EXPECT_NEAR(bounded.reach(b), longest, 1e-12);
    EXPECT_GE(plain.reach(b), longest * (1 - 1e-15));
  }
  EXPECT_EQ(bounded.valid(), 43);
}

TEST(Centroids, InfiniteValuesAndNegativeWeightsAreCounted) {
  MemoryTable t;
  t.numeric({1, test::infinity, 3, -test::infinity});
  t.numeric({1, 1, -1, 1});
  RowPackSpec spec{{0}, 1, {0}, false};
  Centroids a(spec, std::make_shared<Centres>(1, std::vector<double>{0}, std::vector<double>{0}), false);
  a.update(t.all());
  EXPECT_EQ(a.valid(), 1);
  EXPECT_EQ(a.infinite(), 2);
  EXPECT_EQ(a.negative_weight(), 1);
}

TEST(Random, PhiloxKnownAnswers) {
  // Random123's known answers for philox4x32 with ten rounds, words 0 and 1.
  EXPECT_EQ(random_bits(0, RandomPurpose{0}, 0, 0), 0xe169c58d6627e8d5u);
  EXPECT_EQ(random_bits(~0ULL, RandomPurpose{~0u}, ~0u, ~0ULL), 0x41c83b0e408f276du);
  EXPECT_EQ(random_bits(0x299f31d0a4093822u, RandomPurpose{0x03707344u}, 0x13198a2eu, 0x85a308d3243f6a88u), 0x94fdccebd16cfe09u);
}

TEST(RowSample, TheSmallestKeysOfDistinctRows) {
  MemoryTable t;
  std::vector<double> x;
  for (int i = 0; i < 3000; ++i) x.push_back(i % 10);
  t.numeric(x);
  RowSample::Spec spec;
  spec.rows = spec_of(1, {0});
  spec.size = 12;
  spec.order = RowSample::Order::first;
  RowSample first(spec);
  first.update(t.all());
  auto const rows = first.finalize();
  ASSERT_EQ(rows.size(), 10u);  // there are no more
  for (int i = 0; i < 10; ++i) EXPECT_EQ(rows[static_cast<std::size_t>(i)].number, i);
  spec.order = RowSample::Order::random;
  spec.size = 4;
  RowSample random(spec);
  random.update(t.all());
  auto const drawn = random.finalize();
  ASSERT_EQ(drawn.size(), 4u);
  spec.stream = 1;
  RowSample other(spec);
  other.update(t.all());
  EXPECT_NE(drawn[0].number, other.finalize()[0].number);
}

TEST(RowSample, ChancesFollowTheWeights) {
  // One of four rows with weights 1, 2, 3, 4: over 2000 streams each comes about so often.
  MemoryTable t;
  t.numeric({0, 1, 2, 3});
  t.numeric({1, 2, 3, 4});
  int hits[4] = {};
  for (std::uint32_t stream = 0; stream < 2000; ++stream) {
    RowSample::Spec spec;
    spec.rows = spec_of(1, {0});
    spec.rows.weight = 1;
    spec.size = 1;
    spec.stream = stream;
    RowSample a(spec);
    a.update(t.all());
    ++hits[a.finalize()[0].number];
  }
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(hits[i], 200 * (i + 1), 90);
}

}  // namespace
}  // namespace rxhpc
