#include "rxhpc/merge_tree.hpp"

#include <cstring>
#include <exception>
#include <utility>

namespace rxhpc {
namespace {

using Nodes = std::map<MergeTree::Place, std::vector<double>>;

// A node travels as level, place, length (int64 each) and the state's doubles.
constexpr std::size_t head_bytes = 3 * sizeof(std::int64_t);

Bytes pack_nodes(const Nodes& nodes) {
  std::size_t bytes = 0;
  for (auto const& [place, state] : nodes) bytes += head_bytes + state.size() * sizeof(double);
  Bytes out(bytes);
  std::byte* to = out.data();
  for (auto const& [place, state] : nodes) {
    std::int64_t const head[3] = {place.first, place.second, static_cast<std::int64_t>(state.size())};
    std::memcpy(to, head, head_bytes);
    if (!state.empty()) std::memcpy(to + head_bytes, state.data(), state.size() * sizeof(double));
    to += head_bytes + state.size() * sizeof(double);
  }
  return out;
}

std::vector<std::pair<MergeTree::Place, std::vector<double>>> unpack_nodes(const Bytes& bytes) {
  std::vector<std::pair<MergeTree::Place, std::vector<double>>> nodes;
  for (std::size_t at = 0; at < bytes.size();) {
    std::int64_t head[3];
    std::memcpy(head, bytes.data() + at, head_bytes);
    std::vector<double> state(static_cast<std::size_t>(head[2]));
    if (!state.empty()) std::memcpy(state.data(), bytes.data() + at + head_bytes, state.size() * sizeof(double));
    at += head_bytes + state.size() * sizeof(double);
    nodes.emplace_back(MergeTree::Place{static_cast<int>(head[0]), head[1]}, std::move(state));
  }
  return nodes;
}

}  // namespace

MergeTree::MergeTree(std::int64_t chunks, MergeFunction merge) : chunks_(chunks), root_level_(0), merge_(std::move(merge)) {
  while ((std::int64_t{1} << root_level_) < chunks_) ++root_level_;
}

void MergeTree::insert(std::int64_t chunk, std::vector<double> state) { insert(Place{0, chunk}, std::move(state)); }

// Climbs from the node as far as siblings are there; the node rests where its sibling is still missing.
void MergeTree::insert(Place node, std::vector<double> state) {
  for (;;) {
    auto const [level, place] = node;
    bool const left = place % 2 == 0;
    Place const sibling{level, left ? place + 1 : place - 1};
    bool const alone = left && (sibling.second << level) >= chunks_;
    std::vector<double> other;
    if (level == root_level_ || !alone) {
      std::lock_guard const lock(mutex_);
      auto const found = level == root_level_ ? pending_.end() : pending_.find(sibling);
      if (found == pending_.end()) {
        pending_.emplace(node, std::move(state));
        return;
      }
      other = std::move(found->second);
      pending_.erase(found);
    }
    if (!alone) {
      if (!left) state.swap(other);  // into: the rows that come first
      merge_(state, other);
    }
    node = {level + 1, place / 2};
  }
}

std::map<MergeTree::Place, std::vector<double>> MergeTree::take() {
  std::lock_guard const lock(mutex_);
  return std::exchange(pending_, {});
}

// In round k the ranks r with r mod 2^(k+1) = 2^k hand what they hold to rank r - 2^k. As runs are contiguous, what a rank holds
// stays O(log chunks) states. Which rank merges two nodes does not matter: the tree says which two.
std::vector<double> all_merge(Communicator& comm, MergeTree& tree, std::vector<double> fresh) {
  int const rank = comm.rank(), size = comm.size();
  std::exception_ptr failure;
  for (int step = 1; step < size; step *= 2) {
    std::vector<Bytes> out(static_cast<std::size_t>(size));
    try {
      if (rank % (2 * step) == step) out[static_cast<std::size_t>(rank - step)] = pack_nodes(tree.take());
    } catch (...) {
      failure = std::current_exception();
    }
    auto const in = comm.all_to_all(out);
    try {
      for (auto const& bytes : in)
        for (auto& [place, state] : unpack_nodes(bytes)) tree.insert(place, std::move(state));
    } catch (...) {
      failure = std::current_exception();
    }
  }
  std::vector<double> root = std::move(fresh);
  if (rank == 0 && !failure) {
    auto nodes = tree.take();
    if (!nodes.empty()) root = std::move(nodes.begin()->second);
    bool const whole = tree.chunks_ == 0 ? nodes.empty() : nodes.size() == 1 && nodes.begin()->first == MergeTree::Place{tree.root_level_, 0};
    if (!whole) failure = std::make_exception_ptr(Error(ErrorKind::other, "internal: a chunk is missing in the merge tree"));
  }
  fail_together(comm, failure);
  if (size == 1) return root;
  Bytes bytes;
  if (rank == 0) {
    bytes.resize(root.size() * sizeof(double));
    if (!root.empty()) std::memcpy(bytes.data(), root.data(), bytes.size());
  }
  comm.broadcast(bytes);
  if (rank != 0) {
    root.resize(bytes.size() / sizeof(double));
    if (!root.empty()) std::memcpy(root.data(), bytes.data(), bytes.size());
  }
  return root;
}

}  // namespace rxhpc
