#include "order_statistics.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "bucket_pass.hpp"
#include "chunk_loop.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

constexpr std::int64_t sample_chunks = 16, costly_sample_chunks = 4, sampled_rows_a_chunk = 4096;
constexpr std::size_t most_atoms = 16;     // values so frequent that they get a bucket of their own, a rank wanted
constexpr std::size_t most_splits = 4096;    // edges at values of the sample, all brackets of a term together
constexpr std::size_t key_splits = 16;       // of a bracket of which the sample knows nothing

/// Doubles as integers of the same order; the two zeros are one.
using Key = std::uint64_t;
constexpr Key sign = Key(1) << 63;
Key key_of(double x) {
  auto const bits = std::bit_cast<Key>(x == 0 ? 0.0 : x);
  return bits & sign ? ~bits : bits | sign;
}
double value_of(Key key) {
  double const x = std::bit_cast<double>(key & sign ? key ^ sign : ~key);
  return x == 0 ? 0.0 : x;
}
Key canonical(Key key) { return key == sign - 1 ? sign : key; }  // the place of -0 between the numbers stays empty
Key const lowest = key_of(-std::numeric_limits<double>::infinity()), past = key_of(std::numeric_limits<double>::infinity()) + 1;

/// Keys [low, high) among which a wanted value lies.
struct Bracket {
  Key low = lowest, high = past;
  bool single() const { return canonical(low + 1) >= high; }
};

/// One order statistic on its way.
struct Target {
  std::size_t term = 0, cell = 0;
  DD mass;                    // the value is the smallest with so many rows, or so much weight, up to it
  Bracket bracket;
  DD below;                   // mass under the bracket
  std::int64_t rows = 0;      // in the bracket
  std::size_t bucket = 0;     // in which the last pass found it
  bool known = false;
  double value = 0;
};

/// Rows of a few chunks, by cell and value.
struct Sample {
  std::vector<std::size_t> first;  // [cells + 1]
  std::vector<double> value, weight;
  double rows_a_row = 1;           // rows of the table for one of the sample
};

std::size_t cells_of(const RankTerm& t) {
  return std::accumulate(t.levels.begin(), t.levels.end(), std::size_t(1), [](std::size_t n, int k) { return n * static_cast<std::size_t>(k); });
}

/// Masses are equal where they agree to 25 digits: sums of weights are exact, their products with ranks are not.
bool reaches(DD mass, DD wanted) {
  DD const difference = mass - wanted;
  return difference.hi >= -1e-25 * std::abs(wanted.hi);
}

class Search {
 public:
  Search(const RowSource& rows, const RankRequest& request, const RunOptions& run, Communicator& comm, Timing* timing)
      : rows_(rows), request_(request), run_(run), comm_(comm), timing_(timing) {}
  std::vector<TermRanks> answer();

 private:
  struct Plan {
    std::vector<std::vector<Key>> edges;    // [cell]
    std::vector<std::vector<Bracket>> kept; // [cell]
    std::shared_ptr<const BucketEdges> buckets;
    std::size_t expected = 0;
  };

  std::vector<BucketSpec> specs(ReadList& read) const;
  void take_sample();
  void first_plans();
  void guess(std::size_t term, std::size_t cell, double share, Plan& plan, std::vector<std::pair<Bracket, double>>& wide) const;
  void next_plans();
  std::pair<const double*, const double*> sampled(const Bracket& bracket, std::size_t term, std::size_t cell) const;
  void split(const std::vector<std::pair<std::size_t, Bracket>>& brackets, std::size_t term, Plan& plan) const;
  static void finish_plan(Plan& plan);
  void set_targets(const std::vector<BucketCounts>& counts);
  void locate(const std::vector<BucketCounts>& counts);
  void select(std::vector<BucketCounts>& counts);
  bool done() const {
    return std::all_of(targets_.begin(), targets_.end(), [](const Target& t) { return t.known; });
  }

  const RowSource& rows_;
  const RankRequest& request_;
  const RunOptions& run_;
  Communicator& comm_;
  Timing* timing_;
  std::int64_t total_rows_ = 0;
  std::vector<Sample> samples_;  // [terms]; empty where everything is collected at once
  std::vector<Plan> plans_;      // [terms]
  std::vector<Target> targets_;
  std::vector<TermRanks> result_;
};

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

/// One bucket a cell, everything collected.
std::shared_ptr<const BucketEdges> one_bucket_a_cell(std::size_t cells) {
  auto edges = std::make_shared<BucketEdges>();
  edges->first.assign(cells + 1, 0);
  edges->kept.assign(cells, 1);
  return edges;
}

// Collective. Every k-th row of chunks spread over the table, the same on every rank.
void Search::take_sample() {
  auto const range = chunk_range(rows_, comm_);
  std::int64_t const wanted = std::min(range.total, rows_.columns_apart() ? sample_chunks : costly_sample_chunks);
  ReadList read;
  std::vector<BucketCounts> counts;
  std::int64_t seen = 0;
  together(comm_, [&] {
    auto list = specs(read);
    for (std::size_t k = 0; k < list.size(); ++k) {
      list[k].edges = one_bucket_a_cell(cells_of(request_.terms[k]));
      list[k].most_kept = request_.most_collected;
      counts.emplace_back(list[k]);
    }
    Chunk chunk;
    for (std::int64_t k = 0; k < wanted; ++k) {
      std::int64_t const c = (2 * k + 1) * range.total / (2 * wanted) - range.offset;
      if (c < range.first || c >= range.last) continue;
      rows_.read(c, read.columns(), chunk);
      std::int64_t const every = std::max<std::int64_t>(1, chunk.rows / sampled_rows_a_chunk);
      for (auto& column : chunk.columns) column.stride *= every;
      chunk.rows /= every;
      seen += chunk.rows;
      for (auto& state : counts) state.update(chunk);
    }
  });
  comm_.all_sum(std::span(&seen, 1));
  for (std::size_t k = 0; k < counts.size(); ++k) {
    auto& kept = counts[k].kept();
    std::vector<double> mine;
    for (std::size_t i = 0; i < kept.value.size(); ++i)
      mine.insert(mine.end(), {static_cast<double>(kept.bucket[i]), kept.value[i], kept.weight.empty() ? 1 : kept.weight[i]});
    Bytes all;
    for (auto const& part : comm_.gather(std::as_bytes(std::span(mine)))) all.insert(all.end(), part.begin(), part.end());
    comm_.broadcast(all);
    struct Row {
      double cell, value, weight;
    };
    std::vector<Row> rows(all.size() / sizeof(Row));
    if (!rows.empty()) std::memcpy(static_cast<void*>(rows.data()), all.data(), all.size());
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.cell != b.cell ? a.cell < b.cell : a.value < b.value; });
    Sample sample;
    sample.rows_a_row = seen > 0 ? static_cast<double>(total_rows_) / static_cast<double>(seen) : 1;
    std::size_t at = 0;
    for (std::size_t c = 0; c <= cells_of(request_.terms[k]); ++c) {
      while (at < rows.size() && rows[at].cell < static_cast<double>(c)) ++at;
      sample.first.push_back(at);
    }
    for (auto const& row : rows) sample.value.push_back(row.value), sample.weight.push_back(row.weight);
    samples_.push_back(std::move(sample));
  }
}

/// The bracket in which a share of the cell's mass ends, four standard deviations of the sample's share to either side, and edges around
/// values that are frequent there.
void Search::guess(std::size_t term, std::size_t cell, double share, Plan& plan, std::vector<std::pair<Bracket, double>>& wide) const {
  auto const& s = samples_[term];
  auto const begin = s.first[cell], end = s.first[cell + 1];
  double total = 0, squares = 0;
  for (auto i = begin; i < end; ++i) total += s.weight[i], squares += s.weight[i] * s.weight[i];
  Bracket bracket;
  auto low = begin, high = end;
  if (total > 0) {
    double const effective = total * total / squares, spread = 4 * std::sqrt(share * (1 - share) / effective) + 8 / effective;
    double sum = 0;
    for (auto i = begin; i < end; ++i) {
      sum += s.weight[i];
      if (sum < (share - spread) * total) low = i;
      if (sum > (share + spread) * total && high == end) high = i;
    }
    if (share - spread > 0 && low > begin) bracket.low = key_of(s.value[low]);
    if (high < end) bracket.high = canonical(key_of(s.value[high]) + 1);
  }
  auto& edges = plan.edges[cell];
  edges.insert(edges.end(), {bracket.low, bracket.high});
  // Frequent values: buckets of one value need no second look.
  std::vector<std::pair<Key, Key>> atoms;
  std::size_t in_atoms = 0;
  auto const frequent = std::max<std::size_t>(4, (high - low) / most_atoms);
  for (auto i = low; i < high;) {
    auto j = i;
    while (j < high && s.value[j] == s.value[i]) ++j;
    if (j - i >= frequent) {
      Key const key = key_of(s.value[i]);
      atoms.emplace_back(key, canonical(key + 1));
      in_atoms += j - i;
    }
    i = j;
  }
  Key from = bracket.low;
  double const expected = static_cast<double>(high - low - in_atoms) * s.rows_a_row / static_cast<double>(atoms.size() + 1);
  for (auto const& [key, next] : atoms) {
    edges.insert(edges.end(), {key, next});
    if (from < key) wide.emplace_back(Bracket{from, key}, expected);
    from = next;
  }
  if (from < bracket.high) wide.emplace_back(Bracket{from, bracket.high}, expected);
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

/// What the sample has in a bracket.
std::pair<const double*, const double*> Search::sampled(const Bracket& bracket, std::size_t term, std::size_t cell) const {
  if (samples_.empty()) return {nullptr, nullptr};
  auto const& s = samples_[term];
  auto const *begin = s.value.data() + s.first[cell], *end = s.value.data() + s.first[cell + 1];
  auto const* from = std::lower_bound(begin, end, value_of(bracket.low));
  return {from, bracket.high == past ? end : std::lower_bound(from, end, value_of(bracket.high))};
}

/// Edges inside brackets: at every k-th value that the sample has there, else where the bracket's keys are cut evenly, so that every
/// pass gets nearer whatever the values.
void Search::split(const std::vector<std::pair<std::size_t, Bracket>>& brackets, std::size_t term, Plan& plan) const {
  std::size_t inside = 0;
  for (auto const& [cell, bracket] : brackets) {
    auto const [from, to] = sampled(bracket, term, cell);
    inside += static_cast<std::size_t>(to - from);
  }
  auto const every = static_cast<std::ptrdiff_t>(inside / most_splits + 1);
  for (auto const& [cell, bracket] : brackets) {
    auto& edges = plan.edges[cell];
    edges.insert(edges.end(), {bracket.low, bracket.high});
    auto const [from, to] = sampled(bracket, term, cell);
    for (auto const* x = from; x < to; x += std::min(every, to - x)) {
      Key const key = key_of(*x);
      edges.push_back(key);
      if (x + 1 < to && x[1] == *x) edges.push_back(canonical(key + 1));  // a value that repeats has a bucket of its own
    }
    if (to - from > 1) continue;
    Key const step = (bracket.high - bracket.low) / (key_splits + 1) + 1;
    for (Key key = bracket.low + step; key < bracket.high && key > bracket.low; key += step) edges.push_back(canonical(key));
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
        if (!reaches(weight, mass)) mass = weight;
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

/// What rank 0 has of one bucket.
struct Collected {
  std::vector<double> value, weight;  // weight: empty where there are no weights
};

/// The values of a bucket's targets, in order of their masses.
std::vector<double> select_in(Collected& bucket, const std::vector<Target*>& targets) {
  std::vector<double> found;
  auto& values = bucket.value;
  if (bucket.weight.empty()) {
    // Each selection starts where the one before ended.
    std::ptrdiff_t from = 0;
    for (auto const* target : targets) {
      auto const rank = static_cast<std::ptrdiff_t>((target->mass - target->below).hi) - 1;
      auto const place = std::clamp(rank, from, static_cast<std::ptrdiff_t>(values.size()) - 1);
      std::nth_element(values.begin() + from, values.begin() + place, values.end());
      found.push_back(values[static_cast<std::size_t>(place)]);
      from = place;
    }
    return found;
  }
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
    return values[i] != values[j] ? values[i] < values[j] : bucket.weight[i] < bucket.weight[j];
  });
  DD sum = targets[0]->below + DD(bucket.weight[order[0]]);
  std::size_t at = 0;
  for (auto const* target : targets) {
    while (at + 1 < order.size() && !reaches(sum, target->mass)) sum += DD(bucket.weight[order[++at]]);
    found.push_back(values[order[at]]);
  }
  return found;
}

/// Collective. At rank 0 what all ranks have kept in the buckets that hold targets.
std::vector<Collected> collect(const KeptValues& kept, const std::vector<std::vector<Target*>>& wanted, Communicator& comm) {
  std::vector<Collected> out(wanted.size());
  auto const take = [&](std::size_t bucket, double value, const double* weight) {
    if (wanted[bucket].empty()) return;
    out[bucket].value.push_back(value);
    if (weight) out[bucket].weight.push_back(*weight);
  };
  if (comm.size() == 1) {
    for (std::size_t i = 0; i < kept.value.size(); ++i) take(kept.bucket[i], kept.value[i], kept.weight.empty() ? nullptr : &kept.weight[i]);
    return out;
  }
  std::size_t const width = kept.weight.empty() ? 2 : 3;
  std::int64_t weighted = width == 3;
  comm.all_sum(std::span(&weighted, 1));
  std::vector<double> mine;
  for (std::size_t i = 0; i < kept.value.size(); ++i) {
    if (wanted[kept.bucket[i]].empty()) continue;
    mine.insert(mine.end(), {static_cast<double>(kept.bucket[i]), kept.value[i]});
    if (weighted) mine.push_back(kept.weight[i]);
  }
  for (auto const& part : comm.gather(std::as_bytes(std::span(mine)))) {
    std::vector<double> theirs(part.size() / sizeof(double));
    if (!theirs.empty()) std::memcpy(theirs.data(), part.data(), part.size());
    for (std::size_t i = 0; i < theirs.size(); i += weighted ? 3 : 2)
      take(static_cast<std::size_t>(theirs[i]), theirs[i + 1], weighted ? &theirs[i + 2] : nullptr);
  }
  return out;
}

// Collective. The values collected in buckets that hold targets go to rank 0, which selects; all ranks get the answers.
void Search::select(std::vector<BucketCounts>& counts) {
  for (std::size_t t = 0; t < counts.size(); ++t) {
    auto const& kept = counts[t].kept();
    auto const& buckets = *plans_[t].buckets;
    std::vector<std::vector<Target*>> wanted(buckets.buckets());
    std::int64_t rows = 0;
    for (auto& target : targets_)
      if (target.term == t && !target.known && buckets.kept[target.bucket]) {
        if (wanted[target.bucket].empty()) rows += target.rows;
        wanted[target.bucket].push_back(&target);
      }
    if (rows == 0 || !kept.complete || static_cast<std::size_t>(rows) > 2 * request_.most_collected) continue;
    for (auto& targets : wanted)
      std::sort(targets.begin(), targets.end(), [](const Target* a, const Target* b) {
        return a->mass.hi != b->mass.hi ? a->mass.hi < b->mass.hi : a->mass.lo < b->mass.lo;
      });
    auto collected = collect(kept, wanted, comm_);
    std::vector<double> found;
    if (comm_.rank() == 0)
      for (std::size_t b = 0; b < wanted.size(); ++b)
        if (!wanted[b].empty()) {
          auto const here = select_in(collected[b], wanted[b]);
          found.insert(found.end(), here.begin(), here.end());
        }
    auto const bytes = std::as_bytes(std::span(found));
    Bytes all(bytes.begin(), bytes.end());
    comm_.broadcast(all);
    found.resize(all.size() / sizeof(double));
    if (!found.empty()) std::memcpy(found.data(), all.data(), all.size());
    std::size_t next = 0;
    for (auto const& targets : wanted)
      for (auto* target : targets) {
        target->known = true;
        target->value = found[next] == 0 ? 0.0 : found[next];
        ++next;
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

}  // namespace

std::vector<TermRanks> order_statistics(const RowSource& rows, const RankRequest& request, const RunOptions& run, Communicator& comm, Timing* timing) {
  return Search(rows, request, run, comm, timing).answer();
}

}  // namespace rxhpc::impl
