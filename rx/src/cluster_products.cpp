#include "cluster_products.hpp"

#include <algorithm>
#include <cmath>

#include "contingency_pass.hpp"
#include "roc_counts.hpp"
#include "rxhpc/contingency.hpp"
#include "thread_pass.hpp"

namespace rxhpc::impl {
namespace {

constexpr int number_bits = 30;  // of a cluster's number in one radix of a cell's key

using Wide = unsigned __int128;
Wide wide(CellKey k) { return static_cast<Wide>(k.high) << 64 | k.low; }

/// Which tables there are, and what lies where in the rows that they are given.
struct Layout {
  std::vector<int> dense;          ///< terms without factors: values of the first table, after the score
  std::vector<int> factor;         ///< terms with factors: a table each
  std::vector<int> column;         ///< [dense] design column
  std::int64_t columns = 0;        ///< of the design
  std::vector<std::int64_t> radix;  ///< of a cluster's key
  ContingencySpec spec(bool cells) const;
};

Layout layout_of(const Regression& r, int cluster) {
  Layout l;
  l.columns = static_cast<std::int64_t>(r.design.columns().size());
  std::int64_t first = 0;
  for (int t = 0; t < static_cast<int>(r.design.terms.size()); ++t) {
    bool const cells = !r.bound.kernel_terms[t].factors.empty();
    (cells ? l.factor : l.dense).push_back(t);
    if (!cells) l.column.push_back(static_cast<int>(first));
    first += r.design.cells(t);
  }
  auto const& v = r.rows.schema()[r.read[cluster]];
  if (v.coded()) l.radix = {static_cast<std::int64_t>(std::max<std::size_t>(v.levels.size(), 1))};
  else l.radix = {1LL << number_bits, 1LL << number_bits, 16};
  return l;
}

/// Columns of a table's rows: the cluster's radices (a term's design column before them), then the values.
ContingencySpec Layout::spec(bool cells) const {
  ContingencySpec s;
  s.sparse = true;
  if (cells) s.levels.push_back(columns);
  s.levels.insert(s.levels.end(), radix.begin(), radix.end());
  s.missing_level.assign(s.levels.size(), 0);
  for (int k = 0; k < static_cast<int>(s.levels.size()); ++k) s.factors.push_back(k);
  int const values = cells ? 1 : 1 + static_cast<int>(dense.size());
  for (int k = 0; k < values; ++k) s.values.push_back(static_cast<int>(s.levels.size()) + k);
  return s;
}

Column codes_in(const std::vector<std::int32_t>& codes) {
  Column c;
  c.data = codes.data();
  c.storage = Storage::int32;
  c.missing = -1;
  return c;
}
Column numbers_in(const std::vector<double>& numbers) {
  Column c;
  c.data = numbers.data();
  return c;
}

/// What one thread adds up.
struct Tables {
  std::vector<Contingency> tables;                ///< of numeric columns, then one a factor term
  RowScores::Tile tile;
  std::vector<std::vector<std::int32_t>> key;     ///< [radices][rows]
  std::vector<std::vector<double>> value;         ///< [terms + 1][rows], the score last
  Chunk rows;
};

/// Numbers of clusters as codes: one to one, equal numbers the same.
void split_numbers(const Column& column, std::int64_t from, std::int64_t count, std::vector<std::vector<std::int32_t>>& key) {
  bool const whole = column.storage != Storage::float64 && column.storage != Storage::float32 && column.divisor == 1.0;
  constexpr std::uint64_t mask = (1ULL << number_bits) - 1;
  for (std::int64_t i = 0; i < count; ++i) {
    double const x = whole ? 0 : column.value(from + i);
    std::int64_t const n = whole ? column.integer(from + i) : 0;
    if (whole ? n == column.missing : std::isnan(x)) {
      key[0][i] = key[1][i] = key[2][i] = -1;
      continue;
    }
    std::uint64_t const k = whole ? static_cast<std::uint64_t>(n) ^ (1ULL << 63) : key_of(x);
    key[0][i] = static_cast<std::int32_t>(k & mask);
    key[1][i] = static_cast<std::int32_t>(k >> number_bits & mask);
    key[2][i] = static_cast<std::int32_t>(k >> (2 * number_bits));
  }
}

// Memory traffic: the fit's columns and the cluster once; tiles stay in the second cache.
void add_rows(const Layout& l, const RowScores& scores, int cluster, bool coded, const Chunk& in, Tables& t) {
  auto& score = t.value.back();
  for (std::int64_t from = 0; from < in.rows; from += RowScores::tile_rows) {
    auto const count = std::min(RowScores::tile_rows, in.rows - from);
    scores.compute(in, from, count, t.tile);
    // score of the row times the value of the term
    for (std::int64_t i = 0; i < count; ++i) score[i] = t.tile.prior[i] * t.tile.score[i];
    for (std::size_t k = 0; k + 1 < t.value.size(); ++k)
      for (std::int64_t i = 0; i < count; ++i) t.value[k][i] = score[i] * t.tile.terms.value[k][i];
    if (coded) load_codes(in.columns[cluster], from, count, t.key[0].data());
    else split_numbers(in.columns[cluster], from, count, t.key);
    t.rows.rows = count;
    t.rows.columns.clear();
    for (auto const& k : t.key) t.rows.columns.push_back(codes_in(k));
    t.rows.columns.push_back(numbers_in(score));
    for (int d : l.dense) t.rows.columns.push_back(numbers_in(t.value[d]));
    t.tables[0].update(t.rows);
    for (std::size_t f = 0; f < l.factor.size(); ++f) {
      auto const term = static_cast<std::size_t>(l.factor[f]);
      t.rows.columns.assign(1, codes_in(t.tile.terms.place[term]));
      for (auto const& k : t.key) t.rows.columns.push_back(codes_in(k));
      t.rows.columns.push_back(numbers_in(t.value[term]));
      t.tables[f + 1].update(t.rows);
    }
  }
}

/// The sum of s s' in the order of the clusters' keys. A cluster has few of the design's columns where factors are large.
ClusterProducts products_of(const Layout& l, const std::vector<Contingency>& tables, const RegressionSolution& sol) {
  std::vector<int> candidate(sol.columns.size(), -1);
  for (int k = 0; k < sol.candidates; ++k)
    if (!sol.factor.aliased[k]) candidate[sol.order[k]] = k;
  ClusterProducts out;
  out.products = DdMatrix(sol.candidates);
  auto& m = out.products;
  std::vector<std::vector<std::uint32_t>> places;
  for (auto const& t : tables) places.push_back(t.occupied());
  std::vector<std::size_t> at(tables.size(), 0);
  std::vector<std::pair<int, DD>> s;
  for (auto const place : places[0]) {
    auto const key = wide(tables[0].key(place));
    s.clear();
    for (std::size_t d = 0; d < l.dense.size(); ++d)
      if (int const k = candidate[l.column[d]]; k >= 0) s.emplace_back(k, tables[0].sum(static_cast<int>(d) + 1, place));
    for (std::size_t f = 1; f < tables.size(); ++f)
      for (; at[f] < places[f].size(); ++at[f]) {
        auto const cell = wide(tables[f].key(places[f][at[f]]));
        if (cell / static_cast<Wide>(l.columns) != key) break;
        if (int const k = candidate[static_cast<std::size_t>(cell % static_cast<Wide>(l.columns))]; k >= 0) s.emplace_back(k, tables[f].sum(0, places[f][at[f]]));
      }
    // M += s s', below the diagonal
    std::sort(s.begin(), s.end(), [](auto const& a, auto const& b) { return a.first < b.first; });
    for (std::size_t i = 0; i < s.size(); ++i)
      for (std::size_t j = 0; j <= i; ++j) m.set(s[i].first, s[j].first, m(s[i].first, s[j].first) + s[i].second * s[j].second);
  }
  for (int i = 0; i < m.n; ++i)
    for (int j = 0; j < i; ++j) m.set(j, i, m(i, j));
  out.clusters = static_cast<std::int64_t>(places[0].size());
  return out;
}

}  // namespace

ClusterProducts cluster_products(const ScoredFit& fit, int cluster, const RunOptions& run, Communicator& comm, Timing& timing) {
  auto const& r = fit.regression;
  auto const layout = layout_of(r, cluster);
  bool const coded = r.rows.schema()[r.read[cluster]].coded();
  RowScores const scores(fit, false);
  std::vector<Contingency> fresh{Contingency(layout.spec(false))};
  for (std::size_t f = 0; f < layout.factor.size(); ++f) fresh.emplace_back(layout.spec(true));
  auto const make = [&] {
    Tables t;
    t.tables = fresh;
    t.tile = scores.tile();
    t.key.assign(layout.radix.size(), std::vector<std::int32_t>(RowScores::tile_rows));
    t.value.assign(r.design.terms.size() + 1, std::vector<double>(RowScores::tile_rows));
    return t;
  };
  auto const use = [&](Tables& t, ChunkReader& reader) { add_rows(layout, scores, cluster, coded, reader.whole(), t); };
  auto states = thread_pass(r.rows, r.read, make, use, run, comm, &timing);
  auto& mine = states[0]->tables;
  together(comm, [&] {
    for (std::size_t s = 1; s < states.size(); ++s) {
      for (std::size_t k = 0; k < mine.size(); ++k) mine[k].add(states[s]->tables[k]);
      states[s].reset();
    }
  });
  for (std::size_t k = 0; k < mine.size(); ++k) mine[k] = merge_ranks(std::move(mine[k]), fresh[k], comm, timing);
  return products_of(layout, mine, fit.solution);
}

}  // namespace rxhpc::impl
