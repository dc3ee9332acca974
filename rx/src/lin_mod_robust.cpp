#include "lin_mod_robust.hpp"

#include <algorithm>
#include <cmath>

#include "linear_predictor.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

constexpr std::int64_t tile_rows = 1024;

/// A fit's columns and, after them, the scaled squared residual of each row.
class SquaredResiduals final : public ChunkSource {
 public:
  SquaredResiduals(const Regression& r, const RegressionFit& fit, int y, const std::string& kind)
      : r_(r), response_(r.spec.responses[y]), weight_(r.spec.weight), frequency_(r.spec.frequency), power_(kind == "HC2" ? 1 : kind == "HC3" ? 2 : 0), schema_(r.rows.schema()) {
    auto const& sol = fit.solution;
    std::size_t const p = sol.columns.size();
    auto const solved = solve(sol.factor, sol.candidates, sol.candidates + y);
    std::vector<double> beta(p, 0.0), inverse(power_ ? p * p : 0, 0.0);
    for (int i = 0; i < sol.candidates; ++i) {
      beta[sol.order[i]] = static_cast<double>(solved[i]);
      for (int j = 0; j < sol.candidates && power_; ++j) inverse[sol.order[i] * p + sol.order[j]] = static_cast<double>(fit.inverse(i, j));
    }
    predictor_ = std::make_unique<LinearPredictor>(r.design, r.bound, std::move(beta), std::move(inverse));
    Variable v;
    v.name = ".squared_residual";
    schema_.variables.push_back(std::move(v));
  }
  int column() const { return static_cast<int>(schema_.size()) - 1; }

  const Schema& schema() const override { return schema_; }
  const Grid& grid() const override { return r_.rows.grid(); }
  bool local() const override { return r_.rows.local(); }
  std::int64_t stored_bytes(std::int64_t chunk, std::span<const int> columns) const override { return r_.rows.stored_bytes(chunk, columns.first(columns.size() - 1)); }
  void prefetch(std::int64_t chunk, std::span<const int> columns) const override { r_.rows.prefetch(chunk, columns.first(columns.size() - 1)); }

  /// `columns`: those of the fit, then the residual's.
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override {
    if (!dynamic_cast<Work*>(out.scratch.get())) out.scratch = std::make_unique<Work>(predictor_->tile(tile_rows));
    auto& work = static_cast<Work&>(*out.scratch);
    r_.rows.read(chunk, columns.first(columns.size() - 1), work.below);
    auto const& in = work.below;
    out.index = in.index;
    out.first_row = in.first_row;
    out.rows = in.rows;
    out.columns = in.columns;
    work.squares.resize(in.rows);
    for (std::int64_t from = 0; from < in.rows; from += tile_rows) compute(in, from, std::min(tile_rows, in.rows - from), work);
    out.columns.push_back(column_of(schema_[column()], work.squares.data()));
  }

 private:
  struct Work final : ChunkScratch {
    explicit Work(LinearPredictor::Tile t) : tile(std::move(t)), eta(tile_rows), leverage(tile_rows), y(tile_rows), w(tile_rows, 1.0) {}
    Chunk below;
    LinearPredictor::Tile tile;
    std::vector<double> eta, leverage, y, w, squares;
  };

  void compute(const Chunk& in, std::int64_t from, std::int64_t count, Work& work) const {
    predictor_->compute(in, from, count, work.tile, work.eta.data(), power_ ? work.leverage.data() : nullptr);
    load_values(in.columns[response_], from, count, work.y.data());
    if (weight_ >= 0) load_values(in.columns[weight_], from, count, work.w.data());
    for (std::int64_t i = 0; i < count; ++i) {
      double const w = work.w[i], e = work.y[i] - work.eta[i];
      // u = (w e)^2 / (1 - w h)^power; a row of frequency w is w rows of weight 1
      double u = frequency_ ? w * e * e : w * e * w * e;
      double const rest = power_ ? 1 - (frequency_ ? 1 : w) * work.leverage[i] : 1;
      for (int k = 0; k < power_; ++k) u /= rest;
      // a row fitted perfectly says nothing of the variance; a weight of 0 leaves the row out
      work.squares[from + i] = w == 0 || rest <= 1e-12 ? 0 : u;
    }
  }

  const Regression& r_;
  int response_, weight_;
  bool frequency_;
  int power_;
  Schema schema_;
  std::unique_ptr<LinearPredictor> predictor_;
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

/// Determinant of the rows and columns `at` of a positive definite matrix.
double determinant(const DdMatrix& a, const std::vector<int>& at) {
  DdMatrix b(static_cast<int>(at.size()));
  for (int i = 0; i < b.n; ++i)
    for (int j = 0; j < b.n; ++j) b.set(i, j, a(at[i], at[j]));
  auto const c = cholesky(b, b.n, 0);
  DD d(1);
  for (int i = 0; i < b.n; ++i) d *= c.r(i, i) * c.r(i, i);
  return static_cast<double>(d);
}

}  // namespace

DdMatrix robust_covariance(const Regression& r, const RegressionFit& fit, int y, double observations, const std::string& kind,
                           const FitOptions& options, Communicator& comm, Timing& timing) {
  SquaredResiduals const source(r, fit, y, kind);
  auto read = r.read;
  auto spec = r.spec;
  spec.responses.clear();
  spec.frequency = false;
  spec.weight = static_cast<int>(read.size());
  read.push_back(source.column());
  spec.precision = fit.exact ? Precision::exact : Precision::plain;
  if (!fit.exact) {
    spec.shift = first_means(r, comm);
    spec.shift.resize(spec.shift.size() - r.spec.responses.size());
  }
  auto const meat = sweep(source, read, CrossProducts(spec), options.run, comm, &timing).gram();
  auto const& sol = fit.solution;
  DdMatrix middle(sol.candidates);
  for (int i = 0; i < sol.candidates; ++i)
    for (int j = 0; j < sol.candidates; ++j) middle.set(i, j, meat(sol.order[i] + r.skip(), sol.order[j] + r.skip()));
  auto v = product(product(fit.inverse, middle), fit.inverse);
  double const df = observations - sol.factor.rank;
  DD const scale = kind == "HC1" ? DD(observations) / DD(df) : DD(1);
  for (int i = 0; i < v.n; ++i)
    for (int j = 0; j <= i; ++j) {
      DD const x = v(i, j) * scale;
      v.set(i, j, x);
      v.set(j, i, x);
    }
  return v;
}

std::vector<VarianceInflation> variance_inflation(const Regression& r, const RegressionFit& fit) {
  auto const& sol = fit.solution;
  std::vector<int> kept, term;
  for (int k = 0; k < sol.candidates; ++k) {
    int const t = sol.columns[sol.order[k]].term;
    if (sol.factor.aliased[k] || r.design.terms[t].variables.empty()) continue;
    kept.push_back(k);
    term.push_back(t);
  }
  int const n = static_cast<int>(kept.size());
  DdMatrix correlation(n);
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j)
      correlation.set(i, j, i == j ? DD(1) : fit.inverse(kept[i], kept[j]) / sqrt(fit.inverse(kept[i], kept[i]) * fit.inverse(kept[j], kept[j])));
  // det(R without s) / det(R) is the determinant of the block s of R^-1
  auto const inverted = inverse(cholesky(correlation, n, 0), n);
  std::vector<VarianceInflation> out;
  for (int t = 0; t < static_cast<int>(r.design.terms.size()); ++t) {
    std::vector<int> of_term;
    for (int k = 0; k < n; ++k)
      if (term[k] == t) of_term.push_back(k);
    if (of_term.empty()) continue;
    std::string label;
    for (int v : r.design.terms[t].variables) label += (label.empty() ? "" : ":") + r.design.variables[v].label;
    out.push_back({label, determinant(correlation, of_term) * determinant(inverted, of_term), static_cast<int>(of_term.size())});
  }
  return out;
}

}  // namespace rxhpc::impl
