#include "rxhpc/glm_step.hpp"

#include <algorithm>
#include <cstring>

#include "glm_tile.hpp"
#include "rxhpc/packed_counts.hpp"

namespace rxhpc {
namespace {

constexpr std::size_t counts = 4;

CrossProductSpec products_of(const GlmStepSpec& spec) {
  auto products = spec.products;
  products.reweighted = true;
  return products;
}

constexpr DD GlmSums::*fields[] = {&GlmSums::deviance,    &GlmSums::null_deviance, &GlmSums::null_weight,       &GlmSums::null_score,
                                   &GlmSums::weight,      &GlmSums::weighted_y,    &GlmSums::likelihood,        &GlmSums::row_likelihood,
                                   &GlmSums::theta_score, &GlmSums::theta_information, &GlmSums::theta_likelihood};
constexpr std::size_t own_size = counts + 2 * std::size(fields);

}  // namespace

GlmStep::GlmStep(GlmStepSpec spec) : spec_(std::move(spec)), products_(products_of(spec_)) {
  if (spec_.beta.empty()) spec_.beta.assign(static_cast<std::size_t>(products_.columns() - 1), 0.0);
}

GlmStep::GlmStep(const GlmStep& o) : spec_(o.spec_), products_(o.products_), sums_(o.sums_) { std::copy(std::begin(o.counts_), std::end(o.counts_), counts_); }
GlmStep& GlmStep::operator=(const GlmStep& o) {
  if (this == &o) return *this;
  spec_ = o.spec_;
  products_ = o.products_;
  sums_ = o.sums_;
  std::copy(std::begin(o.counts_), std::end(o.counts_), counts_);
  tile_.reset();
  return *this;
}
GlmStep::~GlmStep() = default;

void GlmStep::reset() {
  tile_.reset();
  products_.reset();
  sums_ = {};
  std::fill(std::begin(counts_), std::end(counts_), 0);
}

void GlmStep::update(const Chunk& chunk) {
  update_rows(chunk, 0, chunk.rows);
  finish_rows(chunk);
}

void GlmStep::update_rows(const Chunk& chunk, std::int64_t first, std::int64_t rows) {
  if (!tile_) tile_ = std::make_unique<impl::GlmTile>(spec_, products_.layout(), sums_, counts_);
  products_.update_rows(chunk, first, rows, tile_.get(), spec_.tile_step);
}

void GlmStep::finish_rows(const Chunk& chunk) {
  products_.finish_rows(chunk);
  tile_.reset();
}

std::size_t GlmStep::packed_size() const { return own_size + products_.packed_size(); }

void GlmStep::pack(std::span<double> out) const {
  std::memcpy(out.data(), counts_, sizeof counts_);
  double* to = out.data() + counts;
  for (auto field : fields) {
    *to++ = (sums_.*field).hi;
    *to++ = (sums_.*field).lo;
  }
  products_.pack(out.subspan(own_size));
}

void GlmStep::unpack(std::span<double const> in) {
  std::memcpy(counts_, in.data(), sizeof counts_);
  double const* from = in.data() + counts;
  for (auto field : fields) {
    sums_.*field = DD(from[0], from[1]);
    from += 2;
  }
  products_.unpack(in.subspan(own_size));
}

void GlmStep::merge(std::span<double> into, std::span<double const> from) const {
  add_packed_counts(into, from, counts);
  for (std::size_t k = counts; k < own_size; k += 2) {
    DD const s = DD(into[k], into[k + 1]) + DD(from[k], from[k + 1]);
    into[k] = s.hi;
    into[k + 1] = s.lo;
  }
  products_.merge(into.subspan(own_size), from.subspan(own_size));
}

}  // namespace rxhpc
