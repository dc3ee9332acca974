#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "../../io/src/posix_file.hpp"
#include "../../io/src/raw_columns.hpp"
#include "rxhpc/errors.hpp"
#include "table_support.hpp"

namespace rxhpc::impl {
namespace {

constexpr unsigned char untouched = 0xA5;

/// Columns in one file, as a table lays them out, and what must be in it in the end.
struct Columns {
  std::vector<RawColumns::Place> places;
  std::int64_t chunks;
  std::uint64_t last_length;
  std::vector<unsigned char> expected;

  Columns(std::vector<RawColumns::Place> p, std::int64_t count, std::uint64_t last, std::uint64_t file_bytes)
      : places(std::move(p)), chunks(count), last_length(last), expected(file_bytes, untouched) {
    for (std::size_t c = 0; c < places.size(); ++c) places[c].bytes = bytes(c);
    for (std::size_t c = 0; c < places.size(); ++c)
      for (std::uint64_t i = 0; i < bytes(c); ++i) expected[places[c].begin + i] = static_cast<unsigned char>(1 + (i * 7 + i / 253 + c) % 251);
  }
  std::uint64_t bytes(std::size_t c) const { return static_cast<std::uint64_t>(chunks - 1) * places[c].length + std::min(last_length, places[c].length); }
  std::span<const unsigned char> chunk(std::size_t c, std::int64_t k) const {
    auto const first = static_cast<std::uint64_t>(k) * places[c].length;
    return {expected.data() + places[c].begin + first, std::min(places[c].length, bytes(c) - first)};
  }
};

std::vector<unsigned char> written_by(const Columns& columns, const std::vector<std::pair<std::size_t, std::int64_t>>& order, int threads) {
  test::Folder folder;
  auto const path = folder / "columns";
  FileDescriptor const fd(::open(path.c_str(), O_RDWR | O_CREAT, 0600));
  std::vector<unsigned char> bytes(columns.expected.size(), untouched);
  write_at(fd.get(), bytes.data(), bytes.size(), 0, path);
  RawColumns raw(fd.get(), path, columns.places);
  std::atomic<std::size_t> next = 0;
  auto const work = [&] {
    for (std::size_t i; (i = next++) < order.size();) raw.write(order[i].first, order[i].second, columns.chunk(order[i].first, order[i].second));
  };
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back(work);
  work();
  for (auto& t : others) t.join();
  EXPECT_TRUE(raw.complete());
  EXPECT_TRUE(read_at(fd.get(), bytes.data(), bytes.size(), 0, path));
  return bytes;
}

/// Whatever the order, and whoever writes: the same bytes, and none beside the columns.
TEST(RawColumns, EveryOrderGivesTheSameBytes) {
  constexpr std::uint64_t mib = RawColumns::block;
  Columns const tables[] = {
      {{{mib + 576, mib}, {6 * mib + 1152, mib}}, 4, 12345, 11 * mib},                 // doubles behind boundaries
      {{{mib + 100 * 1024, mib}, {6 * mib + 400 * 1024, mib}}, 4, mib, 12 * mib},      // one too far behind them
      {{{4096, 128 * 1024}, {mib + 15 * 1024, 128 * 1024}}, 6, 1, 2 * mib},            // codes
      {{{320, 1000000}, {5 * mib + 64, 1000}, {6 * mib, 65536}}, 5, 999, 7 * mib},     // lengths that are no power of two
      {{{0, 8}, {64, 1}}, 3, 8, 128},
  };
  std::mt19937 random(7);
  for (auto const& columns : tables) {
    std::vector<std::pair<std::size_t, std::int64_t>> order;
    for (std::size_t c = 0; c < columns.places.size(); ++c)
      for (std::int64_t k = 0; k < columns.chunks; ++k) order.emplace_back(c, k);
    EXPECT_TRUE(written_by(columns, order, 1) == columns.expected);
    std::reverse(order.begin(), order.end());
    EXPECT_TRUE(written_by(columns, order, 1) == columns.expected);
    for (int times = 0; times < 12; ++times) {
      std::shuffle(order.begin(), order.end(), random);
      EXPECT_TRUE(written_by(columns, order, 1 + times % 4) == columns.expected);
    }
  }
}

/// The end of a chunk waits for the next one.
TEST(RawColumns, AnEndWaitsForTheNextChunk) {
  Columns const columns({{4096, RawColumns::block}}, 2, 4096, 2 * RawColumns::block);
  test::Folder folder;
  auto const path = folder / "columns";
  FileDescriptor const fd(::open(path.c_str(), O_RDWR | O_CREAT, 0600));
  RawColumns raw(fd.get(), path, columns.places);
  raw.write(0, 0, columns.chunk(0, 0));
  EXPECT_FALSE(raw.complete());
  EXPECT_THROW(raw.write(0, 1, columns.chunk(0, 0)), Error);  // of another length
  raw.write(0, 1, columns.chunk(0, 1));
  EXPECT_TRUE(raw.complete());
}

TEST(RawColumns, AFullDiskIsSaid) {
  FileDescriptor const full(::open("/dev/full", O_WRONLY));
  if (!full) GTEST_SKIP() << "no /dev/full here";
  std::vector<unsigned char> const bytes(100);
  RawColumns raw(full.get(), "t.h5", {{0, 100, 100}});
  try {
    raw.write(0, 0, bytes);
    FAIL() << "nothing was thrown";
  } catch (const DataError& e) {
    EXPECT_STREQ(e.what(), "t.h5: cannot write: no space left on device");
  }
}

}  // namespace
}  // namespace rxhpc::impl
