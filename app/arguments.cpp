#include "arguments.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "rxhpc/errors.hpp"
#include "rxhpc/schema.hpp"

namespace rxhpc::app {
namespace {

std::string dashed(std::string_view name) { return "--" + std::string(name); }

std::optional<bool> truth(std::string_view text) {
  for (auto yes : {"true", "TRUE", "True", "T"})
    if (text == yes) return true;
  for (auto no : {"false", "FALSE", "False", "F"})
    if (text == no) return false;
  return std::nullopt;
}

std::int64_t parse_integer(std::string_view option, std::string_view text, std::int64_t minimum) {
  std::int64_t value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw UsageError(dashed(option) + ": '" + std::string(text) + "' is not a whole number");
  if (value < minimum) throw UsageError(dashed(option) + ": " + std::string(text) + " is below " + std::to_string(minimum));
  return value;
}

double parse_number(std::string_view option, const std::string& text) {
  char* end = nullptr;
  double const value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(value)) throw UsageError(dashed(option) + ": '" + text + "' is not a number");
  return value;
}

std::vector<std::string> choices_of(const Option& option) {
  std::vector<std::string> all;
  for (auto rest = option.argument; !rest.empty();) {
    auto const bar = rest.find('|');
    all.emplace_back(rest.substr(0, bar));
    rest = bar == std::string_view::npos ? std::string_view() : rest.substr(bar + 1);
  }
  return all;
}

void check(const Option& option, const std::string& value) {
  switch (option.kind) {
    case Kind::flag:
      if (!truth(value)) throw UsageError(dashed(option.name) + ": '" + value + "' is neither true nor false");
      break;
    case Kind::integer: parse_integer(option.name, value, option.minimum); break;
    case Kind::number: parse_number(option.name, value); break;
    case Kind::size: parse_bytes(option.name, value); break;
    case Kind::list: split_list(value); break;
    case Kind::choice: {
      auto const all = choices_of(option);
      if (std::find(all.begin(), all.end(), value) == all.end())
        throw UsageError(with_suggestion(dashed(option.name) + ": '" + value + "' is not one of " + std::string(option.argument), value, all));
      break;
    }
    case Kind::text:
    case Kind::input:  // a script's variable that is not set must not become another analysis
      if (value.empty()) throw UsageError(dashed(option.name) + " needs a value");
      break;
    case Kind::any_text: break;
  }
}

/// What was meant to be true or false must not become INPUT or OUTPUT: a letter wrong, letters in another order, another language's words.
void refuse_near_truth(const Option& option, const std::string& word) {
  auto lower = word;
  for (auto& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (std::string const value : {"true", "false"})
    if (std::ranges::is_permutation(lower, value) || !nearest(lower, {value}).empty())
      throw UsageError(dashed(option.name) + ": '" + word + "' is neither true nor false; did you mean '" + value + "'?");
  for (std::string_view const other : {"yes", "no", "on", "off", "0", "1"})
    if (lower == other) throw UsageError(dashed(option.name) + ": '" + word + "' is neither true nor false");
}

/// A logical option may be followed by its value: `--cov-coef true` becomes `--cov-coef=true`, and alone it is true. `--by=` has the empty value, which
/// CLI11 would look for in the next word.
std::vector<std::string> with_values(const Verb& verb, const std::vector<std::string>& words) {
  std::vector<std::string> joined;
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto const* option = words[i].rfind("--", 0) == 0 ? find_option(verb, std::string_view(words[i]).substr(2)) : nullptr;
    if (option && option->kind == Kind::flag) {
      bool const followed = i + 1 < words.size() && truth(words[i + 1]);
      if (!followed && i + 1 < words.size()) refuse_near_truth(*option, words[i + 1]);
      joined.push_back(words[i] + "=" + (followed ? words[i + 1] : "true"));
      i += followed;
    } else if (words[i].starts_with("--") && words[i].find('=') == words[i].size() - 1) {
      joined.push_back(words[i].substr(0, words[i].size() - 1));
      joined.push_back("");
    } else {
      joined.push_back(words[i]);
    }
  }
  return joined;
}

std::vector<std::string> option_names(const Verb& verb) {
  std::vector<std::string> names;
  for (auto const* group : verb.groups)
    for (auto const& option : group->options) names.push_back(dashed(option.name));
  return names;
}

}  // namespace

Arguments::Arguments(const Verb& verb, const std::vector<std::string>& words) : verb_(verb) {
  CLI::App parser;
  parser.set_help_flag();
  parser.allow_extras();
  std::map<std::string, CLI::Option*> parsed;
  for (auto const* group : verb.groups)
    for (auto const& option : group->options)
      parsed[std::string(option.name)] = parser.add_option(dashed(option.name))
                                             ->expected(1)
                                             ->allow_extra_args(false)
                                             ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  auto reversed = with_values(verb, words);
  std::reverse(reversed.begin(), reversed.end());  // CLI11 takes words from the back
  try {
    parser.parse(std::move(reversed));
  } catch (const CLI::ArgumentMismatch& e) {
    auto const text = std::string(e.what());
    throw UsageError(text.substr(0, text.find(':')) + " needs a value");
  } catch (const CLI::ParseError& e) {
    auto message = std::string(e.what());
    std::replace(message.begin(), message.end(), '\n', ' ');
    throw UsageError(message);
  }
  for (auto const* group : verb.groups)
    for (auto const& option : group->options) {
      auto const* result = parsed[std::string(option.name)];
      if (result->count() == 0) continue;
      if (result->results().size() > 1 && !option.repeatable) throw UsageError(dashed(option.name) + " is given more than once");
      for (auto const& value : result->results()) check(option, value);
      values_[std::string(option.name)] = result->results();
    }
  take_positionals(parser.remaining());
}

void Arguments::take_positionals(const std::vector<std::string>& words) {
  std::vector<std::string> plain;
  bool all_plain = false;
  for (auto const& word : words) {
    if (!all_plain && word == "--") {
      all_plain = true;
    } else if (!all_plain && word.size() > 1 && word[0] == '-') {
      auto const name = word.substr(0, word.find('='));
      throw UsageError(with_suggestion("unknown option " + name, name, option_names(verb_)));
    } else {
      plain.push_back(word);
    }
  }
  std::size_t required = 0;
  for (auto const& p : verb_.positionals) required += !p.optional;
  std::size_t spare = plain.size() > required ? plain.size() - required : 0, next = 0;
  for (auto const& p : verb_.positionals) {
    if (p.optional && spare == 0) continue;
    if (p.optional) --spare;
    if (next == plain.size()) throw UsageError(std::string(p.name) + " is missing; see rxhpc " + std::string(verb_.name) + " --help");
    if (plain[next].empty()) throw UsageError(std::string(p.name) + " is empty");
    positionals_[std::string(p.name)] = plain[next++];
  }
  if (next < plain.size()) throw UsageError("unexpected argument '" + plain[next] + "'; see rxhpc " + std::string(verb_.name) + " --help");
}

bool Arguments::flag(std::string_view option, bool otherwise) const {
  return given(option) ? *truth(values_.at(std::string(option)).front()) : otherwise;
}

std::string Arguments::text(std::string_view option, std::string otherwise) const {
  return given(option) ? values_.at(std::string(option)).front() : otherwise;
}

std::vector<std::string> Arguments::texts(std::string_view option) const {
  return given(option) ? values_.at(std::string(option)) : std::vector<std::string>{};
}

std::vector<std::string> Arguments::list(std::string_view option) const {
  std::vector<std::string> all;
  for (auto const& value : texts(option))
    for (auto const& part : split_list(value)) all.push_back(unquoted(part));
  return all;
}

std::vector<double> Arguments::numbers(std::string_view option) const {
  std::vector<double> all;
  for (auto const& one : list(option)) all.push_back(parse_number(option, one));
  return all;
}

std::int64_t Arguments::integer(std::string_view option, std::int64_t otherwise) const {
  return given(option) ? parse_integer(option, text(option), INT64_MIN) : otherwise;
}

double Arguments::number(std::string_view option, double otherwise) const {
  return given(option) ? parse_number(option, text(option)) : otherwise;
}

std::int64_t Arguments::bytes(std::string_view option) const { return given(option) ? parse_bytes(option, text(option)) : 0; }

const std::string& Arguments::positional(std::string_view name) const {
  static const std::string none;
  auto const at = positionals_.find(std::string(name));
  return at == positionals_.end() ? none : at->second;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts(1);
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '`') inside = !inside;
    if (text[i] == '\\' && inside && i + 1 < text.size()) parts.back() += text[i++];
    if (text[i] == ',' && !inside)
      parts.emplace_back();
    else
      parts.back() += text[i];
  }
  if (inside) throw UsageError("'" + std::string(text) + "': a backquote is not closed");
  for (auto& part : parts) {
    auto const first = part.find_first_not_of(" \t"), last = part.find_last_not_of(" \t");
    part = first == std::string::npos ? "" : part.substr(first, last - first + 1);
    if (part.empty()) throw UsageError("'" + std::string(text) + "': an empty name in the list");
  }
  return parts;
}

std::string unquoted(std::string_view name) {
  if (name.size() < 2 || name.front() != '`' || name.back() != '`') return std::string(name);
  std::string plain;
  for (std::size_t i = 1; i + 1 < name.size(); ++i) {
    if (name[i] == '\\' && i + 2 < name.size()) ++i;
    plain += name[i];
  }
  return plain;
}

std::int64_t parse_bytes(std::string_view option, std::string_view text) {
  double value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  auto unit = std::string(end, text.data() + text.size());
  for (auto& c : unit) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (!unit.empty() && unit.back() == 'B') unit.pop_back();
  if (!unit.empty() && unit.back() == 'I') unit.pop_back();
  int const power = unit.empty() ? 0 : unit == "K" ? 1 : unit == "M" ? 2 : unit == "G" ? 3 : unit == "T" ? 4 : -1;
  if (error != std::errc() || power < 0 || !(value > 0) || !(value * std::pow(1024.0, power) < 9e18))
    throw UsageError(dashed(option) + ": '" + std::string(text) + "' is not a size such as 500M or 4G");
  return static_cast<std::int64_t>(value * std::pow(1024.0, power));
}

}  // namespace rxhpc::app
