#include "rxhpc/expression.hpp"

#include <gtest/gtest.h>

#include <random>

#include "rxhpc/errors.hpp"

namespace rxhpc {
namespace {

// How an expression was understood, in prefix form.
std::string tree(const Expr& e) {
  if (e.kind == Expr::Kind::number) return number_text(e.number);
  if (e.kind == Expr::Kind::text) return "\"" + e.text + "\"";
  if (e.kind == Expr::Kind::name) return e.text;
  if (e.text == "(") return tree(*e.args[0]);
  std::string s = "[" + e.text;
  for (std::size_t i = 0; i < e.args.size(); ++i) s += " " + (e.arg_names[i].empty() ? "" : e.arg_names[i] + "=") + tree(*e.args[i]);
  return s + "]";
}

std::string tree(std::string_view source) { return tree(*parse_expression(source)); }

std::string message(std::string_view source) {
  try {
    parse_expression(source);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "no error";
}

TEST(Expression, PrecedenceIsRs) {
  EXPECT_EQ(tree("a + b * c ^ d"), "[+ a [* b [^ c d]]]");
  EXPECT_EQ(tree("-2^2"), "[- [^ 2 2]]");
  EXPECT_EQ(tree("2^-1"), "[^ 2 [- 1]]");
  EXPECT_EQ(tree("a^b^c"), "[^ a [^ b c]]");
  EXPECT_EQ(tree("-1:3"), "[: [- 1] 3]");
  EXPECT_EQ(tree("1:3*2"), "[* [: 1 3] 2]");
  EXPECT_EQ(tree("a %in% b:c"), "[%in% a [: b c]]");
  EXPECT_EQ(tree("a * b %in% c"), "[* a [%in% b c]]");
  EXPECT_EQ(tree("!a == b"), "[! [== a b]]");
  EXPECT_EQ(tree("!a & b | c"), "[| [& [! a] b] c]");
  EXPECT_EQ(tree("a - b - c"), "[- [- a b] c]");
  EXPECT_EQ(tree("a / b * c"), "[* [/ a b] c]");
  EXPECT_EQ(tree("y ~ a + b:c"), "[~ y [+ a [: b c]]]");
  EXPECT_EQ(tree("~ x | z"), "[~ [| x z]]");
  EXPECT_EQ(tree("y ~ x > 3"), "[~ y [> x 3]]");
  EXPECT_EQ(tree("-a %% b"), "[%% [- a] b]");
  EXPECT_EQ(tree("a ** 2"), "[^ a 2]");
}

TEST(Expression, Literals) {
  EXPECT_EQ(tree("1e5"), "1e+05");
  EXPECT_EQ(tree(".5"), "0.5");
  EXPECT_EQ(tree("0x1F"), "31");
  EXPECT_EQ(tree("5."), "5");
  EXPECT_TRUE(parse_expression("3L")->integer);
  EXPECT_EQ(tree(R"('it\'s "so"')"), "\"it's \"so\"\"");
  EXPECT_EQ(parse_expression(R"("a\tb\x41\u00e9\u{20ac}")")->text, "a\tbA\xc3\xa9\xe2\x82\xac");
  EXPECT_EQ(tree("`two words` + .x_1.y"), "[+ two words .x_1.y]");
  EXPECT_EQ(tree("f(x, low = 3, 'b' = 4)"), "[f x low=3 b=4]");
  EXPECT_EQ(tree("f()"), "[f]");
  EXPECT_EQ(tree("a # comment\n + b"), "[+ a b]");
  EXPECT_TRUE(parse_expression("TRUE")->is_constant_name());
  EXPECT_FALSE(parse_expression("`TRUE`")->is_constant_name());
}

TEST(Expression, DeparsesAsRDoes) {
  // Left: source; right: what R 4.2 prints.
  const char* const cases[][2] = {
      {"a/b", "a/b"}, {"a%%b", "a%%b"}, {"a%/%b", "a%/%b"}, {"a %in% c('x',\"y\")", "a %in% c(\"x\", \"y\")"}, {"a*b", "a * b"}, {"-a", "-a"},
      {"! a", "!a"}, {"I(h^2)", "I(h^2)"}, {"(a+b)^2", "(a + b)^2"}, {"a:b", "a:b"}, {"a&&b", "a && b"}, {"y~a+b-1", "y ~ a + b - 1"}, {"~x", "~x"},
      {"a==1e5", "a == 1e+05"}, {"x+1L", "x + 1L"}, {"f(a,b=3)", "f(a, b = 3)"}, {"`a b`+1", "`a b` + 1"}, {"'it\\'s \"q\"'", "\"it's \\\"q\\\"\""},
      {"2^-1", "2^-1"}, {"a|b", "a | b"}, {"0x10", "16"}, {"1e-3", "0.001"}, {"0.1+123456.789", "0.1 + 123456.789"}, {"100000", "1e+05"},
      {"123456", "123456"}, {"1e15", "1e+15"}, {"-a:b", "-a:b"}, {"-(a+b)", "-(a + b)"}, {"1e5L", "100000L"}, {"3^-2^2", "3^-2^2"}};
  for (auto const& [source, expected] : cases) {
    EXPECT_EQ(deparse(*parse_expression(source)), expected);
    EXPECT_EQ(deparse(*parse_expression(deparse(*parse_expression(source)))), expected) << "printed text must read back as itself";
  }
}

TEST(Expression, HandMadeTreesGetTheParenthesesTheyNeed) {
  auto const sum = parse_expression("a + b");
  Expr product;
  product.kind = Expr::Kind::call;
  product.text = "*";
  product.args = {sum, sum};
  product.arg_names = {"", ""};
  EXPECT_EQ(deparse(product), "(a + b) * (a + b)");
}

TEST(Expression, Assignments) {
  EXPECT_EQ(parse_assignment("z = x + 1").name, "z");
  EXPECT_EQ(tree(*parse_assignment("`two words` <- x == 1").value), "[== x 1]");
  EXPECT_EQ(parse_assignment("z = NULL").value, nullptr);
  EXPECT_THROW(parse_assignment("x + 1"), UsageError);
  EXPECT_THROW(parse_assignment("TRUE = 1"), UsageError);
  EXPECT_THROW(parse_assignment("x ="), UsageError);
}

TEST(Expression, NamesAreListedOnceInOrder) {
  auto const names = names_in(*parse_expression("log(b) + a*b + TRUE + `NA` + f(low = c, NA) + .rxRowNums"));
  EXPECT_EQ(names, (std::vector<std::string>{"b", "a", "NA", "c"}));
}

TEST(Expression, ErrorsPointAtTheCharacter) {
  EXPECT_EQ(message("y ~ a +"), "in 'y ~ a +': expected a term at character 8 (here: 'y ~ a +>>>')");
  EXPECT_EQ(message("a + * b"), "in 'a + * b': expected a term, not '*' at character 5 (here: 'a + >>>* b')");
  EXPECT_EQ(message("log(x"), "in 'log(x': expected ',' or ')' at character 6 (here: 'log(x>>>')");
  EXPECT_EQ(message("x == 'abc"), "in 'x == 'abc': the quote ' is never closed at character 6 (here: 'x == >>>'abc')");
  EXPECT_EQ(message("a b"), "in 'a b': expected an operator or the end at character 3 (here: 'a >>>b')");
  EXPECT_EQ(message("\xc3\xa9 + + )"), "in '\xc3\xa9 + + )': expected a term, not ')' at character 7 (here: '\xc3\xa9 + + >>>)')");
  EXPECT_NE(message("a < b < c").find("chained"), std::string::npos);
  EXPECT_NE(message("x[1]").find("not supported"), std::string::npos);
  EXPECT_NE(message("x = 3").find("'=='"), std::string::npos);
  EXPECT_NE(message("12abc").find("letter after a number"), std::string::npos);
  EXPECT_NE(message("a @ b").find("unexpected character"), std::string::npos);
  EXPECT_NE(message("").find("expected an expression"), std::string::npos);
  EXPECT_EQ(message("a\n+").find('\n'), std::string::npos) << "messages are one line";
}

TEST(Expression, DeepAndLongInputsAreRefusedNotCrashedOn) {
  EXPECT_THROW(parse_expression(std::string(100000, '(')), UsageError);
  EXPECT_THROW(parse_expression(std::string(100000, '-') + "1"), UsageError);
  std::string chain = "a";
  for (int i = 0; i < 100000; ++i) chain += "+a";
  EXPECT_THROW(parse_expression(chain), UsageError);
}

TEST(Expression, RandomTextNeverCrashes) {
  std::mt19937 random(7);
  const char* const pieces[] = {"a", "log(", ")", "(", "+", "-", "^", "~", ":", "%in%", "c(", "1", "1e", "'", "\"", "`", "==", "<", "!", "&", ",", "=", " ", "\\", "\xff", "0x", ".", "#", "\n", "NA", "TRUE", "%"};
  int parsed = 0;
  for (int round = 0; round < 40000; ++round) {
    std::string s;
    auto const length = random() % 12;
    for (unsigned i = 0; i < length; ++i) s += round % 4 ? pieces[random() % std::size(pieces)] : std::string(1, static_cast<char>(random() % 256));
    try {
      auto const text = deparse(*parse_expression(s));
      EXPECT_EQ(deparse(*parse_expression(text)), text) << s;
      ++parsed;
    } catch (const UsageError& e) {
      EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
    }
  }
  EXPECT_GT(parsed, 100);
}

}  // namespace
}  // namespace rxhpc
