// Row-by-row expressions compiled to a small register program, evaluated a tile of rows at a time inside the scan.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "rxhpc/column.hpp"

namespace rxhpc {

/// Rows of one tile: a few registers of that length stay in the first-level cache.
constexpr int program_tile_rows = 1024;

/// What an instruction computes from registers a, b, c. Registers hold doubles; logical values are 0, 1 and NA, factor codes count
/// from 0 with NA for missing. Where nothing else is said a result is R's: NA if any operand is NA, else IEEE arithmetic.
enum class RowOp : std::uint8_t {
  // loads: column `column`
  value, code, text_code, row_number, constant,
  // arithmetic: a, b
  add, subtract, multiply, divide, power, modulo, int_divide, negate,
  // comparisons (NA and NaN give NA) and three-valued logic
  less, less_equal, equal, not_equal, both, either, negation, truth,
  // never missing
  is_missing, is_nan, in_set,
  // a ? b : c, NA where a is
  choose,
  // codes to values: table[1 + code], table[0] for missing
  table,
  // numbers to codes: position in the sorted set; interval (cut); whole number from low to high (F)
  match_set, cut_right, cut_left, whole_code,
  // functions of one number
  log, log2, log10, log1p, exp, expm1, sqrt, abs, sign, floor, ceiling, truncate, square,
  sin, cos, tan, asin, acos, atan,
  // functions of two
  round, signif, atan2, minimum, maximum,
  // parts of a date (days since 1970-01-01) and of a time (seconds since then); ISO weekday, Monday is 1
  year, month, day, weekday, second_of_day_hour, second_of_day_minute, second_of_day_second
};

struct RowInstruction {
  RowOp op = RowOp::constant;
  std::int32_t out = 0, a = -1, b = -1, c = -1;
  std::int32_t column = -1;  ///< loads: position in the span of columns
  std::int32_t data = -1;    ///< constant, sets, tables, breaks: index into RowProgram::data; text_code: into RowProgram::texts
};

/// Straight-line code; a register is never an instruction's input and output at once. Registers of `constant` are written
/// by nothing else.
struct RowProgram {
  std::vector<RowInstruction> code;
  std::vector<std::vector<double>> data;
  std::vector<std::vector<std::pair<std::string, double>>> texts;  ///< sorted; the code of a text that is not among them is -1, of a missing one NA
  int registers = 0;
};

/// Evaluates programs; one a thread. Cost: bytes of the columns read once, then about one load and one store of a register in cache
/// per row and operand.
class RowMachine {
 public:
  /// Makes room for its registers and fills in its constants. The program must outlive the machine's use of it.
  void prepare(const RowProgram& program);
  /// Rows [first, first + count) of the columns, count <= program_tile_rows; `row_number` is that of row `first`.
  void run(std::span<const Column> columns, std::int64_t first, int count, double row_number);
  const double* values(int reg) const { return registers_.get() + static_cast<std::size_t>(reg) * program_tile_rows; }

 private:
  struct Free { void operator()(double* p) const; };
  const RowProgram* program_ = nullptr;
  std::unique_ptr<double[], Free> registers_;
  int capacity_ = 0;

  double* writable(int reg) { return registers_.get() + static_cast<std::size_t>(reg) * program_tile_rows; }
};

/// Converts computed values to a column's storage; `keep` lists the rows (positions in the tile) to write, null: the first `count`.
/// float64: R's NA pattern; integers: `missing` for NA, NaN and what does not fit, after multiplying by `scale`.
void store_values(const double* values, const std::int32_t* keep, int count, Storage storage, std::int64_t missing, double scale, void* out);
/// Rows [0, count) listed in `rows` of a column, copied to `out` (bytes as they are stored).
void gather_rows(const Column& column, const std::int32_t* rows, std::int64_t count, void* out);

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
std::int64_t days_from_civil(std::int64_t year, int month, int day);

}  // namespace rxhpc
