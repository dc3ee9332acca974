// Passes whose states are a thread's and not a chunk's: a chunk that begins anew must not be counted twice.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "memory_source.hpp"
#include "rxhpc/cube.hpp"
#include "rxhpc/quantile.hpp"
#include "thread_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;

/// Hands on each chunk in pieces; the last chunk first with other rows, as where its bytes have moved, until it is read whole.
class Moved final : public ChunkSource {
 public:
  Moved(const ChunkSource& base, const ChunkSource& other, bool apart) : base_(base), other_(other), apart_(apart) {}
  const Schema& schema() const override { return base_.schema(); }
  const Grid& grid() const override { return base_.grid(); }
  bool columns_apart() const override { return apart_; }
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override { base_.read(chunk, columns, out); }
  void read_pieces(std::int64_t chunk, std::span<const int> columns, Chunk& out, const PieceFunction& use) const override {
    if (chunk + 1 == grid().chunks()) {
      other_.read(chunk, columns, out);
      use(0, std::min(piece_rows, out.rows));
    }
    base_.read(chunk, columns, out);
    for (std::int64_t first = 0; first < out.rows; first += piece_rows) use(first, std::min(piece_rows, out.rows - first));
  }

 private:
  const ChunkSource &base_, &other_;
  bool apart_;
};

MemorySource table(int salt) {
  int const rows = 20000;
  std::vector<double> x, y;
  std::vector<int> code;
  for (int i = 0; i < rows; ++i) {
    x.push_back((i * 7919 + salt) % 10007 * 0.25);
    y.push_back((i * 104729 + 3 * salt) % 1009 / 7.0);
    code.push_back((i + salt) % 3);
  }
  MemorySource s(6000);
  s.numeric("x", x).numeric("y", y).factor("f", {"a", "b", "c"}, code);
  return s;
}

TEST(PiecePass, AChunkThatBeginsAnewIsCountedOnce) {
  auto const s = table(0), other = table(5);
  for (int ranks : {1, 2})
    for (bool apart : {false, true}) {
      Moved const moved(s, other, apart);
      test::on_ranks(ranks, [&](Communicator& comm) {
        auto const cells = [&](const ChunkSource& source) { return to_json(cube(source, "y ~ f", {}, comm)).dump(); };
        EXPECT_EQ(cells(moved), cells(s));
        auto const ranked = [&](const ChunkSource& source) { return to_json(quantile(source, "~ x + y", {.probs = {0.1, 0.5, 0.77}}, comm)).dump(); };
        EXPECT_EQ(ranked(moved), ranked(s));
      });
    }
}

}  // namespace
}  // namespace rxhpc
