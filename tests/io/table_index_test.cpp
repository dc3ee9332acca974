// The index behind a table's end: the same table with it, without it, and with a wrong one.
#include <gtest/gtest.h>
#include <hdf5.h>

#include <filesystem>
#include <fstream>

#include "../../io/src/table_index.hpp"
#include "../../io/src/table_metadata.hpp"
#include "table_support.hpp"

namespace rxhpc::impl {
namespace {

using namespace rxhpc::test;

std::optional<TableImage> indexed(const std::string& path) {
  std::uint64_t hash = 0;
  return read_by_index(path, hash);
}

/// Both say the same of the table.
void expect_same(const TableImage& a, const TableImage& b) {
  EXPECT_EQ(schema_text(a), schema_text(b));
  EXPECT_EQ(metadata_hash(schema_text(a), arrays_of(a)), metadata_hash(schema_text(b), arrays_of(b)));
}

void put_bytes(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes; }

TEST(TableIndex, SaysWhatHdf5Says) {
  Folder folder;
  auto const path = folder / "t.h5";
  for (auto codec : {Codec::none, Codec::portable, Codec::fast, Codec::small})
    for (std::int64_t rows : {0, 1, 250}) {
      write_table(every_type(rows, 100), path, {.codec = codec, .overwrite = true});
      auto const with = indexed(path);
      ASSERT_TRUE(with) << to_string(codec) << ", " << rows << " rows";
      // HDF5 cuts off what is behind its end when it has had the file open for writing.
      auto const bytes = std::filesystem::file_size(path);
      H5Fclose(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT));
      EXPECT_LT(std::filesystem::file_size(path), bytes);
      EXPECT_FALSE(indexed(path));
      std::uint64_t hash = 0;
      auto const without = read_image(path, &hash);
      ASSERT_TRUE(without);
      expect_same(*with, *without);
      EXPECT_EQ(hash, metadata_hash(schema_text(*with), arrays_of(*with)));
    }
}

TEST(TableIndex, IsNotBelievedWhereAnythingDiffers) {
  Folder folder;
  auto const path = folder / "t.h5";
  write_table(every_type(250, 100), path);
  auto const good = read_whole(path);
  auto const right = indexed(path);
  ASSERT_TRUE(right);
  auto const length = 40 + 16 * (9 + right->schema.size());
  for (std::size_t back = 1; back <= length; ++back) {
    auto bytes = good;
    bytes[bytes.size() - back] ^= 4;
    put_bytes(path, bytes);
    EXPECT_FALSE(indexed(path)) << back;
    if (back % 16 == 0) expect_same(*read_image(path, nullptr), *right);  // HDF5 knows
  }
  for (std::size_t back : {1, 8, 39, 40, 41, 100}) {
    put_bytes(path, good.substr(0, good.size() - back));
    EXPECT_FALSE(indexed(path)) << back;
  }
  put_bytes(path, good + "x");
  EXPECT_FALSE(indexed(path));
  put_bytes(path, good.substr(good.size() - 200));
  EXPECT_FALSE(indexed(path));
  put_bytes(path, "");
  EXPECT_FALSE(indexed(path));
  // Places that are right by their hash, of arrays that have changed.
  auto bytes = good;
  auto const text = bytes.find("{\"rows\":250");
  ASSERT_NE(text, std::string::npos);
  bytes[text + 8] = '3';
  put_bytes(path, bytes);
  EXPECT_FALSE(indexed(path));
  EXPECT_THROW(read_image(path, nullptr), DataError);
}

}  // namespace
}  // namespace rxhpc::impl
