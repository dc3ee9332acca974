// HDF5 with scopes and exceptions. HDF5 is one big critical section here: take Hdf5Lock before any of these.
#pragma once
#include <hdf5.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rxhpc::impl {

/// One thread at a time inside HDF5 (the MPI flavour is not thread-safe); silences its printing and knows our filters.
class Hdf5Lock {
 public:
  Hdf5Lock();

 private:
  std::unique_lock<std::recursive_mutex> lock_;
};

/// An identifier that closes itself. Destroy with Hdf5Lock held.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Handle() = default;
  Handle(hid_t id, Close close) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      reset();
      id_ = std::exchange(other.id_, H5I_INVALID_HID);
      close_ = other.close_;
    }
    return *this;
  }
  ~Handle() { reset(); }
  operator hid_t() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }
  herr_t reset() {
    auto const id = std::exchange(id_, H5I_INVALID_HID);
    return id >= 0 ? close_(id) : 0;
  }

 private:
  hid_t id_ = H5I_INVALID_HID;
  Close close_ = nullptr;
};

/// "FILE: data set 'X': what", with the system's reason where HDF5 met one.
[[noreturn]] void throw_hdf5(const std::string& file, const std::string& object, const std::string& what);

inline hid_t check_hdf5(hid_t result, const std::string& file, const std::string& object, const char* what) {
  if (result < 0) throw_hdf5(file, object, what);
  return result;
}

Handle utf8_type(std::size_t bytes);  ///< fixed length, NUL padded; H5T_VARIABLE: of any length
Handle simple_space(const std::vector<hsize_t>& dimensions);

/// Attributes of one value or of a list; throw DataError.
void put_attribute(hid_t object, const char* name, std::string_view text, const std::string& file);
void put_attribute(hid_t object, const char* name, hid_t type, const void* value, const std::string& file);
void put_attribute(hid_t object, const char* name, const std::vector<std::string>& texts, const std::string& file);
/// An attribute's text, empty where there is none or it is not text.
std::string text_attribute(hid_t object, const char* name);
/// Fills `values` from an attribute of exactly that many elements; false where there is none.
bool integer_attribute(hid_t object, const char* name, std::vector<std::int64_t>& values);

/// The strings of a 1-D string data set (fixed or variable), at most `limit` of them; throws DataError.
std::vector<std::string> read_strings(hid_t dataset, const std::string& file, const std::string& name, std::size_t limit);

/// Opens read-only; throws DataError where it is not an HDF5 file.
Handle open_hdf5(const std::string& file);

/// HDF5's lock around anything.
template <class Work>
auto with_hdf5(Work&& work) {
  Hdf5Lock lock;
  return work();
}

}  // namespace rxhpc::impl
