// The same table for any threads, ranks, samples; import and export.
#include <random>

#include "rxhpc/errors.hpp"
#include "text_support.hpp"
#include "thread_communicator.hpp"

namespace text_test {
namespace {

/// Rows that a sample of the start misjudges, quoted line ends, blank lines, missing values.
std::string awkward_text(int rows, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string content = "i,x,c,f,d,l,late\r\n";
  for (int r = 0; r < rows; ++r) {
    auto const text = [&] { return random() % 9 == 0 ? "\"a\nb,\"\"" + std::to_string(random() % 5) + "\"" : "t" + std::to_string(random() % 40); };
    content += (random() % 11 == 0 ? "NA" : std::to_string(static_cast<int>(random() % 300) - 100)) + ",";
    content += std::to_string(static_cast<double>(random() % 100000) / 1000) + "," + text() + "," + text() + ",2013-0" +
               std::to_string(1 + random() % 9) + "-11," + (random() % 2 ? "TRUE" : "F") + ",";
    content += r == rows * 2 / 3 ? "word" : r > rows / 2 ? "1.5" : "7";
    content += random() % 50 == 0 ? "\n\n" : "\n";
  }
  return content;
}

TextOptions awkward_options(int threads) {
  TextOptions o;
  o.chunk_rows = 100;
  o.threads = threads;
  o.columns["f"].type = VarType::factor;
  return o;
}

TEST(TextParallel, ThreadsAndRanksDoNotMatter) {
  TextFile file(awkward_text(3000, 5));
  SelfCommunicator self;
  auto const source = open_text(file.path(), awkward_options(1), counting_zone(), self);
  auto const expected = table_of(*source);
  ASSERT_EQ(expected.cells[0].size(), 3000u);
  EXPECT_EQ(expected.schema[6].type, VarType::character);
  EXPECT_EQ(expected.cells[6][0], "7");
  for (int const ranks : {1, 2, 3, 4})
    for (int const threads : {1, 2, 3}) {
      for (auto const& failed : test::run_ranks(ranks, [&](Communicator& comm) {
             auto const mine = open_text(file.path(), awkward_options(threads), counting_zone(), comm);
             if (!(table_of(*mine) == expected)) throw DataError("the tables differ");
             for (std::size_t c = 0; c < expected.schema.size(); ++c) {
               if (mine->zone_map()->level_counts[c] != source->zone_map()->level_counts[c]) throw DataError("the level counts differ");
               for (std::size_t i = 0; i < mine->zone_map()->moments[c].size(); ++i)
                 if (mine->zone_map()->moments[c][i].mean != source->zone_map()->moments[c][i].mean) throw DataError("the moments differ");
             }
           }))
        EXPECT_EQ(failed, nullptr) << ranks << " ranks, " << threads << " threads";
    }
}

TEST(TextParallel, ImportGivesWhatOpenGives) {
  TextFile file(awkward_text(3000, 6));
  auto const expected = read_text(file.path(), awkward_options(1));
  for (std::int64_t const limit : {0, 1, 20000})
    for (int const ranks : {1, 3}) {
      CollectedRows rows;
      for (auto const& failed : test::run_ranks(ranks, [&](Communicator& comm) {
             auto o = awkward_options(2);
             o.memory_limit = limit;
             auto const make = [&](const Schema& schema, const Grid&) { return std::make_unique<CollectingSink>(rows, schema); };
             if (import_text(file.path(), o, make, {}, comm) != 3000) throw DataError("rows are missing");
           }))
        EXPECT_EQ(failed, nullptr);
      EXPECT_TRUE(collected(rows) == expected) << limit << " bytes, " << ranks << " ranks";
    }
}

TEST(TextParallel, TheFirstBadRowIsNamedByEveryRank) {
  std::string content = "a,b\n";
  for (int r = 0; r < 2000; ++r) content += r == 700 || r == 1500 ? "1\n" : "1,2\n";
  TextFile file(content);
  for (auto const& failed : test::run_ranks(3, [&](Communicator& comm) {
         TextOptions o;
         o.chunk_rows = 50;
         o.threads = 2;
         try {
           open_text(file.path(), o, {}, comm);
         } catch (const DataError& e) {
           EXPECT_NE(std::string(e.what()).find("line 702: 1 field"), std::string::npos) << e.what();
           return;
         }
         throw UsageError("no error");
       }))
    EXPECT_EQ(failed, nullptr);
}

void export_all(const std::string& from, const TextOptions& o, const std::string& to, int ranks, bool overwrite = false) {
  for (auto const& failed : test::run_ranks(ranks, [&](Communicator& comm) {
         auto const source = open_text(from, o, {}, comm);
         TextOutputOptions out;
         out.overwrite = overwrite;
         auto const sink = create_text(to, source->schema(), source->grid(), out, comm);
         std::vector<int> columns;
         for (std::size_t k = 0; k < source->schema().size(); ++k) columns.push_back(static_cast<int>(k));
         Chunk chunk;
         auto const share = share_of(source->grid().chunks(), comm.rank(), comm.size());
         for (auto c = share.first; c < share.last; ++c) {
           source->read(c, columns, chunk);
           sink->write(chunk);
         }
         sink->exchange();
         sink->finish();
       }))
    if (failed) std::rethrow_exception(failed);
}

std::string bytes_of_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(TextOut, ReadsBackAsTheSameTable) {
  TextFile file(awkward_text(1500, 7));
  auto const o = awkward_options(2);
  auto const expected = read_text(file.path(), o);
  for (auto const* name : {"out.csv", "out.csv.gz"}) {
    export_all(file.path(), o, file.beside(name), 3);
    EXPECT_TRUE(read_text(file.beside(name), o) == expected) << name;
  }
  export_all(file.path(), o, file.beside("one.csv.gz"), 1);
  EXPECT_EQ(bytes_of_file(file.beside("one.csv.gz")), bytes_of_file(file.beside("out.csv.gz")));
}

TEST(TextOut, SpellingsAndQuotes) {
  TextFile file("l,x,c,p,d\nTRUE,1e5,\"NA\",2013-01-31 10:20:30.25,0099-02-28\nNA,-Inf,\" b\",NA,NA\nF,NaN,\"q\"\"\",1969-12-31 23:59:59,2012-02-29\nF,0.1,\"\",2000-01-01,2000-03-01\n");
  export_all(file.path(), {}, file.beside("o.csv"), 1);
  EXPECT_EQ(bytes_of_file(file.beside("o.csv")),
            "l,x,c,p,d\nTRUE,1e+05,\"NA\",2013-01-31 10:20:30.25,0099-02-28\nNA,-Inf,\" b\",NA,NA\nFALSE,NaN,\"q\"\"\",1969-12-31 23:59:59,2012-02-29\n"
            "FALSE,0.1,\"\",2000-01-01 00:00:00,2000-03-01\n");
  EXPECT_THROW(export_all(file.path(), {}, file.beside("o.csv"), 2), UsageError);
  EXPECT_NO_THROW(export_all(file.path(), {}, file.beside("o.csv"), 2, true));
  EXPECT_TRUE(is_text_name("a/b.tsv.gz"));
  EXPECT_FALSE(is_text_name("b.h5"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(file.beside("")), {}), 2);
}

TEST(TextGzip, MembersTruncationAndDamage) {
  TextFile file("a,b\n1,x\n");
  export_all(file.path(), {}, file.beside("o.csv.gz"), 1);
  auto bytes = bytes_of_file(file.beside("o.csv.gz"));
  TextFile cut(bytes.substr(0, bytes.size() - 9), "cut.csv.gz");
  try {
    read_text(cut.path());
    FAIL();
  } catch (const DataError& e) {
    EXPECT_NE(std::string(e.what()).find("cut.csv.gz: gzip data is truncated"), std::string::npos) << e.what();
  }
  bytes[bytes.size() - 6] = static_cast<char>(bytes[bytes.size() - 6] ^ 1);
  EXPECT_THROW(read_text(TextFile(bytes, "bad.csv.gz").path()), DataError);
  TextOptions small;
  small.memory_limit = 1;
  EXPECT_EQ(column(read_text(file.beside("o.csv.gz"), small), "b")[0], "x");
}

TEST(TextProperty, RandomTablesSurviveTheWayThroughText) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 20; ++round) {
    std::string content = "x,i,c\n";
    int const rows = 1 + static_cast<int>(random() % 400);
    for (int r = 0; r < rows; ++r) {
      double x;
      std::uint64_t const bits = random();
      std::memcpy(&x, &bits, sizeof x);
      char text[64];
      std::snprintf(text, sizeof text, "%.17g", std::isfinite(x) ? x : 0.5);
      content += std::string(text) + "," + std::to_string(static_cast<std::int64_t>(random()) >> random() % 64) + ",\"";
      for (auto n = random() % 12; n > 0; --n) {
        char const c = ",\n\r ;ab\t\"N"[random() % 10];
        content += c == '"' ? std::string("\"\"") : std::string(1, c);
      }
      content += "\"\n";
    }
    TextFile file(content);
    TextOptions o;
    o.chunk_rows = 1 + static_cast<std::int64_t>(random() % 100);
    o.columns["x"].type = VarType::numeric;
    o.columns["i"].type = VarType::int64;
    o.columns["c"].type = VarType::character;
    auto const expected = read_text(file.path(), o);
    ASSERT_EQ(expected.cells[0].size(), static_cast<std::size_t>(rows));
    export_all(file.path(), o, file.beside("o.csv"), 2);
    EXPECT_TRUE(read_text(file.beside("o.csv"), o) == expected);
  }
}

TEST(TextFuzz, AnyBytesGiveATableOrADataError) {
  std::mt19937_64 random(3);
  std::string const letters = "a1,\"\n\r;.-T\t \xC3\xA9N";
  int tables = 0;
  for (int round = 0; round < 1000; ++round) {
    std::string content;
    for (auto n = random() % 120; n > 0; --n) content += random() % 40 == 0 ? static_cast<char>(random()) : letters[random() % letters.size()];
    TextFile file(content);
    TextOptions o;
    o.chunk_rows = 1 + static_cast<std::int64_t>(random() % 4);
    o.threads = 1;
    o.first_row_is_names = random() % 2;
    try {
      read_text(file.path(), o);
      ++tables;
    } catch (const DataError&) {
    }
  }
  EXPECT_GT(tables, 10);
}

}  // namespace
}  // namespace text_test
