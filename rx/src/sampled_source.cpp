#include "sampled_source.hpp"

#include <algorithm>
#include <cstring>

namespace rxhpc::impl {

struct SampledSource::Scratch final : ChunkScratch {
  Chunk whole;
  Sample sample;  // what has no room
};

SampledSource::SampledSource(const ChunkSource& base, std::span<const int> columns, std::int64_t tile_rows, int every, std::int64_t memory)
    : base_(base), tile_rows_(tile_rows), step_(tile_rows * every), row_bytes_(base.schema().row_bytes(columns)),
      kept_(static_cast<std::size_t>(base.grid().chunks())), room_(memory) {
  std::vector<std::int64_t> rows;
  for (std::int64_t chunk = 0; chunk < base.grid().chunks(); ++chunk) rows.push_back(sampled(base.grid().rows(chunk)));
  grid_ = Grid(std::move(rows));
}

SampledSource::~SampledSource() {
  for (auto const& sample : kept_) delete sample.load();
}

/// Of the first so many rows of a chunk those in the sample.
std::int64_t SampledSource::sampled(std::int64_t rows) const { return rows / step_ * tile_rows_ + std::min(rows % step_, tile_rows_); }

void SampledSource::take(const Chunk& from, Sample& sample) const {
  sample.rows = sampled(from.rows);
  sample.columns = from.columns;
  sample.values.resize(from.columns.size());
  for (std::size_t c = 0; c < from.columns.size(); ++c) {
    auto& column = sample.columns[c];
    auto const bytes = column.storage == Storage::text ? column.text_width : bytes_of(column.storage);
    auto const apart = column.stride * (column.storage == Storage::text ? 1 : bytes);
    sample.values[c].reserve(std::max<std::int64_t>(1, sample.rows * bytes));
    auto* to = sample.values[c].data();
    column.data = to;
    column.stride = column.storage == Storage::text ? bytes : 1;
    auto const* const values = static_cast<const std::byte*>(from.columns[c].data);
    for (std::int64_t first = 0; first < from.rows; first += step_) {
      auto const last = std::min(first + tile_rows_, from.rows);
      if (apart == bytes) {
        to = std::copy(values + first * bytes, values + last * bytes, to);
        continue;
      }
      for (auto row = first; row < last; ++row, to += bytes) std::memcpy(to, values + row * apart, static_cast<std::size_t>(bytes));
    }
  }
}

void SampledSource::read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const {
  if (!dynamic_cast<Scratch*>(out.scratch.get())) out.scratch = std::make_unique<Scratch>();
  auto& scratch = static_cast<Scratch&>(*out.scratch);
  auto const* sample = kept(chunk);
  if (!sample) {
    base_.read_unchecked(chunk, columns, scratch.whole);
    auto const bytes = grid_.rows(chunk) * row_bytes_;
    bool const fits = room_.fetch_sub(bytes) >= bytes;
    if (!fits) room_ += bytes;
    auto fresh = fits ? std::make_unique<Sample>() : nullptr;
    take(scratch.whole, fits ? *fresh : scratch.sample);
    sample = fits ? fresh.get() : &scratch.sample;
    if (fits) kept_[static_cast<std::size_t>(chunk)].store(fresh.release(), std::memory_order_release);
  }
  out.index = chunk;
  out.first_row = grid_.first(chunk);
  out.rows = sample->rows;
  out.in_cache = false;
  out.columns = sample->columns;
}

}  // namespace rxhpc::impl
