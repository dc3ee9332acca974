#include "chunk_loop.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>

#include "memory_check.hpp"
#include "rxhpc/kokkos.hpp"
#include "rxhpc/memory_limit.hpp"

namespace rxhpc {

Share rank_chunks(const ChunkSource& source, const Communicator& comm) {
  std::int64_t const chunks = source.grid().chunks();
  return source.local() ? Share{0, chunks} : share_of(chunks, comm.rank(), comm.size());
}

namespace impl {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

constexpr double seconds_between_reports = 0.1;

}  // namespace

ChunkRange chunk_range(const ChunkSource& source, Communicator& comm) {
  std::int64_t const chunks = source.grid().chunks();
  auto const share = rank_chunks(source, comm);
  ChunkRange range;
  range.first = share.first;
  range.last = share.last;
  range.total = chunks;
  if (!source.local()) return range;
  range.offset = comm.exscan(chunks);
  range.row_offset = comm.exscan(source.grid().total());
  comm.all_sum({&range.total, 1});
  return range;
}

int thread_count(const RunOptions& options, std::int64_t chunks, std::int64_t held) {
  require_memory(options.memory_limit, static_cast<double>(held), "the rows of one chunk");
  if (options.threads == 1 || chunks <= 1) return 1;
  int const most = HostSpace().concurrency();
  int const wanted = options.threads > 0 ? std::min(options.threads, most) : most;
  return static_cast<int>(std::min<std::int64_t>(chunks, threads_with_room(wanted, held, options.memory_limit)));
}

// Without dispatch where one thread does it all: ranks that are threads of one process cannot enter the host space together.
void on_threads(int threads, const std::function<void(int)>& work) {
  if (threads == 1) return work(0);
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(threads));
  auto const guarded = [&](int thread) {
    try {
      work(thread);
    } catch (...) {
      failures[static_cast<std::size_t>(thread)] = std::current_exception();
    }
  };
  Kokkos::parallel_for("rxhpc::threads", Kokkos::RangePolicy<HostSpace, Kokkos::Schedule<Kokkos::Static>>(0, threads), guarded);
  HostSpace().fence("rxhpc::threads");
  for (auto const& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

Workers workers_of(const RunOptions& options) {
  int const threads = thread_count(options, std::numeric_limits<std::int64_t>::max(), 0);
  return {threads, [threads](const std::function<void(int)>& work) { on_threads(threads, work); }};
}

void ChunkReader::place() {
  chunk_.index = index();
  chunk_.first_row = source_.grid().first(at_) + range_.row_offset;
}

const Chunk& ChunkReader::read(std::span<const int> columns) {
  double const begin = now();
  source_.read(at_, columns, chunk_);
  place();
  read_s_ += now() - begin;
  return chunk_;
}

// Looking at the clock around every piece would be felt: every eighth is timed, and stands for the seven after it.
const Chunk& ChunkReader::read_pieces(std::span<const int> columns, const UsePiece& use) {
  double const begin = now();
  double timed = 0;
  std::int64_t rows_used = 0, rows_timed = 0, piece = 0;
  source_.read_pieces(at_, columns, chunk_, [&](std::int64_t first, std::int64_t rows) {
    if (first == 0) place();
    rows_used += rows;
    if (piece++ % 8 != 0) return use(chunk_, first, rows);
    double const from = now();
    use(chunk_, first, rows);
    timed += now() - from;
    rows_timed += rows;
  });
  double const used = rows_timed > 0 ? timed * static_cast<double>(rows_used) / static_cast<double>(rows_timed) : 0;
  double const all = now() - begin;
  read_s_ += all - std::min(all, used);
  return chunk_;
}

// What the threads of one run share.
struct ChunkLoop::Shared {
  std::atomic<std::int64_t> next;
  std::int64_t last;
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::exception_ptr failure;
  std::int64_t failed_chunk = std::numeric_limits<std::int64_t>::max();
  double read_s = 0, compute_s = 0;

  void fail(std::int64_t chunk) {
    std::lock_guard const lock(mutex);
    if (chunk < failed_chunk) {
      failed_chunk = chunk;
      failure = std::current_exception();
    }
    stop = true;
  }
};

ChunkLoop::ChunkLoop(const ChunkSource& source, std::span<const int> columns, const ChunkRange& range, const RunOptions& options,
                     std::vector<ChunkWork> works, Timing* timing)
    : source_(source),
      columns_(columns.begin(), columns.end()),
      range_(range),
      options_(options),
      works_(std::move(works)),
      chunks_(works_.size()),
      timing_(timing) {
  progress_.rows_total = range.last > range.first ? source.grid().first(range.last - 1) + source.grid().rows(range.last - 1) -
                                                        source.grid().first(range.first)
                                                  : 0;
  progress_.pass = timing ? timing->passes + 1 : 1;
}

void ChunkLoop::run(std::int64_t first, std::int64_t last) {
  int const threads = static_cast<int>(works_.size());
  Shared shared;
  shared.next = first;
  shared.last = last;
  for (std::int64_t c = first; c < std::min<std::int64_t>(last, first + threads); ++c) source_.prefetch(c, columns_);
  on_threads(threads, [&](int thread) { work_of_thread(thread, shared); });
  spent_.read_s += shared.read_s;
  spent_.compute_s += shared.compute_s;
  if (shared.failure) std::rethrow_exception(shared.failure);
}

void ChunkLoop::work_of_thread(int thread, Shared& shared) {
  auto const ahead = static_cast<std::int64_t>(works_.size());
  ChunkReader reader(source_, columns_, range_, chunks_[static_cast<std::size_t>(thread)]);
  double busy_s = 0;
  while (!shared.stop) {
    std::int64_t const c = shared.next++;
    if (c >= shared.last) break;
    try {
      if (options_.stop_requested && options_.stop_requested()) throw InterruptedError();
      if (c + ahead < shared.last) source_.prefetch(c + ahead, columns_);
      double const begin = now();
      reader.turn_to(c);
      works_[static_cast<std::size_t>(thread)](reader);
      double const end = now();
      busy_s += end - begin;
      std::lock_guard const lock(report_mutex_);
      progress_.rows_done += source_.grid().rows(c);
      progress_.bytes_read += source_.stored_bytes(c, columns_);
      if (options_.progress && end >= next_report_) {
        options_.progress(progress_);
        next_report_ = now() + seconds_between_reports;
      }
    } catch (...) {
      shared.fail(c);
    }
  }
  std::lock_guard const lock(shared.mutex);
  shared.read_s += reader.read_s();
  shared.compute_s += busy_s - reader.read_s();
}

void ChunkLoop::finish() {
  if (options_.progress) options_.progress(progress_);
  if (!timing_) return;
  auto const threads = static_cast<double>(works_.size());
  timing_->read_s += spent_.read_s / threads;
  timing_->compute_s += spent_.compute_s / threads;
  timing_->rows += progress_.rows_done;
  timing_->bytes += progress_.bytes_read;
  ++timing_->passes;
}

}  // namespace impl
}  // namespace rxhpc
