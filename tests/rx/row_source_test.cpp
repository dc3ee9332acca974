#include "rxhpc/row_source.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <thread>

#include "memory_source.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc {
namespace {

using test::all_texts;
using test::all_values;
using test::MemorySource;
using Texts = std::vector<std::string>;

double const NA = na_value();
constexpr double NaN = std::numeric_limits<double>::quiet_NaN();
constexpr double Inf = std::numeric_limits<double>::infinity();

std::string kind(double x) { return x == x ? std::to_string(x) : is_na(x) ? "NA" : "NaN"; }

void expect_values(const std::vector<double>& got, const std::vector<double>& wanted, const std::string& what) {
  ASSERT_EQ(got.size(), wanted.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (wanted[i] != wanted[i] || got[i] != got[i])
      EXPECT_EQ(kind(got[i]), kind(wanted[i])) << what << " at row " << i + 1;
    else
      EXPECT_DOUBLE_EQ(got[i], wanted[i]) << what << " at row " << i + 1;
  }
}

RowSource transformed(const ChunkSource& base, const std::string& expression) { return RowSource(base, {{"z = " + expression}, ""}); }
std::vector<double> evaluate(const ChunkSource& base, const std::string& expression) {
  auto const rows = transformed(base, expression);
  return all_values(rows, rows.schema().at("z"));
}
Texts evaluate_text(const ChunkSource& base, const std::string& expression) {
  auto const rows = transformed(base, expression);
  return all_texts(rows, rows.schema().at("z"));
}
std::string message(const ChunkSource& base, const std::string& expression) {
  try {
    transformed(base, expression);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "no error";
}
bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

MemorySource small() {
  MemorySource s({4, 3});
  s.numeric("x", {1, 2, NA, 4, NaN, -6, 7});
  s.integer("i", {5, INT32_MIN, 3, 0, -7, 8, 2});
  s.logical("b", {1, 0, -1, 1, 0, -1, 1});
  s.factor("f", {"lo", "mid", "hi"}, {0, 1, 2, -1, 2, 1, 0});
  s.factor("o", {"lo", "mid", "hi"}, {0, 1, 2, -1, 2, 1, 0}, VarType::ordered);
  s.factor("c", {"AA", "UA", "B6"}, {1, 0, 2, -1, 0, 1, 1}, VarType::character);
  s.text("t", 4, {"AA", "", "abcd", "B6", "AA", "zz", "B6"});
  s.add("d", VarType::date, Storage::int32, std::vector<std::int32_t>{15706, 0, -1, INT32_MIN, 11016, 15707, 19782});
  s.add("p", VarType::posixct, Storage::int64, std::vector<std::int64_t>{1356998400000000, 0, -1000000, INT64_MIN, 951826029500000, 1, 86399999999});
  s.variables()[1].low = -7;
  s.variables()[1].high = 8;
  return s;
}

// Expected values: R 4.2, but for rows where one operand is NA and another NaN, which are NA here whichever comes first.
TEST(RowSourceExpressions, ArithmeticAndLogicGiveRsValues) {
  MemorySource s({12});
  s.numeric("x", {-7.5, -2, -0.5, 0, 0.5, 1, 2.5, 3.5, NA, NaN, Inf, -Inf});
  struct Case {
    const char* expression;
    std::vector<double> expected;
  };
  Case const cases[] = {
      {"x+1", {-6.5, -1, 0.5, 1, 1.5, 2, 3.5, 4.5, NA, NaN, Inf, -Inf}},
      {"x-NA", {NA, NA, NA, NA, NA, NA, NA, NA, NA, NA, NA, NA}},
      {"NA+x", {NA, NA, NA, NA, NA, NA, NA, NA, NA, NA, NA, NA}},
      {"x*0", {-0., -0., -0., 0, 0, 0, 0, 0, NA, NaN, NaN, NaN}},
      {"x/0", {-Inf, -Inf, -Inf, NaN, Inf, Inf, Inf, Inf, NA, NaN, Inf, -Inf}},
      {"x%%2", {0.5, 0, 1.5, 0, 0.5, 1, 0.5, 1.5, NA, NaN, NaN, NaN}},
      {"x%%-2", {-1.5, 0, -0.5, 0, -1.5, -1, -1.5, -0.5, NA, NaN, NaN, NaN}},
      {"x%%1e16", {9999999999999992, 9999999999999998, 1e16, 0, 0.5, 1, 2.5, 3.5, NA, NaN, NaN, NaN}},
      {"x%/%2", {-4, -1, -1, 0, 0, 0, 1, 1, NA, NaN, Inf, -Inf}},
      {"x%/%-2", {3, 1, 0, 0, -1, -1, -2, -2, NA, NaN, -Inf, Inf}},
      {"x%%0", {NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NA, NaN, NaN, NaN}},
      {"x%/%0", {-Inf, -Inf, -Inf, NaN, Inf, Inf, Inf, Inf, NA, NaN, Inf, -Inf}},
      {"x%%Inf", {Inf, Inf, Inf, 0, 0.5, 1, 2.5, 3.5, NA, NaN, NaN, NaN}},
      {"x^2", {56.25, 4, 0.25, 0, 0.25, 1, 6.25, 12.25, NA, NaN, Inf, Inf}},
      {"x^0", {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
      {"x^-1", {-0.13333333333333333, -0.5, -2, Inf, 2, 1, 0.4, 0.2857142857142857, NA, NaN, 0, -0.}},
      {"(x*0)^-3", {Inf, Inf, Inf, Inf, Inf, Inf, Inf, Inf, NA, NaN, NaN, NaN}},
      {"1^x", {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
      {"x^0.5", {NaN, NaN, NaN, 0, 0.70710678118654757, 1, 1.5811388300841898, 1.8708286933869707, NA, NaN, Inf, NaN}},
      {"abs(x)", {7.5, 2, 0.5, 0, 0.5, 1, 2.5, 3.5, NA, NaN, Inf, Inf}},
      {"sign(x)", {-1, -1, -1, 0, 1, 1, 1, 1, NA, NaN, 1, -1}},
      {"floor(x)", {-8, -2, -1, 0, 0, 1, 2, 3, NA, NaN, Inf, -Inf}},
      {"ceiling(x)", {-7, -2, -0., 0, 1, 1, 3, 4, NA, NaN, Inf, -Inf}},
      {"trunc(x)", {-7, -2, -0., 0, 0, 1, 2, 3, NA, NaN, Inf, -Inf}},
      {"round(x)", {-8, -2, -0., 0, 0, 1, 2, 4, NA, NaN, Inf, -Inf}},
      {"exp(x)", {0.00055308437014783363, 0.1353352832366127, 0.60653065971263342, 1, 1.6487212707001282, 2.7182818284590451, 12.182493960703473,
                  33.115451958692312, NA, NaN, Inf, 0}},
      {"log(abs(x),2)", {2.9068905956085187, 1, -1, -Inf, -1, 0, 1.3219280948873624, 1.8073549220576042, NA, NaN, Inf, Inf}},
      {"log(x = abs(x), base = 3)", {1.8340437671464697, 0.63092975357145742, -0.63092975357145742, -Inf, -0.63092975357145742, 0, 0.83404376714646957,
                                     1.1403139955899648, NA, NaN, Inf, Inf}},
      {"log1p(abs(x))", {2.1400661634962708, 1.0986122886681096, 0.40546510810816438, 0, 0.40546510810816438, 0.69314718055994529, 1.2527629684953681,
                         1.5040773967762742, NA, NaN, Inf, Inf}},
      {"expm1(x)", {-0.99944691562985222, -0.8646647167633873, -0.39346934028736658, 0, 0.64872127070012819, 1.7182818284590451, 11.182493960703473,
                    32.115451958692312, NA, NaN, Inf, -1}},
      {"atan(x)", {-1.4382447944982226, -1.1071487177940904, -0.46364760900080609, 0, 0.46364760900080609, 0.78539816339744828, 1.1902899496825317,
                   1.2924966677897853, NA, NaN, 1.5707963267948966, -1.5707963267948966}},
      {"sqrt(x)", {NaN, NaN, NaN, 0, 0.70710678118654757, 1, 1.5811388300841898, 1.8708286933869707, NA, NaN, Inf, NaN}},
      {"x>0", {0, 0, 0, 0, 1, 1, 1, 1, NA, NA, 1, 0}},
      {"x>=0.5", {0, 0, 0, 0, 1, 1, 1, 1, NA, NA, 1, 0}},
      {"0.5<=x", {0, 0, 0, 0, 1, 1, 1, 1, NA, NA, 1, 0}},
      {"x==1", {0, 0, 0, 0, 0, 1, 0, 0, NA, NA, 0, 0}},
      {"x!=1", {1, 1, 1, 1, 1, 0, 1, 1, NA, NA, 1, 1}},
      {"x<NA", {NA, NA, NA, NA, NA, NA, NA, NA, NA, NA, NA, NA}},
      {"x>0 & x<3", {0, 0, 0, 0, 1, 1, 1, 0, NA, NA, 0, 0}},
      {"x>0 & NA", {0, 0, 0, 0, NA, NA, NA, NA, NA, NA, NA, 0}},
      {"x<0 | NA", {1, 1, 1, NA, NA, NA, NA, NA, NA, NA, NA, 1}},
      {"x & TRUE", {1, 1, 1, 0, 1, 1, 1, 1, NA, NA, 1, 1}},
      {"x>0 && TRUE", {0, 0, 0, 0, 1, 1, 1, 1, NA, NA, 1, 0}},
      {"!(x>0)", {1, 1, 1, 1, 0, 0, 0, 0, NA, NA, 0, 1}},
      {"xor(x>0,x<3)", {1, 1, 1, 1, 0, 0, 0, 1, NA, NA, 1, 1}},
      {"is.na(x)", {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0}},
      {"is.nan(x)", {0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}},
      {"is.finite(x)", {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0}},
      {"is.infinite(x)", {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1}},
      {"x %in% c(1,2.5,NA)", {0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0}},
      {"x %in% c(NaN, -2)", {0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}},
      {"x %in% 1:3", {0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}},
      {"x %in% c(-20:-1, 30)", {0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
      {"ifelse(x>0,x,-x)", {7.5, 2, 0.5, -0., 0.5, 1, 2.5, 3.5, NA, NA, Inf, Inf}},
      {"ifelse(is.na(x),0,x)", {-7.5, -2, -0.5, 0, 0.5, 1, 2.5, 3.5, 0, 0, Inf, -Inf}},
      {"pmin(x,1)", {-7.5, -2, -0.5, 0, 0.5, 1, 1, 1, NA, NaN, 1, -Inf}},
      {"pmax(x,1)", {1, 1, 1, 1, 1, 1, 2.5, 3.5, NA, NaN, Inf, 1}},
      {"pmin(x,1,na.rm=TRUE)", {-7.5, -2, -0.5, 0, 0.5, 1, 1, 1, 1, 1, 1, -Inf}},
      {"as.integer(x)", {-7, -2, 0, 0, 0, 1, 2, 3, NA, NA, NA, NA}},
      {"as.logical(x)", {1, 1, 1, 0, 1, 1, 1, 1, NA, NA, 1, 1}},
      {"x%%0.3", {0.29999999999999971, 0.099999999999999922, 0.099999999999999978, 0, 0.2, 0.10000000000000003, 0.10000000000000009,
                  0.20000000000000012, NA, NaN, NaN, NaN}},
      {"x%/%0.3", {-26, -7, -2, 0, 1, 3, 8, 11, NA, NaN, Inf, -Inf}},
      {"5.3%%x", {-2.2000000000000002, -0.70000000000000018, -0.20000000000000018, NaN, 0.29999999999999982, 0.29999999999999982, 0.29999999999999982,
                  1.7999999999999998, NA, NaN, 5.3, -Inf}},
      {"round(x*1.234,2)", {-9.25, -2.47, -0.62, 0, 0.62, 1.23, 3.08, 4.32, NA, NaN, Inf, -Inf}},
      {"signif(x*1234.5678,3)", {-9260, -2470, -617, 0, 617, 1230, 3090, 4320, NA, NaN, Inf, -Inf}},
      {"-x^2", {-56.25, -4, -0.25, -0., -0.25, -1, -6.25, -12.25, NA, NaN, -Inf, -Inf}},
      {"x+TRUE", {-6.5, -1, 0.5, 1, 1.5, 2, 3.5, 4.5, NA, NaN, Inf, -Inf}},
      {"(-8)^(1/3)", {NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN}},
      {"(-Inf)^0.5", {NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN}},
      {"(-0.5)^Inf", {NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN}},
      {"(-Inf)^3", {-Inf, -Inf, -Inf, -Inf, -Inf, -Inf, -Inf, -Inf, -Inf, -Inf, -Inf, -Inf}},
      {".rxRowNums * 2", {2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24}},
  };
  for (auto const& c : cases) expect_values(evaluate(s, c.expression), c.expected, c.expression);
}

TEST(RowSourceExpressions, RoundingIsR4s) {
  struct Case {
    const char* x;
    int digits;
    double rounded, significant;
  };
  Case const cases[] = {{"0.15", 1, 0.1, 0.2},        {"0.15", 2, 0.15, 0.15},    {"2.675", 2, 2.67, 2.7},     {"1.005", 2, 1, 1},
                        {"0.285", 2, 0.28, 0.28},     {"-1.5", 0, -2, -2},        {"2.5", 0, 2, 2},            {"2.5", -1, 0, 2},
                        {"1234.5", -2, 1200, 1000},   {"1234.5", -1, 1230, 1000}, {"1234.5", 0, 1234, 1000},   {"5.015", -1, 10, 5},
                        {"5.015", 2, 5.02, 5},        {"123.456", 2, 123.46, 120}, {"123.456", 5, 123.456, 123.46}, {"1e15+0.3", 2, 1e15 + 0.3, 1e15}};
  MemorySource s({1});
  s.numeric("x", {0});
  for (auto const& c : cases) {
    auto const digits = std::to_string(c.digits);
    expect_values(evaluate(s, "round(x + " + std::string(c.x) + ", " + digits + ")"), {c.rounded}, c.x + (" to " + digits));
    expect_values(evaluate(s, "signif(x + " + std::string(c.x) + ", " + std::to_string(std::max(1, c.digits)) + ")"), {c.significant}, c.x);
    expect_values(evaluate(s, "round(" + std::string(c.x) + ", " + digits + ")"), {c.rounded}, "constants are folded to the same value");
  }
}

TEST(RowSourceExpressions, ThreeValuedTruthTables) {
  MemorySource s({9});
  s.logical("a", {0, 0, 0, 1, 1, 1, -1, -1, -1});
  s.logical("b", {0, 1, -1, 0, 1, -1, 0, 1, -1});
  expect_values(evaluate(s, "a & b"), {0, 0, 0, 0, 1, NA, 0, NA, NA}, "and");
  expect_values(evaluate(s, "a | b"), {0, 1, NA, 1, 1, 1, NA, 1, NA}, "or");
  expect_values(evaluate(s, "!a"), {1, 1, 1, 0, 0, 0, NA, NA, NA}, "not");
  expect_values(evaluate(s, "a == b"), {1, 0, NA, 0, 1, NA, NA, NA, NA}, "equal");
}

TEST(RowSourceExpressions, IntegersKeepTheirTypeWhereRDoes) {
  auto const s = small();
  auto const type = [&](const std::string& e) { return transformed(s, e).schema().variables.back().type; };
  EXPECT_EQ(type("i %% 4L"), VarType::integer);
  EXPECT_EQ(type("-i"), VarType::integer);
  EXPECT_EQ(type("i / 2L"), VarType::numeric);
  EXPECT_EQ(type("i > 2"), VarType::logical);
  EXPECT_EQ(type("year(d)"), VarType::integer);
  EXPECT_EQ(type("d + 1"), VarType::date);
  EXPECT_EQ(type("d - d"), VarType::numeric);
  EXPECT_EQ(type("ifelse(b, 'x', 'y')"), VarType::character);
  EXPECT_EQ(type("ifelse(b, 1L, 2L)"), VarType::integer);
  EXPECT_EQ(type("f"), VarType::factor);
  expect_values(evaluate(s, "i %/% 0L"), {NA, NA, NA, NA, NA, NA, NA}, "integer division by zero");
  expect_values(evaluate(s, "i * 1e9"), {5e9, NA, 3e9, 0, -7e9, 8e9, 2e9}, "no overflow");
  expect_values(evaluate(s, "as.integer(i * 1e9)"), {NA, NA, NA, 0, NA, NA, 2e9}, "beyond 32 bits");
}

TEST(RowSourceExpressions, FactorsAndTextCompareByText) {
  auto const s = small();
  expect_values(evaluate(s, "f == 'hi'"), {0, 0, 1, NA, 1, 0, 0}, "factor");
  expect_values(evaluate(s, "'hi' != f"), {1, 1, 0, NA, 0, 1, 1}, "factor");
  expect_values(evaluate(s, "f == 'none'"), {0, 0, 0, NA, 0, 0, 0}, "no such level");
  expect_values(evaluate(s, "f %in% c('hi', NA)"), {0, 0, 1, 1, 1, 0, 0}, "%in%");
  expect_values(evaluate(s, "!(c %in% c('AA', 'B6'))"), {1, 0, 0, 1, 0, 1, 1}, "not %in%");
  expect_values(evaluate(s, "o >= 'mid'"), {0, 1, 1, NA, 1, 1, 0}, "ordered");
  expect_values(evaluate(s, "'mid' > o"), {1, 0, 0, NA, 0, 0, 1}, "ordered, the other way round");
  expect_values(evaluate(s, "c < 'B'"), {0, 1, 0, NA, 1, 0, 0}, "text by bytes");
  expect_values(evaluate(s, "f == c"), {0, 0, 0, NA, 0, 0, 0}, "two columns");
  expect_values(evaluate(s, "f == o"), {1, 1, 1, NA, 1, 1, 1}, "two columns with equal levels");
  expect_values(evaluate(s, "b == 'TRUE'"), {1, 0, NA, 1, 0, NA, 1}, "logical as text");
  expect_values(evaluate(s, "i == '5'"), {1, NA, 0, 0, 0, 0, 0}, "number spelled as text");
  expect_values(evaluate(s, "f == NA"), {NA, NA, NA, NA, NA, NA, NA}, "NA");
  expect_values(evaluate(s, "is.na(f)"), {0, 0, 0, 1, 0, 0, 0}, "is.na");
  expect_values(evaluate(s, "as.numeric(f)"), {1, 2, 3, NA, 3, 2, 1}, "codes from 1");
  MemorySource spelled;
  spelled.factor("n", {"1e400", "-1e400", "1e-400", " 2.5 ", "+3", "4x"}, {0, 1, 2, 3, 4, 5});
  double const inf = std::numeric_limits<double>::infinity();
  expect_values(evaluate(spelled, "as.numeric(as.character(n))"), {inf, -inf, 0, 2.5, 3, NA}, "numbers as they are spelled, beyond the range too");
  expect_values(evaluate(s, "N(f)"), {0, 1, 2, NA, 2, 1, 0}, "N counts from 0");
  EXPECT_TRUE(contains(message(s, "f < 'hi'"), "without an order"));
  EXPECT_TRUE(contains(message(s, "o < 'hii'"), "did you mean 'hi'"));
  EXPECT_TRUE(contains(message(s, "f + 1"), "is a factor, a number is needed"));
  EXPECT_TRUE(contains(message(s, "x == 'abc'"), "compared with text"));
}

TEST(RowSourceExpressions, TextOfFixedLength) {
  auto const s = small();
  expect_values(evaluate(s, "t == 'AA'"), {1, NA, 0, 0, 1, 0, 0}, "==");
  expect_values(evaluate(s, "t != 'abcd'"), {1, NA, 0, 1, 1, 1, 1}, "!=, full width");
  expect_values(evaluate(s, "t %in% c('B6', 'zz')"), {0, 0, 0, 1, 0, 1, 1}, "%in%");
  expect_values(evaluate(s, "t %in% c('B6', NA)"), {0, 1, 0, 1, 0, 0, 1}, "%in% with NA");
  expect_values(evaluate(s, "is.na(t)"), {0, 1, 0, 0, 0, 0, 0}, "is.na");
  EXPECT_EQ(evaluate_text(s, "factor(t, levels = c('AA', 'B6'))"), (Texts{"AA", "NA", "NA", "B6", "AA", "NA", "B6"}));
  EXPECT_TRUE(contains(message(s, "t < 'A'"), "fixed length"));
}

TEST(RowSourceExpressions, TextResultsHaveLevelsKnownBeforehand) {
  auto const s = small();
  EXPECT_EQ(evaluate_text(s, "ifelse(x > 3, 'big', 'small')"), (Texts{"small", "small", "NA", "big", "NA", "small", "big"}));
  EXPECT_EQ(evaluate_text(s, "ifelse(is.na(f), 'none', f)"), (Texts{"lo", "mid", "hi", "none", "hi", "mid", "lo"}));
  EXPECT_EQ(evaluate_text(s, "ifelse(b, as.character(c), NA)"), (Texts{"UA", "NA", "NA", "NA", "NA", "NA", "UA"}));
  EXPECT_EQ(evaluate_text(s, "as.character(b)"), (Texts{"TRUE", "FALSE", "NA", "TRUE", "FALSE", "NA", "TRUE"}));
  EXPECT_TRUE(contains(message(s, "as.character(x)"), "not known before"));
}

TEST(RowSourceExpressions, FactorAndCut) {
  auto const s = small();
  EXPECT_EQ(evaluate_text(s, "factor(f, levels = c('hi', 'lo'), labels = c('H', 'L'))"), (Texts{"L", "NA", "H", "NA", "H", "NA", "L"}));
  EXPECT_EQ(evaluate_text(s, "factor(i, levels = c(0:3, 8), labels = c('0', 'a', 'b', 'c', 'd'))"), (Texts{"NA", "NA", "c", "0", "NA", "d", "b"}));
  EXPECT_EQ(evaluate_text(s, "factor(b)"), (Texts{"TRUE", "FALSE", "NA", "TRUE", "FALSE", "NA", "TRUE"}));
  EXPECT_EQ(evaluate_text(s, "factor(f, levels = c('lo', 'mid', 'hi'), labels = c('low', 'rest', 'rest'))"), (Texts{"low", "rest", "rest", "NA", "rest", "rest", "low"}));
  EXPECT_EQ(transformed(s, "factor(c)").schema().variables.back().levels, (Texts{"AA", "B6", "UA"}));
  EXPECT_EQ(transformed(s, "ordered(c, levels = c('UA', 'AA'))").schema().variables.back().type, VarType::ordered);
  EXPECT_EQ(evaluate_text(s, "cut(x, breaks = c(0, 2, 5, Inf))"), (Texts{"(0,2]", "(0,2]", "NA", "(2,5]", "NA", "NA", "(5,Inf]"}));
  EXPECT_EQ(evaluate_text(s, "cut(x, c(1, 2, 7), right = FALSE)"), (Texts{"[1,2)", "[2,7)", "NA", "[2,7)", "NA", "NA", "NA"}));
  EXPECT_EQ(evaluate_text(s, "cut(x, c(1, 2, 7), right = FALSE, include.lowest = TRUE)"), (Texts{"[1,2)", "[2,7]", "NA", "[2,7]", "NA", "NA", "[2,7]"}));
  EXPECT_EQ(evaluate_text(s, "cut(x, c(1, 2, 7), include.lowest = TRUE, labels = c('a', 'b'))"), (Texts{"a", "a", "NA", "b", "NA", "NA", "b"}));
  expect_values(evaluate(s, "cut(x, c(0, 2, 5), labels = FALSE)"), {1, 1, NA, 2, NA, NA, NA}, "codes");
  auto const labels = [&](const std::string& e) { return transformed(s, e).schema().variables.back().levels; };
  EXPECT_EQ(labels("cut(x, c(0, 7.5, 10))"), (Texts{"(0,7.5]", "(7.5,10]"}));
  EXPECT_EQ(labels("cut(x, c(0, 1000, 12345, 123456))"), (Texts{"(0,1e+03]", "(1e+03,1.23e+04]", "(1.23e+04,1.23e+05]"}));
  EXPECT_EQ(labels("cut(x, c(0, 1.0001, 1.0002), include.lowest = TRUE)"), (Texts{"[0,1.0001]", "(1.0001,1.0002]"}));
  EXPECT_EQ(labels("cut(x, c(-Inf, 1/3, 1e5), right = FALSE, include.lowest = TRUE)"), (Texts{"[-Inf,0.333)", "[0.333,1e+05]"}));
  EXPECT_TRUE(contains(message(s, "cut(x, 3)"), "at least two breaks"));
  EXPECT_TRUE(contains(message(s, "factor(x)"), "needs levels"));
}

// Forty breaks take the binary search, three the counting loop: both must agree on every edge.
TEST(RowSourceExpressions, CutWithManyBreaks) {
  std::vector<double> x;
  for (int k = -5; k <= 90; ++k) x.push_back(k / 2.0);
  MemorySource s({static_cast<std::int64_t>(x.size())});
  s.numeric("x", x);
  std::vector<double> right, left;
  for (double v : x) {
    right.push_back(v > 0 && v <= 40 ? std::ceil(v) : NA);
    left.push_back(v >= 0 && v < 40 ? std::floor(v) + 1 : NA);
  }
  expect_values(evaluate(s, "cut(x, 0:40, labels = FALSE)"), right, "right");
  expect_values(evaluate(s, "cut(x, 0:40, labels = FALSE, right = FALSE)"), left, "left");
}

TEST(RowSourceExpressions, DatesAndTimes) {
  auto const s = small();
  expect_values(evaluate(s, "year(d)"), {2013, 1970, 1969, NA, 2000, 2013, 2024}, "year");
  expect_values(evaluate(s, "month(d)"), {1, 1, 12, NA, 2, 1, 2}, "month");
  expect_values(evaluate(s, "day(d)"), {1, 1, 31, NA, 29, 2, 29}, "day");
  expect_values(evaluate(s, "weekday(d)"), {2, 4, 3, NA, 2, 3, 4}, "weekday, Monday is 1");
  expect_values(evaluate(s, "d > '2013-01-01'"), {0, 0, 0, NA, 0, 1, 1}, "with text");
  expect_values(evaluate(s, "d == as.Date('2000-02-29')"), {0, 0, 0, NA, 1, 0, 0}, "with a date");
  expect_values(evaluate(s, "d %in% c('2000-02-29', '1970-01-01')"), {0, 1, 0, 0, 1, 0, 0}, "%in%");
  expect_values(evaluate(s, "d - as.Date('2013-01-01')"), {0, -15706, -15707, NA, -4690, 1, 4076}, "difference");
  expect_values(evaluate(s, "as.numeric(d + 1)"), {15707, 1, 0, NA, 11017, 15708, 19783}, "shift");
  expect_values(evaluate(s, "hour(p)"), {0, 0, 23, NA, 12, 0, 23}, "hour");
  expect_values(evaluate(s, "minute(p)"), {0, 0, 59, NA, 7, 0, 59}, "minute");
  expect_values(evaluate(s, "year(p)"), {2013, 1970, 1969, NA, 2000, 1970, 1970}, "year of a time");
  expect_values(evaluate(s, "p >= '2000-02-29 12:07:09'"), {1, 0, 0, NA, 1, 0, 0}, "time with text");
  expect_values(evaluate(s, "as.Date(p) == d"), {1, 1, 1, NA, 1, 0, 0}, "date of a time");
  expect_values(evaluate(s, "as.POSIXct('2000-01-01T06:30:15.5') - as.POSIXct('2000-01-01')"), std::vector<double>(7, 23415.5), "seconds");
  EXPECT_TRUE(contains(message(s, "d > 'yesterday'"), "not a date like"));
  EXPECT_TRUE(contains(message(s, "d > '2013-02-30'"), "not a date like"));
  EXPECT_TRUE(contains(message(s, "year(x)"), "a date or time is needed"));
}

TEST(RowSourceExpressions, ErrorsNameTheCharacterAndTheNearestName) {
  auto const s = small();
  EXPECT_EQ(message(s, "xx2 + 1").substr(0, 43), "in 'z = xx2 + 1': unknown column 'xx2' at c");
  EXPECT_TRUE(contains(message(s, "sqroot(x)"), "unknown function 'sqroot'"));
  EXPECT_TRUE(contains(message(s, "sqr(x)"), "did you mean 'sqrt'?"));
  EXPECT_TRUE(contains(message(s, "mean(x)"), "all rows at once"));
  EXPECT_TRUE(contains(message(s, "sqrt(x, 2)"), "takes one argument"));
  EXPECT_TRUE(contains(message(s, "sqrt()"), "needs an argument 'x'"));
  EXPECT_TRUE(contains(message(s, "round(x, digit = 2)"), "did you mean 'digits'?"));
  EXPECT_TRUE(contains(message(s, "x %in% i"), "must be constants"));
  EXPECT_TRUE(contains(message(s, "x %foo% i"), "unknown operator"));
  EXPECT_TRUE(contains(message(s, "1:3"), "c(...)"));
  EXPECT_TRUE(contains(message(s, "x %in% 1:1e9"), "million"));
  EXPECT_TRUE(contains(message(s, "NULL + 1"), "NULL"));
}

TEST(RowSource, WithoutWorkColumnsAreTheBasesOwnViews) {
  auto const s = small();
  RowSource const plain(s, {});
  Chunk chunk;
  plain.read(1, std::vector<int>{3, 0}, chunk);
  Chunk expected;
  s.read(1, std::vector<int>{3, 0}, expected);
  EXPECT_EQ(chunk.columns[0].data, expected.columns[0].data);
  EXPECT_EQ(chunk.first_row, 4);
  EXPECT_FALSE(plain.selects_rows());

  RowSource const computing(s, {{"z = x + i", "same = f"}, ""});
  computing.read(1, std::vector<int>{computing.schema().at("same"), computing.schema().at("z")}, chunk);
  EXPECT_EQ(chunk.columns[0].data, expected.columns[0].data) << "a column under another name, beside a computed one";
  EXPECT_EQ(computing.base_column(computing.schema().at("same")), 3);
  EXPECT_EQ(computing.base_column(computing.schema().at("z")), -1);
}

TEST(RowSource, TransformsRunInOrderAndSeeOneAnother) {
  auto const s = small();
  RowSource const rows(s, {{"x = i * 2", "y = x + 1", "x = x - 1", "i = NULL", "y = y * 10", "keep = f"}, ""});
  EXPECT_EQ(rows.schema().find("i"), -1);
  EXPECT_EQ(rows.schema().at("x"), 0) << "replaced in place";
  EXPECT_EQ(rows.schema().variables.back().name, "keep");
  expect_values(all_values(rows, 0), {9, NA, 5, -1, -15, 15, 3}, "x");
  expect_values(all_values(rows, rows.schema().at("y")), {110, NA, 70, 10, -130, 170, 50}, "y saw the first x");
  EXPECT_THROW(RowSource(s, {{"i = NULL", "z = i"}, ""}), UsageError);
  EXPECT_THROW(RowSource(s, {{"nothing = NULL"}, ""}), UsageError);
  EXPECT_THROW(RowSource(s, {{"y = log(absent)"}, ""}), UsageError);
}

TEST(RowSource, SelectionKeepsRowsWhereItIsTrue) {
  auto const s = small();
  RowSource rows(s, {{"z = i * 10"}, "x > 1 | b"});
  // x > 1: F T NA T NA F T;  b: T F NA T F NA T
  EXPECT_TRUE(rows.selects_rows());
  expect_values(all_values(rows, rows.schema().at("x")), {1, 2, 4, 7}, "base column");
  expect_values(all_values(rows, rows.schema().at("z")), {50, NA, 0, 20}, "computed column");
  EXPECT_EQ(all_texts(rows, rows.schema().at("f")), (Texts{"lo", "mid", "NA", "lo"}));
  Chunk chunk;
  rows.read(1, std::vector<int>{rows.schema().at("t"), rows.schema().at("d")}, chunk);
  EXPECT_EQ(chunk.rows, 1);
  EXPECT_EQ(chunk.first_row, 4);
  EXPECT_EQ(std::string(static_cast<const char*>(chunk.columns[0].data), 2), "B6");
  EXPECT_EQ(chunk.columns[1].value(0), 19782);
  RowSource const none(s, {{}, "x > 100"});
  none.read(0, std::vector<int>{0}, chunk);
  EXPECT_EQ(chunk.rows, 0);
  RowSource const all(s, {{}, "TRUE"});
  all.read(0, std::vector<int>{0}, chunk);
  EXPECT_EQ(chunk.columns[0].data, s.address(0)) << "nothing dropped: nothing copied";
  RowSource const numbered(s, {{}, ".rxRowNums %in% c(2, 6)"});
  expect_values(all_values(numbered, 0), {2, -6}, "row numbers are global");
  EXPECT_THROW(RowSource(s, {{}, "f"}), UsageError);
  auto named = MemorySource({2, 1}).numeric(".rxRowNums", {70, 80, 90});
  expect_values(all_values(RowSource(named, {{}, ".rxRowNums == 2"}), 0), {80}, "the row's number, not the column");
  expect_values(all_values(RowSource(named, {{}, "`.rxRowNums` == 90"}), 0), {90}, "the column");
}

TEST(RowSource, DerivedColumns) {
  auto const s = small();
  RowSource rows(s, {{"w = x * 2"}, ""});
  auto const derive = [&](const std::string& e) { return rows.derive(*parse_expression(e), e); };
  EXPECT_EQ(derive("x"), 0);
  EXPECT_EQ(derive("w"), rows.schema().at("w"));
  int const logged = derive("log(i^2)");
  EXPECT_EQ(rows.schema()[static_cast<std::size_t>(logged)].name, "log(i^2)");
  EXPECT_EQ(derive("log(i^2)"), logged) << "the same expression is derived once";
  EXPECT_EQ(rows.schema()[static_cast<std::size_t>(derive("x > 3"))].type, VarType::logical);
  expect_values(all_values(rows, derive("I(w + 1)")), {3, 5, NA, 9, NaN, -11, 15}, "I()");

  auto const f = derive("F(i)");
  EXPECT_EQ(rows.schema()[static_cast<std::size_t>(f)].levels.size(), 16u) << "low and high of the column";
  EXPECT_EQ(all_texts(rows, f), (Texts{"5", "NA", "3", "0", "-7", "8", "2"}));
  EXPECT_EQ(all_texts(rows, derive("F(x + 0.5, 1, 4)")), (Texts{"1", "2", "NA", "4", "NA", "NA", "NA"}));
  EXPECT_EQ(all_texts(rows, derive("F(i, low = 2, high = 5, exclude = FALSE)")), (Texts{"5", "NA", "3", ".rxOther", ".rxOther", ".rxOther", "2"}));
  EXPECT_EQ(all_texts(rows, derive("F(f, 2, 3)")), (Texts{"NA", "mid", "hi", "NA", "hi", "mid", "NA"}));
  EXPECT_THROW(derive("F(x)"), UsageError) << "no range known, nobody to ask";
  rows.set_range_function([](const RowSource& r, int column) {
    EXPECT_EQ(r.schema()[static_cast<std::size_t>(column)].name, "x");
    return std::pair{-6.0, 7.5};
  });
  EXPECT_EQ(rows.schema()[static_cast<std::size_t>(derive("F(x)"))].levels.size(), 14u);
  rows.set_range_function([](const RowSource& r, int column) {
    bool const finite = r.schema()[static_cast<std::size_t>(column)].name.starts_with("ifelse");
    return std::pair{finite ? 0.0 : -Inf, 2.0};
  });
  EXPECT_EQ(rows.schema()[static_cast<std::size_t>(derive("F(log(x))"))].levels.size(), 3u) << "the finite extremes";
  EXPECT_EQ(all_texts(rows, rows.derive_factor(5, {"UA", "ZZ", "AA"}, "c2")), (Texts{"UA", "AA", "NA", "NA", "AA", "UA", "UA"}));
  EXPECT_EQ(all_texts(rows, rows.derive_factor(1, {"8", "-7", "x"}, "i2")), (Texts{"NA", "NA", "NA", "NA", "-7", "8", "NA"}));
  EXPECT_EQ(all_texts(rows, rows.derive_factor(2, {"TRUE", "FALSE"}, "b2")), (Texts{"TRUE", "FALSE", "NA", "TRUE", "FALSE", "NA", "TRUE"}));
  EXPECT_EQ(all_texts(rows, rows.derive_factor(6, {"zz", "AA"}, "t2")), (Texts{"AA", "NA", "NA", "NA", "AA", "zz", "NA"}));
  EXPECT_EQ(rows.zone_map(), nullptr);
}

// Selection, transforms and regridding against one row at a time, over tiles and chunks of awkward lengths.
TEST(RowSource, EqualsTheNaiveRowByRowEvaluation) {
  std::mt19937 random(3);
  std::vector<std::int64_t> const lengths{1, 1023, 1024, 1025, 0, 3000, 7};
  Grid const grid(lengths);
  auto const n = static_cast<std::size_t>(grid.total());
  std::vector<double> x(n);
  std::vector<int> code(n);
  std::vector<std::string> text(n);
  for (std::size_t i = 0; i < n; ++i) {
    x[i] = random() % 10 == 0 ? NA : static_cast<double>(random() % 1000) / 8 - 60;
    code[i] = static_cast<int>(random() % 4) - 1;
    text[i] = random() % 2 ? "one" : "three";
  }
  MemorySource s(lengths);
  s.numeric("x", x);
  s.factor("f", {"a", "b", "c"}, code);
  s.text("t", 5, text);
  RowSource const rows(s, {{"y = ifelse(f == 'b', x * 2 + 1, -x)", "g = cut(y, c(-100, 0, 50))"}, "(y > -20 & f != 'c') | t == 'one' & is.na(x)"});
  std::vector<double> y, keep_x, g;
  std::vector<std::string> keep_t;
  std::vector<std::int64_t> selected(lengths.size());
  for (std::size_t i = 0, chunk = 0; i < n; ++i) {
    while (static_cast<std::int64_t>(i) >= grid.first(static_cast<std::int64_t>(chunk)) + lengths[chunk]) ++chunk;
    double const value = code[i] < 0 ? NA : code[i] == 1 ? x[i] * 2 + 1 : -x[i];
    bool const chosen = (value > -20 && code[i] >= 0 && code[i] != 2) || (text[i] == "one" && x[i] != x[i]);
    if (!chosen) continue;
    ++selected[chunk];
    y.push_back(value != value ? NA : value);
    keep_x.push_back(x[i]);
    keep_t.push_back(text[i]);
    g.push_back(value > -100 && value <= 0 ? 0 : value > 0 && value <= 50 ? 1 : NA);
  }
  expect_values(all_values(rows, 3), y, "y");
  expect_values(all_values(rows, 4), g, "g");
  expect_values(all_values(rows, 0), keep_x, "x");
  for (std::int64_t chunk_rows : {1, 100, 1024, 100000}) {
    RegriddedSource const grid_rows(rows, selected, chunk_rows);
    EXPECT_EQ(grid_rows.grid().total(), static_cast<std::int64_t>(y.size()));
    expect_values(all_values(grid_rows, 3), y, "regridded y");
    std::vector<std::string> texts;
    Chunk chunk;
    for (std::int64_t k = 0; k < grid_rows.grid().chunks(); ++k) {
      grid_rows.read(k, std::vector<int>{2, 4}, chunk);
      EXPECT_EQ(chunk.rows, grid_rows.grid().rows(k));
      for (std::int64_t i = 0; i < chunk.rows; ++i) {
        auto const* p = static_cast<const char*>(chunk.columns[0].data) + i * chunk.columns[0].stride;
        texts.emplace_back(p, strnlen(p, 5));
      }
    }
    EXPECT_EQ(texts, keep_t);
  }
}

TEST(RowSource, ManyThreadsReadAtOnce) {
  std::vector<std::int64_t> const lengths(40, 700);
  std::vector<double> x(40 * 700);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i);
  MemorySource s(lengths);
  s.numeric("x", x);
  RowSource const rows(s, {{"y = sqrt(x) + .rxRowNums"}, "x %% 3 == 1"});
  std::vector<double> sums(40), threaded(40);
  auto const sum = [&](std::vector<double>& into, std::int64_t from, std::int64_t step) {
    Chunk chunk;
    for (std::int64_t k = from; k < 40; k += step) {
      rows.read(k, std::vector<int>{1, 0}, chunk);
      for (std::int64_t i = 0; i < chunk.rows; ++i) into[static_cast<std::size_t>(k)] += chunk.columns[0].value(i) - chunk.columns[1].value(i);
    }
  };
  sum(sums, 0, 1);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) threads.emplace_back([&, t] { sum(threaded, t, 4); });
  for (auto& t : threads) t.join();
  EXPECT_EQ(sums, threaded);
}

TEST(RowSource, RandomExpressionsFailCleanlyOrWork) {
  auto const s = small();
  std::mt19937 random(11);
  const char* const pieces[] = {"x", "i", "b", "f", "o", "c", "t", "d", "p", "NA", "1", "'hi'", "'2013-01-01'", "TRUE"};
  const char* const operators[] = {"+", "-", "*", "/", "^", "%%", "%/%", "==", "<", ">=", "!=", "&", "|"};
  const char* const functions[] = {"log", "is.na", "as.numeric", "as.character", "as.Date", "year", "factor", "F", "N", "!", "-", "as.logical", "as.integer", "round"};
  std::function<std::string(int)> const make = [&](int depth) -> std::string {
    if (depth == 0 || random() % 4 == 0) return pieces[random() % std::size(pieces)];
    if (random() % 3 == 0) return std::string(functions[random() % std::size(functions)]) + "(" + make(depth - 1) + ")";
    if (random() % 6 == 0) return "ifelse(" + make(depth - 1) + ", " + make(depth - 1) + ", " + make(depth - 1) + ")";
    return "(" + make(depth - 1) + ") " + operators[random() % std::size(operators)] + " (" + make(depth - 1) + ")";
  };
  int worked = 0;
  for (int round = 0; round < 5000; ++round) {
    auto const e = make(3);
    try {
      auto const rows = transformed(s, e);
      EXPECT_EQ(all_values(rows, rows.schema().at("z")).size(), 7u) << e;
      ++worked;
    } catch (const UsageError&) {
    }
  }
  EXPECT_GT(worked, 500);
}

}  // namespace
}  // namespace rxhpc
