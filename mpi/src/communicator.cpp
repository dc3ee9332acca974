#include "rxhpc/communicator.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <string_view>

namespace rxhpc {
namespace {

// What a rank tells the others about its failure; kind 0 means none.
struct Failure {
  std::int64_t kind = 0;
  std::string message;
};

Failure describe(const std::exception_ptr& mine) {
  if (!mine) return {};
  try {
    std::rethrow_exception(mine);
  } catch (const std::bad_alloc&) {
    return {static_cast<std::int64_t>(ErrorKind::other), "out of memory"};
  } catch (const std::exception& e) {
    return {static_cast<std::int64_t>(error_kind(e)), e.what()};
  } catch (...) {
    return {static_cast<std::int64_t>(ErrorKind::other), "unknown failure"};
  }
}

}  // namespace

std::vector<std::int64_t> all_gather(Communicator& comm, std::int64_t mine) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(comm.size()), 0);
  all[static_cast<std::size_t>(comm.rank())] = mine;
  comm.all_sum(all);
  return all;
}

std::int64_t all_max(Communicator& comm, std::int64_t mine) { return std::ranges::max(all_gather(comm, mine)); }

void fail_together(Communicator& comm, std::exception_ptr mine) {
  if (comm.size() == 1) {
    if (mine) std::rethrow_exception(mine);
    return;
  }
  std::int64_t failures = mine ? 1 : 0;
  comm.all_sum({&failures, 1});
  if (failures == 0) return;

  Failure const own = describe(mine);
  auto const kinds = all_gather(comm, own.kind);
  auto const lowest = std::find_if(kinds.begin(), kinds.end(), [](std::int64_t kind) { return kind != 0; });
  Bytes message = to_bytes(own.message);
  comm.broadcast(message, static_cast<int>(lowest - kinds.begin()));
  throw_error(static_cast<ErrorKind>(*lowest), to_text(message));
}

Share share_of(std::int64_t count, int rank, int size) {
  std::int64_t const each = count / size, rest = count % size;
  std::int64_t const first = each * rank + std::min<std::int64_t>(rank, rest);
  return {first, first + each + (rank < rest ? 1 : 0)};
}

Bytes to_bytes(std::string_view text) {
  Bytes bytes(text.size());
  if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

std::string to_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace rxhpc
