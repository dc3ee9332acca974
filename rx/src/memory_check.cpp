#include "memory_check.hpp"

#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

std::string size_text(double bytes) {
  char const* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  for (; bytes >= 1024 && unit < 4; ++unit) bytes /= 1024;
  auto const text = std::to_string(bytes);
  return text.substr(0, text.find('.') + (unit == 0 ? 0 : 2)) + " " + units[unit];
}

}  // namespace

void require_memory(std::int64_t limit, double bytes, const std::string& what) {
  if (limit > 0 && bytes > static_cast<double>(limit))
    throw UsageError("--memory-limit: this needs up to " + size_text(bytes) + " for " + what + ", the limit is " + size_text(static_cast<double>(limit)));
}

}  // namespace rxhpc::impl
