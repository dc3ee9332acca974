// The tables that the benchmarks run on.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "line.hpp"

namespace bench {

struct Table {
  std::string_view name;
  std::string_view description;
  std::string_view header;
  void (*write_row)(Line& line, const Random& random, std::uint64_t row);
  std::uint64_t rows;       ///< where neither --rows nor --megabytes is given; 0: by size
  std::uint64_t megabytes;  ///< 10^6 bytes
};

constexpr std::size_t most_bytes_of_row = 1024;

std::span<const Table> tables();

}  // namespace bench
