// What lies in data sets and attributes of other programs. Hdf5Lock is held around all of these.
#pragma once
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hdf5_handle.hpp"

namespace rxhpc::impl {

/// An enumeration of FALSE and TRUE, as h5py writes bool: over whatever integers, in whatever order.
bool is_boolean(hid_t type);
/// Such an enumeration as we keep it, int8 0 and 1: HDF5 converts by the names, and gives -1 for what is neither.
Handle boolean_type();
/// Rows of a one-dimensional data set; -1 where it is something else.
std::int64_t length_of(hid_t dataset);
/// Rows [first, first + count) of one data set; throws DataError.
void read_rows(hid_t dataset, hid_t type, std::int64_t first, std::int64_t count, void* out, const std::string& file, const std::string& name);
/// `_FillValue`, where a column of integers of that sign can hold it: its 64 bits.
bool fill_mark(hid_t dataset, bool is_unsigned, std::uint64_t& mark);
/// The same of a column of floats: the bits of a double. A NaN is no mark: it is missing anyway.
bool real_fill_mark(hid_t dataset, std::uint64_t& mark);
/// The levels of an AnnData categorical: text, or numbers and truth values by their text; none where they are something else.
std::optional<std::vector<std::string>> read_categories(hid_t dataset, const std::string& file, const std::string& name);
/// Its attribute `ordered`.
bool is_ordered(hid_t categorical);

/// Texts of some rows, fixed or variable; calls each(row, text).
template <class Each>
void for_texts(hid_t dataset, std::int64_t first, std::int64_t count, const std::string& file, const std::string& name, Each&& each) {
  Handle const type(H5Dget_type(dataset), H5Tclose);
  if (H5Tis_variable_str(type) > 0) {
    std::vector<char*> pointers(static_cast<std::size_t>(count), nullptr);
    read_rows(dataset, type, first, count, pointers.data(), file, name);
    for (std::int64_t i = 0; i < count; ++i) each(i, std::string_view(pointers[i] ? pointers[i] : ""));
    H5Dvlen_reclaim(type, simple_space({static_cast<hsize_t>(count)}), H5P_DEFAULT, pointers.data());
    return;
  }
  auto const width = H5Tget_size(type);
  std::vector<char> bytes(static_cast<std::size_t>(count) * width);
  read_rows(dataset, type, first, count, bytes.data(), file, name);
  bool const spaces = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
  for (std::int64_t i = 0; i < count; ++i) {
    auto const* p = bytes.data() + static_cast<std::size_t>(i) * width;
    std::string_view text(p, strnlen(p, width));
    while (spaces && !text.empty() && text.back() == ' ') text.remove_suffix(1);
    each(i, text);
  }
}

}  // namespace rxhpc::impl
