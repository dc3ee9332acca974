// Standard errors that hold where variances differ or rows of a cluster depend on one another, against R's package sandwich:
//
//   library(sandwich); i <- 1:24
//   d <- data.frame(x = ((i*7) %% 11)/2, g = factor(c("a","b","c")[i %% 3 + 1]), f = (i*i) %% 7, w = 1 + i %% 4, n = (i*5) %% 9, z = as.numeric((i*i+i) %% 5 > 1))
//   d$y <- (i*i) %% 13 + d$x; d$p <- d$n + 0.5; ctl <- glm.control(epsilon = 1e-15, maxit = 100)
//   a <- lm(y ~ x + g, d); b <- lm(y ~ x + g, d, weights = w); l <- glm(z ~ x + g, binomial, d, control = ctl)
//   po <- glm(n ~ x + g, poisson, d, control = ctl, weights = w); ga <- glm(p ~ x + g, Gamma(log), d, control = ctl, offset = x/10)
//   sqrt(diag(vcovCL(a, d$f, type = "HC1")));  sqrt(diag(vcovHC(l, type = "HC3")));  ...
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "memory_source.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/glm.hpp"
#include "rxhpc/lin_mod.hpp"
#include "rxhpc/self_communicator.hpp"
#include "thread_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;

/// The data above; the clusters also as a factor with a level that no row has, as text, and as numbers that are not whole.
MemorySource data(std::int64_t chunk_rows = 5, int copies = 1) {
  MemorySource s(chunk_rows);
  std::vector<double> x, y, w, n, z, p, share;
  std::vector<int> g, level;
  std::vector<std::int32_t> f;
  std::vector<std::int64_t> large;
  for (int i = 1; i <= 24; ++i)
    for (int k = 0; k < copies; ++k) {
      x.push_back((i * 7) % 11 / 2.0);
      g.push_back(i % 3);
      f.push_back((i * i) % 7);
      w.push_back(1 + i % 4);
      n.push_back((i * 5) % 9);
      z.push_back((i * i + i) % 5 > 1);
      y.push_back((i * i) % 13 + x.back());
      p.push_back(n.back() + 0.5);
      level.push_back(f.back() == 4 ? 3 : f.back());
      share.push_back(f.back() == 0 ? -0.0 : f.back() / 3.0);
      large.push_back(9007199254740993LL + f.back() / 2);  // doubles cannot tell 1 from 0 and 2 from 4 apart here
    }
  s.numeric("x", x).factor("g", {"a", "b", "c"}, g).integer("f", f).numeric("w", w).numeric("n", n).numeric("z", z).numeric("y", y).numeric("p", p);
  s.factor("level", {"0", "1", "2", "4", "none"}, level).numeric("share", share);
  s.add("large", VarType::int64, Storage::int64, large);
  return s;
}

template <class Options = FitOptions>
Options options_of(const std::string& robust, const std::string& cluster = "", const std::string& pweights = "") {
  Options o;
  o.like_r = true;
  o.robust = robust;
  o.cluster = cluster;
  o.pweights = pweights;
  o.run.threads = 1;
  return o;
}
GlmOptions glm_options(const std::string& family, const std::string& robust, const std::string& cluster = "", const std::string& pweights = "") {
  auto o = options_of<GlmOptions>(robust, cluster, pweights);
  o.family.name = family;
  o.coeff_tolerance = 1e-12;
  o.objective_tolerance = 0;
  return o;
}
LinMod linear(const ChunkSource& s, const char* formula, const FitOptions& o) {
  SelfCommunicator self;
  return lin_mod(s, formula, o, self);
}
Glm general(const ChunkSource& s, const char* formula, const GlmOptions& o) {
  SelfCommunicator self;
  return glm(s, formula, o, self);
}

template <class Coefficients>
void expect_errors(const Coefficients& coefficients, const std::vector<double>& want) {
  std::size_t k = 0;
  for (auto const& c : coefficients) {
    if (c.aliased) continue;
    ASSERT_LT(k, want.size());
    EXPECT_NEAR(c.std_error, want[k], 2e-11 * want[k]) << c.name;
    ++k;
  }
  EXPECT_EQ(k, want.size());
}

TEST(Robust, LinearModelsByClusterAgreeWithR) {
  auto const s = data();
  auto const plain = linear(s, "y ~ x + g", options_of("", "f"));
  EXPECT_EQ(plain.robust.kind, "HC1");
  EXPECT_EQ(plain.robust.clusters, 4);
  expect_errors(plain.fits[0].coefficients, {1.915088338523345, 0.587082385279238, 2.786778754709509, 2.947868546159425});
  EXPECT_NEAR(plain.fits[0].coefficients[0].p_value, 0.00011105, 1e-8);  // lmtest::coeftest
  expect_errors(linear(s, "y ~ x + g", options_of("HC0", "f")).fits[0].coefficients, {1.785829083877974, 0.547457147106082, 2.598684588268572, 2.748901593354048});
  expect_errors(linear(s, "y ~ x + g", options_of("HC1", "f", "w")).fits[0].coefficients, {1.842200736420763, 0.454006667389918, 2.132107778043313, 3.182227252192388});
}

TEST(Robust, GeneralisedModelsByClusterAgreeWithR) {
  auto const s = data();
  expect_errors(general(s, "z ~ x + g", glm_options("binomial", "HC0", "f")).coefficients, {1.435821451244522, 0.256968618673776, 1.578789403020629, 0.873203894042029});
  auto logit = glm_options("binomial", "", "f");
  logit.logit = true;
  expect_errors(general(s, "z ~ x + g", logit).coefficients, {1.539746968119117, 0.275568143352193, 1.693063015942930, 0.936406854233611});
  expect_errors(general(s, "n ~ x + g", glm_options("poisson", "HC1", "f", "w")).coefficients,
                {0.306719733114929, 0.077938877415560, 0.206753743100494, 0.255323726213231});
  // R's glm stops ten digits in. At the root of the score equations:
  //   X <- model.matrix(~ x + g, d); b <- coef(ga); score <- function() { mu <- exp(drop(X %*% b) + d$x/10); (d$p - mu)/mu }
  //   for (k in 1:60) b <- b + drop(solve(crossprod(X), crossprod(X, score())))
  //   B <- solve(crossprod(X)); sqrt(diag(B %*% crossprod(rowsum(X * score(), d$f)) %*% B * 4/3))
  auto gamma = glm_options("Gamma", "HC0", "f");
  gamma.family.link = "log";
  expect_errors(general(s, "p ~ x + g + offset(x/10)", gamma).coefficients, {0.23982585142378737, 0.06202854684058273, 0.18980073717015755, 0.15105772424607727});
}

TEST(Robust, GeneralisedModelsAgreeWithR) {
  auto const s = data();
  std::vector<std::vector<double>> const logit{{1.188955409375418, 0.294533213188369, 1.150370208330575, 1.015105289922649},
                                               {1.302435395165413, 0.322644969595495, 1.260167425169147, 1.111992131066913},
                                               {1.31530419001452, 0.32848328877070, 1.25763199152842, 1.11427134443948},
                                               {1.456707828710582, 0.366734886583044, 1.375820757298196, 1.224241226459920}};
  std::vector<std::vector<double>> const poisson{{0.4048162671012173, 0.0793920625709014, 0.3306033256618538, 0.2966229204840437},
                                                 {0.4434540022727466, 0.0869696471138886, 0.3621577981024476, 0.3249341292443438},
                                                 {0.4428508046945817, 0.0891050553124051, 0.3623502491367351, 0.3262466781616932},
                                                 {0.486798493492969, 0.100665696461072, 0.398986793774598, 0.360651574057966}};
  std::vector<std::vector<double>> const gamma{{0.3223240206280074, 0.0703303005413424, 0.2899309719161098, 0.2929433082056008},
                                               {0.3530882738474400, 0.0770429841652219, 0.3176034668757004, 0.3209033159487916},
                                               {0.353451837202713, 0.078226345134234, 0.314568436028491, 0.319900246919042},
                                               {0.3880704327885110, 0.0871435588494919, 0.3414767239572767, 0.3496414115180546}};
  char const* const kinds[] = {"HC0", "HC1", "HC2", "HC3"};
  for (int k = 0; k < 4; ++k) {
    expect_errors(general(s, "z ~ x + g", glm_options("binomial", kinds[k])).coefficients, logit[k]);
    expect_errors(general(s, "n ~ x + g", glm_options("poisson", kinds[k], "", "w")).coefficients, poisson[k]);
    auto log = glm_options("Gamma", kinds[k]);
    log.family.link = "log";
    expect_errors(general(s, "p ~ x + g + offset(x/10)", log).coefficients, gamma[k]);
  }
}

TEST(Robust, TestsAndLimitsAreFromTheSameErrors) {
  auto options = glm_options("binomial", "HC3");
  options.cov_coef = true;
  auto const m = general(data(), "z ~ x + g", options);
  auto const& c = m.coefficients[1];
  EXPECT_DOUBLE_EQ(c.t_value, c.estimate / c.std_error);
  EXPECT_NEAR(c.p_value, 0.67361, 5e-6);  // lmtest::coeftest
  EXPECT_NEAR(c.conf_high - c.conf_low, 2 * 1.959963984540054 * c.std_error, 1e-12);
  EXPECT_NEAR(m.cov_coef[1][1], c.std_error * c.std_error, 1e-15);
  EXPECT_NE(to_text(m).find("Standard errors: HC3\n"), std::string::npos);
  EXPECT_EQ(model_json(m)["robust"], "HC3");
}

TEST(Robust, ClustersAreEqualValuesOfAnyColumn) {
  auto const s = data();
  auto const want = linear(s, "y ~ x * g", options_of("", "f"));
  for (auto const* column : {"level", "share"}) {
    auto const got = linear(s, "y ~ x * g", options_of("", column));
    EXPECT_EQ(got.robust.clusters, 4);
    for (std::size_t k = 0; k < want.fits[0].coefficients.size(); ++k)
      if (!want.fits[0].coefficients[k].aliased) {
        EXPECT_DOUBLE_EQ(got.fits[0].coefficients[k].std_error, want.fits[0].coefficients[k].std_error) << column;
      }
  }
  EXPECT_EQ(linear(s, "y ~ x", options_of("", "large")).robust.clusters, 3);
  // Every row a cluster of its own is HC1 times (n - 1) / (n - p) G / (G - 1) / (n / (n - p)) = 1.
  auto options = options_of("", "row");
  options.rows.transforms = {"row = .rxRowNums"};
  auto const alone = linear(s, "y ~ x + g", options), hc1 = linear(s, "y ~ x + g", options_of("HC1"));
  EXPECT_EQ(alone.robust.clusters, 24);
  for (std::size_t k = 0; k < 3; ++k)
    if (!hc1.fits[0].coefficients[k].aliased) {
      EXPECT_NEAR(alone.fits[0].coefficients[k].std_error, hc1.fits[0].coefficients[k].std_error, 1e-13);
    }
}

TEST(Robust, FrequencyWeightsRepeatRows) {
  auto weighted = options_of("", "f");
  weighted.fweights = "two";
  weighted.rows.transforms = {"two = 2"};
  auto const a = linear(data(), "y ~ x + g", weighted), b = linear(data(7, 2), "y ~ x + g", options_of("", "f"));
  auto glm_weighted = glm_options("poisson", "HC2");
  glm_weighted.fweights = "two";
  glm_weighted.rows.transforms = {"two = 2"};
  auto const c = general(data(), "n ~ x + g", glm_weighted), d = general(data(7, 2), "n ~ x + g", glm_options("poisson", "HC2"));
  for (std::size_t k = 0; k < a.fits[0].coefficients.size(); ++k) {
    if (a.fits[0].coefficients[k].aliased) continue;
    EXPECT_NEAR(a.fits[0].coefficients[k].std_error, b.fits[0].coefficients[k].std_error, 1e-13);
    EXPECT_NEAR(c.coefficients[k].std_error, d.coefficients[k].std_error, 1e-12);
  }
}

TEST(Robust, RowsWithoutAClusterAreMissing) {
  auto options = options_of("", "c");
  options.rows.transforms = {"c = ifelse(f == 2, NA, f)"};
  auto chosen = options_of("", "f");
  chosen.rows.row_selection = "f != 2";
  auto const a = linear(data(), "y ~ x + g", options), b = linear(data(), "y ~ x + g", chosen);
  EXPECT_EQ(a.n_missing_obs, 24 - b.n_valid_obs);
  EXPECT_EQ(a.robust.clusters, 3);
  for (std::size_t k = 0; k < a.fits[0].coefficients.size(); ++k)
    if (!a.fits[0].coefficients[k].aliased) {
      EXPECT_DOUBLE_EQ(a.fits[0].coefficients[k].std_error, b.fits[0].coefficients[k].std_error);
    }
  auto poisson = glm_options("poisson", "", "c");
  poisson.rows = options.rows;
  EXPECT_EQ(general(data(), "n ~ x", poisson).n_missing_obs, a.n_missing_obs);  // no offset is made of the cluster
  auto of_chosen = glm_options("poisson", "", "f");
  of_chosen.rows = chosen.rows;
  EXPECT_EQ(general(data(), "n ~ x", poisson).deviance, general(data(), "n ~ x", of_chosen).deviance);
}

TEST(Robust, SameBitsForAnyRanksAndThreads) {
  auto const s = data(3);
  auto linear_options = options_of("", "f");
  auto general_options = glm_options("poisson", "HC0", "f", "w");
  linear_options.cov_coef = general_options.cov_coef = true;
  auto const answer = [&](Communicator& comm) {
    return to_json(lin_mod(s, "y ~ x * g", linear_options, comm)).dump() + to_json(glm(s, "n ~ x:g + offset(x / 9)", general_options, comm)).dump();
  };
  SelfCommunicator self;
  auto const want = answer(self);
  for (int ranks : {2, 3, 4, 7}) {
    std::vector<std::string> seen(ranks);
    test::on_ranks(ranks, [&](Communicator& comm) { seen[comm.rank()] = answer(comm); });
    for (auto const& one : seen) EXPECT_EQ(one, want) << ranks << " ranks";
  }
  linear_options.run.threads = general_options.run.threads = 2;
  EXPECT_EQ(answer(self), want);
}

TEST(Robust, ASearchEndsWithRobustErrors) {
  auto const s = data();
  auto with = [](auto options) {
    options.step = StepControl{};
    options.step->scope_upper = "~ x + g + h";
    options.step->scope_lower = "~ x";
    options.rows.transforms = {"h = ifelse(f == 0 & x > 4, NA, w * 1.5)"};
    return options;
  };
  auto const complete = [](auto options) {
    options.rows = {{"h = ifelse(f == 0 & x > 4, NA, w * 1.5)"}, "!is.na(h)"};
    return options;
  };
  auto const searched = linear(s, "y ~ x", with(options_of("HC3")));
  auto const direct = linear(s, searched.formula.c_str(), complete(options_of("HC3")));
  EXPECT_EQ(searched.n_missing_obs, 24 - direct.n_valid_obs);
  EXPECT_GT(searched.n_missing_obs, 0);
  ASSERT_TRUE(searched.selection);
  EXPECT_DOUBLE_EQ(searched.fits[0].coefficients[1].std_error, direct.fits[0].coefficients[1].std_error);
  auto const counts = general(s, "n ~ x", with(glm_options("poisson", "", "f")));
  auto const alone = general(s, counts.formula.c_str(), complete(glm_options("poisson", "", "f")));
  EXPECT_EQ(counts.robust.clusters, alone.robust.clusters);
  EXPECT_EQ(counts.n_missing_obs, searched.n_missing_obs);
  EXPECT_DOUBLE_EQ(counts.coefficients[1].std_error, alone.coefficients[1].std_error);
}

TEST(Robust, BadRequestsAreRefused) {
  auto const s = data();
  EXPECT_THROW(linear(s, "y ~ x", options_of("HC4")), UsageError);
  EXPECT_THROW(linear(s, "y ~ x", options_of("HC3", "f")), UsageError);
  EXPECT_THROW(linear(s, "y ~ x", options_of("", "nosuch")), UsageError);
  EXPECT_THROW(general(s, "n ~ x", glm_options("poisson", "HC2", "f")), UsageError);
  auto one = options_of("", "f");
  one.rows.row_selection = "f == 1";
  EXPECT_THROW(linear(s, "y ~ x", one), DataError);
  MemorySource text(4);
  text.numeric("y", {1, 2, 4, 7}).numeric("x", {1, 2, 3, 4});
  text.text("name", 3, {"a", "b", "c", "d"});
  EXPECT_THROW(linear(text, "y ~ x", options_of("", "name")), UsageError);
}

}  // namespace
}  // namespace rxhpc
