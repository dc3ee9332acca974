// What every communicator must do; run on ranks as threads and, the same text, under mpirun.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>
#include <thread>

#include "rxhpc/communicator.hpp"
#include "rxhpc/merge_tree.hpp"

namespace rxhpc::test {

inline void check_broadcast(Communicator& comm) {
  for (int root = 0; root < comm.size(); ++root)
    for (std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{100003}}) {
      std::string const text(length, static_cast<char>('a' + root % 20));
      Bytes bytes = comm.rank() == root ? to_bytes(text) : to_bytes("something else");
      comm.broadcast(bytes, root);
      EXPECT_EQ(to_text(bytes), text) << "root " << root;
    }
}

inline void check_gather(Communicator& comm) {
  for (int root = 0; root < comm.size(); ++root) {
    auto const text_of = [](int rank) { return std::string(static_cast<std::size_t>(rank) * 5000, static_cast<char>('a' + rank % 20)); };
    auto const all = comm.gather(to_bytes(text_of(comm.rank())), root);
    if (comm.rank() != root) {
      EXPECT_TRUE(all.empty());
      continue;
    }
    ASSERT_EQ(all.size(), static_cast<std::size_t>(comm.size()));
    for (int r = 0; r < comm.size(); ++r) EXPECT_EQ(to_text(all[static_cast<std::size_t>(r)]), text_of(r));
  }
}

inline void check_all_to_all(Communicator& comm) {
  auto const text_of = [](int from, int to) { return std::string(static_cast<std::size_t>((from * 7 + to) % 5) * 3000, static_cast<char>('a' + from)) + std::to_string(to); };
  std::vector<Bytes> out;
  for (int to = 0; to < comm.size(); ++to) out.push_back(to_bytes(text_of(comm.rank(), to)));
  auto const in = comm.all_to_all(out);
  ASSERT_EQ(in.size(), static_cast<std::size_t>(comm.size()));
  for (int from = 0; from < comm.size(); ++from) EXPECT_EQ(to_text(in[static_cast<std::size_t>(from)]), text_of(from, comm.rank()));
}

inline void check_sums(Communicator& comm) {
  std::int64_t const size = comm.size(), big = std::int64_t{1} << 60;
  std::vector<std::int64_t> values{comm.rank() == 0 ? big : 1, -comm.rank(), 0};
  comm.all_sum(values);
  EXPECT_EQ(values, (std::vector<std::int64_t>{big + size - 1, -(size * (size - 1)) / 2, 0}));
  EXPECT_EQ(comm.exscan(comm.rank() + 10), 10 * comm.rank() + comm.rank() * (comm.rank() - 1) / 2);
  auto const all = all_gather(comm, -5 * comm.rank());
  ASSERT_EQ(all.size(), static_cast<std::size_t>(comm.size()));
  for (int r = 0; r < comm.size(); ++r) EXPECT_EQ(all[static_cast<std::size_t>(r)], -5 * r);
  EXPECT_EQ(all_max(comm, -5 * comm.rank()), 0);
  EXPECT_EQ(all_max(comm, 3 * comm.rank() - 7), 3 * (comm.size() - 1) - 7);
  EXPECT_GE(comm.ranks_on_node(), 1);
}

/// Each subset of the ranks fails in turn: all throw what the lowest of them threw.
inline void check_fail_together(Communicator& comm) {
  std::vector<ErrorKind> const kinds{ErrorKind::data, ErrorKind::usage, ErrorKind::numerical, ErrorKind::other};
  auto const subsets = 1u << std::min(comm.size(), 4);
  for (unsigned failing = 0; failing < subsets; ++failing) {
    int caught = -1;
    std::string message;
    try {
      together(comm, [&] {
        if (comm.rank() < 4 && (failing >> comm.rank() & 1u))
          throw_error(kinds[static_cast<std::size_t>(comm.rank())], "rank " + std::to_string(comm.rank()) + " failed");
      });
    } catch (const Error& e) {
      caught = static_cast<int>(e.kind());
      message = e.what();
    }
    if (failing == 0) {
      EXPECT_EQ(caught, -1);
      continue;
    }
    auto const lowest = static_cast<std::size_t>(std::countr_zero(failing));
    EXPECT_EQ(caught, static_cast<int>(kinds[lowest])) << "failing ranks " << failing;
    EXPECT_EQ(message, "rank " + std::to_string(lowest) + " failed");
  }
  std::string message;
  try {
    together(comm, [] { throw std::bad_alloc(); });
  } catch (const std::exception& e) {
    message = e.what();
  }
  EXPECT_NE(message, "");
}

/// Neither associative nor commutative: any other tree gives other bits.
inline void crooked_merge(std::span<double> into, std::span<double const> from) {
  for (std::size_t i = 0; i < into.size(); ++i) into[i] = std::sin(3.0 * into[i]) + 0.1 * from[i] * into[i] + 0.5 * from[i];
}
inline std::vector<double> leaf_of(std::int64_t chunk) { return {0.25 + static_cast<double>(chunk), 1.0 / (1.0 + static_cast<double>(chunk))}; }

/// The tree as its text says it, from the root down.
inline std::vector<double> root_by_definition(int level, std::int64_t place, std::int64_t chunks) {
  if (level == 0) return leaf_of(place);
  auto left = root_by_definition(level - 1, 2 * place, chunks);
  if (((2 * place + 1) << (level - 1)) >= chunks) return left;
  crooked_merge(left, root_by_definition(level - 1, 2 * place + 1, chunks));
  return left;
}

inline void check_merge_tree(Communicator& comm, unsigned seed, int threads) {
  std::vector<double> const fresh{-1.0, -2.0};
  for (std::int64_t const chunks : {0, 1, 2, 3, 5, 8, 13}) {
    int level = 0;
    while ((std::int64_t{1} << level) < chunks) ++level;
    auto const expected = chunks == 0 ? fresh : root_by_definition(level, 0, chunks);

    MergeTree tree(chunks, crooked_merge);
    auto const share = share_of(chunks, comm.rank(), comm.size());
    std::vector<std::int64_t> order;
    for (auto c = share.first; c < share.last; ++c) order.push_back(c);
    std::mt19937 shuffle(seed + static_cast<unsigned>(comm.rank()));
    std::shuffle(order.begin(), order.end(), shuffle);
    std::vector<std::thread> workers;
    for (int t = 0; t < threads; ++t)
      workers.emplace_back([&, t] {
        for (std::size_t i = static_cast<std::size_t>(t); i < order.size(); i += static_cast<std::size_t>(threads)) tree.insert(order[i], leaf_of(order[i]));
      });
    for (auto& worker : workers) worker.join();
    auto const root = all_merge(comm, tree, fresh);
    ASSERT_EQ(root.size(), expected.size());
    for (std::size_t i = 0; i < root.size(); ++i)
      EXPECT_EQ(std::bit_cast<std::uint64_t>(root[i]), std::bit_cast<std::uint64_t>(expected[i])) << chunks << " chunks, " << comm.size() << " ranks";
  }
}

}  // namespace rxhpc::test
