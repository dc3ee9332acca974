#include "text_parse.hpp"

#include <array>

#include "rxhpc/errors.hpp"
#include "text_record.hpp"

namespace rxhpc::impl {
namespace {

constexpr double powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/// Exact operands make the quotient correctly rounded (W. D. Clinger, "How to read floating point numbers accurately", 1990).
template <class T>
bool exact_quotient(const Digits& d, T& out) {
  constexpr std::uint64_t most = 1ULL << std::numeric_limits<T>::digits;
  constexpr int most_fraction = sizeof(T) == 8 ? 22 : 10;
  if (d.value > most || d.fraction > most_fraction) return false;
  T const value = static_cast<T>(d.value);
  out = d.fraction ? value / static_cast<T>(powers_of_ten[d.fraction]) : value;
  return true;
}

const char* meaning(VarType type) {
  switch (type) {
    case VarType::logical: return "is not a logical value";
    case VarType::integer: case VarType::int16: case VarType::uint16: case VarType::int64: return "is not an integer";
    case VarType::date: return "is not a date";
    case VarType::posixct: return "is not a date and time";
    default: return "is not a number";
  }
}

template <class T>
T missing_decimal() {
  return static_cast<T>(na_value());
}

}  // namespace

ChunkParser::ChunkParser(const TextBytes& text, const TextHeader& header, const TextIndex& index, const ParseSettings& settings)
    : text_(text), header_(header), index_(index), settings_(settings), fields_(static_cast<int>(header.names.size())),
      cutter_(text.data(), text.size(), header.delimiter, fields_, index.blank_lines),
      scratch_(static_cast<std::size_t>(RowCutter::block_rows(fields_))), expected_words_(header.names.size()) {}

void ChunkParser::begin_column(const ParseTask& task, ParsedColumn& out) const {
  out.facts = ColumnFacts{};
  out.facts.kind = task.kind;
  out.storage = task.kind == Kind::wide ? Storage::text : task.storage;
  out.usable = true;
  if (task.kind == Kind::text && !task.known) {
    auto const expected = expected_words_[task.rule->field];
    if (!out.words || expected > 0) out.words = std::make_unique<Dictionary>(expected);
    else out.words->clear();
  }
  int const bytes = task.kind == Kind::wide ? task.width : bytes_of(task.storage);
  out.values.make_room(static_cast<std::size_t>(chunk_rows_ * bytes));
}

void ChunkParser::parse(std::int64_t chunk, std::span<const ParseTask> tasks, std::span<ParsedColumn> out) {
  chunk_ = chunk;
  chunk_rows_ = index_.grid.rows(chunk);
  for (std::size_t k = 0; k < tasks.size(); ++k) begin_column(tasks[k], out[k]);
  cutter_.start_at(index_.begin[chunk]);
  int const block = RowCutter::block_rows(fields_);
  for (done_ = 0; done_ < chunk_rows_; done_ += rows_) {
    int const wanted = static_cast<int>(std::min<std::int64_t>(block, chunk_rows_ - done_));
    rows_ = cutter_.cut(wanted);
    failure_.clear();
    failed_row_ = rows_;
    for (std::size_t k = 0; k < tasks.size(); ++k) {
      int const at = tasks[k].rule->field;
      starts_ = cutter_.starts() + at;
      trim_return_ = index_.carriage_returns && at == fields_ - 1;
      skip_blank_ = index_.blank_lines && at == 0;
      column(tasks[k], out[k]);
    }
    if (!failure_.empty()) throw DataError(failure_);
    if (rows_ < wanted) throw_ragged(cutter_.base_offset() + cutter_.starts()[static_cast<std::ptrdiff_t>(rows_) * fields_]);
  }
  for (std::size_t k = 0; k < tasks.size(); ++k) expected_words_[tasks[k].rule->field] = out[k].words ? out[k].words->texts().size() : 0;
}

std::int64_t ChunkParser::line_of(const char* at) const {
  const char* const begin = text_.data() + index_.begin[chunk_];
  return index_.line[chunk_] + std::count(begin, at, '\n');
}

void ChunkParser::throw_ragged(std::int64_t at) const {
  at = skip_blank_lines(text_.data(), text_.size(), at);
  std::vector<std::string_view> found;
  split_record(text_.data(), text_.size(), at, header_.delimiter, found);
  if (found.size() == header_.names.size())
    throw DataError(text_.path() + ": line " + std::to_string(line_of(text_.data() + at)) + ": a row of 4 GiB or more");
  auto const count = [](std::size_t n, const char* thing) { return std::to_string(n) + " " + thing + (n == 1 ? "" : "s"); };
  throw DataError(text_.path() + ": line " + std::to_string(line_of(text_.data() + at)) + ": " + count(found.size(), "field") +
                  (header_.named ? " where the header has " + count(header_.names.size(), "name")
                                 : " where the first row has " + std::to_string(header_.names.size())));
}

void ChunkParser::fail(int row, const ParseTask& task, const std::string& what) {
  if (!failure_.empty() && row >= failed_row_) return;
  failed_row_ = row;
  failure_ = text_.path() + ": line " + std::to_string(line_of(field(row).begin)) + ": column '" + shown(header_.names[task.rule->field]) + "': " + what;
}

void ChunkParser::column(const ParseTask& task, ParsedColumn& out) {
  for (int row = 0; row < rows_ && out.usable;) {
    switch (out.facts.kind) {
      case Kind::none: row = missing_rows(out, row); break;
      case Kind::integer: row = integers(task, out, row); break;
      case Kind::decimal: row = out.storage == Storage::float32 ? decimals<float>(out, row) : decimals<double>(out, row); break;
      case Kind::logical: row = others(out, row, parse_logical); break;
      case Kind::date: row = others(out, row, parse_date); break;
      case Kind::time: row = others(out, row, parse_time); break;
      case Kind::text: row = texts(task, out, row); break;
      case Kind::wide: row = wide_texts(task, out, row); break;
    }
    if (row < 0) return;  // failed
    if (row == rows_) return;
    if (!task.guess) {
      auto const raw = field(row).text();
      std::int64_t whole = 0;
      bool const wide = out.facts.kind == Kind::integer && parse_integer(raw, settings_.missing, whole) == Parsed::value;
      return fail(row, task, "'" + shown(raw) + "' " + (wide ? "does not fit " + std::string(to_string(task.rule->type)) : meaning(task.rule->type)));
    }
    widen(out, join(out.facts.kind, classify(field(row).text(), settings_.missing)), row);
  }
}

int ChunkParser::missing_rows(ParsedColumn& out, int row) {
  std::int64_t ignored = 0;
  for (; row < rows_; ++row) {
    auto const raw = field(row).text();
    if (raw.empty() || settings_.missing.contains(raw)) continue;
    if (parse_logical(raw, settings_.missing, ignored) != Parsed::missing) return row;
    out.facts.maybe_text = true;
  }
  return row;
}

int ChunkParser::integers(const ParseTask& task, ParsedColumn& out, int const first) {
  bool const check = settings_.missing.have_digits();
  auto const fields = reader();
  std::int64_t* const scratch = scratch_.data();
  bool minus_zero = false;
  int row = first;
  for (; row < rows_; ++row) {
    auto const f = fields(row);
    bool const negative = *f.begin == '-';
    const char* const begin = f.begin + negative;
    Digits digits;
    if (static_cast<std::size_t>(f.end - begin - 1) < 16 && parse_digits(begin, f.end, digits) && !digits.point &&
        !(check && settings_.missing.contains(f.text()))) {
      auto const value = static_cast<std::int64_t>(digits.value);
      scratch[row] = negative ? -value : value;
      minus_zero |= negative && value == 0;
      continue;
    }
    std::int64_t value = missing_integer;
    auto const parsed = parse_integer(f.text(), settings_.missing, value);
    if (parsed == Parsed::bad) break;
    scratch[row] = parsed == Parsed::missing ? missing_integer : value;
    minus_zero |= parsed == Parsed::value && value == 0 && f.text().find('-') != std::string_view::npos;
  }
  out.facts.minus_zero |= minus_zero;
  if (task.rule->fixed)
    for (int r = first; r < row; ++r)
      if (scratch_[r] != missing_integer && (scratch_[r] < task.rule->lowest || scratch_[r] > task.rule->highest)) {
        row = r;
        break;
      }
  keep_integers(out, first, row - first);
  return row;
}

/// Moves parsed integers from the scratch row into the column, in a wider storage where they need it.
void ChunkParser::keep_integers(ParsedColumn& out, int row, int count) {
  const std::int64_t* const from = scratch_.data() + row;
  std::int64_t low = INT64_MAX, high = INT64_MIN;
  for (int i = 0; i < count; ++i) {
    low = std::min(low, from[i] == missing_integer ? INT64_MAX : from[i]);
    high = std::max(high, from[i]);
  }
  if (low <= high) {
    constexpr std::int64_t safe = 1LL << 53;
    if (low < -safe || high > safe)
      for (int i = 0; i < count; ++i)
        if (from[i] != missing_integer && static_cast<__int128>(static_cast<double>(from[i])) != from[i]) out.facts.inexact = true;
    out.facts.low = std::min(out.facts.low, low);
    out.facts.high = std::max(out.facts.high, high);
    auto const needed = out.storage == Storage::uint16 ? Storage::uint16 : packed_storage(out.facts.low, out.facts.high);
    if (bytes_of(needed) > bytes_of(out.storage)) {
      Buffer wider;
      wider.make_room(static_cast<std::size_t>(chunk_rows_ * bytes_of(needed)));
      convert(out.values.as<void>(), out.storage, wider.as<void>(), needed, done_ + row, false);
      out.values.swap(wider);
      out.storage = needed;
    }
  }
  convert(from, Storage::int64, out.values.as<char>() + (done_ + row) * bytes_of(out.storage), out.storage, count, false);
}

template <class T>
int ChunkParser::decimals(ParsedColumn& out, int const first) {
  bool const check = settings_.missing.have_digits();
  auto const fields = reader();
  T* const to = out.values.as<T>() + done_;
  int row = first;
  for (; row < rows_; ++row) {
    auto const f = fields(row);
    bool const negative = *f.begin == '-';
    const char* const begin = f.begin + negative;
    Digits digits;
    T value;
    if (static_cast<std::size_t>(f.end - begin - 1) < 16 && parse_digits(begin, f.end, digits) && exact_quotient(digits, value) &&
        !(check && settings_.missing.contains(f.text()))) {
      to[row] = negative ? -value : value;
      continue;
    }
    auto const parsed = parse_decimal(f.text(), settings_.missing, value);
    if (parsed == Parsed::bad) break;
    to[row] = parsed == Parsed::missing ? missing_decimal<T>() : value;
  }
  T least = std::numeric_limits<T>::infinity(), most = -least;
  for (int r = first; r < row; ++r) {
    least = to[r] < least ? to[r] : least;
    most = to[r] > most ? to[r] : most;
  }
  out.facts.least = std::min<double>(out.facts.least, least);
  out.facts.most = std::max<double>(out.facts.most, most);
  return row;
}

template <class Parse>
int ChunkParser::others(ParsedColumn& out, int const first, Parse&& parse) {
  int row = first;
  auto const fields = reader();
  auto const kind = out.facts.kind;
  for (; row < rows_; ++row) {
    std::int64_t value = missing_integer;
    auto const parsed = parse(fields(row).text(), settings_.missing, value);
    if (parsed == Parsed::bad) break;
    scratch_[row] = parsed == Parsed::missing ? missing_integer : value;
    if (parsed == Parsed::value) {
      out.facts.low = std::min(out.facts.low, value);
      out.facts.high = std::max(out.facts.high, value);
    }
  }
  if (kind == Kind::logical)
    for (int r = first; r < row; ++r) scratch_[r] = scratch_[r] == missing_integer ? -1 : scratch_[r];
  convert(scratch_.data() + first, Storage::int64, out.values.as<char>() + (done_ + first) * bytes_of(out.storage), out.storage, row - first,
          kind == Kind::logical);
  return row;
}

int ChunkParser::texts(const ParseTask& task, ParsedColumn& out, int const first) {
  bool const ignored = !task.known && task.too_many && task.too_many->load(std::memory_order_relaxed);
  bool const quotes = cutter_.quotes();
  auto const fields = reader();
  std::int64_t* const scratch = scratch_.data();
  auto const* const words = task.known ? task.known : out.words.get();
  // Some rows at a time: their places in the dictionary come from memory together, not one after another.
  constexpr int most = 32;
  struct Look {
    std::string_view text;
    Dictionary::Key key;
    bool missing;
  };
  std::array<Look, most> looks;
  for (int row = first, count; row < rows_; row += count) {
    count = std::min(most, rows_ - row);
    for (int i = 0; i < count; ++i) {
      auto& look = looks[i];
      look.text = fields(row + i).text();
      bool quoted = false;
      if (quotes) {
        auto const quoting = unquote(look.text, unquoted_, look.text);
        if (quoting == Quoting::malformed) {
          if (i == 0) return fail(row, task, "a quote inside a field that quotes do not enclose"), -1;
          count = i;  // those before it first
          break;
        }
        quoted = quoting == Quoting::quoted;
        if (look.text.data() == unquoted_.data()) count = i + 1;  // the next one would take its bytes
      }
      look.missing = !quoted && (look.text.empty() || settings_.missing.contains(look.text));
      if (look.missing || ignored) continue;
      look.key = Dictionary::key_of(look.text);
      words->prefetch(look.key);
    }
    for (int i = 0; i < count; ++i) {
      auto const& [text, key, missing] = looks[i];
      auto& code = scratch[row + i];
      code = task.other;
      if (missing) continue;
      if (task.known) {
        auto const found = task.known->find(text, key);
        if (found >= 0) code = task.codes ? task.codes[found] : found;
        continue;
      }
      if (!ignored) {
        auto const before = out.words->size();
        code = out.words->add(text, key);
        if (code != before) continue;
      }
      if (!valid_utf8(text)) return fail(row + i, task, "'" + shown(text) + "' is not valid UTF-8"), -1;
      out.facts.width = std::max(out.facts.width, static_cast<std::int64_t>(text.size()));
    }
  }
  if (ignored) out.usable = true, out.words->clear(), out.storage = Storage::text;
  else keep_codes(out, first, rows_ - first);
  return rows_;
}

void ChunkParser::keep_codes(ParsedColumn& out, int row, int count) {
  std::int64_t const most = out.words ? out.words->size() : 0;
  auto const needed = out.words ? packed_storage(-1, most) : out.storage;
  if (bytes_of(needed) > bytes_of(out.storage)) {
    Buffer wider;
    wider.make_room(static_cast<std::size_t>(chunk_rows_ * bytes_of(needed)));
    convert(out.values.as<void>(), out.storage, wider.as<void>(), needed, done_ + row, true);
    out.values.swap(wider);
    out.storage = needed;
  }
  convert(scratch_.data() + row, Storage::int64, out.values.as<char>() + (done_ + row) * bytes_of(out.storage), out.storage, count, true);
}

int ChunkParser::wide_texts(const ParseTask& task, ParsedColumn& out, int row) {
  char* to = out.values.as<char>() + (done_ + row) * task.width;
  for (; row < rows_; ++row, to += task.width) {
    auto value = field(row).text();
    bool quoted = false;
    if (cutter_.quotes()) {
      auto const quoting = unquote(value, unquoted_, value);
      if (quoting == Quoting::malformed) return fail(row, task, "a quote inside a field that quotes do not enclose"), -1;
      quoted = quoting == Quoting::quoted;
    }
    if (!quoted && settings_.missing.contains(value)) value = {};
    if (task.cut_off) value = value.substr(0, static_cast<std::size_t>(task.width));
    if (value.size() > static_cast<std::size_t>(task.width)) return fail(row, task, "the text has changed while it was read"), -1;
    std::memcpy(to, value.data(), value.size());
    std::memset(to + value.size(), 0, static_cast<std::size_t>(task.width) - value.size());
  }
  return row;
}

/// The column goes on as `kind` from the block's row `row` on. Rows before it are converted where that gives what parsing them as the
/// new kind would give; else the chunk's values are of no use and only the kind is kept.
void ChunkParser::widen(ParsedColumn& out, Kind kind, int row) {
  auto const was = out.facts.kind;
  auto const rows = done_ + row;
  auto const storage = kind == Kind::logical ? Storage::int8 : kind == Kind::decimal ? (settings_.single ? Storage::float32 : Storage::float64)
                       : kind == Kind::date ? Storage::int32 : kind == Kind::time ? Storage::int64 : Storage::int8;
  out.facts.kind = kind;
  if (kind == Kind::text && (was != Kind::none || out.facts.maybe_text)) {
    out.usable = false;
    return;
  }
  Buffer values;
  values.make_room(static_cast<std::size_t>(chunk_rows_ * bytes_of(storage)));
  if (was == Kind::none) {
    std::vector<std::int64_t> const none(static_cast<std::size_t>(std::max<std::int64_t>(rows, 1)), kind == Kind::text || kind == Kind::logical ? -1 : missing_integer);
    convert(none.data(), Storage::int64, values.as<void>(), storage, rows, kind == Kind::text || kind == Kind::logical);
    if (kind == Kind::text) out.words = std::make_unique<Dictionary>();
  } else if (was == Kind::date) {
    auto const* days = out.values.as<std::int32_t>();
    auto* micros = values.as<std::int64_t>();
    for (std::int64_t i = 0; i < rows; ++i) micros[i] = days[i] == INT32_MIN ? INT64_MIN : days[i] * microseconds_a_day;
    days_to_micros(out.facts);
  } else {
    convert(out.values.as<void>(), out.storage, values.as<void>(), storage, rows, false);  // integers as decimals
  }
  out.values.swap(values);
  out.storage = storage;
}

}  // namespace rxhpc::impl
