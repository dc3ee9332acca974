// Ranks through MPI. With its source file the only place that knows mpi.h.
#pragma once
#include <mpi.h>

#include "rxhpc/communicator.hpp"

namespace rxhpc {

/// A duplicate of the caller's communicator: our messages never meet the caller's, and our error handler (errors are returned and
/// thrown as LostRank) is set on the duplicate alone. The caller has initialised MPI (MPI_THREAD_FUNNELED is enough) and finalises it
/// after this object is gone. Making one is collective. Counts of MPI-3 are int and some transports fail long before INT_MAX: longer
/// messages go in pieces of `piece_bytes`, the same on every rank; lengths are 64 bits wide.
class MpiCommunicator final : public Communicator {
 public:
  explicit MpiCommunicator(MPI_Comm comm = MPI_COMM_WORLD, std::size_t piece_bytes = std::size_t{1} << 28);
  ~MpiCommunicator() override;
  MpiCommunicator(const MpiCommunicator&) = delete;
  MpiCommunicator& operator=(const MpiCommunicator&) = delete;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void broadcast(Bytes& bytes, int root = 0) override;
  std::vector<Bytes> gather(std::span<const std::byte> bytes, int root = 0) override;
  std::vector<Bytes> all_to_all(const std::vector<Bytes>& out) override;
  void all_sum(std::span<std::int64_t> values) override;
  std::int64_t exscan(std::int64_t value) override;
  int ranks_on_node() const override { return ranks_on_node_; }
  MPI_Comm handle() const { return comm_; }

 private:
  template <class Work>
  void make_room(Work&& work);
  void post_receive(Bytes& into, int from, std::vector<MPI_Request>& requests) const;
  void post_send(std::span<const std::byte> bytes, int to, std::vector<MPI_Request>& requests) const;

  MPI_Comm comm_ = MPI_COMM_NULL;
  std::size_t piece_bytes_;
  int rank_ = 0, size_ = 1, ranks_on_node_ = 1;
};

}  // namespace rxhpc
