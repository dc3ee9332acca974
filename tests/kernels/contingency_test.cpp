#include "rxhpc/contingency.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "rxhpc/errors.hpp"
#include "table_fixture.hpp"

namespace rxhpc {
namespace {

using test::infinity;
using test::MemoryTable;
using test::nan;

double sum_of(const std::vector<double>& x) {
  ExactSums s(1);
  for (double v : x) s.add(0, v);
  return s.value(0).hi;
}

TEST(ExactSums, WhatDoublesLose) {
  EXPECT_EQ(sum_of({}), 0);
  EXPECT_EQ(sum_of({1e308, 1, -1e308}), 1);
  EXPECT_EQ(sum_of({0x1p-1074, 0x1p1000, -0x1p1000}), 0x1p-1074);
  EXPECT_EQ(sum_of({-0x1p-1074, -0x1p-1074}), -0x1p-1073);
  EXPECT_EQ(sum_of({1, 0x1p-53, 0x1p-110}), 1 + 0x1p-52);  // just above the middle
  EXPECT_EQ(sum_of({1, 0x1p-53}), 1);
  EXPECT_EQ(sum_of({-1, -0x1p-53, -0x1p-1000}), -1 - 0x1p-52);
  EXPECT_EQ(sum_of({1, 0x1p-32, -0x1p-64}), 1 + 0x1p-32);
  EXPECT_EQ(sum_of({-1, 0x1p-70}), -1);
  EXPECT_EQ(sum_of({1e308, 1e308}), infinity);
  EXPECT_EQ(sum_of({1e308, 1e308, -1e308}), 1e308);
  EXPECT_EQ(sum_of({-3.25, -0.5}), -3.75);
}

TEST(ExactSums, TheRestKeepsThirtyDigits) {
  ExactSums s(2);
  for (double v : {1.0, 0x1p-60, 0x1p-100}) s.add(0, v), s.add(1, -v);
  EXPECT_EQ(s.value(0).hi, 1);
  EXPECT_EQ(s.value(0).lo, 0x1p-60 + 0x1p-100);
  EXPECT_EQ(s.value(1).hi, -1);
  EXPECT_EQ(s.value(1).lo, -0x1p-60 - 0x1p-100);
}

TEST(ExactSums, InfiniteTermsAsR) {
  EXPECT_EQ(sum_of({1, infinity}), infinity);
  EXPECT_EQ(sum_of({1, -infinity, -infinity}), -infinity);
  EXPECT_TRUE(std::isnan(sum_of({infinity, -infinity})));
}

TEST(ExactSums, TheOrderCannotMatter) {
  auto x = test::normals(4000, 7, 0, 1);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::ldexp(x[i], static_cast<int>(i * 37 % 900) - 450);
  double const forward = sum_of(x);
  std::reverse(x.begin(), x.end());
  EXPECT_EQ(sum_of(x), forward);
  std::sort(x.begin(), x.end());
  EXPECT_EQ(sum_of(x), forward);
}

/// Columns: 0 x, 1 y, 2 w, 3 f (3 levels), 4 g (5 levels).
MemoryTable table(std::int64_t rows, double spread = 0) {
  MemoryTable t;
  auto x = test::normals(rows, 1, 100, 30);
  if (spread > 0)
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::ldexp(x[i], static_cast<int>(std::fmod(static_cast<double>(i * 7919), spread)) - static_cast<int>(spread / 2));
  t.numeric(x);
  t.numeric(test::normals(rows, 2, 0, 1e-3));
  std::vector<double> w(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = 0.25 * static_cast<double>(i % 5);
  t.numeric(w);
  t.factor(test::codes(rows, 3, 4));
  t.factor(test::codes(rows, 5, 5));
  return t;
}

/// The same by a map and exact sums of every row.
struct Reference {
  std::map<std::uint64_t, std::int64_t> rows;
  std::map<std::uint64_t, std::vector<double>> x;
  explicit Reference(const MemoryTable& t, bool weighted) {
    auto const c = t.all();
    for (std::int64_t i = 0; i < c.rows; ++i) {
      double const w = weighted ? c.columns[2].value(i) : 1;
      if (w == 0 || c.columns[0].value(i) != c.columns[0].value(i)) continue;
      auto const f = c.columns[3].code(i), g = c.columns[4].code(i);
      if (f < 0 || g < 0) continue;
      auto const key = static_cast<std::uint64_t>(f + 3 * g);
      ++rows[key];
      x[key].push_back(w * c.columns[0].value(i));
    }
  }
};

void expect_reference(const Contingency& a, const Reference& want) {
  auto const places = a.occupied();
  ASSERT_EQ(places.size(), want.rows.size());
  for (auto p : places) {
    auto const key = a.key(p).low;
    EXPECT_EQ(a.rows(p), want.rows.at(key));
    EXPECT_EQ(a.sum(0, p).hi, sum_of(want.x.at(key))) << key;
  }
}

ContingencySpec spec_of(bool weighted, bool sparse) {
  return {.factors = {3, 4}, .levels = {3, 5}, .missing_level = {0, 0}, .values = {0}, .weight = weighted ? 2 : -1, .sparse = sparse};
}

TEST(Contingency, CellsOfOrdinaryAndWildValues) {
  for (double spread : {0.0, 60.0, 1900.0})
    for (bool weighted : {false, true})
      for (bool sparse : {false, true}) {
        auto t = table(2777, spread);
        for (std::int64_t i = 3; i < t.rows(); i += 101) t.at(0, i) = nan;
        Contingency a(spec_of(weighted, sparse));
        a.update(t.all());
        expect_reference(a, Reference(t, weighted));
      }
}

/// More rows than a cell of the block holds, in tables that are emptied whole and in larger ones that are emptied cell by cell.
TEST(Contingency, CellsOfVeryManyRows) {
  std::int64_t const rows = 150'000;
  MemoryTable t;
  t.numeric(test::normals(rows, 1, -5, 30));
  t.numeric(test::normals(rows, 2, 1e-3, 1e-3));
  std::vector<double> w(static_cast<std::size_t>(rows));
  std::vector<int> f(w.size()), g(w.size());
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = 0.25 * static_cast<double>(1 + i % 5), f[i] = i % 1000 == 7, g[i] = i % 3000 == 11 ? -1 : 4;
  t.numeric(w);
  t.factor(f);
  t.factor(g);
  for (std::int64_t levels : {5, 900, 40'000})
    for (bool weighted : {false, true}) {
      auto spec = spec_of(weighted, false);
      spec.levels[1] = levels;
      spec.values = {0, 1};
      Contingency a(spec);
      a.update(t.all());
      expect_reference(a, Reference(t, weighted));
      std::vector<double> y;
      for (std::size_t i = 0; i < w.size(); ++i)
        if (f[i] == 0 && g[i] == 4) y.push_back((weighted ? w[i] : 1) * t.at(1, static_cast<std::int64_t>(i)));
      EXPECT_EQ(a.sum(1, Contingency::place_of(3 * 4)).hi, sum_of(y));
      EXPECT_EQ(a.missing(), 50);
    }
}

// Cells hold 2^16 rows: one that has far more must be emptied in time, whatever the table has become since it was begun.
TEST(Contingency, ATableThatGrowsKeepsItsFirstCell) {
  std::int64_t const begun = 600, grown = 30'000, heavy = 400'000;
  std::vector<std::int32_t> codes(static_cast<std::size_t>(begun), 0);
  for (std::int64_t i = 0; i < grown; ++i) codes.push_back(static_cast<std::int32_t>(i % 9000));
  codes.resize(static_cast<std::size_t>(begun + grown + heavy), 0);
  MemoryTable t;
  t.factor(codes);
  t.numeric(std::vector<double>(codes.size(), 1.5));
  Contingency a({.factors = {0}, .levels = {9000}, .missing_level = {0}, .values = {1}, .sparse = true});
  a.update(t.chunk(0, static_cast<std::int64_t>(codes.size())));
  auto const places = a.occupied();
  ASSERT_EQ(places.size(), 9000u);
  std::int64_t const expected = begun + heavy + (grown + 8999) / 9000;
  EXPECT_EQ(a.rows(places[0]), expected);
  EXPECT_EQ(a.sum(0, places[0]).hi, 1.5 * static_cast<double>(expected));
}

TEST(Contingency, ChunksThreadsAndOrderCannotMatter) {
  auto const t = table(5000, 80);
  for (bool sparse : {false, true}) {
    Contingency whole(spec_of(true, sparse));
    whole.update(t.all());
    for (std::int64_t length : {1, 7, 255, 256, 257, 1000}) {
      Contingency one(spec_of(true, sparse)), other(spec_of(true, sparse));
      std::int64_t chunk = 0;
      for (std::int64_t at = 0; at < t.rows(); at += length, ++chunk)
        (chunk % 3 == 0 ? one : other).update(t.chunk(at, std::min(length, t.rows() - at)));
      other.add(one);
      auto const a = whole.occupied(), b = other.occupied();
      ASSERT_EQ(a.size(), b.size());
      for (std::size_t k = 0; k < a.size(); ++k) {
        EXPECT_EQ(whole.key(a[k]), other.key(b[k]));
        EXPECT_EQ(whole.rows(a[k]), other.rows(b[k]));
        EXPECT_EQ(whole.sum(0, a[k]).hi, other.sum(0, b[k]).hi);
        EXPECT_EQ(whole.weight(a[k]).hi, other.weight(b[k]).hi);
      }
    }
  }
}

TEST(Contingency, PartsOfRanksMakeTheWhole) {
  auto const t = table(3000);
  for (bool sparse : {false, true}) {
    Contingency whole(spec_of(false, sparse)), first(spec_of(false, sparse)), second(spec_of(false, sparse));
    whole.update(t.all());
    first.update(t.chunk(0, 1234));
    second.update(t.chunk(1234, t.rows() - 1234));
    auto const a = first.parts(3), b = second.parts(3);
    Contingency made(spec_of(false, sparse));
    for (int k : {2, 0, 1}) {
      made.add_part(b[static_cast<std::size_t>(k)]);
      made.add_part(a[static_cast<std::size_t>(k)]);
    }
    auto const want = whole.occupied(), got = made.occupied();
    ASSERT_EQ(want.size(), got.size());
    for (std::size_t k = 0; k < want.size(); ++k) {
      EXPECT_EQ(whole.rows(want[k]), made.rows(got[k]));
      EXPECT_EQ(whole.sum(0, want[k]).hi, made.sum(0, got[k]).hi);
    }
  }
}

TEST(Contingency, MissingIsLeftOutOrALevel) {
  MemoryTable t;
  t.numeric({1, 2, nan, 4, 5, infinity});
  t.factor({0, -1, 0, 1, 7, 1});
  Contingency out({.factors = {1}, .levels = {2}, .missing_level = {0}, .values = {0}});
  out.update(t.all());
  EXPECT_EQ(out.missing(), 3);
  EXPECT_EQ(out.rows(Contingency::place_of(0)), 1);
  EXPECT_EQ(out.sum(0, Contingency::place_of(1)).hi, infinity);
  Contingency level({.factors = {1}, .levels = {3}, .missing_level = {1}, .values = {0}});
  level.update(t.all());
  EXPECT_EQ(level.missing(), 1);
  EXPECT_EQ(level.rows(Contingency::place_of(2)), 2);
  EXPECT_EQ(level.sum(0, Contingency::place_of(2)).hi, 7);
}

/// Codes of every width, in tables whose places have 16 and 32 bits; codes that are no level lie among them.
TEST(Contingency, CodesOfEveryWidth) {
  auto const check = [](auto zero, Storage storage) {
    using Code = decltype(zero);
    std::vector<Code> f, g;
    for (int i = 0; i < 5000; ++i) {
      f.push_back(static_cast<Code>(i % 7 == 3 ? -1 - i % 100 : i % 61));
      g.push_back(static_cast<Code>(i % 127));
    }
    Chunk chunk;
    chunk.rows = 5000;
    for (auto* codes : {&f, &g}) {
      Column c;
      c.data = codes->data();
      c.storage = storage;
      c.missing = -1;
      chunk.columns.push_back(c);
    }
    for (std::int64_t levels : {60, 121, 2000}) {
      Contingency a({.factors = {0, 1}, .levels = {levels, 120}, .missing_level = {0, 0}, .values = {}});
      a.update(chunk);
      std::map<std::int64_t, std::int64_t> rows;
      std::int64_t missing = 0;
      for (std::size_t i = 0; i < f.size(); ++i) {
        if (f[i] >= 0 && f[i] < levels && g[i] < 120) ++rows[f[i] + levels * g[i]];
        else ++missing;
      }
      EXPECT_EQ(a.missing(), missing);
      auto const places = a.occupied();
      ASSERT_EQ(places.size(), rows.size());
      for (auto const& [cell, n] : rows) EXPECT_EQ(a.rows(Contingency::place_of(static_cast<std::uint64_t>(cell))), n);
    }
  };
  check(std::int8_t(0), Storage::int8);
  check(std::int16_t(0), Storage::int16);
  check(std::int32_t(0), Storage::int32);
}

TEST(Contingency, Weights) {
  MemoryTable t;
  t.numeric({10, 20, 30, 40, 50, 60});
  t.factor({0, 0, 0, 0, 0, -1});
  t.numeric({1, 0, -1, nan, infinity, 0});
  Contingency a({.factors = {1}, .levels = {1}, .missing_level = {0}, .values = {0}, .weight = 2});
  a.update(t.all());
  EXPECT_EQ(a.missing(), 1);
  EXPECT_EQ(a.refused(), 2);
  EXPECT_EQ(a.rows(1), 1);
  EXPECT_EQ(a.sum(0, 1).hi, 10);
}

TEST(Contingency, ValuesThatChangeTheirScale) {
  MemoryTable t;
  std::vector<double> x;
  for (int k = 0; k < 4000; ++k) x.push_back(std::ldexp(1.0 + k / 4097.0, k < 2000 ? 200 - k / 4 : -800 + k / 4));
  t.numeric(x);
  t.factor(std::vector<std::int32_t>(x.size(), 0));
  Contingency a({.factors = {1}, .levels = {1}, .missing_level = {0}, .values = {0}});
  a.update(t.all());
  EXPECT_EQ(a.sum(0, 1).hi, sum_of(x));
  EXPECT_EQ(a.rows(1), 4000);
}

TEST(Contingency, SeveralValuesAndManyPlaces) {
  MemoryTable t;
  std::int64_t const rows = 40000;
  for (int k = 0; k < 4; ++k) t.numeric(test::normals(rows, 10 + static_cast<unsigned>(k)));
  t.factor(test::codes(rows, 700, 1));
  t.factor(test::codes(rows, 90, 2));
  std::vector<std::vector<double>> results;
  for (bool sparse : {false, true}) {
    Contingency a({.factors = {4, 5}, .levels = {700, 90}, .missing_level = {0, 0}, .values = {0, 1, 2, 3}, .sparse = sparse});
    a.update(t.all());
    std::vector<double> r;
    for (auto p : a.occupied()) {
      r.push_back(static_cast<double>(a.key(p).low));
      r.push_back(static_cast<double>(a.rows(p)));
      for (int v = 0; v < 4; ++v) r.push_back(a.sum(v, p).hi);
    }
    results.push_back(r);
  }
  EXPECT_EQ(results[0], results[1]);
  double rows_seen = 0;
  for (std::size_t k = 1; k < results[0].size(); k += 6) rows_seen += results[0][k];
  EXPECT_EQ(rows_seen, static_cast<double>(rows));
}

/// Places have 16 bits up to some number of cells, and 32 beyond: no row is lost on either side.
TEST(Contingency, CellsAroundTheLastPlaceOf16Bits) {
  for (std::int32_t cells : {65532, 65533, 65534, 65535, 65536, 65537, 65550}) {
    std::vector<std::int32_t> codes(static_cast<std::size_t>(cells));
    std::iota(codes.begin(), codes.end(), 0);
    std::vector<double> values(codes.begin(), codes.end());
    MemoryTable t;
    auto const code = t.factor(codes), value = t.numeric(values);
    Contingency table({.factors = {code}, .levels = {cells}, .missing_level = {0}, .values = {value}});
    table.update(t.all());
    for (std::int32_t c : {0, 1, 65531, cells - 2, cells - 1}) {
      auto const place = Contingency::place_of(static_cast<std::uint64_t>(c));
      EXPECT_EQ(table.rows(place), 1) << cells << " cells, cell " << c;
      EXPECT_EQ(table.sum(0, place).hi, c) << cells << " cells, cell " << c;
    }
  }
}

TEST(Contingency, KeysBeyond64Bits) {
  MemoryTable t;
  for (int k = 0; k < 6; ++k) t.factor({k, 65535 - k, k});
  Contingency a({.factors = {0, 1, 2, 3, 4, 5}, .levels = std::vector<std::int64_t>(6, 65536), .missing_level = std::vector<char>(6), .values = {}, .sparse = true});
  a.update(t.all());
  auto const places = a.occupied();
  ASSERT_EQ(places.size(), 2u);
  EXPECT_EQ(a.rows(places[0]), 2);
  EXPECT_EQ(a.key(places[0]), (CellKey{0x0003000200010000ULL, 0x00050004ULL}));
  EXPECT_EQ(a.key(places[1]), (CellKey{0xFFFCFFFDFFFEFFFFULL, 0xFFFAFFFBULL}));
}

TEST(Contingency, TooManyCells) {
  EXPECT_THROW(Contingency({.factors = {0, 1}, .levels = {65536, 65536}, .missing_level = {0, 0}, .values = {}}), UsageError);
  EXPECT_THROW(Contingency({.factors = {0}, .levels = {0}, .missing_level = {0}, .values = {}}), UsageError);
  EXPECT_THROW(Contingency({.factors = {0, 1, 2, 3, 4}, .levels = std::vector<std::int64_t>(5, 1 << 30), .missing_level = std::vector<char>(5), .values = {}, .sparse = true}), UsageError);
}

}  // namespace
}  // namespace rxhpc
