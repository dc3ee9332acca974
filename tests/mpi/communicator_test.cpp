#include "communicator_cases.hpp"
#include "rxhpc/self_communicator.hpp"
#include "thread_communicator.hpp"

using namespace rxhpc;
using namespace rxhpc::test;

namespace {

class Ranks : public testing::TestWithParam<int> {};

TEST_P(Ranks, Broadcast) { on_ranks(GetParam(), check_broadcast); }
TEST_P(Ranks, Gather) { on_ranks(GetParam(), check_gather); }
TEST_P(Ranks, AllToAll) { on_ranks(GetParam(), check_all_to_all); }
TEST_P(Ranks, Sums) { on_ranks(GetParam(), check_sums); }
TEST_P(Ranks, FailTogether) { on_ranks(GetParam(), check_fail_together); }
TEST_P(Ranks, MergeTreeOfAnyOrderAndSplit) {
  for (unsigned seed = 0; seed < 20; ++seed)
    on_ranks(GetParam(), [&](Communicator& comm) { check_merge_tree(comm, seed, 1 + static_cast<int>(seed % 3)); });
}
INSTANTIATE_TEST_SUITE_P(Threads, Ranks, testing::Values(1, 2, 3, 4, 7));

TEST(SelfCommunicator, DoesWhatTheOthersDo) {
  SelfCommunicator comm;
  check_broadcast(comm);
  check_gather(comm);
  check_all_to_all(comm);
  check_sums(comm);
  check_fail_together(comm);
  for (unsigned seed = 0; seed < 5; ++seed) check_merge_tree(comm, seed, 2);
}

TEST(Share, IsContiguousCompleteAndEven) {
  for (std::int64_t count : {0, 1, 2, 5, 13, 1000003})
    for (int size : {1, 2, 3, 4, 7, 64}) {
      std::int64_t next = 0;
      for (int rank = 0; rank < size; ++rank) {
        auto const share = share_of(count, rank, size);
        EXPECT_EQ(share.first, next);
        EXPECT_GE(share.last - share.first, count / size);
        EXPECT_LE(share.last - share.first, (count + size - 1) / size);
        next = share.last;
      }
      EXPECT_EQ(next, count);
    }
}

TEST(Text, KeepsEveryByte) {
  std::string const text("a\0\xff z", 5);
  EXPECT_EQ(to_text(to_bytes(text)), text);
  EXPECT_EQ(to_text(to_bytes("")), "");
}

TEST(MergeTree, HoldsFewStatesInOrder) {
  // In order a rank holds one state a level at the most.
  MergeTree tree(1000, [](std::span<double>, std::span<double const>) {});
  for (std::int64_t c = 0; c < 999; ++c) tree.insert(c, {0.0});
  EXPECT_LE(tree.take().size(), 10u);
}

TEST(MergeTree, NoticesAMissingChunk) {
  SelfCommunicator comm;
  MergeTree tree(4, crooked_merge);
  for (std::int64_t c : {0, 1, 3}) tree.insert(c, leaf_of(c));
  EXPECT_THROW(all_merge(comm, tree, {0.0, 0.0}), Error);
}

TEST(MergeTree, AMergeThatThrowsFailsOnEveryRank) {
  auto const failures = run_ranks(3, [](Communicator& comm) {
    MergeTree tree(6, [](std::span<double>, std::span<double const> from) {
      if (from[0] > 3.0) throw DataError("merge failed");
    });
    auto const share = share_of(6, comm.rank(), comm.size());
    // Leaves 2 and 3 live on one rank, so their merge fails there; here only merges between ranks may fail.
    together(comm, [&] {
      for (auto c = share.first; c < share.last; ++c) tree.insert(c, {c >= 4 ? 4.0 : 0.0});
    });
    all_merge(comm, tree, {0.0});
  });
  for (auto const& failure : failures) {
    ASSERT_TRUE(failure);
    EXPECT_THROW(std::rethrow_exception(failure), DataError);
  }
}

TEST(ThreadCommunicator, ARankThatLeavesIsNoHang) {
  auto const failures = run_ranks(3, [](Communicator& comm) {
    if (comm.rank() == 1) return;
    Bytes bytes;
    comm.broadcast(bytes);
  });
  EXPECT_TRUE(failures[0] && !failures[1] && failures[2]);
}

}  // namespace
