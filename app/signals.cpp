#include "signals.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "rxhpc/output_files.hpp"

namespace rxhpc::app {
namespace {

std::atomic<bool> over{false};
std::atomic<int> rank_of_process{0};
std::atomic<std::uintptr_t> lost_address{0};

/// Between the handler of SIGBUS and the thread that waits for signals.
int lost_page() { return SIGRTMIN + 5; }

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, lost_page()}) sigaddset(&set, signal);
  return set;
}

// A page of a mapped file is not there any more. The thread that wanted it stays here: the waiting one, which may do more than a handler,
// ends the program.
void on_bus_error(int number, siginfo_t* info, void*) {
  if (info->si_code != BUS_ADRERR) {
    signal(number, SIG_DFL);
    raise(number);
    return;
  }
  lost_address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  kill(getpid(), lost_page());
  for (;;) pause();
}

/// The file mapped at that address, as /proc/self/maps has it.
std::string mapped_at(std::uintptr_t address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream in(line);
    std::uintptr_t first = 0, last = 0;
    char dash = 0;
    std::string mode, offset, device, inode, path;
    in >> std::hex >> first >> dash >> last >> mode >> offset >> device >> inode >> std::ws;
    std::getline(in, path);
    if (first <= address && address < last && !path.empty()) return path;
  }
  return "a mapped file";
}

/// All ranks that read the file meet the same: the lowest says so, and the launcher then ends the others.
void wait_for_lower_ranks(const sigset_t& set) {
  sigset_t others = set;
  sigdelset(&others, lost_page());
  timespec const span{std::min<int>(rank_of_process, 3), 0};
  if (rank_of_process > 0 && sigtimedwait(&others, nullptr, &span) > 0) _exit(3);
}

}  // namespace

void watch_signals(const std::string& verb) {
  // A full file-size limit is an error of write(), with a message of its own, not a death.
  signal(SIGXFSZ, SIG_IGN);
  struct sigaction action{};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, nullptr);
  auto const set = ending_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread([set, verb] {
    for (int number = 0; sigwait(&set, &number) == 0;) {
      if (number == lost_page()) {
        if (lost_address == 0) continue;
        abandon_outputs();
        wait_for_lower_ranks(set);
        std::fprintf(stderr, "rxhpc %s: %s: cannot be read (the file was cut short or its medium fails)\n", verb.c_str(),
                     mapped_at(lost_address).c_str());
        _exit(3);
      }
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
