#include "rxhpc/mpi_communicator.hpp"

#include <algorithm>
#include <new>
#include <string>

namespace rxhpc {
namespace {

constexpr int tag = 1;

void check(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) length = 0;
  throw LostRank(std::string("MPI: ") + what + " failed: " + std::string(text, static_cast<std::size_t>(length)));
}

template <class Piece>
void in_pieces(std::size_t length, std::size_t longest, Piece&& piece) {
  for (std::size_t at = 0; at < length; at += longest) piece(at, static_cast<int>(std::min(longest, length - at)));
}

void wait_all(std::vector<MPI_Request>& requests) {
  check(MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE), "MPI_Waitall");
}

/// A collective call, in which this rank must not fall behind the others unnoticed.
template <class Call>
auto in_step(Call&& call) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    throw LostRank("out of memory");
  }
}

}  // namespace

MpiCommunicator::MpiCommunicator(MPI_Comm comm, std::size_t piece_bytes) : piece_bytes_(piece_bytes) {
  check(MPI_Comm_dup(comm, &comm_), "MPI_Comm_dup");
  check(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check(MPI_Comm_rank(comm_, &rank_), "MPI_Comm_rank");
  check(MPI_Comm_size(comm_, &size_), "MPI_Comm_size");
  MPI_Comm node = MPI_COMM_NULL;
  check(MPI_Comm_split_type(comm_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node), "MPI_Comm_split_type");
  check(MPI_Comm_size(node, &ranks_on_node_), "MPI_Comm_size");
  check(MPI_Comm_free(&node), "MPI_Comm_free");
}

MpiCommunicator::~MpiCommunicator() {
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (!finalized && comm_ != MPI_COMM_NULL) MPI_Comm_free(&comm_);
}

/// Collective. Memory for what will be received: had by every rank, or refused on every rank before anything is sent.
template <class Work>
void MpiCommunicator::make_room(Work&& work) {
  std::int64_t refused = 0;
  try {
    work();
  } catch (const std::exception&) {
    refused = 1;
  }
  all_sum({&refused, 1});
  if (refused > 0) throw Error(ErrorKind::other, "out of memory");
}

void MpiCommunicator::post_receive(Bytes& into, int from, std::vector<MPI_Request>& requests) const {
  in_pieces(into.size(), piece_bytes_, [&](std::size_t at, int count) {
    requests.push_back(MPI_REQUEST_NULL);
    check(MPI_Irecv(into.data() + at, count, MPI_BYTE, from, tag, comm_, &requests.back()), "MPI_Irecv");
  });
}

void MpiCommunicator::post_send(std::span<const std::byte> bytes, int to, std::vector<MPI_Request>& requests) const {
  in_pieces(bytes.size(), piece_bytes_, [&](std::size_t at, int count) {
    requests.push_back(MPI_REQUEST_NULL);
    check(MPI_Isend(bytes.data() + at, count, MPI_BYTE, to, tag, comm_, &requests.back()), "MPI_Isend");
  });
}

void MpiCommunicator::broadcast(Bytes& bytes, int root) {
  auto length = static_cast<std::int64_t>(bytes.size());
  check(MPI_Bcast(&length, 1, MPI_INT64_T, root, comm_), "MPI_Bcast");
  make_room([&] { bytes.resize(static_cast<std::size_t>(length)); });
  in_pieces(bytes.size(), piece_bytes_,
            [&](std::size_t at, int count) { check(MPI_Bcast(bytes.data() + at, count, MPI_BYTE, root, comm_), "MPI_Bcast"); });
}

std::vector<Bytes> MpiCommunicator::gather(std::span<const std::byte> bytes, int root) {
  return in_step([&] {
    auto const length = static_cast<std::int64_t>(bytes.size());
    std::vector<std::int64_t> lengths(rank_ == root ? static_cast<std::size_t>(size_) : 0);
    check(MPI_Gather(&length, 1, MPI_INT64_T, lengths.data(), 1, MPI_INT64_T, root, comm_), "MPI_Gather");
    std::vector<Bytes> all;
    make_room([&] {
      all.resize(lengths.size());
      for (std::size_t r = 0; r < all.size(); ++r) all[r].resize(static_cast<std::size_t>(lengths[r]));
    });
    std::vector<MPI_Request> requests;
    for (int r = 0; r < static_cast<int>(all.size()); ++r) {
      auto& entry = all[static_cast<std::size_t>(r)];
      if (r == root) std::copy(bytes.begin(), bytes.end(), entry.begin());
      else post_receive(entry, r, requests);
    }
    if (rank_ != root) post_send(bytes, root, requests);
    wait_all(requests);
    return all;
  });
}

std::vector<Bytes> MpiCommunicator::all_to_all(const std::vector<Bytes>& out) {
  return in_step([&] {
    auto const ranks = static_cast<std::size_t>(size_);
    std::vector<std::int64_t> send(ranks), receive(ranks);
    for (std::size_t r = 0; r < ranks; ++r) send[r] = static_cast<std::int64_t>(out.at(r).size());
    check(MPI_Alltoall(send.data(), 1, MPI_INT64_T, receive.data(), 1, MPI_INT64_T, comm_), "MPI_Alltoall");
    std::vector<Bytes> in(ranks);
    make_room([&] {
      for (std::size_t r = 0; r < ranks; ++r) in[r].resize(static_cast<std::size_t>(receive[r]));
    });
    std::vector<MPI_Request> requests;
    // Each rank starts with its neighbour, so that they do not all send to rank 0 first.
    for (int i = 1; i < size_; ++i) {
      int const from = (rank_ + size_ - i) % size_;
      post_receive(in[static_cast<std::size_t>(from)], from, requests);
    }
    for (int i = 1; i < size_; ++i) {
      int const to = (rank_ + i) % size_;
      post_send(out[static_cast<std::size_t>(to)], to, requests);
    }
    std::ranges::copy(out[static_cast<std::size_t>(rank_)], in[static_cast<std::size_t>(rank_)].begin());
    wait_all(requests);
    return in;
  });
}

void MpiCommunicator::all_sum(std::span<std::int64_t> values) {
  in_pieces(values.size(), std::max<std::size_t>(1, piece_bytes_ / sizeof(std::int64_t)), [&](std::size_t at, int count) {
    check(MPI_Allreduce(MPI_IN_PLACE, values.data() + at, count, MPI_INT64_T, MPI_SUM, comm_), "MPI_Allreduce");
  });
}

std::int64_t MpiCommunicator::exscan(std::int64_t value) {
  std::int64_t before = 0;
  check(MPI_Exscan(&value, &before, 1, MPI_INT64_T, MPI_SUM, comm_), "MPI_Exscan");
  return rank_ == 0 ? 0 : before;  // MPI leaves rank 0's buffer undefined
}

}  // namespace rxhpc
