// The rxhpc program: reads the command line, starts MPI and Kokkos, runs one verb, turns errors into one line and an exit status.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "help.hpp"
#include "results.hpp"
#include "rxhpc/kokkos.hpp"
#include "rxhpc/output_files.hpp"
#include "rxhpc/self_communicator.hpp"
#include "rxhpc/table.hpp"
#include "session.hpp"
#include "signals.hpp"
#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef RXHPC_HAVE_MPI
#include "rxhpc/mpi_communicator.hpp"
#endif

namespace rxhpc::app {
namespace {

const char* environment(const char* name) {
  auto const* value = std::getenv(name);
  return value && *value ? value : nullptr;
}

/// A job step of several tasks, as srun starts them. Steps with the highest numbers are Slurm's own: a batch script, an interactive shell.
bool in_slurm_step() {
  auto const *step = environment("SLURM_STEP_ID"), *tasks = environment("SLURM_NTASKS");
  return step && tasks && std::atol(tasks) > 1 && std::strtoull(step, nullptr, 10) < 0xFFFFFFF0ULL;
}

[[maybe_unused]] bool under_launcher() {
  return environment("OMPI_COMM_WORLD_SIZE") || environment("PMIX_RANK") || environment("PMI_RANK") || in_slurm_step();
}

/// MPI where a launcher has started us, else one rank.
class Ranks {
 public:
  Ranks(int& argc, char**& argv) {
#ifdef RXHPC_HAVE_MPI
    if (under_launcher()) {
      int provided = 0;
      MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
      started_ = true;
      comm_ = std::make_unique<MpiCommunicator>();
      return;
    }
#else
    (void)argc, (void)argv;
#endif
    comm_ = std::make_unique<SelfCommunicator>();
  }
  ~Ranks() {
    comm_.reset();
#ifdef RXHPC_HAVE_MPI
    if (started_) MPI_Finalize();
#endif
  }
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;
  Communicator& comm() { return *comm_; }

  /// For failures that the other ranks do not know of.
  [[noreturn]] void abort(int status) {
#ifdef RXHPC_HAVE_MPI
    if (started_) MPI_Abort(MPI_COMM_WORLD, status);
#endif
    std::_Exit(status);
  }

 private:
  std::unique_ptr<Communicator> comm_;
#ifdef RXHPC_HAVE_MPI
  bool started_ = false;
#endif
};

std::string one_line(const std::exception& e) {
  std::string text = dynamic_cast<const std::bad_alloc*>(&e) ? "std::bad_alloc" : e.what();
  if (text.find("std::bad_alloc") != std::string::npos) return "out of memory";
  // What a damaged file says of itself is no text for a terminal.
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  auto const clean = nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return nlohmann::json::parse(clean).get<std::string>();
}

void complain(const std::string& verb, const std::string& message) {
  // What fails after the output was renamed leaves it: who tries again must know.
  auto const written = committed_output();
  std::fprintf(stderr, "rxhpc%s%s: %s%s%s\n", verb.empty() ? "" : " ", verb.c_str(), written.c_str(), written.empty() ? "" : " was written; ", message.c_str());
}

/// What stands before anything is started: help, version, or the arguments of a verb.
struct Request {
  std::string verb;
  std::string answer;  ///< text to print, and nothing more to do
  std::optional<Arguments> arguments;
  std::exception_ptr failure;
};

std::string help_for(const std::vector<std::string>& words) {
  if (words.empty()) return general_help();
  if (words[0] == "--man") return man_page();
  if (words[0] == "--markdown") return markdown();
  return verb_help(find_verb(words[0]));
}

Request understand(const std::vector<std::string>& words) {
  Request request;
  try {
    if (words.empty()) throw UsageError("a verb is missing; see rxhpc --help");
    std::vector<std::string> const rest(words.begin() + 1, words.end());
    if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
      request.answer = help_for(rest);
    } else if (words[0] == "--version") {
      request.answer = version_text();
    } else if (words[0][0] == '-') {
      throw UsageError("the first word must be a verb, not '" + words[0] + "'; see rxhpc --help");
    } else {
      auto const& verb = find_verb(words[0]);
      request.verb = words[0];
      for (auto const& word : rest) {
        if (word == "--help" || word == "-h") request.answer = verb_help(verb);
        if (word == "--version") request.answer = version_text();
      }
      if (request.answer.empty()) request.arguments.emplace(verb, rest);
    }
  } catch (...) {
    request.failure = std::current_exception();
  }
  return request;
}

void run_verb(const Request& request, Communicator& comm) {
  fail_together(comm, request.failure);
  if (in_slurm_step() && comm.size() == 1 && !environment("OMPI_COMM_WORLD_SIZE"))
    throw UsageError("Slurm started " + std::string(environment("SLURM_NTASKS")) +
                     " tasks that do not know of one another, so that each would do the whole job: start with srun --mpi=pmix, or with mpirun");
  if (!request.answer.empty()) {
    if (comm.rank() == 0) print(request.answer);
    return;
  }
  if (auto const output = request.arguments->positional("OUTPUT"); comm.rank() == 0 && !output.empty()) watch_output(output);
  auto const& arguments = *request.arguments;
  int const threads = choose_threads(arguments, comm);
  // Kokkos warns about unbound threads; ranks and threads that share a node run best so.
  setenv("OMP_PROC_BIND", "false", 0);
#ifdef _OPENMP
  omp_set_num_threads(threads);  // Kokkos counts threads by starting them all, and those that it does not use would spin beside other ranks
#endif
  Kokkos::ScopeGuard const kokkos(Kokkos::InitializationSettings().set_num_threads(threads).set_disable_warnings(true));
  std::optional<Session> session;
  together(comm, [&] { session.emplace(arguments, comm, threads); });
  check_side_outputs(*session);
  arguments.verb().run(*session);
}

/// What is wrong with data is said of a file: of INPUT, unless the message begins with a file of the command line.
std::string with_file(const Request& request, const std::vector<std::string>& words, const Error& e) {
  auto const message = one_line(e);
  if (e.kind() != ErrorKind::data || !request.arguments || request.arguments->positional("INPUT").empty()) return message;
  if (message.starts_with("standard output:")) return message;
  for (auto word : words) {
    word.resize(std::min(word.find(":/"), word.size()));  // FILE.h5:/group
    while (word.size() > 1 && word.back() == '/') word.pop_back();
    if (message.starts_with(word + ":") || message.starts_with(word + "/") || message.starts_with("'" + word + "'")) return message;
  }
  return request.arguments->positional("INPUT") + ": " + message;
}

/// Standard streams that are closed fail, rather than be the first files that are opened.
void hold_standard_streams() {
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) std::_Exit(1);
}

int guarded_run(int argc, char** argv) {
  hold_standard_streams();
  std::vector<std::string> const words(argv + 1, argv + argc);
  auto const request = understand(words);
  watch_signals(request.verb);
  if (request.arguments) start_hdf5();  // not by a thread of its own: where processors are few, OpenMP's threads would spin while it has one of them
  Ranks ranks(argc, argv);
  auto& comm = ranks.comm();
  set_signal_rank(comm.rank());
  int status = 0;
  try {
    run_verb(request, comm);
  } catch (const LostRank& e) {
    discard_unfinished_outputs();
    complain(request.verb, one_line(e));
    ranks.abort(1);
  } catch (const Error& e) {
    // Thrown on every rank.
    status = static_cast<int>(e.kind());
    if (comm.rank() == 0) complain(request.verb, with_file(request, words, e));
  } catch (const std::exception& e) {
    discard_unfinished_outputs();
    complain(request.verb, one_line(e));
    ranks.abort(1);
  }
  discard_unfinished_outputs();
  ignore_signals();
  return status;
}

}  // namespace
}  // namespace rxhpc::app

int main(int argc, char** argv) {
  int status = 1;
  try {
    status = rxhpc::app::guarded_run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "rxhpc: %s\n", e.what());
  }
  // HDF5 tries to close at exit what a full disk kept it from writing, and crashes: after a failure nothing is tidied up any more.
  if (status == 0) return 0;
  std::fflush(nullptr);
  std::_Exit(status);
}
