// The search for order statistics: a sample guesses, passes count and collect, rank 0 selects.
#pragma once
#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "bucket_pass.hpp"
#include "order_statistics.hpp"

namespace rxhpc::impl::order {

/// Doubles as integers of the same order; the two zeros are one.
using Key = std::uint64_t;
inline constexpr Key sign = Key(1) << 63;
inline Key key_of(double x) {
  auto const bits = std::bit_cast<Key>(x == 0 ? 0.0 : x);
  return bits & sign ? ~bits : bits | sign;
}
inline double value_of(Key key) {
  double const x = std::bit_cast<double>(key & sign ? key ^ sign : ~key);
  return x == 0 ? 0.0 : x;
}
inline Key canonical(Key key) { return key == sign - 1 ? sign : key; }  // the place of -0 between the numbers stays empty
inline Key const lowest = key_of(-std::numeric_limits<double>::infinity()), past = key_of(std::numeric_limits<double>::infinity()) + 1;

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
  std::vector<double> value;       // ascending in each cell
  std::vector<double> up_to;       // weight of the cell's rows up to this one
  std::vector<double> effective;   // [cells] (sum w)^2 / sum w^2
  double rows_a_row = 1;           // rows of the table for one of the sample
};

std::size_t cells_of(const RankTerm& t);

/// Masses are equal where they agree to 25 digits: sums of weights are exact, their products with ranks are not.
bool reaches(DD mass, DD wanted);

/// Collective. What all ranks have kept in the buckets that are wanted, rank after rank: on rank 0, or everywhere. A single rank keeps what it has.
KeptValues of_all_ranks(KeptValues mine, bool weighted, const std::function<bool(std::size_t bucket)>& wanted, bool everywhere, Communicator& comm);

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

}  // namespace rxhpc::impl::order
