// Margins of two-way tables, and tables drawn with given margins.
#pragma once
#include <cstdint>
#include <vector>

#include "rxhpc/contingency_tests.hpp"

namespace rxhpc::impl {

struct Margins {
  std::vector<double> row, column;
  double total = 0;
  bool counts = true;  ///< nothing negative, missing or infinite
  bool whole = true;   ///< whole numbers below 1e9
  explicit Margins(const TwoWay& table);
};

/// Without its empty rows and columns: those that add up to 0, so that `counts` is for the caller to ask before.
TwoWay occupied(const TwoWay& table);
/// The same by the margins of another table of its shape.
TwoWay occupied(const TwoWay& table, const Margins& margins);

/// A table with these margins as independence would give it: cells one by one from their hypergeometric distribution, by inversion from the
/// mode (Patefield, Applied Statistics 30, 1981, AS 159). The n-th table is a function of the seed and n.
class RandomTables {
 public:
  RandomTables(const TwoWay& table, std::uint64_t seed);
  void draw(std::uint32_t number, TwoWay& out) const;
  double log_factorial(double n) const;

 private:
  double cell(double draws, double marked, double total, double u) const;

  Margins margins_;
  std::uint64_t seed_;
  std::vector<double> log_factorial_;
};

}  // namespace rxhpc::impl
