// Chunks for the benchmarks: seeded, larger than the last cache where a benchmark is about memory.
#pragma once
#include <benchmark/benchmark.h>

#include <cstdint>
#include <deque>
#include <vector>

#include "rxhpc/chunk.hpp"

namespace rxhpc::bench {

/// Columns of `chunks` chunks of the default length, the k-th column of a chunk behind the others as in a file.
class Table {
 public:
  Table(int numeric, std::vector<int> levels, int chunks) {
    std::uint64_t state = 42;
    auto const draw = [&] {  // splitmix64
      std::uint64_t z = state += 0x9E3779B97F4A7C15ULL;
      z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ULL;
      z = (z ^ z >> 27) * 0x94D049BB133111EBULL;
      return z ^ z >> 31;
    };
    chunks_.resize(chunks);
    for (int c = 0; c < chunks; ++c) {
      chunks_[c].index = c;
      chunks_[c].rows = default_chunk_rows;
      for (int k = 0; k < numeric; ++k) {
        auto& x = doubles_.emplace_back(default_chunk_rows);
        for (auto& v : x) v = static_cast<double>(draw() >> 11) * 0x1p-53 + k;
        add(c, x.data(), Storage::float64);
      }
      for (int n : levels) {
        auto& x = codes_.emplace_back(default_chunk_rows);
        for (auto& v : x) v = static_cast<std::int16_t>(draw() % static_cast<unsigned>(n));
        add(c, x.data(), Storage::int16);
      }
    }
  }
  const std::vector<Chunk>& chunks() const { return chunks_; }
  double rows() const { return static_cast<double>(default_chunk_rows) * static_cast<double>(chunks_.size()); }

 private:
  void add(int chunk, const void* data, Storage storage) {
    Column c;
    c.data = data;
    c.storage = storage;
    c.missing = -1;
    chunks_[chunk].columns.push_back(c);
  }
  std::vector<Chunk> chunks_;
  std::deque<std::vector<double>> doubles_;
  std::deque<std::vector<std::int16_t>> codes_;
};

/// GB/s that one thread reads from memory, measured once a run.
double stream_bandwidth();

/// rows/s, GB/s, and how near the pass came to the measured bandwidth.
inline void report(benchmark::State& state, double rows, double bytes_a_row, double flops_a_row = 0) {
  double const n = rows * static_cast<double>(state.iterations());
  state.counters["rows/s"] = benchmark::Counter(n, benchmark::Counter::kIsRate);
  state.counters["B/s"] = benchmark::Counter(n * bytes_a_row, benchmark::Counter::kIsRate, benchmark::Counter::kIs1000);
  state.counters["of_stream"] = benchmark::Counter(n * bytes_a_row / stream_bandwidth(), benchmark::Counter::kIsRate);
  if (flops_a_row > 0) state.counters["FLOP/s"] = benchmark::Counter(n * flops_a_row, benchmark::Counter::kIsRate);
}

}  // namespace rxhpc::bench
