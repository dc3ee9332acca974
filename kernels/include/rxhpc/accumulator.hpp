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

/// One that takes a chunk piece by piece, each while it is in cache: update_rows for rows [first, first + rows) from row 0 on, pieces
/// being multiples of piece_rows but for the last, then finish_rows. The bits of `update`. reset also forgets an unfinished chunk.
template <class A>
concept PiecewiseAccumulator = Accumulator<A> && requires(A a, const Chunk& chunk, std::int64_t row) {
  { a.update_rows(chunk, row, row) };
  { a.finish_rows(chunk) };
};

/// One that adds each column by itself, in pieces as above; rows from row 0 that come again start the column anew.
/// chunk.columns[0] is the column that `update` would find at `position`, and the only one there.
template <class A>
concept ColumnwiseAccumulator = Accumulator<A> && requires(A a, const Chunk& chunk, int position, std::int64_t row) {
  { a.update_column(chunk, position, row, row) };
  { a.finish_column(chunk, position) };
};

}  // namespace rxhpc
