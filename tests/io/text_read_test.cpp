// Types, missing values, levels, and errors of text.
#include "text_support.hpp"

namespace text_test {
namespace {

using Cells = std::vector<std::string>;

TEST(TextTypes, GuessFollowsEveryRow) {
  auto const t = read_content("l,i,w,x,d,p,c,n\nTRUE,1,3000000000,1.5,2013-01-31,2013-01-31 10:20:30.5,ab,NA\nF,-7,4,2,1969-12-31,2013-02-01T00:00Z,\"c,d\",\n");
  std::vector<VarType> const types{VarType::logical, VarType::integer, VarType::numeric, VarType::numeric,
                                   VarType::date, VarType::posixct, VarType::character, VarType::logical};
  for (std::size_t k = 0; k < types.size(); ++k) EXPECT_EQ(t.schema[k].type, types[k]) << t.schema[k].name;
  EXPECT_EQ(column(t, "l"), (Cells{"1", "0"}));
  EXPECT_EQ(column(t, "d"), (Cells{"15736", "-1"}));
  EXPECT_EQ(column(t, "p"), (Cells{"1359627630500000", "1359676800000000"}));
  EXPECT_EQ(column(t, "c"), (Cells{"ab", "c,d"}));
  EXPECT_EQ(column(t, "n"), (Cells{"<NA>", "<NA>"}));
  EXPECT_EQ(t.schema[1].storage, Storage::int8);
  EXPECT_EQ(t.schema[1].low, -7);
  EXPECT_EQ(t.schema[1].high, 1);
}

TEST(TextTypes, LaterRowsWiden) {
  auto const widened = [](const std::string& first, const std::string& later) {
    std::string content = "x,y\n";
    for (int i = 0; i < 500; ++i) content += first + ",1\n";
    content += later + ",1\n";
    for (int i = 0; i < 500; ++i) content += first + ",1\n";
    TextOptions o;
    o.chunk_rows = 97;
    return read_content(content, o);
  };
  EXPECT_EQ(widened("1", "2.5").schema[0].type, VarType::numeric);
  EXPECT_EQ(widened("2.5", "1").schema[0].type, VarType::numeric);
  EXPECT_EQ(widened("1", "x").schema[0].type, VarType::character);
  EXPECT_EQ(column(widened("1", "x"), "x")[499], "1");
  EXPECT_EQ(column(widened("1", "x"), "x")[500], "x");
  EXPECT_EQ(widened("TRUE", "1").schema[0].type, VarType::character);
  EXPECT_EQ(widened("NA", "1").schema[0].type, VarType::integer);
  EXPECT_EQ(widened("NA", "abc").schema[0].type, VarType::character);
  EXPECT_EQ(widened("2013-01-01", "2013-01-01 10:00").schema[0].type, VarType::posixct);
  EXPECT_EQ(column(widened("2013-01-01", "2013-01-01 10:00"), "x")[0], "1356998400000000");
  EXPECT_EQ(widened("2013-01-01", "2013-02-30").schema[0].type, VarType::character);
  EXPECT_EQ(widened("1", "-2147483648").schema[0].type, VarType::numeric);
  EXPECT_EQ(widened("1", "9007199254740993").schema[0].type, VarType::int64);
  EXPECT_EQ(column(widened("1", "9007199254740993"), "x")[500], "9007199254740993");
  EXPECT_EQ(widened("1", "99999999999999999999").schema[0].type, VarType::numeric);
  EXPECT_EQ(widened("1", "300").schema[0].storage, Storage::int16);
}

TEST(TextTypes, NumbersAreCorrectlyRounded) {
  for (const char* spelling : {"0.1", "1e5", ".5", "5.", "1E-300", "123456789.987654321", "0.30000000000000004", "9007199254740993.5", "1e400",
                               "-0.0", "2.2250738585072011e-308", "179769313486231570000000000000000000000", "12345678901234567890.5", "+7.25"}) {
    auto const t = read_content(std::string("x,y\n") + spelling + ",1\n0.5,1\n");
    char text[64];
    std::snprintf(text, sizeof text, "%a", std::strtod(spelling, nullptr));
    EXPECT_EQ(column(t, "x")[0], text) << spelling;
  }
  auto const t = read_content("x\nInf\n-Inf\nNaN\n 1.5 \nNA\n");
  EXPECT_EQ(column(t, "x"), (Cells{"inf", "-inf", "NaN", "0x1.8p+0", "<NA>"}));
  EXPECT_EQ(read_content("x\n0x10\n").schema[0].type, VarType::character);
}

TEST(TextTypes, MinusZeroKeepsItsSignWhereTheColumnIsNumeric) {
  EXPECT_EQ(read_content("x\n-0\n1\n").schema[0].type, VarType::integer);
  EXPECT_EQ(column(read_content("x\n-0\n1\n2.5\n"), "x")[0], "-0x0p+0");
}

TEST(TextMissing, SpellingsAndQuotes) {
  TextOptions o;
  o.missing_strings = {"NA", "-999"};
  auto const t = read_content("i,x,c,f\n-999,-999,\"NA\",\"\"\n1,2.5,NA,\n\"\",\"3\",,-999\n\"NA\",4,x,y\n", o);
  EXPECT_EQ(column(t, "i"), (Cells{"<NA>", "1", "<NA>", "<NA>"}));
  EXPECT_EQ(column(t, "x"), (Cells{"<NA>", "0x1.4p+1", "0x1.8p+1", "0x1p+2"}));
  EXPECT_EQ(column(t, "c"), (Cells{"NA", "<NA>", "<NA>", "x"}));
  EXPECT_EQ(column(t, "f"), (Cells{"", "<NA>", "<NA>", "y"}));
  EXPECT_EQ(read_content("x,y\n\"\",1\nNA,2\n").schema[0].type, VarType::character);
}

TEST(TextQuotes, LineEndsDelimitersAndQuotesInside) {
  auto const t = read_content("\xEF\xBB\xBF\"a\";b\r\n\"x\r\ny;\"\"z\"\"\";1\r\n\r\n \"u\" ;2");
  EXPECT_EQ(t.schema[0].name, "a");
  EXPECT_EQ(column(t, "a"), (Cells{"x\r\ny;\"z\"", "u"}));
  EXPECT_EQ(column(t, "b"), (Cells{"1", "2"}));
}

TEST(TextHeader, DelimitersNamesAndSkippedLines) {
  EXPECT_EQ(read_content("a\tb\n1,5\t2\n").schema.size(), 2u);
  EXPECT_EQ(read_content("a|b|c\n1|2|3\n").schema.size(), 3u);
  EXPECT_EQ(read_content("a\n1\n").schema.size(), 1u);
  TextOptions o;
  o.first_row_is_names = false;
  EXPECT_EQ(column(read_content("1,2\n3,4\n", o), "V2"), (Cells{"2", "4"}));
  TextOptions skip;
  skip.rows_to_skip = 2;
  EXPECT_EQ(column(read_content("# one\n\"# two\na,b\n1,2\n", skip), "b"), (Cells{"2"}));
  EXPECT_EQ(read_content("a,b\n").cells[0].size(), 0u);
  EXPECT_EQ(read_content(",b\n1,2\n").schema[0].name, "V1");
}

TEST(TextColumns, GivenTypesLevelsNames) {
  TextOptions o;
  o.chunk_rows = 2;
  o.columns["f"].levels = {"b", "a"};
  o.columns["f"].has_levels = true;
  o.columns["f"].new_levels = {"B", "A"};
  o.columns["n"].type = VarType::numeric;
  o.columns["n"].new_name = "m";
  o.columns["n"].low = -5;
  o.columns["g"].type = VarType::factor;
  o.columns["s"].type = VarType::uint16;
  o.columns["r"].type = VarType::float32;
  auto const t = read_content("f,n,g,s,r\na,1,10,7,0.1\nc,2,9,65534,16777217\nb,3,10,0,1\n", o);
  EXPECT_EQ(column(t, "f"), (Cells{"A", "<NA>", "B"}));
  EXPECT_EQ(t.schema[0].levels, (Cells{"B", "A"}));
  EXPECT_EQ(t.schema[1].name, "m");
  EXPECT_EQ(t.schema[1].storage, Storage::float64);
  EXPECT_EQ(t.schema[1].low, -5);
  EXPECT_EQ(t.schema[1].high, 3);
  EXPECT_EQ(t.schema[2].levels, (Cells{"10", "9"}));
  EXPECT_EQ(column(t, "s"), (Cells{"7", "65534", "0"}));
  EXPECT_EQ(t.schema[4].storage, Storage::float32);
  o.sort_levels = true;
  o.columns["g"].type = VarType::ordered;
  EXPECT_EQ(read_content("f,n,g,s,r\na,1,b,7,0.1\nc,2,a,1,1\n", o).schema[2].levels, (Cells{"a", "b"}));
  TextOptions other;
  other.columns["f"].levels = {"b", ".rxOther"};
  other.columns["f"].has_levels = true;
  EXPECT_EQ(column(read_content("f,x\na,1\nb,2\n,3\n", other), "f"), (Cells{".rxOther", "b", ".rxOther"}));
}

TEST(TextColumns, KeepAndDrop) {
  TextOptions o;
  o.keep = {"c", "a"};
  o.drop = {"c"};
  auto const t = read_content("a,b,c\n1,2,3\n", o);
  ASSERT_EQ(t.schema.size(), 1u);
  EXPECT_EQ(t.schema[0].name, "a");
  o.keep = {"aa"};
  EXPECT_NE(failure<UsageError>("alpha,aaa\n1,2\n", o).find("did you mean 'aaa'"), std::string::npos);
}

TEST(TextColumns, ManyDistinctTextsAreStoredAsText) {
  std::string content = "k,v\n";
  for (int i = 0; i < 70000; ++i) content += "key" + std::to_string(i) + "," + std::to_string(i) + "\n";
  TextOptions o;
  o.chunk_rows = 10000;
  auto const t = read_content(content, o);
  EXPECT_EQ(t.schema[0].storage, Storage::text);
  EXPECT_EQ(t.schema[0].text_width, 8);
  EXPECT_EQ(t.cells[0][69999], "key69999");
  o.columns["k"].type = VarType::factor;
  auto const f = read_content(content, o);
  EXPECT_EQ(f.schema[0].levels.size(), 70000u);
  EXPECT_EQ(f.cells[0][69999], "key69999");
}

TEST(TextColumns, TextsOfAnyLengthAreToldApart) {
  // Every length around the eight bytes that a dictionary compares at once; each text differs from others in one byte, at any place.
  std::vector<std::string> texts;
  for (std::size_t length = 1; length <= 40; ++length) {
    texts.push_back(std::string(length, 'x'));
    for (std::size_t at = 0; at < length; ++at) {
      texts.push_back(std::string(length, 'x'));
      texts.back()[at] = 'y';
    }
  }
  texts.push_back("x\"y");  // its quotes are doubled in the text: its bytes lie elsewhere while it is looked up
  std::string content = "plain,quoted\n";
  Cells expected;
  for (std::size_t i = 0; i < 3000; ++i) {
    auto const& text = texts[i * 7919 % texts.size()];
    auto const doubled = text == "x\"y" ? std::string("x\"\"y") : text;
    content += text == doubled ? text : "\"" + doubled + "\"";
    content += ",\"" + doubled + "\"\n";
    expected.push_back(text);
  }
  TextOptions o;
  o.chunk_rows = 700;
  auto const t = read_content(content, o);
  EXPECT_NE(t.schema[0].storage, Storage::text);
  EXPECT_EQ(column(t, "plain"), expected);
  EXPECT_EQ(column(t, "quoted"), expected);
}

TEST(TextErrors, NameFileLineAndColumn) {
  EXPECT_EQ(failure("a,b\n1,2\n1,2,3\n"), ": line 3: 3 fields where the header has 2 names");
  EXPECT_EQ(failure("a,b\n1,2\n\n1\n"), ": line 4: 1 field where the header has 2 names");
  EXPECT_EQ(failure("a,b\n\"x\ny\",2\n1\n"), ": line 4: 1 field where the header has 2 names");
  EXPECT_EQ(failure("a,b\n1,2\n\"x,2\n3,4\n"), ": line 3: a quote that opens here is never closed");
  EXPECT_EQ(failure("a,b\n1,\"x\n2,\"y\"\n"), ": line 2: a quote that opens here is never closed");
  EXPECT_EQ(failure(std::string("a,b\n1,2\n1,\0\n", 12)), ": line 3: a NUL byte (is the text UTF-16?)");
  EXPECT_EQ(failure("a,b\n1,x\n1,\xff\n"), ": line 3: column 'b': '\\xFF' is not valid UTF-8");
  EXPECT_EQ(failure("a,b,a\n1,2,3\n"), ": line 1: column 'a': the name appears twice");
  EXPECT_EQ(failure("a,\xc3(\n1,2\n"), ": line 1: the name of column 2 ('\\xC3(') is not valid UTF-8");
  EXPECT_NE(failure("x\r1\r2").find(": line 1: a carriage return without a newline; where lines end in it alone"), std::string::npos);
  EXPECT_NE(failure("a,\"b\"\r1,2\r\n").find(": line 1: a carriage return without"), std::string::npos);
  EXPECT_EQ(failure(""), ": the file is empty");
  EXPECT_EQ(failure("\n\n"), ": the file has no rows and no header");
  EXPECT_EQ(failure("\xff\xfe" "a"), ": line 1: the text is UTF-16; convert it to UTF-8");
  EXPECT_EQ(failure("a,b\nx\"y\"z,1\n"), ": line 2: column 'a': a quote inside a field that quotes do not enclose");
  TextOptions o;
  o.columns["b"].type = VarType::integer;
  EXPECT_EQ(failure("a,b\n1,2\n1,abc\n", o), ": line 3: column 'b': 'abc' is not an integer");
  EXPECT_EQ(failure("a,b\n\"x\n\",2\n1,1.5\n", o), ": line 4: column 'b': '1.5' is not an integer");
  EXPECT_EQ(failure("a,b\n1,3000000000\n", o), ": line 2: column 'b': '3000000000' does not fit integer");
  o.columns["b"].type = VarType::date;
  EXPECT_EQ(failure("a,b\n1,2013-02-29\n", o), ": line 2: column 'b': '2013-02-29' is not a date");
  o.columns["b"].type = VarType::logical;
  EXPECT_EQ(failure("a,b\n1,maybe\n", o), ": line 2: column 'b': 'maybe' is not a logical value");
  SelfCommunicator comm;
  EXPECT_THROW(open_text("/nowhere/x.csv", {}, {}, comm), DataError);
}

TEST(TextColumnInfo, FieldsAndMistakes) {
  TextFile file(R"({"x": {"type": "factor", "levels": ["a", 2], "new_levels": ["A", "B"], "new_name": "y", "description": "d"}, "z": {"low": 1, "high": 2.5}})");
  auto const info = read_column_info(file.path());
  EXPECT_EQ(info.at("x").levels, (Cells{"a", "2"}));
  EXPECT_EQ(info.at("x").new_name, "y");
  EXPECT_EQ(*info.at("z").high, 2.5);
  TextFile unknown(R"({"x": {"level": ["a"]}})");
  try {
    read_column_info(unknown.path());
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_NE(std::string(e.what()).find("column 'x': unknown field 'level'; did you mean 'levels'?"), std::string::npos) << e.what();
  }
  auto const failure = [](const char* text) {
    TextFile of(text);
    try {
      read_column_info(of.path());
    } catch (const UsageError& e) {
      return std::string(e.what()).substr(of.path().size());
    }
    return std::string("none");
  };
  EXPECT_EQ(failure(R"({"x": {"low": 5, "high": 1}})"), ": column 'x': low is above high");
  EXPECT_EQ(failure(R"({"x": {"low": 5, "high": 5}, "y": {"low": 3}, "z": {"high": -3}})"), "none");
  EXPECT_EQ(failure(R"({"x": {"type": 3}})"), ": column 'x': type must be text");
  EXPECT_EQ(failure(R"({"x": {"type": "int"}})").find(": column 'x': unknown column type 'int'"), 0u);
  EXPECT_THROW(read_column_info(TextFile("{").path()), DataError);
  EXPECT_THROW(read_column_info(TextFile(R"({"x": {"type": "int"}})").path()), UsageError);
}

}  // namespace
}  // namespace text_test
