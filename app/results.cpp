#include "results.hpp"

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "rxhpc/table.hpp"
#include "session.hpp"

#ifndef RXHPC_VERSION
#define RXHPC_VERSION "0"
#endif

namespace rxhpc::app {
namespace {

/// Collective. Times of the slowest rank, rows and bytes of all.
JobTiming of_all_ranks(const Timing& timing, double total_s, Communicator& comm) {
  double const mine[4] = {timing.read_s, timing.compute_s, timing.merge_s, total_s};
  double slowest[4] = {0, 0, 0, 0};
  for (auto const& part : comm.gather(std::as_bytes(std::span(mine)))) {
    double theirs[4];
    std::memcpy(theirs, part.data(), sizeof theirs);
    for (int i = 0; i < 4; ++i) slowest[i] = std::max(slowest[i], theirs[i]);
  }
  std::int64_t sums[2] = {timing.rows, timing.bytes};
  comm.all_sum(sums);
  return {slowest[0], slowest[1], slowest[2], slowest[3], sums[0], sums[1]};
}

nlohmann::json whole_result(Session& session, Result& result, const JobTiming& t) {
  nlohmann::json out = result.fields.is_object() ? std::move(result.fields) : nlohmann::json::object();
  out["rxhpc"] = RXHPC_VERSION;
  out["verb"] = session.args.verb().name;
  if (!result.formula.empty()) out["formula"] = result.formula;
  out["input"] = result.input;
  out["ranks"] = session.comm.size();
  out["threads"] = session.threads;
  out["timing"] = {{"read_s", t.read_s},
                   {"compute_s", t.compute_s},
                   {"merge_s", t.merge_s},
                   {"total_s", t.total_s},
                   {"rows_per_s", static_cast<double>(result.rows) / std::max(t.total_s, 1e-9)}};
  name_infinities(out);
  return out;
}

}  // namespace

void name_infinities(nlohmann::json& j) {
  if (j.is_structured()) {
    for (auto& item : j) name_infinities(item);
  } else if (j.is_number_float() && std::isinf(j.get<double>())) {
    j = j.get<double>() > 0 ? "Infinity" : "-Infinity";
  }
}

std::string json_text(nlohmann::json j) {
  name_infinities(j);
  return j.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void print(const std::string& text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw DataError(std::string("standard output: ") + std::strerror(errno ? errno : EIO));
}

void finish(Session& session, Result&& result, const Timing& timing) {
  auto const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - session.start).count();
  auto times = of_all_ranks(timing, seconds, session.comm);
  auto const json_name = session.args.text("json");
  together(session.comm, [&] {
    if (!session.root()) return;
    session.progress.clear();
    if (!json_name.empty()) {
      auto const text = json_text(whole_result(session, result, times));
      if (json_name == "-")
        print(text);
      else
        write_whole(json_name, text, true);
    }
    if (json_name != "-" && !session.args.flag("quiet")) print(result.text);
  });
  times.rows = result.rows;
  session.progress.close(times);
}

}  // namespace rxhpc::app
