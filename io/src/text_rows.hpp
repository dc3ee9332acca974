// Stage 1 of parsing: where the fields of some rows begin and end.
#pragma once
#include <bit>
#include <cstdint>
#include <vector>

#include "text_masks.hpp"

namespace rxhpc::impl {

/// Cuts successive rows into fields, 64 bytes at a time. Field k of row r of the block lies between starts()[r * fields + k] and one byte
/// before the next entry, both counted from base(). The work is about one store a field and a population count a row.
class RowCutter {
 public:
  RowCutter(const char* data, std::int64_t size, char delimiter, int fields, bool blank_lines)
      : data_(data), size_(size), delimiter_(delimiter), fields_(fields), blank_lines_(blank_lines) {}
  void start_at(std::int64_t at) { at_ = at; }

  /// Rows that a block should have so that its bounds stay in the first-level cache.
  static int block_rows(int fields) {
    int const rows = 12288 / (fields > 0 ? fields : 1);
    return rows < 16 ? 16 : rows > 2048 ? 2048 : rows;
  }
  /// Cuts up to `rows` rows. Returns those that have the right number of fields; fewer means that the next one has not (or the end).
  int cut(int rows);
  const char* base() const { return data_ + base_; }
  std::int64_t base_offset() const { return base_; }
  std::int64_t position() const { return at_; }  ///< after the rows cut
  const std::uint32_t* starts() const { return starts_.data(); }
  bool quotes() const { return quotes_; }  ///< the block has a quote

 private:
  void put(std::uint64_t mask, std::uint32_t offset) {
    // Eight stores without a branch, then the rare rest: bits of `mask` as starts of the next field.
    std::uint32_t* out = starts_.data() + count_ + 1;
    int const bits = std::popcount(mask);
    for (int i = 0; i < bits; i += 8) {
      for (int k = 0; k < 8; ++k) {
        out[i + k] = offset + static_cast<std::uint32_t>(std::countr_zero(mask)) + 1;
        mask &= mask - 1;
      }
    }
    count_ += bits;
  }
  const char* data_;
  std::int64_t size_, at_ = 0, base_ = 0;
  char delimiter_;
  int fields_;
  bool blank_lines_, quotes_ = false;
  std::int64_t count_ = 0;
  std::vector<std::uint32_t> starts_;
};

inline int RowCutter::cut(int rows) {
  std::int64_t const capacity = static_cast<std::int64_t>(rows) * fields_;
  starts_.resize(static_cast<std::size_t>(capacity) + 160);
  base_ = at_;
  count_ = 0;
  starts_[0] = 0;
  quotes_ = false;
  int done = 0;
  std::uint64_t inside = 0, line_start = 1, return_at_start = 0;
  for (std::int64_t word = at_; word < size_; word += 64) {
    Block64 const block(data_ + word);
    auto const valid = first_bits(size_ - word);
    auto const quote = block.equal('"') & valid;
    auto newline = block.equal('\n') & valid;
    auto delimiter = block.equal(delimiter_) & valid;
    if (blank_lines_) {
      auto const starts = newline << 1 | line_start;
      auto const returns = block.equal('\r') & starts;
      auto const blank = newline & (starts | returns << 1 | return_at_start);
      line_start = newline >> 63;
      return_at_start = returns >> 63;
      newline &= ~blank;
    }
    if (quote | inside) {
      auto const q = prefix_xor(quote) ^ inside;
      inside = 0 - (q >> 63);
      newline &= ~q;
      delimiter &= ~q;
      quotes_ = true;
    }
    auto const separators = delimiter | newline;
    auto const offset = static_cast<std::uint32_t>(word - base_);
    std::uint64_t whole_rows = 0;
    for (auto ends = newline; ends; ends &= ends - 1) {
      int const bit = std::countr_zero(ends);
      auto const upto = (2ULL << bit) - 1;
      if (count_ + std::popcount(separators & upto) != static_cast<std::int64_t>(done + 1) * fields_) {
        put(separators & whole_rows, offset);
        return done;
      }
      whole_rows = upto;
      if (++done == rows) {
        put(separators & upto, offset);
        at_ = word + bit + 1;
        return done;
      }
    }
    if (count_ + std::popcount(separators) > capacity || word - base_ > 0xFFFFFF00LL) {
      put(separators & whole_rows, offset);
      return done;
    }
    put(separators, offset);
  }
  // The last row of the text, where no line end follows it.
  if (!inside && size_ > base_ && data_[size_ - 1] != '\n' && count_ + 1 == static_cast<std::int64_t>(done + 1) * fields_) {
    starts_[++count_] = static_cast<std::uint32_t>(size_ - base_) + 1;
    ++done;
  }
  at_ = size_;
  return done;
}

}  // namespace rxhpc::impl
