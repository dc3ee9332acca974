#include "help.hpp"

#include <sstream>

#ifndef RXHPC_VERSION
#define RXHPC_VERSION "0"
#endif

namespace rxhpc::app {
namespace {

constexpr std::string_view intro =
    "Statistics of tables larger than memory, on many threads and many ranks, with the same bits for any number of them. Runs alone, or under "
    "mpirun -n N or srun.";

constexpr std::string_view statuses[][2] = {{"0", "done"},
                                            {"1", "anything not below"},
                                            {"2", "usage: an option, a formula, an unknown column"},
                                            {"3", "data: missing, damaged or malformed; a file that exists, a full disk"},
                                            {"4", "numerical: did not converge, or no answer exists"},
                                            {"128 + N", "ended by signal N (130: SIGINT, 143: SIGTERM); unfinished outputs are removed"}};

constexpr std::string_view notes[][2] = {
    {"Options", "R's argument names in kebab case. A logical option is a flag, or takes true or false. Lists are separated by commas; a name "
                "that is not a plain R name stands in backquotes there, as in a formula."},
    {"Output files", "appear whole or not at all: they are written beside their place and renamed. --overwrite is needed to replace one; a "
                     "file named by --json is replaced always."},
    {"JSON", "numbers read back as the same doubles, missing values are null, infinities are \"Infinity\" and \"-Infinity\". What depends on "
             "the run stands in input, ranks, threads and timing alone."},
    {"Under MPI", "one rank prints. Use mpirun --bind-to none, or bind each rank to as many cores as it has threads."}};

constexpr std::string_view environment[][2] = {
    {"OMP_NUM_THREADS", "threads of each rank, where --threads is not given"},
    {"OMP_PROC_BIND, OMP_PLACES", "how threads are bound to cores, as OpenMP defines it (default: not at all)"}};

std::string spelled(const Option& option) {
  std::string text("--");
  text += option.name;
  if (!option.argument.empty()) text += " ";
  text += option.argument;
  return text;
}

std::string usage(const Verb& verb) {
  auto text = "rxhpc " + std::string(verb.name);
  for (auto const& p : verb.positionals) {
    text += p.optional ? " [" : " ";
    text += p.name;
    if (p.optional) text += "]";
  }
  return text + " [options]";
}

/// Words filled into lines of `width`, each after `indent` spaces; `first` is what stands on the first line already.
std::string filled(std::string_view text, std::size_t indent, std::size_t first = 0, std::size_t width = 100) {
  std::istringstream words{std::string(text)};
  std::string out, word;
  std::size_t column = first;
  if (first + 2 > indent && first > 0) {
    out += "\n";
    column = 0;
  }
  bool line_start = true;
  while (words >> word) {
    if (!line_start && column + 1 + word.size() > width) {
      out += "\n";
      column = 0;
      line_start = true;
    }
    if (line_start) {
      out += std::string(indent > column ? indent - column : 0, ' ');
      column = std::max(indent, column);
    } else {
      out += " ";
      ++column;
    }
    out += word;
    column += word.size();
    line_start = false;
  }
  return out + "\n";
}

std::string entry(const std::string& name, std::string_view help, std::size_t indent) {
  return "  " + name + filled(help, indent, 2 + name.size());
}

std::string help_of(const Option& option) { return std::string(option.help) + (option.repeatable ? " (repeatable)" : ""); }

/// Text for roff: backslashes and leading dots escaped, dashes kept as they are typed.
std::string roff(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if (c == '\'')
      out += "\\(aq";
    else if (c == '`')
      out += "\\(ga";
    else if (c == '~')
      out += "\\(ti";
    else if (c == '^')
      out += "\\(ha";
    else
      out += c;
  }
  if (!out.empty() && (out[0] == '.' || out[0] == '\'')) out.insert(0, "\\&");
  return out;
}

/// Text for a cell of a Markdown table; backquoted pieces stay code.
std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string version_text() { return std::string("rxhpc ") + RXHPC_VERSION + "\n"; }

std::string general_help() {
  std::string out = "usage: rxhpc VERB [FORMULA] INPUT [OUTPUT] [options]\n\n" + filled(intro, 0) + "\nVerbs:\n";
  for (auto const& verb : verbs()) out += entry(std::string(verb.name), verb.brief, 14);
  out += "\nrxhpc VERB --help lists a verb's options; rxhpc --version prints the version.\n\nExit status:\n";
  for (auto const& status : statuses) out += entry(std::string(status[0]), status[1], 14);
  return out;
}

std::string verb_help(const Verb& verb) {
  auto out = "usage: " + usage(verb) + "\n\n" + filled(verb.description, 0) + "\n";
  for (auto const& p : verb.positionals) out += entry(std::string(p.name), p.help, 14);
  for (auto const* group : verb.groups) {
    out += "\n" + std::string(group->title) + ":\n";
    for (auto const& option : group->options) out += entry(spelled(option), help_of(option), 34);
  }
  return out + "\nExample:\n  " + std::string(verb.example) + "\n";
}

std::string man_page() {
  std::string out = ".TH RXHPC 1 \"\" \"rxhpc " RXHPC_VERSION "\" \"User Commands\"\n.SH NAME\nrxhpc \\- statistics of large tables on many threads and ranks\n"
                    ".SH SYNOPSIS\n.B rxhpc\n.I VERB\n.RI [ FORMULA ]\n.I INPUT\n.RI [ OUTPUT ]\n[options]\n.SH DESCRIPTION\n";
  out += roff(intro) + "\n";
  for (auto const& note : notes) out += ".PP\n.I " + roff(note[0]) + "\n.br\n" + roff(note[1]) + "\n";
  out += ".SH VERBS\n";
  for (auto const& verb : verbs()) {
    out += ".SS " + roff(verb.name) + "\n.B " + roff(usage(verb)) + "\n.PP\n" + roff(verb.description) + "\n";
    for (auto const& p : verb.positionals) out += ".TP\n.I " + roff(p.name) + "\n" + roff(p.help) + "\n";
    for (auto const* group : verb.groups) {
      if (group == verbs().front().groups.back()) continue;  // common to all, listed once below
      for (auto const& option : group->options) out += ".TP\n.B " + roff(spelled(option)) + "\n" + roff(help_of(option)) + "\n";
    }
    out += ".PP\nExample:\n.br\n.B " + roff(verb.example) + "\n";
  }
  out += ".SH COMMON OPTIONS\n";
  for (auto const& option : verbs().front().groups.back()->options)
    out += ".TP\n.B " + roff(spelled(option)) + "\n" + roff(help_of(option)) + "\n";
  out += ".TP\n.B \\-\\-help\nthe options of a verb\n.TP\n.B \\-\\-version\nthe version\n.SH EXIT STATUS\n";
  for (auto const& status : statuses) out += ".TP\n.B " + roff(status[0]) + "\n" + roff(status[1]) + "\n";
  out += ".SH ENVIRONMENT\n";
  for (auto const& variable : environment) out += ".TP\n.B " + roff(variable[0]) + "\n" + roff(variable[1]) + "\n";
  return out;
}

std::string markdown() {
  std::string out = "# Commands\n\nMade by `rxhpc help --markdown` from the program's table of verbs; edit `app/verbs.cpp`, not this page.\n\n"
                    "`rxhpc VERB [FORMULA] INPUT [OUTPUT] [options]`\n\n" + std::string(intro) + "\n\n| verb | |\n| --- | --- |\n";
  for (auto const& verb : verbs()) out += "| [`" + std::string(verb.name) + "`](#" + std::string(verb.name) + ") | " + cell(verb.brief) + " |\n";
  out += "\n";
  for (auto const& note : notes) out += "- **" + std::string(note[0]) + "**: " + std::string(note[1]) + "\n";
  auto const* common = verbs().front().groups.back();
  auto const table = [](const OptionGroup& group) {
    std::string rows = "| option | meaning |\n| --- | --- |\n";
    for (auto const& option : group.options) rows += "| `" + cell(spelled(option)) + "` | " + cell(help_of(option)) + " |\n";
    return rows;
  };
  for (auto const& verb : verbs()) {
    out += "\n## " + std::string(verb.name) + "\n\n`" + usage(verb) + "`\n\n" + std::string(verb.description) + "\n\n";
    for (auto const& p : verb.positionals) out += "- `" + std::string(p.name) + "`: " + std::string(p.help) + "\n";
    for (auto const* group : verb.groups)
      if (group != common) out += "\n### " + std::string(group->title) + "\n\n" + table(*group);
    out += "\n```sh\n" + std::string(verb.example) + "\n```\n";
  }
  out += "\n## Common options\n\nEvery verb takes these, and `--help`; `rxhpc --version` prints the version.\n\n" + table(*common);
  out += "\n## Exit status\n\n| status | meaning |\n| --- | --- |\n";
  for (auto const& status : statuses) out += "| " + std::string(status[0]) + " | " + std::string(status[1]) + " |\n";
  out += "\nOne message, on one line, `rxhpc VERB: FILE: line N: column 'x': what is wrong`, as far as it applies, from one rank.\n";
  out += "\n## Environment\n\n| variable | meaning |\n| --- | --- |\n";
  for (auto const& variable : environment) out += "| `" + std::string(variable[0]) + "` | " + std::string(variable[1]) + " |\n";
  return out;
}

}  // namespace rxhpc::app
