#include "rxhpc/row_program.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace rxhpc {
namespace {

double const NA = na_value();
constexpr double NaN = std::numeric_limits<double>::quiet_NaN();

Column view(const std::vector<double>& x) {
  Variable v;
  return column_of(v, x.data());
}

TEST(RowProgram, RunsATileAtATime) {
  // z = x * 3 + row number
  RowProgram program;
  program.data = {{3.0}};
  program.registers = 5;
  auto const step = [](RowOp op, int out, int a = -1, int b = -1, int column = -1, int data = -1) {
    RowInstruction i;
    i.op = op, i.out = out, i.a = a, i.b = b, i.column = column, i.data = data;
    return i;
  };
  program.code = {step(RowOp::value, 0, -1, -1, 0), step(RowOp::constant, 1, -1, -1, -1, 0), step(RowOp::multiply, 2, 0, 1),
                  step(RowOp::row_number, 3), step(RowOp::add, 4, 2, 3)};
  std::vector<double> x(2500);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i) / 4;
  x[7] = NA;
  x[8] = NaN;
  std::vector<Column> const columns{view(x)};
  RowMachine machine;
  machine.prepare(program);
  for (int first = 0; first < 2500; first += program_tile_rows) {
    int const n = std::min(program_tile_rows, 2500 - first);
    machine.run(columns, first, n, 100.0 + first);
    for (int i = 0; i < n; ++i) {
      auto const row = static_cast<std::size_t>(first + i);
      double const z = machine.values(4)[i];
      if (row == 7) EXPECT_TRUE(is_na(z));
      else if (row == 8) EXPECT_TRUE(z != z && !is_na(z));
      else EXPECT_EQ(z, x[row] * 3 + 100.0 + first + i);
    }
  }
}

TEST(RowProgram, NaWinsOverNanWhicheverComesFirst) {
  RowProgram program;
  program.registers = 4;
  RowInstruction a, b, sum, reversed;
  a.op = RowOp::value, a.out = 0, a.column = 0;
  b.op = RowOp::value, b.out = 1, b.column = 1;
  sum.op = RowOp::add, sum.out = 2, sum.a = 0, sum.b = 1;
  reversed = sum, reversed.out = 3, reversed.a = 1, reversed.b = 0;
  program.code = {a, b, sum, reversed};
  std::vector<double> const x{NA, NaN, NA, NaN, 1, NA}, y{NaN, NA, NA, NaN, NA, 1};
  std::vector<Column> const columns{view(x), view(y)};
  RowMachine machine;
  machine.prepare(program);
  machine.run(columns, 0, 6, 1);
  for (int reg : {2, 3})
    for (int i = 0; i < 6; ++i) EXPECT_EQ(is_na(machine.values(reg)[i]), i != 3) << i;
}

TEST(RowProgram, StoresKeepRsNaPatternAndRefuseWhatDoesNotFit) {
  // Arithmetic turns NA quiet; what is stored is R's own pattern.
  double quiet = NA;
  quiet = quiet + 1.0;
  std::vector<double> const x{1.5, quiet, NaN, -3e9, 127, 128, -128};
  std::vector<std::uint64_t> bits(7);
  store_values(x.data(), nullptr, 7, Storage::float64, 0, 1, bits.data());
  EXPECT_EQ(bits[1], na_bits);
  EXPECT_NE(bits[2], na_bits);
  std::vector<std::int32_t> ints(7);
  store_values(x.data(), nullptr, 7, Storage::int32, INT32_MIN, 1, ints.data());
  EXPECT_EQ(ints, (std::vector<std::int32_t>{1, INT32_MIN, INT32_MIN, INT32_MIN, 127, 128, -128}));
  std::vector<std::int8_t> bytes(7);
  store_values(x.data(), nullptr, 7, Storage::int8, -1, 1, bytes.data());
  EXPECT_EQ(bytes, (std::vector<std::int8_t>{1, -1, -1, -1, 127, -1, -128}));
  std::vector<std::int64_t> times(2);
  std::int32_t const keep[] = {0, 4};
  store_values(x.data(), keep, 2, Storage::int64, INT64_MIN, 1e6, times.data());
  EXPECT_EQ(times, (std::vector<std::int64_t>{1500000, 127000000}));
}

TEST(RowProgram, GathersEveryWidthAndStride) {
  std::vector<double> const x{0, 1, 2, 3, 4, 5};
  auto strided = view(x);
  strided.stride = 2;
  std::int32_t const rows[] = {0, 2};
  std::vector<double> out(2);
  gather_rows(strided, rows, 2, out.data());
  EXPECT_EQ(out, (std::vector<double>{0, 4}));
  Variable v;
  v.type = VarType::character;
  v.storage = Storage::text;
  v.text_width = 3;
  char text[7] = {};
  gather_rows(column_of(v, "abcdefghi"), rows, 2, text);
  EXPECT_STREQ(text, "abcghi");
}

TEST(RowProgram, CalendarDays) {
  EXPECT_EQ(days_from_civil(1970, 1, 1), 0);
  EXPECT_EQ(days_from_civil(2000, 2, 29), 11016);
  EXPECT_EQ(days_from_civil(1969, 12, 31), -1);
  EXPECT_EQ(days_from_civil(1600, 3, 1), -135080);
  EXPECT_EQ(days_from_civil(0, 1, 1), -719528);
}

}  // namespace
}  // namespace rxhpc
