// Ranks as threads of one process: the same collective code without MPI, every rank visible to the debugger and the sanitizers.
#pragma once
#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "rxhpc/communicator.hpp"

namespace rxhpc::test {

/// Where the ranks of one run meet. A rank that leaves while others wait, or that calls something else than they do, is a failure
/// of the test and not a hang.
class Meeting {
 public:
  explicit Meeting(int size) : size_(size), posted_(static_cast<std::size_t>(size)), calls_(static_cast<std::size_t>(size)) {}
  int size() const { return size_; }

  /// Posts this rank's bytes to each rank, waits for everyone, and returns what was posted to it.
  std::vector<Bytes> exchange(int rank, const std::string& call, std::vector<Bytes> out) {
    std::unique_lock lock(mutex_);
    posted_[static_cast<std::size_t>(rank)] = std::move(out);
    calls_[static_cast<std::size_t>(rank)] = call;
    wait(lock);
    std::vector<Bytes> in;
    bool same = true;
    for (std::size_t r = 0; r < posted_.size(); ++r) {
      same = same && calls_[r] == call;
      in.push_back(posted_[r].empty() ? Bytes{} : posted_[r][static_cast<std::size_t>(rank)]);
    }
    wait(lock);
    if (!same) throw std::logic_error("ranks are in different collective calls, this one in " + call);
    return in;
  }

  void leave() {
    std::lock_guard const lock(mutex_);
    ++left_;
    changed_.notify_all();
  }

 private:
  void wait(std::unique_lock<std::mutex>& lock) {
    auto const round = round_;
    if (++arrived_ == size_) {
      arrived_ = 0;
      ++round_;
      changed_.notify_all();
      return;
    }
    changed_.wait(lock, [&] { return round_ != round || left_ > 0; });
    if (round_ == round) throw std::logic_error("a rank has left while others wait");
  }

  int size_, arrived_ = 0, left_ = 0;
  long round_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::vector<Bytes>> posted_;
  std::vector<std::string> calls_;
};

class ThreadCommunicator final : public Communicator {
 public:
  ThreadCommunicator(Meeting& meeting, int rank) : meeting_(meeting), rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return meeting_.size(); }
  int ranks_on_node() const override { return size(); }
  void broadcast(Bytes& bytes, int root = 0) override {
    auto in = meeting_.exchange(rank_, "broadcast", rank_ == root ? std::vector<Bytes>(ranks(), bytes) : std::vector<Bytes>{});
    bytes = std::move(in[static_cast<std::size_t>(root)]);
  }
  std::vector<Bytes> gather(std::span<const std::byte> bytes, int root = 0) override {
    std::vector<Bytes> out(ranks());
    out[static_cast<std::size_t>(root)] = Bytes(bytes.begin(), bytes.end());
    auto in = meeting_.exchange(rank_, "gather", std::move(out));
    return rank_ == root ? in : std::vector<Bytes>{};
  }
  std::vector<Bytes> all_to_all(const std::vector<Bytes>& out) override {
    if (out.size() != ranks()) throw std::logic_error("all_to_all needs one entry a rank");
    return meeting_.exchange(rank_, "all_to_all", out);
  }
  void all_sum(std::span<std::int64_t> values) override {
    auto const mine = std::as_bytes(values);
    auto const in = meeting_.exchange(rank_, "all_sum", std::vector<Bytes>(ranks(), Bytes(mine.begin(), mine.end())));
    std::fill(values.begin(), values.end(), 0);
    for (auto const& bytes : in) {
      if (bytes.size() != mine.size()) throw std::logic_error("all_sum with different lengths");
      for (std::size_t i = 0; i < values.size(); ++i) values[i] += number(bytes, i);
    }
  }
  std::int64_t exscan(std::int64_t value) override {
    auto const mine = std::as_bytes(std::span(&value, 1));
    auto const in = meeting_.exchange(rank_, "exscan", std::vector<Bytes>(ranks(), Bytes(mine.begin(), mine.end())));
    std::int64_t before = 0;
    for (int r = 0; r < rank_; ++r) before += number(in[static_cast<std::size_t>(r)], 0);
    return before;
  }

 private:
  std::size_t ranks() const { return static_cast<std::size_t>(size()); }
  static std::int64_t number(const Bytes& bytes, std::size_t i) {
    std::int64_t value;
    std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
    return value;
  }

  Meeting& meeting_;
  int rank_;
};

/// Runs `body` on that many ranks and returns each rank's exception, null where it returned. With several ranks a body that sweeps
/// must ask for one thread: the host space cannot be used from several threads at once.
inline std::vector<std::exception_ptr> run_ranks(int size, const std::function<void(Communicator&)>& body) {
  Meeting meeting(size);
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank)
    threads.emplace_back([&, rank] {
      ThreadCommunicator comm(meeting, rank);
      try {
        body(comm);
      } catch (...) {
        failures[static_cast<std::size_t>(rank)] = std::current_exception();
      }
      meeting.leave();
    });
  for (auto& thread : threads) thread.join();
  return failures;
}

/// The same, and throws the lowest rank's exception.
inline void on_ranks(int size, const std::function<void(Communicator&)>& body) {
  for (auto const& failure : run_ranks(size, body))
    if (failure) std::rethrow_exception(failure);
}

}  // namespace rxhpc::test
