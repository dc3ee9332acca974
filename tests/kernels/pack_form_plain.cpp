#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "pack_form.hpp"
#include "pack_form_of.hpp"
#include "rxhpc/dd.hpp"

namespace rxhpc {

test::PackForm test::plain_form() {
  using namespace impl;
  bool const runs_here = true;
  return {"plain", runs_here, values<PackGeneric>, everything<PackGeneric>, of_parts<PackGeneric>, extremes<PackGeneric>};
}

}  // namespace rxhpc
