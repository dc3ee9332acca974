// The exact p-value of Fisher's test of a table larger than 2 by 2.
#pragma once
#include <cstdint>

#include "rxhpc/contingency_tests.hpp"

namespace rxhpc::impl {

/// The probability of the tables of these margins that are no likelier than this one (times 1 + slack); NaN where it would take more than
/// `most_steps`. Rows and columns are occupied; fewer rows than columns are faster.
double fisher_exact(const TwoWay& table, double slack, std::int64_t most_steps);

}  // namespace rxhpc::impl
