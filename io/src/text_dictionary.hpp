// Distinct texts in order of first appearance.
#pragma once
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace rxhpc::impl {

/// Equality without a call for the short texts that nearly all are: first and last words, which overlap.
inline bool same_text(std::string_view a, std::string_view b) {
  auto const n = a.size();
  if (n != b.size()) return false;
  auto const same = [&]<class Word>(Word) {
    Word x, y, u, v;
    std::memcpy(&x, a.data(), sizeof x);
    std::memcpy(&y, b.data(), sizeof y);
    std::memcpy(&u, a.data() + n - sizeof u, sizeof u);
    std::memcpy(&v, b.data() + n - sizeof v, sizeof v);
    return ((x ^ y) | (u ^ v)) == 0;
  };
  if (n > 16) return std::memcmp(a.data(), b.data(), n) == 0;
  if (n >= 8) return same(std::uint64_t{});
  if (n >= 4) return same(std::uint32_t{});
  if (n >= 2) return same(std::uint16_t{});
  return n == 0 || a[0] == b[0];
}

/// Text to code, from 0 in order of first appearance; owns the bytes of the texts. A hash table with open addressing. A slot holds all of a
/// text of up to eight bytes, else its hash: looking up a short text touches one cache line, which `prefetch` can fetch beforehand.
class Dictionary {
 public:
  /// What a text is looked up by.
  struct Key {
    std::uint64_t word = 0;  ///< of up to eight bytes: they; else the hash
    std::uint64_t hash = 0;
    std::uint32_t length = 0;  ///< 9: more than eight bytes
    std::uint32_t tag() const { return (static_cast<std::uint32_t>(hash >> 32) & ~15U) | length; }
  };

  explicit Dictionary(std::size_t expected = 0) { reset(slots_for(expected)); }
  std::int32_t size() const { return static_cast<std::int32_t>(texts_.size()); }
  std::string_view operator[](std::int32_t code) const { return texts_[static_cast<std::size_t>(code)]; }
  const std::vector<std::string_view>& texts() const { return texts_; }
  std::size_t bytes() const { return arena_bytes_ + texts_.size() * sizeof(std::string_view) + slots_.size() * sizeof(Slot); }

  static Key key_of(std::string_view s) {
    auto const* p = s.data();
    auto const n = s.size();
    std::uint64_t word = 0;
    if (n > 8) {
      auto const hash = long_hash(s);
      return {hash, hash, 9};
    }
    // Two overlapping halves, or three bytes: together with the length they are the text.
    if (n >= 4) word = load(p, 4) | load(p + n - 4, 4) << 32;
    else if (n > 0) word = byte(p[0]) << 16 | byte(p[n / 2]) << 8 | byte(p[n - 1]);
    return {word, mix(n, word), static_cast<std::uint32_t>(n)};
  }
  void prefetch(const Key& key) const { __builtin_prefetch(&slots_[key.hash & mask_]); }

  /// The code of the text, -1 where it is not there.
  std::int32_t find(std::string_view s) const { return find(s, key_of(s)); }
  std::int32_t find(std::string_view s, const Key& key) const { return slots_[place_of(s, key)].code; }
  /// The code of the text, which is added where it is not there.
  std::int32_t add(std::string_view s) { return add(s, key_of(s)); }
  std::int32_t add(std::string_view s, const Key& key) {
    auto& slot = slots_[place_of(s, key)];
    if (slot.code >= 0) return slot.code;
    auto const code = size();
    slot = {key.word, key.tag(), code};
    texts_.push_back(keep(s));
    if (texts_.size() * 3 > slots_.size() * 2) grow();
    return code;
  }
  void clear() {
    texts_.clear();
    arena_.clear();
    arena_left_ = arena_bytes_ = 0;
    reset(64);
  }

 private:
  struct Slot {
    std::uint64_t word = 0;
    std::uint32_t tag = 0;
    std::int32_t code = -1;
  };
  /// The slot of the text, else the empty one where it belongs.
  std::size_t place_of(std::string_view s, const Key& key) const {
    auto const tag = key.tag();
    for (std::size_t i = key.hash & mask_;; i = (i + 1) & mask_) {
      auto const& slot = slots_[i];
      if (slot.code < 0) return i;
      if (slot.word == key.word && slot.tag == tag && (key.length <= 8 || same_text(texts_[slot.code], s))) return i;
    }
  }
  static std::size_t slots_for(std::size_t texts) {
    std::size_t slots = 64;
    while (texts * 3 > slots * 2) slots *= 2;
    return slots;
  }
  void reset(std::size_t slots) {
    slots_.assign(slots, Slot{});
    mask_ = slots - 1;
  }
  static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    auto const product = static_cast<unsigned __int128>(a ^ 0x9E3779B97F4A7C15ULL) * (b ^ 0xD6E8FEB86659FD93ULL);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  static std::uint64_t load(const char* p, std::size_t bytes) {
    std::uint64_t w = 0;
    std::memcpy(&w, p, bytes);
    return w;
  }
  static std::uint64_t byte(char c) { return static_cast<unsigned char>(c); }
  /// Of more than eight bytes; the last sixteen may overlap what is before them.
  static std::uint64_t long_hash(std::string_view s) {
    auto const* p = s.data();
    std::size_t n = s.size();
    std::uint64_t h = n;
    for (; n > 16; n -= 16, p += 16) h = mix(mix(h, load(p, 8)), load(p + 8, 8));
    if (s.size() <= 16) return mix(mix(h, load(p, 8)), load(p + n - 8, 8));
    return mix(mix(h, load(p + n - 16, 8)), load(p + n - 8, 8));
  }
  std::string_view keep(std::string_view s) {
    if (s.empty()) return {};
    if (s.size() > arena_left_) {
      std::size_t const block = s.size() > 2048 ? s.size() : arena_.empty() ? 2048 : 65536;
      arena_.push_back(std::make_unique_for_overwrite<char[]>(block));
      arena_free_ = arena_.back().get();
      arena_left_ = block;
      arena_bytes_ += block;
    }
    char* const at = arena_free_;
    std::memcpy(at, s.data(), s.size());
    arena_free_ += s.size();
    arena_left_ -= s.size();
    return {at, s.size()};
  }
  void grow() {
    std::vector<Slot> const old = std::move(slots_);
    reset(old.size() * (old.size() < 4096 ? 4 : 2));
    for (auto const& slot : old) {
      if (slot.code < 0) continue;
      auto const length = slot.tag & 15;
      std::size_t i = (length <= 8 ? mix(length, slot.word) : slot.word) & mask_;
      while (slots_[i].code >= 0) i = (i + 1) & mask_;
      slots_[i] = slot;
    }
  }
  std::vector<std::string_view> texts_;
  std::vector<Slot> slots_;
  std::size_t mask_ = 63;
  std::vector<std::unique_ptr<char[]>> arena_;
  char* arena_free_ = nullptr;
  std::size_t arena_left_ = 0, arena_bytes_ = 0;
};

}  // namespace rxhpc::impl
