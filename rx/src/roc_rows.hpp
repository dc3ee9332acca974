// Rows as a ROC sees them: what really was, and what was predicted.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "roc_counts.hpp"
#include "rxhpc/chunk.hpp"

namespace rxhpc::impl {

/// Tiles of one thread. Column 0 of a chunk is the actual value (codes 0 and 1 where `coded`), the others are predictions.
class RocRows {
 public:
  static constexpr int tile_rows = 1024;
  RocRows(int predictions, bool coded) : coded_(coded), values_(predictions + 1, std::vector<double>(tile_rows)), codes_(tile_rows) {}

  /// Reads each column once: 8 bytes a value.
  void load(const Chunk& chunk, std::int64_t first, int rows) {
    for (std::size_t k = 0; k < values_.size(); ++k) {
      if (k > 0 || !coded_) {
        load_values(chunk.columns[k], first, rows, values_[k].data());
        continue;
      }
      load_codes(chunk.columns[k], first, rows, codes_.data());
      for (int i = 0; i < rows; ++i) values_[k][i] = codes_[i] < 0 ? std::numeric_limits<double>::quiet_NaN() : codes_[i];
    }
  }
  bool missing(int i) const {
    bool any = false;
    for (auto const& v : values_) any |= std::isnan(v[i]);
    return any;
  }
  double actual(int i) const { return values_[0][i]; }
  std::uint64_t key(std::size_t prediction, int i) const { return key_of(values_[prediction + 1][i]); }

 private:
  bool coded_;
  std::vector<std::vector<double>> values_;
  std::vector<std::int32_t> codes_;
};

}  // namespace rxhpc::impl
