#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>

#include "rxhpc/errors.hpp"
#include "table_support.hpp"
#include "table_writer.hpp"
#include "thread_communicator.hpp"

namespace rxhpc {
namespace {

using namespace rxhpc::test;

constexpr Codec codecs[]{Codec::none, Codec::fast, Codec::portable, Codec::small};

void expect_same_schema(const Schema& got, const Schema& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t c = 0; c < got.size(); ++c) {
    EXPECT_EQ(got[c].name, expected[c].name);
    EXPECT_EQ(got[c].type, expected[c].type);
    EXPECT_EQ(got[c].storage, expected[c].storage);
    EXPECT_EQ(got[c].levels, expected[c].levels);
    EXPECT_EQ(got[c].description, expected[c].description);
    EXPECT_EQ(std::isnan(got[c].low), std::isnan(expected[c].low));
  }
}

void expect_same_table(const ChunkSource& source, const MemoryTable& t) {
  expect_same_schema(source.schema(), t.schema());
  ASSERT_EQ(source.grid().total(), t.rows());
  ASSERT_EQ(source.grid().chunks(), t.grid().chunks());
  auto const bytes = read_all(source);
  for (std::size_t c = 0; c < bytes.size(); ++c) EXPECT_EQ(bytes[c], t.columns[c].bytes) << t.columns[c].variable.name;
  ASSERT_NE(source.zone_map(), nullptr);
  for (std::size_t c = 0; c < bytes.size(); ++c)
    for (std::int64_t k = 0; k < t.grid().chunks(); ++k) {
      auto const chunk = t.chunk(k);
      auto const& v = t.columns[c].variable;
      auto const& z = source.zone_map()->moments[c][static_cast<std::size_t>(k)];
      EXPECT_EQ(z.n + z.missing, chunk.rows);
      if (v.storage == Storage::text) continue;
      std::vector<std::int64_t> counts(v.levels.size());
      auto const expected = plain_zone(v, chunk.columns[c], chunk.rows, counts);
      EXPECT_EQ(std::memcmp(&z, &expected, sizeof z), 0) << v.name;
      if (v.coded()) { EXPECT_EQ(source.zone_map()->level_counts[c][static_cast<std::size_t>(k)], counts); }
    }
}

TEST(Table, GivesBackEveryTypeWithEveryCodec) {
  Folder folder;
  SelfCommunicator comm;
  for (auto codec : codecs)
    for (std::int64_t rows : {1, 99, 100, 101, 1234}) {
      auto const t = every_type(rows, 100);
      auto const path = folder / "t.h5";
      write_table(t, path, {.codec = codec, .overwrite = true});
      EXPECT_TRUE(is_table(path));
      expect_same_table(*open_table(path, comm), t);
      EXPECT_EQ(folder.entries(), 1u);
    }
}

TEST(Table, SaysWhatAReadHolds) {
  Folder folder;
  SelfCommunicator comm;
  auto const t = every_type(1000, 300);
  for (auto codec : codecs) {
    write_table(t, folder / "t.h5", {.codec = codec, .overwrite = true});
    auto const source = open_table(folder / "t.h5", comm);
    auto const columns = all_columns(*source);
    EXPECT_EQ(source->held_bytes(columns), codec == Codec::none ? 0 : 300 * source->schema().row_bytes(columns));
  }
}

TEST(Table, MayHaveNoRowsOrNoColumns) {
  Folder folder;
  SelfCommunicator comm;
  for (auto codec : codecs) {
    auto const empty = every_type(0, 100);
    write_table(empty, folder / "rows.h5", {.codec = codec, .overwrite = true});
    expect_same_table(*open_table(folder / "rows.h5", comm), empty);
    MemoryTable const nothing;
    write_table(nothing, folder / "columns.h5", {.codec = codec, .overwrite = true});
    EXPECT_EQ(open_table(folder / "columns.h5", comm)->schema().size(), 0u);
  }
}

TEST(Table, IsTheSameBytesForTheSameRows) {
  Folder folder;
  for (auto codec : codecs) {
    auto const t = every_type(950, 100);
    write_table(t, folder / "one.h5", {.codec = codec, .overwrite = true});
    write_table(t, folder / "two.h5", {.codec = codec, .overwrite = true});
    EXPECT_TRUE(read_whole(folder / "one.h5") == read_whole(folder / "two.h5"));
    // Chunks in another order, and from several ranks that exchange at different moments.
    SelfCommunicator comm;
    auto sink = create_table(folder / "three.h5", t.schema(), t.grid(), {.codec = codec, .overwrite = true}, plain_zone, comm);
    for (std::int64_t k = t.grid().chunks(); k-- > 0;) sink->write(t.chunk(k));
    sink->finish();
    EXPECT_TRUE(read_whole(folder / "one.h5") == read_whole(folder / "three.h5")) << to_string(codec);
    for (int ranks : {2, 3, 7}) {
      on_ranks(ranks, [&](Communicator& rank) {
        auto many = create_table(folder / "many.h5", t.schema(), t.grid(), {.codec = codec, .overwrite = true}, plain_zone, rank);
        auto const share = share_of(t.grid().chunks(), rank.rank(), rank.size());
        for (int round = 0; round < 10; ++round) {
          if (share.first + round < share.last) many->write(t.chunk(share.first + round));
          if (round % 3 == 1) many->exchange();
        }
        many->finish();
      });
      EXPECT_TRUE(read_whole(folder / "one.h5") == read_whole(folder / "many.h5")) << to_string(codec) << " " << ranks;
    }
  }
}

TEST(Table, ConvertsToTheVariablesStorage) {
  Folder folder;
  SelfCommunicator comm;
  std::vector<double> const doubles{1, -0.5, na_value(), 127, 3};
  std::vector<std::int32_t> const integers{1, 2, INT32_MIN, 127, -3};
  auto const variable = [](const char* name, VarType type, Storage storage) {
    Variable v;
    v.name = name;
    v.type = type;
    v.storage = storage;
    return v;
  };
  Schema schema;
  schema.variables = {variable("f", VarType::float32, Storage::float32), variable("i", VarType::integer, Storage::int8),
                      variable("x", VarType::numeric, Storage::float64)};
  Chunk chunk;
  chunk.rows = 5;
  Column integer{.data = integers.data(), .missing = INT32_MIN, .storage = Storage::int32};
  chunk.columns = {Column{.data = doubles.data()}, integer, integer};
  auto sink = create_table(folder / "c.h5", schema, Grid::uniform(5, 5), {}, plain_zone, comm);
  sink->write(chunk);
  sink->finish();
  auto const source = open_table(folder / "c.h5", comm);
  Chunk back;
  source->read(0, all_columns(*source), back);
  EXPECT_EQ(back.columns[0].value(1), -0.5);
  EXPECT_TRUE(std::isnan(back.columns[0].value(2)));
  EXPECT_EQ(back.columns[1].integer(2), INT8_MIN);
  EXPECT_EQ(back.columns[1].integer(4), -3);
  EXPECT_TRUE(is_na(back.columns[2].value(2)));
  EXPECT_EQ(back.columns[2].value(3), 127.0);

  // Strided values, and a value that its storage cannot hold.
  std::vector<double> const pairs{1, 10, 2, 20, 3, 30, 4, 40, 5, 50};
  Schema one;
  one.variables = {variable("x", VarType::numeric, Storage::float64)};
  Chunk strided;
  strided.rows = 5;
  strided.columns = {Column{.data = pairs.data() + 1, .stride = 2}};
  sink = create_table(folder / "s.h5", one, Grid::uniform(5, 5), {}, plain_zone, comm);
  sink->write(strided);
  sink->finish();
  auto const narrow = open_table(folder / "s.h5", comm);
  narrow->read(0, std::vector<int>{0}, back);
  EXPECT_EQ(back.columns[0].value(3), 40.0);
  one.variables[0] = variable("x", VarType::integer, Storage::int8);
  std::vector<std::int32_t> const large{1, 2, 300, 4, 5};
  strided.columns = {Column{.data = large.data(), .missing = INT32_MIN, .storage = Storage::int32}};
  sink = create_table(folder / "l.h5", one, Grid::uniform(5, 5), {}, plain_zone, comm);
  EXPECT_THROW(sink->write(strided), Error);
}

TEST(Table, GivesEveryNaTheSameBits) {
  Folder folder;
  SelfCommunicator comm;
  std::vector<double> x{1.0, na_value(), std::nan(""), 2.0};
  std::uint64_t const quiet = na_bits | 0x0008000000000000ULL;
  std::memcpy(&x[1], &quiet, 8);
  MemoryTable t;
  t.columns = {values("x", VarType::numeric, Storage::float64, x)};
  for (auto codec : codecs) {
    write_table(t, folder / "n.h5", {.codec = codec, .overwrite = true});
    auto const bytes = read_all(*open_table(folder / "n.h5", comm));
    EXPECT_EQ(std::memcmp(bytes[0].data() + 8, &na_bits, 8), 0);
    EXPECT_EQ(std::memcmp(bytes[0].data() + 16, &x[2], 8), 0);
  }
}

TEST(Table, AppearsWholeOrNotAtAll) {
  Folder folder;
  SelfCommunicator comm;
  auto const t = every_type(250, 100);
  {
    auto sink = create_table(folder / "t.h5", t.schema(), t.grid(), {}, plain_zone, comm);
    sink->write(t.chunk(0));
    EXPECT_FALSE(std::filesystem::exists(folder / "t.h5"));
  }
  EXPECT_EQ(folder.entries(), 0u);
  {
    auto sink = create_table(folder / "t.h5", t.schema(), t.grid(), {}, plain_zone, comm);
    discard_unfinished_outputs();
    EXPECT_EQ(folder.entries(), 0u);
  }
  write_table(t, folder / "t.h5");
  EXPECT_THROW(write_table(t, folder / "t.h5"), UsageError);
  EXPECT_NO_THROW(write_table(t, folder / "t.h5", {.overwrite = true}));
  EXPECT_THROW(write_table(t, folder / "absent/t.h5"), DataError);
  EXPECT_THROW(open_table(folder / "absent.h5", comm), DataError);
}

/// Writes to a disk that takes no more (a limit on the size of files stands for it: the same writes fail, with another reason) and
/// checks the message; 0 where all is well. For a process of its own: HDF5 cannot close such a file, and crashes at exit because of it.
int failures_on_a_full_disk(const Folder& folder, const MemoryTable& t) {
  int failures = 0;
  std::signal(SIGXFSZ, SIG_IGN);
  for (auto codec : codecs)
    for (rlim_t limit : {1000, 30000, 100000}) {
      struct rlimit now{};
      getrlimit(RLIMIT_FSIZE, &now);
      now.rlim_cur = limit;
      setrlimit(RLIMIT_FSIZE, &now);
      std::string message;
      try {
        write_table(t, folder / "t.h5", {.codec = codec});
      } catch (const DataError& e) {
        message = e.what();
      }
      failures += message.find("t.h5") == std::string::npos;
      failures += message.find("too large") == std::string::npos;
      failures += folder.entries() != 0;
    }
  return failures;
}

TEST(Table, TellsThatTheDiskTakesNoMore) {
  Folder folder;
  auto const t = every_type(20000, 1000);
  pid_t const child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(failures_on_a_full_disk(folder, t));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  SelfCommunicator comm;
  write_table(t, folder / "t.h5");
  expect_same_table(*open_table(folder / "t.h5", comm), t);
}

TEST(TableParts, AreCutAtFixedRowsWhateverTheRanks) {
  Folder folder;
  SelfCommunicator comm;
  auto const t = every_type(1050, 100);
  for (auto codec : {Codec::none, Codec::small}) {
    TableOptions const options{.codec = codec, .overwrite = true, .rows_per_part = 300};
    write_table(t, folder / "one/", options);
    expect_same_table(*open_table(folder / "one/", comm), t);
    EXPECT_TRUE(is_table(folder / "one"));
    on_ranks(3, [&](Communicator& rank) {
      auto sink = create_table(folder / "many/", t.schema(), t.grid(), options, plain_zone, rank);
      auto const share = share_of(t.grid().chunks(), rank.rank(), rank.size());
      for (auto k = share.first; k < share.last; ++k) sink->write(t.chunk(k));
      sink->finish();
    });
    for (auto const* file : {"part-00000.h5", "part-00001.h5", "part-00002.h5", "part-00003.h5", "manifest.json"})
      EXPECT_TRUE(read_whole(folder / "one/" + file) == read_whole(folder / "many/" + file)) << file;
    // Each part is a table of its own.
    EXPECT_EQ(open_table(folder / "one/part-00003.h5", comm)->grid().total(), 150);
  }
  EXPECT_EQ(folder.entries(), 2u);
  EXPECT_THROW(write_table(t, folder / "bad/", {.rows_per_part = 250}), UsageError);
}

// Its chunk has its own length, as that of a table of so many rows has.
TEST(TableParts, MayBeShorterThanAChunkAtTheEnd) {
  Folder folder;
  SelfCommunicator comm;
  for (auto codec : codecs)
    for (std::int64_t rows : {4, 5, 6, 7}) {
      auto const t = every_type(rows, 3);
      TableOptions const options{.codec = codec, .overwrite = true, .rows_per_part = 3};
      for (int ranks : {1, 2}) {
        on_ranks(ranks, [&](Communicator& rank) {
          auto sink = create_table(folder / "t/", t.schema(), t.grid(), options, plain_zone, rank);
          auto const share = share_of(t.grid().chunks(), rank.rank(), rank.size());
          for (auto k = share.first; k < share.last; ++k) sink->write(t.chunk(k));
          sink->finish();
        });
        expect_same_table(*open_table(folder / "t/", comm), t);
      }
      auto sink = append_part(folder / "t/", t.schema(), t.grid(), options, plain_zone, comm);
      for (std::int64_t k = 0; k < t.grid().chunks(); ++k) sink->write(t.chunk(k));
      sink->finish();
      auto const twice = read_all(*open_table(folder / "t/", comm));
      for (std::size_t c = 0; c < twice.size(); ++c) EXPECT_EQ(twice[c].size(), 2 * t.columns[c].bytes.size()) << to_string(codec);
    }
}

// As programs before the first release wrote it: the only chunk of a short part padded to full length.
TEST(TableParts, AreReadWithAShortChunkPadded) {
  Folder folder;
  SelfCommunicator comm;
  auto const path = folder / "t.h5";
  std::vector<double> const padded{1.5, 2.5, na_value()};
  auto const x = values("x", VarType::numeric, Storage::float64, padded);
  for (auto codec : {Codec::fast, Codec::portable, Codec::small}) {
    impl::TableImage image;
    image.schema.variables = {x.variable};
    image.rows = 2;
    image.chunk_rows = 3;
    image.codec = codec;
    impl::TableWriter writer(path, path, image, 0, "");
    std::vector<impl::EncodedColumn> columns(1);
    impl::ChunkEncoder().encode(codec, x.bytes, sizeof(double), columns[0].owned);
    columns[0].hash = impl::hash_of(columns[0].owned.data(), columns[0].owned.size());
    writer.put(0, std::move(columns));
    writer.complete();
    EXPECT_EQ(read_all(*open_table(path, comm))[0], values("x", VarType::numeric, Storage::float64, std::vector<double>{1.5, 2.5}).bytes);
  }
}

TEST(TableParts, GainRowsAtTheEnd) {
  Folder folder;
  SelfCommunicator comm;
  auto first = every_type(250, 100), second = every_type(120, 100);
  write_table(first, folder / "t/");
  second.columns[9].variable.levels.push_back("new");
  second.columns[9].bytes[0] = 4;
  auto sink = append_part(folder / "t/", second.schema(), second.grid(), {}, plain_zone, comm);
  for (std::int64_t k = 0; k < 2; ++k) sink->write(second.chunk(k));
  EXPECT_EQ(open_table(folder / "t/", comm)->grid().total(), 250);
  sink->finish();
  auto const source = open_table(folder / "t/", comm);
  EXPECT_EQ(source->grid().total(), 370);
  EXPECT_EQ(source->schema()[9].levels.size(), 5u);
  EXPECT_EQ(source->zone_map()->level_counts[9][0].size(), 5u);
  auto const bytes = read_all(*source);
  for (std::size_t c = 0; c < bytes.size(); ++c) {
    auto both = first.columns[c].bytes;
    both.insert(both.end(), second.columns[c].bytes.begin(), second.columns[c].bytes.end());
    EXPECT_EQ(bytes[c], both);
  }
  // A storage that grew: the older part is converted when read.
  MemoryTable narrow, wide;
  narrow.columns = {values("i", VarType::integer, Storage::int8, std::vector<std::int8_t>{1, INT8_MIN, 3})};
  wide.columns = {values("i", VarType::integer, Storage::int32, std::vector<std::int32_t>{100000})};
  write_table(narrow, folder / "n/");
  sink = append_part(folder / "n", wide.schema(), wide.grid(), {}, plain_zone, comm);
  sink->write(wide.chunk(0));
  sink->finish();
  auto const grown = read_all(*open_table(folder / "n", comm));
  EXPECT_EQ(grown[0], values("i", VarType::integer, Storage::int32, std::vector<std::int32_t>{1, INT32_MIN, 3, 100000}).bytes);
  EXPECT_THROW(append_part(folder / "n", first.schema(), first.grid(), {}, plain_zone, comm), UsageError);
}

TEST(Storage, IsTheNarrowestThatLeavesRoomForMissing) {
  EXPECT_EQ(narrowest(VarType::integer, -127, 127), Storage::int8);
  EXPECT_EQ(narrowest(VarType::integer, -128, 0), Storage::int16);
  EXPECT_EQ(narrowest(VarType::integer, 0, 40000), Storage::uint16);
  EXPECT_EQ(narrowest(VarType::integer, 0, 65535), Storage::int32);
  EXPECT_EQ(narrowest(VarType::int64, INT32_MIN, 0), Storage::int64);
  EXPECT_EQ(narrowest(VarType::date, 0, 1), Storage::int32);
  EXPECT_EQ(code_storage(128), Storage::int8);
  EXPECT_EQ(code_storage(129), Storage::int16);
  EXPECT_EQ(code_storage(40000), Storage::int32);
}

TEST(WriteWhole, ReplacesOnlyWhenAsked) {
  Folder folder;
  write_whole(folder / "a.json", "one", false);
  EXPECT_THROW(write_whole(folder / "a.json", "two", false), UsageError);
  write_whole(folder / "a.json", "two", true);
  EXPECT_EQ(read_whole(folder / "a.json"), "two");
  EXPECT_THROW(read_whole(folder / "b.json"), DataError);
  EXPECT_EQ(folder.entries(), 1u);
}

}  // namespace
}  // namespace rxhpc
