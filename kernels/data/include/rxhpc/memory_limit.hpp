// How a rank's memory limit is shared out.
#pragma once
#include <algorithm>
#include <cstdint>

namespace rxhpc {

/// What a limit leaves for rows beside the program itself. Bytes.
inline std::int64_t room_for_rows(std::int64_t memory_limit) {
  constexpr std::int64_t program = 12 << 20;
  return std::max<std::int64_t>(0, memory_limit - program);
}

/// As many of the threads wanted as have room for `held` bytes of rows each; at least one. A limit of 0 is none.
inline int threads_with_room(int wanted, std::int64_t held, std::int64_t memory_limit) {
  if (memory_limit <= 0 || held <= 0) return wanted;
  return static_cast<int>(std::clamp<std::int64_t>(room_for_rows(memory_limit) / held, 1, wanted));
}

}  // namespace rxhpc
