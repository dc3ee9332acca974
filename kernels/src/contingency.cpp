#include "rxhpc/contingency.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <type_traits>
#include <utility>

#include "ahead.hpp"
#include "cell_places.hpp"
#include "contingency_block.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/packed_counts.hpp"

namespace rxhpc {
namespace {

constexpr int tile_rows = impl::contingency_tile;
constexpr std::int64_t most_small = (1 << 16) - 2;  // cells whose places have 16 bits
constexpr std::int64_t most_dense = (std::int64_t(1) << 31) - 2;

/// Which rows of a tile are left out.
struct LeftOut {
  bool any = false;
  alignas(64) std::uint32_t row[tile_rows];  // not 0: left out; undefined where there are none
  std::uint32_t* rows(int count) {
    if (!std::exchange(any, true)) std::fill(row, row + count, 0u);
    return row;
  }
};

/// Adds codes to keys of mixed radix, or begins them at `least`. A code that is no level is the last level, or leaves its row out.
template <bool First, class Code, class Key>
void add_codes(const Code* codes, int rows, std::uint32_t levels, bool missing_level, Key step, Key least, Key* key, LeftOut& out) {
  auto const code = [codes](int i) { return static_cast<std::uint32_t>(static_cast<std::int32_t>(codes[i])); };  // a negative one is no level
  using Wrapping = std::conditional_t<sizeof(Key) < sizeof(unsigned), unsigned, Key>;  // a code that is no level may run over
  auto const add = [&](int i, std::uint32_t c) { key[i] = static_cast<Key>((First ? least : key[i]) + static_cast<Wrapping>(c) * step); };
  if (missing_level) {
    for (int i = 0; i < rows; ++i) add(i, std::min(code(i), levels - 1));
    return;
  }
  // a negative code is beyond half of what its bits can say
  using Bits = std::make_unsigned_t<Code>;
  Bits most = 0;
  for (int i = 0; i < rows; i += static_cast<int>(64 / sizeof(Code))) impl::ask_ahead(codes + i);
  for (int i = 0; i < rows; ++i) {
    most = std::max(most, static_cast<Bits>(codes[i]));
    add(i, code(i));
  }
  if (most < levels && most <= static_cast<Bits>(std::numeric_limits<Code>::max())) return;
  auto* const left_out = out.rows(rows);
  for (int i = 0; i < rows; ++i) left_out[i] |= code(i) >= levels ? 1u : 0u;
}

/// Keys of a tile, counted from `least`. Codes are taken as they lie where that can be.
template <class Key>
void keys_of(const ContingencySpec& spec, const Chunk& chunk, std::int64_t first, int rows, Key least, Key* key, std::int32_t* buffer, LeftOut& out) {
  if (spec.factors.empty()) std::fill(key, key + rows, least);
  Key step = 1;
  for (std::size_t f = 0; f < spec.factors.size(); ++f) {
    auto const add = [&](const auto* codes) {
      auto const levels = static_cast<std::uint32_t>(spec.levels[f]);
      bool const missing_level = spec.missing_level[f] != 0;
      if (f == 0) add_codes<true>(codes, rows, levels, missing_level, step, least, key, out);
      else add_codes<false>(codes, rows, levels, missing_level, step, least, key, out);
    };
    auto const& c = chunk.columns[static_cast<std::size_t>(spec.factors[f])];
    bool const as_they_lie = c.stride == 1 && c.missing < 0;
    if (as_they_lie && c.storage == Storage::int8) {
      add(static_cast<const std::int8_t*>(c.data) + first);
    } else if (as_they_lie && c.storage == Storage::int16) {
      add(static_cast<const std::int16_t*>(c.data) + first);
    } else {
      load_codes(c, first, rows, buffer);
      add(buffer);
    }
    step *= static_cast<Key>(spec.levels[f]);
  }
}

/// Doubles as they lie, or loaded into the buffer.
const double* values_of(const Column& c, std::int64_t first, int rows, double* buffer) {
  if (c.side_by_side_doubles()) return static_cast<const double*>(c.data) + first;
  load_values(c, first, rows, buffer);
  return buffer;
}

/// Largest |x|, as bits, or what the column says of all its values where that is below `enough`; where a value is missing, its row is left out.
std::uint64_t leave_missing_out(const Column& c, double enough, const double* x, int rows, LeftOut& out) {
  if (c.bound < enough) return std::bit_cast<std::uint64_t>(c.bound);
  auto const largest = impl::largest_bits(x, rows);
  if (largest <= std::bit_cast<std::uint64_t>(std::numeric_limits<double>::infinity())) return largest;
  auto* const left_out = out.rows(rows);
  for (int i = 0; i < rows; ++i) left_out[i] |= x[i] != x[i] ? 1u : 0u;
  return largest;
}

impl::Wide product_of(const std::vector<std::int64_t>& levels) {
  constexpr auto most = static_cast<impl::Wide>(1) << 120;
  impl::Wide cells = 1;
  for (auto k : levels) {
    if (k < 1) throw UsageError("a factor without levels has no cells");
    if (cells > most / static_cast<impl::Wide>(k)) throw UsageError("the product of the levels is beyond 2^120 cells");
    cells *= static_cast<impl::Wide>(k);
  }
  return cells;
}

std::vector<std::vector<int>> planes_in_use(const std::vector<ExactSums>& sums) {
  std::vector<std::vector<int>> used(sums.size());
  for (std::size_t s = 0; s < sums.size(); ++s)
    for (int p = 0; p < ExactSums::planes; ++p)
      if (sums[s].has(p)) used[s].push_back(p);
  return used;
}

}  // namespace

Contingency::Contingency(ContingencySpec spec) : spec_(std::move(spec)) {
  if (spec_.levels.size() != spec_.factors.size() || spec_.missing_level.size() != spec_.factors.size())
    throw UsageError("Contingency: one number of levels and one rule for missing codes a factor are needed");
  auto const cells = product_of(spec_.levels);
  for (auto k : spec_.levels)
    if (k > most_dense) throw UsageError("a factor has too many levels");
  if (!spec_.sparse && cells > static_cast<impl::Wide>(most_dense)) throw UsageError("the product of the levels is beyond 2147483646 cells; a sparse table holds those that occur");
  if (spec_.sparse) places_ = std::make_unique<impl::CellPlaces>(cells > (static_cast<impl::Wide>(1) << 63));
  else cells_ = static_cast<std::int64_t>(cells);
  rows_.assign(static_cast<std::size_t>(cells_) + 1, 0);
  sums_.assign(static_cast<std::size_t>(summed()), ExactSums(rows_.size()));
  block_ = std::make_unique<impl::CellBlock>(summed(), spec_.sparse);
}

Contingency::Contingency(const Contingency& o)
    : spec_(o.spec_), cells_(o.cells_), rows_(o.rows_), sums_(o.sums_), block_(std::make_unique<impl::CellBlock>(*o.block_)),
      places_(o.places_ ? std::make_unique<impl::CellPlaces>(*o.places_) : nullptr) {
  std::copy(o.counters_, o.counters_ + counters, counters_);
}
Contingency::Contingency(Contingency&&) noexcept = default;
Contingency& Contingency::operator=(Contingency&&) noexcept = default;
Contingency::~Contingency() = default;

void Contingency::reset() {
  std::fill(counters_, counters_ + counters, 0);
  block_->clear();
  if (places_) {
    places_->clear();
    rows_.assign(1, 0);
    for (auto& s : sums_) s.resize(1);
  }
  std::fill(rows_.begin(), rows_.end(), 0);
  for (auto& s : sums_) s.reset();
}

/// Room in everything for the places there are.
void Contingency::make_room() {
  auto const places = places_ ? places_->places() : static_cast<std::size_t>(cells_) + 1;
  block_->reserve(places);
  if (rows_.size() >= places) return;
  auto const more = std::max(places, rows_.size() + rows_.size() / 2);
  rows_.resize(more);
  for (auto& s : sums_) s.resize(more);
}

/// Memory of a tile at work.
struct Contingency::Work {
  LeftOut out;
  alignas(64) std::uint32_t place[tile_rows];
  alignas(64) std::uint16_t small[tile_rows];  // places of a small table
  alignas(64) std::int32_t code[tile_rows];
  std::vector<std::uint64_t> narrow;  // keys of a sparse table
  std::vector<impl::Wide> wide;
  std::vector<double> buffer;          // [summed + 1][tile]
  std::vector<const double*> x;        // [summed]
  std::vector<std::uint64_t> largest;  // [summed]
};

void Contingency::update_rows(const Chunk& chunk, std::int64_t first, std::int64_t rows) {
  if (!work_) {
    work_ = std::make_unique<Work>();
    auto const n = static_cast<std::size_t>(summed());
    work_->narrow.resize(places_ && !places_->wide() ? tile_rows : 0);
    work_->wide.resize(places_ && places_->wide() ? tile_rows : 0);
    work_->buffer.resize((n + 1) * tile_rows);
    work_->x.resize(n);
    work_->largest.resize(n);
  }
  if (rows > 0 && !places_) make_room();
  // memory traffic: the columns once; tiles stay in the first cache
  for (auto const last = first + rows; first < last; first += tile_rows) add_tile(chunk, first, static_cast<int>(std::min<std::int64_t>(tile_rows, last - first)));
}

void Contingency::add_tile(const Chunk& chunk, std::int64_t first, int rows) {
  auto& t = *work_;
  auto* const place = t.place;
  bool const weighted = spec_.weight >= 0;
  t.out.any = false;
  bool const small = !places_ && cells_ <= most_small;
  if (small) keys_of(spec_, chunk, first, rows, std::uint16_t(1), t.small, t.code, t.out);
  else if (!places_) keys_of(spec_, chunk, first, rows, 1u, place, t.code, t.out);
  else if (places_->wide()) keys_of(spec_, chunk, first, rows, impl::Wide(0), t.wide.data(), t.code, t.out);
  else keys_of(spec_, chunk, first, rows, std::uint64_t(0), t.narrow.data(), t.code, t.out);

  double* buffer = t.buffer.data();
  const double* w = nullptr;
  if (weighted) {
    auto const& c = chunk.columns[static_cast<std::size_t>(spec_.weight)];
    w = t.x[0] = values_of(c, first, rows, buffer);
    t.largest[0] = leave_missing_out(c, block_->fast_below(0), w, rows, t.out);
    buffer += tile_rows;
  }
  for (std::size_t v = 0; v < spec_.values.size(); ++v, buffer += tile_rows) {
    auto const& c = chunk.columns[static_cast<std::size_t>(spec_.values[v])];
    auto const* const column = values_of(c, first, rows, buffer);
    t.largest[v + weighted] = leave_missing_out(c, block_->fast_below(static_cast<int>(v + weighted)), column, rows, t.out);
    t.x[v + weighted] = column;
    if (!weighted) continue;
    for (int i = 0; i < rows; ++i) buffer[i] = column[i] * w[i];
    t.largest[v + 1] = impl::largest_bits(buffer, rows);
    t.x[v + 1] = buffer;
  }
  if (t.out.any) counters_[0] += std::accumulate(t.out.row, t.out.row + rows, std::int64_t(0));
  if (weighted) weigh(w, rows);

  auto const add = [&](auto* at) {
    if (!places_ && t.out.any)
      for (int i = 0; i < rows; ++i) at[i] = t.out.row[i] ? 0 : at[i];
    block_->add(at, rows, t.x.data(), t.largest.data(), rows_, sums_);
  };
  if (small) return add(t.small);
  if (places_) {
    auto const* const out = t.out.rows(rows);
    if (places_->wide()) places_->wide_table().find(t.wide.data(), out, rows, place);
    else places_->narrow_table().find(t.narrow.data(), out, rows, place);
    make_room();
  }
  add(place);
}

/// Rows of weight 0 are no rows at all, others without a finite positive weight are refused.
void Contingency::weigh(const double* w, int rows) {
  for (int i = 0; i < rows; ++i) {
    if ((w[i] > 0 && !std::isinf(w[i])) || w[i] != w[i]) continue;
    auto* const out = work_->out.rows(rows);
    counters_[0] -= out[i];
    counters_[1] += w[i] != 0;
    out[i] = 1;
  }
}

void Contingency::flush() const { block_->flush(rows_, sums_); }

std::size_t Contingency::packed_size() const {
  return counters + static_cast<std::size_t>(cells_) * (1 + static_cast<std::size_t>(summed()) * ExactSums::planes);
}

void Contingency::pack(std::span<double> out) const {
  flush();
  std::vector<std::int64_t> all(counters_, counters_ + counters);
  all.insert(all.end(), rows_.begin() + 1, rows_.begin() + 1 + cells_);
  for (auto const& s : sums_)
    for (int p = 0; p < ExactSums::planes; ++p)
      for (std::size_t c = 1; c <= static_cast<std::size_t>(cells_); ++c) all.push_back(s.digit(p, c));
  std::memcpy(out.data(), all.data(), all.size() * sizeof(double));
}

void Contingency::unpack(std::span<double const> in) {
  reset();
  std::vector<std::int64_t> all(packed_size());
  std::memcpy(all.data(), in.data(), all.size() * sizeof(double));
  auto const* next = all.data();
  for (auto& c : counters_) c = *next++;
  for (std::size_t c = 1; c <= static_cast<std::size_t>(cells_); ++c) rows_[c] = *next++;
  for (auto& s : sums_)
    for (int p = 0; p < ExactSums::planes; ++p)
      for (std::size_t c = 1; c <= static_cast<std::size_t>(cells_); ++c) s.set_digit(p, c, *next++);
}

void Contingency::merge(std::span<double> into, std::span<double const> from) const {
  add_packed_counts(into, from, into.size());
}

void Contingency::add(const Contingency& other) {
  flush();
  other.flush();
  make_room();
  for (int k = 0; k < counters; ++k) counters_[k] += other.counters_[k];
  auto const used = planes_in_use(other.sums_);
  for (std::uint32_t p = 1; p < other.rows_.size(); ++p) {
    if (other.rows_[p] == 0) continue;
    auto const at = places_ ? places_->place_of(other.key(p)) : p;
    if (places_) make_room();
    rows_[at] += other.rows_[p];
    for (std::size_t s = 0; s < sums_.size(); ++s)
      for (int d : used[s]) sums_[s].add_digit(d, at, other.sums_[s].digit(d, p));
  }
}

// A part: counters (0 but in part 0), then per cell its key, rows, and (plane, digit) of what is not 0, closed by plane -1, for each sum.
std::vector<std::vector<std::int64_t>> Contingency::parts(int count) const {
  flush();
  std::vector<std::vector<std::int64_t>> all(static_cast<std::size_t>(count), std::vector<std::int64_t>(counters, 0));
  std::copy(counters_, counters_ + counters, all[0].begin());
  auto const used = planes_in_use(sums_);
  for (std::uint32_t p = 1; p < rows_.size(); ++p) {
    if (rows_[p] == 0) continue;
    auto const k = key(p);
    auto& to = all[impl::hash_of(k.low ^ impl::hash_of(k.high)) % static_cast<std::uint64_t>(count)];
    to.insert(to.end(), {static_cast<std::int64_t>(k.low), static_cast<std::int64_t>(k.high), rows_[p]});
    for (std::size_t s = 0; s < sums_.size(); ++s) {
      for (int d : used[s])
        if (auto const digit = sums_[s].digit(d, p); digit != 0) to.insert(to.end(), {d, digit});
      to.push_back(-1);
    }
  }
  return all;
}

void Contingency::add_part(std::span<const std::int64_t> part) {
  if (part.empty()) return;
  flush();
  make_room();
  for (int k = 0; k < counters; ++k) counters_[k] += part[static_cast<std::size_t>(k)];
  for (std::size_t at = counters; at < part.size();) {
    CellKey const k{static_cast<std::uint64_t>(part[at]), static_cast<std::uint64_t>(part[at + 1])};
    auto const p = places_ ? places_->place_of(k) : place_of(k.low);
    if (places_) make_room();
    rows_[p] += part[at + 2];
    at += 3;
    for (auto& s : sums_) {
      for (; part[at] >= 0; at += 2) s.add_digit(static_cast<int>(part[at]), p, part[at + 1]);
      ++at;
    }
  }
}

std::vector<std::uint32_t> Contingency::occupied() const {
  flush();
  std::vector<std::uint32_t> places;
  for (std::uint32_t p = 1; p < rows_.size(); ++p)
    if (rows_[p] != 0) places.push_back(p);
  if (places_) std::sort(places.begin(), places.end(), [&](auto a, auto b) { return key(a) < key(b); });
  return places;
}

CellKey Contingency::key(std::uint32_t place) const { return places_ ? places_->key(place) : CellKey{place - 1u, 0}; }
std::int64_t Contingency::rows(std::uint32_t place) const {
  flush();
  return rows_[place];
}
DD Contingency::weight(std::uint32_t place) const { return spec_.weight < 0 ? DD(static_cast<double>(rows(place))) : (flush(), sums_[0].value(place)); }
DD Contingency::sum(int value, std::uint32_t place, int scale) const {
  flush();
  return sums_[static_cast<std::size_t>(value + (spec_.weight >= 0 ? 1 : 0))].value(place, scale);
}

}  // namespace rxhpc
