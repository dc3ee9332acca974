// Groups of other programs' HDF5 files as tables.
#pragma once
#include <memory>
#include <string>

#include "rxhpc/chunk_source.hpp"
#include "rxhpc/communicator.hpp"

namespace rxhpc::impl {

/// Collective. The 1-D data sets of equal length in a group (empty: /data, or the root). Throws DataError.
std::unique_ptr<ChunkSource> open_foreign(const std::string& file, const std::string& group, Communicator& comm);

}  // namespace rxhpc::impl
