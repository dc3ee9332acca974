// The laws of the accumulator contract, one typed test that every accumulator passes (kernels/README.md).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>

#include "rxhpc/bucket_counts.hpp"
#include "rxhpc/centroids.hpp"
#include "rxhpc/class_statistics.hpp"
#include "rxhpc/chunk_source.hpp"
#include "rxhpc/contingency.hpp"
#include "rxhpc/cross_products.hpp"
#include "rxhpc/glm_step.hpp"
#include "rxhpc/moments.hpp"
#include "rxhpc/row_sample.hpp"
#include "rxhpc/pair_products.hpp"
#include "table_fixture.hpp"

namespace rxhpc {
namespace {

using test::MemoryTable;
using test::nan;

/// Columns: 0 x, 1 z (far from zero), 2 w (weights 1 and 2), 3 f (3 levels), 4 g (4 levels), 5 y.
MemoryTable table(std::int64_t rows = 3001) {
  MemoryTable t;
  t.numeric(test::normals(rows, 1, 2));
  t.numeric(test::normals(rows, 2, 1e5));
  auto w = test::normals(rows, 3);
  for (auto& v : w) v = v > 0 ? 2 : 1;
  t.numeric(w);
  t.factor(test::codes(rows, 3, 4));
  t.factor(test::codes(rows, 4, 5));
  t.numeric(test::normals(rows, 6, -3, 10));
  for (std::int64_t i = 5; i < rows; i += 97) t.at(0, i) = nan;
  return t;
}

/// What the laws need to know of an accumulator: how to make one, and its answer as numbers.
struct MomentsCase {
  using Type = Moments;
  static constexpr bool weighted = false;
  static Type make() { return Moments({0, 1, 5}); }
  static std::vector<double> answer(const Type& a) {
    std::vector<double> v;
    for (auto const& m : a.finalize()) v.insert(v.end(), {double(m.n), m.mean, m.m2, m.min, m.max});
    return v;
  }
};
template <bool Weighted>
struct CellMomentsCase {
  using Type = CellMoments;
  static constexpr bool weighted = Weighted;
  static Type make() { return CellMoments({.value = 0, .factors = {3, 4}, .levels = {3, 4}, .weight = Weighted ? 2 : -1, .also_present = {1}}); }
  static std::vector<double> answer(const Type& a) {
    std::vector<double> v;
    for (auto const& m : a.finalize()) v.insert(v.end(), {m.weight_sum, m.base.mean, m.base.m2, m.base.min, m.base.max});
    return v;
  }
};
template <Precision P, bool Weighted>
struct CrossProductsCase {
  using Type = CrossProducts;
  static constexpr bool weighted = Weighted;
  static CrossProductSpec make_spec() {
    CrossProductSpec s;
    s.terms = {{}, {{0}, {}, {}}, {{0, 1}, {}, {}}, {{}, {3}, {3}}, {{1}, {3}, {3}}, {{}, {3, 4}, {3, 4}}, {{0}, {4}, {4}}};
    s.responses = {5, 1};
    s.weight = Weighted ? 2 : -1;
    s.precision = P;
    if (P == Precision::plain) s.shift = {2, 2e5, -3, 1e5};
    return s;
  }
  static Type make() { return CrossProducts(make_spec()); }
  static std::vector<double> answer(const Type& a) {
    auto const m = a.gram();
    std::vector<double> v = m.hi;
    v.push_back(a.weight_sum().hi);
    return v;
  }
};
template <bool Weighted>
struct ContingencyCase {
  using Type = Contingency;
  static constexpr bool weighted = Weighted;
  static Type make() {
    return Contingency({.factors = {3, 4}, .levels = {3, 4}, .missing_level = {0, 0}, .values = {0, 5}, .weight = Weighted ? 2 : -1});
  }
  static std::vector<double> answer(const Type& a) {
    std::vector<double> v;
    for (std::uint64_t cell = 0; cell < 12; ++cell) {
      auto const p = Contingency::place_of(cell);
      v.insert(v.end(), {a.weight(p).hi, a.sum(0, p).hi, a.sum(1, p).hi});
    }
    return v;
  }
};

template <bool Weighted, bool Partial>
struct CentroidsCase {
  using Type = Centroids;
  static constexpr bool weighted = Weighted;
  static Type make() {
    RowPackSpec spec{{0, 1, 5}, Weighted ? 2 : -1, {0, 1e5, 0}, Partial};
    return Centroids(spec, std::make_shared<Centres>(3, std::vector<double>{2, 1e5, -3, 3, 1e5 + 1, 0, 1, 1e5, -9, -40, 0, 7}, spec.shift), true);
  }
  static std::vector<double> answer(const Type& a) {
    std::vector<double> v;
    for (int k = 0; k < 4; ++k) {
      v.insert(v.end(), {a.weight(k), a.square(k)});
      for (int j = 0; j < 3; ++j) v.insert(v.end(), {a.sum(k, j) + 1e5 * a.cell_weight(k, j), a.cell_weight(k, j)});
    }
    return v;
  }
};
/// Classes: 3 of column 3, or 24 of it (most of them empty), which takes the other way of summing.
template <bool Weighted, int Classes>
struct ClassStatisticsCase {
  using Type = ClassStatistics;
  static constexpr bool weighted = Weighted;
  static constexpr int first_columns[]{3, 2};  // classes, then weights
  static Type make() {
    return ClassStatistics({.response = 3, .classes = Classes, .weight = Weighted ? 2 : -1, .numbers = {0, 1, 5}, .factors = {4}, .levels = {4}});
  }
  static std::vector<double> answer(const Type& a) {
    std::vector<double> v;
    for (int c = 0; c < 3; ++c) {
      v.push_back(a.weight(c));
      for (int k = 0; k < 3; ++k) v.insert(v.end(), {a.moments(k, c).weight_sum, a.moments(k, c).base.mean, a.moments(k, c).base.m2});
      for (int l = 0; l < 4; ++l) v.push_back(a.count(0, l, c));
    }
    return v;
  }
};
template <RowSample::Order O>
struct RowSampleCase {
  using Type = RowSample;
  static constexpr bool weighted = false;
  static Type make() {
    RowSample::Spec spec;
    spec.rows = {{0, 1, 5}, -1, {0, 0, 0}, false};
    spec.size = 20;
    spec.order = O;
    if (O == RowSample::Order::far) spec.centres = std::make_shared<Centres>(3, std::vector<double>{2, 1e5, -3}, spec.rows.shift);
    return RowSample(spec);
  }
  static std::vector<double> answer(const Type& a) {
    std::vector<double> v;
    for (auto const& row : a.finalize()) v.insert(v.end(), row.values.begin(), row.values.end());
    return v;
  }
};
template <Precision P>
struct PairProductsCase {
  using Type = PairProducts;
  static constexpr bool weighted = false;
  static Type make() {
    PairProductSpec s;
    s.terms = {{{0}, {}, {}}, {{1}, {}, {}}, {{0, 5}, {}, {}}, {{}, {3}, {3}}, {{5}, {4}, {4}}};
    s.precision = P;
    if (P == Precision::plain) s.shift = {2, 1e5, -6, 0, 0, 0, -3, -3, -3, -3};
    return PairProducts(s);
  }
  static std::vector<double> answer(const Type& a) {
    std::vector<double> v;
    for (int i = 0; i < a.columns(); ++i)
      for (int j = 0; j < a.columns(); ++j) {
        v.insert(v.end(), {double(a.n(i, j)), a.mean(i, j).hi, a.squares(i, j).hi});
        // products of nearly uncorrelated columns are compared on the scale of their squares
        v.push_back(a.products(i, j).hi + std::sqrt(std::max(0.0, a.squares(i, j).hi * a.squares(j, i).hi)));
      }
    return v;
  }
};

/// Weighted: cells, sums of weights and of another column; else one column alone.
template <bool Weighted>
struct BucketCountsCase {
  using Type = BucketCounts;
  static constexpr bool weighted = Weighted;
  static Type make() {
    auto edges = std::make_shared<BucketEdges>();
    for (int cell = 0; cell < (Weighted ? 3 : 1); ++cell) {
      for (double edge : {1.0, 2.0, 2.5}) edges->edges.push_back(edge);
      if (cell == 0) edges->first = {0};
      edges->first.push_back(static_cast<std::uint32_t>(edges->edges.size()));
    }
    BucketSpec s;
    if (Weighted) s.factors = {3}, s.levels = {3}, s.weight = 2, s.summed = 5;
    s.edges = edges;
    return Type(s);
  }
  static std::vector<double> answer(const Type& a) {
    std::vector<double> v;
    for (std::size_t b = 0; b < (Weighted ? 12 : 4); ++b) {
      v.push_back(a.weight(b).hi);
      if (Weighted) v.push_back(a.sum(b).hi);
    }
    return v;
  }
};

template <Precision P, bool Weighted>
struct GlmStepCase {
  using Type = GlmStep;
  static constexpr bool weighted = Weighted;
  static Type make(int tile_step = 1) {
    GlmStepSpec s;
    s.tile_step = tile_step;
    s.products = CrossProductsCase<P, Weighted>::make_spec();
    s.products.responses = {5};
    if (P == Precision::plain) s.products.shift = {2, 2e5, 0};
    s.products.carried = {0};
    s.has_offset = true;
    s.family = {.link = Link::probit, .variance = Variance::constant, .likelihood = LikelihoodTerm::log_weight};
    s.beta.assign(static_cast<std::size_t>(CrossProducts(s.products).columns()) - 1, 0.01);
    s.beta[2] = 1e-7;
    s.beta[6] = s.beta[7] = s.beta[8] = 1e-6;
    s.constants = true;
    s.null = GlmStepSpec::Null::linear;
    return GlmStep(s);
  }
  static std::vector<double> answer(const Type& a) {
    auto const m = a.products().gram();
    std::vector<double> v{a.sums().deviance.hi, a.sums().null_deviance.hi, a.sums().weight.hi, double(a.n_invalid())};
    for (int i = 0; i < m.n; ++i) v.push_back(m(i, i).hi);
    return v;
  }
};

template <class C>
class Laws : public testing::Test {
 protected:
  using A = typename C::Type;
  static std::vector<double> packed(const A& a) {
    std::vector<double> v(a.packed_size());
    a.pack(v);
    return v;
  }
  static A folded(const Chunk& chunk) {
    A a = C::make();
    a.update(chunk);
    return a;
  }
  static A from(const std::vector<double>& state) {
    A a = C::make();
    a.unpack(state);
    return a;
  }
  static bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
  }
  static void expect_close(const std::vector<double>& a, const std::vector<double>& b, double tolerance = 1e-12) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t k = 0; k < a.size(); ++k) {
      if (a[k] == b[k]) continue;
      EXPECT_NEAR(a[k], b[k], tolerance * std::max(std::abs(a[k]), std::abs(b[k]))) << "number " << k;
    }
  }
};

using Cases = testing::Types<GlmStepCase<Precision::plain, true>, GlmStepCase<Precision::exact, false>, MomentsCase, CellMomentsCase<false>, CellMomentsCase<true>, ContingencyCase<false>, ContingencyCase<true>, CrossProductsCase<Precision::plain, false>,
                             CrossProductsCase<Precision::plain, true>, CrossProductsCase<Precision::exact, false>, CrossProductsCase<Precision::exact, true>,
                             CentroidsCase<false, false>, CentroidsCase<true, false>, CentroidsCase<false, true>, CentroidsCase<true, true>,
                             ClassStatisticsCase<false, 3>, ClassStatisticsCase<true, 3>, ClassStatisticsCase<false, 24>, ClassStatisticsCase<true, 24>,
                             RowSampleCase<RowSample::Order::first>, RowSampleCase<RowSample::Order::random>, RowSampleCase<RowSample::Order::far>,
                             BucketCountsCase<false>, BucketCountsCase<true>,
                             PairProductsCase<Precision::plain>, PairProductsCase<Precision::exact>>;
TYPED_TEST_SUITE(Laws, Cases);

TYPED_TEST(Laws, IsAnAccumulator) {
  static_assert(Accumulator<typename TypeParam::Type>);
  auto const t = table();
  auto a = TestFixture::folded(t.all());
  auto const fresh = TypeParam::make();
  EXPECT_FALSE(this->same_bits(this->packed(a), this->packed(fresh)));
  a.reset();
  EXPECT_TRUE(this->same_bits(this->packed(a), this->packed(fresh)));
}

TYPED_TEST(Laws, FreshIsTheIdentity) {
  auto const t = table();
  auto const a = TypeParam::make();
  auto const state = this->packed(this->folded(t.all()));
  auto left = this->packed(a), right = state;
  a.merge(left, state);
  a.merge(right, this->packed(a));
  EXPECT_TRUE(this->same_bits(left, state));
  EXPECT_TRUE(this->same_bits(right, state));
}

TYPED_TEST(Laws, MergeIsAssociativeAndEqualsOnePass) {
  auto const t = table();
  auto const a = TypeParam::make();
  auto const whole = TypeParam::answer(this->folded(t.all()));
  for (auto const& cuts : {std::vector<std::int64_t>{0, 1000, 2000, 3001}, {0, 1, 1, 3001}, {0, 8, 2999, 3001}, {0, 255, 513, 3001}}) {
    std::vector<std::vector<double>> part;
    for (int k = 0; k < 3; ++k) part.push_back(this->packed(this->folded(t.chunk(cuts[k], cuts[k + 1] - cuts[k]))));
    auto left = part[0];
    a.merge(left, part[1]);
    a.merge(left, part[2]);
    auto right = part[1];
    a.merge(right, part[2]);
    auto first = part[0];
    a.merge(first, right);
    this->expect_close(TypeParam::answer(this->from(left)), whole);
    this->expect_close(TypeParam::answer(this->from(first)), whole);
    auto stepwise = TypeParam::make();
    for (int k = 0; k < 3; ++k) stepwise.update(t.chunk(cuts[k], cuts[k + 1] - cuts[k]));
    this->expect_close(TypeParam::answer(stepwise), whole);
  }
}

TYPED_TEST(Laws, PackAndUnpackAreInverse) {
  auto const t = table();
  auto const state = this->packed(this->folded(t.all()));
  auto const b = this->from(state);
  EXPECT_TRUE(this->same_bits(this->packed(b), state));
  EXPECT_TRUE(this->same_bits(TypeParam::answer(b), TypeParam::answer(this->folded(t.all()))));
}

TYPED_TEST(Laws, AnswersTwiceAndCopiesAlike) {
  auto const t = table();
  auto const a = this->folded(t.all());
  auto b = a;
  EXPECT_TRUE(this->same_bits(TypeParam::answer(a), TypeParam::answer(a)));
  b.update(t.chunk(0, 10));
  EXPECT_TRUE(this->same_bits(this->packed(a), this->packed(this->folded(t.all()))));
}

TEST(GlmStepLaws, SubsetsOfTilesTooComeInPieces) {
  using Case = GlmStepCase<Precision::plain, true>;
  auto const chunk = table(3 * piece_rows + 700);
  for (int tile_step : {3, 16, 100}) {
    auto whole = Case::make(tile_step), pieces = whole;
    whole.update(chunk.all());
    for (std::int64_t first = 0; first < chunk.all().rows; first += piece_rows) pieces.update_rows(chunk.all(), first, std::min(piece_rows, chunk.all().rows - first));
    pieces.finish_rows(chunk.all());
    EXPECT_EQ(Case::answer(pieces), Case::answer(whole)) << tile_step;
    EXPECT_LT(whole.products().n_valid(), chunk.all().rows / 2);
    EXPECT_GT(whole.products().n_valid(), 0);
  }
}

TYPED_TEST(Laws, PiecesGiveTheBitsOfTheWhole) {
  using Type = typename TypeParam::Type;
  auto const t = table(3 * piece_rows + 700);
  auto const chunk = t.all();
  auto const whole = this->packed(this->folded(chunk));
  auto const each_piece = [&](auto&& add) {
    for (std::int64_t first = 0; first < chunk.rows; first += piece_rows) add(first, std::min(piece_rows, chunk.rows - first));
  };
  if constexpr (PiecewiseAccumulator<Type>) {
    auto a = TypeParam::make();
    a.update_rows(chunk, 0, piece_rows);
    a.reset();  // forgets the piece
    each_piece([&](std::int64_t first, std::int64_t rows) { a.update_rows(chunk, first, rows); });
    a.finish_rows(chunk);
    EXPECT_TRUE(this->same_bits(this->packed(a), whole));
  }
  if constexpr (ColumnwiseAccumulator<Type>) {
    auto a = TypeParam::make();
    std::vector<int> order(chunk.columns.size());
    std::iota(order.begin(), order.end(), 0);
    // Some need certain columns before the others, in this order.
    if constexpr (requires { TypeParam::first_columns; }) {
      std::erase_if(order, [](int k) { return std::count(std::begin(TypeParam::first_columns), std::end(TypeParam::first_columns), k) > 0; });
      order.insert(order.begin(), std::begin(TypeParam::first_columns), std::end(TypeParam::first_columns));
    }
    for (int position : order) {
      Chunk one;
      one.rows = chunk.rows;
      one.columns = {chunk.columns[static_cast<std::size_t>(position)]};
      a.update_column(one, position, 0, piece_rows);  // begun anew by the next
      each_piece([&](std::int64_t first, std::int64_t rows) { a.update_column(one, position, first, rows); });
      a.finish_column(one, position);
    }
    EXPECT_TRUE(this->same_bits(this->packed(a), whole));
  }
}
static_assert(ColumnwiseAccumulator<Moments> && PiecewiseAccumulator<CrossProducts>);

TYPED_TEST(Laws, WeightTwoIsTheRowTwice) {
  if constexpr (TypeParam::weighted) {
    auto const t = table();
    auto twice = TypeParam::make();
    auto one = t.all();
    double const weight = 1;
    one.columns[2].data = &weight;
    one.columns[2].stride = 0;
    twice.update(one);
    for (std::int64_t i = 0; i < t.rows(); ++i) {
      auto row = t.chunk(i, 1);
      if (row.columns[2].value(0) != 2) continue;
      row.columns[2].data = &weight;
      row.columns[2].stride = 0;
      twice.update(row);
    }
    this->expect_close(TypeParam::answer(this->folded(t.all())), TypeParam::answer(twice));
  }
}

TYPED_TEST(Laws, DegenerateChunks) {
  auto const t = table();
  auto a = TypeParam::make();
  auto const fresh = this->packed(a);
  a.update(t.chunk(0, 0));
  EXPECT_TRUE(this->same_bits(this->packed(a), fresh));
  a.update(t.chunk(0, 1));
  EXPECT_FALSE(this->same_bits(this->packed(a), fresh));
  MemoryTable missing;
  for (int k = 0; k < 3; ++k) missing.numeric(std::vector<double>(100, nan));
  for (int k = 0; k < 2; ++k) missing.factor(std::vector<std::int32_t>(100, -1));
  missing.numeric(std::vector<double>(100, nan));
  auto b = TypeParam::make();
  b.update(missing.all());
  this->expect_close(TypeParam::answer(b), TypeParam::answer(TypeParam::make()), 0);
  MemoryTable constant;
  for (int k = 0; k < 3; ++k) constant.numeric(std::vector<double>(100, 0.1));
  for (int k = 0; k < 2; ++k) constant.factor(std::vector<std::int32_t>(100, 1));
  constant.numeric(std::vector<double>(100, 7));
  auto c = TypeParam::make();
  c.update(constant.all());
  for (double v : TypeParam::answer(c)) EXPECT_FALSE(std::isnan(v));
}

}  // namespace
}  // namespace rxhpc
