#include "rxhpc/pmml.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "memory_source.hpp"
#include "rxhpc/elastic_net.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/glm.hpp"
#include "rxhpc/lin_mod.hpp"
#include "rxhpc/self_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;

constexpr int rows = 24;

/// Columns of every type; level z of f has no rows.
MemorySource made() {
  MemorySource s;
  std::vector<double> y, x, z, e, log_x, derived_x;
  std::vector<std::int32_t> i, d;
  std::vector<std::int8_t> lg;
  std::vector<int> f, g, o;
  for (int k = 0; k < rows; ++k) {
    y.push_back(2 + k % 5 + k % 3 * 0.7);
    x.push_back(1 + (k * 7) % 11 / 2.0);
    z.push_back((k * 5) % 13 - 6);
    e.push_back(1 + k % 4);
    log_x.push_back((k * k) % 7);
    derived_x.push_back((k * k) % 10);
    i.push_back(k % 6);
    d.push_back(16000 + (k * k) % 97);
    lg.push_back(k % 5 < 2);
    f.push_back(k % 3);
    g.push_back((k / 2) % 2);
    o.push_back(k % 3);
  }
  s.numeric("y", y).numeric("x", x).numeric("z", z).numeric("e", e).numeric("log(x)", log_x).numeric("derived x", derived_x).integer("i", i).logical("lg", lg);
  s.factor("f", {"a b", "c&d", "e\tf", "z"}, f).factor("g", {"u", "v"}, g, VarType::character).factor("o", {"low", "mid", "high"}, o, VarType::ordered);
  s.add("d", VarType::date, Storage::int32, d);
  return s;
}

nlohmann::json fitted(const ChunkSource& source, const std::string& formula, std::vector<std::string> transforms = {}) {
  SelfCommunicator self;
  LinModOptions options;
  options.rows.transforms = std::move(transforms);
  return model_json(lin_mod(source, formula, options, self));
}

/// The document without the blanks between elements.
std::string markup(const nlohmann::json& model) {
  std::string out;
  auto const text = to_pmml(model);
  for (std::size_t k = 0; k < text.size(); ++k) {
    if (text[k] != '\n') out += text[k];
    else while (k + 1 < text.size() && text[k + 1] == ' ') ++k;
  }
  return out;
}
std::string pmml(const std::string& formula, std::vector<std::string> transforms = {}) { return markup(fitted(made(), formula, std::move(transforms))); }

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
void expect_refused(const std::string& formula, const std::string& message, std::vector<std::string> transforms = {}) {
  auto const model = fitted(made(), formula, std::move(transforms));
  try {
    to_pmml(model);
    ADD_FAILURE() << formula << " is written";
  } catch (const UsageError& error) {
    EXPECT_TRUE(has(error.what(), message)) << error.what();
    EXPECT_FALSE(has(error.what(), "\n"));
  }
}

std::string field(const std::string& name) { return "<FieldRef field=\"" + name + "\"/>"; }
std::string call(const std::string& function, const std::string& arguments) { return "<Apply function=\"" + function + "\">" + arguments + "</Apply>"; }
std::string number(const std::string& x) { return "<Constant dataType=\"double\">" + x + "</Constant>"; }
std::string text(const std::string& x) { return "<Constant dataType=\"string\">" + x + "</Constant>"; }
std::string known(const std::string& name) { return call("isNotMissing", field(name)); }
std::string continuous(const std::string& name) { return "<DataField name=\"" + name + "\" optype=\"continuous\" dataType=\"double\"/>"; }
std::string derived(const std::string& name, const std::string& body) {
  return "<DerivedField name=\"" + name + "\" optype=\"continuous\" dataType=\"double\">" + body + "</DerivedField>";
}
std::string derived_text(const std::string& name, const std::string& body) {
  return "<DerivedField name=\"" + name + "\" optype=\"categorical\" dataType=\"string\">" + body + "</DerivedField>";
}
const std::string logical_column =
    "<DataField name=\"lg\" optype=\"categorical\" dataType=\"string\"><Value value=\"FALSE\"/><Value value=\"TRUE\"/></DataField>";

TEST(Pmml, LevelsWithoutRowsAreNoValidValues) {
  auto const m = pmml("y ~ x + f");
  EXPECT_TRUE(has(m, "<Value value=\"a b\"/><Value value=\"c&amp;d\"/><Value value=\"e&#9;f\"/></DataField>")) << m;
  EXPECT_FALSE(has(m, "value=\"z\""));
  EXPECT_TRUE(has(m, continuous("x")));
}

TEST(Pmml, DerivedTextsAreLevelsWithRows) {
  EXPECT_TRUE(has(pmml("y ~ ifelse(x > 3, \"a\", \"b\")"),
                  derived_text("ifelse(x &gt; 3, &quot;a&quot;, &quot;b&quot;)", call("if", known("x") + call("if", call("greaterThan", field("x") + number("3.0")) + text("a") + text("b"))))));
  expect_refused("y ~ ifelse(x > 99, \"a\", \"b\")", "it can be \"a\", which had no rows in the fit");
  expect_refused("y ~ z + I(x > 99)", "it can be \"TRUE\", which had no rows in the fit");
  expect_refused("y ~ ifelse(x > 3, f, \"b\")", "which levels it can have depends on the data");
}

TEST(Pmml, ConditionsAreTheTextsOfTheirLevels) {
  auto const above = call("if", known("x") + call("if", call("greaterThan", field("x") + number("3.0")) + text("TRUE") + text("FALSE")));
  EXPECT_TRUE(has(pmml("y ~ I(x > 3)"), derived_text("I(x &gt; 3)", above)));
  EXPECT_TRUE(has(pmml("y ~ k", {"k = x > 3"}), derived_text("k", above)));
  auto const either = pmml("y ~ ifelse(x > 3, i > 4, lg)");
  EXPECT_TRUE(has(either, text("TRUE"))) << either;
  EXPECT_FALSE(has(either, "true"));
  EXPECT_TRUE(has(either, logical_column));
}

TEST(Pmml, ConversionsDependOnTheType) {
  EXPECT_TRUE(has(pmml("y ~ as.numeric(i)"), derived("as.numeric(i)", field("i"))));
  EXPECT_TRUE(has(pmml("y ~ as.numeric(lg)"),
                  derived("as.numeric(lg)", call("if", known("lg") + call("if", call("equal", field("lg") + text("TRUE")) + number("1.0") + number("0.0"))))));
  auto const magnitude = call("lessThan", call("abs", field("x")) + number("2147483648.0"));
  auto const cut = call("if", call("lessThan", field("x") + number("0.0")) + call("ceil", field("x")) + call("floor", field("x")));
  EXPECT_TRUE(has(pmml("y ~ as.integer(x)"), derived("as.integer(x)", call("if", magnitude + call("*", number("1.0") + cut)))));
  EXPECT_TRUE(has(pmml("y ~ ifelse(i, x, z)"), call("if", known("i") + call("if", call("notEqual", field("i") + number("0.0")) + field("x") + field("z")))));
  EXPECT_TRUE(has(pmml("y ~ as.numeric(d)"), derived("as.numeric(d)", field("d"))));
  expect_refused("y ~ as.numeric(f) + x", "cannot be written as PMML");
}

TEST(Pmml, ColumnsAreDeclaredAsWhatTheyAre) {
  auto const equal = pmml("y ~ I(g == \"u\")");
  EXPECT_TRUE(has(equal, "<DataField name=\"g\" optype=\"categorical\" dataType=\"string\"></DataField>"));
  EXPECT_TRUE(has(equal, call("if", known("g") + call("if", call("equal", field("g") + text("u")) + text("TRUE") + text("FALSE")))));
  EXPECT_TRUE(has(pmml("y ~ I(f == \"c&d\") + f"), "<Value value=\"a b\"/>"));
  auto const twice = pmml("y ~ I(lg * 2)");
  EXPECT_TRUE(has(twice, logical_column));
  EXPECT_TRUE(has(twice, call("*", call("if", known("lg") + call("if", call("equal", field("lg") + text("TRUE")) + number("1.0") + number("0.0"))) + number("2.0"))));
  EXPECT_TRUE(has(pmml("y ~ I(!lg)"), call("not", call("equal", field("lg") + text("TRUE")))));
  auto const late = pmml("y ~ I(d > \"2013-10-30\") + d");
  EXPECT_TRUE(has(late, continuous("d")));
  EXPECT_TRUE(has(late, call("greaterThan", field("d") + number("16008.0"))));
  EXPECT_TRUE(has(pmml("y ~ I(d - as.Date(\"2013-10-30\"))"), call("-", field("d") + number("16008.0"))));
  expect_refused("y ~ I(o < \"mid\")", "texts and levels have no order there");
  expect_refused("y ~ ifelse(is.na(log(x)), 0, x)", "it is asked of columns only");
}

TEST(Pmml, TransformsAreFollowed) {
  auto const chain = pmml("y ~ h2", {"h = x / 2", "unused = z / 2", "h2 = h^2"});
  EXPECT_TRUE(has(chain, derived("h", call("/", field("x") + number("2.0"))) + derived("h2", call("pow", field("h") + number("2.0")))));
  EXPECT_TRUE(has(chain, continuous("x")));
  EXPECT_FALSE(has(chain, continuous("h")));
  EXPECT_FALSE(has(chain, "unused"));
  SelfCommunicator self;
  for (bool const column : {false, true}) {
    GlmOptions options;
    options.family.name = "poisson";
    options.rows.transforms = {"le = log(e)"};
    if (column) options.offset = "le";
    auto const m = markup(model_json(glm(made(), column ? "y ~ x" : "y ~ x + offset(le)", options, self)));
    EXPECT_TRUE(has(m, derived("le", call("ln", field("e")))));
    EXPECT_TRUE(has(m, "offsetVariable=\"le\""));
    EXPECT_TRUE(has(m, continuous("e")));
  }
}

TEST(Pmml, TextsOfTransformsAreCategorical) {
  auto const m = pmml("y ~ k", {"k = ifelse(x > 3, \"hi\", \"lo\")"});
  EXPECT_TRUE(has(m, derived_text("k", call("if", known("x") + call("if", call("greaterThan", field("x") + number("3.0")) + text("hi") + text("lo"))))));
  // Another name of a factor is the factor, with its valid values.
  auto const renamed = pmml("y ~ u", {"u = f"});
  EXPECT_FALSE(has(renamed, "DerivedField"));
  EXPECT_TRUE(has(renamed, "<Value value=\"a b\"/>"));
}

TEST(Pmml, ConstantsAreNoColumns) {
  auto const m = pmml("y ~ I(x * pi) + I(lg == T)");
  EXPECT_TRUE(has(m, call("*", field("x") + number("3.141592653589793"))));
  EXPECT_FALSE(has(m, "field=\"pi\"") || has(m, "\"T\""));
  auto source = made();
  source.numeric("pi", std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6});
  EXPECT_TRUE(has(markup(fitted(source, "y ~ I(x * pi)")), call("*", field("x") + field("pi"))));
  expect_refused("y ~ .rxRowNums", "'.rxRowNums' cannot be written as PMML");
}

TEST(Pmml, DocumentsAreValid) {
  auto const twice = pmml("y ~ k", {"k = x * 2", "k = k + 1"});
  EXPECT_TRUE(has(twice, derived("k", call("*", field("x") + number("2.0"))) + derived("derived k", call("+", field("k") + number("1.0")))));
  EXPECT_TRUE(has(pmml("y ~ I(+x)"), derived("I(+x)", field("x"))));
  auto source = made();
  source.numeric("tab\tname\n", std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6});
  EXPECT_TRUE(has(markup(fitted(source, "y ~ `tab\\tname\\n`")), continuous("tab&#9;name&#10;")));
  auto odd = made();
  odd.factor("odd", {"a\x01", "b"}, std::vector<int>{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1});
  try {
    to_pmml(fitted(odd, "y ~ odd"));
    ADD_FAILURE();
  } catch (const UsageError& error) {
    EXPECT_TRUE(has(error.what(), "has a control character, which PMML cannot hold")) << error.what();
    EXPECT_FALSE(has(error.what(), "\x01"));
  }
}

TEST(Pmml, NamesAreUnique) {
  auto const logs = pmml("y ~ log(x) + `log(x)`");
  EXPECT_TRUE(has(logs, continuous("log(x)")));
  EXPECT_TRUE(has(logs, derived("derived log(x)", call("ln", field("x")))));
  auto const derived_x = pmml("y ~ x + `derived x`", {"x = x * 2"});
  EXPECT_TRUE(has(derived_x, derived("derived x 2", call("*", field("x") + number("2.0")))));
  EXPECT_TRUE(has(derived_x, continuous("derived x")));
  auto const squared = pmml("y ~ I(y^2) + x");
  EXPECT_TRUE(has(squared, "<MiningField name=\"fitted y\" usageType=\"target\"/><MiningField name=\"y\"/>"));
  EXPECT_TRUE(has(squared, "targetVariableName=\"fitted y\""));
  EXPECT_TRUE(has(pmml("y ~ x"), "<MiningField name=\"y\" usageType=\"target\"/><MiningField name=\"x\"/>"));
}

TEST(Pmml, MissingOperandsFollowThreeValues) {
  auto const code = [](const std::string& name, const std::string& condition) {
    return call("if", known(name) + call("if", condition + number("1.0") + number("0.0")) + number("0.5"));
  };
  auto const x = code("x", call("greaterThan", field("x") + number("3.0"))), lg = code("lg", call("equal", field("lg") + text("TRUE")));
  auto const truth = [](const std::string& c) {
    return call("if", call("equal", c + number("1.0")) + text("TRUE") + call("if", call("equal", c + number("0.0")) + text("FALSE")));
  };
  EXPECT_TRUE(has(pmml("y ~ I(x > 3 & lg)"), truth(call("min", x + lg))));
  EXPECT_TRUE(has(pmml("y ~ I(x > 3 || lg)"), truth(call("max", x + lg))));
  EXPECT_TRUE(has(pmml("y ~ I(!(x > 3 & lg))"), truth(call("-", number("1.0") + call("min", x + lg)))));
  auto const domain = call("greaterOrEqual", field("x") + number("0.0"));
  EXPECT_TRUE(has(pmml("y ~ I(log(x) > 1)"), call("if", known("x") + call("if", domain + call("if", call("greaterThan", call("ln", field("x")) + number("1.0")) + text("TRUE") + text("FALSE"))))));
}

TEST(Pmml, VariablesWithoutCoefficientsAreStillNeeded) {
  auto const m = pmml("y ~ x + x2", {"x2 = 2 * x"});
  EXPECT_TRUE(has(m, "<PPCell value=\"1\" predictorName=\"x2\" parameterName=\"p2\"/>"));
  EXPECT_TRUE(has(m, "<PCell parameterName=\"p2\" df=\"1\" beta=\"0.0\"/>"));
}

TEST(Pmml, ModelsTellTheTypesOfTheirColumns) {
  auto model = fitted(made(), "y ~ log(x) + g");
  EXPECT_EQ(model["design"]["inputs"].dump(), R"([{"name":"x","type":"numeric"},{"name":"g","type":"character"},{"name":"y","type":"numeric"}])");
  model["design"].erase("inputs");
  EXPECT_THROW(to_pmml(model), DataError);
  EXPECT_NO_THROW(lin_mod_from_json(model));
}

}  // namespace
}  // namespace rxhpc
