// The cluster of every row: for a new table, and for the table of the fit.
#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "kmeans_rows.hpp"
#include "model_inputs.hpp"
#include "predict_model.hpp"
#include "rxhpc/design.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc {
namespace impl {
namespace {

constexpr std::int32_t no_cluster = INT32_MIN;

Variable cluster_variable(const std::string& name) {
  Variable v;
  v.name = name;
  v.type = VarType::integer;
  v.storage = Storage::int32;
  return v;
}

/// The final centres or, for the rows of the fit, those that their labels are from.
std::shared_ptr<const Centres> centres_of(const KMeans& m, bool of_fit = false) {
  std::vector<double> values;
  if (of_fit && !m.labelled_by.empty()) return std::make_shared<Centres>(static_cast<int>(m.variables.size()), m.labelled_by, m.shift);
  for (auto const& c : m.centers) values.insert(values.end(), c.begin(), c.end());
  return std::make_shared<Centres>(static_cast<int>(m.variables.size()), std::move(values), m.shift);
}

/// Clusters, from 1, of rows [from, from + count) of a chunk.
class Assigner {
 public:
  Assigner(std::shared_ptr<const Centres> centres, RowPackSpec spec) : centres_(std::move(centres)), spec_(std::move(spec)) {}
  void operator()(const Chunk& in, std::int64_t from, std::int64_t count, std::int32_t* cluster) {
    rows_.assign(in, from, count, spec_);
    label_.resize(static_cast<std::size_t>(8 * rows_.packs()));
    centres_->nearest(rows_, 0, rows_.packs(), label_.data());
    for (std::int64_t i = 0; i < count; ++i)
      cluster[i] = rows_.present(i / 8) >> i % 8 & 1u ? label_[static_cast<std::size_t>(i)] + 1 : no_cluster;
  }

 private:
  std::shared_ptr<const Centres> centres_;
  RowPackSpec spec_;
  RowPacks rows_;
  std::vector<std::int32_t> label_;
};

/// The model's variables in `rows`: their columns.
std::vector<int> columns_in(RowSource& rows, const KMeans& m) {
  std::vector<int> columns;
  for (auto const& e : m.expressions) columns.push_back(numeric_column(rows, *parse_expression(e), "variable"));
  return columns;
}

RowPackSpec spec_of(const KMeans& m, std::vector<int> places) {
  return {.columns = std::move(places), .weight = -1, .shift = m.shift, .partial = m.missing == KMeansMissing::partial};
}

class PredictKMeans final : public PredictModel {
 public:
  explicit PredictKMeans(const nlohmann::json& model) : model_(kmeans_from_json(model)) {}
  std::vector<std::string> transforms() const override { return model_.rows.transforms; }
  std::vector<std::string> variables() const override { return columns_of({}, model_.expressions); }
  std::vector<std::string> needed(const PredictOptions&) const override { return variables(); }
  const std::vector<InputColumn>& inputs() const override { return model_.inputs; }
  void plan(PredictPlan& plan) override {
    auto const& o = plan.options;
    if (o.type != "response" && o.type != "class") throw UsageError("--type of k-means is response or class, not '" + o.type + "'");
    if (o.std_errors || o.interval != "none" || o.residuals || o.leverage || o.cooks_distance) throw UsageError("k-means has neither standard errors nor residuals");
    std::vector<int> places;
    for (int column : columns_in(plan.rows, model_)) places.push_back(plan.place(column));
    spec_ = spec_of(model_, std::move(places));
    centres_ = centres_of(model_);
    plan.outputs.push_back(cluster_variable(plan.prediction_names({".rxCluster"})[0]));
  }
  PredictTile tile() const override {
    auto const assigner = std::make_shared<Assigner>(centres_, spec_);
    return [assigner](const Chunk& in, std::int64_t from, std::int64_t count, const OutputTile* out) { (*assigner)(in, from, count, out[0].code); };
  }

 private:
  KMeans model_;
  RowPackSpec spec_;
  std::shared_ptr<const Centres> centres_;
};

}  // namespace

std::unique_ptr<PredictModel> predict_kmeans(const nlohmann::json& model) { return std::make_unique<PredictKMeans>(model); }

}  // namespace impl

ClusteredSample clustered_sample(const KMeans& model, const ChunkSource& source, std::int64_t size, const RunOptions& run, Communicator& comm,
                                 Timing* timing) {
  RowSource rows(source, model.rows);
  auto read = impl::columns_in(rows, model);
  auto const width = read.size();
  std::vector<int> places;
  for (std::size_t k = 0; k < width; ++k) places.push_back(static_cast<int>(k));
  RowSample::Spec spec{.rows = impl::spec_of(model, places), .size = size, .purpose = RandomPurpose::plotted_rows};
  spec.rows.shift.assign(width, 0.0);
  impl::number_rows(impl::row_number_column(rows), read, spec);
  auto const drawn = sweep(rows, read, RowSample(std::move(spec)), run, comm, timing).finalize();
  ClusteredSample out;
  std::vector<double> values;
  for (auto const& row : drawn) {
    out.rows.push_back(row.values);
    values.insert(values.end(), row.values.begin(), row.values.end());
  }
  Variable number;
  Chunk chunk;
  chunk.rows = static_cast<std::int64_t>(drawn.size());
  for (std::size_t j = 0; j < width; ++j) chunk.columns.push_back(column_of(number, values.data() + j, static_cast<std::ptrdiff_t>(width)));
  std::vector<std::int32_t> label(drawn.size());
  if (!drawn.empty()) impl::Assigner(impl::centres_of(model, true), impl::spec_of(model, places))(chunk, 0, chunk.rows, label.data());
  for (auto l : label) out.cluster.push_back(l - 1);
  return out;
}

struct ClusteredRows::Impl {
  Impl(const KMeans& model, const ChunkSource& source) : rows(source, {model.rows.transforms, ""}), centres(impl::centres_of(model, true)) {}
  RowSource rows;
  std::shared_ptr<const Centres> centres;
  Schema schema;
  RowPackSpec spec;            // columns of `rows`
  int selection = -1;          // column of `rows`
};

ClusteredRows::ClusteredRows(const KMeans& model, const ChunkSource& source, const std::string& column)
    : impl_(std::make_unique<Impl>(model, source)) {
  auto& m = *impl_;
  m.schema = m.rows.schema();
  if (m.schema.find(column) >= 0) throw UsageError("INPUT has a column '" + column + "' already");
  m.schema.variables.push_back(impl::cluster_variable(column));
  m.spec = impl::spec_of(model, impl::columns_in(m.rows, model));
  if (!model.weights.empty()) m.spec.weight = numeric_column(m.rows, *parse_expression(quoted_name(model.weights)), "the weight");
  if (auto const& text = model.rows.row_selection; !text.empty()) m.selection = m.rows.derive(*parse_expression(text), ".selected(" + text + ")");
}

ClusteredRows::~ClusteredRows() = default;
const Schema& ClusteredRows::schema() const { return impl_->schema; }
const Grid& ClusteredRows::grid() const { return impl_->rows.grid(); }

void ClusteredRows::run(const std::vector<int>& columns, ChunkSink& sink, const RunOptions& options, Communicator& comm, Timing* timing) const {
  auto const& m = *impl_;
  int const cluster_column = static_cast<int>(m.schema.size()) - 1;
  std::vector<int> read;
  auto const place = [&](int column) {
    auto const at = std::find(read.begin(), read.end(), column);
    if (at != read.end()) return static_cast<int>(at - read.begin());
    read.push_back(column);
    return static_cast<int>(read.size()) - 1;
  };
  std::vector<int> passed;  // places in `read`; -1: the cluster
  for (int c : columns) passed.push_back(c == cluster_column ? -1 : place(c));
  auto spec = m.spec;
  for (int& c : spec.columns) c = place(c);
  if (spec.weight >= 0) spec.weight = place(spec.weight);
  int const selection = m.selection >= 0 ? place(m.selection) : -1;
  auto const make_body = [&]() -> RowBody {
    return [assigner = std::make_shared<impl::Assigner>(m.centres, spec), cluster = std::make_shared<std::vector<std::int32_t>>(), passed, selection,
            variable = m.schema[static_cast<std::size_t>(cluster_column)]](const Chunk& in, std::int64_t first, std::int64_t rows, Chunk& out) {
      cluster->resize(static_cast<std::size_t>(in.rows));
      auto const end = first + rows;
      for (std::int64_t from = first; from < end; from += impl::predict_tile_rows)
        (*assigner)(in, from, std::min(impl::predict_tile_rows, end - from), cluster->data() + from);
      if (selection >= 0)
        for (std::int64_t i = first; i < end; ++i)
          if (in.columns[static_cast<std::size_t>(selection)].value(i) != 1) (*cluster)[static_cast<std::size_t>(i)] = impl::no_cluster;
      out.columns.clear();
      for (int p : passed) out.columns.push_back(p < 0 ? column_of(variable, cluster->data()) : in.columns[static_cast<std::size_t>(p)]);
    };
  };
  map_rows(m.rows, read, sink, make_body, options, comm, timing);
}

}  // namespace rxhpc
