#include "rxhpc/row_sample.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace rxhpc {
namespace {

constexpr double none = std::numeric_limits<double>::infinity();  // key of a place that is not taken

bool before(const RowSample::Row& a, const RowSample::Row& b) { return a.key != b.key ? a.key < b.key : a.number < b.number; }

std::uint64_t hash_of(const std::vector<double>& values) {
  std::uint64_t h = 0;
  for (double v : values) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &v, sizeof bits);
    h = (h ^ bits) * 0x9E3779B97F4A7C15u;
    h ^= h >> 29;
  }
  return h;
}

}  // namespace

RowSample::RowSample(Spec spec) : spec_(std::move(spec)) { spec_.rows.partial = false; }

void RowSample::reset() {
  std::fill(counts_, counts_ + 4, 0);
  rows_.clear();
  known_.clear();
}

double RowSample::key_of(std::int64_t number, const double* pack, int lane, double weight, std::int32_t label) const {
  if (spec_.order == Order::first) return static_cast<double>(number);
  double const u = random_uniform(random_bits(spec_.seed, spec_.purpose, spec_.stream, static_cast<std::uint64_t>(number)));
  if (spec_.order == Order::far) weight *= spec_.centres->squared_distance(pack, lane, label);
  return weight > 0 ? -std::log(u) / weight : none;
}

/// Takes the row in its place, unless the same values are there with a smaller key.
void RowSample::offer(Row&& row) {
  auto const hash = hash_of(row.values);
  auto const same = [&](const Row& other) { return other.values == row.values; };
  auto twin = rows_.end();
  if (auto const known = known_.find(hash); known != known_.end()) {
    twin = std::lower_bound(rows_.begin(), rows_.end(), Row{known->second.first, known->second.second, {}}, before);
    if (!same(*twin)) twin = std::find_if(rows_.begin(), rows_.end(), same);  // other values with the same hash
  }
  if (twin != rows_.end()) {
    if (before(*twin, row)) return;
    rows_.erase(twin);
  }
  known_[hash] = {row.key, row.number};
  rows_.insert(std::lower_bound(rows_.begin(), rows_.end(), row, before), std::move(row));
  if (static_cast<std::int64_t>(rows_.size()) <= spec_.size) return;
  known_.erase(hash_of(rows_.back().values));
  rows_.pop_back();
}

void RowSample::update(const Chunk& chunk) {
  std::vector<std::int32_t> label;
  int const p = static_cast<int>(spec_.rows.columns.size());
  for (std::int64_t first = 0; first < chunk.rows; first += Centroids::block_rows) {
    packs_.assign(chunk, first, std::min(Centroids::block_rows, chunk.rows - first), spec_.rows);
    counts_[0] += packs_.valid();
    counts_[1] += packs_.missing();
    counts_[2] += packs_.infinite();
    counts_[3] += packs_.negative_weight();
    if (spec_.order == Order::far) {
      label.resize(static_cast<std::size_t>(8 * packs_.packs()));
      spec_.centres->nearest(packs_, 0, packs_.packs(), label.data());
    }
    for (std::int64_t b = 0; b < packs_.packs(); ++b)
      for (int i = 0; i < 8; ++i) {
        if (!(packs_.present(b) >> i & 1u)) continue;
        std::int64_t const row_in_chunk = first + 8 * b + i;
        auto const number = spec_.number < 0 ? chunk.first_row + row_in_chunk
                                             : static_cast<std::int64_t>(chunk.columns[static_cast<std::size_t>(spec_.number)].value(row_in_chunk)) - 1;
        auto const* w = packs_.weight(b);
        Row row{key_of(number, packs_.pack(b), i, w ? w[i] : 1.0, label.empty() ? 0 : label[static_cast<std::size_t>(8 * b + i)]), number, {}};
        if (row.key == none || (static_cast<std::int64_t>(rows_.size()) == spec_.size && !before(row, rows_.back()))) continue;
        for (int j = 0; j < p; ++j) row.values.push_back(packs_.pack(b)[8 * j + i] + 0.0);  // -0 and 0 are one value
        offer(std::move(row));
      }
  }
}

std::vector<RowSample::Row> RowSample::finalize() const { return rows_; }

std::size_t RowSample::packed_size() const { return 4 + static_cast<std::size_t>(spec_.size) * width(); }

void RowSample::pack(std::span<double> out) const {
  std::memcpy(out.data(), counts_, sizeof counts_);
  for (std::size_t r = 0; r < static_cast<std::size_t>(spec_.size); ++r) {
    double* const to = out.data() + 4 + r * width();
    std::fill_n(to, width(), 0.0);
    to[0] = none;
    if (r >= rows_.size()) continue;
    to[0] = rows_[r].key;
    std::memcpy(to + 1, &rows_[r].number, sizeof(double));
    std::copy(rows_[r].values.begin(), rows_[r].values.end(), to + 2);
  }
}

void RowSample::unpack(std::span<double const> in) {
  std::memcpy(counts_, in.data(), sizeof counts_);
  rows_.clear();
  known_.clear();
  for (std::size_t r = 0; r < static_cast<std::size_t>(spec_.size); ++r) {
    const double* const from = in.data() + 4 + r * width();
    if (from[0] == none) break;
    Row row{from[0], 0, {from + 2, from + width()}};
    std::memcpy(&row.number, from + 1, sizeof(double));
    known_[hash_of(row.values)] = {row.key, row.number};
    rows_.push_back(std::move(row));
  }
}

void RowSample::merge(std::span<double> into, std::span<double const> from) const {
  RowSample a(spec_), b(spec_);
  a.unpack(into);
  b.unpack(from);
  for (int k = 0; k < 4; ++k) a.counts_[k] += b.counts_[k];
  for (auto& row : b.rows_)
    if (static_cast<std::int64_t>(a.rows_.size()) < spec_.size || before(row, a.rows_.back())) a.offer(std::move(row));
  a.pack(into);
}

}  // namespace rxhpc
