// What a sweep must do on any communicator; run on ranks as threads and, the same text, under mpirun.
#pragma once
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>

#include "rxhpc/self_communicator.hpp"
#include "rxhpc/sweep.hpp"
#include "rxhpc/view_source.hpp"

namespace rxhpc::test {

/// A sum whose last bits show the order of its additions, and a count.
class RawSum {
 public:
  void reset() { sum_ = 0, rows_ = 0; }
  void update(const Chunk& chunk) {
    for (std::int64_t i = 0; i < chunk.rows; ++i) {
      double const x = chunk.columns[0].value(i);
      if (throw_at == chunk.first_row + i) throw DataError("row " + std::to_string(throw_at) + " is bad");
      sum_ += x;
    }
    rows_ += chunk.rows;
  }
  std::size_t packed_size() const { return 2; }
  void pack(std::span<double> out) const { out[0] = sum_, out[1] = std::bit_cast<double>(rows_); }
  void unpack(std::span<double const> in) { sum_ = in[0], rows_ = std::bit_cast<std::int64_t>(in[1]); }
  void merge(std::span<double> into, std::span<double const> from) const {
    into[0] += from[0];
    into[1] = std::bit_cast<double>(std::bit_cast<std::int64_t>(into[1]) + std::bit_cast<std::int64_t>(from[1]));
  }
  double sum() const { return sum_; }
  std::int64_t rows() const { return rows_; }
  std::int64_t throw_at = -1;

 private:
  double sum_ = 0;
  std::int64_t rows_ = 0;
};

using HostColumn = Kokkos::View<double*, Kokkos::HostSpace>;

inline double value_of_row(std::int64_t row) { return std::sin(static_cast<double>(row)) * std::pow(10.0, static_cast<double>(row % 17) - 8.0); }
inline HostColumn values_of(std::int64_t first, std::int64_t count) {
  HostColumn values("rxhpc::test::values", static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) values(static_cast<std::size_t>(i)) = value_of_row(first + i);
  return values;
}

constexpr int first_column[] = {0};
constexpr std::int64_t rows_of_case = 1003, chunk_rows_of_case = 40;

inline RawSum sum_on_one_rank(const ChunkSource& source) {
  SelfCommunicator self;
  return sweep(source, first_column, RawSum(), {.threads = 1}, self);
}

inline void check_sweep_bits(Communicator& comm, const std::vector<int>& threads) {
  ViewSource const source({{"x", values_of(0, rows_of_case)}}, chunk_rows_of_case, ViewSource::Rows::replicated);
  auto const expected = sum_on_one_rank(source);
  ASSERT_EQ(expected.rows(), rows_of_case);
  for (int t : threads) {
    Timing timing;
    std::int64_t last_rows = -1, total = 0;
    RunOptions options{.threads = t};
    options.progress = [&](const Progress& p) { last_rows = p.rows_done, total = p.rows_total; };
    auto const got = sweep(source, first_column, RawSum(), options, comm, &timing);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(got.sum()), std::bit_cast<std::uint64_t>(expected.sum())) << t << " threads";
    EXPECT_EQ(got.rows(), rows_of_case);
    std::int64_t rows = timing.rows;
    EXPECT_EQ(last_rows, rows);
    EXPECT_EQ(total, rows);
    comm.all_sum({&rows, 1});
    EXPECT_EQ(rows, rows_of_case);
    EXPECT_EQ(timing.passes, 1);
  }
}

/// Rank r holds its own run of the rows; cut at chunk ends the bits are those of the whole table.
inline void check_sweep_of_local_rows(Communicator& comm) {
  ViewSource const whole({{"x", values_of(0, rows_of_case)}}, chunk_rows_of_case, ViewSource::Rows::replicated);
  auto const share = share_of(whole.grid().chunks(), comm.rank(), comm.size());
  std::int64_t const first = whole.grid().first(share.first);
  std::int64_t const last = share.last == whole.grid().chunks() ? rows_of_case : whole.grid().first(share.last);
  ViewSource const mine({{"x", values_of(first, last - first)}}, chunk_rows_of_case);
  EXPECT_TRUE(mine.local());
  auto const got = sweep(mine, first_column, RawSum(), {.threads = 1}, comm);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(got.sum()), std::bit_cast<std::uint64_t>(sum_on_one_rank(whole).sum()));
  EXPECT_EQ(got.rows(), rows_of_case);

  auto const counts = count_rows(mine, {.threads = 1}, comm);
  ASSERT_EQ(counts.size(), static_cast<std::size_t>(whole.grid().chunks()));
  for (std::int64_t c = 0; c < whole.grid().chunks(); ++c) EXPECT_EQ(counts[static_cast<std::size_t>(c)], whole.grid().rows(c));

  // All rows on the last rank, none elsewhere.
  bool const holder = comm.rank() == comm.size() - 1;
  ViewSource const lopsided({{"x", values_of(0, holder ? rows_of_case : 0)}}, chunk_rows_of_case);
  auto const from_last = sweep(lopsided, first_column, RawSum(), {.threads = 1}, comm);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(from_last.sum()), std::bit_cast<std::uint64_t>(got.sum()));

  ViewSource const empty({{"x", values_of(0, 0)}});
  EXPECT_EQ(sweep(empty, first_column, RawSum(), {.threads = 1}, comm).rows(), 0);
}

inline void check_sweep_fails_together(Communicator& comm) {
  ViewSource const source({{"x", values_of(0, rows_of_case)}}, chunk_rows_of_case, ViewSource::Rows::replicated);
  for (std::int64_t bad : {std::int64_t{0}, rows_of_case / 2, rows_of_case - 1}) {
    RawSum fresh;
    fresh.throw_at = bad;
    std::string message;
    try {
      sweep(source, first_column, fresh, {.threads = 1}, comm);
    } catch (const DataError& e) {
      message = e.what();
    }
    EXPECT_EQ(message, "row " + std::to_string(bad) + " is bad") << "on rank " << comm.rank();
  }
  RunOptions stopped{.threads = 1};
  stopped.stop_requested = [&] { return comm.rank() == comm.size() - 1; };
  EXPECT_THROW(sweep(source, first_column, RawSum(), stopped, comm), InterruptedError);
  EXPECT_THROW(sweep(source, first_column, RawSum(), {.threads = 1, .memory_limit = 100}, comm), UsageError);
  // And all can go on.
  EXPECT_EQ(sweep(source, first_column, RawSum(), {.threads = 1}, comm).rows(), rows_of_case);
}

/// Remembers what was written; a collective call fails where the ranks call it unequally often.
class SumSink final : public ChunkSink {
 public:
  explicit SumSink(Communicator& comm) : comm_(comm) {}
  void write(const Chunk& chunk) override {
    double sum = 0;
    for (std::int64_t i = 0; i < chunk.rows; ++i) sum += chunk.columns[0].value(i);
    std::lock_guard const lock(mutex_);
    written.emplace_back(chunk.index, sum);
    if (chunk.index == fail_at) throw DataError("the disk is full");
  }
  void exchange() override {
    ++exchanges;
    comm_.exscan(0);
  }
  void finish() override { finished = true; }

  std::vector<std::pair<std::int64_t, double>> written;
  std::int64_t exchanges = 0, fail_at = -1;
  bool finished = false;

 private:
  Communicator& comm_;
  std::mutex mutex_;
};

inline void check_map_rows(Communicator& comm, int threads) {
  ViewSource const source({{"x", values_of(0, rows_of_case)}}, 10, ViewSource::Rows::replicated);
  auto const doubled = [] {
    return [buffer = std::make_shared<std::vector<double>>()](const Chunk& in, std::int64_t first, std::int64_t rows, Chunk& out) {
      buffer->resize(static_cast<std::size_t>(in.rows));
      for (std::int64_t i = first; i < first + rows; ++i) (*buffer)[static_cast<std::size_t>(i)] = 2 * in.columns[0].value(i);
      Variable x;
      out.columns = {column_of(x, buffer->data())};
    };
  };
  SumSink sink(comm);
  map_rows(source, first_column, sink, doubled, {.threads = threads}, comm);
  EXPECT_FALSE(sink.finished);
  auto const share = share_of(source.grid().chunks(), comm.rank(), comm.size());
  std::sort(sink.written.begin(), sink.written.end());
  ASSERT_EQ(static_cast<std::int64_t>(sink.written.size()), share.last - share.first);
  for (std::size_t k = 0; k < sink.written.size(); ++k) {
    EXPECT_EQ(sink.written[k].first, share.first + static_cast<std::int64_t>(k));
    double expected = 0;
    for (std::int64_t i = 0; i < source.grid().rows(sink.written[k].first); ++i) expected += 2 * value_of_row(source.grid().first(sink.written[k].first) + i);
    EXPECT_EQ(sink.written[k].second, expected);
  }
  std::vector<std::int64_t> exchanges(static_cast<std::size_t>(comm.size()), 0);
  exchanges[static_cast<std::size_t>(comm.rank())] = sink.exchanges;
  comm.all_sum(exchanges);
  for (auto count : exchanges) EXPECT_EQ(count, sink.exchanges);
  EXPECT_GT(sink.exchanges, 0);

  SumSink full(comm);
  full.fail_at = source.grid().chunks() - 1;
  EXPECT_THROW(map_rows(source, first_column, full, doubled, {.threads = threads}, comm), DataError);
}

}  // namespace rxhpc::test
