#include "sweep_cases.hpp"

#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include <nlohmann/json.hpp>

#include "rxhpc/lin_mod.hpp"
#include "rxhpc/row_source.hpp"
#include "thread_communicator.hpp"

/// Views that stand for such in device memory: no thread may look at them where they lie.
template <class T, class Layout>
using FarView = Kokkos::View<T, Layout, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::RandomAccess>>;
namespace rxhpc::impl {
template <class T, class Layout>
constexpr bool host_reaches<FarView<T, Layout>> = false;
}

using namespace rxhpc;
using namespace rxhpc::test;

namespace {

class SweepRanks : public testing::TestWithParam<int> {};

TEST_P(SweepRanks, SameBits) {
  on_ranks(GetParam(), [](Communicator& comm) { check_sweep_bits(comm, {1}); });
}
TEST_P(SweepRanks, LocalRows) { on_ranks(GetParam(), check_sweep_of_local_rows); }
TEST_P(SweepRanks, FailsTogether) { on_ranks(GetParam(), check_sweep_fails_together); }
TEST_P(SweepRanks, MapRowsInEqualRounds) {
  on_ranks(GetParam(), [](Communicator& comm) { check_map_rows(comm, 1); });
}
INSTANTIATE_TEST_SUITE_P(Threads, SweepRanks, testing::Values(1, 2, 3, 4, 7));

TEST(Sweep, SameBitsForAnyNumberOfThreads) {
  SelfCommunicator self;
  check_sweep_bits(self, {0, 1, 2, 3, 64});
  check_map_rows(self, 2);
  check_map_rows(self, 0);
}

TEST(Sweep, LowestBadChunkIsReportedByAnyNumberOfThreads) {
  // Every chunk fails: whatever thread is first, the error is chunk 0's.
  class Bad final : public ChunkSource {
   public:
    const Schema& schema() const override { return schema_; }
    const Grid& grid() const override { return grid_; }
    void read(std::int64_t chunk, std::span<const int>, Chunk&) const override { throw DataError("chunk " + std::to_string(chunk)); }

   private:
    Schema schema_{{Variable{}}};
    Grid grid_ = Grid::uniform(100, 10);
  };
  SelfCommunicator self;
  Bad const source;
  for (int repeat = 0; repeat < 20; ++repeat) try {
      sweep(source, first_column, RawSum(), {}, self);
      FAIL();
    } catch (const DataError& e) {
      EXPECT_STREQ(e.what(), "chunk 0");
    }
}

TEST(Sweep, TakesNoMoreThreadsThanTheMemoryLimitHasRoomFor) {
  // Each chunk is said to take 60 MiB; every thread that reads one is noted.
  class Large final : public ChunkSource {
   public:
    const Schema& schema() const override { return schema_; }
    const Grid& grid() const override { return grid_; }
    std::int64_t held_bytes(std::span<const int>) const override { return 60 << 20; }
    void read(std::int64_t chunk, std::span<const int>, Chunk& out) const override {
      {
        std::lock_guard const lock(mutex);
        readers.insert(std::this_thread::get_id());
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      out.index = chunk;
      out.rows = 0;
      out.columns.assign(1, {});
    }
    mutable std::mutex mutex;
    mutable std::set<std::thread::id> readers;

   private:
    Schema schema_{{Variable{}}};
    Grid grid_ = Grid::uniform(400, 10);
  };
  SelfCommunicator self;
  RunOptions options;
  options.threads = 2;
  options.memory_limit = 100 << 20;
  Large const narrow;
  sweep(narrow, first_column, RawSum(), options, self);
  EXPECT_EQ(narrow.readers.size(), 1u);
  options.memory_limit = 200 << 20;
  Large const roomy;
  sweep(roomy, first_column, RawSum(), options, self);
  EXPECT_EQ(roomy.readers.size(), std::min<std::size_t>(2, HostSpace().concurrency()));
}

TEST(Sweep, TimingAddsUpOverPasses) {
  SelfCommunicator self;
  ViewSource const source({{"x", values_of(0, rows_of_case)}}, chunk_rows_of_case);
  Timing timing;
  int passes_seen = 0;
  RunOptions options;
  options.progress = [&](const Progress& p) { passes_seen = p.pass; };
  for (int pass = 1; pass <= 3; ++pass) {
    sweep(source, first_column, RawSum(), options, self, &timing);
    EXPECT_EQ(timing.passes, pass);
    EXPECT_EQ(passes_seen, pass);
    EXPECT_EQ(timing.rows, pass * rows_of_case);
    EXPECT_EQ(timing.bytes, pass * rows_of_case * 8);
  }
  EXPECT_GE(timing.read_s, 0);
  EXPECT_GT(timing.compute_s, 0);
}

TEST(ViewSource, ViewsOutOfReachAreCopiedChunkByChunk) {
  constexpr std::int64_t n = 150000, chunk_rows = 100000;  // a chunk takes more than one copy
  Kokkos::View<double**, Kokkos::LayoutRight, Kokkos::HostSpace> fields("rxhpc::test::fields", n, 3);
  Kokkos::View<std::int16_t*, Kokkos::HostSpace> codes("rxhpc::test::codes", n);
  for (std::int64_t i = 0; i < n; ++i) {
    fields(i, 1) = 0.5 * static_cast<double>(i);
    codes(i) = static_cast<std::int16_t>(i % 3 - 1);
  }
  FarView<const double*, Kokkos::LayoutStride> const strided = Kokkos::subview(fields, Kokkos::ALL, 1);
  FarView<const std::int16_t*, Kokkos::LayoutLeft> const dense = codes;
  ViewSource const source({{"x", strided}, {"f", dense, {"a", "b"}}}, chunk_rows);
  EXPECT_EQ(source.held_bytes(std::vector<int>{0, 1}), chunk_rows * 10);
  EXPECT_EQ(ViewSource({{"f", codes, {"a", "b"}}}).held_bytes(std::vector<int>{0}), 0);
  Chunk chunk;
  for (std::int64_t c : {1, 0}) {
    std::vector<int> const all{0, 1};
    source.read(c, all, chunk);
    ASSERT_EQ(chunk.rows, c == 0 ? chunk_rows : n - chunk_rows);
    EXPECT_NE(chunk.columns[0].data, fields.data());
    for (std::int64_t i = 0; i < chunk.rows; ++i) {
      auto const row = c * chunk_rows + i;
      ASSERT_EQ(chunk.columns[0].value(i), 0.5 * static_cast<double>(row));
      ASSERT_EQ(chunk.columns[1].integer(i), row % 3 - 1);
    }
  }
}

/// Where Kokkos was built for a device.
TEST(ViewSource, DeviceMemory) {
  using Device = Kokkos::DefaultExecutionSpace::memory_space;
  if (Kokkos::SpaceAccessibility<Kokkos::HostSpace, Device>::accessible) GTEST_SKIP() << "the host reaches all memory of this Kokkos";
  constexpr std::int64_t n = 150000;
  Kokkos::View<double**, Kokkos::LayoutRight, Device> fields("rxhpc::test::fields", n, 3);
  Kokkos::View<std::int8_t*, Device> codes("rxhpc::test::codes", n);
  auto const host_fields = Kokkos::create_mirror(fields);
  auto const host_codes = Kokkos::create_mirror(codes);
  for (std::int64_t i = 0; i < n; ++i) {
    for (int j = 0; j < 3; ++j) host_fields(i, j) = static_cast<double>(i * (j + 3) % 1009) / 7;
    host_codes(i) = static_cast<std::int8_t>(i % 4 - 1);
  }
  Kokkos::deep_copy(fields, host_fields);
  Kokkos::deep_copy(codes, host_codes);
  auto const fit = [](const auto& x, const auto& f) {
    SelfCommunicator self;
    ViewSource const source({{"y", Kokkos::subview(x, Kokkos::ALL, 0)}, {"x", Kokkos::subview(x, Kokkos::ALL, 2)}, {"f", f, {"a", "b", "c"}}}, 70000);
    auto json = to_json(lin_mod(source, "y ~ x * f", {}, self));
    json.erase("timing");
    return json.dump();
  };
  EXPECT_EQ(fit(fields, codes), fit(host_fields, host_codes));
}

TEST(ViewSource, AnyLayoutStrideAndType) {
  constexpr std::size_t n = 23;
  Kokkos::View<double**, Kokkos::LayoutLeft, Kokkos::HostSpace> left("rxhpc::test::left", n, 3);
  Kokkos::View<float**, Kokkos::LayoutRight, Kokkos::HostSpace> right("rxhpc::test::right", n, 5);
  Kokkos::View<std::int8_t*, Kokkos::HostSpace> i8("rxhpc::test::i8", n);
  Kokkos::View<std::int16_t*, Kokkos::HostSpace> i16("rxhpc::test::i16", n);
  Kokkos::View<std::uint16_t*, Kokkos::HostSpace> u16("rxhpc::test::u16", n);
  Kokkos::View<std::int32_t*, Kokkos::HostSpace> i32("rxhpc::test::i32", n);
  Kokkos::View<std::int64_t*, Kokkos::HostSpace> i64("rxhpc::test::i64", n);
  std::vector<double> plain(2 * n);
  for (std::size_t i = 0; i < n; ++i) {
    left(i, 1) = 0.5 * static_cast<double>(i);
    right(i, 2) = 0.25f * static_cast<float>(i);
    i8(i) = static_cast<std::int8_t>(i);
    i16(i) = static_cast<std::int16_t>(-static_cast<int>(i));
    u16(i) = static_cast<std::uint16_t>(60000 + i);
    i32(i) = static_cast<std::int32_t>(i * 100000);
    i64(i) = static_cast<std::int64_t>(i) << 40;
    plain[2 * i] = static_cast<double>(i) * 3;
  }
  i32(3) = INT32_MIN;
  i8(4) = -1;
  Kokkos::View<const double*, Kokkos::LayoutStride, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>> const every_other(
      plain.data(), Kokkos::LayoutStride(n, 2));
  ViewSource const source({{"left", Kokkos::subview(left, Kokkos::ALL, 1)},
                           {"right", Kokkos::subview(right, Kokkos::ALL, 2)},
                           {"i8", i8},
                           {"i16", i16},
                           {"u16", u16},
                           {"i32", Kokkos::View<const std::int32_t*, Kokkos::HostSpace>(i32)},
                           {"i64", i64},
                           {"plain", every_other},
                           {"f", i8, std::vector<std::string>(n, "level")}},
                          10);
  EXPECT_EQ(source.grid().chunks(), 3);
  EXPECT_EQ(source.schema()[8].type, VarType::factor);
  std::vector<int> const all{0, 1, 2, 3, 4, 5, 6, 7, 8};
  Chunk chunk;
  for (std::int64_t c = 0; c < 3; ++c) {
    source.read(c, all, chunk);
    EXPECT_EQ(chunk.rows, c == 2 ? 3 : 10);
    EXPECT_EQ(chunk.first_row, 10 * c);
    for (std::int64_t i = 0; i < chunk.rows; ++i) {
      auto const row = static_cast<double>(chunk.first_row + i);
      EXPECT_EQ(chunk.columns[0].value(i), 0.5 * row);
      EXPECT_EQ(chunk.columns[1].value(i), 0.25 * row);
      EXPECT_EQ(chunk.columns[2].value(i), row == 4 ? -1.0 : row);
      EXPECT_EQ(chunk.columns[3].value(i), -row);
      EXPECT_EQ(chunk.columns[4].value(i), 60000 + row);
      if (row == 3) EXPECT_TRUE(std::isnan(chunk.columns[5].value(i)));
      else EXPECT_EQ(chunk.columns[5].value(i), row * 100000);
      EXPECT_EQ(chunk.columns[6].value(i), row * 1099511627776.0);
      EXPECT_EQ(chunk.columns[7].value(i), row * 3);
      EXPECT_EQ(chunk.columns[8].code(i), row == 4 ? -1 : static_cast<int>(row));
    }
    EXPECT_EQ(chunk.columns[0].data, left.data() + n + 10 * c) << "copied";
  }
}

TEST(ViewSource, RefusesWhatDoesNotFit) {
  auto const five = values_of(0, 5), six = values_of(0, 6);
  EXPECT_THROW(ViewSource({{"a", five}, {"b", six}}), UsageError);
  EXPECT_THROW(ViewSource({{"a", five}, {"a", five}}), UsageError);
  EXPECT_THROW(ViewSource({{"a", five}}, 0), UsageError);
  Kokkos::View<int*, Kokkos::HostSpace> codes("rxhpc::test::codes", 3);
  codes(2) = 2;
  ViewSource const source({{"f", codes, {"a", "b"}}});
  Chunk chunk;
  try {
    source.read(0, first_column, chunk);
    FAIL();
  } catch (const DataError& e) {
    EXPECT_STREQ(e.what(), "column 'f': row 3 holds code 2, levels are 0 to 1 and -1 for missing");
  }
}

}  // namespace
