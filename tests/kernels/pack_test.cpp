// The forms of Pack that this CPU runs give the same bits.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "pack_form.hpp"
#include "table_fixture.hpp"

namespace rxhpc {
namespace {

std::vector<double> inputs() {
  auto x = test::normals(4000, 9);
  for (std::size_t i = 0; i < x.size(); i += 13) x[i] *= 1e100;
  for (std::size_t i = 0; i < x.size(); i += 29) x[i] = -0.0;
  return x;
}

bool same(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

TEST(Pack, EveryFormHasTheSameBits) {
  auto const x = inputs();
  auto const forms = test::pack_forms_here();
  auto const want = forms[0].everything(x), parts = forms[0].parts(x);
  ASSERT_GT(parts.size(), 6 * x.size() - 200);
  for (auto const& form : forms) {
    EXPECT_TRUE(same(form.everything(x), want)) << form.name;
    EXPECT_TRUE(same(form.parts(x), parts)) << form.name;
  }
}

TEST(Pack, MinAndMaxGiveTheSecondArgumentForNotANumber) {
  double const x[8] = {test::nan, 1, 2, 3, 4, 5, 6, 7}, y[8] = {9, 9, 9, 9, 0, 0, 0, test::nan};
  double low[8], high[8];
  for (auto const& form : test::pack_forms_here()) {
    SCOPED_TRACE(form.name);
    form.extremes(x, y, low, high);
    EXPECT_EQ(low[0], 9);
    EXPECT_EQ(low[1], 1);
    EXPECT_EQ(high[0], 9);
    EXPECT_EQ(high[4], 4);
    EXPECT_TRUE(std::isnan(low[7]));
    EXPECT_TRUE(std::isnan(high[7]));
  }
}

}  // namespace
}  // namespace rxhpc
