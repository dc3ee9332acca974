#include "codec_chunk.hpp"

#include <libdeflate.h>
#include <lz4.h>
#include <zstd.h>

#include <cstring>

#include "codec_shuffle.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {

struct ChunkEncoder::State {
  Buffer planes;
  libdeflate_compressor* deflate = nullptr;
  ZSTD_CCtx* zstd = nullptr;
  ~State() {
    if (deflate) libdeflate_free_compressor(deflate);
    ZSTD_freeCCtx(zstd);
  }
};

ChunkEncoder::ChunkEncoder() : state_(std::make_unique<State>()) {}
ChunkEncoder::~ChunkEncoder() = default;

// libdeflate, not the four times faster ISA-L: the bytes of that one varied from run to run for the same input [seen on int8 columns].
void ChunkEncoder::deflate(std::span<const unsigned char> plain, Buffer& out) {
  if (!state_->deflate) state_->deflate = libdeflate_alloc_compressor(1);
  if (!state_->deflate) throw std::bad_alloc();
  out.resize(libdeflate_zlib_compress_bound(state_->deflate, plain.size()));
  auto const bytes = libdeflate_zlib_compress(state_->deflate, plain.data(), plain.size(), out.data(), out.size());
  if (bytes == 0) throw Error(ErrorKind::other, "internal: deflate did not finish");
  out.resize(bytes);
}

void ChunkEncoder::encode(Codec codec, std::span<const unsigned char> values, std::size_t value_bytes, Buffer& out) {
  if (codec == Codec::none) {
    out.assign(values.begin(), values.end());
    return;
  }
  std::span<const unsigned char> planes = values;
  if (value_bytes > 1) {
    state_->planes.resize(values.size());
    shuffle(values.data(), state_->planes.data(), values.size() / value_bytes, value_bytes);
    planes = state_->planes;
  }
  if (codec == Codec::portable) return deflate(planes, out);
  if (codec == Codec::fast) return lz4_frame(planes, out);
  if (!state_->zstd) state_->zstd = ZSTD_createCCtx();
  out.resize(ZSTD_compressBound(planes.size()));
  auto const bytes = ZSTD_compressCCtx(state_->zstd, out.data(), out.size(), planes.data(), planes.size(), 1);
  if (ZSTD_isError(bytes)) throw Error(ErrorKind::other, "internal: zstd did not finish");
  out.resize(bytes);
}

struct ChunkDecoder::State {
  libdeflate_decompressor* deflate = nullptr;
  ZSTD_DCtx* zstd = nullptr;
  Buffer planes;
  ~State() {
    if (deflate) libdeflate_free_decompressor(deflate);
    ZSTD_freeDCtx(zstd);
  }
  bool inflate(Codec codec, std::span<const unsigned char> stored, std::span<unsigned char> plain) {
    if (codec == Codec::fast) return unlz4_frame(stored, plain);
    if (codec == Codec::portable) {
      if (!deflate) deflate = libdeflate_alloc_decompressor();
      return deflate && libdeflate_zlib_decompress(deflate, stored.data(), stored.size(), plain.data(), plain.size(), nullptr) ==
                            LIBDEFLATE_SUCCESS;
    }
    if (!zstd) zstd = ZSTD_createDCtx();
    return zstd && ZSTD_decompressDCtx(zstd, plain.data(), plain.size(), stored.data(), stored.size()) == plain.size();
  }
};

ChunkDecoder::ChunkDecoder() : state_(std::make_unique<State>()) {}
ChunkDecoder::~ChunkDecoder() = default;

bool ChunkDecoder::decode(Codec codec, std::span<const unsigned char> stored, std::size_t value_bytes,
                          std::span<unsigned char> values) {
  if (codec == Codec::none) {
    if (stored.size() < values.size()) return false;
    if (!values.empty()) std::memcpy(values.data(), stored.data(), values.size());
    return true;
  }
  if (value_bytes <= 1) return state_->inflate(codec, stored, values);
  state_->planes.resize(values.size());
  if (!state_->inflate(codec, stored, state_->planes)) return false;
  unshuffle(state_->planes.data(), values.data(), values.size() / value_bytes, value_bytes);
  return true;
}

}  // namespace rxhpc::impl

namespace rxhpc {

Codec codec_of(std::string_view spelling) {
  for (auto codec : {Codec::none, Codec::fast, Codec::portable, Codec::small})
    if (spelling == to_string(codec)) return codec;
  throw UsageError("unknown codec '" + std::string(spelling) + "'; codecs are none, fast, portable, small");
}

const char* to_string(Codec codec) {
  switch (codec) {
    case Codec::none: return "none";
    case Codec::fast: return "fast";
    case Codec::portable: return "portable";
    case Codec::small: return "small";
  }
  return "none";
}

}  // namespace rxhpc
