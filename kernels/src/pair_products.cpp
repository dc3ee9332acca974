#include "rxhpc/pair_products.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "rank_k.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/packed_counts.hpp"

namespace rxhpc {
namespace {

constexpr int tile_rows = 256;

/// The columns of a tile as x^2, x and m, each [columns][tile_rows], and the rounding errors of the left factors (exact only).
class PairTile {
 public:
  PairTile(const PairProductSpec& spec, int columns)
      : spec_(spec),
        columns_(columns),
        exact_(spec.precision == Precision::exact),
        storage_(std::size_t(columns) * tile_rows * (exact_ ? 4 : 3) + tile_rows),
        value_(tile_rows),
        next_(tile_rows),
        cell_(tile_rows),
        code_(tile_rows) {
    for (int k = 0; k < 3 * columns; ++k) right_.push_back(storage_.data() + std::size_t(k) * tile_rows);
    double* const zeros = storage_.data() + storage_.size() - tile_rows;
    for (int k = 0; k < 3 * columns && exact_; ++k)
      error_.push_back(k < columns ? storage_.data() + std::size_t(3 * columns + k) * tile_rows : zeros);
  }
  PairTile(const PairTile&) = delete;

  void read(const Chunk& chunk, std::int64_t first, int rows, std::int64_t* counts) {
    int column = 0;
    std::vector<char> any(rows, 0);
    for (auto const& term : spec_.terms) {
      load(term, chunk, first, rows, counts);
      for (int i = 0; i < rows; ++i) any[i] |= !std::isnan(value_[i]);
      for (std::int64_t c = 0; c < term.cells(); ++c) fill(column++, static_cast<std::int32_t>(c), term.factors.empty(), rows);
    }
    counts[0] += rows;
    counts[1] += std::count(any.begin(), any.end(), 1);
  }
  const double* const* columns() const { return right_.data(); }
  const double* const* errors() const { return exact_ ? error_.data() : nullptr; }

 private:
  /// The term's product, NaN where a part of it is missing, and the row's cell.
  void load(const DesignTerm& term, const Chunk& chunk, std::int64_t first, int rows, std::int64_t* counts) {
    std::fill_n(value_.begin(), rows, 1.0);
    std::fill_n(cell_.begin(), rows, 0);
    for (std::size_t k = 0; k < term.numeric.size(); ++k) {
      load_values(chunk.columns[term.numeric[k]], first, rows, next_.data());
      for (int i = 0; i < rows; ++i) value_[i] *= next_[i];
    }
    for (int i = 0; i < rows; ++i)
      if (std::isinf(value_[i])) ++counts[2], value_[i] = std::nan("");
    std::int32_t radix = 1;
    for (std::size_t f = 0; f < term.factors.size(); ++f) {
      load_codes(chunk.columns[term.factors[f]], first, rows, code_.data());
      for (int i = 0; i < rows; ++i) {
        bool const present = static_cast<std::uint32_t>(code_[i]) < static_cast<std::uint32_t>(term.levels[f]);
        if (!present) value_[i] = std::nan("");
        cell_[i] += present ? radix * code_[i] : 0;
      }
      radix *= term.levels[f];
    }
  }

  void fill(int column, std::int32_t cell, bool every_row, int rows) {
    double *const q = array(column), *const x = array(columns_ + column), *const m = array(2 * columns_ + column);
    double* const error = exact_ ? array(3 * columns_ + column) : nullptr;
    double const shift = spec_.shift.empty() ? 0 : spec_.shift[column];
    int const end = (rows + 7) / 8 * 8;
    for (int i = 0; i < rows; ++i) {
      bool const present = value_[i] == value_[i];
      double const v = every_row || cell_[i] == cell ? value_[i] : 0.0;
      m[i] = present ? 1.0 : 0.0;
      x[i] = present ? v - shift : 0.0;
      q[i] = x[i] * x[i];
    }
    for (int i = 0; i < rows && error; ++i) error[i] = std::fma(x[i], x[i], -q[i]);
    for (int i = rows; i < end; ++i) q[i] = x[i] = m[i] = 0;
    for (int i = rows; i < end && error; ++i) error[i] = 0;
  }
  double* array(int k) { return storage_.data() + std::size_t(k) * tile_rows; }

  const PairProductSpec& spec_;
  int columns_;
  bool exact_;
  std::vector<double> storage_, value_, next_;
  std::vector<std::int32_t> cell_, code_;
  std::vector<const double*> right_, error_;
};

}  // namespace

PairProducts::PairProducts(PairProductSpec spec) : spec_(std::move(spec)) {
  std::int64_t columns = 0;
  for (auto const& t : spec_.terms) columns += t.cells();
  if (columns < 1 || columns > 20000) throw UsageError("pairs of " + std::to_string(columns) + " columns cannot be held");
  columns_ = static_cast<int>(columns);
  if (spec_.precision == Precision::exact) spec_.shift.clear();
  if (!spec_.shift.empty() && static_cast<int>(spec_.shift.size()) != columns_) throw UsageError("pair products: one shift a column is needed");
  std::size_t const pairs = std::size_t(columns_) * columns_;
  counts_.assign(3 + pairs, 0);
  hi_.assign(3 * pairs, 0.0);
  if (spec_.precision == Precision::exact) lo_.assign(3 * pairs, 0.0);
}

void PairProducts::reset() {
  std::fill(counts_.begin(), counts_.end(), 0);
  std::fill(hi_.begin(), hi_.end(), 0.0);
  std::fill(lo_.begin(), lo_.end(), 0.0);
}

void PairProducts::update(const Chunk& chunk) {
  bool const exact = !lo_.empty();
  int const p = columns_;
  // x^2 meets m alone; x meets x and m, m meets m: 3 p^2 products a row instead of 4.5
  impl::RankK sums(3 * p, exact, exact, tile_rows, p, 2 * p);
  PairTile tile(spec_, p);
  // One pass over the columns used; a tile stays in the first caches for all its products
  for (std::int64_t first = 0; first < chunk.rows; first += tile_rows) {
    int const rows = static_cast<int>(std::min<std::int64_t>(tile_rows, chunk.rows - first));
    tile.read(chunk, first, rows, counts_.data());
    sums.add(tile.columns(), tile.errors(), tile.columns(), rows);
  }
  std::size_t const all = std::size_t(3 * p) * (3 * p + 1) / 2, pairs = std::size_t(p) * p;
  std::vector<double> hi(all, 0.0), lo(exact ? all : 0, 0.0);
  sums.flush(hi.data(), lo.data());
  auto const place = [&](int i, int j) { return std::size_t(i) * (3 * p) - std::size_t(i) * (i - 1) / 2 + (j - i); };
  auto const add = [&](int block, int i, int j, std::size_t from) {
    std::size_t const to = block * pairs + at(i, j);
    if (!exact) {
      hi_[to] += hi[from];
      return;
    }
    DD const s = DD(hi_[to], lo_[to]) + DD(hi[from], lo[from]);
    hi_[to] = s.hi;
    lo_[to] = s.lo;
  };
  for (int i = 0; i < p; ++i)
    for (int j = 0; j < p; ++j) {
      int const a = std::min(i, j), b = std::max(i, j);
      counts_[3 + at(i, j)] += std::llround(hi[place(2 * p + a, 2 * p + b)]);
      add(0, i, j, place(p + i, 2 * p + j));
      add(1, i, j, place(i, 2 * p + j));
      add(2, i, j, place(p + a, p + b));
    }
}

void PairProducts::pack(std::span<double> out) const {
  std::memcpy(out.data(), counts_.data(), counts_.size() * sizeof(double));
  std::copy(hi_.begin(), hi_.end(), out.begin() + std::ptrdiff_t(counts_.size()));
  std::copy(lo_.begin(), lo_.end(), out.begin() + std::ptrdiff_t(counts_.size() + hi_.size()));
}

void PairProducts::unpack(std::span<double const> in) {
  std::memcpy(counts_.data(), in.data(), counts_.size() * sizeof(double));
  std::copy_n(in.begin() + std::ptrdiff_t(counts_.size()), hi_.size(), hi_.begin());
  std::copy_n(in.begin() + std::ptrdiff_t(counts_.size() + hi_.size()), lo_.size(), lo_.begin());
}

void PairProducts::merge(std::span<double> into, std::span<double const> from) const {
  add_packed_counts(into, from, counts_.size());
  std::size_t const sums = hi_.size();
  double *const hi = into.data() + counts_.size(), *const lo = hi + sums;
  double const *const hi_from = from.data() + counts_.size(), *const lo_from = hi_from + sums;
  for (std::size_t k = 0; k < sums; ++k) {
    if (lo_.empty()) {
      hi[k] += hi_from[k];
      continue;
    }
    DD const s = DD(hi[k], lo[k]) + DD(hi_from[k], lo_from[k]);
    hi[k] = s.hi;
    lo[k] = s.lo;
  }
}

DD PairProducts::distance(int i, int j) const { return n(i, j) ? sum(0, i, j) / DD(static_cast<double>(n(i, j))) : DD(0); }

DD PairProducts::mean(int i, int j) const { return distance(i, j) + DD(spec_.shift.empty() || n(i, j) == 0 ? 0.0 : spec_.shift[i]); }

DD PairProducts::squares(int i, int j) const { return sum(1, i, j) - sum(0, i, j) * distance(i, j); }

DD PairProducts::products(int i, int j) const { return sum(2, i, j) - sum(0, i, j) * distance(j, i); }

}  // namespace rxhpc
