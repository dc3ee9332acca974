#include "signals.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <string>
#include <thread>

#include "rxhpc/output_files.hpp"

namespace rxhpc::app {
namespace {

std::atomic<bool> over{false};
std::atomic<int> rank_of_process{0};

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&set, signal);
  return set;
}

}  // namespace

void watch_signals(const std::string& verb) {
  // A full file-size limit is an error of write(), with a message of its own, not a death.
  signal(SIGXFSZ, SIG_IGN);
  auto const set = ending_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread([set, verb] {
    for (int number = 0; sigwait(&set, &number) == 0;) {
      // With OUTPUT in its place the job is as good as done: a status that says it failed would have it done again.
      if (over || !abandon_outputs()) continue;
      if (rank_of_process == 0) {
        auto const* what = number == SIGINT ? "interrupted" : number == SIGHUP ? "the terminal is gone" : number == SIGUSR1 ? "stopped by SIGUSR1" : "terminated";
        std::fprintf(stderr, "rxhpc %s: %s\n", verb.c_str(), what);
      }
      // Other threads are in the middle of their work: no destructor may run.
      _exit(128 + number);
    }
  }).detach();
}

void set_signal_rank(int rank) { rank_of_process = rank; }
void ignore_signals() { over = true; }

}  // namespace rxhpc::app
