// Where rows lie: the first pass over the bytes.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "rxhpc/chunk.hpp"
#include "rxhpc/communicator.hpp"
#include "text_bytes.hpp"
#include "text_header.hpp"

namespace rxhpc::impl {

struct TextIndex {
  Grid grid;
  std::vector<std::int64_t> begin;  ///< first byte of every chunk, and the end of the text
  std::vector<std::int64_t> line;   ///< the line of that byte, from 1
  bool blank_lines = false;         ///< some lines are blank: they are no rows
  bool carriage_returns = false;
};

/// Collective. Ranks and threads count the rows of shares of the bytes, each for both cases at its start (inside a quoted field or not);
/// the shares' quote parities, chained, then tell which case holds. Reads every byte once: about 5 instructions a byte mask of 64 bytes.
/// Throws DataError: a NUL byte, a quote never closed.
TextIndex index_text(const TextBytes& text, const TextHeader& header, std::int64_t chunk_rows, int threads, Communicator& comm);

}  // namespace rxhpc::impl
