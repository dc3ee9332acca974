// A thread that gets no more memory: what one rank among others then does. Replaces `operator new`; include in one source file of a binary.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <new>

namespace rxhpc::test {

inline thread_local std::size_t longest_allocation = std::numeric_limits<std::size_t>::max();

/// While it lives, this thread's allocations of more than that many bytes fail.
class ShortMemory {
 public:
  explicit ShortMemory(std::size_t longest) { longest_allocation = longest; }
  ~ShortMemory() { longest_allocation = std::numeric_limits<std::size_t>::max(); }
  ShortMemory(const ShortMemory&) = delete;
  ShortMemory& operator=(const ShortMemory&) = delete;
};

}  // namespace rxhpc::test

// Not inline: gcc would see `new` meet `free`.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  void* const memory = bytes > rxhpc::test::longest_allocation ? nullptr : std::malloc(bytes > 0 ? bytes : 1);
  if (!memory) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
