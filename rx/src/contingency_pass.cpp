#include "contingency_pass.hpp"

#include <chrono>
#include <cstring>
#include <utility>

namespace rxhpc::impl {

Contingency merge_ranks(Contingency&& mine, const Contingency& fresh, Communicator& comm, Timing& timing) {
  if (comm.size() == 1) return std::move(mine);
  auto const begin = std::chrono::steady_clock::now();
  Contingency share = fresh;
  auto const exchange = [&](Contingency& from, bool own_share) {
    std::vector<Bytes> out(static_cast<std::size_t>(comm.size()));
    together(comm, [&] {
      auto const parts = from.parts(own_share ? 1 : comm.size());
      for (std::size_t r = 0; r < out.size(); ++r) {
        auto const bytes = std::as_bytes(std::span(parts[own_share ? 0 : r]));
        out[r].assign(bytes.begin(), bytes.end());
      }
    });
    auto const in = comm.all_to_all(out);
    out.clear();
    Contingency result = fresh;
    together(comm, [&] {
      for (auto const& bytes : in) {
        std::vector<std::int64_t> part(bytes.size() / sizeof(std::int64_t));
        if (!part.empty()) std::memcpy(part.data(), bytes.data(), bytes.size());
        result.add_part(part);
      }
    });
    return result;
  };
  share = exchange(mine, false);
  mine = exchange(share, true);
  timing.merge_s += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return std::move(mine);
}

}  // namespace rxhpc::impl
