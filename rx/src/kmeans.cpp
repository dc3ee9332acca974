#include "rxhpc/kmeans.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "kmeans_rows.hpp"
#include "model_rows.hpp"
#include "result_json.hpp"
#include "rxhpc/design.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc {
namespace impl {

ExprPtr product_of(const FormulaTerm& term) {
  ExprPtr e = term.variables[0];
  for (std::size_t k = 1; k < term.variables.size(); ++k) e = parse_expression("(" + deparse(*e) + ") * (" + deparse(*term.variables[k]) + ")");
  return e;
}

KMeansVariables resolve_variables(RowSource& rows, std::string_view formula) {
  std::vector<std::string> numeric;
  for (auto const& v : rows.schema().variables)
    if (!v.coded() && v.storage != Storage::text && v.type != VarType::logical) numeric.push_back(v.name);
  auto const parsed = parse_formula(formula, numeric);
  if (!parsed.responses.empty()) throw UsageError("the formula of k-means has no left side: '~ x + y'");
  if (!parsed.offsets.empty()) throw UsageError("k-means takes no offset()");
  if (parsed.terms.empty()) throw UsageError("the formula names no variable");
  KMeansVariables v{.formula = parsed.text, .names = {}, .expressions = {}, .columns = {}};
  for (auto const& term : parsed.terms) {
    auto const e = product_of(term);
    v.names.push_back(term.label());
    v.columns.push_back(numeric_column(rows, *e, "variable"));
    v.expressions.push_back(deparse(*rows.pinned(e)));
  }
  return v;
}

int row_number_column(RowSource& rows) { return rows.selects_rows() ? rows.derive(*parse_expression(".rxRowNums"), ".rxRowNums") : -1; }

void number_rows(int column, std::vector<int>& read, RowSample::Spec& spec) {
  if (column < 0) return;
  spec.number = static_cast<int>(read.size());
  read.push_back(column);
}

void check_counts(std::int64_t valid, std::int64_t infinite, std::int64_t negative, const KMeansOptions& options) {
  refuse_negative_weights(weight_name(options.pweights, options.fweights), negative);
  if (infinite > 0) throw DataError(std::to_string(infinite) + " rows hold infinite values; a row selection can leave them out");
  require_rows(valid);
}

namespace {

/// The accumulator of one iteration: Centroids over rows that may have been laid out in an earlier pass.
class KMeansStep {
 public:
  KMeansStep(Centroids sums, std::shared_ptr<KeptRows> kept, std::int64_t offset) : sums_(std::move(sums)), kept_(std::move(kept)), offset_(offset) {}
  /// Bounds of the pass before; null: none are kept. moves: since that pass; null: it was another iteration's.
  void remember(KeptBounds* bounds, std::shared_ptr<const CentreMoves> moves) { bounds_ = bounds, moves_ = std::move(moves); }
  void reset() {
    sums_.reset();
    here_ = nullptr;
    known_ = nullptr;
  }
  void update(const Chunk& chunk) {
    update_rows(chunk, 0, chunk.rows);
    finish_rows(chunk);
  }
  /// Rows are added as they come, or when all are there where they are to be kept.
  void update_rows(const Chunk& chunk, std::int64_t first, std::int64_t rows) {
    auto const number = chunk.index - offset_;
    if (first == 0) {
      here_ = kept_->find(number);
      if (!here_) here_ = kept_->make_room(number, RowPacks::bytes(chunk.rows, sums_.centres().columns(), sums_.spec().weight >= 0));
      if (bounds_) {
        known_ = bounds_->at(number);
        known_->begin(here_ && here_->rows() > 0 ? here_->rows() : chunk.rows);
        sums_.remember(known_, moves_.get());
      }
    }
    if (!here_) sums_.update_rows(chunk, first, rows);
  }
  void finish_rows(const Chunk& chunk) {
    if (here_) {
      if (here_->rows() == 0) here_->assign(chunk, 0, chunk.rows, sums_.spec());
      sums_.update(*here_);
    }
    if (!known_) return;
    if (known_->filled && moves_) bounds_->count(static_cast<std::int64_t>(known_->label.size()), known_->saved);
    known_->filled = true;
  }
  std::size_t packed_size() const { return sums_.packed_size(); }
  void pack(std::span<double> out) const { sums_.pack(out); }
  void unpack(std::span<double const> in) { sums_.unpack(in); }
  void merge(std::span<double> into, std::span<double const> from) const { sums_.merge(into, from); }
  const Centroids& sums() const { return sums_; }

 private:
  Centroids sums_;
  std::shared_ptr<KeptRows> kept_;
  std::int64_t offset_;
  KeptBounds* bounds_ = nullptr;
  std::shared_ptr<const CentreMoves> moves_;
  RowPacks* here_ = nullptr;    // the chunk being read, where it is kept
  RowBounds* known_ = nullptr;  // and what is known of its rows
};
static_assert(PiecewiseAccumulator<KMeansStep>);

/// Whether the columns lie in the table as the kernel wants them: laying out a tile again in every pass then costs less than keeping it.
bool lies_ready(const KMeansProblem& p) {
  if (!p.rows.columns_apart()) return false;
  auto const& grid = p.rows.grid();
  for (std::int64_t c = 0; c < grid.chunks(); ++c)
    if (p.rows.stored_bytes(c, p.read) < grid.rows(c) * static_cast<std::int64_t>(p.read.size() * sizeof(double))) return false;
  return true;
}

/// Most of what the limit allows: the rest is for states on their way and for the chunks being read.
std::int64_t budget_of(const RunOptions& run, const KMeansProblem& p) {
  if (lies_ready(p)) return 0;
  if (run.memory_limit <= 0) return INT64_MAX / 2;
  std::int64_t const state = 8 * p.clusters * (static_cast<std::int64_t>(p.spec.columns.size()) + 3) * 64;
  return std::max<std::int64_t>(0, run.memory_limit / 8 * 5 - (48 << 20) - state);  // an eighth is for bounds
}

/// One fit from given centres.
class Lloyd {
 public:
  Lloyd(const KMeansProblem& problem, const KMeansOptions& options, Communicator& comm, Timing& timing)
      : p_(problem), options_(options), comm_(comm), timing_(timing), columns_(static_cast<int>(problem.spec.columns.size())),
        kept_(std::make_shared<KeptRows>(problem.rows.grid().chunks(), budget_of(options.run, problem))), source_(problem.rows, *kept_),
        offset_(problem.rows.local() ? comm.exscan(problem.rows.grid().chunks()) : 0) {
    auto const mine = rank_chunks(problem.rows, comm);
    auto const& grid = problem.rows.grid();
    auto const rows = mine.last > mine.first ? grid.first(mine.last - 1) + grid.rows(mine.last - 1) - grid.first(mine.first) : 0;
    auto const limit = options.run.memory_limit;
    if (limit <= 0 || KeptBounds::bytes(rows) <= limit / 8) bounds_.emplace(grid.chunks());
  }

  KMeans run(std::vector<double> centres) {
    KMeans out;
    if (bounds_) bounds_->forget();
    before_.reset();
    bool const squares_always = options_.tolerance > 0 && !p_.spec.partial;
    std::optional<Centroids> sums;
    bool have_squares = false;
    for (int t = 1; t <= options_.max_iterations && !out.converged; ++t) {
      // labels and sums by the centres of now; then the means of these rows
      have_squares = !p_.spec.partial && (squares_always || t == options_.max_iterations);
      sums = pass(centres, have_squares);
      auto const next = means(*sums);
      double const moved = movement(centres, next);
      out.converged = moved == 0 || moved <= options_.tolerance * options_.tolerance;
      out.num_iterations = t;
      if (moved == 0 && !have_squares) break;
      centres = next;
    }
    if (!have_squares) sums = pass(centres, true);
    describe(*sums, centres, out);
    return out;
  }

 private:
  Centroids pass(const std::vector<double>& centres, bool squares) {
    auto const shared = std::make_shared<const Centres>(columns_, centres, p_.spec.shift);
    KMeansStep fresh(Centroids(p_.spec, shared, squares), kept_, offset_);
    if (bounds_ && shared->bounds_pay() && bounds_->in_use()) fresh.remember(&*bounds_, before_ ? std::make_shared<const CentreMoves>(*before_, *shared) : nullptr);
    before_ = shared;
    auto const step = sweep(source_, p_.read, fresh, options_.run, comm_, &timing_);
    check_counts(step.sums().valid(), step.sums().infinite(), step.sums().negative_weight(), options_);
    if (step.sums().valid() < p_.clusters)
      throw DataError("there are " + std::to_string(step.sums().valid()) + " complete rows, fewer than the " + std::to_string(p_.clusters) + " clusters asked for");
    return step.sums();
  }

  /// A centre without rows (or without a value in that column) stays where it is.
  std::vector<double> means(const Centroids& sums) const {
    auto centres = sums.centres().values();
    for (int k = 0; k < p_.clusters; ++k)
      for (int j = 0; j < columns_; ++j)
        if (double const w = sums.cell_weight(k, j); w > 0) centres[static_cast<std::size_t>(k * columns_ + j)] = p_.spec.shift[static_cast<std::size_t>(j)] + sums.sum(k, j) / w;
    return centres;
  }

  /// The largest squared distance that a centre went.
  double movement(const std::vector<double>& from, const std::vector<double>& to) const {
    double most = 0;
    for (int k = 0; k < p_.clusters; ++k) {
      double square = 0;
      bool same = true;
      for (auto at = static_cast<std::size_t>(k * columns_); at < static_cast<std::size_t>((k + 1) * columns_); ++at) {
        same &= from[at] == to[at];
        square = std::fma(to[at] - from[at], to[at] - from[at], square);
      }
      most = std::max(most, same ? 0 : std::max(square, 0x1p-1022));
    }
    return most;
  }

  void describe(const Centroids& sums, const std::vector<double>& centres, KMeans& out) {
    auto const& used = sums.centres().values();
    out.labelled_by = used;
    out.n_valid_obs = sums.valid();
    out.n_missing_obs = sums.missing();
    // means less the shift: with it, those far from zero are rounded
    std::vector<double> mean(static_cast<std::size_t>(columns_), 0.0), cells(mean), shifted(used.size());
    for (int k = 0; k < p_.clusters; ++k) {
      std::vector<double> centre;
      double within = sums.square(k);
      for (int j = 0; j < columns_; ++j) {
        auto const at = static_cast<std::size_t>(k * columns_ + j), column = static_cast<std::size_t>(j);
        centre.push_back(centres[at]);
        // about the mean: less than about the centre that gave the labels, where the two differ
        double const w = sums.cell_weight(k, j), by = sums.centres().shifted(k)[j];
        shifted[at] = w > 0 && !p_.spec.partial ? sums.sum(k, j) / w : by;
        double const d = shifted[at] - by;
        within = std::fma(-sums.weight(k) * d, d, within);
        mean[column] += sums.sum(k, j);
        cells[column] += sums.cell_weight(k, j);
      }
      out.centers.push_back(std::move(centre));
      out.size.push_back(sums.weight(k));
      out.withinss.push_back(std::max(within, 0.0));
      out.weight_sum += sums.weight(k);
      out.tot_withinss += out.withinss.back();
      if (sums.rows(k) == 0) empty_.push_back(k + 1);
    }
    for (std::size_t j = 0; j < mean.size(); ++j) mean[j] = cells[j] > 0 ? mean[j] / cells[j] : -p_.spec.shift[j];
    if (p_.spec.partial) {
      // with missing cells the parts do not add up by algebra: one more pass, with the mean of all as the only centre
      for (std::size_t j = 0; j < mean.size(); ++j) mean[j] += p_.spec.shift[j];
      out.totss = pass_about(mean);
      out.betweenss = out.totss - out.tot_withinss;
    } else {
      for (int k = 0; k < p_.clusters; ++k)
        for (int j = 0; j < columns_; ++j) {
          double const d = shifted[static_cast<std::size_t>(k * columns_ + j)] - mean[static_cast<std::size_t>(j)];
          out.betweenss = std::fma(sums.weight(k) * d, d, out.betweenss);
        }
      out.totss = out.tot_withinss + out.betweenss;
    }
    for (int k : empty_)
      out.warnings.push_back("cluster " + std::to_string(k) + " is empty: its centre stayed where it was when it lost its last row");
    empty_.clear();
    if (!out.converged)
      out.warnings.push_back("no convergence in " + std::to_string(options_.max_iterations) + (options_.max_iterations == 1 ? " iteration" : " iterations"));
  }

  double pass_about(const std::vector<double>& centre) {
    auto const shared = std::make_shared<const Centres>(columns_, centre, p_.spec.shift);
    return sweep(source_, p_.read, KMeansStep(Centroids(p_.spec, shared, true), kept_, offset_), options_.run, comm_, &timing_).sums().square(0);
  }

  const KMeansProblem& p_;
  const KMeansOptions& options_;
  Communicator& comm_;
  Timing& timing_;
  int columns_;
  std::shared_ptr<KeptRows> kept_;
  UnkeptSource source_;
  std::int64_t offset_;
  std::optional<KeptBounds> bounds_;         // none where memory does not allow them
  std::shared_ptr<const Centres> before_;    // of the last pass
  std::vector<int> empty_;
};

void check_options(const KMeansOptions& o) {
  if (o.centers.empty() && o.num_clusters < 1) throw UsageError("--num-clusters, at least 1, or --centers is needed");
  if (!o.centers.empty() && o.num_clusters > 0 && o.num_clusters != static_cast<int>(o.centers.size()))
    throw UsageError("--num-clusters is " + std::to_string(o.num_clusters) + ", but there are " + std::to_string(o.centers.size()) + " starting centres");
  if (o.max_iterations < 1) throw UsageError("--max-iterations is at least 1");
  if (!(o.tolerance >= 0)) throw UsageError("--tolerance is not negative");
  if (o.num_starts < 0) throw UsageError("--num-starts is not negative");
  if (o.num_start_rows > 0 && o.centers.empty() && o.num_start_rows < o.num_clusters)
    throw UsageError("--num-start-rows is " + std::to_string(o.num_start_rows) + ", fewer than the clusters asked for");
}

void resolve(KMeansProblem& p, std::string_view formula, const KMeansOptions& o, Communicator& comm) {
  use_sweep_for_ranges(p.rows, o.run, comm);
  p.variables = resolve_variables(p.rows, formula);
  p.read = p.variables.columns;
  for (std::size_t k = 0; k < p.read.size(); ++k) p.spec.columns.push_back(static_cast<int>(k));
  if (auto const weights = weight_name(o.pweights, o.fweights); !weights.empty()) {
    p.spec.weight = static_cast<int>(p.read.size());
    p.read.push_back(numeric_column(p.rows, *parse_expression(quoted_name(weights)), "the weight"));
  }
  p.row_number = row_number_column(p.rows);
  p.spec.partial = o.missing == KMeansMissing::partial;
  p.spec.shift.assign(p.variables.names.size(), 0.0);
  p.clusters = o.centers.empty() ? o.num_clusters : static_cast<int>(o.centers.size());
}

std::vector<double> given_centres(const KMeansProblem& p, const KMeansOptions& o) {
  std::vector<double> values;
  for (std::size_t k = 0; k < o.centers.size(); ++k) {
    auto const& c = o.centers[k];
    if (c.size() != p.variables.names.size()) throw UsageError("starting centre " + std::to_string(k + 1) + " has another number of columns than the formula");
    values.insert(values.end(), c.begin(), c.end());
  }
  check_centres(o.centers);
  return values;
}

}  // namespace
}  // namespace impl

void check_centres(const std::vector<std::vector<double>>& centres) {
  std::map<std::vector<double>, std::size_t> seen;
  for (std::size_t k = 0; k < centres.size(); ++k) {
    auto const number = std::to_string(k + 1);
    if (!std::all_of(centres[k].begin(), centres[k].end(), [](double x) { return std::isfinite(x); }))
      throw DataError("starting centre " + number + " has a missing or infinite value");
    if (auto const [first, fresh] = seen.try_emplace(centres[k], k); !fresh)
      throw DataError("starting centres " + std::to_string(first->second + 1) + " and " + number + " are equal");
  }
}

std::vector<std::string> kmeans_variables(const ChunkSource& source, std::string_view formula, const RowOptions& rows) {
  RowSource with(source, rows);
  return impl::resolve_variables(with, formula).names;
}

KMeans kmeans(const ChunkSource& source, std::string_view formula, const KMeansOptions& options, Communicator& comm) {
  impl::check_options(options);
  impl::KMeansProblem p{.rows = RowSource(source, options.rows), .variables = {}, .read = {}, .spec = {}};
  impl::resolve(p, formula, options, comm);
  Timing timing;
  int const starts = options.centers.empty() && options.start != KMeansStart::first ? std::max(1, options.num_starts) : 1;
  std::optional<KMeans> best;
  std::optional<impl::Lloyd> lloyd;
  for (int s = 0; s < starts; ++s) {
    auto const centres = options.centers.empty() ? impl::starting_centres(p, options, s, comm, timing) : impl::given_centres(p, options);
    if (!lloyd) {
      p.spec.shift = impl::shift_of(centres, static_cast<int>(p.variables.names.size()));
      lloyd.emplace(p, options, comm, timing);
    }
    auto fit = lloyd->run(centres);
    if (!best || fit.tot_withinss < best->tot_withinss) best = std::move(fit);
  }
  if (!options.centers.empty() && std::count(best->size.begin(), best->size.end(), 0.0) > 0) impl::check_distinct_rows(p, options, comm, timing);
  best->formula = p.variables.formula;
  best->variables = p.variables.names;
  best->expressions = p.variables.expressions;
  best->rows = p.rows.options();
  for (auto const& e : p.variables.expressions) add_inputs(best->inputs, p.rows, e);
  add_transform_inputs(best->inputs, p.rows);
  best->missing = options.missing;
  best->weighted = p.spec.weight >= 0;
  best->weights = impl::weight_name(options.pweights, options.fweights);
  best->shift = p.spec.shift;
  best->timing = timing;
  return std::move(*best);
}

}  // namespace rxhpc
