#include "hdf5_handle.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "atomic_file.hpp"
#include "codec_chunk.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/table.hpp"

namespace rxhpc::impl {
namespace {

std::recursive_mutex& hdf5_mutex() {
  static auto* mutex = new std::recursive_mutex;
  return *mutex;
}

// HDF5 buries the system's error number in the text of its lowest error.
herr_t find_error_number(unsigned, const H5E_error2_t* error, void* found) {
  if (!error->desc) return 0;
  if (auto const* at = std::strstr(error->desc, "errno = ")) *static_cast<int*>(found) = std::atoi(at + 8);
  return 0;
}

}  // namespace

Hdf5Lock::Hdf5Lock() : lock_(hdf5_mutex()) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // a setting of each thread
  register_filters();
}

void throw_hdf5(const std::string& file, const std::string& object, const std::string& what) {
  int number = 0;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, find_error_number, &number);
  auto const where = object.empty() ? what : "data set '" + object + "': " + what;
  if (number != 0) throw_errno(file, where, number);
  throw DataError(file + ": " + where);
}

Handle utf8_type(std::size_t bytes) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, bytes);
  H5Tset_cset(type, H5T_CSET_UTF8);
  if (bytes != H5T_VARIABLE) H5Tset_strpad(type, H5T_STR_NULLPAD);
  return type;
}

Handle simple_space(const std::vector<hsize_t>& dimensions) {
  return {H5Screate_simple(static_cast<int>(dimensions.size()), dimensions.data(), nullptr), H5Sclose};
}

void put_attribute(hid_t object, const char* name, hid_t type, const void* value, const std::string& file) {
  Handle const space(H5Screate(H5S_SCALAR), H5Sclose);
  Handle const attribute(H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!attribute || H5Awrite(attribute, type, value) < 0) throw_hdf5(file, "", "cannot write attribute '" + std::string(name) + "'");
}

void put_attribute(hid_t object, const char* name, std::string_view text, const std::string& file) {
  std::string const copy(text);
  auto const* pointer = copy.c_str();
  put_attribute(object, name, utf8_type(H5T_VARIABLE), &pointer, file);
}

void put_attribute(hid_t object, const char* name, const std::vector<std::string>& texts, const std::string& file) {
  Handle const type = utf8_type(H5T_VARIABLE);
  Handle const space = simple_space({texts.size()});
  std::vector<const char*> pointers;
  for (auto const& text : texts) pointers.push_back(text.c_str());
  Handle const attribute(H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!attribute || (!texts.empty() && H5Awrite(attribute, type, pointers.data()) < 0))
    throw_hdf5(file, "", "cannot write attribute '" + std::string(name) + "'");
}

std::string text_attribute(hid_t object, const char* name) {
  if (H5Aexists(object, name) <= 0) return {};
  Handle const attribute(H5Aopen(object, name, H5P_DEFAULT), H5Aclose);
  if (!attribute) return {};
  Handle const type(H5Aget_type(attribute), H5Tclose);
  Handle const space(H5Aget_space(attribute), H5Sclose);
  if (!type || H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1) return {};
  if (H5Tis_variable_str(type) > 0) {
    char* text = nullptr;
    if (H5Aread(attribute, type, &text) < 0 || !text) return {};
    std::string result(text);
    H5free_memory(text);
    return result;
  }
  auto const bytes = H5Tget_size(type);
  if (bytes > (1u << 20)) return {};
  std::string text(bytes, '\0');
  if (H5Aread(attribute, type, text.data()) < 0) return {};
  return text.substr(0, text.find('\0'));
}

bool integer_attribute(hid_t object, const char* name, std::vector<std::int64_t>& values) {
  if (H5Aexists(object, name) <= 0) return false;
  Handle const attribute(H5Aopen(object, name, H5P_DEFAULT), H5Aclose);
  if (!attribute) return false;
  Handle const type(H5Aget_type(attribute), H5Tclose);
  Handle const space(H5Aget_space(attribute), H5Sclose);
  return type && H5Tget_class(type) == H5T_INTEGER &&
         H5Sget_simple_extent_npoints(space) == static_cast<hssize_t>(values.size()) &&
         H5Aread(attribute, H5T_NATIVE_INT64, values.data()) >= 0;
}

std::vector<std::string> read_strings(hid_t dataset, const std::string& file, const std::string& name, std::size_t limit) {
  Handle const type(H5Dget_type(dataset), H5Tclose);
  Handle const space(H5Dget_space(dataset), H5Sclose);
  auto const points = space ? H5Sget_simple_extent_npoints(space) : -1;
  if (!type || H5Tget_class(type) != H5T_STRING || points < 0) throw_hdf5(file, name, "does not hold text");
  auto const count = static_cast<std::size_t>(points);
  if (count > limit) throw_hdf5(file, name, "holds too many values");
  std::vector<std::string> texts(count);
  if (count == 0) return texts;
  Handle const memory(H5Tcopy(type), H5Tclose);
  if (H5Tis_variable_str(type) > 0) {
    std::vector<char*> pointers(count, nullptr);
    if (H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()) < 0) throw_hdf5(file, name, "cannot read");
    for (std::size_t i = 0; i < count; ++i)
      if (pointers[i]) texts[i] = pointers[i];
    H5Dvlen_reclaim(memory, space, H5P_DEFAULT, pointers.data());
    return texts;
  }
  auto const width = H5Tget_size(type);
  if (width == 0 || width > (std::size_t{1} << 32) / count) throw_hdf5(file, name, "holds too much text");
  std::vector<char> bytes(count * width);
  if (H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) < 0) throw_hdf5(file, name, "cannot read");
  bool const spaces = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
  for (std::size_t i = 0; i < count; ++i) {
    texts[i].assign(bytes.data() + i * width, width);
    texts[i].resize(std::min(texts[i].find('\0'), texts[i].size()));
    while (spaces && !texts[i].empty() && texts[i].back() == ' ') texts[i].pop_back();
  }
  return texts;
}

Handle open_hdf5(const std::string& file) {
  open_for_reading(file);  // its errors are clearer than HDF5's
  Handle handle(H5Fopen(file.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  if (!handle) throw DataError(file + ": not an HDF5 file, or damaged or truncated");
  return handle;
}

}  // namespace rxhpc::impl

namespace rxhpc {

void start_hdf5() {
#ifndef H5_HAVE_PARALLEL  // that flavour calls MPI, which has not been started yet
  impl::Hdf5Lock lock;
#endif
}

}  // namespace rxhpc
