// Where rows come from and where they go.
#pragma once
#include <cstdint>
#include <functional>
#include <span>

#include "rxhpc/chunk.hpp"
#include "rxhpc/schema.hpp"
#include "rxhpc/zone_map.hpp"

namespace rxhpc {

/// Rows of the pieces in which a source hands on a chunk; a multiple of every accumulator's tile, so that pieces give the bits of the whole.
constexpr std::int64_t piece_rows = 2048;

/// Takes rows [first, first + rows) of the chunk that is being read.
using PieceFunction = std::function<void(std::int64_t first, std::int64_t rows)>;

/// A table that can be read chunk by chunk: files, the caller's Views, or a decorator over another source.
/// Knows no rank and owns no thread.
class ChunkSource {
 public:
  virtual ~ChunkSource() = default;
  virtual const Schema& schema() const = 0;
  virtual const Grid& grid() const = 0;
  /// Fills `out` with those columns (positions in the schema) of one chunk. Called from several threads at once, each with a
  /// chunk of its own; `out`'s views stay valid until the next read into it. Throws DataError for damaged bytes.
  virtual void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const = 0;
  /// The same for whoever does not mind damaged bytes, since others look at them before an answer is given: values may be anything where bytes are damaged.
  virtual void read_unchecked(std::int64_t chunk, std::span<const int> columns, Chunk& out) const { read(chunk, columns, out); }
  /// As read, handing the rows on piece by piece while they are in cache. `out` is filled before the first piece; of its rows, those
  /// of the pieces handed on may be looked at. Pieces follow one another from row 0 and have a multiple of piece_rows rows, but for
  /// the last; a piece at row 0 that comes again starts the chunk anew. What was made of the pieces counts once this has returned:
  /// damage may be noticed as late as that.
  virtual void read_pieces(std::int64_t chunk, std::span<const int> columns, Chunk& out, const PieceFunction& use) const {
    read(chunk, columns, out);
    use(0, out.rows);
  }
  /// False: every rank can read every chunk of one grid. True: grid() and read() speak of this rank's own rows alone (Views of a
  /// simulation); sweep then lays the ranks' chunks end to end in rank order. Decorators hand on what the source below says.
  virtual bool local() const { return false; }
  /// True where a chunk's columns cost as much read one at a time as together: nothing is decoded, parsed or selected for all of them.
  virtual bool columns_apart() const { return false; }
  /// Null where it is not known (Views, selections, foreign files).
  virtual const ZoneMap* zone_map() const { return nullptr; }
  /// Stored bytes of these columns of one chunk, for the run log; 0 where unknown.
  virtual std::int64_t stored_bytes(std::int64_t chunk, std::span<const int> columns) const { (void)chunk; (void)columns; return 0; }
  /// Anonymous memory that a Chunk holds once these columns have been read into it, at most; 0 where rows are used in place. What is
  /// read under a memory limit is read by no more threads than have room for it.
  virtual std::int64_t held_bytes(std::span<const int> columns) const { (void)columns; return 0; }
  /// Says that the chunk will be read soon (read-ahead); may do nothing.
  virtual void prefetch(std::int64_t chunk, std::span<const int> columns) const { (void)chunk; (void)columns; }
};

/// A table being written. Its schema and grid are known when it is made.
class ChunkSink {
 public:
  virtual ~ChunkSink() = default;
  /// All columns of one whole chunk of the sink's grid (out.index says which). From several threads, in any order within this
  /// rank's contiguous run of chunks. Encodes here; bytes go to the writing rank in `exchange`.
  virtual void write(const Chunk& chunk) = 0;
  /// Collective, failing on all or on none: hands what was encoded to the rank that writes. Called equally often by every rank, last by `finish`.
  virtual void exchange() = 0;
  /// Collective: completes the table and gives it its name. Without it nothing is left behind.
  virtual void finish() = 0;
};

}  // namespace rxhpc
