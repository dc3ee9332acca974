// Delimited text in and out.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rxhpc/chunk_source.hpp"
#include "rxhpc/communicator.hpp"

namespace rxhpc {

/// What is said about one column beforehand (--col-info, --col-classes).
struct ColumnInfo {
  std::optional<VarType> type;
  std::vector<std::string> levels, new_levels;  ///< values not among `levels` become missing; new_levels renames them
  bool has_levels = false;
  std::string new_name, description;
  std::optional<double> low, high;
};
/// Reads --col-info's JSON object; throws UsageError/DataError that name the column and field.
std::map<std::string, ColumnInfo> read_column_info(const std::string& path);

struct TextOptions {
  char delimiter = 0;                                  ///< 0: sensed among comma, tab, semicolon, bar
  bool first_row_is_names = true;
  std::vector<std::string> missing_strings{"NA"};      ///< an empty unquoted field is always missing
  std::map<std::string, ColumnInfo> columns;           ///< --col-info merged over --col-classes
  std::map<std::string, VarType> usual_types;          ///< by names in the table: of columns, where they are there, whose type `columns` does not tell
  VarType default_decimal = VarType::numeric;
  bool sort_levels = false;
  std::int64_t chunk_rows = default_chunk_rows;
  std::int64_t rows_to_skip = 0;                       ///< lines before the header
  std::vector<std::string> keep, drop;                 ///< columns, by their new names; both empty: all
  int threads = 0;                                     ///< 0: all that Kokkos was started with
  std::int64_t memory_limit = 0;                       ///< bytes; 0: no limit
};

/// Collective. A text file (.csv, .tsv, .txt, also gzipped, told by content) as a table. Reads the whole text once to find rows, types
/// (widened wherever a later row needs it), levels and the zone map; `read` parses the chunk again, so that an analysis of the text has the
/// bits of one of the table imported from it. Throws DataError naming file, line and column.
std::unique_ptr<ChunkSource> open_text(const std::string& path, const TextOptions& options, const ZoneFunction& zone, Communicator& comm);

/// Collective. Text to table. Parses and writes in one pass with types guessed from a sample; where a later row does not fit, the pass goes
/// on to learn all that does not and a second one writes: the table is the same as from open_text. `make_sink` is called with the schema
/// and grid (again for a second pass; the first sink is dropped unfinished). Returns the rows written. `progress(rows, bytes)` may be empty.
std::int64_t import_text(const std::string& path, const TextOptions& options,
                         const std::function<std::unique_ptr<ChunkSink>(const Schema&, const Grid&)>& make_sink, const ZoneFunction& zone,
                         Communicator& comm, const std::function<void(std::int64_t, std::int64_t)>& progress = {});

struct TextOutputOptions {
  char delimiter = ',';   ///< tab for .tsv
  bool overwrite = false;
};
/// Collective. Rows as text (.csv, .tsv, .txt, gzipped where the name ends in .gz): header, shortest numbers that read back as the same
/// doubles, NA, TRUE and FALSE, Inf, NaN, ISO dates, quotes only where needed (contract, "Tables out"). Written whole or not at all.
std::unique_ptr<ChunkSink> create_text(const std::string& path, const Schema& schema, const Grid& grid, const TextOutputOptions& options,
                                       Communicator& comm);
/// True where the name ends in .csv, .tsv or .txt, also with .gz.
bool is_text_name(const std::string& path);

}  // namespace rxhpc
