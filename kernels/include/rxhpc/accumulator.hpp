// The accumulator contract: fresh, update(chunk), merge, finalize. See kernels/README.md for the laws.
#pragma once
#include <concepts>
#include <cstddef>
#include <span>

#include "rxhpc/chunk.hpp"

namespace rxhpc {

/// A mergeable statistic. A copy of a fresh one is fresh; `reset` makes it fresh again without allocating.
/// merge is pure and works on packed states, so that ranks and threads can combine states that they only hold as doubles:
/// `shape` is any accumulator of the same specification (its contents are not looked at).
template <class A>
concept Accumulator = std::copy_constructible<A> && requires(A a, const A shape, const Chunk& chunk, std::span<double> out, std::span<double const> in) {
  { a.reset() };
  { a.update(chunk) };
  { shape.packed_size() } -> std::convertible_to<std::size_t>;
  { shape.pack(out) };
  { a.unpack(in) };
  { shape.merge(out, in) };  // out = merge(out, in), out being the rows that come first
};

/// One that adds each column by itself, so that a column can be read and added while it is in cache, before the next is touched.
/// update_column: chunk.columns[0] is the column that `update` would find at `position`, and the only one there. The same bits.
template <class A>
concept ColumnwiseAccumulator = Accumulator<A> && requires(A a, const Chunk& chunk, int position) {
  { a.update_column(chunk, position) };
};

}  // namespace rxhpc
