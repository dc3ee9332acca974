// SIGTERM, SIGINT, SIGHUP and SIGUSR1 (which batch systems send ahead of a time limit): unfinished outputs go, one line is printed, the exit status says which signal it was.
// Once the job's OUTPUT is in its place they change nothing any more.
// SIGBUS, where a file that is mapped was cut short: likewise, with status 3. The library's guarded looks at mapped bytes come first (table_mapping.hpp).
#pragma once
#include <string>

namespace rxhpc::app {

/// Blocks the signals and starts the thread that waits for them; call before any other thread is started. `rank` 0 prints.
void watch_signals(const std::string& verb);
void set_signal_rank(int rank);
/// From here on signals change nothing any more: the job is over and the program about to end.
void ignore_signals();

}  // namespace rxhpc::app
