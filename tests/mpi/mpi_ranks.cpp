// The same cases under mpirun; one binary, many cases, because a start of mpirun costs half a second.
#include <mpi.h>

#include <cstdio>
#include <memory>
#include <optional>

#include <Kokkos_Core.hpp>

#include "../rx/sweep_cases.hpp"
#include "communicator_cases.hpp"
#include "rxhpc/mpi_communicator.hpp"
#include "short_memory.hpp"

using namespace rxhpc;
using namespace rxhpc::test;

namespace {

std::unique_ptr<MpiCommunicator> world;

// Ranks above 0 print nothing but their failures.
class FailuresOnly final : public testing::EmptyTestEventListener {
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (result.failed())
      std::fprintf(stderr, "rank %d: %s:%d: %s\n", world->rank(), result.file_name() ? result.file_name() : "?", result.line_number(), result.message());
  }
};

TEST(Mpi, Broadcast) { check_broadcast(*world); }
TEST(Mpi, Gather) { check_gather(*world); }
TEST(Mpi, AllToAll) { check_all_to_all(*world); }
TEST(Mpi, Sums) { check_sums(*world); }
TEST(Mpi, FailTogether) { check_fail_together(*world); }
TEST(Mpi, MergeTreeOfAnyOrderAndSplit) {
  for (unsigned seed = 0; seed < 10; ++seed) check_merge_tree(*world, seed, 1 + static_cast<int>(seed % 2));
}
TEST(Mpi, RanksOnNode) { EXPECT_EQ(world->ranks_on_node(), world->size()); }

// Messages of more than one piece, cut inside values.
TEST(Mpi, LongMessagesGoInPieces) {
  MpiCommunicator small(MPI_COMM_WORLD, 1001);
  check_broadcast(small);
  check_gather(small);
  check_all_to_all(small);
  check_sums(small);
  check_merge_tree(small, 3, 1);
  std::vector<std::int64_t> values(1000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int64_t>(i) + small.rank();
  small.all_sum(values);
  std::int64_t const n = small.size();
  for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], static_cast<std::int64_t>(i) * n + n * (n - 1) / 2);
}

// Our messages do not meet the caller's, and the caller's error handler is not touched.
TEST(Mpi, LeavesTheCallersCommunicatorAlone) {
  int relation = MPI_UNEQUAL;
  MPI_Comm_compare(world->handle(), MPI_COMM_WORLD, &relation);
  EXPECT_EQ(relation, MPI_CONGRUENT);
  MPI_Errhandler handler;
  MPI_Comm_get_errhandler(MPI_COMM_WORLD, &handler);
  EXPECT_TRUE(handler == MPI_ERRORS_ARE_FATAL);
  MPI_Errhandler_free(&handler);
}

TEST(Mpi, AnErrorOfMpiBecomesAnException) {
  Bytes bytes;
  EXPECT_THROW(world->broadcast(bytes, world->size() + 5), LostRank);
  // The others may be waiting: nobody may be asked whether they failed, too.
  EXPECT_THROW(together(*world, [&] { world->broadcast(bytes, world->size() + 5); }), LostRank);
}

TEST(Mpi, MemoryThatOneRankLacksIsRefusedOnAll) {
  Bytes const much(1 << 20);
  int const last = world->size() - 1;
  auto const refused = [&](int lacking, auto&& call) {
    std::optional<ShortMemory> shortage;
    if (world->rank() == lacking) shortage.emplace(100000);
    try {
      call();
      ADD_FAILURE();
    } catch (const LostRank&) {
      ADD_FAILURE();
    } catch (const Error& e) {
      EXPECT_STREQ(e.what(), "out of memory");
    }
  };
  std::vector<Bytes> const out(static_cast<std::size_t>(world->size()), much);
  refused(0, [&] { world->gather(much); });
  refused(last, [&] { world->gather(much, last); });
  refused(last, [&] { world->all_to_all(out); });
  if (world->size() == 1) return;
  Bytes bytes = world->rank() == 0 ? much : Bytes{};
  refused(last, [&] { world->broadcast(bytes); });
  EXPECT_EQ(world->gather(much).size(), world->rank() == 0 ? out.size() : 0u);  // and all can go on
}

TEST(MpiSweep, SameBitsAsOneRank) { check_sweep_bits(*world, {1, 2}); }
TEST(MpiSweep, LocalRows) { check_sweep_of_local_rows(*world); }
TEST(MpiSweep, FailsTogether) { check_sweep_fails_together(*world); }
TEST(MpiSweep, MapRowsInEqualRounds) { check_map_rows(*world, 2); }

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  int status = 0;
  {
    Kokkos::ScopeGuard kokkos(argc, argv);
    world = std::make_unique<MpiCommunicator>();
    if (world->rank() != 0) {
      auto& listeners = testing::UnitTest::GetInstance()->listeners();
      delete listeners.Release(listeners.default_result_printer());
      listeners.Append(new FailuresOnly);
    }
    std::int64_t failures = RUN_ALL_TESTS();
    world->all_sum({&failures, 1});
    status = failures == 0 ? 0 : 1;
    world.reset();
  }
  MPI_Finalize();
  return status;
}
