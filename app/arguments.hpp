// The command line as the table of verbs understands it: checked values, nothing started yet.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "verbs.hpp"

namespace rxhpc::app {

/// What one command asks for. Every value has been checked against its kind, so that the getters cannot fail.
class Arguments {
 public:
  /// `words`: what follows the verb. Throws UsageError.
  Arguments(const Verb& verb, const std::vector<std::string>& words);

  const Verb& verb() const { return verb_; }
  bool given(std::string_view option) const { return values_.count(std::string(option)) > 0; }
  bool flag(std::string_view option, bool otherwise = false) const;
  std::string text(std::string_view option, std::string otherwise = {}) const;
  std::vector<std::string> texts(std::string_view option) const;  ///< of a repeatable option, as given
  std::vector<std::string> list(std::string_view option) const;   ///< comma-separated, backquotes removed
  std::vector<double> numbers(std::string_view option) const;     ///< a list, each a number; throws UsageError
  std::int64_t integer(std::string_view option, std::int64_t otherwise) const;
  double number(std::string_view option, double otherwise) const;
  std::int64_t bytes(std::string_view option) const;              ///< 0 where not given
  const std::string& positional(std::string_view name) const;

 private:
  void take_positionals(const std::vector<std::string>& words);

  const Verb& verb_;
  std::map<std::string, std::vector<std::string>> values_;
  std::map<std::string, std::string> positionals_;
};

/// `a,b=c,`odd, name`` in its parts, backquotes kept.
std::vector<std::string> split_list(std::string_view text);
/// A name without its backquotes.
std::string unquoted(std::string_view name);
/// `500M`, `4G`, `2048`; throws UsageError that names the option.
std::int64_t parse_bytes(std::string_view option, std::string_view text);

}  // namespace rxhpc::app
