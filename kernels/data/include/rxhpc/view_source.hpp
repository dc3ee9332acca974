// Kokkos Views that the caller owns as a table: the way in for a running simulation.
#pragma once
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "rxhpc/chunk_source.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/kokkos.hpp"

namespace rxhpc {
namespace impl {
/// Whether host threads use the View where it lies. Tests say no for a View of theirs, to go the way of device memory where there is no device.
template <class View>
constexpr bool host_reaches = Kokkos::SpaceAccessibility<HostSpace, typename View::memory_space>::accessible;
}  // namespace impl

/// One column of a ViewSource: a name and a rank-1 View of double, float, int8_t, int16_t, uint16_t, int32_t or int64_t (const or
/// not), of any layout and stride; a column of a rank-2 View is `Kokkos::subview(fields, Kokkos::ALL, 3)`.
/// Missing: any NaN; in integers the lowest value of the type (the highest of uint16_t). With `levels` the View holds codes from 0
/// into them, -1 for missing.
class ViewColumn {
 public:
  template <class View>
  ViewColumn(std::string name, const View& view) {
    variable_.name = std::move(name);
    look_at(view);
  }
  template <class View>
  ViewColumn(std::string name, const View& view, std::vector<std::string> levels) {
    static_assert(std::is_integral_v<typename View::value_type>, "rxhpc: a View with levels holds integer codes");
    variable_.name = std::move(name);
    look_at(view);
    variable_.type = VarType::factor;
    variable_.levels = std::move(levels);
  }

 private:
  friend class ViewSource;

  template <class T>
  static constexpr bool supported = std::is_same_v<T, double> || std::is_same_v<T, float> ||
                                    (std::is_integral_v<T> && !std::is_same_v<T, bool> && (std::is_signed_v<T> || sizeof(T) == 2));

  template <class T>
  void set_type() {
    if constexpr (std::is_same_v<T, double>) set(VarType::numeric, Storage::float64);
    else if constexpr (std::is_same_v<T, float>) set(VarType::float32, Storage::float32);
    else if constexpr (std::is_unsigned_v<T>) set(VarType::uint16, Storage::uint16);
    else if constexpr (sizeof(T) == 1) set(VarType::integer, Storage::int8);
    else if constexpr (sizeof(T) == 2) set(VarType::int16, Storage::int16);
    else if constexpr (sizeof(T) == 4) set(VarType::integer, Storage::int32);
    else set(VarType::int64, Storage::int64);
  }
  void set(VarType type, Storage storage) {
    variable_.type = type;
    variable_.storage = storage;
  }

  template <class View>
  void look_at(const View& view) {
    using T = typename View::non_const_value_type;
    static_assert(Kokkos::is_view_v<View>, "rxhpc: ViewSource takes Kokkos Views");
    static_assert(View::rank == 1, "rxhpc: ViewSource takes rank-1 Views; hand over a column of a rank-2 View as a subview");
    static_assert(supported<T>, "rxhpc: ViewSource takes Views of double, float, int8_t, int16_t, uint16_t, int32_t and int64_t");
    set_type<T>();
    rows_ = static_cast<std::int64_t>(view.extent(0));
    keep_ = [view] { (void)view; };
    if constexpr (impl::host_reaches<View>) {
      data_ = view.data();
      stride_ = static_cast<std::ptrdiff_t>(view.stride(0));
    } else {
      stage_from_device<T>(view);
    }
  }

  // Host threads cannot reach the View: its rows are copied chunk by chunk. Copies go through an instance of the View's own execution
  // space and wait for it alone: a fence over all spaces would wait for the host threads that this is called from.
  template <class T, class View>
  void stage_from_device(const View& view) {
    using Space = typename View::execution_space;
    using Dense = Kokkos::View<T*, Kokkos::LayoutLeft, typename View::memory_space>;
    using DenseRows = Kokkos::View<const T*, Kokkos::LayoutLeft, typename View::memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
    using HostRows = Kokkos::View<T*, Kokkos::LayoutLeft, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
    bool const dense = view.stride(0) == 1 || view.extent(0) <= 1;
    constexpr std::int64_t piece = 65536;
    Dense packed;
    if (!dense) packed = Dense(Kokkos::view_alloc(Kokkos::WithoutInitializing, "rxhpc::ViewSource::stage"), piece);
    stage_ = [view, packed, dense, space = Space()](std::int64_t first, std::int64_t count, void* to) {
      for (std::int64_t at = 0; at < count; at += piece) {
        auto const n = static_cast<std::size_t>(count - at < piece ? count - at : piece);
        auto const begin = static_cast<std::size_t>(first + at);
        HostRows host(static_cast<T*>(to) + at, n);
        if (dense) {
          Kokkos::deep_copy(space, host, DenseRows(view.data() + begin, n));
        } else {
          auto const rows = Kokkos::subview(packed, std::make_pair(std::size_t{0}, n));
          Kokkos::deep_copy(space, rows, Kokkos::subview(view, std::make_pair(begin, begin + n)));
          Kokkos::deep_copy(space, host, DenseRows(rows.data(), n));
        }
      }
      space.fence("rxhpc::ViewSource::stage");
    };
  }

  Variable variable_;
  std::int64_t rows_ = 0;
  const void* data_ = nullptr;  // null for Views that host threads cannot reach
  std::ptrdiff_t stride_ = 1;
  std::function<void()> keep_;  // holds a reference to the View's memory
  std::function<void(std::int64_t first, std::int64_t count, void* to)> stage_;
};

/// No copy where host threads can reach the memory; otherwise a staging buffer of one chunk a thread. The memory stays the caller's:
/// values may change between two passes, not during one, and device work that writes them must have been fenced.
///
///   ViewSource cells({{"T", temperature}, {"p", pressure}, {"mat", material, levels}});
///
/// Every rank hands over its own rows, as many as it has (none is fine); the table is all ranks' rows in rank order, and the same
/// columns and levels on every rank. Equal bits are promised for equal distributions of the rows only. Where every rank holds the whole
/// table instead, say `ViewSource::Rows::replicated`: ranks then share its chunks and the bits do not depend on them.
class ViewSource final : public ChunkSource {
 public:
  enum class Rows { of_this_rank, replicated };

  /// Throws UsageError where columns differ in length, names repeat or the chunk length is below 1.
  explicit ViewSource(std::vector<ViewColumn> columns, std::int64_t chunk_rows = default_chunk_rows, Rows rows = Rows::of_this_rank)
      : columns_(std::move(columns)), local_(rows == Rows::of_this_rank) {
    if (chunk_rows < 1) throw UsageError("ViewSource: a chunk has at least one row");
    for (auto const& column : columns_) {
      if (schema_.find(column.variable_.name) >= 0) throw UsageError("ViewSource: two columns are named '" + column.variable_.name + "'");
      if (column.rows_ != columns_.front().rows_)
        throw UsageError("ViewSource: column '" + column.variable_.name + "' has " + std::to_string(column.rows_) + " rows, '" +
                         columns_.front().variable_.name + "' has " + std::to_string(columns_.front().rows_));
      schema_.variables.push_back(column.variable_);
    }
    grid_ = Grid::uniform(columns_.empty() ? 0 : columns_.front().rows_, chunk_rows);
  }
  ViewSource(const ViewSource&) = delete;
  ViewSource& operator=(const ViewSource&) = delete;

  const Schema& schema() const override { return schema_; }
  const Grid& grid() const override { return grid_; }
  bool local() const override { return local_; }

  /// Throws DataError for a code that is no level.
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override {
    out.index = chunk;
    out.first_row = grid_.first(chunk);
    out.rows = grid_.rows(chunk);
    out.columns.resize(columns.size());
    for (std::size_t k = 0; k < columns.size(); ++k) {
      auto const& column = columns_.at(static_cast<std::size_t>(columns[k]));
      if (column.stage_) {
        out.columns[k] = column_of(column.variable_, staged(column, out, k));
      } else {
        out.columns[k] = column_of(column.variable_, column.data_, column.stride_).from(out.first_row);
      }
      if (column.variable_.coded()) check_codes(column.variable_, out.columns[k], out);
    }
  }

  std::int64_t stored_bytes(std::int64_t chunk, std::span<const int> columns) const override {
    return schema_.row_bytes(columns) * grid_.rows(chunk);
  }
  /// The staging buffers.
  std::int64_t held_bytes(std::span<const int> columns) const override {
    std::int64_t row = 0;
    for (int const c : columns)
      if (auto const& column = columns_.at(static_cast<std::size_t>(c)); column.stage_) row += column.variable_.value_bytes();
    return grid_.longest() * row;
  }

 private:
  struct Staging final : ChunkScratch {
    std::vector<std::vector<double>> buffers;  // of doubles for their alignment
  };

  const void* staged(const ViewColumn& column, Chunk& out, std::size_t k) const {
    auto* staging = dynamic_cast<Staging*>(out.scratch.get());
    if (!staging) {
      out.scratch = std::make_unique<Staging>();
      staging = static_cast<Staging*>(out.scratch.get());
    }
    if (staging->buffers.size() <= k) staging->buffers.resize(k + 1);
    auto& buffer = staging->buffers[k];
    buffer.resize(static_cast<std::size_t>((out.rows * column.variable_.value_bytes() + 7) / 8));
    std::lock_guard const lock(staging_mutex_);  // one link to the device: taking turns costs nothing
    column.stage_(out.first_row, out.rows, buffer.data());
    return buffer.data();
  }

  static void check_codes(const Variable& variable, const Column& codes, const Chunk& chunk) {
    auto const levels = static_cast<std::int64_t>(variable.levels.size());
    for (std::int64_t i = 0; i < chunk.rows; ++i) {
      std::int64_t const code = codes.integer(i);
      if (code < -1 || code >= levels)
        throw DataError("column '" + variable.name + "': row " + std::to_string(chunk.first_row + i + 1) + " holds code " +
                        std::to_string(code) + ", levels are 0 to " + std::to_string(levels - 1) + " and -1 for missing");
    }
  }

  std::vector<ViewColumn> columns_;
  Schema schema_;
  Grid grid_;
  bool local_;
  mutable std::mutex staging_mutex_;
};

}  // namespace rxhpc
