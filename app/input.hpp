// INPUT and OUTPUT as the contract names them, told apart by content and by name.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "rxhpc/chunk_source.hpp"
#include "rxhpc/row_source.hpp"
#include "rxhpc/text.hpp"
#include "session.hpp"

namespace rxhpc::app {

/// Moments and level counts of a chunk, by the summary kernel.
ZoneFunction zone_function();

/// Collective. True where `path` is an HDF5 table, a directory of parts or FILE:/group; throws DataError where nothing is there.
bool input_is_table(const std::string& path, Communicator& comm);

/// The options of the group "Reading text"; throws UsageError and DataError.
TextOptions text_options(const Session& session);

/// Collective. A table, or text with the options of the command line.
/// `usual_types`: of a text's columns whose type the command line does not tell.
std::unique_ptr<ChunkSource> open_input(Session& session, const std::string& path, const std::map<std::string, VarType>& usual_types = {});
std::unique_ptr<ChunkSource> open_text_input(Session& session, const std::string& path, const TextOptions& options);

/// --transform and --row-selection.
RowOptions row_options(const Arguments& args);

/// What stands between the fields of a text OUTPUT of that name.
char delimiter_of_output(const std::string& path);
/// Collective. OUTPUT as text or as a table, by its name.
std::unique_ptr<ChunkSink> create_output(Session& session, const std::string& path, const Schema& schema, const Grid& grid, bool overwrite);
/// Collective. Throws at once where OUTPUT exists and may not be replaced, before any work is done.
void refuse_existing(Session& session, const std::string& path);

/// Positions, in the order of the schema, of the columns that --vars-to-keep and --vars-to-drop leave. `always` names columns that
/// --vars-to-keep need not name.
std::vector<int> kept_columns(const Session& session, const Schema& schema, const std::vector<std::string>& always = {});

/// One line on standard error, by rank 0, unless --quiet.
void warn(const Session& session, const std::string& message);
/// Where a table of counts has no row: it stands, but whoever reads zeros is told why.
void warn_without_rows(const Session& session, std::int64_t valid);

}  // namespace rxhpc::app
