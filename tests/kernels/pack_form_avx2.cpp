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
#pragma GCC target("avx2,fma")
#define RXHPC_PACK_AVX2 1
#include "pack_form_of.hpp"
#pragma GCC pop_options

namespace rxhpc {

test::PackForm test::avx2_form() {
  using namespace impl;
  bool const runs_here = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return {"AVX2", runs_here, values<PackAvx2>, everything<PackAvx2>, of_parts<PartAvx2>, extremes<PackAvx2>};
}

}  // namespace rxhpc
#else
rxhpc::test::PackForm rxhpc::test::avx2_form() { return {"AVX2", false, nullptr, nullptr, nullptr, nullptr}; }
#endif
