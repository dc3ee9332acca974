#include "rxhpc/cross_products.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "rxhpc/errors.hpp"
#include "table_fixture.hpp"

namespace rxhpc {
namespace {

using test::MemoryTable;
using test::nan;

/// The expanded design, row by row, summed in quadruple precision.
std::vector<__float128> reference(const Chunk& c, const CrossProductSpec& s) {
  std::vector<std::int64_t> first;
  std::int64_t p = 0;
  for (auto const& t : s.terms) first.push_back(p), p += t.cells();
  std::int64_t const columns = p + static_cast<std::int64_t>(s.responses.size());
  std::vector<__float128> sums(columns * columns, 0);
  for (std::int64_t i = 0; i < c.rows; ++i) {
    std::vector<double> x(columns, 0.0);
    double const w = s.weight < 0 ? 1 : c.columns[s.weight].value(i);
    bool bad = !(w > 0) || std::isinf(w);
    for (std::size_t k = 0; k < s.terms.size(); ++k) {
      std::int64_t cell = 0, step = 1;
      for (std::size_t f = 0; f < s.terms[k].factors.size(); ++f) {
        auto const code = c.columns[s.terms[k].factors[f]].code(i);
        bad |= code < 0;
        cell += step * code;
        step *= s.terms[k].levels[f];
      }
      double v = 1;
      for (int n : s.terms[k].numeric) v *= c.columns[n].value(i);
      bad |= !std::isfinite(v);
      if (!bad) x[first[k] + cell] = v;
    }
    for (std::size_t k = 0; k < s.responses.size(); ++k) bad |= !std::isfinite(x[p + k] = c.columns[s.responses[k]].value(i));
    if (bad) continue;
    for (std::int64_t a = 0; a < columns; ++a)
      for (std::int64_t b = 0; b < columns; ++b) sums[a * columns + b] += static_cast<__float128>(x[a]) * x[b] * w;
  }
  return sums;
}

/// Largest error of the gram matrix in units of the two columns' lengths.
double worst_error(const Chunk& chunk, const CrossProductSpec& s) {
  CrossProducts a(s);
  a.update(chunk);
  auto const got = a.gram();
  auto const want = reference(chunk, s);
  int const n = a.columns();
  EXPECT_EQ(got.n, n);
  double worst = 0;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      auto const size = std::sqrt(static_cast<double>(want[i * n + i]) * static_cast<double>(want[j * n + j]));
      auto const error = static_cast<double>(static_cast<__float128>(got(i, j).hi) + got(i, j).lo - want[i * n + j]);
      worst = std::max(worst, size > 0 ? std::abs(error) / size : std::abs(error));
    }
  return worst;
}

/// Columns: 0..8 numeric, 9 weights, 10 f (3), 11 g (5), 12 h (2).
MemoryTable table(std::int64_t rows) {
  MemoryTable t;
  for (int k = 0; k < 9; ++k) t.numeric(test::normals(rows, 20 + k, k % 3 == 0 ? 100 : k, 1 + k));
  auto w = test::normals(rows, 40);
  for (auto& v : w) v = std::abs(v);
  t.numeric(w);
  t.factor(test::codes(rows, 3, 41));
  t.factor(test::codes(rows, 5, 42));
  t.factor(test::codes(rows, 2, 43));
  return t;
}
void spoil(MemoryTable& t) {
  for (std::int64_t i = 3; i < t.rows(); i += 83) t.at(int(i % 9), i) = nan;
  for (std::int64_t i = 11; i < t.rows(); i += 301) t.at(9, i) = 0;
}

DesignTerm numeric(std::vector<int> columns) { return {std::move(columns), {}, {}}; }

std::vector<CrossProductSpec> designs() {
  std::vector<CrossProductSpec> all;
  for (int p = 0; p <= 8; ++p) {  // every shape of register block
    CrossProductSpec s;
    s.terms = {{}};
    for (int k = 0; k < p; ++k) s.terms.push_back(numeric({k}));
    s.responses = {8};
    all.push_back(s);
  }
  CrossProductSpec s;
  s.terms = {{}, numeric({0}), numeric({0, 1}), {{}, {10}, {3}}, {{2}, {10}, {3}}, {{}, {11}, {5}}, {{0, 3}, {10}, {3}}, {{}, {10, 11}, {3, 5}}};
  s.responses = {7, 8};
  all.push_back(s);
  s.terms = {{{2}, {12}, {2}}, {{}, {11, 10}, {5, 3}}, {{4}, {11, 10}, {5, 3}}};  // no constant, no purely numeric term
  s.responses = {8};
  all.push_back(s);
  return all;
}

TEST(CrossProducts, ExactIsExactArithmetic) {
  for (std::int64_t rows : {0, 1, 7, 256, 257, 1500}) {
    auto t = table(rows);
    for (bool spoiled : {false, true}) {
      if (spoiled) spoil(t);
      for (auto s : designs())
        for (int weight : {-1, 9}) {
          s.weight = weight;
          s.precision = Precision::exact;
          EXPECT_LT(worst_error(t.all(), s), 1e-29) << rows << " rows, " << s.terms.size() << " terms, weight " << weight;
        }
    }
  }
}

TEST(CrossProducts, PlainWithShiftIsDouble) {
  auto t = table(1500);
  spoil(t);
  for (auto s : designs())
    for (int weight : {-1, 9}) {
      s.weight = weight;
      s.precision = Precision::plain;
      s.shift.clear();
      EXPECT_LT(worst_error(t.all(), s), 2e-15);
      for (auto const& term : s.terms)
        if (term.factors.empty() && !term.numeric.empty()) s.shift.push_back(100);
      s.shift.resize(s.shift.size() + s.responses.size(), 7);
      EXPECT_LT(worst_error(t.all(), s), 1e-12);  // shifts a hundred deviations off cost their square
    }
}

// The reason for the shift: with it, the centred sum of squares survives a mean of 1e8.
TEST(CrossProducts, ShiftKeepsCentredSums) {
  MemoryTable t;
  auto x = test::normals(10000, 1, 1e8);
  t.numeric(x);
  CrossProductSpec s;
  s.terms = {{}, numeric({0})};
  s.responses = {0};
  s.precision = Precision::plain;
  s.shift = {1e8, 1e8};
  CrossProducts a(s);
  a.update(t.all());
  auto const m = a.gram();
  DD const centred = m(1, 1) - m(0, 1) * m(0, 1) / m(0, 0);
  __float128 sum = 0, square = 0;
  for (double v : x) sum += v;
  for (double v : x) square += (v - sum / 10000) * (v - sum / 10000);
  EXPECT_NEAR(centred.hi / static_cast<double>(square), 1, 1e-12);
}

TEST(CrossProducts, CountsRows) {
  auto t = table(600);
  t.at(0, 1) = nan;
  t.at(9, 2) = 0, t.at(0, 2) = nan;  // weight 0: no row at all
  t.at(9, 3) = -1;
  t.at(1, 4) = test::infinity;
  t.at(9, 5) = nan;
  t.at(9, 6) = test::infinity;
  CrossProductSpec s;
  s.terms = {{}, numeric({0, 1}), {{}, {10}, {3}}};
  s.responses = {8};
  s.weight = 9;
  CrossProducts a(s);
  auto chunk = t.all();
  a.update(chunk);
  EXPECT_EQ(a.n_valid(), 594);
  EXPECT_EQ(a.n_missing(), 2);
  EXPECT_EQ(a.n_negative(), 1);
  EXPECT_EQ(a.n_infinite(), 2);
  std::int64_t rows = 0;
  for (auto c : a.cell_counts(2)) rows += c;
  EXPECT_EQ(rows, 594);
  EXPECT_EQ(a.cell_counts(0), std::vector<std::int64_t>{594});
}

TEST(CrossProducts, CodeBeyondTheLevelsIsMissing) {
  MemoryTable t;
  int const f = t.factor({0, 1, 2, 77, -1}), y = t.numeric({1, 2, 3, 4, 5});
  CrossProductSpec s;
  s.terms = {{{}, {f}, {3}}};
  s.responses = {y};
  CrossProducts a(s);
  a.update(t.all());
  EXPECT_EQ(a.n_valid(), 3);
  EXPECT_EQ(a.n_missing(), 2);
}

TEST(CrossProducts, RefusesWhatCannotBeHeld) {
  CrossProductSpec s;
  s.terms = {{{}, {0}, {20000}}, {{}, {1}, {20000}}};
  EXPECT_THROW(CrossProducts{s}, UsageError);
  s.terms = {{{}, {0, 1}, {100000, 100000}}};
  EXPECT_THROW(CrossProducts{s}, UsageError);
  s.terms = {{}, numeric({0})};
  s.responses = {1};
  s.precision = Precision::plain;
  s.shift = {1};
  EXPECT_THROW(CrossProducts{s}, UsageError);
}

TEST(CrossProducts, StridedAndNarrowColumns) {
  auto const codes = test::codes(1000, 50, 3);
  std::vector<double> wide(3000);
  std::vector<std::int8_t> narrow(codes.begin(), codes.end());
  for (int i = 0; i < 1000; ++i) wide[3 * i] = codes[i];
  Chunk c;
  c.rows = 1000;
  c.columns.resize(2);
  c.columns[0].data = wide.data(), c.columns[0].stride = 3;
  c.columns[1].data = narrow.data(), c.columns[1].storage = Storage::int8, c.columns[1].missing = INT8_MIN;
  CrossProductSpec s;
  s.terms = {{}, numeric({0}), numeric({1})};
  CrossProducts a(s);
  a.update(c);
  auto const m = a.gram();
  EXPECT_EQ(m(1, 1).hi, m(1, 2).hi);
  EXPECT_EQ(m(1, 1).hi, m(2, 2).hi);
}

TEST(CrossProducts, SameBitsWhereverColumnsLie) {
  // one column a way of the second-level cache: copied; apart: used in place, looked at first or known to be whole
  constexpr std::int64_t rows = 1000, columns = 20, way = 65536 / sizeof(double);
  CrossProductSpec spec;
  spec.precision = Precision::plain;
  spec.terms.push_back({});
  for (int j = 0; j < columns; ++j) spec.terms.push_back({{j}, {}, {}});
  auto const state = [&](std::int64_t step, bool known, bool missing) {
    std::vector<double> values(static_cast<std::size_t>(columns * step + rows), 0.0);
    Chunk chunk;
    chunk.rows = rows;
    for (std::int64_t j = 0; j < columns; ++j) {
      double* const x = values.data() + j * step;
      for (std::int64_t i = 0; i < rows; ++i) x[i] = static_cast<double>((i * (j + 3) * 7919) % 1013) / 1013 - 0.5;
      if (missing && j % 3 == 0) x[(100 * j + 5) % rows] = nan;
      chunk.columns.emplace_back();
      chunk.columns.back().data = x;
      if (known) chunk.columns.back().bound = 0.5;
    }
    CrossProducts a(spec);
    a.update(chunk);
    EXPECT_EQ(a.n_valid() == rows, !missing);
    std::vector<double> packed(a.packed_size());
    a.pack(packed);
    return packed;
  };
  EXPECT_EQ(state(way, false, false), state(way + 264, false, false));
  EXPECT_EQ(state(way, false, false), state(way + 264, true, false));
  EXPECT_EQ(state(way, false, true), state(way + 264, false, true));
}

/// Small factors that are summed in one table, and joint counts in 16 bits over more rows than 16 bits count.
TEST(CrossProducts, SmallFactorsTogether) {
  std::int64_t const rows = 70001;
  MemoryTable t;
  t.numeric(test::normals(rows, 1, 2));
  t.numeric(test::normals(rows, 2, -3));
  auto w = test::normals(rows, 3);
  for (auto& x : w) x = std::abs(x);
  t.numeric(w);
  t.factor(test::codes(rows, 2, 4));
  t.factor(test::codes(rows, 3, 5));
  t.factor(test::codes(rows, 40, 6));
  t.factor(std::vector<std::int32_t>(rows, 0));  // all rows in one cell
  CrossProductSpec s;
  s.terms = {{}, {{0}, {}, {}}, {{}, {3}, {2}}, {{}, {4}, {3}}, {{}, {5}, {40}}, {{}, {6}, {1}}};
  s.responses = {1};
  for (int weight : {-1, 2})
    for (auto precision : {Precision::exact, Precision::plain}) {
      s.weight = weight;
      s.precision = precision;
      EXPECT_LT(worst_error(t.chunk(0, 1500), s), precision == Precision::exact ? 1e-25 : 1e-13);
      CrossProducts a(s);
      a.update(t.all());
      EXPECT_EQ(a.cell_counts(5)[0], a.n_valid());
      EXPECT_EQ(a.cell_counts(2)[0] + a.cell_counts(2)[1], a.n_valid());
      EXPECT_EQ(a.gram()(0, 0).hi, a.weight_sum().hi);
    }
}

}  // namespace
}  // namespace rxhpc
