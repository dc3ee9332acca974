#include "copy_rows.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>

#include "rxhpc/expression.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc::app {
namespace {

/// Ranges of fewer rows are others: the zone map will know them.
Schema chosen(const Schema& schema, const std::vector<int>& columns, bool selected) {
  Schema out;
  for (int c : columns) {
    auto& v = out.variables.emplace_back(schema[static_cast<std::size_t>(c)]);
    if (selected) v.low = v.high = std::numeric_limits<double>::quiet_NaN();
  }
  return out;
}

bool has_length(const Grid& grid, std::int64_t length) {
  for (std::int64_t c = 0; c < grid.chunks(); ++c)
    if (grid.rows(c) != std::min(length, grid.total() - grid.first(c)) || grid.first(c) != c * length) return false;
  return true;
}

std::vector<std::int64_t> rows_of_each(const Grid& grid) {
  std::vector<std::int64_t> rows;
  for (std::int64_t c = 0; c < grid.chunks(); ++c) rows.push_back(grid.rows(c));
  return rows;
}

}  // namespace

std::int64_t chunk_length(const Grid& grid) {
  if (grid.chunks() > 1) return grid.rows(0);
  return std::max(default_chunk_rows, grid.chunks() == 1 ? grid.rows(0) : 0);
}

std::int64_t write_rows(Session& session, const ChunkSource& rows, bool selected, const std::vector<int>& columns, std::int64_t length,
                        const MakeSink& make_sink, Timing& timing) {
  std::optional<RegriddedSource> cut_anew;
  if (selected)
    cut_anew.emplace(rows, count_rows(rows, session.run, session.comm, &timing), length);
  else if (!has_length(rows.grid(), length))
    cut_anew.emplace(rows, rows_of_each(rows.grid()), length);
  const ChunkSource& source = cut_anew ? static_cast<const ChunkSource&>(*cut_anew) : rows;

  auto const sink = make_sink(chosen(source.schema(), columns, selected), source.grid());
  auto const make_body = []() -> RowBody { return [](const Chunk& in, std::int64_t, std::int64_t, Chunk& out) { out.columns = in.columns; }; };
  map_rows(source, columns, *sink, make_body, session.run, session.comm, &timing);
  sink->finish();
  return source.grid().total();
}

std::vector<std::string> new_names(const Schema& base, const RowOptions& options) {
  std::vector<std::string> names;
  for (auto const& transform : options.transforms) {
    auto const assignment = parse_assignment(transform);
    if (assignment.value && base.find(assignment.name) < 0) names.push_back(assignment.name);
  }
  return names;
}

}  // namespace rxhpc::app
