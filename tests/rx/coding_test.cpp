// Which levels are left out must not matter: the fit is that of all terms in full.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "memory_source.hpp"
#include "rxhpc/lin_mod.hpp"
#include "rxhpc/self_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;

MemorySource table() {
  std::vector<double> y, x, z;
  std::vector<int> f, g, h;
  for (int i = 0; i < 96; ++i) {
    y.push_back((i * i * 37) % 101 / 10.0);
    x.push_back((i * 29) % 31 - 11);
    z.push_back((i * 53) % 47 / 8.0);
    f.push_back(i % 3);
    g.push_back(i / 3 % 2);
    h.push_back(i / 6 % 2);
  }
  MemorySource s(40);
  s.numeric("y", y).numeric("x", x).numeric("z", z).factor("f", {"a", "b", "c"}, f).factor("g", {"u", "v"}, g).factor("h", {"p", "q"}, h);
  // a last level without rows: what leaves out the last one is tried, and given up
  s.factor("e", {"p", "q", "gone"}, h);
  return s;
}

LinMod fit(const std::string& formula, bool drop_first) {
  SelfCommunicator self;
  LinModOptions options;
  options.drop_first = drop_first;
  return lin_mod(table(), formula, options, self);
}

TEST(Coding, TheSpanOfAllTermsWhateverTheirOrder) {
  // ranks by R 4.2: qr(model.matrix(formula without dropped levels))$rank
  struct Case {
    const char *formula, *turned;
    int rank;
  };
  for (auto const& [formula, turned, rank] : std::vector<Case>{{"y ~ x:f + f - 1", "y ~ f + x:f - 1", 6},
                                                               {"y ~ 0 + x:g + f", "y ~ 0 + f + x:g", 5},
                                                               {"y ~ x:f:g + f:g", "y ~ f:g + x:f:g", 12},
                                                               {"y ~ x:z:f + x:g", "y ~ x:g + x:z:f", 6},
                                                               {"y ~ x:f:g + x:f", "y ~ x:f + x:f:g", 7},
                                                               {"y ~ f:g + f - 1", "y ~ f + f:g - 1", 6},
                                                               {"y ~ f:g:h + g + x:g - 1", "y ~ g + x:g + f:g:h - 1", 14},
                                                               {"y ~ x:e + e:f - 1", "y ~ e:f + x:e - 1", 8},
                                                               {"y ~ z + x:e + e", "y ~ e + x:e + z", 5}})
    for (bool drop_first : {false, true}) {
      auto const a = fit(formula, drop_first), b = fit(turned, drop_first);
      EXPECT_EQ(a.rank, rank) << formula << drop_first;
      EXPECT_EQ(b.rank, rank) << turned << drop_first;
      EXPECT_NEAR(a.fits[0].residual_squares, b.fits[0].residual_squares, 1e-11 * b.fits[0].residual_squares) << formula << drop_first;
    }
}

}  // namespace
}  // namespace rxhpc
