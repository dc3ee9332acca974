// Damaged, truncated, unfinished and rewritten tables: either the same rows or one DataError.
#include <gtest/gtest.h>
#include <hdf5.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <random>

#include "rxhpc/errors.hpp"
#include "table_support.hpp"

namespace rxhpc {
namespace {

using namespace rxhpc::test;

void put_file(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// Reads what can be read: true where everything came back, false for a DataError that names the file.
bool reads_right(const std::string& path, const MemoryTable& t) {
  SelfCommunicator comm;
  try {
    auto const source = open_table(path, comm);
    if (source->schema().size() != t.columns.size()) {
      ADD_FAILURE() << "another schema";
      return true;
    }
    auto const bytes = read_all(*source);
    for (std::size_t c = 0; c < bytes.size(); ++c) EXPECT_TRUE(bytes[c] == t.columns[c].bytes) << t.columns[c].variable.name;
    return true;
  } catch (const DataError& e) {
    EXPECT_NE(std::string(e.what()).find("t.h5"), std::string::npos) << e.what();
    return false;
  }
}

TEST(DamagedTable, NeverGivesAWrongAnswer) {
  Folder folder;
  auto const path = folder / "t.h5";
  auto const t = every_type(150, 100);
  for (auto codec : {Codec::none, Codec::portable}) {
    write_table(t, path, {.codec = codec, .overwrite = true});
    auto const good = read_whole(path);
    std::mt19937 random(11);
    int noticed = 0;
    for (int trial = 0; trial < 250; ++trial) {
      auto bytes = good;
      auto const at = random() % bytes.size();
      if (trial % 5 == 4) bytes.resize(at);
      else bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
      put_file(path, bytes);
      SCOPED_TRACE(std::to_string(at) + " of " + std::to_string(good.size()));
      noticed += !reads_right(path, t);
    }
    EXPECT_GT(noticed, 20);
  }
}

TEST(DamagedTable, NamesTheDataSetAndTheChunk) {
  Folder folder;
  SelfCommunicator comm;
  auto const path = folder / "t.h5";
  auto const t = every_type(250, 100);
  write_table(t, path);
  auto bytes = read_whole(path);
  auto const value = bytes.find(std::string(reinterpret_cast<const char*>(t.columns[0].bytes.data()) + 8 * 120, 80));
  ASSERT_NE(value, std::string::npos);
  bytes[value] ^= 1;
  put_file(path, bytes);
  auto const source = open_table(path, comm);
  Chunk chunk;
  source->read(0, std::vector<int>{0}, chunk);
  try {
    source->read(1, std::vector<int>{0}, chunk);
    FAIL();
  } catch (const DataError& e) {
    EXPECT_EQ(std::string(e.what()), path + ": data set 'numeric', chunk 1: damaged (hash differs)");
  }
}

// The heaps of text of variable length in ruins: HDF5 1.10 crashes on some damage there, and runs for ever on other.
std::string without_heaps(std::string bytes) {
  int heaps = 0;
  for (auto at = bytes.find("GCOL"); at != std::string::npos; at = bytes.find("GCOL", at + 4), ++heaps)
    for (std::size_t k = 8; k < 600 && at + k < bytes.size(); ++k) bytes[at + k] = static_cast<char>(0xFF);
  EXPECT_GT(heaps, 0);
  return bytes;
}

TEST(DamagedTable, IsOpenedWithoutTheHeapOfVariableText) {
  Folder folder;
  auto const path = folder / "t.h5";
  auto const t = every_type(150, 100);
  write_table(t, path);
  put_file(path, without_heaps(read_whole(path)));
  EXPECT_TRUE(reads_right(path, t));
}

// The mark of tables that were written before it had a fixed length.
TEST(Table, MayHaveAMarkOfVariableLength) {
  Folder folder;
  auto const path = folder / "t.h5";
  auto const t = every_type(150, 100);
  write_table(t, path);
  hid_t const file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  ASSERT_GE(H5Adelete(file, "rx_format"), 0);
  H5Tset_size(type, H5T_VARIABLE);
  hid_t const mark = H5Acreate2(file, "rx_format", type, space, H5P_DEFAULT, H5P_DEFAULT);
  const char* const text = "rxhpc-table";
  ASSERT_GE(H5Awrite(mark, type, &text), 0);
  H5Aclose(mark);
  H5Sclose(space);
  H5Tclose(type);
  H5Fclose(file);
  EXPECT_TRUE(reads_right(path, t));
  put_file(path, without_heaps(read_whole(path)));
  EXPECT_TRUE(reads_right(path, t));
}

TEST(DamagedTable, MayShrinkUnderTheReader) {
  Folder folder;
  SelfCommunicator comm;
  auto const path = folder / "t.h5";
  auto const t = every_type(20000, 1000);
  write_table(t, path);
  auto const source = open_table(path, comm);
  ASSERT_EQ(truncate(path.c_str(), 8192), 0);
  Chunk chunk;
  EXPECT_THROW(source->read(19, all_columns(*source), chunk), DataError);
  EXPECT_THROW(source->read(18, all_columns(*source), chunk), DataError);
}

TEST(DamagedTable, IsRefusedWhereItIsSomethingElse) {
  Folder folder;
  SelfCommunicator comm;
  put_file(folder / "text.h5", "a,b\n1,2\n");
  EXPECT_FALSE(is_table(folder / "text.h5"));
  EXPECT_THROW(open_table(folder / "text.h5", comm), DataError);
  std::filesystem::create_directory(folder / "empty");
  EXPECT_FALSE(is_table(folder / "empty"));
  EXPECT_THROW(open_table(folder / "empty", comm), DataError);
}

TEST(DamagedTable, PartsBelongToTheirManifest) {
  Folder folder;
  SelfCommunicator comm;
  auto const t = every_type(450, 100);
  write_table(t, folder / "p/", {.rows_per_part = 200});
  auto const other = every_type(200, 50);
  write_table(other, folder / "other.h5");
  auto const manifest = read_whole(folder / "p/manifest.json");
  auto changed = manifest;
  changed[changed.find("\"rows\": 200") + 8] = '1';
  put_file(folder / "p/manifest.json", changed);
  EXPECT_THROW(open_table(folder / "p", comm), DataError);
  put_file(folder / "p/manifest.json", manifest);
  EXPECT_NO_THROW(open_table(folder / "p", comm));
  std::filesystem::copy_file(folder / "other.h5", folder / "p/part-00000.h5", std::filesystem::copy_options::overwrite_existing);
  EXPECT_THROW(open_table(folder / "p", comm), DataError);
  std::filesystem::remove(folder / "p/part-00000.h5");
  EXPECT_THROW(open_table(folder / "p", comm), DataError);
}

TEST(RewrittenTable, IsStillRead) {
  if (std::system("h5repack --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "no h5repack";
  Folder folder;
  SelfCommunicator comm;
  auto const t = every_type(450, 100);
  for (auto codec : {Codec::none, Codec::portable}) {
    write_table(t, folder / "t.h5", {.codec = codec, .overwrite = true});
    // A user block moves everything.
    put_file(folder / "block", std::string(512, 'x'));
    auto const command = "h5repack -u " + (folder / "block") + " -b 512 " + (folder / "t.h5") + " " + (folder / "moved-t.h5") + " > /dev/null 2>&1";
    ASSERT_EQ(std::system(command.c_str()), 0);
    EXPECT_TRUE(is_table(folder / "moved-t.h5"));
    EXPECT_TRUE(reads_right(folder / "moved-t.h5", t)) << to_string(codec);
  }
}

TEST(ForeignTable, IsReadAsItIs) {
  // Our own data group is an AnnData frame like any other.
  Folder folder;
  SelfCommunicator comm;
  auto const t = every_type(450, 100);
  write_table(t, folder / "t.h5", {.codec = Codec::small});
  EXPECT_TRUE(is_table((folder / "t.h5") + ":/data"));
  auto const source = open_table((folder / "t.h5") + ":/data", comm);
  EXPECT_EQ(source->grid().total(), 450);
  ASSERT_EQ(source->schema().size(), t.columns.size());
  auto const ours = open_table(folder / "t.h5", comm);
  Chunk a, b;
  source->read(0, all_columns(*source), a);
  for (std::size_t c = 0; c < t.columns.size(); ++c) {
    if (t.columns[c].variable.storage == Storage::text) continue;
    SCOPED_TRACE(t.columns[c].variable.name);
    for (std::int64_t i = 0; i < 450; ++i) {
      ours->read(i / 100, std::vector<int>{static_cast<int>(c)}, b);
      double const x = a.columns[c].value(i), y = b.columns[0].value(i % 100);
      ASSERT_TRUE(x == y || (x != x && y != y)) << i << ": " << x << " " << y;
    }
  }
  EXPECT_EQ(source->schema()[8].levels, t.columns[8].variable.levels);
  EXPECT_EQ(source->schema()[9].type, VarType::ordered);
  EXPECT_EQ(source->schema()[11].type, VarType::date);
  EXPECT_EQ(source->schema()[12].type, VarType::posixct);
  EXPECT_THROW(open_table((folder / "t.h5") + ":/absent", comm), DataError);
}

}  // namespace
}  // namespace rxhpc
