// Rows of a source written to OUTPUT: what import, export and datastep share.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "input.hpp"
#include "rxhpc/row_source.hpp"
#include "session.hpp"

namespace rxhpc::app {

/// Chunk length of a grid: that of its first chunk where there are several, else the default or longer.
std::int64_t chunk_length(const Grid& grid);

using MakeSink = std::function<std::unique_ptr<ChunkSink>(const Schema&, const Grid&)>;

/// Collective. Writes those columns of `rows`, re-cut to chunks of `length` rows where rows are selected or the grid is another. Returns
/// the rows written.
std::int64_t write_rows(Session& session, const ChunkSource& rows, bool selected, const std::vector<int>& columns, std::int64_t length,
                        const MakeSink& make_sink, Timing& timing);

/// Names that transforms give to columns which `base` does not have.
std::vector<std::string> new_names(const Schema& base, const RowOptions& options);

}  // namespace rxhpc::app
