// HDF5 tables: one dataset a column, readable with h5py, pandas and h5dump as they are. The format: docs/file-format.md.
#pragma once
#include <memory>
#include <string>

#include "rxhpc/chunk_source.hpp"
#include "rxhpc/communicator.hpp"

namespace rxhpc {

/// none: narrow types only · fast: shuffle + LZ4 (32004) · portable: shuffle + deflate · small: shuffle + zstd (32015)
enum class Codec { none, fast, portable, small };
Codec codec_of(std::string_view spelling);  ///< throws UsageError
const char* to_string(Codec codec);

/// Starts HDF5, which takes half a millisecond that would else be spent when the first table is opened.
void start_hdf5();

/// Collective. An rxhpc table (a file, or a directory of parts), or the group of a foreign HDF5 file (`FILE.h5:/group`, 1-D datasets
/// of equal length). Rank 0 reads the metadata and broadcasts them. Throws DataError naming the file and the data set. The zone map's
/// level_counts of a column are empty where they would take more than 64 MiB.
std::unique_ptr<ChunkSource> open_table(const std::string& path, Communicator& comm);
/// True where the path's content is HDF5, names a directory with a manifest, or has the form FILE:/group with an HDF5 FILE.
bool is_table(const std::string& path);

struct TableOptions {
  Codec codec = Codec::none;
  bool overwrite = false;
  std::int64_t rows_per_part = 0;  ///< directories only: a multiple of the chunk length; 0: default
  std::string description = {};
  bool passing = false;            ///< a table that only this job needs: not the output that committed_output speaks of
};

/// Collective. The table that will be called `path` once finished: written beside its place, then renamed; nothing is left where
/// finish is not reached. A path ending in '/' is a directory of parts. `zone` computes each chunk's moments (zone_map.hpp).
/// The same rows and options give the same bytes, whatever the number of ranks and threads. Integer columns should come in the
/// narrowest storage that holds them: see narrowest().
std::unique_ptr<ChunkSink> create_table(const std::string& path, const Schema& schema, const Grid& grid, const TableOptions& options,
                                        const ZoneFunction& zone, Communicator& comm);

/// Collective. Rows that a directory of parts will gain: new parts, then a new manifest; the directory is unchanged until finish.
/// Columns must have the directory's names and types, or other types of numbers, which widen the directory's; the levels of a coded one
/// begin with the directory's.
std::unique_ptr<ChunkSink> append_part(const std::string& directory, const Schema& schema, const Grid& grid, const TableOptions& options,
                                       const ZoneFunction& zone, Communicator& comm);

/// The narrowest integer storage for values low..high of a column of that type (missing code kept free).
Storage narrowest(VarType type, std::int64_t low, std::int64_t high);
/// True where values of the one are those of the other byte for byte: storage, width, missing code and unit. Levels are not looked at.
bool same_layout(const Variable& a, const Variable& b);
/// `in_table` with the type and storage that hold `appended`'s values too: of two types of numbers, the one that the wider storage tells.
/// Throws DataError where types do not go together.
Variable widened(const Variable& in_table, const Variable& appended);
/// The narrowest storage for codes of that many levels.
Storage code_storage(std::size_t levels);

/// Collective-free: writes the bytes beside their place and renames; a device or pipe (/dev/null) is written to. Throws DataError (exists and not
/// overwrite, no space, ...).
void write_whole(const std::string& path, std::string_view bytes, bool overwrite);
/// The whole file; throws DataError.
std::string read_whole(const std::string& path);

/// Removes every unfinished output of this process; safe to call from a signal handler's normal-context follow-up.
void discard_unfinished_outputs() noexcept;

}  // namespace rxhpc
