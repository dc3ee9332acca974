// One pass into states of integers: one state a thread instead of one a chunk, since their order cannot matter.
#pragma once
#include <memory>
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

}  // namespace rxhpc::impl
