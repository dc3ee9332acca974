// Places of the cells that occur, by a hash of their keys: open addressing, looked up a tile at a time.
#pragma once
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "rxhpc/contingency.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {

__extension__ using Wide = unsigned __int128;

inline std::uint64_t hash_of(std::uint64_t key) {  // the finalizer of MurmurHash3
  key ^= key >> 33;
  key *= 0xFF51AFD7ED558CCDULL;
  key ^= key >> 33;
  key *= 0xC4CEB9FE1A85EC53ULL;
  return key ^ (key >> 33);
}
inline std::uint64_t hash_of(Wide key) { return hash_of(static_cast<std::uint64_t>(key) ^ hash_of(static_cast<std::uint64_t>(key >> 64))); }

template <class Key>
class PlaceTable {
 public:
  PlaceTable() { clear(); }
  void clear() {
    buckets_.assign(1024, {});
    keys_.assign(1, Key(0));  // place 0 is no cell
  }
  std::size_t places() const { return keys_.size(); }
  Key key(std::uint32_t place) const { return keys_[place]; }

  /// Places of the keys of a tile, made where they are new; rows with out != 0 get place 0.
  void find(const Key* key, const std::uint32_t* out, int rows, std::uint32_t* place) {
    while (2 * (keys_.size() + static_cast<std::size_t>(rows)) > buckets_.size()) grow();
    if (buckets_.size() * sizeof(Bucket) > near_bytes)
      for (int i = 0; i < rows; ++i) __builtin_prefetch(&buckets_[hash_of(key[i]) & (buckets_.size() - 1)]);
    for (int i = 0; i < rows; ++i) place[i] = out[i] ? 0 : find_one(key[i]);
  }

 private:
  struct Bucket {
    Key key = 0;
    std::uint32_t place = 0;  // 0: free
  };
  static constexpr std::size_t near_bytes = std::size_t(1) << 19;
  static constexpr std::size_t most_places = std::size_t(1) << 31;

  std::uint32_t find_one(Key key) {
    for (std::size_t at = hash_of(key);; ++at) {
      auto& b = buckets_[at & (buckets_.size() - 1)];
      if (b.place == 0) {
        if (keys_.size() >= most_places) throw DataError("more than 2147483647 cells occur");
        b = {key, static_cast<std::uint32_t>(keys_.size())};
        keys_.push_back(key);
        return b.place;
      }
      if (b.key == key) return b.place;
    }
  }
  void grow() {
    std::vector<Bucket> old(2 * buckets_.size());
    old.swap(buckets_);
    for (auto const& b : old) {
      if (b.place == 0) continue;
      std::size_t at = hash_of(b.key);
      while (buckets_[at & (buckets_.size() - 1)].place != 0) ++at;
      buckets_[at & (buckets_.size() - 1)] = b;
    }
  }

  std::vector<Bucket> buckets_;
  std::vector<Key> keys_;
};

/// Keys of 64 bits where they are enough.
class CellPlaces {
 public:
  explicit CellPlaces(bool wide) : wide_(wide) {}
  bool wide() const { return wide_; }
  void clear() { wide_ ? wide_table_.clear() : narrow_table_.clear(); }
  std::size_t places() const { return wide_ ? wide_table_.places() : narrow_table_.places(); }
  PlaceTable<Wide>& wide_table() { return wide_table_; }
  PlaceTable<std::uint64_t>& narrow_table() { return narrow_table_; }
  CellKey key(std::uint32_t place) const {
    if (!wide_) return {narrow_table_.key(place), 0};
    auto const k = wide_table_.key(place);
    return {static_cast<std::uint64_t>(k), static_cast<std::uint64_t>(k >> 64)};
  }
  std::uint32_t place_of(CellKey k) {
    std::uint32_t const out = 0;
    std::uint32_t place = 0;
    if (wide_) {
      Wide const key = static_cast<Wide>(k.high) << 64 | k.low;
      wide_table_.find(&key, &out, 1, &place);
    } else {
      narrow_table_.find(&k.low, &out, 1, &place);
    }
    return place;
  }

 private:
  bool wide_;
  PlaceTable<Wide> wide_table_;
  PlaceTable<std::uint64_t> narrow_table_;
};

}  // namespace rxhpc::impl
