// Some tiles of each chunk: which rows they have, whether these are kept, and that columns of any storage and stride come through.
#include "sampled_source.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <numeric>
#include <string>

#include "memory_source.hpp"

namespace rxhpc {
namespace {

constexpr std::int64_t tile = 8;
constexpr int every = 4;

/// The table below, its columns as every second value of wider ones, with a count of its reads.
class Strided final : public ChunkSource {
 public:
  explicit Strided(std::vector<std::int64_t> chunks) : grid_(std::move(chunks)), doubles_(2 * static_cast<std::size_t>(grid_.total())), codes_(doubles_.size()), texts_(8 * doubles_.size()) {
    for (std::size_t i = 0; i < doubles_.size(); ++i) {
      doubles_[i] = static_cast<double>(i);
      codes_[i] = static_cast<std::int16_t>(i);
      std::memcpy(texts_.data() + 8 * i, std::to_string(i).c_str(), std::to_string(i).size() + 1);
    }
    schema_.variables.resize(3);
    schema_[0].storage = Storage::float64;
    schema_[1].storage = Storage::int16;
    schema_[2].storage = Storage::text;
    schema_[2].text_width = 8;
  }
  const Schema& schema() const override { return schema_; }
  const Grid& grid() const override { return grid_; }
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override {
    ++reads;
    const void* const data[] = {doubles_.data(), codes_.data(), texts_.data()};
    out.rows = grid_.rows(chunk) - (chunk == 1 ? 3 : 0);  // as a selection does
    out.columns.clear();
    for (int c : columns) out.columns.push_back(column_of(schema_[static_cast<std::size_t>(c)], data[c], 2).from(grid_.first(chunk)));
  }
  mutable std::atomic<int> reads = 0;

 private:
  Grid grid_;
  Schema schema_;
  std::vector<double> doubles_;
  std::vector<std::int16_t> codes_;
  std::vector<char> texts_;
};

/// Rows of the chunk that every fourth tile of 8 has.
std::vector<std::int64_t> sampled_rows(std::int64_t rows) {
  std::vector<std::int64_t> all;
  for (std::int64_t row = 0; row < rows; ++row)
    if (row / tile % every == 0) all.push_back(row);
  return all;
}

void expect_sample(const Strided& base, const impl::SampledSource& sample) {
  std::vector<int> const columns{2, 0, 1};
  Chunk chunk;
  for (std::int64_t k = 0; k < base.grid().chunks(); ++k) {
    sample.read(k, columns, chunk);
    auto const rows = sampled_rows(base.grid().rows(k) - (k == 1 ? 3 : 0));
    ASSERT_EQ(chunk.rows, static_cast<std::int64_t>(rows.size())) << k;
    EXPECT_EQ(chunk.index, k);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      auto const at = 2 * (base.grid().first(k) + rows[i]);
      auto const row = static_cast<std::int64_t>(i);
      EXPECT_EQ(chunk.columns[1].value(row), static_cast<double>(at));
      EXPECT_EQ(chunk.columns[2].integer(row), at);
      EXPECT_EQ(std::string(static_cast<const char*>(chunk.columns[0].data) + row * chunk.columns[0].stride), std::to_string(at));
    }
  }
}

TEST(SampledSource, HasEveryFourthTile) {
  Strided const base({100, 70, 32, 33, 1, 8});
  std::vector<int> const columns{2, 0, 1};
  impl::SampledSource const sample(base, columns, tile, every, 1 << 20);
  EXPECT_EQ(sample.grid().chunks(), base.grid().chunks());
  for (std::int64_t k = 0; k < base.grid().chunks(); ++k) EXPECT_EQ(sample.grid().rows(k), static_cast<std::int64_t>(sampled_rows(base.grid().rows(k)).size())) << k;
  expect_sample(base, sample);
}

TEST(SampledSource, ReadsOnceWhatHasRoom) {
  std::vector<std::int64_t> const chunks{64, 64, 64};  // 16 rows of 18 bytes each
  std::vector<int> const columns{2, 0, 1};
  for (auto const& [memory, reads] : {std::pair{std::int64_t{1} << 20, 3}, {std::int64_t{600}, 2 + 3}, {std::int64_t{0}, 9}}) {
    Strided const base(chunks);
    impl::SampledSource const sample(base, columns, tile, every, memory);
    for (int pass = 0; pass < 3; ++pass) expect_sample(base, sample);
    EXPECT_EQ(base.reads, reads) << memory;
  }
}

}  // namespace
}  // namespace rxhpc
