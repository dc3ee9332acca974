#include "text_record.hpp"

#include <cstdio>
#include <cstring>

namespace rxhpc::impl {

std::int64_t split_record(const char* data, std::int64_t size, std::int64_t at, char delimiter, std::vector<std::string_view>& fields) {
  fields.clear();
  bool quoted = false;
  std::int64_t begin = at;
  auto const add = [&](std::int64_t end, bool last) {
    if (last && end > begin && data[end - 1] == '\r') --end;
    fields.emplace_back(data + begin, static_cast<std::size_t>(end - begin));
  };
  for (std::int64_t i = at; i < size; ++i) {
    char const c = data[i];
    if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && c == delimiter) {
      add(i, false);
      begin = i + 1;
    } else if (!quoted && c == '\n') {
      add(i, true);
      return i + 1;
    }
  }
  if (quoted) return -1;
  add(size, true);
  return size;
}

std::int64_t skip_blank_lines(const char* data, std::int64_t size, std::int64_t at) {
  for (;;) {
    if (at < size && data[at] == '\n') ++at;
    else if (at + 1 < size && data[at] == '\r' && data[at + 1] == '\n') at += 2;
    else return at;
  }
}

Quoting unquote(std::string_view raw, std::string& buffer, std::string_view& value) {
  value = raw;
  if (raw.find('"') == raw.npos) return Quoting::none;
  auto const inner = trimmed(raw);
  if (inner.front() != '"' || inner.size() < 2 || inner.back() != '"') return Quoting::malformed;
  value = inner.substr(1, inner.size() - 2);
  if (value.find('"') == value.npos) return Quoting::quoted;
  buffer.clear();
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '"') {
      if (i + 1 == value.size() || value[i + 1] != '"') return Quoting::malformed;
      ++i;
    }
    buffer += value[i];
  }
  value = buffer;
  return Quoting::quoted;
}

namespace {

/// Bytes of the well-formed UTF-8 sequence at i (Unicode 15, table 3-7); 0 where there is none.
std::size_t sequence_length(std::string_view s, std::size_t i) {
  auto const at = [&](std::size_t k) { return k < s.size() ? static_cast<unsigned char>(s[k]) : 0u; };
  auto const tail = [&](std::size_t k) { return (at(k) & 0xC0) == 0x80; };
  unsigned const a = at(i), b = at(i + 1);
  if (a < 0x80) return 1;
  if (a >= 0xC2 && a <= 0xDF) return tail(i + 1) ? 2 : 0;
  if (a >= 0xE0 && a <= 0xEF) {
    unsigned const low = a == 0xE0 ? 0xA0 : 0x80, high = a == 0xED ? 0x9F : 0xBF;
    return b >= low && b <= high && tail(i + 2) ? 3 : 0;
  }
  if (a >= 0xF0 && a <= 0xF4) {
    unsigned const low = a == 0xF0 ? 0x90 : 0x80, high = a == 0xF4 ? 0x8F : 0xBF;
    return b >= low && b <= high && tail(i + 2) && tail(i + 3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool valid_utf8(std::string_view text) {
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    if (word & 0x8080808080808080ULL) break;
  }
  while (i < text.size()) {
    auto const length = sequence_length(text, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

std::string shown(std::string_view text) {
  constexpr std::size_t longest = 40;
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (i >= longest) return out + "...";
    auto const length = sequence_length(text, i);
    auto const c = static_cast<unsigned char>(text[i]);
    if (length == 0 || c < 0x20 || c == 0x7F) {
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\x%02X", c);
      out += hex;
      ++i;
    } else {
      out += text.substr(i, length);
      i += length;
    }
  }
  return out;
}

}  // namespace rxhpc::impl
