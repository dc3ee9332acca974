// What the first lines of a text say: delimiter and names.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "rxhpc/text.hpp"
#include "text_bytes.hpp"

namespace rxhpc::impl {

/// Where no delimiter is given, one of these that cuts the header, the one that cuts the first lines best.
inline constexpr std::string_view sensed_delimiters = ",\t;|";

struct TextHeader {
  char delimiter = ',';
  std::vector<std::string> names;  ///< one a field
  bool named = true;               ///< the names stand in the text
  std::int64_t data_begin = 0;     ///< first byte of the first row
  std::int64_t data_line = 1;      ///< its line, from 1
};

/// Throws DataError: duplicate or damaged names, a quote never closed, fewer lines than are to be skipped.
TextHeader read_header(const TextBytes& text, const TextOptions& options);

}  // namespace rxhpc::impl
