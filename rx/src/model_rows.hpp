// What every fitting driver does before its passes.
#pragma once
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "rxhpc/formula.hpp"
#include "rxhpc/row_source.hpp"
#include "rxhpc/sweep.hpp"

namespace rxhpc::impl {

/// Parses a model formula; `.` stands for the source's columns. With like_r the terms come in R's order.
Formula model_formula(std::string_view text, const Schema& schema, bool like_r);
/// The column of the weights, empty where there are none; throws UsageError where both kinds were given.
std::string weight_name(const std::string& pweights, const std::string& fweights);
/// Throws DataError where rows of that column were found to be negative.
void refuse_negative_weights(const std::string& column, std::int64_t rows);
/// The same for rows that were found to be negative or infinite.
void refuse_weights(const std::string& column, std::int64_t rows);
/// Throws DataError where no row was left to look at.
void require_rows(std::int64_t valid);
/// F(x) on a column of unknown range finds it in a pass of its own.
void use_sweep_for_ranges(RowSource& rows, const RunOptions& run, Communicator& comm);

/// The rows out of `selection` (blank: all) that miss none of these expressions.
std::string complete_selection(const std::string& selection, const std::vector<std::string>& expressions);

/// Adds what another fit took: into += other.
void add_timing(Timing& into, const Timing& other);

constexpr std::int64_t first_rows = 8192;

/// Collective. The state of the first rows (at most first_rows of a chunk) of the first chunk where `enough` holds, the same on every
/// rank; fresh where there is none.
template <Accumulator A, class Enough>
std::vector<double> first_rows_state(const ChunkSource& source, std::span<const int> columns, A state, const Enough& enough,
                                     Communicator& comm) {
  Bytes packed;
  together(comm, [&] {
    // Every rank owns a run of chunks and rank order is row order: the lowest rank with an answer has the first.
    state.reset();
    Share const mine = source.local() ? Share{0, source.grid().chunks()} : share_of(source.grid().chunks(), comm.rank(), comm.size());
    Chunk chunk;
    for (auto c = mine.first; c < mine.last; ++c) {
      source.read(c, columns, chunk);
      chunk.rows = std::min(chunk.rows, first_rows);
      state.reset();
      state.update(chunk);
      if (enough(state)) break;
      state.reset();
    }
  });
  std::vector<double> mine(state.packed_size());
  state.pack(mine);
  auto const bytes = std::as_bytes(std::span(mine));
  Bytes sent(1 + bytes.size());
  sent[0] = enough(state) ? std::byte{1} : std::byte{0};
  std::copy(bytes.begin(), bytes.end(), sent.begin() + 1);
  auto all = comm.gather(sent);
  if (comm.rank() == 0) {
    packed = all[0];
    for (auto const& from : all)
      if (from[0] == std::byte{1}) {
        packed = from;
        break;
      }
  }
  comm.broadcast(packed);
  std::memcpy(mine.data(), packed.data() + 1, mine.size() * sizeof(double));
  return mine;
}

}  // namespace rxhpc::impl
