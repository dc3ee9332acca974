#include "order_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "order_search.hpp"

namespace rxhpc::impl {
namespace order {
namespace {

constexpr std::ptrdiff_t most_splits = 4096; // edges at values of the sample, all brackets of a term together,
constexpr std::ptrdiff_t least_splits = 8;   // but so many in each bracket that has them
constexpr std::size_t key_splits = 16;       // of a bracket of which the sample knows nothing

}  // namespace

std::vector<BucketSpec> Search::specs(ReadList& read) const {
  std::vector<BucketSpec> out;
  for (auto const& t : request_.terms) {
    BucketSpec s;
    s.value = read.place(t.value);
    for (int f : t.factors) s.factors.push_back(read.place(f));
    s.levels = t.levels;
    s.weight = read.place(request_.weight);
    s.centres = t.centres;
    out.push_back(std::move(s));
  }
  return out;
}

void Search::first_plans() {
  for (std::size_t t = 0; t < request_.terms.size(); ++t) {
    auto const cells = cells_of(request_.terms[t]);
    Plan plan;
    plan.edges.resize(cells);
    plan.kept.resize(cells);
    if (samples_.empty()) {
      for (auto& k : plan.kept) k.push_back({});
      plan.expected = request_.most_collected;
    } else {
      std::vector<std::vector<std::pair<Bracket, double>>> wide(cells);
      double expected = 0;
      for (std::size_t c = 0; c < cells; ++c) {
        for (double share : request_.shares) guess(t, c, share, plan, wide[c]);
        for (auto const& w : wide[c]) expected += w.second;
      }
      bool const few = expected <= static_cast<double>(request_.most_collected / request_.terms.size());
      if (few) plan.expected = static_cast<std::size_t>(expected);
      std::vector<std::pair<std::size_t, Bracket>> brackets;
      for (std::size_t c = 0; c < cells; ++c)
        for (auto const& w : wide[c]) {
          if (few) plan.kept[c].push_back(w.first);
          else brackets.emplace_back(c, w.first);
        }
      split(brackets, t, plan);
    }
    finish_plan(plan);
    plans_.push_back(std::move(plan));
  }
}

/// Edges inside brackets: at every k-th value that the sample has there, at least some in each bracket, else where the bracket's keys are cut
/// evenly, so that every pass gets nearer whatever the values.
void Search::split(const std::vector<std::pair<std::size_t, Bracket>>& brackets, std::size_t term, Plan& plan) const {
  std::ptrdiff_t inside = 0;
  for (auto const& [cell, bracket] : brackets) {
    auto const [from, to] = sampled(bracket, term, cell);
    inside += to - from;
  }
  auto const every = inside / most_splits + 1;
  for (auto const& [cell, bracket] : brackets) {
    auto& edges = plan.edges[cell];
    edges.insert(edges.end(), {bracket.low, bracket.high});
    auto const before = edges.size();
    auto const add = [&](Key key) {
      if (key > bracket.low && key < bracket.high) edges.push_back(key);
    };
    auto const [from, to] = sampled(bracket, term, cell);
    auto const step = std::min(every, (to - from) / least_splits + 1);
    for (auto const* x = from; x < to; x += std::min(step, to - x)) {
      Key const key = key_of(*x);
      add(key);
      if (x + 1 < to && x[1] == *x) add(canonical(key + 1));  // a value that repeats has a bucket of its own
    }
    if (edges.size() > before) continue;
    Key const width = (bracket.high - bracket.low) / (key_splits + 1) + 1;
    for (Key key = bracket.low + width; key < bracket.high && key > bracket.low; key += width) edges.push_back(canonical(key));
  }
}

void Search::next_plans() {
  for (std::size_t t = 0; t < request_.terms.size(); ++t) {
    auto& plan = plans_[t];
    auto const cells = plan.edges.size();
    plan = {};
    plan.edges.resize(cells);
    plan.kept.resize(cells);
    std::int64_t rows = 0;
    std::size_t last = std::numeric_limits<std::size_t>::max();  // targets of one bucket follow one another
    for (auto const& target : targets_)
      if (target.term == t && !target.known && target.bucket != last) rows += target.rows, last = target.bucket;
    bool const few = static_cast<std::size_t>(rows) <= request_.most_collected / request_.terms.size();
    if (few) plan.expected = static_cast<std::size_t>(rows);
    std::vector<std::pair<std::size_t, Bracket>> brackets;
    last = std::numeric_limits<std::size_t>::max();
    for (auto const& target : targets_) {
      if (target.term != t || target.known || target.bucket == last) continue;
      last = target.bucket;
      if (few) {
        auto& edges = plan.edges[target.cell];
        edges.insert(edges.end(), {target.bracket.low, target.bracket.high});
        plan.kept[target.cell].push_back(target.bracket);
      } else {
        brackets.emplace_back(target.cell, target.bracket);
      }
    }
    split(brackets, t, plan);
    finish_plan(plan);
  }
}

/// Edges sorted, each once, as doubles; a bucket is kept where a kept bracket covers it and it holds more than one value.
void Search::finish_plan(Plan& plan) {
  auto buckets = std::make_shared<BucketEdges>();
  buckets->first.assign(1, 0);
  for (std::size_t c = 0; c < plan.edges.size(); ++c) {
    auto& edges = plan.edges[c];
    std::sort(edges.begin(), edges.end());
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
    std::erase_if(edges, [](Key k) { return k <= lowest || k >= past; });
    for (Key k : edges) buckets->edges.push_back(value_of(k));
    buckets->first.push_back(static_cast<std::uint32_t>(buckets->edges.size()));
    auto& kept = plan.kept[c];
    std::sort(kept.begin(), kept.end(), [](const Bracket& a, const Bracket& b) { return a.low < b.low; });
    Key low = lowest, covered = lowest;
    std::size_t next = 0;
    for (std::size_t b = 0; b <= edges.size(); ++b) {
      Key const high = b < edges.size() ? edges[b] : past;
      while (next < kept.size() && kept[next].low <= low) covered = std::max(covered, kept[next++].high);
      buckets->kept.push_back(high <= covered && !Bracket{low, high}.single());
      low = high;
    }
  }
  plan.buckets = std::move(buckets);
}

/// What the first pass has counted says which ranks are wanted.
void Search::set_targets(const std::vector<BucketCounts>& counts) {
  for (std::size_t t = 0; t < counts.size(); ++t) {
    TermRanks term;
    term.missing = counts[t].missing();
    auto const& buckets = *plans_[t].buckets;
    for (std::size_t c = 0; c < buckets.cells(); ++c) {
      CellRanks cell;
      DD weight;
      for (std::size_t b = buckets.bucket(c); b <= buckets.bucket(c) + buckets.edge_count(c); ++b) {
        cell.rows += counts[t].rows(b);
        weight += counts[t].weight(b);
      }
      DD const size = request_.frequency ? weight : DD(static_cast<double>(cell.rows));
      cell.size = weight.hi;
      cell.scaled_size = size.hi;
      if (cell.rows > 0) cell.ranks = request_.ranks(t, size.hi);
      for (double rank : cell.ranks) {
        // weights scaled to a mean of 1: rank r is reached with r W / n, up to the rounding of the weights themselves
        DD mass = request_.weight < 0 || request_.frequency ? DD(rank) : weight * DD(rank) / size * DD(1 - 4 * std::numeric_limits<double>::epsilon());
        if (std::isinf(rank)) mass = weight * DD(2);  // beyond all rows: the last one, however little it weighs
        else if (!reaches(weight, mass)) mass = weight;
        Target target;
        target.term = t;
        target.cell = c;
        target.mass = mass;
        targets_.push_back(target);
      }
      term.cells.push_back(std::move(cell));
    }
    result_.push_back(std::move(term));
  }
}

void Search::locate(const std::vector<BucketCounts>& counts) {
  // Masses up to each bucket of the cell that is being looked at.
  std::vector<DD> up_to;
  std::size_t term = 0, cell = std::numeric_limits<std::size_t>::max();
  for (auto& target : targets_) {
    if (target.known) continue;
    auto const& plan = plans_[target.term];
    auto const& edges = plan.edges[target.cell];
    auto const first = plan.buckets->bucket(target.cell);
    if (term != target.term || cell != target.cell) {
      term = target.term, cell = target.cell;
      up_to.assign(edges.size() + 1, DD());
      DD sum;
      for (std::size_t b = 0; b <= edges.size(); ++b) up_to[b] = sum += counts[term].weight(first + b);
    }
    std::size_t b = 0;
    while (b < edges.size() && !(counts[term].rows(first + b) > 0 && reaches(up_to[b], target.mass))) ++b;
    while (b > 0 && counts[term].rows(first + b) == 0) --b;
    target.bracket = {b > 0 ? edges[b - 1] : lowest, b < edges.size() ? edges[b] : past};
    target.below = b > 0 ? up_to[b - 1] : DD();
    target.rows = counts[term].rows(first + b);
    target.bucket = first + b;
    if (target.bracket.single()) {
      target.known = true;
      target.value = value_of(target.bracket.low);
    }
  }
}

std::vector<TermRanks> Search::answer() {
  total_rows_ = rows_.grid().total();
  if (rows_.local()) comm_.all_sum(std::span(&total_rows_, 1));
  if (static_cast<std::size_t>(total_rows_) * request_.terms.size() > request_.most_collected) take_sample();
  first_plans();
  ReadList read;
  auto list = specs(read);
  for (bool first = true; first || !done(); first = false) {
    if (!first) next_plans();
    for (std::size_t t = 0; t < list.size(); ++t) {
      list[t].edges = plans_[t].buckets;
      list[t].most_kept = std::min<std::size_t>(request_.most_collected, 2 * plans_[t].expected + request_.most_collected / 16);
    }
    auto counts = bucket_pass(rows_, read.columns(), list, run_, comm_, timing_);
    if (first) {
      if (request_.weight >= 0)
        for (auto const& c : counts) check_weights(c, rows_.schema()[static_cast<std::size_t>(request_.weight)].name);
      set_targets(counts);
    }
    locate(counts);
    select(counts);
  }
  std::size_t next = 0;
  for (auto& term : result_)
    for (auto& cell : term.cells)
      for (std::size_t k = 0; k < cell.ranks.size(); ++k) cell.values.push_back(targets_[next++].value);
  return std::move(result_);
}

}  // namespace order

std::vector<TermRanks> order_statistics(const RowSource& rows, const RankRequest& request, const RunOptions& run, Communicator& comm, Timing* timing) {
  return order::Search(rows, request, run, comm, timing).answer();
}

}  // namespace rxhpc::impl
