// Small tables held in memory, and chunks of them.
#pragma once
#include <cstdint>
#include <deque>
#include <limits>
#include <random>
#include <vector>

#include "rxhpc/chunk.hpp"

namespace rxhpc::test {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

class MemoryTable {
 public:
  int numeric(std::vector<double> x) {
    doubles_.push_back(std::move(x));
    rows_ = static_cast<std::int64_t>(doubles_.back().size());
    return add(doubles_.back().data(), Storage::float64, 0);
  }
  int factor(std::vector<std::int32_t> codes) {
    codes_.push_back(std::move(codes));
    rows_ = static_cast<std::int64_t>(codes_.back().size());
    return add(codes_.back().data(), Storage::int32, -1);
  }
  std::int64_t rows() const { return rows_; }
  double& at(int column, std::int64_t row) { return const_cast<double*>(static_cast<const double*>(columns_[column].data))[row]; }

  /// Rows [first, first + count) as one chunk.
  Chunk chunk(std::int64_t first, std::int64_t count) const {
    Chunk c;
    c.first_row = first;
    c.rows = count;
    for (auto const& column : columns_) c.columns.push_back(column.from(first));
    return c;
  }
  Chunk all() const { return chunk(0, rows_); }

 private:
  int add(const void* data, Storage storage, std::int64_t missing) {
    Column c;
    c.data = data;
    c.storage = storage;
    c.missing = missing;
    columns_.push_back(c);
    return static_cast<int>(columns_.size()) - 1;
  }
  std::deque<std::vector<double>> doubles_;
  std::deque<std::vector<std::int32_t>> codes_;
  std::vector<Column> columns_;
  std::int64_t rows_ = 0;
};

inline std::vector<double> normals(std::int64_t n, unsigned seed, double mean = 0, double sd = 1) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> draw(mean, sd);
  std::vector<double> x(static_cast<std::size_t>(n));
  for (auto& v : x) v = draw(engine);
  return x;
}

inline std::vector<std::int32_t> codes(std::int64_t n, int levels, unsigned seed) {
  std::mt19937_64 engine(seed);
  std::vector<std::int32_t> x(static_cast<std::size_t>(n));
  for (auto& v : x) v = static_cast<std::int32_t>(engine() % static_cast<unsigned>(levels));
  return x;
}

}  // namespace rxhpc::test
