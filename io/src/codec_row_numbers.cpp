#include <isa-l/igzip_lib.h>

#include <numeric>

#include "codec_chunk.hpp"
#include "codec_shuffle.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

constexpr std::size_t run_bytes = 65536;
constexpr std::uint32_t adler_base = 65521;

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
  piece.deflated.resize(plain.size() / 4 + 4096);  // both kinds of piece shrink to a few hundredths
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

RowNumberEncoder::RowNumberEncoder(std::int64_t count)
    : count_(count), periodic_(count > 0 && count % static_cast<std::int64_t>(run_bytes) == 0), runs_(256) {
  if (!periodic_) return;
  Buffer low(static_cast<std::size_t>(2 * count));
  for (std::int64_t i = 0; i < count; ++i) {
    low[i] = static_cast<unsigned char>(i);
    low[count + i] = static_cast<unsigned char>(i >> 8);
  }
  low_ = piece_of(low, adler_of(low));
}

const RowNumberEncoder::Piece& RowNumberEncoder::run_of(unsigned char value) {
  auto& piece = runs_[value];
  if (piece.plain == 0) piece = piece_of(Buffer(run_bytes, value), adler_of_run(value, run_bytes));
  return piece;
}

void RowNumberEncoder::encode(std::int64_t first, Buffer& out) {
  if (!periodic_ || first % static_cast<std::int64_t>(run_bytes) != 0) {
    std::vector<std::int64_t> rows(static_cast<std::size_t>(count_));
    std::iota(rows.begin(), rows.end(), first);
    encoder_.encode(Codec::portable, {reinterpret_cast<const unsigned char*>(rows.data()), rows.size() * 8}, 8, out);
    return;
  }
  out = {0x78, 0x01};  // zlib header: deflate, 32 KiB window, fastest
  std::uint32_t adler = 1;
  auto const add = [&](const Piece& piece) {
    out.insert(out.end(), piece.deflated.begin(), piece.deflated.end());
    adler = adler_joined(adler, piece.adler, piece.plain);
  };
  add(low_);
  for (int byte = 2; byte < 8; ++byte)
    for (std::int64_t row = 0; row < count_; row += static_cast<std::int64_t>(run_bytes))
      add(run_of(static_cast<unsigned char>((first + row) >> (8 * byte))));
  // An empty final block with fixed codes, then the checksum.
  for (unsigned char byte : {0x03, 0x00}) out.push_back(byte);
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<unsigned char>(adler >> shift));
}

}  // namespace rxhpc::impl
