// Tables read piece by piece, and chunks that have been checked once.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <fstream>

#include "rxhpc/contingency.hpp"
#include "rxhpc/errors.hpp"
#include "table_support.hpp"
#include "thread_communicator.hpp"

namespace rxhpc {
namespace {

using namespace rxhpc::test;

/// As read_all, from pieces; notes how many came and how many times a chunk was begun.
struct Pieces {
  std::vector<std::vector<unsigned char>> bytes;
  int pieces = 0, begun = 0;
};

void read_pieces_of(const ChunkSource& source, std::int64_t k, Chunk& chunk, Pieces& out) {
  auto const columns = all_columns(source);
  out.bytes.resize(columns.size());
  std::vector<std::vector<unsigned char>> mine(columns.size());
  std::int64_t next = 0;
  source.read_pieces(k, columns, chunk, [&](std::int64_t first, std::int64_t rows) {
    if (first == 0) {
      next = 0;
      for (auto& m : mine) m.clear();
      ++out.begun;
    }
    ++out.pieces;
    EXPECT_EQ(first, next);
    next = first + rows;
    EXPECT_TRUE(rows % piece_rows == 0 || next == chunk.rows);
    for (std::size_t c = 0; c < mine.size(); ++c) {
      auto const width = source.schema()[c].value_bytes();
      auto const* p = static_cast<const unsigned char*>(chunk.columns[c].data);
      mine[c].insert(mine[c].end(), p + first * width, p + next * width);
    }
  });
  EXPECT_EQ(next, chunk.rows);
  for (std::size_t c = 0; c < mine.size(); ++c) out.bytes[c].insert(out.bytes[c].end(), mine[c].begin(), mine[c].end());
}

Pieces read_all_pieces(const ChunkSource& source) {
  Pieces out;
  Chunk chunk;
  for (std::int64_t k = 0; k < source.grid().chunks(); ++k) read_pieces_of(source, k, chunk, out);
  return out;
}

std::string read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Where the bytes of rows [first, first + 10) of column 0 lie in the file.
off_t place_of_rows(const std::string& path, const MemoryTable& t, std::int64_t first) {
  auto const at = read_bytes(path).find(std::string(reinterpret_cast<const char*>(t.columns[0].bytes.data()) + 8 * first, 80));
  EXPECT_NE(at, std::string::npos);
  return static_cast<off_t>(at);
}

/// Changes one byte of the file as it stands.
void change_byte(const std::string& path, off_t at) {
  int const fd = ::open(path.c_str(), O_RDWR);
  char byte = 0;
  ASSERT_EQ(::pread(fd, &byte, 1, at), 1);
  byte ^= 1;
  ASSERT_EQ(::pwrite(fd, &byte, 1, at), 1);
  ::close(fd);
}

constexpr std::int64_t rows = 5 * piece_rows + 1234, chunk_rows = 3 * piece_rows + 100;

TEST(TablePieces, AreTheRowsOfTheWhole) {
  Folder folder;
  SelfCommunicator comm;
  auto const t = every_type(rows, chunk_rows);
  for (auto codec : {Codec::none, Codec::portable}) {
    write_table(t, folder / "t.h5", {.codec = codec, .overwrite = true});
    auto const source = open_table(folder / "t.h5", comm);
    for (int pass = 1; pass <= 2; ++pass) {  // the second finds them checked
      auto const got = read_all_pieces(*source);
      for (std::size_t c = 0; c < got.bytes.size(); ++c) EXPECT_TRUE(got.bytes[c] == t.columns[c].bytes) << t.columns[c].variable.name;
      EXPECT_EQ(got.begun, 2);
      EXPECT_EQ(got.pieces, codec == Codec::none ? 4 + 3 : 2);
    }
  }
}

TEST(TablePieces, DamageIsNoticedBeforeTheyCount) {
  Folder folder;
  SelfCommunicator comm;
  auto const path = folder / "t.h5";
  auto const t = every_type(rows, chunk_rows);
  write_table(t, path);
  change_byte(path, place_of_rows(path, t, chunk_rows + 3));
  auto const source = open_table(path, comm);
  Chunk chunk;
  Pieces got;
  read_pieces_of(*source, 0, chunk, got);
  try {
    source->read_pieces(1, all_columns(*source), chunk, [](std::int64_t, std::int64_t) {});
    FAIL();
  } catch (const DataError& e) {
    EXPECT_EQ(std::string(e.what()), path + ": data set 'numeric', chunk 1: damaged (hash differs)");
  }
}

TEST(TablePieces, DamageMayBeLeftToLaterReaders) {
  Folder folder;
  SelfCommunicator comm;
  auto const path = folder / "t.h5";
  auto const t = every_type(rows, chunk_rows);
  for (auto codec : {Codec::none, Codec::portable}) {
    write_table(t, path, {.codec = codec, .overwrite = true});
    auto const source = open_table(path, comm);
    Chunk chunk;
    source->read_unchecked(1, std::vector<int>{0}, chunk);
    EXPECT_EQ(std::memcmp(chunk.columns[0].data, t.columns[0].bytes.data() + 8 * chunk_rows, 8 * static_cast<std::size_t>(chunk.rows)), 0);
  }
  write_table(t, path, {.overwrite = true});
  change_byte(path, place_of_rows(path, t, chunk_rows + 3));
  auto const source = open_table(path, comm);
  Chunk chunk;
  source->read_unchecked(1, std::vector<int>{1, 0}, chunk);  // of which only the first is looked at
  EXPECT_THROW(source->read_unchecked(1, std::vector<int>{0, 1}, chunk), DataError);
  EXPECT_THROW(source->read(1, std::vector<int>{0}, chunk), DataError);  // not taken for right since
  EXPECT_THROW(source->read_pieces(1, std::vector<int>{0}, chunk, [](std::int64_t, std::int64_t) {}), DataError);
}

TEST(TablePieces, AreFoundUncheckedWhereAChunkHasMoved) {
  if (std::system("h5repack --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "no h5repack";
  Folder folder;
  SelfCommunicator comm;
  auto const t = every_type(rows, chunk_rows);
  write_table(t, folder / "t.h5");
  ASSERT_EQ(std::system(("h5repack -L " + (folder / "t.h5") + " " + (folder / "moved.h5")).c_str()), 0);
  auto const source = open_table(folder / "moved.h5", comm);
  Chunk chunk;
  source->read_unchecked(1, std::vector<int>{0, 1}, chunk);
  for (std::size_t c = 0; c < 2; ++c) {
    auto const bytes = static_cast<std::size_t>(t.columns[c].variable.value_bytes());
    EXPECT_EQ(std::memcmp(chunk.columns[c].data, t.columns[c].bytes.data() + bytes * chunk_rows, bytes * static_cast<std::size_t>(chunk.rows)), 0) << c;
  }
}

TEST(TablePieces, ComeAgainWhereAChunkHasMoved) {
  if (std::system("h5repack --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "no h5repack";
  Folder folder;
  SelfCommunicator comm;
  auto const t = every_type(rows, chunk_rows);
  write_table(t, folder / "t.h5");
  std::ofstream(folder / "block") << std::string(512, 'x');
  auto const command = "h5repack -u " + (folder / "block") + " -b 512 " + (folder / "t.h5") + " " + (folder / "moved.h5") + " > /dev/null 2>&1";
  ASSERT_EQ(std::system(command.c_str()), 0);
  auto const got = read_all_pieces(*open_table(folder / "moved.h5", comm));
  for (std::size_t c = 0; c < got.bytes.size(); ++c) EXPECT_TRUE(got.bytes[c] == t.columns[c].bytes) << t.columns[c].variable.name;
  EXPECT_GT(got.begun, 2);
}

// A table is never modified in place; one that is all the same shows what is hashed and when.
TEST(CheckedChunks, AreHashedOnceByASource) {
  Folder folder;
  SelfCommunicator comm;
  auto const path = folder / "t.h5";
  auto const t = every_type(rows, chunk_rows);
  write_table(t, path);
  auto const place = place_of_rows(path, t, 5);
  std::vector<int> const first{0};
  auto const nothing = [](std::int64_t, std::int64_t) {};
  for (bool in_pieces : {false, true}) {
    auto const source = open_table(path, comm);
    Chunk chunk;
    auto const read = [&](const ChunkSource& from) { in_pieces ? from.read_pieces(0, first, chunk, nothing) : from.read(0, first, chunk); };
    read(*source);
    change_byte(path, place);
    EXPECT_NO_THROW(read(*source));                         // seen to be right before
    EXPECT_THROW(read(*open_table(path, comm)), DataError);  // by nobody yet
    change_byte(path, place);
  }
}

TEST(CheckedChunks, MayShrinkUnderTheReader) {
  Folder folder;
  SelfCommunicator comm;
  auto const path = folder / "t.h5";
  write_table(every_type(20000, 1000), path);
  auto const source = open_table(path, comm);
  read_all_pieces(*source);
  ASSERT_EQ(truncate(path.c_str(), 8192), 0);
  Chunk chunk;
  auto const nothing = [](std::int64_t, std::int64_t) {};
  EXPECT_THROW(source->read(19, all_columns(*source), chunk), DataError);
  EXPECT_THROW(source->read_pieces(18, all_columns(*source), chunk, nothing), DataError);
}

/// What the zone map says of a chunk's values spares looking at them, and changes no sum: not where chunks have missing, infinite or huge values
/// beside those that have none, nor where the first rows are far smaller than the largest.
TEST(Bounds, ChangeNoBitOfSums) {
  Folder folder;
  std::vector<double> x(60000);
  std::vector<std::int16_t> code(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    auto const chunk = i / 10000;
    x[i] = std::sin(static_cast<double>(i)) * (i % 10000 < 300 ? 1e-6 : 1e3);
    if (chunk == 1 && i % 1000 == 7) x[i] = na_value();
    if (chunk == 2 && i % 10000 == 5000) x[i] = std::numeric_limits<double>::infinity();
    if (chunk == 3 && i % 10000 == 9000) x[i] = 1e17;
    if (chunk == 4) x[i] = i % 10000 == 9999 ? 1e300 : x[i] * 1e-20;
    if (chunk == 5) x[i] = 0;
    code[i] = static_cast<std::int16_t>(i * 7 % 13);
  }
  std::vector<std::string> levels;
  for (int k = 0; k < 13; ++k) levels.push_back(std::to_string(k));
  MemoryTable t;
  t.chunk_rows = 10000;
  t.columns = {values("x", VarType::numeric, Storage::float64, x), values("g", VarType::factor, Storage::int16, code, levels)};
  write_table(t, folder / "t.h5");
  SelfCommunicator comm;
  auto const source = open_table(folder / "t.h5", comm);
  ContingencySpec spec;
  spec.factors = {1};
  spec.levels = {13};
  spec.missing_level = {0};
  spec.values = {0};
  Chunk chunk;
  int bounded = 0;
  for (std::int64_t k = 0; k < source->grid().chunks(); ++k) {
    Contingency from_table(spec), from_memory(spec);
    for (int pass = 0; pass < 2; ++pass) {  // hashed, and seen to be right before
      from_table.reset();
      source->read_pieces(k, all_columns(*source), chunk, [&](std::int64_t first, std::int64_t count) {
        EXPECT_EQ(chunk.in_cache, pass == 0);
        if (first == 0) bounded += chunk.columns[0].bound == chunk.columns[0].bound;
        from_table.update_rows(chunk, first, count);
      });
      EXPECT_FALSE(chunk.in_cache);
    }
    auto const same = t.chunk(k);
    EXPECT_TRUE(std::isnan(same.columns[0].bound));
    from_memory.update(same);
    EXPECT_EQ(from_table.missing(), from_memory.missing());
    for (std::uint64_t cell = 0; cell < 13; ++cell) {
      auto const place = Contingency::place_of(cell);
      EXPECT_EQ(from_table.rows(place), from_memory.rows(place));
      auto const a = from_table.sum(0, place), b = from_memory.sum(0, place);
      EXPECT_EQ(std::memcmp(&a, &b, sizeof a), 0) << "chunk " << k << ", cell " << cell << ": " << a.hi << " and " << b.hi;
    }
  }
  EXPECT_EQ(bounded, 2 * 5);  // not where values are missing
}

/// Chunks are written from boundaries before their places, and by the ranks that have them: the file is the same.
TEST(LargeTables, AreTheSameBytesWhoeverWrites) {
  Folder folder;
  MemoryTable t;
  t.chunk_rows = 65536;
  std::vector<double> x(600000);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::sqrt(static_cast<double>(i));
  std::vector<std::int8_t> few(x.size());
  for (std::size_t i = 0; i < few.size(); ++i) few[i] = static_cast<std::int8_t>(i % 100);
  for (int c = 0; c < 4; ++c) t.columns.push_back(values("x" + std::to_string(c), VarType::numeric, Storage::float64, x));
  t.columns.push_back(values("few", VarType::integer, Storage::int8, few));
  write_table(t, folder / "one.h5");
  auto const one = read_whole(folder / "one.h5");
  SelfCommunicator self;
  auto const source = open_table(folder / "one.h5", self);
  auto const bytes = read_all(*source);
  for (std::size_t c = 0; c < bytes.size(); ++c) EXPECT_TRUE(bytes[c] == t.columns[c].bytes) << c;
  for (int ranks : {2, 3}) {
    on_ranks(ranks, [&](Communicator& comm) {
      auto sink = create_table(folder / "many.h5", t.schema(), t.grid(), {.overwrite = true}, plain_zone, comm);
      for (auto k = t.grid().chunks(); k-- > 0;)  // neighbours on different ranks
        if (k % comm.size() == comm.rank()) sink->write(t.chunk(k));
      sink->finish();
    });
    EXPECT_TRUE(read_whole(folder / "many.h5") == one) << ranks;
  }
}

/// Rows of many columns are used together: no two of neighbouring columns may want the same sets of a cache. Long columns begin just behind the
/// boundaries of RawColumns, which bring them into memory in long pieces; pages of others are apart, too.
TEST(LargeTables, ColumnsDoNotMeetInTheCaches) {
  for (std::int64_t count : {1 << 14, 1 << 16, 131072, 250000, 600000}) {
    Folder folder;
    MemoryTable t;
    t.chunk_rows = 65536;
    std::vector<double> x(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i);
    for (int c = 0; c < 8; ++c) t.columns.push_back(values("x" + std::to_string(c), VarType::numeric, Storage::float64, x));
    write_table(t, folder / "t.h5");
    SelfCommunicator comm;
    auto const source = open_table(folder / "t.h5", comm);
    Chunk chunk;
    source->read(0, all_columns(*source), chunk);
    std::vector<std::uintptr_t> at;
    for (auto const& c : chunk.columns) at.push_back(reinterpret_cast<std::uintptr_t>(c.data));
    std::sort(at.begin(), at.end());
    for (std::size_t i = 0; i < at.size(); ++i) {
      EXPECT_EQ(at[i] % 64, at[0] % 64) << count;
      for (std::size_t k = 0; k < i; ++k)
        for (std::uintptr_t period : {4096, 1 << 16, 1 << 20}) {
          auto const place = (at[i] - at[k]) % period;
          if (period == 1 << 20 && count >= 250000) EXPECT_LE(place, std::uintptr_t(128) << 10) << "columns " << k << " and " << i;
          else EXPECT_GE(std::min(place, period - place), period / 64) << count << " rows, columns " << k << " and " << i << ", period " << period;
        }
    }
    EXPECT_LE(at.back() - at.front(), 7u * (static_cast<std::uintptr_t>(count) * 9 + 4096)) << count;
  }
}

}  // namespace
}  // namespace rxhpc
