// Other programs' HDF5 files: marks of missing, truth values and categories as these write them.
#include <gtest/gtest.h>
#include <hdf5.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "rxhpc/errors.hpp"
#include "table_support.hpp"

namespace rxhpc {
namespace {

using namespace rxhpc::test;

/// A file with a group /t, written through HDF5 itself.
class ForeignFile {
 public:
  explicit ForeignFile(const std::string& path)
      : file_(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)), group_(H5Gcreate2(file_, "/t", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)) {}
  ~ForeignFile() {
    H5Gclose(group_);
    H5Fclose(file_);
  }
  template <class T>
  void numbers(const char* name, hid_t type, const std::vector<T>& values) {
    put(group_, name, type, values);
  }
  template <class T>
  void fill_value(const char* name, hid_t type, T value) {
    hid_t const dataset = H5Dopen2(group_, name, H5P_DEFAULT);
    attribute(dataset, "_FillValue", type, &value);
    H5Dclose(dataset);
  }
  /// An AnnData categorical; `categories` by their own type.
  template <class T, class U>
  void categorical(const char* name, hid_t code_type, const std::vector<T>& codes, hid_t category_type, const std::vector<U>& categories, std::int8_t ordered) {
    hid_t const group = H5Gcreate2(group_, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), text = text_type(11);
    attribute(group, "encoding-type", text, "categorical");
    attribute(group, "ordered", H5T_NATIVE_INT8, &ordered);
    put(group, "codes", code_type, codes);
    put(group, "categories", category_type, categories);
    H5Tclose(text);
    H5Gclose(group);
  }
  static hid_t text_type(std::size_t bytes) {
    hid_t const type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, bytes);
    return type;
  }

 private:
  template <class T>
  static void put(hid_t group, const char* name, hid_t type, const std::vector<T>& values) {
    hsize_t const rows = values.size() * sizeof(T) / H5Tget_size(type);
    hid_t const space = H5Screate_simple(1, &rows, nullptr), dataset = H5Dcreate2(group, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    EXPECT_GE(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0) << name;
    H5Dclose(dataset);
    H5Sclose(space);
  }
  static void attribute(hid_t object, const char* name, hid_t type, const void* value) {
    hid_t const space = H5Screate(H5S_SCALAR), made = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    EXPECT_GE(H5Awrite(made, type, value), 0) << name;
    H5Aclose(made);
    H5Sclose(space);
  }
  hid_t file_, group_;
};

template <class T>
hid_t truth_type(hid_t base, T no, T yes) {
  hid_t const type = H5Tenum_create(base);
  H5Tenum_insert(type, "FALSE", &no);
  H5Tenum_insert(type, "TRUE", &yes);
  return type;
}

/// All rows of a column; missing as -999.
std::vector<double> rows_of(const std::string& path, const std::string& column, std::string* error = nullptr) {
  SelfCommunicator comm;
  std::vector<double> rows;
  try {
    auto const source = open_table(path + ":/t", comm);
    std::vector<int> const columns{source->schema().at(column)};
    Chunk chunk;
    for (std::int64_t k = 0; k < source->grid().chunks(); ++k) {
      source->read(k, columns, chunk);
      for (std::int64_t i = 0; i < chunk.rows; ++i) {
        double const x = chunk.columns[0].value(i);
        rows.push_back(x == x ? x : -999);
      }
    }
  } catch (const DataError& e) {
    if (!error) throw;
    *error = e.what();
  }
  return rows;
}

TEST(ForeignTable, ReadsTruthValuesByTheirNames) {
  Folder folder;
  auto const path = folder / "f.h5";
  std::size_t const many = 300000;  // more than a chunk
  {
    ForeignFile file(path);
    std::vector<std::int32_t> wide(many);
    std::vector<std::int16_t> turned(many);
    std::vector<std::int8_t> plain(many);
    for (std::size_t i = 0; i < many; ++i) {
      wide[i] = i % 3 == 1;
      turned[i] = i % 3 == 1 ? -7 : 300;
      plain[i] = i % 3 == 1;
    }
    plain[4] = 2;  // neither
    wide[4] = 77777;
    hid_t const types[] = {truth_type<std::int32_t>(H5T_NATIVE_INT32, 0, 1), truth_type<std::int16_t>(H5T_NATIVE_INT16, 300, -7),
                           truth_type<std::int8_t>(H5T_NATIVE_INT8, 0, 1), truth_type<std::int8_t>(H5T_NATIVE_INT8, 1, 0)};
    file.numbers("wide", types[0], wide);
    file.numbers("turned", types[1], turned);
    file.numbers("plain", types[2], plain);
    plain[4] = 1;
    file.numbers("inverted", types[3], plain);
    for (hid_t type : types) H5Tclose(type);
  }
  SelfCommunicator comm;
  for (auto const* name : {"wide", "turned", "plain", "inverted"}) {
    EXPECT_EQ(open_table(path + ":/t", comm)->schema()[0].type, VarType::logical);
    bool const other_way = std::string(name) == "inverted", has_odd = std::string(name) == "wide" || std::string(name) == "plain";
    auto const rows = rows_of(path, name);
    ASSERT_EQ(rows.size(), many);
    for (std::size_t i = 0; i < many; ++i) ASSERT_EQ(rows[i], has_odd && i == 4 ? -999 : ((i % 3 == 1) != other_way)) << name << " " << i;
  }
}

TEST(ForeignTable, HoldsCodesAgainstTheCategories) {
  Folder folder;
  auto const path = folder / "f.h5";
  for (std::size_t const levels : {128, 32768}) {
    {
      ForeignFile file(path);
      std::vector<char> names(levels * 8);
      for (std::size_t i = 0; i < levels; ++i) std::ranges::copy("L" + std::to_string(i), names.begin() + static_cast<std::ptrdiff_t>(i * 8));
      hid_t const text = ForeignFile::text_type(8);
      auto const last = static_cast<std::int64_t>(levels) - 1;
      file.categorical("good", H5T_NATIVE_INT64, std::vector<std::int64_t>{0, last, -1, -300}, text, names, 0);
      file.categorical("next", H5T_NATIVE_INT64, std::vector<std::int64_t>{0, last + 1, 1, 0}, text, names, 0);
      file.categorical("far", H5T_NATIVE_UINT32, std::vector<std::uint32_t>{0, 4000000000u, 1, 0}, text, names, 0);
      H5Tclose(text);
    }
    EXPECT_EQ(rows_of(path, "good"), (std::vector<double>{0, static_cast<double>(levels) - 1, -999, -999}));
    std::string error;
    rows_of(path, "next", &error);
    EXPECT_NE(error.find("'/t/next/codes': code " + std::to_string(levels) + " has no category"), std::string::npos) << error;
    rows_of(path, "far", &error);
    EXPECT_NE(error.find("'/t/far/codes': code 4000000000 has no category"), std::string::npos) << error;
  }
}

TEST(ForeignTable, MayHaveNumbersAsCategories) {
  Folder folder;
  SelfCommunicator comm;
  auto const path = folder / "f.h5";
  {
    ForeignFile file(path);
    std::vector<std::int8_t> const codes{0, 1, -1, 1};
    hid_t const truth = truth_type<std::int8_t>(H5T_NATIVE_INT8, 0, 1), pair = H5Tcreate(H5T_COMPOUND, 8);
    H5Tinsert(pair, "a", 0, H5T_NATIVE_INT32);
    H5Tinsert(pair, "b", 4, H5T_NATIVE_INT32);
    file.categorical("whole", H5T_NATIVE_INT8, codes, H5T_NATIVE_INT64, std::vector<std::int64_t>{-10, 20}, 1);
    file.categorical("large", H5T_NATIVE_INT8, codes, H5T_NATIVE_UINT64, std::vector<std::uint64_t>{5, UINT64_MAX}, 0);
    file.categorical("decimal", H5T_NATIVE_INT8, codes, H5T_NATIVE_DOUBLE, std::vector<double>{0.1, 20}, 0);
    file.categorical("truth", H5T_NATIVE_INT8, codes, truth, std::vector<std::int8_t>{1, 0}, 0);
    file.categorical("pairs", H5T_NATIVE_INT8, codes, pair, std::vector<std::int32_t>{1, 2, 3, 4}, 0);  // left out, as other unreadable members
    H5Tclose(truth);
    H5Tclose(pair);
  }
  auto const schema = open_table(path + ":/t", comm)->schema();
  ASSERT_EQ(schema.size(), 4u);
  EXPECT_EQ(schema[static_cast<std::size_t>(schema.at("whole"))].levels, (std::vector<std::string>{"-10", "20"}));
  EXPECT_EQ(schema[static_cast<std::size_t>(schema.at("whole"))].type, VarType::ordered);
  EXPECT_EQ(schema[static_cast<std::size_t>(schema.at("large"))].levels, (std::vector<std::string>{"5", "18446744073709551615"}));
  EXPECT_EQ(schema[static_cast<std::size_t>(schema.at("decimal"))].levels, (std::vector<std::string>{"0.1", "20"}));
  EXPECT_EQ(schema[static_cast<std::size_t>(schema.at("truth"))].levels, (std::vector<std::string>{"TRUE", "FALSE"}));
  EXPECT_EQ(rows_of(path, "decimal"), (std::vector<double>{0, 1, -999, 1}));
}

TEST(ForeignTable, KnowsTheFilesMarkOfMissing) {
  Folder folder;
  auto const path = folder / "f.h5";
  {
    ForeignFile file(path);
    std::vector<std::uint64_t> const large{0, 2, UINT64_MAX, 9007199254740993u};
    std::vector<std::int64_t> const whole{0, -1, INT64_MAX, 5};
    file.numbers("large", H5T_NATIVE_UINT64, large);
    file.fill_value<std::uint64_t>("large", H5T_NATIVE_UINT64, UINT64_MAX);
    file.numbers("zero", H5T_NATIVE_UINT64, large);
    file.fill_value<std::int64_t>("zero", H5T_NATIVE_INT64, -1);  // no such value in the column: 0 stays 0
    file.numbers("two", H5T_NATIVE_UINT64, large);
    file.fill_value<std::int8_t>("two", H5T_NATIVE_INT8, 2);
    file.numbers("plain", H5T_NATIVE_UINT64, large);
    file.numbers("whole", H5T_NATIVE_INT64, whole);
    file.fill_value<std::uint64_t>("whole", H5T_NATIVE_UINT64, UINT64_MAX);  // likewise: the largest stays, and so does -1
    file.numbers("minus", H5T_NATIVE_INT64, whole);
    file.fill_value<std::int8_t>("minus", H5T_NATIVE_INT8, -1);
    std::vector<double> const real{0.5, 9.969209968386869e36, std::nan(""), -0.0};
    std::vector<float> const narrow{0.5f, 9.96921e36f, 0.1f, 3};
    file.numbers("real", H5T_NATIVE_DOUBLE, real);
    file.fill_value<float>("real", H5T_NATIVE_FLOAT, 9.96921e36f);  // netCDF's: the same number in both widths
    file.numbers("null", H5T_NATIVE_DOUBLE, real);
    file.fill_value<double>("null", H5T_NATIVE_DOUBLE, 0);
    file.numbers("narrow", H5T_NATIVE_FLOAT, narrow);
    file.fill_value<double>("narrow", H5T_NATIVE_DOUBLE, 0.1);  // as the column would hold it
    file.numbers("nan", H5T_NATIVE_FLOAT, narrow);
    file.fill_value<float>("nan", H5T_NATIVE_FLOAT, std::nanf(""));
    file.numbers("text", H5T_NATIVE_FLOAT, narrow);
    file.fill_value<std::int32_t>("text", H5T_NATIVE_INT32, 3);  // of another class: not believed
  }
  double const most = 18446744073709551616.0, odd = 9007199254740992.0;
  EXPECT_EQ(rows_of(path, "large"), (std::vector<double>{0, 2, -999, odd}));
  EXPECT_EQ(rows_of(path, "zero"), (std::vector<double>{0, 2, most, odd}));
  EXPECT_EQ(rows_of(path, "two"), (std::vector<double>{0, -999, most, odd}));
  EXPECT_EQ(rows_of(path, "plain"), (std::vector<double>{0, 2, most, odd}));
  EXPECT_EQ(rows_of(path, "whole"), (std::vector<double>{0, -1, 9223372036854775807.0, 5}));
  EXPECT_EQ(rows_of(path, "minus"), (std::vector<double>{0, -999, 9223372036854775807.0, 5}));
  double const tenth = 0.1f, fill = 9.96921e36f;
  EXPECT_EQ(rows_of(path, "real"), (std::vector<double>{0.5, -999, -999, 0}));
  EXPECT_EQ(rows_of(path, "null"), (std::vector<double>{0.5, fill, -999, -999}));
  EXPECT_EQ(rows_of(path, "narrow"), (std::vector<double>{0.5, fill, -999, 3}));
  EXPECT_EQ(rows_of(path, "nan"), (std::vector<double>{0.5, fill, tenth, 3}));
  EXPECT_EQ(rows_of(path, "text"), (std::vector<double>{0.5, fill, tenth, 3}));
}

}  // namespace
}  // namespace rxhpc
