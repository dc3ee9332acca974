#include "rxhpc/predict.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "distributions.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/lin_mod.hpp"

namespace rxhpc {
namespace {

constexpr std::int64_t tile_rows = 1024;

/// One term of the design in a tile: the value and the place of the row's one non-zero column; place -1 where a part is missing.
struct TermTile {
  std::vector<double> value;
  std::vector<std::int64_t> place;
};

Variable numeric_variable(const std::string& name) {
  Variable v;
  v.name = name;
  return v;
}

}  // namespace

struct Predictor::Impl {
  LinMod model;
  PredictOptions options;
  std::unique_ptr<RowSource> rows;
  BoundDesign bound;
  std::vector<int> read;            // columns of `rows`: the model's, then the response, then those passed on
  int response = -1;                // place in `read`
  std::vector<int> passed;          // places in `read`
  Schema schema;
  std::vector<double> beta;         // 0 where aliased
  std::vector<double> cov;          // [columns x columns], 0 where aliased
  std::vector<std::int64_t> first;  // first column of each term
  std::int64_t columns = 0;
  double quantile = 0, residual_variance = 0;
  int outputs = 1;                  // computed columns

  void check_options();
  void check_levels(const ChunkSource& input) const;
  void lay_out();
  void tile_terms(const Chunk& in, std::int64_t from, std::int64_t count, std::vector<TermTile>& terms, std::vector<double>& numbers,
                  std::vector<std::int32_t>& codes) const;
  RowBody body() const;
};

void Predictor::Impl::check_options() {
  if (model.fits.size() != 1) throw UsageError("a model of several responses cannot predict");
  if (options.type != "response" && options.type != "link") throw UsageError("--type of a linear model is response or link, not '" + options.type + "'");
  if (options.interval != "none" && options.interval != "confidence" && options.interval != "prediction")
    throw UsageError("--interval is none, confidence or prediction, not '" + options.interval + "'");
  if (!(options.conf_level > 0 && options.conf_level < 1)) throw UsageError("--conf-level lies between 0 and 1");
  bool const needs_covariance = options.std_errors || options.interval != "none";
  auto const& fit = model.fits[0];
  if (needs_covariance && fit.cov_coef.empty())
    throw UsageError("standard errors and intervals need a model that was fitted with --cov-coef");
  for (auto const& c : fit.coefficients) beta.push_back(c.aliased ? 0 : c.estimate);
  columns = static_cast<std::int64_t>(beta.size());
  if (needs_covariance)
    for (auto const& row : fit.cov_coef)
      for (double x : row) cov.push_back(std::isnan(x) ? 0 : x);
  if (needs_covariance && cov.size() != beta.size() * beta.size()) throw DataError("damaged model file: cov_coef is not square");
  quantile = impl::t_quantile_two_sided(options.conf_level, model.df_residual);
  residual_variance = fit.sigma * fit.sigma;
  std::int64_t at = 0;
  for (int t = 0; t < static_cast<int>(model.design.terms.size()); ++t) {
    first.push_back(at);
    at += model.design.cells(t);
  }
}

/// A level of the data that the model does not know, in rows that there are (where the table does not tell, any such level counts).
void Predictor::Impl::check_levels(const ChunkSource& input) const {
  for (auto const& v : model.design.variables) {
    if (!v.factor) continue;
    int const column = rows->derive(*parse_expression(v.expression), v.expression), base = rows->base_column(column);
    auto const& found = rows->schema()[column];
    auto const* zones = base >= 0 ? input.zone_map() : nullptr;
    if (zones && zones->level_counts[base].size() != zones->moments[base].size()) zones = nullptr;  // left out where there are very many levels
    for (std::size_t l = 0; l < found.levels.size(); ++l) {
      if (std::find(v.levels.begin(), v.levels.end(), found.levels[l]) != v.levels.end()) continue;
      std::int64_t seen = zones ? 0 : 1;
      if (zones)
        for (auto const& chunk : zones->level_counts[base]) seen += chunk[l];
      if (seen > 0) throw DataError("column '" + v.label + "': level '" + found.levels[l] + "' is unknown to the model");
    }
  }
}

void Predictor::Impl::lay_out() {
  bound = bind(model.design, *rows);
  read = bound.read;
  auto const place = [&](int column) {
    auto const at = std::find(read.begin(), read.end(), column);
    if (at != read.end()) return static_cast<int>(at - read.begin());
    read.push_back(column);
    return static_cast<int>(read.size()) - 1;
  };
  auto const& y = model.fits[0].name;
  schema.variables.push_back(numeric_variable(options.pred_var_names.empty() ? y + "_Pred" : options.pred_var_names));
  if (options.std_errors) schema.variables.push_back(numeric_variable(y + "_StdErr"));
  if (options.interval != "none") {
    schema.variables.push_back(numeric_variable(y + "_Lower"));
    schema.variables.push_back(numeric_variable(y + "_Upper"));
  }
  if (options.residuals) {
    response = place(numeric_column(*rows, *parse_expression(y), "the response"));
    schema.variables.push_back(numeric_variable(y + "_Resid"));
  }
  outputs = static_cast<int>(schema.size());
  auto const pass_on = [&](int column) {
    auto const& v = rows->schema()[column];
    if (schema.find(v.name) >= 0) return;
    schema.variables.push_back(v);
    passed.push_back(place(column));
  };
  for (auto const& name : options.extra_vars) pass_on(rows->schema().at(name));
  if (options.write_model_vars) {
    std::vector<std::string> names = names_in(*parse_expression(y));
    for (auto const& v : model.design.variables)
      for (auto const& n : names_in(*parse_expression(v.expression))) names.push_back(n);
    for (auto const& n : names)
      if (int const column = rows->schema().find(n); column >= 0) pass_on(column);
  }
}

void Predictor::Impl::tile_terms(const Chunk& in, std::int64_t from, std::int64_t count, std::vector<TermTile>& terms,
                                 std::vector<double>& numbers, std::vector<std::int32_t>& codes) const {
  for (std::size_t t = 0; t < terms.size(); ++t) {
    auto& tile = terms[t];
    auto const& k = bound.kernel_terms[t];
    std::fill_n(tile.value.begin(), count, 1.0);
    std::fill_n(tile.place.begin(), count, first[t]);
    for (int c : k.numeric) {
      load_values(in.columns[c], from, count, numbers.data());
      for (std::int64_t i = 0; i < count; ++i) tile.value[i] *= numbers[i];
    }
    std::int64_t radix = 1;
    for (std::size_t f = 0; f < k.factors.size(); ++f) {
      load_codes(in.columns[k.factors[f]], from, count, codes.data());
      for (std::int64_t i = 0; i < count; ++i) tile.place[i] = codes[i] < 0 || tile.place[i] < 0 ? -1 : tile.place[i] + radix * codes[i];
      radix *= k.levels[f];
    }
  }
}

RowBody Predictor::Impl::body() const {
  struct Buffers final : ChunkScratch {
    std::vector<std::vector<double>> out;
  };
  // One a thread, kept between chunks.
  auto terms = std::make_shared<std::vector<TermTile>>(model.design.terms.size());
  for (auto& t : *terms) t.value.resize(tile_rows), t.place.resize(tile_rows);
  auto numbers = std::make_shared<std::vector<double>>(tile_rows);
  auto codes = std::make_shared<std::vector<std::int32_t>>(tile_rows);

  return [this, terms, numbers, codes](const Chunk& in, Chunk& out) {
    if (!dynamic_cast<Buffers*>(out.scratch.get())) out.scratch = std::make_unique<Buffers>();
    auto& buffers = static_cast<Buffers&>(*out.scratch).out;
    buffers.resize(outputs);
    for (auto& b : buffers) b.resize(in.rows);
    for (std::int64_t from = 0; from < in.rows; from += tile_rows) {
      auto const count = std::min(tile_rows, in.rows - from);
      tile_terms(in, from, count, *terms, *numbers, *codes);
      if (response >= 0) load_values(in.columns[response], from, count, numbers->data());
      for (std::int64_t i = 0; i < count; ++i) {
        double eta = 0, variance = 0;
        bool missing = false;
        for (auto const& t : *terms) {
          missing |= t.place[i] < 0 || std::isnan(t.value[i]);
          if (!missing) eta += beta[t.place[i]] * t.value[i];
        }
        if (!missing && !cov.empty())
          for (auto const& a : *terms)
            for (auto const& b : *terms) variance += a.value[i] * b.value[i] * cov[a.place[i] * columns + b.place[i]];
        // With residuals asked for, a row without its response has no results at all, as in RevoScaleR.
        if (response >= 0) missing |= std::isnan((*numbers)[i]);
        double const na = na_value(), error = std::sqrt(std::max(variance, 0.0));
        double const width = quantile * (options.interval == "prediction" ? std::sqrt(residual_variance + variance) : error);
        int o = 0;
        buffers[o++][from + i] = missing ? na : eta;
        if (options.std_errors) buffers[o++][from + i] = missing ? na : error;
        if (options.interval != "none") {
          buffers[o++][from + i] = missing ? na : eta - width;
          buffers[o++][from + i] = missing ? na : eta + width;
        }
        if (response >= 0) buffers[o++][from + i] = missing ? na : (*numbers)[i] - eta;
      }
    }
    out.rows = in.rows;
    out.columns.clear();
    for (int o = 0; o < outputs; ++o) out.columns.push_back(column_of(schema[o], buffers[o].data()));
    for (int p : passed) out.columns.push_back(in.columns[p]);
  };
}

Predictor::Predictor(const nlohmann::json& model, const ChunkSource& input, const PredictOptions& options) : impl_(std::make_unique<Impl>()) {
  impl_->model = lin_mod_from_json(model);
  impl_->options = options;
  impl_->check_options();
  impl_->rows = std::make_unique<RowSource>(input, RowOptions{impl_->model.rows.transforms, ""}, true);
  impl_->check_levels(input);
  impl_->lay_out();
}

Predictor::~Predictor() = default;
const Schema& Predictor::schema() const { return impl_->schema; }
const Grid& Predictor::grid() const { return impl_->rows->grid(); }

void Predictor::run(ChunkSink& sink, Communicator& comm, Timing* timing) const {
  map_rows(*impl_->rows, impl_->read, sink, [this] { return impl_->body(); }, impl_->options.run, comm, timing);
}

}  // namespace rxhpc
