// Adding rows or columns to a table that exists: it is written anew with them and renamed.
#pragma once
#include <string>

#include "rxhpc/row_source.hpp"
#include "session.hpp"

namespace rxhpc::app {

/// Collective. True where something is at that path already.
bool output_exists(Session& session, const std::string& path);

/// Collective. INPUT's rows, after transforms and selection, written to OUTPUT. Returns the rows written.
std::int64_t copy_table(Session& session, const std::string& input, const RowOptions& rows, const std::string& output, Timing& timing,
                        std::size_t& columns);

/// Collective. OUTPUT's rows, then INPUT's. Columns are matched by name; types are widened and levels added where INPUT needs it.
/// Returns the rows that OUTPUT then has.
std::int64_t append_rows(Session& session, const std::string& input, const RowOptions& rows, const std::string& output, Timing& timing,
                         std::size_t& columns);

/// Collective. The same with a table of rows as they are.
std::int64_t append_table(Session& session, const std::string& path, const std::string& output, Timing& timing, std::size_t& columns);

/// Collective. OUTPUT's columns, then INPUT's, row for row; a name of both is replaced with --overwrite.
std::int64_t append_columns(Session& session, const std::string& input, const RowOptions& rows, const std::string& output, Timing& timing,
                            std::size_t& columns);

}  // namespace rxhpc::app
