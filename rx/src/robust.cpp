#include "robust.hpp"

#include <algorithm>
#include <string_view>

#include "cluster_products.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

/// A fit's columns and, after them, the scaled squared score of each row.
class SquaredScores final : public ChunkSource {
 public:
  SquaredScores(const ScoredFit& fit, const std::string& kind)
      : r_(fit.regression), power_(kind == "HC2" ? 1 : kind == "HC3" ? 2 : 0), scores_(fit, power_ > 0), schema_(r_.rows.schema()) {
    Variable v;
    v.name = ".squared_score";
    schema_.variables.push_back(std::move(v));
  }
  int column() const { return static_cast<int>(schema_.size()) - 1; }

  const Schema& schema() const override { return schema_; }
  const Grid& grid() const override { return r_.rows.grid(); }
  bool local() const override { return r_.rows.local(); }
  std::int64_t stored_bytes(std::int64_t chunk, std::span<const int> columns) const override { return r_.rows.stored_bytes(chunk, columns.first(columns.size() - 1)); }
  std::int64_t held_bytes(std::span<const int> columns) const override { return r_.rows.held_bytes(columns.first(columns.size() - 1)); }
  void prefetch(std::int64_t chunk, std::span<const int> columns) const override { r_.rows.prefetch(chunk, columns.first(columns.size() - 1)); }

  /// `columns`: those of the fit, then the score's.
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override {
    auto& work = work_of(out);
    r_.rows.read(chunk, columns.first(columns.size() - 1), work.below);
    begin(work, out);
    compute_rows(work, 0, out.rows);
  }
  /// The products read a piece while it is in cache.
  void read_pieces(std::int64_t chunk, std::span<const int> columns, Chunk& out, const PieceFunction& use) const override {
    auto& work = work_of(out);
    r_.rows.read_pieces(chunk, columns.first(columns.size() - 1), work.below, [&](std::int64_t first, std::int64_t rows) {
      if (first == 0) begin(work, out);
      out.in_cache = true;
      for (auto at = first; at < first + rows; at += piece_rows) {
        auto const count = std::min(piece_rows, first + rows - at);
        compute_rows(work, at, count);
        use(at, count);
      }
    });
  }

 private:
  struct Work final : ChunkScratch {
    explicit Work(RowScores::Tile t) : tile(std::move(t)) {}
    Chunk below;
    RowScores::Tile tile;
    std::vector<double> squares;
  };

  Work& work_of(Chunk& out) const {
    if (!dynamic_cast<Work*>(out.scratch.get())) out.scratch = std::make_unique<Work>(scores_.tile());
    return static_cast<Work&>(*out.scratch);
  }

  void begin(Work& work, Chunk& out) const {
    auto const& in = work.below;
    out.index = in.index;
    out.first_row = in.first_row;
    out.rows = in.rows;
    out.in_cache = false;
    out.columns = in.columns;
    work.squares.resize(in.rows);
    out.columns.push_back(column_of(schema_[column()], work.squares.data()));
  }

  void compute_rows(Work& work, std::int64_t first, std::int64_t rows) const {
    for (std::int64_t from = first; from < first + rows; from += RowScores::tile_rows)
      compute(work.below, from, std::min(RowScores::tile_rows, first + rows - from), work);
  }

  void compute(const Chunk& in, std::int64_t from, std::int64_t count, Work& work) const {
    scores_.compute(in, from, count, work.tile);
    for (std::int64_t i = 0; i < count; ++i) {
      double const w = work.tile.prior[i], s = work.tile.score[i];
      // u = (w s)^2 / (1 - w h)^power; a row of frequency w is w rows of weight 1
      double u = r_.spec.frequency ? w * s * s : w * s * w * s;
      double const rest = power_ ? 1 - (r_.spec.frequency ? 1 : w) * work.tile.leverage[i] : 1;
      for (int k = 0; k < power_; ++k) u /= rest;
      // a row fitted perfectly says nothing of the variance
      work.squares[from + i] = rest <= 1e-12 ? 0 : u;
    }
  }

  const Regression& r_;
  int power_;
  RowScores scores_;
  Schema schema_;
};

DdMatrix product(const DdMatrix& a, const DdMatrix& b) {
  DdMatrix c(a.n);
  for (int i = 0; i < a.n; ++i)
    for (int k = 0; k < a.n; ++k) {
      DD const x = a(i, k);
      if (x.hi == 0) continue;
      for (int j = 0; j < a.n; ++j) c.set(i, j, c(i, j) + x * b(k, j));
    }
  return c;
}

/// a(i, .) += factor a(j, .), then the same with columns.
void add_both(DdMatrix& a, int i, int j, DD factor) {
  for (int k = 0; k < a.n; ++k) a.set(i, k, a(i, k) + factor * a(j, k));
  for (int k = 0; k < a.n; ++k) a.set(k, i, a(k, i) + factor * a(k, j));
}

/// A M A for the fit's inverse A. Beside an intercept, columns are taken about their means first: those that lie far from 0 would cost four times
/// the digits that they are off.
DdMatrix sandwich(const ScoredFit& fit, DdMatrix middle) {
  auto const& sol = fit.solution;
  auto inverse = fit.inverse;
  int one = -1;
  for (int k = 0; k < sol.candidates && fit.regression.design.intercept; ++k)
    if (sol.columns[static_cast<std::size_t>(sol.order[k])].term == 0) one = k;
  auto const other = [&](int k) { return k != one && one >= 0 && !sol.factor.aliased[k]; };
  auto const mean = [&](int k) { return sol.gram(k, one) / sol.gram(one, one); };
  // x_k - mean: coefficients of the intercept have mean beta_k more
  for (int k = 0; k < sol.candidates; ++k)
    if (other(k)) add_both(middle, k, one, DD(0) - mean(k)), add_both(inverse, one, k, mean(k));
  auto v = product(product(inverse, middle), inverse);
  for (int k = 0; k < sol.candidates; ++k)
    if (other(k)) add_both(v, one, k, DD(0) - mean(k));
  return v;
}

/// Collective. One pass. X' diag(u) X over the candidates.
DdMatrix squared_scores(const ScoredFit& fit, const std::string& kind, const RunOptions& run, Communicator& comm, Timing& timing) {
  auto const& r = fit.regression;
  SquaredScores const source(fit, kind);
  auto read = r.read;
  auto spec = r.spec;
  spec.responses.clear();
  spec.carried.clear();
  spec.frequency = false;
  spec.weight = static_cast<int>(read.size());
  read.push_back(source.column());
  spec.precision = fit.exact ? Precision::exact : Precision::plain;
  if (!fit.exact) {
    spec.shift = first_shift(r, comm);
    spec.shift.resize(spec.shift.size() - r.spec.responses.size());
  }
  auto const squares = sweep(source, read, CrossProducts(spec), run, comm, &timing);
  if (squares.n_infinite() > 0) throw NumericalError("--robust: squared scores overflow; weights or responses are too large");
  auto const meat = squares.gram();
  auto const& sol = fit.solution;
  DdMatrix middle(sol.candidates);
  for (int i = 0; i < sol.candidates; ++i)
    for (int j = 0; j < sol.candidates; ++j) middle.set(i, j, meat(sol.order[i] + r.skip(), sol.order[j] + r.skip()));
  return middle;
}

}  // namespace

void check_robust(FitOptions& options) {
  static constexpr std::string_view kinds[]{"HC0", "HC1", "HC2", "HC3"};
  if (options.robust.empty() && !options.cluster.empty()) options.robust = "HC1";
  if (options.robust.empty()) return;
  if (std::find(std::begin(kinds), std::end(kinds), options.robust) == std::end(kinds))
    throw UsageError("--robust is HC0, HC1, HC2 or HC3, not '" + options.robust + "'");
  if (!options.cluster.empty() && (options.robust == "HC2" || options.robust == "HC3"))
    throw UsageError("--robust " + options.robust + " cannot be had with --cluster: HC0 and HC1 can");
}

int resolve_cluster(Regression& r, const std::string& name) {
  if (name.empty()) return -1;
  int const column = r.rows.schema().at(name);
  if (r.rows.schema()[column].storage == Storage::text)
    throw UsageError("--cluster: column '" + name + "' is text with very many values; make it a factor, or number the clusters");
  int const place = r.place(column);
  r.spec.carried.push_back(place);
  return place;
}

DdMatrix robust_covariance(const ScoredFit& fit, double observations, int cluster, const FitOptions& options, Communicator& comm, Timing& timing, RobustErrors& out) {
  out.kind = options.robust;
  out.cluster = options.cluster;
  DD const n(observations), rank(fit.solution.factor.rank), one(1);
  DdMatrix middle;
  DD scale(1);
  if (cluster < 0) {
    middle = squared_scores(fit, options.robust, options.run, comm, timing);
    if (options.robust == "HC1") scale = n / (n - rank);
  } else {
    auto sums = cluster_products(fit, cluster, options.run, comm, timing);
    out.clusters = sums.clusters;
    if (out.clusters < 2) throw DataError("column '" + options.cluster + "': all rows that the fit uses are in one cluster");
    middle = std::move(sums.products);
    DD const g(static_cast<double>(out.clusters));
    scale = g / (g - one);
    if (options.robust == "HC1") scale = scale * (n - one) / (n - rank);
  }
  auto v = sandwich(fit, std::move(middle));
  for (int i = 0; i < v.n; ++i)
    for (int j = 0; j <= i; ++j) {
      DD const x = v(i, j) * scale;
      v.set(i, j, x);
      v.set(j, i, x);
    }
  return v;
}

}  // namespace rxhpc::impl
