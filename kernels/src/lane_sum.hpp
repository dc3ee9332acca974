// A sum over rows in eight lanes, each with its rounding errors.
#pragma once
#include "rxhpc/pack.hpp"

namespace rxhpc::impl {

struct LaneSum {
  DdPack sum{Pack::all(0), Pack::all(0)};
  void add(Pack x) {
    auto const s = two_sum(sum.hi, x);
    sum = {s.hi, sum.lo + s.lo};
  }
  DD total() const {
    auto const s = two_sum(sum.hi, sum.lo);
    return reduce(DdPack{s.hi, s.lo});
  }
};

}  // namespace rxhpc::impl
