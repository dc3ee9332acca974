#include <algorithm>

#include "chunk_loop.hpp"

namespace rxhpc {
namespace {

constexpr int chunks_a_thread_and_round = 4;

}  // namespace

void map_rows(const ChunkSource& source, std::span<const int> columns, ChunkSink& sink, const std::function<RowBody()>& make_body,
              const RunOptions& options, Communicator& comm, Timing* timing) {
  auto const range = impl::chunk_range(source, comm);
  std::int64_t const mine = range.last - range.first;
  int threads = 1;
  together(comm, [&] { threads = impl::thread_count(options, mine, source.held_bytes(columns)); });
  std::int64_t const each = std::int64_t{chunks_a_thread_and_round} * threads;
  std::int64_t const rounds = all_max(comm, (mine + each - 1) / each);

  std::unique_ptr<impl::ChunkLoop> loop;
  together(comm, [&] {
    std::vector<impl::ChunkWork> works;
    for (int t = 0; t < threads; ++t)
      works.emplace_back([&sink, body = make_body(), out = std::make_shared<Chunk>()](impl::ChunkReader& reader) {
        auto const& in = reader.pieces([&](const Chunk& chunk, std::int64_t first, std::int64_t rows) {
          out->rows = chunk.rows;
          body(chunk, first, rows, *out);
        });
        out->index = in.index;
        out->first_row = in.first_row;
        sink.write(*out);
      });
    loop = std::make_unique<impl::ChunkLoop>(source, columns, range, options, std::move(works), timing);
  });
  for (std::int64_t round = 0; round < rounds; ++round) {
    std::int64_t const first = std::min(range.last, range.first + round * each);
    together(comm, [&] { loop->run(first, std::min(range.last, first + each)); });
    together(comm, [&] { sink.exchange(); });
  }
  loop->finish();
}

std::vector<std::int64_t> count_rows(const ChunkSource& source, const RunOptions& options, Communicator& comm, Timing* timing) {
  auto const range = impl::chunk_range(source, comm);
  std::vector<std::int64_t> rows(static_cast<std::size_t>(range.total), 0);
  together(comm, [&] {
    int const threads = impl::thread_count(options, range.last - range.first, source.held_bytes({}));
    auto const count = [&rows](impl::ChunkReader& reader) { rows[static_cast<std::size_t>(reader.index())] = reader.whole().rows; };
    impl::ChunkLoop loop(source, {}, range, options, std::vector<impl::ChunkWork>(static_cast<std::size_t>(threads), count), timing);
    loop.run(range.first, range.last);
    loop.finish();
  });
  comm.all_sum(rows);
  return rows;
}

}  // namespace rxhpc
