#include "rxhpc/linear_combination.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "table_fixture.hpp"

namespace rxhpc {
namespace {

TEST(LinearCombination, OneProductAfterAnother) {
  for (std::size_t columns : {0u, 1u, 3u, 4u, 7u, 8u, 12u, 21u, 29u})
    for (std::int64_t rows : {0, 1, 7, 8, 37, 256}) {
      std::vector<std::vector<double>> x;
      std::vector<const double*> places;
      for (std::size_t k = 0; k < columns; ++k) x.push_back(test::normals(static_cast<int>(rows) + 1, static_cast<int>(k) + 5));
      for (auto const& c : x) places.push_back(c.data());
      if (columns > 2 && rows > 5) x[2][5] = test::nan;
      auto const b = test::normals(static_cast<int>(columns) + 1, 3);
      auto out = test::normals(static_cast<int>(rows) + 1, 2), expected = out;
      for (std::int64_t i = 0; i < rows; ++i)
        for (std::size_t k = 0; k < columns; ++k) {
          double const product = b[k] * x[k][static_cast<std::size_t>(i)];
          expected[static_cast<std::size_t>(i)] += product;
        }
      add_multiples({b.data(), columns}, places.data(), rows, out.data());
      for (std::size_t i = 0; i < out.size(); ++i) {
        bool const missing = std::isnan(expected[i]);
        EXPECT_EQ(missing, columns > 2 && rows > 5 && i == 5);
        EXPECT_EQ(std::isnan(out[i]), missing);
        if (missing) continue;
        EXPECT_EQ(std::bit_cast<std::uint64_t>(out[i]), std::bit_cast<std::uint64_t>(expected[i])) << columns << " columns, row " << i << " of " << rows;
      }
    }
}

}  // namespace
}  // namespace rxhpc
