#include "text_index.hpp"

#include <algorithm>
#include <array>

#include "rxhpc/errors.hpp"
#include "text_masks.hpp"
#include "text_record.hpp"
#include "text_threads.hpp"

namespace rxhpc::impl {
namespace {

constexpr std::int64_t block_bytes = 256 * 1024;

/// What one block of bytes says. rows[p]: line ends that end a row, where the block begins outside (0) or inside (1) a quoted field.
struct BlockFacts {
  std::array<std::int64_t, 2> rows{0, 0};
  std::int64_t newlines = 0;
  std::int64_t nul = -1;  ///< place of the first NUL byte
  std::int64_t parity = 0, blank = 0, returns = 0;
};

/// Line-end masks of successive 64-byte words; `origin` is where rows begin, so that a line starts there.
class LineScanner {
 public:
  LineScanner(const char* data, std::int64_t begin, std::int64_t end, std::int64_t origin) : data_(data), at_(begin), end_(end) {
    auto const starts_line = [&](std::int64_t i) { return i == origin || data[i - 1] == '\n'; };
    line_start_ = starts_line(begin);
    return_at_start_ = begin > origin && data[begin - 1] == '\r' && starts_line(begin - 1);
  }
  std::uint64_t quotes = 0, newlines = 0, blanks = 0, returns = 0, nuls = 0;
  std::int64_t word = 0;  ///< first byte of these masks
  bool next() {
    if (at_ >= end_) return false;
    word = at_;
    Block64 const block(data_ + at_);
    auto const valid = first_bits(end_ - at_);
    quotes = block.equal('"') & valid;
    newlines = block.equal('\n') & valid;
    returns = block.equal('\r') & valid;
    nuls = block.equal('\0') & valid;
    std::uint64_t const starts = newlines << 1 | line_start_;
    blanks = newlines & (starts | (returns & starts) << 1 | return_at_start_);
    line_start_ = newlines >> 63;
    return_at_start_ = (returns & starts) >> 63;
    at_ += 64;
    return true;
  }

 private:
  const char* data_;
  std::int64_t at_, end_;
  std::uint64_t line_start_, return_at_start_;
};

BlockFacts scan_block(const char* data, std::int64_t begin, std::int64_t end, std::int64_t origin) {
  BlockFacts facts;
  LineScanner scan(data, begin, end, origin);
  std::uint64_t inside = 0, blank = 0, returns = 0;
  while (scan.next()) {
    auto const row_ends = scan.newlines & ~scan.blanks;
    blank |= scan.blanks;
    returns |= scan.returns;
    facts.newlines += std::popcount(scan.newlines);
    if (scan.nuls && facts.nul < 0) facts.nul = scan.word + std::countr_zero(scan.nuls);
    if (scan.quotes == 0) {
      facts.rows[inside & 1] += std::popcount(row_ends);
    } else {
      auto const q = prefix_xor(scan.quotes) ^ inside;
      facts.rows[0] += std::popcount(row_ends & ~q);
      facts.rows[1] += std::popcount(row_ends & q);
      inside = 0 - (q >> 63);
    }
  }
  facts.parity = inside & 1;
  facts.blank = blank != 0;
  facts.returns = returns != 0;
  return facts;
}

struct Place {
  std::int64_t at = 0, newlines = 0;  ///< after the row's end, and the line ends of the block up to there
};

/// Where the count-th row end of the block is (from 1).
Place find_row_end(const char* data, std::int64_t begin, std::int64_t end, std::int64_t origin, bool inside_quotes, std::int64_t count) {
  LineScanner scan(data, begin, end, origin);
  std::uint64_t inside = inside_quotes ? ~0ULL : 0;
  Place place;
  while (scan.next()) {
    auto const q = prefix_xor(scan.quotes) ^ inside;
    inside = 0 - (q >> 63);
    auto row_ends = scan.newlines & ~scan.blanks & ~q;
    auto const here = std::popcount(row_ends);
    if (here < count) {
      count -= here;
      place.newlines += std::popcount(scan.newlines);
      continue;
    }
    for (; count > 1; --count) row_ends &= row_ends - 1;
    int const bit = std::countr_zero(row_ends);
    place.newlines += std::popcount(scan.newlines & first_bits(bit + 1));
    place.at = scan.word + bit + 1;
    return place;
  }
  return place;
}

/// Everybody gets the items of all ranks, in rank order.
template <class T>
std::vector<T> all_of(const std::vector<T>& mine, Communicator& comm) {
  auto const parts = comm.gather(std::as_bytes(std::span(mine)));
  Bytes all;
  for (auto const& part : parts) all.insert(all.end(), part.begin(), part.end());
  comm.broadcast(all);
  std::vector<T> items(all.size() / sizeof(T));
  if (!items.empty()) std::memcpy(items.data(), all.data(), items.size() * sizeof(T));
  return items;
}

/// The error for a quote that is open at the end: the line of the first field that opens a quote and does not end after one.
[[noreturn]] void throw_unclosed(const TextBytes& text, const TextHeader& header) {
  const char* const data = text.data();
  std::int64_t line = header.data_line, opened = line;
  bool inside = false, fresh = true;
  for (std::int64_t i = header.data_begin; i < text.size(); ++i) {
    char const c = data[i];
    if (c == '"') {
      if (!inside) {
        opened = line;
        inside = true;
        if (!fresh) break;
      } else if (i + 1 < text.size() && data[i + 1] == '"') {
        ++i;
      } else {
        inside = false;
        char const after = i + 1 < text.size() ? data[i + 1] : '\n';
        if (after != header.delimiter && after != '\n' && after != '\r' && after != ' ' && after != '\t') break;
      }
      fresh = false;
    } else {
      fresh = c == header.delimiter || c == '\n' || (fresh && (c == ' ' || c == '\t'));
      if (c == '\n') ++line;
    }
  }
  throw DataError(text.path() + ": line " + std::to_string(opened) + ": a quote that opens here is never closed");
}

struct Scanned {
  std::vector<BlockFacts> facts;
  std::vector<std::int64_t> rows_before, lines_before;  ///< one a block and the total
  std::vector<char> inside;                             ///< whether the block begins inside a quoted field
  std::int64_t rows = 0;
};

/// Chains the blocks: quote parity, rows and lines before each of them.
Scanned chain(std::vector<BlockFacts> facts, const TextBytes& text, const TextHeader& header) {
  Scanned s;
  std::int64_t rows = 0, lines = header.data_line;
  bool inside = false;
  for (auto const& f : facts) {
    if (f.nul >= 0) {
      auto const block = text.data() + header.data_begin + block_bytes * static_cast<std::int64_t>(s.inside.size());
      auto const line = lines + std::count(block, text.data() + f.nul, '\n');
      throw DataError(text.path() + ": line " + std::to_string(line) + ": a NUL byte (is the text UTF-16?)");
    }
    s.rows_before.push_back(rows);
    s.lines_before.push_back(lines);
    s.inside.push_back(inside);
    rows += f.rows[inside ? 1 : 0];
    lines += f.newlines;
    inside ^= f.parity != 0;
  }
  if (inside) throw_unclosed(text, header);
  s.rows_before.push_back(rows);
  s.lines_before.push_back(lines);
  bool const open_line = text.size() > header.data_begin && text.data()[text.size() - 1] != '\n';
  s.rows = rows + (open_line ? 1 : 0);
  s.facts = std::move(facts);
  return s;
}

}  // namespace

TextIndex index_text(const TextBytes& text, const TextHeader& header, std::int64_t chunk_rows, int threads, Communicator& comm) {
  std::int64_t const origin = header.data_begin, bytes = text.size() - origin;
  std::int64_t const blocks = (bytes + block_bytes - 1) / block_bytes;
  auto const begin_of = [&](std::int64_t b) { return origin + b * block_bytes; };
  auto const end_of = [&](std::int64_t b) { return std::min(text.size(), origin + (b + 1) * block_bytes); };

  auto const mine = share_of(blocks, comm.rank(), comm.size());
  std::vector<BlockFacts> facts(static_cast<std::size_t>(mine.last - mine.first));
  parallel_items(mine.first, mine.last, threads,
                 [&](std::int64_t b, int) { facts[b - mine.first] = scan_block(text.data(), begin_of(b), end_of(b), origin); });
  auto const scanned = chain(all_of(facts, comm), text, header);

  TextIndex index;
  index.grid = Grid::uniform(scanned.rows, chunk_rows);
  for (auto const& f : scanned.facts) {
    index.blank_lines |= f.blank != 0;
    index.carriage_returns |= f.returns != 0;
  }
  // The byte where a chunk begins: found again inside the one block that holds it.
  std::int64_t const chunks = index.grid.chunks();
  auto const my_chunks = share_of(chunks, comm.rank(), comm.size());
  std::vector<Place> places(static_cast<std::size_t>(my_chunks.last - my_chunks.first));
  parallel_items(my_chunks.first, my_chunks.last, threads, [&](std::int64_t c, int) {
    auto& place = places[c - my_chunks.first];
    if (c == 0) {
      place = {origin, header.data_line};
      return;
    }
    std::int64_t const row = index.grid.first(c);  // begins after the row-th row end
    auto const after = std::lower_bound(scanned.rows_before.begin(), scanned.rows_before.end(), row);
    std::int64_t const b = after - scanned.rows_before.begin() - 1;
    place = find_row_end(text.data(), begin_of(b), end_of(b), origin, scanned.inside[b], row - scanned.rows_before[b]);
    place.newlines += scanned.lines_before[b];
  });
  for (auto const& place : all_of(places, comm)) {
    index.begin.push_back(place.at);
    index.line.push_back(place.newlines);
  }
  index.begin.push_back(text.size());
  return index;
}

}  // namespace rxhpc::impl
