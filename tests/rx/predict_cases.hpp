// Predictions of a table in memory in one line, for their tests.
#pragma once
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "memory_source.hpp"
#include "rxhpc/predict.hpp"
#include "rxhpc/self_communicator.hpp"

namespace rxhpc::test {

/// Keeps what is written, column by column, as doubles.
class MemorySink final : public ChunkSink {
 public:
  explicit MemorySink(const Grid& grid, std::size_t columns) : grid_(grid), values(columns, std::vector<double>(grid.total(), std::numeric_limits<double>::quiet_NaN())) {}
  void write(const Chunk& chunk) override {
    for (std::size_t c = 0; c < values.size(); ++c)
      for (std::int64_t i = 0; i < chunk.rows; ++i) values[c][grid_.first(chunk.index) + i] = chunk.columns[c].value(i);
  }
  void exchange() override {}
  void finish() override {}

 private:
  Grid grid_;

 public:
  std::vector<std::vector<double>> values;
};

inline std::map<std::string, std::vector<double>> predicted(const nlohmann::json& m, const ChunkSource& data, const PredictOptions& options) {
  SelfCommunicator self;
  Predictor const p(m, data, options);
  MemorySink sink(p.grid(), p.schema().size());
  p.run(sink, self);
  std::map<std::string, std::vector<double>> out;
  for (std::size_t c = 0; c < p.schema().size(); ++c) out[p.schema()[c].name] = sink.values[c];
  return out;
}

}  // namespace rxhpc::test
