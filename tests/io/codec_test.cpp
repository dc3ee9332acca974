#include <gtest/gtest.h>
#include <libdeflate.h>

#include <cstring>
#include <numeric>
#include <random>

#include "../../io/src/codec_chunk.hpp"
#include "../../io/src/codec_shuffle.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

Buffer some_bytes(std::size_t count, unsigned seed, unsigned distinct) {
  std::mt19937 random(seed);
  Buffer bytes(count);
  for (auto& b : bytes) b = static_cast<unsigned char>(random() % distinct);
  return bytes;
}

TEST(Shuffle, PutsByteBOfEveryValueTogether) {
  for (std::size_t width : {2u, 3u, 4u, 8u, 24u})
    for (std::size_t count : {0u, 1u, 15u, 16u, 17u, 1000u}) {
      auto const values = some_bytes(count * width, 1, 256);
      Buffer planes(values.size()), back(values.size());
      shuffle(values.data(), planes.data(), count, width);
      for (std::size_t b = 0; b < width; ++b)
        for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(planes[b * count + i], values[i * width + b]) << width << " " << i;
      unshuffle(planes.data(), back.data(), count, width);
      EXPECT_EQ(back, values) << width;
    }
}

TEST(Codec, GivesBackWhatItStored) {
  for (auto codec : {Codec::none, Codec::fast, Codec::portable, Codec::small})
    for (std::size_t width : {1u, 2u, 4u, 8u, 16u})
      for (unsigned distinct : {1u, 5u, 256u}) {
        auto const values = some_bytes(width * 5000, distinct, distinct);
        ChunkEncoder encoder;
        ChunkDecoder decoder;
        Buffer stored, back(values.size());
        encoder.encode(codec, values, width, stored);
        ASSERT_TRUE(decoder.decode(codec, stored, width, back));
        EXPECT_EQ(back, values) << to_string(codec) << " " << width << " " << distinct;
        if (codec != Codec::none && distinct == 5) { EXPECT_LT(stored.size(), values.size()); }
      }
}

TEST(Codec, RefusesDamagedBytesWithoutCrashing) {
  std::mt19937 random(7);
  auto const values = some_bytes(8 * 3000, 3, 4);
  for (auto codec : {Codec::fast, Codec::portable, Codec::small}) {
    ChunkEncoder encoder;
    ChunkDecoder decoder;
    Buffer stored, back(values.size());
    encoder.encode(codec, values, 8, stored);
    for (int trial = 0; trial < 300; ++trial) {
      auto damaged = stored;
      if (trial % 3 == 0) damaged.resize(random() % stored.size());
      for (int flips = 1 + trial % 4; flips > 0 && !damaged.empty(); --flips)
        damaged[random() % damaged.size()] ^= static_cast<unsigned char>(1u << random() % 8);
      decoder.decode(codec, damaged, 8, back);  // any answer will do: the hash is what decides
    }
    EXPECT_TRUE(decoder.decode(codec, stored, 8, back));
    EXPECT_FALSE(decoder.decode(codec, std::span(stored).first(stored.size() / 2), 8, back));
  }
}

TEST(Codec, DoesNotBelieveAnAbsurdLength) {
  Buffer const frame{0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1, 0, 0, 0, 1, 42};
  EXPECT_EQ(lz4_plain_bytes(frame), 0u);
}

TEST(Codec, IsToldByName) {
  for (auto codec : {Codec::none, Codec::fast, Codec::portable, Codec::small}) EXPECT_EQ(codec_of(to_string(codec)), codec);
  EXPECT_THROW(codec_of("tiny"), UsageError);
}

TEST(RowNumbers, ArePlainZlibOfTheShuffledNumbers) {
  auto* inflate = libdeflate_alloc_decompressor();
  for (std::int64_t count : {1ll, 1000ll, 65536ll, 100000ll, 131072ll}) {
    RowNumberEncoder encoder(count);
    for (std::int64_t first : {0ll, 131072ll * 3, 131072ll * 513, 131072ll * 40000, 77ll, (1ll << 40) - 500, (1ll << 56) - 70000}) {
      Buffer stored, planes(static_cast<std::size_t>(count) * 8);
      encoder.encode(first, stored);
      ASSERT_EQ(libdeflate_zlib_decompress(inflate, stored.data(), stored.size(), planes.data(), planes.size(), nullptr), LIBDEFLATE_SUCCESS)
          << count << " " << first;
      std::vector<std::int64_t> rows(static_cast<std::size_t>(count)), expected(rows.size());
      unshuffle(planes.data(), reinterpret_cast<unsigned char*>(rows.data()), rows.size(), 8);
      std::iota(expected.begin(), expected.end(), first);
      EXPECT_EQ(rows, expected) << first;
      EXPECT_LT(stored.size(), planes.size() / 100 + 1500);
    }
  }
  libdeflate_free_decompressor(inflate);
}

}  // namespace
}  // namespace rxhpc::impl
