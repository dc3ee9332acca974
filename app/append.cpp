#include "append.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "appended_source.hpp"
#include "copy_rows.hpp"
#include "input.hpp"
#include "rxhpc/expression.hpp"
#include "rxhpc/table.hpp"

namespace rxhpc::app {
namespace {

/// INPUT with transforms and selection, and which of its columns are written.
struct Rows {
  std::unique_ptr<ChunkSource> base;
  std::unique_ptr<RowSource> source;
  std::vector<int> columns;
};

Rows rows_of(Session& session, std::unique_ptr<ChunkSource> base, const RowOptions& options) {
  Rows rows;
  rows.base = std::move(base);
  together(session.comm, [&] {
    rows.source = std::make_unique<RowSource>(*rows.base, options);
    rows.columns = kept_columns(session, rows.source->schema(), new_names(rows.base->schema(), options));
  });
  return rows;
}

/// Text is read with the types of the table that it goes to, where the command line does not say otherwise. Numbers, and what a transform
/// makes, are found out anew: the types of both are widened to a common one.
std::unique_ptr<ChunkSource> open_like(Session& session, const std::string& input, const RowOptions& rows, const Schema& like) {
  std::map<std::string, VarType> types;
  together(session.comm, [&] {
    for (auto const& v : like.variables)
      if (v.type >= VarType::character) types[v.name] = v.type;
    for (auto const& transform : rows.transforms) types.erase(parse_assignment(transform).name);
  });
  return open_input(session, input, types);
}

/// Collective. The table that grows. Text is what this program writes, however INPUT is to be read; it has no types of its own, so that
/// those which the command line tells (ids that look like numbers) hold for its columns, too.
std::unique_ptr<ChunkSource> open_grown(Session& session, const std::string& output) {
  if (input_is_table(output, session.comm)) return open_table(output, session.comm);
  TextOptions options;
  together(session.comm, [&] {
    auto const input = text_options(session);
    options.delimiter = delimiter_of_output(output);
    options.chunk_rows = input.chunk_rows;
    options.threads = input.threads;
    options.memory_limit = input.memory_limit;
    for (auto const& [name, info] : input.columns)
      if (info.type && *info.type >= VarType::character) options.usual_types[info.new_name.empty() ? name : info.new_name] = *info.type;
  });
  return open_text_input(session, output, options);
}

MakeSink whole_output(Session& session, const std::string& path, bool overwrite) {
  return [&session, path, overwrite](const Schema& schema, const Grid& grid) { return create_output(session, path, schema, grid, overwrite); };
}

/// A directory of parts gains one; any other table is written anew.
MakeSink grown_output(Session& session, const std::string& path, bool directory) {
  if (!directory) return whole_output(session, path, true);
  return [&session, path](const Schema& schema, const Grid& grid) {
    TableOptions options;
    options.codec = codec_of(session.args.text("codec", "none"));
    options.rows_per_part = session.args.integer("rows-per-part", 0);
    return append_part(path, schema, grid, options, zone_function(), session.comm);
  };
}

std::vector<std::int64_t> rows_of_each(const Grid& grid) {
  std::vector<std::int64_t> rows;
  for (std::int64_t c = 0; c < grid.chunks(); ++c) rows.push_back(grid.rows(c));
  return rows;
}

std::vector<int> all_columns(const Schema& schema) {
  std::vector<int> columns(schema.size());
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i] = static_cast<int>(i);
  return columns;
}

}  // namespace

bool output_exists(Session& session, const std::string& path) {
  std::int64_t exists = session.root() && std::filesystem::exists(path);
  session.comm.all_sum(std::span(&exists, 1));
  return exists != 0;
}

std::int64_t copy_table(Session& session, const std::string& input, const RowOptions& options, const std::string& output, Timing& timing,
                        std::size_t& columns) {
  auto const rows = rows_of(session, open_input(session, input), options);
  columns = rows.columns.size();
  auto const length = session.args.integer("rows-per-read", chunk_length(rows.source->grid()));
  return write_rows(session, *rows.source, rows.source->selects_rows(), rows.columns, length,
                    whole_output(session, output, session.args.flag("overwrite")), timing);
}

namespace {

std::int64_t grow(Session& session, const ChunkSource& table, const Rows& rows, const std::string& output, Timing& timing, std::size_t& columns) {
  std::int64_t directory = session.root() && std::filesystem::is_directory(output);
  session.comm.all_sum(std::span(&directory, 1));
  std::unique_ptr<RowsAfterRows> both;
  together(session.comm, [&] {
    try {
      both = std::make_unique<RowsAfterRows>(table, *rows.source, rows.columns, directory == 0);
    } catch (const DataError& e) {
      throw DataError(output + ": " + e.what());
    }
  });
  columns = both->schema().size();
  auto const written = write_rows(session, *both, rows.source->selects_rows(), all_columns(both->schema()), chunk_length(table.grid()),
                                  grown_output(session, output, directory != 0), timing);
  return written + (directory != 0 ? table.grid().total() : 0);
}

}  // namespace

std::int64_t append_rows(Session& session, const std::string& input, const RowOptions& options, const std::string& output, Timing& timing,
                         std::size_t& columns) {
  auto const table = open_grown(session, output);
  return grow(session, *table, rows_of(session, open_like(session, input, options, table->schema()), options), output, timing, columns);
}

std::int64_t append_table(Session& session, const std::string& path, const std::string& output, Timing& timing, std::size_t& columns) {
  auto const table = open_grown(session, output);
  Rows rows;
  rows.base = open_table(path, session.comm);
  together(session.comm, [&] { rows.source = std::make_unique<RowSource>(*rows.base, RowOptions{}); });
  rows.columns = all_columns(rows.base->schema());
  return grow(session, *table, rows, output, timing, columns);
}

std::int64_t append_columns(Session& session, const std::string& input, const RowOptions& options, const std::string& output, Timing& timing,
                            std::size_t& columns) {
  auto const table = open_grown(session, output);
  auto const rows = rows_of(session, open_input(session, input), options);
  auto const length = chunk_length(table->grid());
  auto const counts = rows.source->selects_rows() ? count_rows(*rows.source, session.run, session.comm, &timing)
                                                  : rows_of_each(rows.source->grid());
  RegriddedSource const left(*table, rows_of_each(table->grid()), length), right(*rows.source, counts, length);
  std::unique_ptr<ColumnsBesideColumns> both;
  together(session.comm, [&] {
    std::vector<ColumnsBesideColumns::Place> places;
    for (int c : all_columns(left.schema())) places.push_back({0, c});
    for (int c : rows.columns) {
      auto const& name = right.schema()[static_cast<std::size_t>(c)].name;
      int const there = left.schema().find(name);
      if (there < 0)
        places.push_back({1, c});
      else if (session.args.flag("overwrite"))
        places[static_cast<std::size_t>(there)] = {1, c};
      else
        throw UsageError(output + ": has a column '" + name + "' already; --overwrite replaces it");
    }
    try {
      both = std::make_unique<ColumnsBesideColumns>(left, right, std::move(places));
    } catch (const DataError& e) {
      throw DataError(output + ": " + e.what());
    }
  });
  columns = both->schema().size();
  return write_rows(session, *both, false, all_columns(both->schema()), length, whole_output(session, output, true), timing);
}

}  // namespace rxhpc::app
