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

/// Text to code, from 0 in order of first appearance; owns the bytes of the texts. A hash table with open addressing whose slots hold the
/// hash, so that a comparison of bytes is nearly always the last one.
class Dictionary {
 public:
  Dictionary() { clear(); }
  std::int32_t size() const { return static_cast<std::int32_t>(texts_.size()); }
  std::string_view operator[](std::int32_t code) const { return texts_[static_cast<std::size_t>(code)]; }
  const std::vector<std::string_view>& texts() const { return texts_; }
  std::size_t bytes() const { return arena_bytes_ + texts_.size() * sizeof(std::string_view) + slots_.size() * sizeof(Slot); }

  /// The code of the text, -1 where it is not there.
  std::int32_t find(std::string_view s) const {
    auto const hash = hash_of(s);
    for (std::size_t i = hash & mask_;; i = (i + 1) & mask_) {
      auto const& slot = slots_[i];
      if (slot.code < 0) return -1;
      if (slot.hash == static_cast<std::uint32_t>(hash >> 32) && same_text(texts_[slot.code], s)) return slot.code;
    }
  }
  /// The code of the text, which is added where it is not there.
  std::int32_t add(std::string_view s) {
    auto const hash = hash_of(s);
    auto const tag = static_cast<std::uint32_t>(hash >> 32);
    for (std::size_t i = hash & mask_;; i = (i + 1) & mask_) {
      auto& slot = slots_[i];
      if (slot.code < 0) {
        auto const code = size();
        slot = {tag, code};
        texts_.push_back(keep(s));
        if (texts_.size() * 2 > slots_.size()) grow();
        return code;
      }
      if (slot.hash == tag && same_text(texts_[slot.code], s)) return slot.code;
    }
  }
  void clear() {
    texts_.clear();
    arena_.clear();
    arena_left_ = arena_bytes_ = 0;
    slots_.assign(64, Slot{});
    mask_ = 63;
  }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::int32_t code = -1;
  };
  static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    auto const product = static_cast<unsigned __int128>(a ^ 0x9E3779B97F4A7C15ULL) * (b ^ 0xD6E8FEB86659FD93ULL);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  static std::uint64_t word(const char* p, std::size_t bytes) {
    std::uint64_t w = 0;
    std::memcpy(&w, p, bytes);
    return w;
  }
  static std::uint64_t hash_of(std::string_view s) {
    auto const* p = s.data();
    std::size_t n = s.size();
    std::uint64_t h = n;
    if (n <= 16) {
      // First and last eight bytes overlap where there are fewer than sixteen; under eight: two overlapping halves, or three bytes.
      if (n >= 8) return mix(mix(h, word(p, 8)), word(p + n - 8, 8));
      if (n >= 4) return mix(h, word(p, 4) << 32 | word(p + n - 4, 4));
      if (n == 0) return mix(h, 0);
      return mix(h, static_cast<std::uint64_t>(static_cast<unsigned char>(p[0])) << 16 |
                        static_cast<std::uint64_t>(static_cast<unsigned char>(p[n / 2])) << 8 | static_cast<unsigned char>(p[n - 1]));
    }
    for (; n > 16; n -= 16, p += 16) h = mix(mix(h, word(p, 8)), word(p + 8, 8));
    return mix(mix(h, word(p + n - 16, 8)), word(p + n - 8, 8));
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
    slots_.assign(slots_.size() * 4, Slot{});
    mask_ = slots_.size() - 1;
    for (std::int32_t code = 0; code < size(); ++code) {
      auto const hash = hash_of(texts_[static_cast<std::size_t>(code)]);
      std::size_t i = hash & mask_;
      while (slots_[i].code >= 0) i = (i + 1) & mask_;
      slots_[i] = {static_cast<std::uint32_t>(hash >> 32), code};
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
