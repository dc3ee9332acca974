#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <bit>

#include "codec_chunk.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

constexpr std::uint32_t adler_base = 65521;
constexpr std::int64_t low_period = 65536;  // numbers so far apart have the same two low bytes

std::uint32_t adler_of(std::span<const unsigned char> bytes) {
  std::uint64_t a = 1, b = 0;
  for (auto byte : bytes) {
    a += byte;
    b += a;
    if (b > (1ull << 62)) b %= adler_base;
  }
  return static_cast<std::uint32_t>((b % adler_base) << 16 | a % adler_base);
}

// The same byte `bytes` times: a = 1 + n v, b = n + v n (n + 1) / 2.
std::uint32_t adler_of_run(unsigned char value, std::uint64_t bytes) {
  std::uint64_t const a = 1 + bytes * value, b = bytes + value * (bytes * (bytes + 1) / 2);
  return static_cast<std::uint32_t>((b % adler_base) << 16 | a % adler_base);
}

// The Adler-32 of two pieces one after the other: a = a1 + a2 - 1, b = b1 + b2 + n2 (a1 - 1).
std::uint32_t adler_joined(std::uint32_t one, std::uint32_t two, std::size_t bytes_of_two) {
  std::uint64_t const a1 = one & 0xffff, b1 = one >> 16, a2 = two & 0xffff, b2 = two >> 16;
  std::uint64_t const a = (a1 + a2 + adler_base - 1) % adler_base;
  std::uint64_t const b = (b1 + b2 + (bytes_of_two % adler_base) * (a1 + adler_base - 1)) % adler_base;
  return static_cast<std::uint32_t>(b << 16 | a);
}

}  // namespace

RowNumberEncoder::Piece RowNumberEncoder::piece_of(std::span<const unsigned char> plain, std::uint32_t adler) {
  Piece piece;
  piece.plain = plain.size();
  piece.adler = adler;
  piece.deflated.resize(plain.size() / 4 + 4096);  // all pieces of some length shrink to a few hundredths
  level_buffer_.resize(ISAL_DEF_LVL1_DEFAULT);
  isal_zstream s;
  isal_deflate_init(&s);
  s.level = 1;
  s.level_buf = level_buffer_.data();
  s.level_buf_size = static_cast<std::uint32_t>(level_buffer_.size());
  s.gzip_flag = IGZIP_DEFLATE;
  s.end_of_stream = 0;
  s.flush = FULL_FLUSH;
  s.next_in = const_cast<unsigned char*>(plain.data());
  s.avail_in = static_cast<std::uint32_t>(plain.size());
  s.next_out = piece.deflated.data();
  s.avail_out = static_cast<std::uint32_t>(piece.deflated.size());
  if (isal_deflate(&s) != COMP_OK || s.avail_in != 0 || s.avail_out == 0) throw Error(ErrorKind::other, "internal: deflate did not finish");
  piece.deflated.resize(s.total_out);
  return piece;
}

/// The two low bytes of each number: all of the lowest, then all of the other.
RowNumberEncoder::Piece RowNumberEncoder::low_bytes(std::int64_t first) {
  Buffer low(static_cast<std::size_t>(2 * count_));
  for (std::int64_t i = 0; i < count_; ++i) {
    low[static_cast<std::size_t>(i)] = static_cast<unsigned char>(first + i);
    low[static_cast<std::size_t>(count_ + i)] = static_cast<unsigned char>((first + i) >> 8);
  }
  return piece_of(low, adler_of(low));
}

RowNumberEncoder::RowNumberEncoder(std::int64_t count) : count_(count), runs_(256 * (longest_run + 1)) {}

const RowNumberEncoder::Piece& RowNumberEncoder::run_of(unsigned char value, int exponent) {
  auto& piece = runs_[static_cast<std::size_t>(value) * (longest_run + 1) + static_cast<std::size_t>(exponent)];
  std::size_t const bytes = std::size_t{1} << exponent;
  if (piece.plain == 0) piece = piece_of(Buffer(bytes, value), adler_of_run(value, bytes));
  return piece;
}

void RowNumberEncoder::encode(std::int64_t first, Buffer& out) {
  out = {0x78, 0x01};  // zlib header: deflate, 32 KiB window, fastest
  std::uint32_t adler = 1;
  auto const add = [&](const Piece& piece) {
    out.insert(out.end(), piece.deflated.begin(), piece.deflated.end());
    adler = adler_joined(adler, piece.adler, piece.plain);
  };
  if (low_.plain == 0 || (first - low_first_) % low_period != 0) {
    low_ = low_bytes(first);
    low_first_ = first;
  }
  add(low_);
  for (int byte = 2; byte < 8; ++byte)
    for (std::int64_t row = first, last = first + count_, end; row < last; row = end) {
      std::int64_t const period = std::int64_t{1} << (8 * byte);
      end = row + std::min(last - row, period - row % period);
      for (auto left = static_cast<std::uint64_t>(end - row); left > 0;) {
        int const exponent = std::min(longest_run, static_cast<int>(std::bit_width(left)) - 1);
        add(run_of(static_cast<unsigned char>(row >> (8 * byte)), exponent));
        left -= std::uint64_t{1} << exponent;
      }
    }
  // An empty final block with fixed codes, then the checksum.
  for (unsigned char byte : {0x03, 0x00}) out.push_back(byte);
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<unsigned char>(adler >> shift));
}

}  // namespace rxhpc::impl
