#include "raw_columns.hpp"

#include <algorithm>
#include <bit>

#include "posix_file.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

/// Bytes beyond the last boundary before `end`; 0 where they are too many to be worth it.
std::uint64_t beyond_boundary(std::uint64_t end, std::uint64_t length) {
  auto const step = std::min(std::bit_floor(length), RawColumns::block);
  auto const beyond = step > 0 ? end % step : 0;
  return beyond <= std::min(RawColumns::most_filled, step / 8) ? beyond : 0;
}

}  // namespace

RawColumns::RawColumns(int fd, std::string name, std::vector<Place> columns)
    : fd_(fd), name_(std::move(name)), columns_(std::move(columns)),
      chunks_(columns_.empty() ? 0 : static_cast<std::int64_t>((columns_[0].bytes - 1) / columns_[0].length + 1)),
      written_(columns_.size() * static_cast<std::size_t>(chunks_)) {}

/// The end of a chunk that waits, or nothing. Under the lock.
Buffer RawColumns::take(Key key) {
  auto const found = waiting_.find(key);
  if (found == waiting_.end()) return {};
  Buffer end = std::move(found->second);
  waiting_.erase(found);
  return end;
}

void RawColumns::write(std::size_t column, std::int64_t chunk, std::span<const unsigned char> bytes) {
  auto const& place = columns_[column];
  auto const first = static_cast<std::uint64_t>(chunk) * place.length, begin = place.begin + first;
  if (bytes.size() != std::min(place.length, place.bytes - first)) throw Error(ErrorKind::other, "internal: chunk of a wrong length");
  auto const before = chunk > 0 && !shared_ ? beyond_boundary(begin, place.length) : 0;
  auto const behind = chunk + 1 < chunks_ && !shared_ ? beyond_boundary(begin + place.length, place.length) : 0;
  auto const body = bytes.first(bytes.size() - behind), end = bytes.last(behind);
  auto const at = column * static_cast<std::size_t>(chunks_) + static_cast<std::size_t>(chunk);
  auto const key = [&](std::int64_t k) { return Key{column, k}; };
  auto const locked = [&](auto&& look) {
    std::lock_guard const lock(mutex_);
    return look();
  };

  // What waits already need not be written twice.
  Buffer filled = before > 0 ? locked([&] { return take(key(chunk - 1)); }) : Buffer();
  filled.resize(before);
  write_at(fd_, filled, body, begin - before, name_);
  // The chunk before may have left its end meanwhile: the zeros make way for it.
  auto const late = locked([&] {
    written_[at] = 1;
    return before > 0 ? take(key(chunk - 1)) : Buffer();
  });
  write_at(fd_, late.data(), late.size(), begin - before, name_);
  begin_writeback(fd_, before + body.size(), begin - before);
  bool const next_is_written = locked([&] {
    bool const there = behind == 0 || written_[at + 1];
    if (!there) waiting_.emplace(key(chunk), Buffer(end.begin(), end.end()));
    return there;
  });
  if (next_is_written) write_at(fd_, end.data(), end.size(), begin + body.size(), name_);
}

}  // namespace rxhpc::impl
