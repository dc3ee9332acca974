#include "hdf5_foreign_values.hpp"

#include <bit>
#include <charconv>

namespace rxhpc::impl {
namespace {

template <class T>
std::vector<std::string> number_texts(hid_t dataset, hid_t type, std::int64_t count, const std::string& file, const std::string& name) {
  std::vector<T> values(static_cast<std::size_t>(count));
  read_rows(dataset, type, 0, count, values.data(), file, name);
  std::vector<std::string> texts;
  for (T value : values) {
    char text[32];
    texts.emplace_back(text, std::to_chars(text, text + sizeof text, value).ptr);
  }
  return texts;
}

}  // namespace

bool is_boolean(hid_t type) {
  if (H5Tget_class(type) != H5T_ENUM || H5Tget_nmembers(type) != 2) return false;
  for (unsigned i = 0; i < 2; ++i) {
    char* name = H5Tget_member_name(type, i);
    std::string const text = name ? name : "";
    H5free_memory(name);
    if (text != "FALSE" && text != "TRUE") return false;
  }
  return true;
}

Handle boolean_type() {
  Handle type(H5Tenum_create(H5T_NATIVE_INT8), H5Tclose);
  std::int8_t const no = 0, yes = 1;
  H5Tenum_insert(type, "FALSE", &no);
  H5Tenum_insert(type, "TRUE", &yes);
  return type;
}

std::int64_t length_of(hid_t dataset) {
  Handle const space(H5Dget_space(dataset), H5Sclose);
  hsize_t rows = 0;
  if (!space || H5Sget_simple_extent_ndims(space) != 1 || H5Sget_simple_extent_dims(space, &rows, nullptr) < 0) return -1;
  return static_cast<std::int64_t>(rows);
}

void read_rows(hid_t dataset, hid_t type, std::int64_t first, std::int64_t count, void* out, const std::string& file, const std::string& name) {
  Handle const space(H5Dget_space(dataset), H5Sclose);
  hsize_t const start = static_cast<hsize_t>(first), number = static_cast<hsize_t>(count);
  if (!space || H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, nullptr, &number, nullptr) < 0 ||
      H5Dread(dataset, type, simple_space({number}), space, H5P_DEFAULT, out) < 0)
    throw_hdf5(file, name, "cannot be read");
}

namespace {

/// `_FillValue`, where it is one number of that class, and its type.
Handle open_fill_value(hid_t dataset, H5T_class_t wanted, Handle& type) {
  if (H5Aexists(dataset, "_FillValue") <= 0) return {};
  Handle attribute(H5Aopen(dataset, "_FillValue", H5P_DEFAULT), H5Aclose);
  type = Handle(H5Aget_type(attribute), H5Tclose);
  Handle const space(H5Aget_space(attribute), H5Sclose);
  if (!type || H5Tget_class(type) != wanted || H5Sget_simple_extent_npoints(space) != 1) return {};
  return attribute;
}

}  // namespace

// Read with the attribute's own sign: HDF5 would clamp it to the other's range.
bool fill_mark(hid_t dataset, bool is_unsigned, std::uint64_t& mark) {
  Handle type;
  auto const attribute = open_fill_value(dataset, H5T_INTEGER, type);
  if (!attribute) return false;
  bool const signed_mark = H5Tget_sign(type) == H5T_SGN_2;
  if (H5Aread(attribute, signed_mark ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64, &mark) < 0) return false;
  bool const same_in_both = mark <= static_cast<std::uint64_t>(INT64_MAX);
  return same_in_both || signed_mark != is_unsigned;
}

bool real_fill_mark(hid_t dataset, std::uint64_t& mark) {
  Handle type;
  auto const attribute = open_fill_value(dataset, H5T_FLOAT, type);
  double value = 0;
  if (!attribute || H5Aread(attribute, H5T_NATIVE_DOUBLE, &value) < 0) return false;
  mark = std::bit_cast<std::uint64_t>(value);
  return value == value;
}

std::optional<std::vector<std::string>> read_categories(hid_t dataset, const std::string& file, const std::string& name) {
  constexpr std::int64_t most = std::int64_t{1} << 28;
  Handle const type(H5Dget_type(dataset), H5Tclose);
  auto const type_class = type ? H5Tget_class(type) : H5T_NO_CLASS;
  auto const count = length_of(dataset);
  if (type_class == H5T_STRING || count < 0 || count > most) return read_strings(dataset, file, name, most);
  if (type_class == H5T_FLOAT) return number_texts<double>(dataset, H5T_NATIVE_DOUBLE, count, file, name);
  if (type_class == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_2) return number_texts<std::int64_t>(dataset, H5T_NATIVE_INT64, count, file, name);
  if (type_class == H5T_INTEGER) return number_texts<std::uint64_t>(dataset, H5T_NATIVE_UINT64, count, file, name);
  if (!is_boolean(type)) return {};
  std::vector<std::int8_t> values(static_cast<std::size_t>(count));
  read_rows(dataset, boolean_type(), 0, count, values.data(), file, name);
  std::vector<std::string> texts;
  for (auto value : values) texts.emplace_back(value == 1 ? "TRUE" : "FALSE");
  return texts;
}

bool is_ordered(hid_t categorical) {
  std::vector<std::int64_t> number(1);
  if (integer_attribute(categorical, "ordered", number)) return number[0] != 0;
  if (H5Aexists(categorical, "ordered") <= 0) return false;
  Handle const attribute(H5Aopen(categorical, "ordered", H5P_DEFAULT), H5Aclose);
  Handle const type(H5Aget_type(attribute), H5Tclose), space(H5Aget_space(attribute), H5Sclose);
  std::int8_t value = 0;
  return type && is_boolean(type) && H5Sget_simple_extent_npoints(space) == 1 && H5Aread(attribute, boolean_type(), &value) >= 0 && value == 1;
}

}  // namespace rxhpc::impl
