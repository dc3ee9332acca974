// How ranks agree: one interface, a one-rank form (self_communicator.hpp), one MPI form (mpi_communicator.hpp).
#pragma once
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "rxhpc/errors.hpp"

namespace rxhpc {

using Bytes = std::vector<std::byte>;

/// This rank has failed alone inside a collective call and can follow the others no longer: they may wait for it for ever. Goes past
/// `together`; whoever started the job ends it (MPI_Abort).
class LostRank : public Error {
 public:
  explicit LostRank(const std::string& message) : Error(ErrorKind::other, message) {}
};

/// All calls are collective and in the same order on every rank. Not thread-safe: only a rank's main thread calls. Where one rank has no
/// memory for what it would receive, all ranks throw.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// The root's bytes on every rank, of any length.
  virtual void broadcast(Bytes& bytes, int root = 0) = 0;
  /// At the root one entry a rank, in rank order; empty elsewhere.
  virtual std::vector<Bytes> gather(std::span<const std::byte> bytes, int root = 0) = 0;
  /// out[r] goes to rank r; returns what came from each rank.
  virtual std::vector<Bytes> all_to_all(const std::vector<Bytes>& out) = 0;
  /// Element-wise sum over the ranks; exact.
  virtual void all_sum(std::span<std::int64_t> values) = 0;
  /// Sum over the ranks before this one; 0 on rank 0.
  virtual std::int64_t exscan(std::int64_t value) = 0;
  /// Another communicator over the ranks that share this node's memory (size 1 where that is unknown).
  virtual int ranks_on_node() const { return 1; }
};

/// Collective. One value a rank, in rank order.
std::vector<std::int64_t> all_gather(Communicator& comm, std::int64_t mine);
/// Collective. The largest of the ranks' values.
std::int64_t all_max(Communicator& comm, std::int64_t mine);

/// Collective. `mine` is this rank's caught exception or null. Where any rank has one, the lowest failing rank's error is thrown
/// on every rank, so that nobody waits for a rank that has left.
void fail_together(Communicator& comm, std::exception_ptr mine);

/// Runs `work` and fails together.
template <class Work>
void together(Communicator& comm, Work&& work) {
  std::exception_ptr failure;
  try {
    work();
  } catch (const LostRank&) {
    throw;
  } catch (...) {
    failure = std::current_exception();
  }
  fail_together(comm, failure);
}

/// The contiguous share [first, last) of `count` things that belongs to `rank` of `size`: sizes differ by at most one.
struct Share {
  std::int64_t first = 0, last = 0;
};
Share share_of(std::int64_t count, int rank, int size);

/// Text as bytes and back.
Bytes to_bytes(std::string_view text);
std::string to_text(std::span<const std::byte> bytes);

}  // namespace rxhpc
