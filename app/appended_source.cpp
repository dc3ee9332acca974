#include "appended_source.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "rxhpc/errors.hpp"
#include "rxhpc/table.hpp"

namespace rxhpc::app {
namespace {

struct Scratch final : ChunkScratch {
  std::array<Chunk, 2> inner;
  std::vector<std::vector<std::byte>> buffers;
};

Scratch& scratch_of(Chunk& chunk) {
  if (!dynamic_cast<Scratch*>(chunk.scratch.get())) chunk.scratch = std::make_unique<Scratch>();
  return static_cast<Scratch&>(*chunk.scratch);
}

/// The variable that holds the values of both.
Variable common(const Variable& a, const Variable& b) {
  Variable out = widened(a, b);
  // Where one range is unknown, the common one is.
  out.low = std::isnan(b.low) || b.low < a.low ? b.low : a.low;
  out.high = std::isnan(b.high) || b.high > a.high ? b.high : a.high;
  if (!out.coded()) return out;
  std::unordered_set<std::string_view> const known(a.levels.begin(), a.levels.end());
  for (auto const& level : b.levels)
    if (!known.contains(level)) out.levels.push_back(level);
  out.storage = std::max(a.storage, code_storage(out.levels.size()));
  // New levels come last, which is their place in an order only where what is appended says so.
  bool const told = b.type == VarType::ordered && b.levels.size() == out.levels.size() && std::equal(b.levels.begin(), b.levels.end(), out.levels.begin());
  if (a.type == VarType::ordered && out.levels.size() > a.levels.size() && !told)
    throw DataError("column '" + a.name + "': level '" + out.levels[a.levels.size()] + "' is new, and nothing tells its place in the table's order");
  return out;
}

std::vector<std::int32_t> code_map(const Variable& from, const Variable& to) {
  std::unordered_map<std::string, std::int32_t> places;
  for (std::size_t i = 0; i < to.levels.size(); ++i) places.emplace(to.levels[i], static_cast<std::int32_t>(i));
  std::vector<std::int32_t> codes;
  for (auto const& level : from.levels) codes.push_back(places.at(level));
  return codes;
}

bool same_codes(const std::vector<std::int32_t>& codes) {
  for (std::size_t i = 0; i < codes.size(); ++i)
    if (codes[i] != static_cast<std::int32_t>(i)) return false;
  return true;
}

template <class T>
void fill_integers(const Column& in, std::int64_t rows, const std::vector<std::int32_t>& codes, const Column& target, std::byte* out) {
  auto* values = reinterpret_cast<T*>(out);
  for (std::int64_t i = 0; i < rows; ++i) {
    auto const raw = in.integer(i);
    values[i] = static_cast<T>(raw == in.missing ? target.missing : codes.empty() ? raw : codes[static_cast<std::size_t>(raw)]);
  }
}

template <class T>
void fill_floating(const Column& in, std::int64_t rows, std::byte* out) {
  std::vector<double> values(static_cast<std::size_t>(rows));
  load_values(in, 0, rows, values.data());
  if (in.storage == Storage::float32)  // whose only mark of missing is NaN
    for (auto& x : values) x = x == x ? x : na_value();
  std::copy(values.begin(), values.end(), reinterpret_cast<T*>(out));
}

void fill_text(const Column& in, std::int64_t rows, int width, std::byte* out) {
  for (std::int64_t i = 0; i < rows; ++i)
    std::memcpy(out + i * width, static_cast<const char*>(in.data) + i * in.stride, static_cast<std::size_t>(in.text_width));
}

/// `in`'s rows in the storage and codes of `variable`.
Column converted(const Column& in, std::int64_t rows, const Variable& variable, const std::vector<std::int32_t>& codes,
                 std::vector<std::byte>& buffer) {
  buffer.assign(static_cast<std::size_t>(rows * variable.value_bytes()), std::byte{0});
  auto const target = column_of(variable, buffer.data());
  switch (variable.storage) {
    case Storage::int8: fill_integers<std::int8_t>(in, rows, codes, target, buffer.data()); break;
    case Storage::int16: fill_integers<std::int16_t>(in, rows, codes, target, buffer.data()); break;
    case Storage::uint16: fill_integers<std::uint16_t>(in, rows, codes, target, buffer.data()); break;
    case Storage::int32: fill_integers<std::int32_t>(in, rows, codes, target, buffer.data()); break;
    case Storage::int64: fill_integers<std::int64_t>(in, rows, codes, target, buffer.data()); break;
    case Storage::float32: fill_floating<float>(in, rows, buffer.data()); break;
    case Storage::float64: fill_floating<double>(in, rows, buffer.data()); break;
    case Storage::text: fill_text(in, rows, variable.text_width, buffer.data()); break;
  }
  return target;
}

}  // namespace

RowsAfterRows::RowsAfterRows(const ChunkSource& first, const ChunkSource& second, const std::vector<int>& second_columns, bool both_sides)
    : sides_{&first, &second}, chunks_before_(both_sides ? first.grid().chunks() : 0) {
  for (int c : second_columns)
    if (auto const& name = second.schema()[static_cast<std::size_t>(c)].name; first.schema().find(name) < 0)
      throw DataError("column '" + name + "' is not in the table that rows are appended to");
  for (std::size_t i = 0; i < first.schema().size(); ++i) {
    auto const& mine = first.schema()[i];
    auto const at = std::find_if(second_columns.begin(), second_columns.end(),
                                 [&](int c) { return second.schema()[static_cast<std::size_t>(c)].name == mine.name; });
    if (at == second_columns.end()) throw DataError("column '" + mine.name + "' of the table is not in what is appended");
    auto const& theirs = second.schema()[static_cast<std::size_t>(*at)];
    auto const both = common(mine, theirs);
    std::array<std::pair<int, const Variable*>, 2> const columns{{{static_cast<int>(i), &mine}, {*at, &theirs}}};
    for (std::size_t side = 0; side < 2; ++side) {
      auto const& [position, variable] = columns[side];
      Mapping mapping{position, same_layout(*variable, both), {}};
      if (both.coded()) {
        mapping.codes = code_map(*variable, both);
        mapping.as_it_is = mapping.as_it_is && same_codes(mapping.codes);
      }
      mappings_[side].push_back(std::move(mapping));
    }
    schema_.variables.push_back(both);
  }
  std::vector<std::int64_t> rows;
  for (std::int64_t c = 0; c < chunks_before_; ++c) rows.push_back(first.grid().rows(c));
  for (std::int64_t c = 0; c < second.grid().chunks(); ++c) rows.push_back(second.grid().rows(c));
  grid_ = Grid(std::move(rows));
}

void RowsAfterRows::read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const {
  auto& scratch = scratch_of(out);
  std::size_t const side = chunk < chunks_before_ ? 0 : 1;
  std::vector<int> wanted;
  for (int c : columns) wanted.push_back(mappings_[side][static_cast<std::size_t>(c)].column);
  auto& inner = scratch.inner[side];
  sides_[side]->read(side == 0 ? chunk : chunk - chunks_before_, wanted, inner);
  out.index = chunk;
  out.first_row = grid_.first(chunk);
  out.rows = inner.rows;
  out.columns = inner.columns;
  scratch.buffers.resize(columns.size());
  for (std::size_t k = 0; k < columns.size(); ++k) {
    auto const c = static_cast<std::size_t>(columns[k]);
    auto const& mapping = mappings_[side][c];
    if (!mapping.as_it_is) out.columns[k] = converted(inner.columns[k], inner.rows, schema_[c], mapping.codes, scratch.buffers[k]);
  }
}

ColumnsBesideColumns::ColumnsBesideColumns(const ChunkSource& left, const ChunkSource& right, std::vector<Place> places)
    : sides_{&left, &right}, places_(std::move(places)) {
  if (left.grid().total() != right.grid().total())
    throw DataError("columns of " + std::to_string(right.grid().total()) + " rows cannot be appended to a table of " +
                    std::to_string(left.grid().total()));
  for (auto const& place : places_)
    schema_.variables.push_back(sides_[static_cast<std::size_t>(place.side)]->schema()[static_cast<std::size_t>(place.column)]);
}

void ColumnsBesideColumns::read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const {
  auto& scratch = scratch_of(out);
  out.index = chunk;
  out.first_row = grid().first(chunk);
  out.rows = grid().rows(chunk);
  out.columns.resize(columns.size());
  for (int side = 0; side < 2; ++side) {
    std::vector<int> wanted;
    std::vector<std::size_t> targets;
    for (std::size_t k = 0; k < columns.size(); ++k) {
      auto const& place = places_[static_cast<std::size_t>(columns[k])];
      if (place.side != side) continue;
      wanted.push_back(place.column);
      targets.push_back(k);
    }
    auto& inner = scratch.inner[static_cast<std::size_t>(side)];
    if (wanted.empty()) continue;
    sides_[static_cast<std::size_t>(side)]->read(chunk, wanted, inner);
    for (std::size_t k = 0; k < targets.size(); ++k) out.columns[targets[k]] = inner.columns[k];
  }
}

}  // namespace rxhpc::app
