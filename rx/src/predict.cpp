#include "rxhpc/predict.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "model_inputs.hpp"
#include "model_output.hpp"
#include "model_rows.hpp"
#include "predict_model.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc {

struct Predictor::Impl {
  PredictOptions options;
  std::unique_ptr<impl::PredictModel> model;
  std::unique_ptr<RowSource> rows;
  std::unique_ptr<RegriddedSource> selected;  // `rows` in whole chunks, where rows are selected
  std::vector<int> read;    // columns of `rows`: the model's, then those passed on
  std::vector<int> passed;  // places in `read`
  std::size_t computed = 0;
  Schema schema;            // computed columns, then those passed on

  void check_options() const;
  RowBody body() const;
};

void Predictor::Impl::check_options() const {
  if (options.interval != "none" && options.interval != "confidence" && options.interval != "prediction")
    throw UsageError("--interval is none, confidence or prediction, not '" + options.interval + "'");
  if (!(options.conf_level > 0 && options.conf_level < 1)) throw UsageError("--conf-level lies between 0 and 1");
}

RowBody Predictor::Impl::body() const {
  /// The computed columns of one chunk, as numbers or as codes.
  struct Buffers final : ChunkScratch {
    std::vector<std::vector<double>> numbers;
    std::vector<std::vector<std::int32_t>> codes;
  };
  return [this, tile = model->tile()](const Chunk& in, std::int64_t first, std::int64_t count, Chunk& out) {
    if (!dynamic_cast<Buffers*>(out.scratch.get())) out.scratch = std::make_unique<Buffers>();
    auto& buffers = static_cast<Buffers&>(*out.scratch);
    buffers.numbers.resize(computed);
    buffers.codes.resize(computed);
    auto const coded = [&](std::size_t o) { return schema[o].storage == Storage::int32; };
    for (std::size_t o = 0; o < computed; ++o) coded(o) ? buffers.codes[o].resize(in.rows) : buffers.numbers[o].resize(in.rows);
    std::vector<impl::OutputTile> to(computed);
    for (std::int64_t from = first; from < first + count; from += impl::predict_tile_rows) {
      for (std::size_t o = 0; o < computed; ++o) {
        if (coded(o)) to[o].code = buffers.codes[o].data() + from;
        else to[o].number = buffers.numbers[o].data() + from;
      }
      tile(in, from, std::min(impl::predict_tile_rows, first + count - from), to.data());
    }
    out.columns.clear();
    for (std::size_t o = 0; o < computed; ++o)
      out.columns.push_back(coded(o) ? column_of(schema[o], buffers.codes[o].data()) : column_of(schema[o], buffers.numbers[o].data()));
    for (int p : passed) out.columns.push_back(in.columns[p]);
  };
}

std::map<std::string, VarType> factor_columns(const nlohmann::json& model) {
  std::map<std::string, VarType> types;
  for (auto const* part : {"design", "predictors"}) {
    if (!model.is_object() || !model.contains(part)) continue;
    for (auto const& v : impl::design_from_json(model.at(part)).variables) {
      auto const e = parse_expression(v.expression);
      if (v.factor && e->kind == Expr::Kind::name) types[e->text] = v.levels == std::vector<std::string>{"FALSE", "TRUE"} ? VarType::logical : VarType::factor;
    }
  }
  // What a transform makes under that name is made of a column that may be a number.
  if (model.is_object())
    for (auto const& transform : model.value("transforms", std::vector<std::string>())) types.erase(parse_assignment(transform).name);
  return types;
}

namespace {

std::set<std::string> set_of(const std::vector<std::string>& names) { return {names.begin(), names.end()}; }

/// Those of the model's transforms that its results need, or the user's transforms and selection, or columns to pass on: the model's own as far as
/// the input has what they are made from.
std::vector<std::string> needed_transforms(const impl::PredictModel& model, const PredictOptions& options, const Schema& input) {
  auto const own = model.transforms();
  auto columns = set_of(model.needed(options));
  auto const add = [&](const std::vector<std::string>& names) { columns.insert(names.begin(), names.end()); };
  add(options.extra_vars);
  if (options.write_model_vars)
    for (auto const& name : model.variables()) {
      auto const from = impl::sources_of({name}, own, input).columns;
      if (std::all_of(from.begin(), from.end(), [&](auto const& column) { return input.find(column) >= 0; })) columns.insert(name);
    }
  if (options.rows.row_selection.find_first_not_of(" \t\r\n") != std::string::npos) add(names_in(*parse_expression(options.rows.row_selection)));
  for (auto t = options.rows.transforms.rbegin(); t != options.rows.transforms.rend(); ++t) {
    auto const made = parse_assignment(*t);
    columns.erase(made.name);
    if (made.value) add(names_in(*made.value));
  }
  return impl::sources_of(std::move(columns), own, input).transforms;
}

}  // namespace

Predictor::Predictor(const nlohmann::json& model, const ChunkSource& input, const PredictOptions& options) : impl_(std::make_unique<Impl>()) {
  auto& p = *impl_;
  p.options = options;
  p.check_options();
  p.model = impl::predict_model(model, options);
  if (options.remove_missings) p.options.rows.row_selection = impl::complete_selection(options.rows.row_selection, p.model->complete(options));
  auto row_options = p.options.rows;
  auto const own = needed_transforms(*p.model, p.options, input.schema());
  row_options.transforms.insert(row_options.transforms.begin(), own.begin(), own.end());
  // Columns of another type than in the fit are made of that type before all else; passed on they are as they came.
  std::map<std::string, std::string> as_given;
  std::vector<std::string> first;
  auto const read = impl::sources_of(set_of(p.model->needed(options)), p.model->transforms(), input.schema()).columns;
  for (auto const& [name, value] : impl::conversions(p.model->inputs(), read, input)) {
    auto const given = ".given " + name;
    if (std::none_of(row_options.transforms.begin(), row_options.transforms.end(), [&](auto const& t) { return parse_assignment(t).name == name; })) as_given[name] = given;
    first.push_back(quoted_name(given) + " = " + quoted_name(name));
    first.push_back(quoted_name(name) + " = " + value);
  }
  row_options.transforms.insert(row_options.transforms.begin(), first.begin(), first.end());
  p.rows = std::make_unique<RowSource>(input, row_options);
  impl::PredictPlan plan{input, *p.rows, p.options, {}, {}};
  p.model->plan(plan);
  p.computed = plan.outputs.size();
  p.schema.variables = std::move(plan.outputs);
  auto const pass_on = [&](int column) {
    auto v = p.rows->schema()[column];
    if (auto const given = as_given.find(v.name); given != as_given.end()) {
      column = p.rows->schema().at(given->second);
      v = p.rows->schema()[column];
      v.name = given->first;
    }
    auto const at = p.schema.find(v.name);
    if (at >= 0 && at < static_cast<int>(p.computed))
      throw UsageError("'" + v.name + "' would be both a computed column and one passed on; --pred-var-names and its like give the first another name");
    if (at >= 0) return;
    p.schema.variables.push_back(v);
    p.passed.push_back(plan.place(column));
  };
  for (auto const& name : options.extra_vars) pass_on(p.rows->schema().at(name));
  if (options.write_model_vars)
    for (auto const& name : p.model->variables())
      if (int const column = p.rows->schema().find(name); column >= 0) pass_on(column);
  p.read = std::move(plan.read);
}

Predictor::~Predictor() = default;
const Schema& Predictor::schema() const { return impl_->schema; }
const Grid& Predictor::grid() const { return impl_->selected ? impl_->selected->grid() : impl_->rows->grid(); }

void Predictor::select(std::int64_t chunk_rows, Communicator& comm, Timing* timing) {
  auto& p = *impl_;
  if (p.rows->selects_rows())
    p.selected = std::make_unique<RegriddedSource>(*p.rows, count_rows(*p.rows, p.options.run, comm, timing), chunk_rows);
}

void Predictor::run(ChunkSink& sink, Communicator& comm, Timing* timing) const {
  ChunkSource const& source = impl_->selected ? static_cast<const ChunkSource&>(*impl_->selected) : *impl_->rows;
  map_rows(source, impl_->read, sink, [this] { return impl_->body(); }, impl_->options.run, comm, timing);
}

}  // namespace rxhpc
