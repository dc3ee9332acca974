// The one table of verbs and options: parsing, --help, docs/commands.md and the man page are made from it.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace rxhpc::app {

struct Session;

/// flag: `--x`, `--x true`, `--x false` · text: not empty · any_text: perhaps empty · input: a file that is read · list: names separated by commas ·
/// size: bytes with K, M, G or T
enum class Kind { flag, text, any_text, input, list, integer, number, size, choice };

struct Option {
  std::string_view name;      ///< without the dashes
  Kind kind;
  std::string_view argument;  ///< its place-holder; for Kind::choice the choices, separated by '|'
  std::string_view help;
  bool repeatable = false;
  std::int64_t minimum = 0;   ///< Kind::integer
};

struct OptionGroup {
  std::string_view title;
  std::vector<Option> options;
};

struct Positional {
  std::string_view name;
  std::string_view help;
  bool optional = false;
};

struct Verb {
  std::string_view name;
  std::string_view brief;        ///< one line
  std::string_view description;  ///< a paragraph or two
  std::vector<Positional> positionals;
  std::vector<const OptionGroup*> groups;
  std::string_view example;
  void (*run)(Session&);
};

const std::vector<Verb>& verbs();
/// Throws UsageError, with a suggestion where a verb is near.
const Verb& find_verb(std::string_view name);
/// The option of that name, null where the verb has none.
const Option* find_option(const Verb& verb, std::string_view name);

// One a verb, in cmd_<verb>.cpp. Collective.
void run_import(Session&);
void run_info(Session&);
void run_summary(Session&);
void run_quantile(Session&);
void run_covcor(Session&);
void run_histogram(Session&);
void run_lorenz(Session&);
void run_cube(Session&);
void run_crosstabs(Session&);
void run_linmod(Session&);
void run_kmeans(Session&);
void run_logit(Session&);
void run_glm(Session&);
void run_naivebayes(Session&);
void run_predict(Session&);
void run_roc(Session&);
void run_export(Session&);
void run_datastep(Session&);

}  // namespace rxhpc::app
