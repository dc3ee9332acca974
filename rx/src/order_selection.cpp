// Order statistics among the values that passes have collected.
#include "order_search.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace rxhpc::impl::order {

bool reaches(DD mass, DD wanted) {
  DD const difference = mass - wanted;
  return difference.hi >= -1e-25 * std::abs(wanted.hi);
}

namespace {

constexpr std::int64_t most_parts = 1 << 16, rows_a_part = 64, least_parts = 8;

/// A bucket in parts of equal width, by value where its ends are finite, else by key: order decides alone in which part a value is, as in its bucket.
struct Parts {
  std::size_t first = 0, count = 0;  // 0: nothing is wanted of the bucket
  double low = 0, scale = 0;         // scale 0: by key
  Key low_key = 0;
  int shift = 0;

  Parts() = default;
  Parts(const Bracket& bracket, std::size_t begin, std::size_t most) : first(begin), count(most), low(value_of(bracket.low)), low_key(bracket.low) {
    scale = static_cast<double>(most) / (value_of(bracket.high) - low);
    if (bracket.low > lowest && bracket.high < past && std::isfinite(scale) && scale > 0) return;
    scale = 0;
    Key const last = bracket.high - bracket.low - 1;
    while (last >> shift >= most) ++shift;
    count = static_cast<std::size_t>(last >> shift) + 1;
  }
  std::size_t of(double x) const {
    return first + (scale > 0 ? std::min(count - 1, static_cast<std::size_t>((x - low) * scale)) : static_cast<std::size_t>((key_of(x) - low_key) >> shift));
  }
};

/// Collective. Of the rows kept without weights in buckets that hold targets, those whose part holds one: so few that one rank selects among them.
/// The targets come by part then, in the order that they had in their buckets.
void narrow(KeptValues& kept, std::vector<std::vector<Target*>>& wanted, std::int64_t rows, Communicator& comm) {
  auto const buckets = std::count_if(wanted.begin(), wanted.end(), [](auto const& targets) { return !targets.empty(); });
  auto const each = std::min(most_parts, rows / rows_a_part) / buckets;
  if (each < least_parts) return;
  std::vector<Parts> parts(wanted.size());
  std::size_t all = 0;
  for (std::size_t b = 0; b < wanted.size(); ++b)
    if (!wanted[b].empty()) {
      parts[b] = Parts(wanted[b][0]->bracket, all, static_cast<std::size_t>(each));
      all += parts[b].count;
    }
  std::vector<std::int64_t> counts(all);
  for (std::size_t i = 0; i < kept.value.size(); ++i)
    if (auto const& p = parts[kept.bucket[i]]; p.count > 0) ++counts[p.of(kept.value[i])];
  comm.all_sum(counts);

  constexpr std::uint32_t none = UINT32_MAX;
  std::vector<std::uint32_t> place(all, none);
  std::vector<std::vector<Target*>> by_part;
  for (std::size_t b = 0; b < wanted.size(); ++b) {
    std::size_t part = parts[b].first;
    std::int64_t before = 0;
    for (auto* target : wanted[b]) {
      auto const rank = std::clamp(static_cast<std::int64_t>((target->mass - target->below).hi), std::int64_t(1), target->rows);
      while (before + counts[part] < rank) before += counts[part++];
      if (place[part] == none) {
        place[part] = static_cast<std::uint32_t>(by_part.size());
        by_part.emplace_back();
      }
      by_part[place[part]].push_back(target);
      target->below += DD(static_cast<double>(before));
      target->rows = counts[part];
    }
  }
  KeptValues out;
  for (std::size_t i = 0; i < kept.value.size(); ++i)
    if (auto const& p = parts[kept.bucket[i]]; p.count > 0)
      if (auto const to = place[p.of(kept.value[i])]; to != none) {
        out.bucket.push_back(to);
        out.value.push_back(kept.value[i]);
      }
  kept = std::move(out);
  wanted = std::move(by_part);
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
  std::vector<std::pair<double, double>> rows(values.size());  // value, weight
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = {values[i], bucket.weight[i]};
  std::sort(rows.begin(), rows.end());
  DD sum = targets[0]->below + DD(rows[0].second);
  std::size_t at = 0;
  for (auto const* target : targets) {
    while (at + 1 < rows.size() && !reaches(sum, target->mass)) sum += DD(rows[++at].second);
    found.push_back(rows[at].first);
  }
  return found;
}

/// By bucket, where it holds targets.
std::vector<Collected> sorted_out(const KeptValues& kept, const std::vector<std::vector<Target*>>& wanted) {
  std::vector<Collected> out(wanted.size());
  for (std::size_t b = 0; b < wanted.size() && !kept.value.empty(); ++b)
    if (!wanted[b].empty()) out[b].value.reserve(static_cast<std::size_t>(wanted[b][0]->rows));
  for (std::size_t i = 0; i < kept.value.size(); ++i) {
    auto const b = kept.bucket[i];
    if (wanted[b].empty()) continue;
    out[b].value.push_back(kept.value[i]);
    if (!kept.weight.empty()) out[b].weight.push_back(kept.weight[i]);
  }
  return out;
}

}  // namespace

KeptValues of_all_ranks(KeptValues mine, bool weighted, const std::function<bool(std::size_t bucket)>& wanted, bool everywhere, Communicator& comm) {
  if (comm.size() == 1) return mine;
  std::vector<double> rows;
  for (std::size_t i = 0; i < mine.value.size(); ++i) {
    if (!wanted(mine.bucket[i])) continue;
    rows.insert(rows.end(), {static_cast<double>(mine.bucket[i]), mine.value[i]});
    if (weighted) rows.push_back(mine.weight[i]);
  }
  Bytes all;
  for (auto const& part : comm.gather(std::as_bytes(std::span(rows)))) all.insert(all.end(), part.begin(), part.end());
  if (everywhere) comm.broadcast(all);
  rows.resize(all.size() / sizeof(double));
  if (!rows.empty()) std::memcpy(rows.data(), all.data(), all.size());
  KeptValues out;
  for (std::size_t i = 0; i < rows.size(); i += weighted ? 3 : 2) {
    out.bucket.push_back(static_cast<std::uint32_t>(rows[i]));
    out.value.push_back(rows[i + 1]);
    if (weighted) out.weight.push_back(rows[i + 2]);
  }
  return out;
}

// Collective. Of the values collected, those near targets go to rank 0, which selects; all ranks get the answers.
void Search::select(std::vector<BucketCounts>& counts) {
  bool const weighted = request_.weight >= 0;
  for (std::size_t t = 0; t < counts.size(); ++t) {
    auto& kept = counts[t].kept();
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
    if (!weighted) narrow(kept, wanted, rows, comm_);
    auto collected = sorted_out(of_all_ranks(std::move(kept), weighted, [&](std::size_t b) { return !wanted[b].empty(); }, false, comm_), wanted);
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

}  // namespace rxhpc::impl::order
