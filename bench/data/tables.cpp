#include "tables.hpp"

#include <array>

namespace bench {
namespace {

/// Ten columns as tables of records have them: whole numbers, decimals, dates, short texts, categories, some values missing.
void mixed(Line& line, const Random& random, std::uint64_t row) {
  static constexpr std::array<std::string_view, 12> carriers{"AA", "AS", "B6", "DL", "EV", "F9", "HA", "MQ", "UA", "US", "VX", "WN"};
  line.integer(static_cast<std::int64_t>(row) + 1);
  line.date(2010 + static_cast<int>(random.below(10, 1, row)), 1 + static_cast<int>(random.below(12, 2, row)), 1 + static_cast<int>(random.below(28, 3, row)));
  line.text(carriers[random.below(carriers.size(), 4, row)]);
  line.level('A', random.below(300, 5, row), 3);
  line.level('N', random.below(20000, 6, row), 5);
  if (random.below(50, 7, row) == 0)
    line.missing();
  else
    line.integer(static_cast<std::int64_t>(random.below(600, 8, row)) - 60);
  line.integer(80 + static_cast<std::int64_t>(random.below(4900, 9, row)));
  line.decimal(static_cast<std::int64_t>(random.below(250000, 10, row)), 2);
  if (random.below(100, 11, row) == 0)
    line.missing();
  else
    line.decimal(static_cast<std::int64_t>(random.below(700, 12, row)) - 200, 1);
  line.shortest(static_cast<double>(random.bits(13, row) >> 11) * 0x1p-53);
  line.end_line();
}

/// y = 1 + 0.1 x1 - 0.2 x2 + 0.3 x3 - ... + noise.
void wide(Line& line, const Random& random, std::uint64_t row) {
  constexpr int columns = 28;
  std::array<std::int64_t, columns> x;
  std::int64_t y = 1000000 + 2 * random.normal_micro(0, row);
  for (int j = 0; j < columns; ++j) {
    x[j] = random.normal_micro(1 + j, row);
    y += (j % 2 ? -1 : 1) * (j + 1) * x[j] / 10;
  }
  line.decimal(y, 6);
  for (auto v : x) line.decimal(v, 6);
  line.end_line();
}

/// Six independent columns, each of another mean and spread.
void numbers(Line& line, const Random& random, std::uint64_t row) {
  for (int j = 0; j < 6; ++j) line.decimal(1000000 * j * j + (1 + j) * random.normal_micro(j, row), 6);
  line.end_line();
}

/// Two numeric columns and factors of 7, 12 and 300 levels, all with an effect.
void factors(Line& line, const Random& random, std::uint64_t row) {
  auto const x1 = random.normal_micro(1, row), x2 = random.normal_micro(2, row);
  auto const day = random.below(7, 3, row), month = random.below(12, 4, row), place = random.below(300, 5, row);
  line.decimal(5000000 + x1 / 2 - x2 / 4 + static_cast<std::int64_t>(100000 * day + 50000 * month + 5000 * place) + random.normal_micro(0, row), 6);
  line.decimal(x1, 6);
  line.decimal(x2, 6);
  line.level('d', day + 1, 1);
  line.level('m', month + 1, 2);
  line.level('p', place + 1, 3);
  line.end_line();
}

/// What tells bits apart: a column far from zero, missing values, an integer column, factors with missing codes, weights.
void bits(Line& line, const Random& random, std::uint64_t row) {
  auto const x1 = random.normal_micro(1, row), x2 = random.normal_micro(2, row);
  line.shortest(1e-6 * static_cast<double>(3 * x1 - x2 + random.normal_micro(0, row)));
  line.decimal(1000000 * std::int64_t{1000000} + x1, 6);
  if (random.below(97, 3, row) == 0)
    line.missing();
  else
    line.decimal(x2, 6);
  line.integer(static_cast<std::int64_t>(random.below(2001, 4, row)) - 1000);
  if (random.below(211, 5, row) == 0)
    line.missing();
  else
    line.level('g', 1 + random.below(5, 6, row), 1);
  line.level('h', 1 + random.below(40, 7, row), 2);
  line.integer(static_cast<std::int64_t>(random.below(4, 8, row)));
  line.decimal(1 + static_cast<std::int64_t>(random.below(3000000, 9, row)), 6);
  line.end_line();
}

constexpr std::array<Table, 5> all{{
    {"mixed", "10 columns of whole numbers, decimals, dates, short texts and categories", "id,day,carrier,origin,tail,delay,distance,fare,temperature,score\n",
     mixed, 0, 450},
    {"wide", "y and 28 numeric columns", "y,x1,x2,x3,x4,x5,x6,x7,x8,x9,x10,x11,x12,x13,x14,x15,x16,x17,x18,x19,x20,x21,x22,x23,x24,x25,x26,x27,x28\n", wide,
     1000000, 0},
    {"numbers", "6 numeric columns", "x1,x2,x3,x4,x5,x6\n", numbers, 10000000, 0},
    {"factors", "y, 2 numeric columns, factors of 7, 12 and 300 levels", "y,x1,x2,day,month,place\n", factors, 10000000, 0},
    {"bits", "numbers, factors, weights and missing values for tests of equal bits", "y,x1,x2,i,g,h,f,p\n", bits, 3000000, 0},
}};

}  // namespace

std::span<const Table> tables() { return all; }

}  // namespace bench
