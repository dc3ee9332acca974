#include "session.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "rxhpc/free_memory.hpp"
#include "rxhpc/output_files.hpp"
#include "rxhpc/table.hpp"
#include "results.hpp"

namespace rxhpc::app {
namespace {

/// One rank's host and the cores that it may run on.
struct Place {
  char host[256] = {};
  cpu_set_t cores;
};

Place my_place() {
  Place place;
  gethostname(place.host, sizeof place.host - 1);
  CPU_ZERO(&place.cores);
  if (sched_getaffinity(0, sizeof place.cores, &place.cores) != 0) CPU_SET(0, &place.cores);
  return place;
}

std::vector<Place> all_places(const Place& mine, Communicator& comm) {
  auto const* first = reinterpret_cast<const std::byte*>(&mine);
  auto const parts = comm.gather(std::span(first, sizeof mine));
  Bytes all;
  for (auto const& part : parts) all.insert(all.end(), part.begin(), part.end());
  comm.broadcast(all);
  std::vector<Place> places(all.size() / sizeof(Place));
  std::memcpy(static_cast<void*>(places.data()), all.data(), places.size() * sizeof(Place));
  return places;
}

/// Ranks on this host whose cores overlap with this rank's, itself included.
int sharing(const Place& mine, const std::vector<Place>& places) {
  int count = 0;
  for (auto const& other : places) {
    cpu_set_t common;
    CPU_AND(&common, &mine.cores, &other.cores);
    count += std::strcmp(mine.host, other.host) == 0 && CPU_COUNT(&common) > 0;
  }
  return std::max(1, count);
}

/// Below this the program itself and one chunk a thread have no room.
std::int64_t least_memory(int threads) { return (48LL + 8LL * threads) << 20; }

constexpr const char* side_outputs[] = {"model", "json", "plot", "checkpoint"};

/// One file by two names, or a file of a directory.
bool same_or_inside(const std::string& file, const std::string& place) {
  std::error_code ignored;
  if (std::filesystem::equivalent(file, place, ignored)) return std::filesystem::is_regular_file(place, ignored);
  auto const folder = std::filesystem::absolute(file).parent_path();
  return std::filesystem::is_directory(place, ignored) && std::filesystem::equivalent(folder, place, ignored);
}

/// The files that are written beside OUTPUT, by their options.
std::vector<std::pair<std::string, std::string>> side_outputs_of(const Arguments& args) {
  std::vector<std::pair<std::string, std::string>> files;
  for (auto const* option : side_outputs)
    if (find_option(args.verb(), option) && args.given(option) && args.text(option) != "-") files.emplace_back(std::string("--") + option, args.text(option));
  return files;
}

/// Results beside OUTPUT must not take the place of what the job reads. (OUTPUT may be INPUT: it is replaced when all has been read.)
void keep_what_is_read(const Arguments& args) {
  std::vector<std::pair<std::string, std::string>> read;
  for (auto const* name : {"INPUT", "MODEL"}) read.emplace_back(name, args.positional(name));
  for (auto const* group : args.verb().groups)
    for (auto const& option : group->options)
      if (option.kind == Kind::input && args.given(option.name)) read.emplace_back("--" + std::string(option.name), args.text(option.name));
  for (auto const& [what, file] : side_outputs_of(args))
    for (auto const& [by, place] : read)
      if (!place.empty() && same_or_inside(file, place)) throw UsageError(what + ": '" + file + "' is what " + by + " reads");
}

/// What is written must not be written over by something else of the same job.
void check_outputs(const Arguments& args) {
  std::map<std::filesystem::path, std::string> seen;
  auto const add = [&](const std::string& file, const std::string& what) {
    if (file.empty() || file == "-") return;
    auto const [at, fresh] = seen.try_emplace(std::filesystem::absolute(file).lexically_normal(), what);
    struct stat status {};
    bool const special = ::stat(file.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
    if (!fresh && !special) throw UsageError(what + ": '" + file + "' is what " + at->second + " writes, too");
  };
  add(args.positional("OUTPUT"), "OUTPUT");
  for (auto const& [what, file] : side_outputs_of(args)) add(file, what);
}

constexpr int most_threads = 512;  // of Kokkos' OpenMP space: more would be written past its end

}  // namespace

Session::Session(const Arguments& arguments, Communicator& communicator, int thread_count)
    : args(arguments), comm(communicator), threads(thread_count),
      progress(std::string(arguments.verb().name),
               communicator.rank() != 0 || arguments.flag("quiet") ? 0 : std::atoi(arguments.text("report-progress", "2").c_str()),
               communicator.size()) {
  check_outputs(arguments);
  keep_what_is_read(arguments);
  run.threads = threads;
  run.memory_limit = choose_memory_limit(args, threads, comm);
  if (progress.level() > 0) run.progress = [this](const Progress& p) { progress.show(p); };
}

void check_side_outputs(const Session& session) {
  auto const& args = session.args;
  together(session.comm, [&] {
    if (!session.root()) return;
    for (auto const& [what, file] : side_outputs_of(args)) require_creatable(file);
    if (args.flag("quiet") && args.text("json") != "-") return;
    int const mode = ::fcntl(STDOUT_FILENO, F_GETFL);
    if (mode < 0 || (mode & O_ACCMODE) == O_RDONLY) throw DataError(std::string("standard output: ") + std::strerror(EBADF));
  });
}

int choose_threads(const Arguments& args, Communicator& comm) {
  auto const mine = my_place();
  auto const places = all_places(mine, comm);
  int const cores = CPU_COUNT(&mine.cores);
  int threads = std::max(1, cores / sharing(mine, places));
  if (auto const* asked = std::getenv("OMP_NUM_THREADS"); asked && std::atoi(asked) > 0) threads = std::atoi(asked);
  threads = static_cast<int>(std::min<std::int64_t>(args.integer("threads", threads), most_threads));
  std::int64_t bound = threads > cores && cores < sysconf(_SC_NPROCESSORS_ONLN);
  comm.all_sum(std::span(&bound, 1));
  if (bound > 0 && comm.rank() == 0 && !args.flag("quiet"))
    std::fprintf(stderr, "rxhpc %s: warning: %d threads share %d core%s; start with mpirun --bind-to none\n",
                 std::string(args.verb().name).c_str(), threads, cores, cores == 1 ? "" : "s");
  return threads;
}

std::int64_t choose_memory_limit(const Arguments& args, int threads, Communicator& comm) {
  auto const least = least_memory(threads);
  if (args.given("memory-limit")) {
    auto const asked = args.bytes("memory-limit");
    if (asked < least)
      throw UsageError("--memory-limit: " + args.text("memory-limit") + " is too small to work with; " + std::to_string(threads) +
                       (threads == 1 ? " thread needs " : " threads need ") + std::to_string(least >> 20) + "M");
    return asked;
  }
  auto const mine = std::max(least, free_memory() / 2 / std::max(1, comm.ranks_on_node()));
  return -all_max(comm, -mine);  // what one rank has no room for is refused by all
}

}  // namespace rxhpc::app
