// Threads take chunks: the engine under sweep, map_rows and count_rows.
#pragma once
#include <functional>
#include <mutex>
#include <span>
#include <vector>

#include "rxhpc/dd_matrix.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc::impl {

/// This rank's chunks [first, last) in the source's numbers and where they stand among all ranks' chunks.
struct ChunkRange {
  std::int64_t first = 0, last = 0;
  std::int64_t offset = 0;      ///< global number = number in the source + offset (not 0 only for local sources)
  std::int64_t row_offset = 0;
  std::int64_t total = 0;       ///< chunks of all ranks
};

/// Collective. Shared sources: a contiguous share each; local sources: each rank its own, in rank order.
ChunkRange chunk_range(const ChunkSource& source, Communicator& comm);

/// Threads that a pass uses for that many chunks: at least 1, never more than the host space has, nor than fit under the memory limit
/// where each holds `held` bytes of rows. Throws UsageError where not even one fits.
int thread_count(const RunOptions& options, std::int64_t chunks, std::int64_t held);

/// work(thread) on each of so many threads of the host space at once. Throws what the first of them threw.
void on_threads(int threads, const std::function<void(int)>& work);

/// The threads of a pass over many chunks, for work of another kind.
Workers workers_of(const RunOptions& options);

/// Takes rows of a chunk while they are in cache (ChunkSource::read_pieces).
using UsePiece = std::function<void(const Chunk& chunk, std::int64_t first, std::int64_t rows)>;

/// One chunk as a work takes it: whole, in pieces, or column after column in pieces. Returns the whole chunk.
class ChunkReader {
 public:
  ChunkReader(const ChunkSource& source, std::span<const int> columns, const ChunkRange& range, Chunk& buffer)
      : source_(source), columns_(columns), range_(range), chunk_(buffer) {}
  void turn_to(std::int64_t chunk) { at_ = chunk; }  ///< in the source's numbers
  std::int64_t index() const { return at_ + range_.offset; }
  const Chunk& whole() { return read(columns_); }
  const Chunk& column(int position) { return read(columns_.subspan(static_cast<std::size_t>(position), 1)); }  ///< that one alone
  const Chunk& pieces(const UsePiece& use) { return read_pieces(columns_, use); }
  const Chunk& column(int position, const UsePiece& use) { return read_pieces(columns_.subspan(static_cast<std::size_t>(position), 1), use); }
  double read_s() const { return read_s_; }

 private:
  const Chunk& read(std::span<const int> columns);
  const Chunk& read_pieces(std::span<const int> columns, const UsePiece& use);
  void place();

  const ChunkSource& source_;
  std::span<const int> columns_;
  const ChunkRange& range_;
  Chunk& chunk_;
  std::int64_t at_ = 0;
  double read_s_ = 0;
};

/// Reads its chunk by either way and uses it before it reads again: the views of one reading end with the next.
using ChunkWork = std::function<void(ChunkReader&)>;

class ChunkLoop {
 public:
  /// One work a thread. `source`, `options` and `timing` (may be null) outlive the loop.
  ChunkLoop(const ChunkSource& source, std::span<const int> columns, const ChunkRange& range, const RunOptions& options,
            std::vector<ChunkWork> works, Timing* timing);

  /// Reads chunks [first, last) of the source and hands each, with its global number, to a thread's work. Throws the failure of the
  /// lowest failing chunk; the others stop at their next chunk.
  void run(std::int64_t first, std::int64_t last);
  /// Adds this pass to the timing and reports progress a last time.
  void finish();

 private:
  struct Shared;
  void work_of_thread(int thread, Shared& shared);

  const ChunkSource& source_;
  std::vector<int> columns_;
  ChunkRange range_;
  const RunOptions& options_;
  std::vector<ChunkWork> works_;
  std::vector<Chunk> chunks_;  // one a thread, kept between runs for its buffers
  Timing* timing_;
  Timing spent_;               // read_s and compute_s summed over threads
  std::mutex report_mutex_;
  double next_report_ = 0;
  Progress progress_;
};

}  // namespace rxhpc::impl
