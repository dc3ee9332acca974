#include "sort_keys.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace rxhpc::impl {
namespace {

TEST(SortKeys, AsTheLibrarySorts) {
  std::mt19937_64 random(7);
  std::vector<std::uint64_t> buffer(5, 1);
  for (std::size_t n : {0, 1, 2, 511, 512, 513, 40000})
    for (std::uint64_t mask : {~std::uint64_t{0}, std::uint64_t{0xff00}, std::uint64_t{0x8000000000000001}, std::uint64_t{0}, std::uint64_t{0xffffffff000000}}) {
      std::vector<std::uint64_t> keys(n);
      for (auto& k : keys) k = (random() & mask) | 0x10;
      auto wanted = keys;
      std::sort(wanted.begin(), wanted.end());
      sort_keys(keys, buffer);
      EXPECT_EQ(keys, wanted) << n << " keys of " << mask;
    }
}

}  // namespace
}  // namespace rxhpc::impl
