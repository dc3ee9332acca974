// Tables of cells brought together from all ranks.
#pragma once
#include "rxhpc/contingency.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc::impl {

/// Collective. The cells of all ranks on every rank: a rank merges a share of them, then gets the others' shares.
Contingency merge_ranks(Contingency&& mine, const Contingency& fresh, Communicator& comm, Timing& timing);

}  // namespace rxhpc::impl
