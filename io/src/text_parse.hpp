// One chunk of text to columns, by one thread.
#pragma once
#include <atomic>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "text_columns.hpp"
#include "text_index.hpp"
#include "text_rows.hpp"

namespace rxhpc::impl {

/// Bytes that are not set to zero first; kept for the next chunk.
class Buffer {
 public:
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(bytes_.get());
  }
  std::size_t capacity() const { return capacity_; }
  /// Room for that many bytes; what was there is lost.
  void make_room(std::size_t bytes) {
    if (bytes <= capacity_) return;
    bytes_ = std::make_unique_for_overwrite<std::byte[]>(bytes);
    capacity_ = bytes;
  }
  void swap(Buffer& other) {
    bytes_.swap(other.bytes_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t capacity_ = 0;
};

/// How to parse a column of a chunk.
struct ParseTask {
  const ColumnRule* rule = nullptr;
  Kind kind = Kind::none;               ///< to begin with, where `guess`
  bool guess = false;                   ///< fields that do not fit widen the kind; else they are errors
  Storage storage = Storage::int8;      ///< to begin with: integers and codes move to a wider one when they must
  const Dictionary* known = nullptr;    ///< text: all its values; other text is missing (`other`)
  const std::int32_t* codes = nullptr;  ///< ... and their codes
  std::int32_t other = -1;
  int width = 0;                        ///< Kind::wide
  bool cut_off = false;                 ///< Kind::wide: only the first `width` bytes of a text are wanted
  const std::atomic<bool>* too_many = nullptr;  ///< set where the dictionary is of no use any more
};

struct ParsedColumn {
  ColumnFacts facts;
  Storage storage = Storage::int8;
  Buffer values;
  std::unique_ptr<Dictionary> words;  ///< text without a known dictionary: the chunk's own; codes lead here
  bool usable = true;                 ///< the values hold what the fields say; else only the facts do
};

struct ParseSettings {
  MissingStrings missing;
  bool single = false;  ///< guessed decimals are float32
};

/// Keeps its buffers from chunk to chunk: one a thread.
class ChunkParser {
 public:
  ChunkParser(const TextBytes& text, const TextHeader& header, const TextIndex& index, const ParseSettings& settings);
  /// Fills one result a task. Throws the DataError of the first row that has one.
  void parse(std::int64_t chunk, std::span<const ParseTask> tasks, std::span<ParsedColumn> out);

 private:
  struct Field {
    const char* begin;
    const char* end;
    std::string_view text() const { return {begin, static_cast<std::size_t>(end - begin)}; }
  };
  /// The fields of one column of the block; copied into a local of a loop, so that stores there cannot seem to change it.
  struct FieldReader {
    const char* base;
    const std::uint32_t* starts;
    std::ptrdiff_t stride;
    bool trim_return, skip_blank;
    Field operator()(int row) const {
      auto const* s = starts + row * stride;
      Field f{base + s[0], base + s[1] - 1};
      if (trim_return && f.end > f.begin && f.end[-1] == '\r') --f.end;
      if (skip_blank) skip_blank_lines_before(f);
      return f;
    }
  };
  FieldReader reader() const { return {cutter_.base(), starts_, fields_, trim_return_, skip_blank_}; }
  Field field(int row) const { return reader()(row); }
  static void skip_blank_lines_before(Field& f) {
    while (f.begin < f.end && (*f.begin == '\n' || (*f.begin == '\r' && f.begin + 1 < f.end && f.begin[1] == '\n'))) ++f.begin;
  }

  void begin_column(const ParseTask& task, ParsedColumn& out) const;
  void column(const ParseTask& task, ParsedColumn& out);
  int missing_rows(ParsedColumn& out, int row);
  int integers(const ParseTask& task, ParsedColumn& out, int row);
  template <class T>
  int decimals(ParsedColumn& out, int row);
  template <class Parse>
  int others(ParsedColumn& out, int row, Parse&& parse);
  int texts(const ParseTask& task, ParsedColumn& out, int row);
  int wide_texts(const ParseTask& task, ParsedColumn& out, int row);
  void keep_integers(ParsedColumn& out, int row, int count);
  void keep_codes(ParsedColumn& out, int row, int count);
  void widen(ParsedColumn& out, Kind kind, int row);
  void fail(int row, const ParseTask& task, const std::string& what);
  [[noreturn]] void throw_ragged(std::int64_t at) const;
  std::int64_t line_of(const char* at) const;

  const TextBytes& text_;
  const TextHeader& header_;
  const TextIndex& index_;
  const ParseSettings& settings_;
  int fields_;
  RowCutter cutter_;
  std::vector<std::int64_t> scratch_;
  std::vector<std::size_t> expected_words_;  ///< [field] how many distinct texts the last chunk had
  std::string unquoted_;
  // The block being parsed: `rows_` rows from the chunk's row `done_` on; and the column.
  std::int64_t chunk_ = 0, chunk_rows_ = 0, done_ = 0;
  int rows_ = 0;
  const std::uint32_t* starts_ = nullptr;
  bool trim_return_ = false, skip_blank_ = false;
  // The first failure of the block.
  int failed_row_ = 0;
  std::string failure_;
};

/// Integers low..high and a missing code in as few bytes as possible.
Storage packed_storage(std::int64_t low, std::int64_t high);
/// Converts `rows` parsed integers, codes or decimals to another storage.
void convert(const void* from, Storage stored, void* to, Storage wanted, std::int64_t rows, bool coded);
/// Codes to other codes, both in signed storages; map[-1] is that of missing.
void map_codes(const void* from, Storage stored, void* to, Storage wanted, std::int64_t rows, const std::int32_t* map);

}  // namespace rxhpc::impl
