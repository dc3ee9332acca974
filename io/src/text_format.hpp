// Rows as delimited text.
#pragma once
#include <string>
#include <vector>

#include "rxhpc/chunk.hpp"
#include "rxhpc/schema.hpp"

namespace rxhpc::impl {

/// Turns chunks into lines: the shortest numbers that read back as the same doubles, NA, TRUE and FALSE, Inf, -Inf, NaN, ISO dates, quotes
/// only where the text would else be read as something else.
class RowFormatter {
 public:
  RowFormatter(const Schema& schema, char delimiter);
  std::string header() const;
  void append(const Chunk& chunk, std::string& out) const;

 private:
  const Schema& schema_;
  char delimiter_;
  std::vector<std::vector<std::string>> levels_;  ///< as written, one list a column of codes
};

}  // namespace rxhpc::impl
