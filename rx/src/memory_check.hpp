#pragma once
#include <cstdint>
#include <string>

namespace rxhpc::impl {

/// Throws UsageError where `what` ("partial results") takes more bytes than the limit; a limit of 0 is none.
void require_memory(std::int64_t limit, double bytes, const std::string& what);

}  // namespace rxhpc::impl
