#include <algorithm>

#include "rxhpc/errors.hpp"
#include "rxhpc/memory_limit.hpp"
#include "rxhpc/text.hpp"
#include "text_table.hpp"
#include "text_threads.hpp"

namespace rxhpc {
namespace {

/// Collective. Chunks that every rank takes in a round, so that what is encoded and not yet written stays bounded: 8 a thread, fewer where
/// that would be more than half of a rank's memory limit.
std::int64_t chunks_a_round(const impl::TextTable& table, std::span<const int> columns, std::int64_t memory_limit, Communicator& comm) {
  std::int64_t chunks = 8 * static_cast<std::int64_t>(table.threads());
  if (memory_limit > 0) chunks = std::clamp<std::int64_t>(memory_limit / 2 / std::max<std::int64_t>(1, table.held_bytes(columns)), 1, chunks);
  return -all_max(comm, -chunks);
}

/// Threads that have room for a chunk as it is parsed, shuffled, compressed and stored: only texts of fixed length can make one so large
/// that there is less than was known when the text was opened.
int threads_to_write(const impl::TextTable& table, std::span<const int> columns, std::int64_t memory_limit) {
  const Variable* widest = nullptr;
  for (auto const& v : table.schema().variables)
    if (v.storage == Storage::text && (!widest || v.text_width > widest->text_width)) widest = &v;
  if (!widest) return table.threads();
  auto const needed = 4 * table.held_bytes(columns);
  if (memory_limit > 0 && needed > memory_limit)
    throw UsageError("--memory-limit: a chunk of " + std::to_string(table.grid().longest()) + " rows with text of " + std::to_string(widest->text_width) +
                     " bytes in column '" + widest->name + "' needs up to " + std::to_string((needed >> 20) + 1) + " MiB, the limit is " +
                     std::to_string(memory_limit >> 20) + " MiB; --rows-per-read makes chunks shorter, --vars-to-drop leaves the column out");
  return threads_with_room(table.threads(), needed, memory_limit);
}

}  // namespace

std::unique_ptr<ChunkSource> open_text(const std::string& path, const TextOptions& options, const ZoneFunction& zone, Communicator& comm) {
  auto table = std::make_unique<impl::TextTable>(path, options, comm, impl::TextProgress{});
  if (zone) table->make_zone_map(zone, comm);
  for (auto chunk = table->share().first; chunk < table->share().last; ++chunk) table->release(chunk);
  return table;
}

std::int64_t import_text(const std::string& path, const TextOptions& options,
                         const std::function<std::unique_ptr<ChunkSink>(const Schema&, const Grid&)>& make_sink, const ZoneFunction&,
                         Communicator& comm, const std::function<void(std::int64_t, std::int64_t)>& progress) {
  impl::TextTable table(path, options, comm, progress);
  std::vector<int> columns(table.schema().size());
  for (std::size_t c = 0; c < columns.size(); ++c) columns[c] = static_cast<int>(c);
  int const threads = threads_to_write(table, columns, options.memory_limit);
  auto const sink = make_sink(table.schema(), table.grid());
  auto const share = table.share();
  std::int64_t const round = chunks_a_round(table, columns, options.memory_limit, comm);
  std::int64_t const longest = (table.grid().chunks() + comm.size() - 1) / comm.size();
  std::vector<Chunk> chunks(static_cast<std::size_t>(threads));
  for (std::int64_t begin = 0; begin < longest; begin += round) {
    auto const first = std::min(share.first + begin, share.last), last = std::min(first + round, share.last);
    together(comm, [&] {
      impl::parallel_items(first, last, threads, [&](std::int64_t chunk, int thread) {
        table.read(chunk, columns, chunks[thread]);
        sink->write(chunks[thread]);
        table.release(chunk);
      });
    });
    sink->exchange();
  }
  sink->finish();
  return table.grid().total();
}

}  // namespace rxhpc
