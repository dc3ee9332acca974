#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "pack_form.hpp"
#include "rxhpc/dd.hpp"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>
// Only what is defined from here on may need the instruction set: functions of headers above are shared with the other files.
#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512dq")
#define RXHPC_PACK_AVX512 1
#include "pack_form_of.hpp"
#pragma GCC pop_options

namespace rxhpc {

test::PackForm test::avx512_form() {
  using namespace impl;
  bool const runs_here = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma");
  return {"AVX-512", runs_here, values<PackAvx512>, everything<PackAvx512>, of_parts<PackAvx512>, extremes<PackAvx512>};
}

}  // namespace rxhpc
#else
rxhpc::test::PackForm rxhpc::test::avx512_form() { return {"AVX-512", false, nullptr, nullptr, nullptr, nullptr}; }
#endif
