// Any text is an expression, a formula, or a UsageError; what was parsed is printed and parsed again to the same text.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "rxhpc/errors.hpp"
#include "rxhpc/formula.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace rxhpc;
  std::string const text(reinterpret_cast<const char*>(data), size);
  try {
    auto const once = deparse(*parse_expression(text));
    auto const twice = deparse(*parse_expression(once));
    if (once != twice) {
      std::fprintf(stderr, "'%s' is printed as '%s', which is printed as '%s'\n", text.c_str(), once.c_str(), twice.c_str());
      std::abort();
    }
  } catch (const Error&) {
  }
  try {
    parse_formula(text, {"a", "b", "x y"});
  } catch (const Error&) {
  }
  return 0;
}
