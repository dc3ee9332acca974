#include "rxhpc/sweep.hpp"

#include <chrono>
#include <string>

#include "chunk_loop.hpp"
#include "memory_check.hpp"
#include "rxhpc/merge_tree.hpp"

namespace rxhpc::impl {
namespace {

// The error travels by kind and text; the one type beyond the kinds is made again on every rank.
template <class Work>
void pass_together(Communicator& comm, Work&& work) {
  try {
    together(comm, work);
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::other && std::string_view(e.what()) == InterruptedError().what()) throw InterruptedError();
    throw;
  }
}

// One state a thread in its folder and one on its way into the tree, two a level of the tree, a few while ranks merge.
void check_memory(std::int64_t limit, int threads, std::int64_t chunks, std::size_t packed_size) {
  int levels = 0;
  while ((std::int64_t{1} << levels) < chunks) ++levels;
  double const needed = (2.0 * threads + 2.0 * levels + 4.0) * static_cast<double>(packed_size) * sizeof(double);
  require_memory(limit, needed, "partial results");
}

/// The most that one of the columns takes.
std::int64_t most_held(const ChunkSource& source, std::span<const int> columns) {
  std::int64_t most = 0;
  for (std::size_t k = 0; k < columns.size(); ++k) most = std::max(most, source.held_bytes(columns.subspan(k, 1)));
  return most;
}

}  // namespace

std::vector<double> sweep_packed(const ChunkSource& source, std::span<const int> columns, bool columnwise,
                                 const std::function<std::unique_ptr<ChunkFolder>()>& make_folder,
                                 const std::function<void(std::span<double>, std::span<double const>)>& merge, std::vector<double> fresh,
                                 const RunOptions& options, Communicator& comm, Timing* timing) {
  auto const range = chunk_range(source, comm);
  MergeTree tree(range.total, merge);
  pass_together(comm, [&] {
    bool const apart = columnwise && source.columns_apart();
    int const threads = thread_count(options, range.last - range.first, apart ? most_held(source, columns) : source.held_bytes(columns));
    check_memory(options.memory_limit, threads, range.total, fresh.size());
    std::vector<ChunkWork> works;
    for (int t = 0; t < threads; ++t) {
      auto const folder = std::shared_ptr<ChunkFolder>(make_folder());
      int const one_by_one = apart ? static_cast<int>(columns.size()) : 0;
      works.emplace_back([&tree, folder, one_by_one](ChunkReader& reader) {
        folder->begin();
        for (int k = 0; k < one_by_one; ++k) {
          auto const add = [&](const Chunk& chunk, std::int64_t first, std::int64_t rows) { folder->add_column(chunk, k, first, rows); };
          folder->end_column(reader.column(k, add), k);
        }
        auto const add = [&](const Chunk& chunk, std::int64_t first, std::int64_t rows) { folder->add(chunk, first, rows); };
        if (one_by_one == 0) folder->end(reader.pieces(add));
        std::vector<double> packed;
        folder->finish(packed);
        tree.insert(reader.index(), std::move(packed));
      });
    }
    ChunkLoop loop(source, columns, range, options, std::move(works), timing);
    loop.run(range.first, range.last);
    loop.finish();
  });
  auto const begin = std::chrono::steady_clock::now();
  auto root = all_merge(comm, tree, std::move(fresh));
  if (timing) timing->merge_s += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return root;
}

}  // namespace rxhpc::impl
