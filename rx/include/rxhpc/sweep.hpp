// One pass over the rows: the only place where accumulators, chunks and ranks meet.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "rxhpc/accumulator.hpp"
#include "rxhpc/chunk_source.hpp"
#include "rxhpc/communicator.hpp"

namespace rxhpc {

/// Called after chunks are done, on this rank, from any of its threads but never twice at once.
struct Progress {
  std::int64_t rows_done = 0, rows_total = 0;  ///< of this rank, in this pass
  std::int64_t bytes_read = 0;
  int pass = 1;
};
using ProgressFunction = std::function<void(const Progress&)>;

/// Where the time went, summed over passes. Seconds of wall clock; read and compute are the threads' mean.
struct Timing {
  double read_s = 0, compute_s = 0, merge_s = 0;
  std::int64_t rows = 0;  ///< rows read by this rank, counted again in every pass
  std::int64_t bytes = 0;
  int passes = 0;
};

struct RunOptions {
  int threads = 0;                  ///< 0: all that Kokkos was started with
  std::int64_t memory_limit = 0;    ///< bytes of each rank, the same on all; 0: no limit
  ProgressFunction progress = {};
  std::function<bool()> stop_requested = {};  ///< polled between chunks; true: InterruptedError on every rank
};

class InterruptedError : public Error {
 public:
  InterruptedError() : Error(ErrorKind::other, "interrupted") {}
};

/// The chunks, in the source's own numbers, that are this rank's: a contiguous share, all of them where the source is local. Not collective.
Share rank_chunks(const ChunkSource& source, const Communicator& comm);

namespace impl {

/// What one thread of a sweep does with a chunk; made once a thread. begin, then the rows in pieces (of each column by itself, or of all
/// together), each followed by its end, then finish. A piece at row 0 that comes again starts that column, or the chunk, anew.
struct ChunkFolder {
  virtual ~ChunkFolder() = default;
  virtual void begin() = 0;
  virtual void add_column(const Chunk& chunk, int position, std::int64_t first, std::int64_t rows) = 0;
  virtual void end_column(const Chunk& chunk, int position) = 0;
  virtual void add(const Chunk& chunk, std::int64_t first, std::int64_t rows) = 0;
  virtual void end(const Chunk& chunk) = 0;
  virtual void finish(std::vector<double>& packed) = 0;  ///< the packed state of that chunk alone
};

/// `columnwise`: whether folders take columns one by one.
std::vector<double> sweep_packed(const ChunkSource& source, std::span<const int> columns, bool columnwise,
                                 const std::function<std::unique_ptr<ChunkFolder>()>& make_folder,
                                 const std::function<void(std::span<double>, std::span<double const>)>& merge, std::vector<double> fresh,
                                 const RunOptions& options, Communicator& comm, Timing* timing);

template <class A>
struct Folder final : ChunkFolder {
  A state;
  explicit Folder(const A& fresh) : state(fresh) {}
  void begin() override { state.reset(); }
  void add_column([[maybe_unused]] const Chunk& chunk, [[maybe_unused]] int position, [[maybe_unused]] std::int64_t first,
                  [[maybe_unused]] std::int64_t rows) override {
    if constexpr (ColumnwiseAccumulator<A>) state.update_column(chunk, position, first, rows);
  }
  void end_column([[maybe_unused]] const Chunk& chunk, [[maybe_unused]] int position) override {
    if constexpr (ColumnwiseAccumulator<A>) state.finish_column(chunk, position);
  }
  void add([[maybe_unused]] const Chunk& chunk, [[maybe_unused]] std::int64_t first, [[maybe_unused]] std::int64_t rows) override {
    if constexpr (PiecewiseAccumulator<A>) {
      if (first == 0) state.reset();
      state.update_rows(chunk, first, rows);
    }
  }
  void end(const Chunk& chunk) override {
    if constexpr (PiecewiseAccumulator<A>) state.finish_rows(chunk);
    else state.update(chunk);
  }
  void finish(std::vector<double>& packed) override {
    packed.resize(state.packed_size());
    state.pack(packed);
  }
};

}  // namespace impl

/// Collective. Folds these columns of all chunks into `fresh`'s kind of state: one thread takes a whole chunk (read, decode, update),
/// threads take chunks dynamically, chunk states merge along the canonical tree (merge_tree.hpp): the bits do not depend on ranks or
/// threads. Where the state takes pieces, a chunk's rows are read and added piece by piece, each while it is in cache; where it is
/// columnwise and the source reads columns apart, one column after another. Every rank returns the same state. A failure on any rank is thrown on all.
template <Accumulator A>
A sweep(const ChunkSource& source, std::span<const int> columns, const A& fresh, const RunOptions& options, Communicator& comm,
        Timing* timing = nullptr) {
  std::vector<double> packed(fresh.packed_size());
  fresh.pack(packed);
  A result = fresh;
  result.unpack(impl::sweep_packed(
      source, columns, ColumnwiseAccumulator<A>, [&] { return std::make_unique<impl::Folder<A>>(fresh); },
      [&](std::span<double> into, std::span<double const> from) { fresh.merge(into, from); }, std::move(packed), options, comm, timing));
  return result;
}

/// Turns rows [first, first + rows) of a chunk into the same rows of `out`, which is kept from piece to piece: a piece at 0 begins a
/// chunk (again, where its bytes had to be read once more), after the last one `out` has its columns.
using RowBody = std::function<void(const Chunk& in, std::int64_t first, std::int64_t rows, Chunk& out)>;

/// Collective. One pass that writes rows: `make_body` is called once a thread and gives a function that turns a chunk of `source`
/// into the sink's chunk of the same index, piece by piece while each is in cache. Chunks go to the sink in rounds, so that a rank
/// holds a bounded number of them.
void map_rows(const ChunkSource& source, std::span<const int> columns, ChunkSink& sink, const std::function<RowBody()>& make_body,
              const RunOptions& options, Communicator& comm, Timing* timing = nullptr);

/// Collective. Rows that each chunk of the source really has (fewer than its grid's where rows are selected).
std::vector<std::int64_t> count_rows(const ChunkSource& source, const RunOptions& options, Communicator& comm, Timing* timing = nullptr);

}  // namespace rxhpc
