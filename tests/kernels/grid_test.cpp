#include <gtest/gtest.h>

#include "rxhpc/chunk.hpp"

namespace rxhpc {
namespace {

TEST(Grid, ShortTablesAreOneChunk) {
  for (std::int64_t rows : {0, 1, 1000, 131072}) EXPECT_EQ(balanced_chunk_rows(rows), default_chunk_rows) << rows;
  EXPECT_EQ(Grid::uniform(131072, 0).chunks(), 1);
  EXPECT_EQ(Grid::uniform(0, 0).chunks(), 0);
}

TEST(Grid, ThreadsAndRanksHaveEqualShares) {
  for (std::int64_t rows : {131073, 150000, 262144, 262145, 300000, 500000, 700000, 1000000, 1100000, 2000000, 6080000, 10000000, 12345678}) {
    auto const grid = Grid::uniform(rows, 0);
    auto const length = grid.rows(0);
    EXPECT_GE(length, default_chunk_rows / 2) << rows;
    EXPECT_LE(length, default_chunk_rows) << rows;
    EXPECT_EQ(grid.total(), rows);
    EXPECT_EQ(length % 256, 0) << rows;
    for (int threads : {2, 4, 8, 16}) {
      if (rows < threads * (default_chunk_rows / 2)) continue;
      EXPECT_EQ(grid.chunks() % threads, 0) << rows << " rows, " << threads << " threads";
    }
    EXPECT_LT(length - grid.rows(grid.chunks() - 1), 256 * grid.chunks()) << rows;
  }
}

TEST(Grid, ALengthThatIsAskedForIsKept) {
  auto const grid = Grid::uniform(1000, 300);
  ASSERT_EQ(grid.chunks(), 4);
  EXPECT_EQ(grid.rows(0), 300);
  EXPECT_EQ(grid.rows(3), 100);
}

}  // namespace
}  // namespace rxhpc
