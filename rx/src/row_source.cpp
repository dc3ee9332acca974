// The decorator: which columns are the base's own, which are computed, and the pass over a chunk's tiles.
#include "rxhpc/row_source.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

#include "compile.hpp"
#include "masked_expression.hpp"
#include "row_source_buffer.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc {
namespace {

/// What a read of certain columns needs. `from_base[k]`: position among `base_columns` of a column that is passed on, else -1 and
/// the column is the next of the program's outputs.
struct Plan {
  std::vector<int> columns, base_columns, from_base;
  impl::CutProgram cut;
  bool selects = false;  // then the last output of the program is the selection
  bool computes() const { return !cut.outputs.empty(); }
};

struct RowScratch final : ChunkScratch {
  std::uint64_t version = 0;
  std::shared_ptr<const Plan> plan;
  Chunk inner;
  RowMachine machine;
  std::vector<Column> inputs;
  std::vector<impl::Buffer> buffers;
  std::vector<std::int32_t> rows;
};

using impl::next_version;

}  // namespace

struct RowSource::Impl final : impl::Scope {
  const ChunkSource& base;
  RowSource* self;
  Schema schema;
  std::vector<impl::Value> values;  // of the schema's columns
  impl::RowGraph graph;
  int selection = -1;
  bool touched = false;
  RowOptions options;  // transforms pinned
  RangeFunction range_function;
  mutable std::map<std::string, std::pair<double, double>> ranges;  // of expressions, once they have been asked for
  std::map<std::string, std::pair<std::string, int>> derived;  // name: expression, position
  std::uint64_t version = next_version();
  mutable std::mutex mutex;
  mutable std::vector<std::shared_ptr<const Plan>> plans;

  Impl(const ChunkSource& source, RowSource* owner) : base(source), self(owner), schema(source.schema()) {
    for (std::size_t i = 0; i < schema.size(); ++i) values.push_back(impl::base_value(schema[i], static_cast<int>(i)));
  }

  const impl::Value* find(std::string_view name) const override {
    int const at = schema.find(name);
    return at < 0 ? nullptr : &values[static_cast<std::size_t>(at)];
  }
  std::vector<std::string> names() const override {
    std::vector<std::string> all;
    for (auto const& v : schema.variables) all.push_back(v.name);
    return all;
  }
  std::pair<double, double> range(const Expr& e, const impl::Value&) const override {
    if (!range_function) throw_at(e, "the range of '" + deparse(e) + "' is not known; give low and high of F()");
    auto const text = deparse(e);
    if (auto const known = ranges.find(text); known != ranges.end()) return known->second;
    auto extremes = range_function(*self, self->derive(e, text));
    if (std::isinf(extremes.first) || std::isinf(extremes.second)) {
      auto const finite = impl::where_finite(e);
      extremes = range_function(*self, self->derive(*finite, deparse(*finite)));
    }
    return ranges[text] = extremes;
  }

  impl::Value compile(const Expr& e) { return impl::Compiler(graph, *this).compile(e); }

  void changed() {
    version = next_version();
    touched = true;
    std::lock_guard const lock(mutex);
    plans.clear();
  }

  // The variable that a value is stored as; a base column under another name stays a view of it.
  Variable stored(impl::Value& value, const std::string& name) {
    if (value.node < 0) {
      auto v = base.schema()[static_cast<std::size_t>(value.base_column)];
      v.name = name;
      return v;
    }
    value.base_column = -1;
    // Days are stored whole; a negative fraction must not be cut towards zero.
    if (value.type == VarType::date) value.node = graph.add(RowOp::floor, value.node);
    return impl::variable_for(value, name);
  }

  int append(impl::Value value, const std::string& name) {
    schema.variables.push_back(stored(value, name));
    values.push_back(std::move(value));
    changed();
    return static_cast<int>(values.size()) - 1;
  }

  ExprPtr pinned(const ExprPtr& e);

  void transform(const std::string& text) {
    auto const assignment = parse_assignment(text);
    int const at = schema.find(assignment.name);
    ranges.clear();
    options.transforms.push_back(text);
    if (!assignment.value) {
      std::size_t const place = static_cast<std::size_t>(schema.at(assignment.name));
      schema.variables.erase(schema.variables.begin() + static_cast<std::ptrdiff_t>(place));
      values.erase(values.begin() + static_cast<std::ptrdiff_t>(place));
      changed();
      return;
    }
    auto value = compile(*assignment.value);
    if (auto const same = pinned(assignment.value); same != assignment.value) options.transforms.back() = quoted_name(assignment.name) + " = " + deparse(*same);
    if (at < 0) {
      append(std::move(value), assignment.name);
      return;
    }
    schema[static_cast<std::size_t>(at)] = stored(value, assignment.name);
    values[static_cast<std::size_t>(at)] = std::move(value);
    changed();
  }

  void select(const std::string& text) {
    options.row_selection = text;
    if (text.find_first_not_of(" \t\r\n") == std::string::npos) return;
    auto const e = parse_expression(text);
    impl::Compiler compiler(graph, *this);
    selection = compiler.condition(*e, compiler.compile(*e));
    changed();
  }

  std::shared_ptr<const Plan> make_plan(std::span<const int> columns) const {
    auto plan = std::make_shared<Plan>();
    plan->columns.assign(columns.begin(), columns.end());
    std::vector<int> nodes;
    for (int c : columns)
      if (auto const& v = values[static_cast<std::size_t>(c)]; v.base_column < 0) nodes.push_back(v.node);
    plan->selects = selection >= 0;
    if (plan->selects) nodes.push_back(selection);
    if (!nodes.empty()) plan->cut = graph.cut(nodes);
    plan->base_columns = plan->cut.columns;
    for (int c : columns) {
      int const wanted = values[static_cast<std::size_t>(c)].base_column;
      auto const at = std::find(plan->base_columns.begin(), plan->base_columns.end(), wanted);
      plan->from_base.push_back(wanted < 0 ? -1 : static_cast<int>(at - plan->base_columns.begin()));
      if (wanted >= 0 && at == plan->base_columns.end()) plan->base_columns.push_back(wanted);
    }
    return plan;
  }

  std::shared_ptr<const Plan> plan_for(std::span<const int> columns) const {
    std::lock_guard const lock(mutex);
    for (auto const& plan : plans)
      if (std::equal(columns.begin(), columns.end(), plan->columns.begin(), plan->columns.end())) return plan;
    auto plan = make_plan(columns);
    if (plans.size() >= 16) plans.erase(plans.begin());
    plans.push_back(plan);
    return plan;
  }

  void compute(RowScratch& s, Chunk& out) const;
  void finish(RowScratch& s, Chunk& out, std::int64_t kept) const;
};

ExprPtr RowSource::Impl::pinned(const ExprPtr& e) {
  if (e->kind != Expr::Kind::call) return e;
  auto made = std::make_shared<Expr>(*e);
  made->source.reset();
  bool changed = false;
  for (auto& arg : made->args) {
    auto const same = pinned(arg);
    changed |= same != arg;
    arg = same;
  }
  auto const call = [](const char* name, std::vector<ExprPtr> args, std::vector<std::string> names) {
    auto c = std::make_shared<Expr>();
    c->kind = Expr::Kind::call;
    c->text = name;
    c->args = std::move(args);
    c->arg_names = std::move(names);
    return c;
  };
  bool const virtual_factor = e->text == "F" && !e->args.empty(), codes = e->text == "N" || virtual_factor;
  bool const numbers = (e->text == "as.integer" || e->text == "as.numeric" || e->text == "as.double") && e->args.size() == 1 && !e->args[0]->is_call("as.character");
  if (virtual_factor || (codes && e->args.size() == 1) || numbers) {
    auto const x = compile(*e->args[0]);
    if (auto const levels = impl::levels_of_codes(x, codes); !levels.empty()) {
      std::vector<ExprPtr> texts;
      for (auto const& level : levels) {
        auto text = std::make_shared<Expr>();
        text->kind = Expr::Kind::text;
        text->text = level;
        texts.push_back(std::move(text));
      }
      auto const count = texts.size();
      made->args[0] = call("factor", {made->args[0], call("c", std::move(texts), std::vector<std::string>(count))}, {"", "levels"});
      changed = true;
    } else if (!codes && x.type == VarType::character && !x.raw_text) {
      made->args[0] = call("as.character", {made->args[0]}, {""});  // the numbers that text spells, not the codes of a factor
      changed = true;
    } else if (virtual_factor && e->args.size() == 1) {
      auto const f = compile(*e);
      for (auto const& bound : {f.levels.front(), f.levels.back()}) made->args.push_back(parse_expression(bound));
      made->arg_names.assign(3, "");
      changed = true;
    }
  }
  return changed ? made : e;
}

// for each tile: run the program; list the rows to keep; store the computed columns, packed
// Memory: the base's columns once, the computed columns once.
void RowSource::Impl::compute(RowScratch& s, Chunk& out) const {
  auto const& plan = *s.plan;
  std::int64_t const n = s.inner.rows;
  auto const& outputs = plan.cut.outputs;
  s.inputs.clear();
  for (std::size_t k = 0; k < plan.cut.columns.size(); ++k) s.inputs.push_back(s.inner.columns[k]);
  s.buffers.resize(plan.columns.size());
  for (std::size_t k = 0; k < plan.columns.size(); ++k)
    if (plan.from_base[k] < 0) s.buffers[k].reserve(n * schema[static_cast<std::size_t>(plan.columns[k])].value_bytes());
  s.rows.resize(plan.selects ? static_cast<std::size_t>(n) : 0);
  std::int64_t kept = 0;
  std::int32_t keep[program_tile_rows];
  for (std::int64_t first = 0; first < n; first += program_tile_rows) {
    int const count = static_cast<int>(std::min<std::int64_t>(program_tile_rows, n - first));
    s.machine.run(s.inputs, first, count, static_cast<double>(s.inner.first_row + first + 1));
    int stay = count;
    if (plan.selects) {
      double const* chosen = s.machine.values(outputs.back());
      stay = 0;
      for (int i = 0; i < count; ++i) {
        keep[stay] = i;
        stay += chosen[i] == 1.0;
      }
      for (int i = 0; i < stay; ++i) s.rows[static_cast<std::size_t>(kept + i)] = static_cast<std::int32_t>(first) + keep[i];
    }
    for (std::size_t k = 0, output = 0; k < plan.columns.size(); ++k) {
      if (plan.from_base[k] >= 0) continue;
      auto const& v = schema[static_cast<std::size_t>(plan.columns[k])];
      Column const c = column_of(v, s.buffers[k].data());
      store_values(s.machine.values(outputs[output++]), stay < count ? keep : nullptr, stay, v.storage, c.missing, c.divisor,
                   s.buffers[k].data() + kept * v.value_bytes());
    }
    kept += stay;
  }
  finish(s, out, kept);
}

void RowSource::Impl::finish(RowScratch& s, Chunk& out, std::int64_t kept) const {
  auto const& plan = *s.plan;
  out.index = s.inner.index;
  out.first_row = s.inner.first_row;
  out.in_cache = s.inner.in_cache;
  out.rows = kept;
  out.columns.resize(plan.columns.size());
  for (std::size_t k = 0; k < plan.columns.size(); ++k) {
    auto const& v = schema[static_cast<std::size_t>(plan.columns[k])];
    if (plan.from_base[k] < 0) {
      out.columns[k] = column_of(v, s.buffers[k].data());
      continue;
    }
    auto column = s.inner.columns[static_cast<std::size_t>(plan.from_base[k])];
    if (kept < s.inner.rows) {
      s.buffers[k].reserve(kept * v.value_bytes());
      gather_rows(column, s.rows.data(), kept, s.buffers[k].data());
      column.data = s.buffers[k].data();
      column.stride = column.storage == Storage::text ? column.text_width : 1;
    }
    out.columns[k] = column;
  }
}

RowSource::RowSource(const ChunkSource& base, const RowOptions& options)
    : impl_(std::make_unique<Impl>(base, this)) {
  for (auto const& text : options.transforms) impl_->transform(text);
  impl_->select(options.row_selection);
}
RowSource::~RowSource() = default;

int RowSource::derive(const Expr& e, const std::string& name) {
  if (e.kind == Expr::Kind::name) {
    if (int const at = impl_->schema.find(e.text); at >= 0 && !e.is_constant_name()) return at;
  }
  auto text = deparse(e);
  if (auto const known = impl_->derived.find(name); known != impl_->derived.end() && known->second.first == text) return known->second.second;
  auto value = impl_->compile(e);
  int const at = impl_->append(std::move(value), name);
  impl_->derived[name] = {std::move(text), at};
  return at;
}

int RowSource::derive_factor(int column, const std::vector<std::string>& levels, const std::string& name) {
  impl::Compiler compiler(impl_->graph, *impl_);
  auto value = compiler.to_levels(impl_->values.at(static_cast<std::size_t>(column)), levels);
  value.node = compiler.node(value);
  return impl_->append(std::move(value), name);
}

ExprPtr RowSource::pinned(const ExprPtr& e) { return impl_->pinned(e); }
const RowOptions& RowSource::options() const { return impl_->options; }
void RowSource::set_range_function(RangeFunction f) { impl_->range_function = std::move(f); }
bool RowSource::selects_rows() const { return impl_->selection >= 0; }
int RowSource::base_column(int column) const { return impl_->values[static_cast<std::size_t>(column)].base_column; }
const Schema& RowSource::base_schema() const { return impl_->base.schema(); }
const Schema& RowSource::schema() const { return impl_->schema; }
const Grid& RowSource::grid() const { return impl_->base.grid(); }
bool RowSource::local() const { return impl_->base.local(); }
bool RowSource::columns_apart() const { return !impl_->touched && impl_->base.columns_apart(); }
const ZoneMap* RowSource::zone_map() const { return impl_->touched ? nullptr : impl_->base.zone_map(); }

void RowSource::read_rows(std::int64_t chunk, std::span<const int> columns, Chunk& out, bool check) const {
  auto const read_base = [&](std::span<const int> wanted, Chunk& into) {
    check ? impl_->base.read(chunk, wanted, into) : impl_->base.read_unchecked(chunk, wanted, into);
  };
  if (!impl_->touched) return read_base(columns, out);
  auto* s = dynamic_cast<RowScratch*>(out.scratch.get());
  bool const planned = s && s->version == impl_->version && std::equal(columns.begin(), columns.end(), s->plan->columns.begin(), s->plan->columns.end());
  auto plan = planned ? s->plan : impl_->plan_for(columns);
  if (!plan->computes()) {
    // Plain columns only, perhaps under other names: the base fills the chunk itself.
    if (s) out.scratch.reset();
    std::vector<int> wanted;
    for (int c : columns) wanted.push_back(impl_->values[static_cast<std::size_t>(c)].base_column);
    return read_base(wanted, out);
  }
  if (!s) {
    auto fresh = std::make_unique<RowScratch>();
    s = fresh.get();
    out.scratch = std::move(fresh);
  }
  if (!planned) {
    s->version = impl_->version;
    s->plan = std::move(plan);
    s->machine.prepare(s->plan->cut.program);
  }
  read_base(s->plan->base_columns, s->inner);
  impl_->compute(*s, out);
}

// Columns that are the base's own come in the base's pieces; what is computed comes whole.
void RowSource::read_pieces(std::int64_t chunk, std::span<const int> columns, Chunk& out, const PieceFunction& use) const {
  if (!impl_->touched) return impl_->base.read_pieces(chunk, columns, out, use);
  if (impl_->plan_for(columns)->computes()) return ChunkSource::read_pieces(chunk, columns, out, use);
  std::vector<int> wanted;
  for (int c : columns) wanted.push_back(impl_->values[static_cast<std::size_t>(c)].base_column);
  if (dynamic_cast<RowScratch*>(out.scratch.get())) out.scratch.reset();
  impl_->base.read_pieces(chunk, wanted, out, use);
}

std::int64_t RowSource::stored_bytes(std::int64_t chunk, std::span<const int> columns) const {
  return impl_->base.stored_bytes(chunk, impl_->plan_for(columns)->base_columns);
}

// The base's columns, and beside them those that are computed or moved together.
std::int64_t RowSource::held_bytes(std::span<const int> columns) const {
  std::vector<int> own;
  for (int c : columns)
    if (selects_rows() || base_column(c) < 0) own.push_back(c);
  return impl_->base.held_bytes(impl_->plan_for(columns)->base_columns) + grid().longest() * impl_->schema.row_bytes(own);
}

void RowSource::prefetch(std::int64_t chunk, std::span<const int> columns) const {
  impl_->base.prefetch(chunk, impl_->plan_for(columns)->base_columns);
}

}  // namespace rxhpc
