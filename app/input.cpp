#include "input.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <sys/stat.h>

#include "rxhpc/errors.hpp"
#include "rxhpc/moments.hpp"
#include "rxhpc/no_rows.hpp"
#include "rxhpc/table.hpp"

namespace rxhpc::app {
namespace {

std::string reason(int error) {
  std::string text = std::strerror(error);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

bool looks_like_table(const std::string& path) {
  if (is_table(path)) return true;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw DataError(path + ": " + reason(errno));
  if (S_ISDIR(status.st_mode)) throw DataError(path + ": a directory that holds no table");
  return false;
}

char delimiter_of(const std::string& text) {
  if (text.empty()) return 0;
  if (text == "tab" || text == "\\t") return '\t';
  if (text == "comma") return ',';
  if (text == "semicolon") return ';';
  if (text == "bar") return '|';
  if (text.size() != 1 || text == "\"" || text == "\n" || text == "\r")
    throw UsageError("--delimiter: '" + text + "' is not one character or tab");
  return text[0];
}

void add_column_classes(const Arguments& args, std::map<std::string, ColumnInfo>& columns) {
  for (auto const& text : args.texts("col-classes"))
    for (auto const& part : split_list(text)) {
      // The name may hold '=' inside backquotes.
      auto const close = part[0] == '`' ? part.find('`', 1) : 0;
      auto const equals = part.find('=', close == std::string::npos ? 0 : close);
      if (equals == std::string::npos || equals == 0) throw UsageError("--col-classes: '" + part + "' is not of the form column=type");
      auto& info = columns[unquoted(part.substr(0, equals))];
      try {
        if (!info.type) info.type = var_type(part.substr(equals + 1));
      } catch (const UsageError& e) {
        throw UsageError(std::string("--col-classes: ") + e.what());
      }
    }
}

}  // namespace

ZoneFunction zone_function() {
  return [](const Variable& variable, const Column& column, std::int64_t rows, std::vector<std::int64_t>& level_counts) {
    if (!variable.coded()) return moments_of(column, rows);
    level_counts.assign(variable.levels.size(), 0);
    ZoneMoments zone;
    zone.missing = level_counts_of(column, rows, level_counts);
    zone.n = rows - zone.missing;
    return zone;
  };
}

bool input_is_table(const std::string& path, Communicator& comm) {
  std::int64_t answer = 0;
  together(comm, [&] {
    if (comm.rank() == 0) answer = looks_like_table(path);
  });
  comm.all_sum(std::span(&answer, 1));
  return answer != 0;
}

TextOptions text_options(const Session& session) {
  auto const& args = session.args;
  TextOptions options;
  options.delimiter = delimiter_of(args.text("delimiter"));
  options.first_row_is_names = args.flag("first-row-is-col-names", true);
  if (args.given("missing-value-string")) options.missing_strings = args.texts("missing-value-string");
  if (args.given("col-info")) options.columns = read_column_info(args.text("col-info"));
  add_column_classes(args, options.columns);
  options.default_decimal = var_type(args.text("default-decimal-col-type", "numeric"));
  options.sort_levels = args.flag("sort-levels");
  options.chunk_rows = args.integer("rows-per-read", default_chunk_rows);
  options.rows_to_skip = args.integer("rows-to-skip", 0);
  options.threads = session.threads;
  options.memory_limit = session.run.memory_limit;
  return options;
}

std::unique_ptr<ChunkSource> open_text_input(Session& session, const std::string& path, const TextOptions& options) {
  return open_text(path, options, zone_function(), session.comm);
}

std::unique_ptr<ChunkSource> open_input(Session& session, const std::string& path, const std::map<std::string, VarType>& usual_types) {
  if (!input_is_table(path, session.comm)) {
    TextOptions options;
    together(session.comm, [&] { options = text_options(session); });
    options.usual_types = usual_types;
    return open_text_input(session, path, options);
  }
  for (auto option : {"col-info", "col-classes", "missing-value-string", "sort-levels", "delimiter", "first-row-is-col-names",
                      "default-decimal-col-type", "rows-to-skip"})
    if (session.args.given(option)) warn(session, std::string("--") + option + " says nothing about " + path + ", which is a table");
  return open_table(path, session.comm);
}

RowOptions row_options(const Arguments& args) {
  RowOptions rows;
  rows.transforms = args.texts("transform");
  rows.row_selection = args.text("row-selection");
  return rows;
}

char delimiter_of_output(const std::string& path) {
  auto const stem = path.ends_with(".gz") ? path.substr(0, path.size() - 3) : path;
  return stem.ends_with(".tsv") ? '\t' : ',';
}

std::unique_ptr<ChunkSink> create_output(Session& session, const std::string& path, const Schema& schema, const Grid& grid, bool overwrite) {
  auto const& args = session.args;
  if (is_text_name(path)) {
    for (auto option : {"codec", "rows-per-part"})
      if (args.given(option)) warn(session, std::string("--") + option + " says nothing about " + path + ", which is text");
    TextOutputOptions options;
    options.delimiter = delimiter_of_output(path);
    options.overwrite = overwrite;
    return create_text(path, schema, grid, options, session.comm);
  }
  TableOptions options;
  options.codec = codec_of(args.text("codec", "none"));
  options.overwrite = overwrite;
  options.rows_per_part = args.integer("rows-per-part", 0);
  return create_table(path, schema, grid, options, zone_function(), session.comm);
}

void refuse_existing(Session& session, const std::string& path) {
  if (session.args.flag("overwrite")) return;
  together(session.comm, [&] {
    if (session.root() && std::filesystem::exists(std::filesystem::symlink_status(path)))
      throw DataError(path + ": exists already; --overwrite replaces it");
  });
}

std::vector<int> kept_columns(const Session& session, const Schema& schema, const std::vector<std::string>& always) {
  auto const keep = session.args.list("vars-to-keep"), drop = session.args.list("vars-to-drop");
  if (!keep.empty() && !drop.empty()) throw UsageError("--vars-to-keep and --vars-to-drop exclude one another");
  auto const is_in = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (auto const* names : {&keep, &drop})
    for (auto const& name : *names) schema.at(name);
  std::vector<int> columns;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    auto const& name = schema[i].name;
    if (keep.empty() ? !is_in(drop, name) : is_in(keep, name) || is_in(always, name)) columns.push_back(static_cast<int>(i));
  }
  if (columns.empty()) throw UsageError("no column is left to write");
  return columns;
}

void warn(const Session& session, const std::string& message) {
  if (session.root() && !session.args.flag("quiet"))
    std::fprintf(stderr, "rxhpc %s: warning: %s\n", std::string(session.args.verb().name).c_str(), message.c_str());
}

void warn_without_rows(const Session& session, std::int64_t valid) {
  if (valid == 0) warn(session, no_complete_row);
}

}  // namespace rxhpc::app
