#include "rxhpc/formula.hpp"

#include <gtest/gtest.h>

#include <random>

#include "rxhpc/errors.hpp"

namespace rxhpc {
namespace {

using Texts = std::vector<std::string>;

Texts labels(const Formula& f) {
  Texts all;
  for (auto const& term : f.terms) all.push_back(term.label());
  return all;
}
Texts terms(std::string_view source, const Texts& dot = {}) { return labels(parse_formula(source, dot)); }
std::string message(std::string_view source) {
  try {
    parse_formula(source);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "no error";
}

TEST(Formula, ExpandsInWrittenOrder) {
  EXPECT_EQ(terms("y ~ a + b:c + d"), (Texts{"a", "b:c", "d"}));
  EXPECT_EQ(terms("y ~ a*b"), (Texts{"a", "b", "a:b"}));
  EXPECT_EQ(terms("y ~ a*b*c"), (Texts{"a", "b", "a:b", "c", "a:c", "b:c", "a:b:c"}));
  EXPECT_EQ(terms("y ~ (a + b + c)^2"), (Texts{"a", "b", "c", "a:b", "a:c", "b:c"}));
  EXPECT_EQ(terms("y ~ (a + b)^3"), (Texts{"a", "b", "a:b"}));
  EXPECT_EQ(terms("y ~ a:b + a + b:a"), (Texts{"a:b", "a"})) << "b:a is a:b";
  EXPECT_EQ(terms("y ~ a + a + a:a"), (Texts{"a"}));
  EXPECT_EQ(terms("y ~ a*b - a"), (Texts{"b", "a:b"}));
  EXPECT_EQ(terms("y ~ (a + b):c"), (Texts{"a:c", "b:c"}));
  EXPECT_EQ(terms("y ~ a + b %in% a"), (Texts{"a", "b:a"}));
  EXPECT_EQ(terms("y ~ a/b"), (Texts{"a", "a:b"}));
  EXPECT_EQ(terms("y ~ (a + b)/c"), (Texts{"a", "b", "a:b:c"}));
  EXPECT_EQ(terms("y ~ ((a))"), (Texts{"a"}));
  EXPECT_EQ(terms("y ~ `two words` + F(hour) + log(x) + I(h^2) + x > 3"), (Texts{"`two words` + F(hour) + log(x) + I(h^2) + x > 3"}));
  EXPECT_EQ(terms("y ~ F(hour, 0, 23) + N(g) + I(x > 3):z"), (Texts{"F(hour, 0, 23)", "N(g)", "I(x > 3):z"}));
}

TEST(Formula, Intercept) {
  EXPECT_TRUE(parse_formula("y ~ a").intercept);
  EXPECT_TRUE(parse_formula("y ~ 1").intercept);
  EXPECT_FALSE(parse_formula("y ~ a - 1").intercept);
  EXPECT_FALSE(parse_formula("y ~ a + 0").intercept);
  EXPECT_FALSE(parse_formula("y ~ 0 + a").intercept);
  EXPECT_FALSE(parse_formula("y ~ -1 + a").intercept);
  EXPECT_TRUE(parse_formula("y ~ 0 + a + 1").intercept);
  EXPECT_TRUE(parse_formula("y ~ a - 0").intercept);
  EXPECT_EQ(terms("y ~ -1 + a"), (Texts{"a"}));
}

TEST(Formula, Responses) {
  EXPECT_TRUE(parse_formula("~ x").responses.empty());
  EXPECT_EQ(deparse(*parse_formula("log(y) ~ x").responses.at(0)), "log(y)");
  EXPECT_EQ(deparse(*parse_formula("I(a/b) ~ x").responses.at(0)), "I(a/b)");
  auto const several = parse_formula("cbind(a, log(b)) ~ x");
  ASSERT_EQ(several.responses.size(), 2u);
  EXPECT_EQ(deparse(*several.responses[1]), "log(b)");
  EXPECT_EQ(parse_formula("y~a+b:log( x )-1").text, "y ~ a + b:log(x) - 1");
}

TEST(Formula, Offsets) {
  auto const f = parse_formula("y ~ a + offset(log(e)) + b");
  EXPECT_EQ(labels(f), (Texts{"a", "b"}));
  ASSERT_EQ(f.offsets.size(), 1u);
  EXPECT_EQ(deparse(*f.offsets[0]), "log(e)");
  EXPECT_TRUE(parse_formula("y ~ a + offset(e) - offset(e)").offsets.empty());
}

TEST(Formula, DotStandsForTheOtherColumns) {
  EXPECT_EQ(terms("y ~ .", {"a", "y", "b c"}), (Texts{"a", "`b c`"}));
  EXPECT_EQ(terms("log(y) ~ . - a", {"a", "y", "b"}), (Texts{"b"}));
  EXPECT_EQ(terms("y ~ .^2", {"y", "a", "b"}), (Texts{"a", "b", "a:b"}));
  EXPECT_EQ(terms("~ .", {"a", "b"}), (Texts{"a", "b"}));
  EXPECT_NE(message("y ~ ."), "no error");
}

TEST(Formula, ROrderIsByDegreeAndByFirstAppearance) {
  // R: attr(terms(y ~ c:b + a + b + a:c), "term.labels") is "a" "b" "c:b" "c:a".
  EXPECT_EQ(labels(parse_formula("y ~ c:b + a + b + a:c").in_r_order()), (Texts{"a", "b", "c:b", "c:a"}));
  // Variables stand as the text has them, whatever was taken away.
  EXPECT_EQ(labels(parse_formula("y ~ a*b - a").in_r_order()), (Texts{"b", "a:b"}));
  EXPECT_EQ(labels(parse_formula("y ~ (x + z)^2 - x").in_r_order()), (Texts{"z", "x:z"}));
  EXPECT_EQ(labels(parse_formula("y ~ b:x + a:x").in_r_order()), (Texts{"b:x", "x:a"}));
  EXPECT_EQ(labels(parse_formula("y ~ a*b*c").in_r_order()), (Texts{"a", "b", "c", "a:b", "a:c", "b:c", "a:b:c"}));
}

TEST(Formula, ErrorsPointAtTheCharacter) {
  EXPECT_EQ(message("y ~ a + 2"), "in 'y ~ a + 2': the only numbers that can be terms are 0 and 1 at character 9 (here: 'y ~ a + >>>2')");
  EXPECT_NE(message("y + a").find("has a '~'"), std::string::npos);
  EXPECT_NE(message("y ~ a ~ b").find("one '~'"), std::string::npos);
  EXPECT_NE(message("y ~ 'a'").find("text cannot be a term"), std::string::npos);
  EXPECT_NE(message("y ~ a^b").find("whole number"), std::string::npos);
  EXPECT_NE(message("y ~ a^0").find("whole number"), std::string::npos);
  EXPECT_NE(message("y ~ a:1").find("interaction"), std::string::npos);
  EXPECT_NE(message("y ~ cbind(a, b)").find("left side"), std::string::npos);
  EXPECT_NE(message("3 ~ a").find("response"), std::string::npos);
  EXPECT_NE(message("y ~ offset(a):b").find("interaction"), std::string::npos);
  EXPECT_NE(message("y ~ NA").find("cannot be a term"), std::string::npos);
}

TEST(Formula, ThousandsOfTermsAreQuickAndExplosionsAreRefused) {
  std::string wide = "y ~ x0", explosion = "y ~ (x0";
  for (int i = 1; i < 5000; ++i) wide += " + x" + std::to_string(i);
  EXPECT_EQ(parse_formula(wide).terms.size(), 5000u);
  for (int i = 1; i < 60; ++i) explosion += " + x" + std::to_string(i);
  EXPECT_THROW(parse_formula(explosion + ")^20"), UsageError);
}

TEST(Formula, RandomTextNeverCrashes) {
  std::mt19937 random(5);
  const char* const pieces[] = {"a", "b", "c", "~", "+", "-", ":", "*", "^", "(", ")", "1", "0", "2", "/", "%in%", ".", "offset(", "cbind(", "log(", " ", ",", "'t'", "TRUE"};
  int parsed = 0;
  for (int round = 0; round < 30000; ++round) {
    std::string s = "y ~ a";
    for (unsigned i = random() % 9; i > 0; --i) s += pieces[random() % std::size(pieces)];
    try {
      auto const f = parse_formula(s, {"a", "b", "d"});
      EXPECT_EQ(labels(f), terms(f.text, {"a", "b", "d"})) << s;
      ++parsed;
    } catch (const UsageError&) {
    }
  }
  EXPECT_GT(parsed, 500);
}

}  // namespace
}  // namespace rxhpc
