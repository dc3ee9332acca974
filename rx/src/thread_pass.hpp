// One pass into states of integers: one state a thread instead of one a chunk, since their order cannot matter.
#pragma once
#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "chunk_loop.hpp"

namespace rxhpc::impl {

/// Collective. `make()` gives a thread's state; `use(state, reader)` adds one chunk. Returns the states of this rank's threads, at least
/// one. What ranks have counted is for the caller to add up.
template <class Make, class Use>
auto thread_pass(const ChunkSource& source, std::span<const int> columns, const Make& make, const Use& use, const RunOptions& options,
                 Communicator& comm, Timing* timing) {
  using State = decltype(make());
  std::vector<std::unique_ptr<State>> states;
  auto const range = chunk_range(source, comm);
  together(comm, [&] {
    int const threads = thread_count(options, range.last - range.first, source.held_bytes(columns));
    std::vector<ChunkWork> works;
    for (int t = 0; t < threads; ++t) {
      states.push_back(std::make_unique<State>(make()));
      works.emplace_back([&use, state = states.back().get()](ChunkReader& reader) { use(*state, reader); });
    }
    ChunkLoop loop(source, columns, range, options, std::move(works), timing);
    loop.run(range.first, range.last);
    loop.finish();
  });
  return states;
}

/// The same for states that take rows by pieces, while they are in cache: `use(state, column, chunk, first, rows)`. apart: columns come one by
/// one, alone in the chunk, `column` says which; else together, and it is -1. States that were given rows of a chunk that then began anew (its
/// bytes were not where they should be) cannot be mended: the pass is repeated with whole chunks.
template <class Make, class Use>
auto piece_pass(const ChunkSource& source, std::span<const int> columns, bool apart, const Make& make, const Use& use, const RunOptions& options,
                Communicator& comm, Timing* timing) {
  int const readings = apart ? static_cast<int>(columns.size()) : 1;
  std::atomic<bool> anew = false;
  auto states = thread_pass(
      source, columns, make,
      [&](auto& state, ChunkReader& reader) {
        for (int k = 0; k < readings; ++k) {
          bool begun = false;
          auto const take = [&](const Chunk& chunk, std::int64_t first, std::int64_t rows) {
            if (first == 0 && std::exchange(begun, true)) anew = true;
            if (!anew) use(state, apart ? k : -1, chunk, first, rows);
          };
          apart ? reader.column(k, take) : reader.pieces(take);
        }
      },
      options, comm, timing);
  std::int64_t ranks_anew = anew;
  comm.all_sum({&ranks_anew, 1});
  if (ranks_anew == 0) return states;
  return thread_pass(
      source, columns, make,
      [&](auto& state, ChunkReader& reader) {
        for (int k = 0; k < readings; ++k) {
          auto const& chunk = apart ? reader.column(k) : reader.whole();
          use(state, apart ? k : -1, chunk, 0, chunk.rows);
        }
      },
      options, comm, timing);
}

}  // namespace rxhpc::impl
