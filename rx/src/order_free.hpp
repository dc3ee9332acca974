// One pass into states whose rows may come in any order: one state a thread for all its chunks, no tree.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "chunk_loop.hpp"

namespace rxhpc::impl {

/// Collective. Folds this rank's chunks; what the ranks have is the caller's to bring together. A: copyable, `update(chunk)`,
/// `add(other)`, exact in both, so that neither the order of rows nor the threads show.
template <class A>
A fold_rank(const ChunkSource& source, std::span<const int> columns, const A& fresh, const RunOptions& options, Communicator& comm, Timing* timing) {
  auto const range = chunk_range(source, comm);
  std::vector<std::shared_ptr<A>> states;
  together(comm, [&] {
    std::vector<ChunkWork> works;
    for (int t = 0; t < thread_count(options, range.last - range.first); ++t) {
      states.push_back(std::make_shared<A>(fresh));
      works.emplace_back([state = states.back()](ChunkReader& reader) { state->update(reader.whole()); });
    }
    ChunkLoop loop(source, columns, range, options, std::move(works), timing);
    loop.run(range.first, range.last);
    loop.finish();
    for (std::size_t t = 1; t < states.size(); ++t) {
      states[0]->add(*states[t]);
      states[t].reset();
    }
  });
  return std::move(*states[0]);
}

}  // namespace rxhpc::impl
