// Selected rows on a clean grid.
#include <algorithm>
#include <cstring>
#include <numeric>

#include "row_source_buffer.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/row_program.hpp"
#include "rxhpc/row_source.hpp"

namespace rxhpc {
namespace {

struct RegridScratch final : ChunkScratch {
  std::uint64_t owner = 0;
  std::int64_t held = -1;  // chunk of the base in `inner`, whose rows may reach into the next chunk too
  std::vector<int> columns;
  Chunk inner;
  std::vector<impl::Buffer> buffers;
  std::vector<std::int32_t> rows;
};

void copy_rows(const Column& column, std::int64_t count, std::vector<std::int32_t>& rows, std::byte* out) {
  bool const text = column.storage == Storage::text;
  std::ptrdiff_t const width = text ? column.text_width : bytes_of(column.storage);
  if (column.stride == (text ? width : 1)) {
    std::memcpy(out, column.data, static_cast<std::size_t>(count * width));
    return;
  }
  rows.resize(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  gather_rows(column, rows.data(), count, out);
}

}  // namespace

RegriddedSource::RegriddedSource(const ChunkSource& base, const std::vector<std::int64_t>& selected, std::int64_t chunk_rows)
    : base_(base), selected_(selected), id_(impl::next_version()) {
  if (static_cast<std::int64_t>(selected.size()) != base.grid().chunks()) throw UsageError("row counts do not match the chunks of the table");
  if (chunk_rows < 1) throw UsageError("a chunk has at least one row");
  grid_ = Grid::uniform(selected_.total(), chunk_rows);
}

void RegriddedSource::read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const {
  auto* s = dynamic_cast<RegridScratch*>(out.scratch.get());
  if (!s) {
    auto fresh = std::make_unique<RegridScratch>();
    s = fresh.get();
    out.scratch = std::move(fresh);
  }
  if (s->owner != id_ || !std::equal(columns.begin(), columns.end(), s->columns.begin(), s->columns.end())) {
    s->owner = id_;
    s->columns.assign(columns.begin(), columns.end());
    s->held = -1;
  }
  std::int64_t const first = grid_.first(chunk), rows = grid_.rows(chunk);
  // The last chunk of the base that starts at or before the first row and is not empty.
  std::int64_t from = 0;
  for (std::int64_t low = 0, high = selected_.chunks(); low < high;) {
    auto const middle = (low + high) / 2;
    if (selected_.first(middle) + selected_.rows(middle) <= first)
      low = middle + 1;
    else
      high = middle;
    from = low;
  }
  s->buffers.resize(columns.size());
  for (std::size_t k = 0; k < columns.size(); ++k) s->buffers[k].reserve(rows * base_.schema()[static_cast<std::size_t>(columns[k])].value_bytes());
  out.index = chunk;
  out.first_row = first;
  out.rows = rows;
  out.columns.resize(columns.size());
  for (std::int64_t done = 0; done < rows; ++from) {
    if (selected_.rows(from) == 0) continue;
    if (s->held != from) {
      s->held = -1;
      base_.read(from, columns, s->inner);
      if (s->inner.rows != selected_.rows(from)) throw DataError("the rows selected have changed between two passes");
      s->held = from;
    }
    std::int64_t const skip = first + done - selected_.first(from);
    std::int64_t const count = std::min(rows - done, selected_.rows(from) - skip);
    for (std::size_t k = 0; k < columns.size(); ++k) {
      auto column = s->inner.columns[k];
      if (count == rows) {
        out.columns[k] = column.from(skip);
        continue;
      }
      auto const& v = base_.schema()[static_cast<std::size_t>(columns[k])];
      auto const& before = out.columns[k];
      if (done > 0 && (column.storage != before.storage || column.missing != before.missing || column.divisor != before.divisor))
        throw Error(ErrorKind::other, "internal: chunks of column '" + v.name + "' have other missing codes or units");
      copy_rows(column.from(skip), count, s->rows, s->buffers[k].data() + done * v.value_bytes());
      column.data = s->buffers[k].data();
      column.bound = Column::not_a_number();  // the other chunks' values are not known
      column.stride = column.storage == Storage::text ? column.text_width : 1;
      out.columns[k] = column;
    }
    done += count;
  }
}

}  // namespace rxhpc
