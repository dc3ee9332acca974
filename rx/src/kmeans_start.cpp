// Where the centres of k-means start.
#include <algorithm>
#include <cmath>

#include "kmeans_rows.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

constexpr int rounds = 5;           // of k-means||: Bahmani et al. find five enough
constexpr std::uint32_t streams = 16;  // of random numbers a start

using Row = RowSample::Row;

/// Rows of the table; the sample sees values as they are.
std::vector<Row> sample(const KMeansProblem& p, const KMeansOptions& options, RowSample::Spec spec, Communicator& comm, Timing& timing) {
  spec.rows = p.spec;
  spec.rows.shift.assign(p.spec.columns.size(), 0.0);
  spec.seed = options.seed;
  auto read = p.read;
  number_rows(p.row_number, read, spec);
  auto const found = sweep(p.rows, read, RowSample(std::move(spec)), options.run, comm, &timing);
  check_counts(found.valid(), found.infinite(), found.negative_weight(), options);
  return found.finalize();
}

void check_enough(std::size_t distinct, int clusters) {
  if (distinct < static_cast<std::size_t>(clusters))
    throw DataError("the complete rows hold " + std::to_string(distinct) + " distinct ones, fewer than the " + std::to_string(clusters) + " clusters asked for");
}

double squared_distance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t j = 0; j < a.size(); ++j) sum = std::fma(a[j] - b[j], a[j] - b[j], sum);
  return sum;
}

/// k of these rows: the first as they come, each other with a chance in proportion to weight times the squared distance from those before.
std::vector<double> spread(const std::vector<Row>& rows, const std::vector<double>& weight, int k, const KMeansOptions& options, std::uint32_t stream) {
  std::vector<double> nearest(rows.size(), INFINITY), centres;
  std::size_t next = 0;
  for (int c = 0; c < k; ++c) {
    if (c > 0) {
      double total = 0;
      for (std::size_t r = 0; r < rows.size(); ++r) total += weight[r] * nearest[r];
      double left = total * random_uniform(random_bits(options.seed, RandomPurpose::starting_centres, stream, static_cast<std::uint64_t>(c)));
      // the last row with a chance takes what rounding leaves
      for (std::size_t r = 0; r < rows.size(); ++r) {
        double const part = weight[r] * nearest[r];
        if (!(part > 0)) continue;
        next = r;
        if ((left -= part) < 0) break;
      }
    }
    centres.insert(centres.end(), rows[next].values.begin(), rows[next].values.end());
    for (std::size_t r = 0; r < rows.size(); ++r) nearest[r] = std::min(nearest[r], squared_distance(rows[r].values, rows[next].values));
  }
  return centres;
}

/// k-means||: rounds of 2 k rows drawn by their distance from all drawn so far, then k of these by the rows that each stands for.
std::vector<double> parallel_start(const KMeansProblem& p, const KMeansOptions& options, std::uint32_t stream, Communicator& comm, Timing& timing) {
  int const columns = static_cast<int>(p.spec.columns.size());
  std::vector<double> const unshifted(static_cast<std::size_t>(columns), 0.0);
  auto drawn = sample(p, options, {.size = 1, .stream = stream}, comm, timing);
  auto const centres = [&] {
    std::vector<double> values;
    for (auto const& r : drawn) values.insert(values.end(), r.values.begin(), r.values.end());
    return std::make_shared<const Centres>(columns, std::move(values), unshifted);
  };
  for (std::uint32_t round = 1; round <= rounds && !drawn.empty(); ++round) {
    auto more = sample(p, options,
                       {.size = 2LL * p.clusters, .order = RowSample::Order::far, .stream = stream + round, .centres = centres()}, comm, timing);
    if (more.empty()) break;
    drawn.insert(drawn.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  check_enough(drawn.size(), p.clusters);
  auto spec = p.spec;
  spec.shift = unshifted;
  spec.partial = false;
  auto const sums = sweep(p.rows, p.read, Centroids(spec, centres(), false), options.run, comm, &timing);
  std::vector<double> weight;
  for (int c = 0; c < static_cast<int>(drawn.size()); ++c) weight.push_back(sums.weight(c));
  return spread(drawn, weight, p.clusters, options, stream);
}

std::vector<double> values_of(const std::vector<Row>& rows, int k) {
  std::vector<double> values;
  for (int c = 0; c < k; ++c) values.insert(values.end(), rows[static_cast<std::size_t>(c)].values.begin(), rows[static_cast<std::size_t>(c)].values.end());
  return values;
}

}  // namespace

std::vector<double> starting_centres(const KMeansProblem& p, const KMeansOptions& options, int number, Communicator& comm, Timing& timing) {
  auto const stream = static_cast<std::uint32_t>(number) * streams;
  if (options.start == KMeansStart::parallel && options.num_starts > 0) return parallel_start(p, options, stream, comm, timing);
  bool const first = options.start == KMeansStart::first || options.num_starts == 0;
  bool const spread_out = options.start == KMeansStart::plus_plus && !first;
  std::int64_t const size = !spread_out ? p.clusters : options.num_start_rows > 0 ? options.num_start_rows : 10LL * p.clusters;
  auto const rows = sample(p, options, {.size = size, .order = first ? RowSample::Order::first : RowSample::Order::random, .stream = stream}, comm, timing);
  check_enough(rows.size(), p.clusters);
  return spread_out ? spread(rows, std::vector<double>(rows.size(), 1.0), p.clusters, options, stream) : values_of(rows, p.clusters);
}

void check_distinct_rows(const KMeansProblem& p, const KMeansOptions& options, Communicator& comm, Timing& timing) {
  if (p.spec.partial) return;
  check_enough(sample(p, options, {.size = p.clusters, .order = RowSample::Order::first}, comm, timing).size(), p.clusters);
}

std::vector<double> shift_of(const std::vector<double>& points, int columns) {
  auto const rows = points.size() / static_cast<std::size_t>(columns);
  std::vector<double> shift(static_cast<std::size_t>(columns), 0.0);
  for (int j = 0; j < columns; ++j) {
    double mean = 0, reach = 0;
    for (std::size_t r = 0; r < rows; ++r) mean += points[r * columns + j] / static_cast<double>(rows);
    for (std::size_t r = 0; r < rows; ++r) reach = std::max(reach, std::abs(points[r * columns + j] - mean));
    // Values within a factor of two of the shift lose nothing by it (Sterbenz); near zero there is nothing to win.
    if (std::isfinite(mean) && std::abs(mean) > 8 * reach && rows > 1) shift[static_cast<std::size_t>(j)] = mean;
  }
  return shift;
}

}  // namespace rxhpc::impl
