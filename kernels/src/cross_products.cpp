#include "rxhpc/cross_products.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "cross_layout.hpp"
#include "rank_k.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/packed_counts.hpp"

namespace rxhpc {

using impl::CrossLayout;

/// What rows pass through on their way into the sums.
struct impl::CrossWork {
  explicit CrossWork(const CrossLayout& layout)
      : reader(layout.plan), dense(static_cast<int>(layout.plan.dense.size()), layout.exact, layout.weighted, layout.plan.tile_rows), cells(layout) {}
  TileReader reader;
  RankK dense;
  CellSums cells;
  RowCounts rows;
  std::vector<const double*> ahead;  // columns of the next tile
};

CrossProducts::CrossProducts(const CrossProducts& o) : layout_(o.layout_), counts_(o.counts_), hi_(o.hi_), lo_(o.lo_) {}
CrossProducts& CrossProducts::operator=(const CrossProducts& o) {
  if (this != &o) *this = CrossProducts(o);
  return *this;
}
CrossProducts::CrossProducts(CrossProducts&&) noexcept = default;
CrossProducts& CrossProducts::operator=(CrossProducts&&) noexcept = default;
CrossProducts::~CrossProducts() = default;

CrossProducts::CrossProducts(CrossProductSpec spec) : layout_(std::make_shared<const CrossLayout>(std::move(spec))) {
  counts_.assign(layout_->counts, 0);
  hi_.assign(layout_->sums, 0.0);
  if (layout_->exact) lo_.assign(layout_->sums, 0.0);
}

void CrossProducts::reset() {
  std::fill(counts_.begin(), counts_.end(), 0);
  std::fill(hi_.begin(), hi_.end(), 0.0);
  std::fill(lo_.begin(), lo_.end(), 0.0);
  if (!work_) return;
  work_->dense.clear();
  work_->cells.clear();
  work_->rows = {};
}

void CrossProducts::update(const Chunk& chunk) {
  update_rows(chunk, 0, chunk.rows);
  finish_rows(chunk);
}

void CrossProducts::update_rows(const Chunk& chunk, std::int64_t begin, std::int64_t count, impl::TileTransform* transform, int tile_step) {
  auto const& plan = layout_->plan;
  if (!work_) work_ = std::make_unique<impl::CrossWork>(*layout_);
  // One pass over the columns used; a tile stays in the first cache for all its products, memory brings the next one meanwhile
  auto const step = std::int64_t(plan.tile_rows) * tile_step;
  for (std::int64_t first = (begin + step - 1) / step * step, end = begin + count; first < end; first += step) {
    auto tile = work_->reader.read(chunk, first, static_cast<int>(std::min<std::int64_t>(plan.tile_rows, end - first)), work_->rows);
    if (tile.rows == 0) continue;
    if (transform) tile = transform->apply(tile);
    work_->ahead.clear();
    if (!chunk.in_cache && first + step + plan.tile_rows <= chunk.rows)  // also of the piece after this one
      for (int k : plan.numeric)
        if (auto const& c = chunk.columns[static_cast<std::size_t>(k)]; c.side_by_side_doubles()) work_->ahead.push_back(static_cast<const double*>(c.data) + first + step);
    work_->dense.add(tile, work_->ahead);
    work_->cells.add(tile, counts_.data(), hi_.data(), lo_.data());
  }
}

void CrossProducts::finish_rows(const Chunk&) {
  if (!work_) return;
  auto const rows = std::exchange(work_->rows, {});
  work_->dense.flush(hi_.data(), lo_.data());
  work_->cells.flush(counts_.data(), hi_.data(), lo_.data());
  counts_[0] += rows.valid;
  counts_[1] += rows.missing;
  counts_[2] += rows.infinite;
  counts_[3] += rows.negative;
  for (std::size_t k = 0; k < lo_.size(); ++k) {
    DD const s = two_sum(hi_[k], lo_[k]);
    hi_[k] = s.hi;
    lo_[k] = s.lo;
  }
}

std::int64_t CrossProducts::tile_rows() const { return layout_->plan.tile_rows; }

std::size_t CrossProducts::packed_size() const { return layout_->packed(); }

void CrossProducts::pack(std::span<double> out) const {
  std::memcpy(out.data(), counts_.data(), counts_.size() * sizeof(double));
  std::copy(hi_.begin(), hi_.end(), out.begin() + std::ptrdiff_t(counts_.size()));
  std::copy(lo_.begin(), lo_.end(), out.begin() + std::ptrdiff_t(counts_.size() + hi_.size()));
}

void CrossProducts::unpack(std::span<double const> in) {
  std::memcpy(counts_.data(), in.data(), counts_.size() * sizeof(double));
  std::copy_n(in.begin() + std::ptrdiff_t(counts_.size()), hi_.size(), hi_.begin());
  std::copy_n(in.begin() + std::ptrdiff_t(counts_.size() + hi_.size()), lo_.size(), lo_.begin());
}

void CrossProducts::merge(std::span<double> into, std::span<double const> from) const {
  std::size_t const counts = layout_->counts, sums = layout_->sums;
  add_packed_counts(into, from, counts);
  double *hi = into.data() + counts, *lo = hi + sums;
  double const *hi_from = from.data() + counts, *lo_from = hi_from + sums;
  if (!layout_->exact) {
    for (std::size_t k = 0; k < sums; ++k) hi[k] += hi_from[k];
    return;
  }
  for (std::size_t k = 0; k < sums; ++k) {
    DD const s = DD(hi[k], lo[k]) + DD(hi_from[k], lo_from[k]);
    hi[k] = s.hi;
    lo[k] = s.lo;
  }
}

std::int64_t CrossProducts::n_valid() const { return counts_[0]; }
std::int64_t CrossProducts::n_missing() const { return counts_[1]; }
std::int64_t CrossProducts::n_infinite() const { return counts_[2]; }
std::int64_t CrossProducts::n_negative() const { return counts_[3]; }
int CrossProducts::columns() const { return static_cast<int>(layout_->plan.columns); }

namespace {

/// Reads the state with the shifts undone.
class Reader {
 public:
  Reader(const CrossLayout& layout, const std::vector<std::int64_t>& counts, const std::vector<double>& hi, const std::vector<double>& lo)
      : layout_(layout), counts_(counts), hi_(hi), lo_(lo) {}

  DD sum(std::size_t k) const { return {hi_[k], lo_.empty() ? 0.0 : lo_[k]}; }

  /// sum (x + a)(y + b) from the sums of x y, x, y and 1
  DD dense(int i, int j) const {
    DD const a = layout_.plan.dense[i].shift, b = layout_.plan.dense[j].shift;
    return sum(layout_.dense_at(i, j)) + a * sum(layout_.dense_at(0, j)) + b * sum(layout_.dense_at(0, i)) + a * b * sum(layout_.dense_at(0, 0));
  }
  DD cell_dense(int key, std::int64_t cell, int member, int k) const {
    auto const& t = layout_.cell_tables[key];
    return sum(t.member_dense(cell, member, k)) + DD(layout_.plan.dense[k].shift) * sum(t.member_dense(cell, member, 0));
  }
  /// Two members of one key in the same cell.
  DD same_cell(int key, std::int64_t cell, int g, int h) const {
    auto const& t = layout_.cell_tables[key];
    int const entry = t.inner[g * t.members + h];
    if (entry >= 0) return sum(t.sums + std::size_t(cell) * t.width + entry);
    return sum(t.member_dense(cell, layout_.plan.keys[key].value[g] < 0 ? h : g, 0));
  }
  DD joint(const impl::JointTable& t, int pair, std::int64_t a, std::int64_t b) const {
    auto const& p = t.pairs[pair];
    std::size_t const k = p.at + std::size_t(a) * t.cells_b + b;
    return p.counted ? DD(static_cast<double>(counts_[k])) : sum(k);
  }
  const impl::JointTable& table(int a, int b) const {
    int const keys = static_cast<int>(layout_.plan.keys.size());
    return layout_.joint_tables[a * keys - a * (a + 1) / 2 + (b - a - 1)];
  }

 private:
  const CrossLayout& layout_;
  const std::vector<std::int64_t>& counts_;
  const std::vector<double>&hi_, &lo_;
};

void set_both(DdMatrix& m, std::int64_t i, std::int64_t j, DD x) {
  m.set(static_cast<int>(i), static_cast<int>(j), x);
  m.set(static_cast<int>(j), static_cast<int>(i), x);
}

}  // namespace

DD CrossProducts::weight_sum() const {
  if (!layout_->weighted) return DD(static_cast<double>(n_valid()));
  return {hi_[0], lo_.empty() ? 0.0 : lo_[0]};
}

DdMatrix CrossProducts::gram() const {
  auto const& plan = layout_->plan;
  Reader const state(*layout_, counts_, hi_, lo_);
  DdMatrix m(columns());
  auto places = plan.terms;
  places.insert(places.end(), plan.responses.begin(), plan.responses.end());
  for (std::size_t s = 0; s < places.size(); ++s)
    for (std::size_t t = s; t < places.size(); ++t) {
      auto const &p = places[s], &q = places[t];
      if (p.key < 0 && q.key < 0) {
        set_both(m, p.first, q.first, state.dense(p.dense, q.dense));
      } else if (p.key < 0 || q.key < 0) {
        auto const &cells = p.key < 0 ? q : p, &one = p.key < 0 ? p : q;
        for (std::int64_t c = 0; c < plan.keys[cells.key].cells; ++c)
          set_both(m, cells.first + c, one.first, state.cell_dense(cells.key, c, cells.member, one.dense));
      } else if (p.key == q.key) {
        for (std::int64_t c = 0; c < plan.keys[p.key].cells; ++c)
          set_both(m, p.first + c, q.first + c, state.same_cell(p.key, c, p.member, q.member));
      } else {
        auto const &a = p.key < q.key ? p : q, &b = p.key < q.key ? q : p;
        auto const& table = state.table(a.key, b.key);
        int const pair = a.member * static_cast<int>(plan.keys[b.key].value.size()) + b.member;
        for (std::int64_t c = 0; c < plan.keys[a.key].cells; ++c)
          for (std::int64_t d = 0; d < plan.keys[b.key].cells; ++d) set_both(m, a.first + c, b.first + d, state.joint(table, pair, c, d));
      }
    }
  return m;
}

std::vector<std::int64_t> CrossProducts::cell_counts(int term) const {
  auto const& place = layout_->plan.terms[term];
  if (place.key < 0) return {n_valid()};
  auto const& table = layout_->cell_tables[place.key];
  std::vector<std::int64_t> rows(layout_->plan.keys[place.key].cells);
  for (std::size_t c = 0; c < rows.size(); ++c)
    rows[c] = table.counted ? counts_[table.counts + c] : std::llround(hi_[table.member_dense(std::int64_t(c), table.plain_member, 0)]);
  return rows;
}

}  // namespace rxhpc
