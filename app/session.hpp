// What a running verb works with: its arguments, the ranks, threads, memory and clock.
#pragma once
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "arguments.hpp"
#include "progress.hpp"
#include "rxhpc/chunk_source.hpp"
#include "rxhpc/communicator.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc::app {

struct Session {
  const Arguments& args;
  Communicator& comm;
  int threads = 1;
  ProgressReport progress;
  RunOptions run;  ///< threads, memory limit, progress
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();  ///< before INPUT is opened

  Session(const Arguments& arguments, Communicator& communicator, int thread_count);
  bool root() const { return comm.rank() == 0; }
};

/// Collective. Throws DataError where --json, --model, --plot, --checkpoint or standard output cannot be written to: better before the
/// work, and OUTPUT, are done than after.
void check_side_outputs(const Session& session);

/// Collective. Threads for this rank: --threads, else OMP_NUM_THREADS, else the cores of the affinity mask shared with other ranks.
/// Rank 0 warns in one line where a mask is smaller than its rank's threads.
int choose_threads(const Arguments& args, Communicator& comm);

/// Collective. Bytes of anonymous memory for each rank, the least that one of them has; throws UsageError where --memory-limit is too small to work with.
std::int64_t choose_memory_limit(const Arguments& args, int threads, Communicator& comm);

/// Where the time went, over all ranks.
struct JobTiming {
  double read_s = 0, compute_s = 0, merge_s = 0, total_s = 0;  ///< of the slowest rank
  std::int64_t rows = 0, bytes = 0;                            ///< read, all ranks together
};

/// What a verb hands back for printing and for --json.
struct Result {
  nlohmann::json fields;        ///< the verb's own
  std::string text;             ///< printed by rank 0
  std::string formula;          ///< as it is shown; empty where there is none
  std::string input;
  std::int64_t rows = 0;        ///< rows that rows_per_s counts
  bool failed = false;          ///< reserved for fits without convergence
};

/// Whether this rank writes the result as JSON: results of many cells are not made for nothing.
inline bool wants_json(const Session& session) { return session.root() && session.args.given("json"); }

/// Collective. Stops the clock, adds what every result has, writes --json, prints the text and the closing line.
void finish(Session& session, Result&& result, const Timing& timing);

}  // namespace rxhpc::app
