#include "roc_counts.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "sort_keys.hpp"

namespace rxhpc::impl {
namespace {

using Wide = RocWide;
constexpr std::uint64_t top = std::uint64_t{1} << 63;

/// Adds a run that comes at or after the last one.
void push(std::vector<RocRun>& runs, const RocRun& run) {
  if (runs.empty() || runs.back().key != run.key) {
    runs.push_back(run);
    return;
  }
  runs.back().positive += run.positive;
  runs.back().negative += run.negative;
}

std::vector<RocRun> merged(std::span<const RocRun> a, std::span<const RocRun> b) {
  std::vector<RocRun> out;
  out.reserve(a.size() + b.size());
  auto i = a.begin(), j = b.begin();
  while (i != a.end() && j != b.end()) push(out, i->key <= j->key ? *i++ : *j++);
  for (; i != a.end(); ++i) push(out, *i);
  for (; j != b.end(); ++j) push(out, *j);
  return out;
}

template <class T>
void append_bytes(Bytes& out, const T* data, std::size_t count) {
  auto const bytes = std::as_bytes(std::span(data, count));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

template <class T>
std::vector<T> values_of(std::span<const std::byte> bytes) {
  std::vector<T> out(bytes.size() / sizeof(T));
  if (!out.empty()) std::memcpy(out.data(), bytes.data(), out.size() * sizeof(T));
  return out;
}

/// Keys that cut all ranks' runs into `size` ranges of about equal length, the same on every rank.
std::vector<std::uint64_t> splitters(const std::vector<RocRun>& runs, Communicator& comm) {
  std::size_t const samples = 64 * static_cast<std::size_t>(comm.size());
  std::vector<std::uint64_t> some;
  for (std::size_t k = 0; k < samples && !runs.empty(); ++k) some.push_back(runs[k * runs.size() / samples].key);
  auto const gathered = comm.gather(std::as_bytes(std::span(some)));
  std::vector<std::uint64_t> all;
  for (auto const& part : gathered)
    for (auto key : values_of<std::uint64_t>(part)) all.push_back(key);
  std::sort(all.begin(), all.end());
  Bytes chosen;
  for (int r = 1; r < comm.size() && !all.empty(); ++r) append_bytes(chosen, &all[all.size() * r / comm.size()], 1);
  comm.broadcast(chosen);
  return values_of<std::uint64_t>(chosen);
}

}  // namespace

DD all_sum_wide(RocWide value, Communicator& comm) {
  std::int64_t limb[4];
  for (int k = 0; k < 4; ++k) limb[k] = static_cast<std::int64_t>(static_cast<std::uint64_t>(value >> (32 * k)) & 0xffffffffu);
  comm.all_sum(limb);
  Wide sum = 0;
  for (int k = 3; k >= 0; --k) sum = (sum << 32) + static_cast<std::uint64_t>(limb[k]);
  double const hi = static_cast<double>(sum);
  Wide const near = static_cast<Wide>(hi);
  double const lo = near > sum ? -static_cast<double>(near - sum) : static_cast<double>(sum - near);
  return two_sum(hi, lo);
}

std::uint64_t key_of(double x) {
  auto const bits = std::bit_cast<std::uint64_t>(x == 0 ? 0.0 : x);
  return bits & top ? ~bits : bits | top;
}

double value_of(std::uint64_t key) { return std::bit_cast<double>(key & top ? key & ~top : ~key); }

void RocRuns::shrink() {
  if (fresh_[0].size() + fresh_[1].size() >= runs_.size() + (1u << 16)) sorted();
}

std::vector<RocRun>& RocRuns::sorted() {
  auto &negative = fresh_[0], &positive = fresh_[1];
  if (negative.empty() && positive.empty()) return runs_;
  std::vector<std::uint64_t> buffer;
  for (auto& keys : fresh_) sort_keys(keys, buffer);
  std::vector<RocRun> rows;
  rows.reserve(negative.size() + positive.size());
  auto i = negative.begin(), j = positive.begin();
  while (i != negative.end() || j != positive.end()) {
    bool const next = i == negative.end() || (j != positive.end() && *j < *i);
    push(rows, {next ? *j++ : *i++, next, !next});
  }
  runs_ = runs_.empty() ? std::move(rows) : merged(runs_, rows);
  for (auto& keys : fresh_) keys.clear();
  return runs_;
}

void RocRuns::append(RocRuns& other) {
  runs_ = merged(sorted(), other.sorted());
  other = {};
}

std::vector<RocRun> exchange_runs(std::vector<RocRun>& mine, Communicator& comm) {
  if (comm.size() == 1) return std::move(mine);
  auto const cuts = splitters(mine, comm);
  std::vector<Bytes> out(comm.size());
  auto first = mine.begin();
  for (int r = 0; r < comm.size(); ++r) {
    bool const last = r >= static_cast<int>(cuts.size());
    auto const end = last ? mine.end() : std::lower_bound(first, mine.end(), cuts[r], [](const RocRun& a, std::uint64_t key) { return a.key < key; });
    append_bytes(out[r], mine.data() + (first - mine.begin()), static_cast<std::size_t>(end - first));
    first = end;
  }
  std::vector<std::vector<RocRun>> parts;
  for (auto const& part : comm.all_to_all(out)) parts.push_back(values_of<RocRun>(part));
  for (std::size_t step = 1; step < parts.size(); step *= 2)
    for (std::size_t r = 0; r + step < parts.size(); r += 2 * step) parts[r] = merged(parts[r], std::exchange(parts[r + step], {}));
  return std::move(parts[0]);
}

RocTotals total_runs(const std::vector<RocRun>& range, Communicator& comm) {
  RocTotals t;
  std::int64_t sums[2] = {0, 0};
  for (auto const& run : range) sums[0] += run.positive, sums[1] += run.negative;
  t.positive_below = comm.exscan(sums[0]);
  t.negative_below = comm.exscan(sums[1]);
  comm.all_sum(sums);
  t.positive = sums[0];
  t.negative = sums[1];
  Wide ranked = 0, positive = 0, negative = 0;
  std::int64_t above = t.positive - t.positive_below, below = t.negative_below;
  for (auto const& run : range) {
    above -= run.positive;
    auto const p = static_cast<Wide>(2 * below + run.negative), q = static_cast<Wide>(2 * above + run.positive);
    ranked += static_cast<Wide>(run.positive) * p;
    positive += static_cast<Wide>(run.positive) * (p * p);
    negative += static_cast<Wide>(run.negative) * (q * q);
    below += run.negative;
  }
  t.ranked = all_sum_wide(ranked, comm);
  t.positive_squares = all_sum_wide(positive, comm);
  t.negative_squares = all_sum_wide(negative, comm);
  return t;
}

}  // namespace rxhpc::impl
