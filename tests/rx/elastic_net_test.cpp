#include "rxhpc/elastic_net.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "elastic_net_cases.hpp"
#include "memory_source.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/lin_mod.hpp"
#include "rxhpc/self_communicator.hpp"
#include "thread_communicator.hpp"

namespace rxhpc {
namespace {

using test::fit, test::linear, test::of_family, test::weighted, test::MemorySource;
constexpr double out = std::numeric_limits<double>::quiet_NaN();  // a level that the coding leaves out

/// Made by the remainders of whole numbers, so that R makes the same:
///   i <- 0:59
///   d <- data.frame(x = i %% 7 - 3, z = (i * i) %% 11 / 4, u = (i * i * i) %% 13 * 10, g = factor(c("a", "b", "c")[(i * 5) %% 8 %% 3 + 1]),
///                   w = 1 + i %% 4, o = (i %% 5) / 8)
///   d$y <- 1.5 * d$x - d$z + (i * 11) %% 17 / 4 + (i * 5) %% 8 %% 3
///   d$b <- as.numeric((i * i * 3 + i) %% 5 + d$x > 1)
///   d$n <- (i * i) %% 5 + (d$x > 0) + 2 * (d$g == "a")
///   X <- cbind(x = d$x, z = d$z, u = d$u, a = +(d$g == "a"), b = +(d$g == "b"))
///   glmnet.control(epsnr = 1e-14, mxitnr = 1000); gc <- function(...) glmnet(..., thresh = 1e-22, maxit = 1e7)
MemorySource made(std::int64_t chunk_rows = 17) {
  MemorySource s(chunk_rows);
  std::vector<double> x, z, u, w, o, y, b, n;
  std::vector<int> g;
  for (int i = 0; i < 60; ++i) {
    x.push_back(i % 7 - 3);
    z.push_back((i * i) % 11 / 4.0);
    u.push_back((i * i * i) % 13 * 10);
    g.push_back((i * 5) % 8 % 3);
    w.push_back(1 + i % 4);
    o.push_back((i % 5) / 8.0);
    y.push_back(1.5 * x.back() - z.back() + (i * 11) % 17 / 4.0 + g.back());
    b.push_back((i * i * 3 + i) % 5 + x.back() > 1);
    n.push_back((i * i) % 5 + (x.back() > 0) + 2 * (g.back() == 0));
  }
  s.numeric("x", x).numeric("z", z).numeric("u", u).factor("g", {"a", "b", "c"}, g).numeric("w", w).numeric("o", o).numeric("y", y).numeric("b", b).numeric("n", n);
  return s;
}

/// glmnet's figures: what it gives beside them is right to some 1e-11.
void expect_path(const ElasticNet& m, const std::vector<double>& dev_ratio, const std::vector<std::vector<double>>& estimates, double tolerance = 2e-11) {
  ASSERT_TRUE(m.converged);
  ASSERT_EQ(m.path.size(), dev_ratio.size());
  for (std::size_t k = 0; k < dev_ratio.size(); ++k) {
    EXPECT_NEAR(m.path[k].dev_ratio, dev_ratio[k], tolerance);
    ASSERT_EQ(m.path[k].estimates.size(), estimates[k].size());
    int df = 0;
    for (std::size_t j = 0; j < estimates[k].size(); ++j) {
      double const got = m.path[k].estimates[j], want = estimates[k][j];
      if (std::isnan(want)) {
        EXPECT_TRUE(std::isnan(got)) << m.names[j];
      } else if (want == 0) {
        EXPECT_EQ(got, 0) << m.names[j];
      } else {
        EXPECT_NEAR(got, want, tolerance * (1 + std::abs(want))) << m.names[j] << " at " << m.path[k].lambda;
      }
      df += m.names[j] != "(Intercept)" && got != 0 && !std::isnan(got);
    }
    EXPECT_EQ(m.path[k].df, df);
  }
}

/// glmnet(X, d$y, family = gaussian(), alpha = a, lambda = c(0.5, 0.02), weights = d$w)
TEST(ElasticNet, GaussianAsGlmnet) {
  expect_path(fit(made(), "y ~ x + z + u + g", weighted(linear(0, {0.02, 0.5}))), {0.764362792887862, 0.86574871859322},
              {{3.07782995459905706, 1.00261727007457613, -0.71301311281516511, -0.00095609285516864, -0.93441634043685817, -0.27702572660616959, out},
               {3.885165484004756919, 1.478787975669146881, -1.020495765876496819, 0.000162038153820871, -1.748670098173025433, -0.903524815746610366, out}});
  expect_path(fit(made(), "y ~ x + z + u + g", weighted(linear(0.5, {0.5, 0.02}))), {0.778968785294993, 0.865853981651133},
              {{2.648676364104769, 1.102319280789413, -0.5683185299788, 0, -0.577684289754964, 0, out},
               {3.880290822961538, 1.487972547692688, -1.016255301370319, 0, -1.736223947461878, -0.886536883101384, out}});
  expect_path(fit(made(), "y ~ x + z + u + g", weighted(linear(1, {0.5, 0.02}))), {0.787015326689229, 0.865892096036085},
              {{2.285416814965651, 1.252281632311797, -0.341324027824102, 0, -0.198756415901373, 0, out},
               {3.864333358376021, 1.497668549593848, -1.011847633616056, 0, -1.722058436361573, -0.867378696132502, out}});
}

/// glmnet(cbind(X[, c("x", "z", "u", "b")], c = +(d$g == "c")), d$y, alpha = 0.5, lambda = c(0.5, 0.02)): the quadratic part over the response's deviation
TEST(ElasticNet, LikeR) {
  auto o = linear(0.5, {0.5, 0.02});
  o.like_r = true;
  auto const m = fit(made(), "y ~ x + z + u + g", weighted(o));
  EXPECT_EQ(m.names, (std::vector<std::string>{"(Intercept)", "x", "z", "u", "ga", "gb", "gc"}));
  expect_path(m, {0.82366950577207, 0.866044200469698},
              {{2.309931778835403, 1.286733616622443, -0.637455628983572, 0, out, 0, 0.755052428298131},
               {2.154874668174553, 1.498861422662573, -1.021785446449433, 0, out, 0.810300843614928, 1.771549110648517}},
              4e-11);
}

/// glmnet(X, d$b, family = "binomial", alpha = a, lambda = c(0.1, 0.01), weights = d$w)
TEST(ElasticNet, BinomialAsGlmnet) {
  auto const of = [](double alpha) {
    auto o = weighted(of_family("binomial", alpha, {0.1, 0.01}));
    o.logit = true;
    return fit(made(), "b ~ x + z + u + g", o);
  };
  expect_path(of(0), {0.315365032049915, 0.377029231699179},
              {{0.76185965358660646, 0.50551281677634685, -0.26725449970882348, -0.00513230754293195, 0.18915323722462241, 0.18282036191014442, out},
               {1.26073253148364661, 0.86479859055392483, -0.52450965259109528, -0.00856268652288928, 0.39131426914379025, 0.36441443985782296, out}});
  expect_path(of(0.5), {0.294307585303131, 0.376807839442092},
              {{0.42115708652042461, 0.50330598638252522, -0.03349784136990384, -0.00137645855195504, 0, 0, out},
               {1.30377885352325373, 0.87922155150766035, -0.50067254945837869, -0.00821089177839258, 0.27578140509959964, 0.24561314652908101, out}});
  expect_path(of(1), {0.287635265967084, 0.375506325284303},
              {{0.301630977387767, 0.503557406745844, 0, 0, 0, 0, out},
               {1.36152216796634518, 0.89669207986478305, -0.47614541820544565, -0.00786125115899116, 0.1408751109075112, 0.10686009904623225, out}});
}

/// glmnet(X, d$n, family = "poisson", alpha = a, lambda = c(0.3, 0.02), weights = d$w, offset = d$o)
TEST(ElasticNet, PoissonAsGlmnet) {
  auto const of = [](double alpha) {
    auto o = of_family("poisson", alpha, {0.3, 0.02});
    o.fweights = "w";
    return fit(made(), "n ~ x + z + u + g + offset(o)", o);
  };
  expect_path(of(0), {0.23623712799161, 0.237840865778174},
              {{0.702408286265287063, 0.047428878647652328, 0.024677820561024934, -0.000334874178002922, 0.478068252838299734, -0.111761616366467753, out},
               {0.6614802036357831, 0.05172799148657981, 0.02884363749300702, -0.00030947325081524, 0.53235015574151567, -0.0863366985225027, out}});
  expect_path(of(0.5), {0.220881390874896, 0.237721706954515},
              {{0.6921131480960981, 0.0258050132803029, 0, 0, 0.4598834250208762, -0.0160055525010683, out},
               {0.66047512760927, 0.05023902644375066, 0.02408710303541301, -0.00023984637327698, 0.532071388300840220, -0.07807364005799965, out}}, 5e-12);
  expect_path(of(1), {0.19026324859336, 0.237400392044963},
              {{0.71769376281113206, 0.00248911785558845, 0, 0, 0.39664917740388012, 0, out},
               {0.6594084245950067, 0.04874213082924345, 0.01930136689246034, -0.00017004215027774, 0.53184054987600593, -0.06974656088736997, out}});
}

/// glmnet(cbind(X, c = +(d$g == "c")), d$y, family = gaussian(), alpha = 0.5, ..., intercept = FALSE); glmnet(X, ..., standardize = FALSE);
/// glmnet(cbind(x, a, b, x * a, x * b), d$y, family = gaussian(), alpha = 1, lambda = c(0.5, 0.02))
TEST(ElasticNet, WithoutInterceptWithoutScalesWithInteractions) {
  expect_path(fit(made(), "y ~ x + z + u + g - 1", weighted(linear(0.5, {0.5, 0.02}))), {0.785884019656667, 0.894815972612781},
              {{1.11696667052357612, 0, 0.00793970633075158, 0.28401120180486256, 0.97958585875836379, 1.61982683123749549},
               {1.49061409867881078, -0.95217200559112525, 0.00104315995771803, 1.9725931519544002, 2.81826647357127325, 3.76320704008847207}}, 5e-11);
  auto plain = weighted(linear(0.5, {0.5, 0.02}));
  plain.standardize = false;
  expect_path(fit(made(), "y ~ x + z + u + g", plain), {0.797354176380954, 0.86519520270784},
              {{2.242475515269365172, 1.354917300819747261, -0.363781801973690866, 0.000482590376650309, -0.082730849214892377, 0, out},
               {3.735748758595183183, 1.501452359846880302, -0.999694110943575964, 0.000409613501348666, -1.586360684268859567, -0.751591782291077259, out}});
  expect_path(fit(made(), "y ~ x * g", linear(1, {0.5, 0.02})), {0.791095823532813, 0.846274546526707},
              {{2.019895595350174, 1.237621639369354, -0.351129416815605, 0, out, 0.181052904950318, 0, out},
               {2.84723649426801, 1.320776830622488, -1.759337098967881, -0.786860435550099, out, 0.464394304316710, 0.141486750949609, out}}, 1e-10);
}

/// f <- glmnet(X, d$y, weights = d$w); length(f$lambda); f$lambda[1:3]
TEST(ElasticNet, PenaltiesOfItsOwn) {
  auto const m = fit(made(), "y ~ x + z + u + g", weighted(linear(1)));
  ASSERT_EQ(m.path.size(), 65u);
  EXPECT_NEAR(m.path[0].lambda, 2.96676421789162, 1e-13);
  EXPECT_NEAR(m.path[2].lambda, 2.46305977419894, 1e-13);
  EXPECT_EQ(m.path[0].df, 0);
  EXPECT_EQ(m.path[0].dev_ratio, 0);
  EXPECT_EQ(m.path[1].df, 1);
  EXPECT_EQ(m.iterations, 1);
  auto ratio = weighted(of_family("poisson", 0));
  ratio.n_lambda = 3;
  ratio.lambda_min_ratio = 0.01;
  auto const ridge = fit(made(), "n ~ x + z + u + g", ratio);
  ASSERT_EQ(ridge.path.size(), 3u);
  EXPECT_NEAR(ridge.path[0].lambda, 891.111275762662, 1e-9);  // alpha counts as 0.001 there
  EXPECT_NEAR(ridge.path[2].lambda, 8.91111275762662, 1e-11);
  EXPECT_EQ(ridge.path[0].df, 5);
}

/// length(glmnet(X, d$b, family = "binomial", alpha = a, weights = w, thresh = 1e-14)$lambda), the same of d$n and "poisson", and gc of d$n + 1 and
/// Gamma("log"); w: 1 or d$w
TEST(ElasticNet, PathsEndWhereGlmnetEndsThem) {
  auto const lengths = [](double alpha, bool weights) {
    std::vector<std::size_t> of;
    auto const add = [&](const char* response, ElasticNetOptions o) {
      of.push_back(fit(made(), (std::string(response) + " ~ x + z + u + g").c_str(), weights ? weighted(o) : o).path.size());
    };
    add("b", of_family("binomial", alpha));
    add("n", of_family("poisson", alpha));
    auto gamma = of_family("Gamma", alpha);
    gamma.family.link = "log";
    add("n + 1", gamma);
    return of;
  };
  using Lengths = std::vector<std::size_t>;
  EXPECT_EQ(lengths(1, false), (Lengths{62, 58, 53}));
  EXPECT_EQ(lengths(1, true), (Lengths{64, 59, 53}));
  EXPECT_EQ(lengths(0.5, false), (Lengths{68, 59, 54}));
  EXPECT_EQ(lengths(0.5, true), (Lengths{70, 60, 54}));
}

TEST(ElasticNet, NoPenaltyIsTheModelItself) {
  SelfCommunicator self;
  LinModOptions plain;
  plain.pweights = "w";
  auto const line = lin_mod(made(), "y ~ x + z + g", plain, self);
  for (double alpha : {0.0, 1.0}) {
    auto const m = fit(made(), "y ~ x + z + g", weighted(linear(alpha, {0})));
    for (std::size_t j = 0; j + 1 < line.fits[0].coefficients.size(); ++j) EXPECT_NEAR(m.path[0].estimates[j], line.fits[0].coefficients[j].estimate, 1e-14 * 8);
    EXPECT_NEAR(m.path[0].dev_ratio, line.fits[0].r_squared, 1e-14);
  }
  GlmOptions counts;
  counts.family.name = "poisson";
  auto const free = glm(made(), "n ~ x * g", counts, self);
  auto const m = fit(made(), "n ~ x * g", of_family("poisson", 0.5, {0}));
  for (std::size_t j = 0; j < free.coefficients.size(); ++j)
    EXPECT_TRUE(free.coefficients[j].aliased || std::abs(m.path[0].estimates[j] - free.coefficients[j].estimate) < 1e-12) << m.names[j];
  EXPECT_NEAR(m.null_deviance, free.null_deviance, 1e-11);
}

TEST(ElasticNet, SuccessesAndFailuresAreSharesOfTrials) {
  MemorySource s(2);
  s.numeric("s", {3, 5, 2, 7, 9, 6}).numeric("t", {10, 12, 8, 11, 10, 9}).numeric("z", {1, 2, 3, 4, 5, 6});
  auto both = of_family("binomial", 0.5, {0.1}), share = both;
  both.logit = true;
  share.pweights = "t";
  auto const a = fit(s, "cbind(s, t - s) ~ z", both), b = fit(s, "I(s / t) ~ z", share);
  ASSERT_EQ(a.path.size(), 1u);
  EXPECT_EQ(a.path[0].df, 1);
  for (int j = 0; j < 2; ++j) EXPECT_NEAR(a.path[0].estimates[j], b.path[0].estimates[j], 1e-13);
  EXPECT_NEAR(a.null_deviance, 13.01599685589650335, 1e-11);  // glm(cbind(s, t - s) ~ z, binomial)$null.deviance
}

TEST(ElasticNet, Separation) {
  MemorySource s(3);
  s.numeric("y", {0, 0, 0, 1, 1, 1}).numeric("x", {1, 2, 3, 4, 5, 6});
  auto const m = fit(s, "y ~ x", of_family("binomial", 1, {0.1, 0}));
  EXPECT_FALSE(m.converged);
  ASSERT_EQ(m.path.size(), 1u);
  EXPECT_EQ(m.path[0].lambda, 0.1);
  EXPECT_NE(m.warnings[0].find("lambda = 0"), std::string::npos);
  EXPECT_TRUE(fit(s, "y ~ x", of_family("binomial", 1)).converged);  // a path of its own ends before
}

TEST(ElasticNet, BadArguments) {
  auto const s = made();
  EXPECT_THROW(fit(s, "y ~ x", linear(-0.1)), UsageError);
  EXPECT_THROW(fit(s, "y ~ x", linear(1.1)), UsageError);
  EXPECT_THROW(fit(s, "y ~ x", linear(1, {-1})), UsageError);
  EXPECT_THROW(fit(s, "y ~ x", linear(1, {INFINITY})), UsageError);
  EXPECT_THROW(fit(s, "cbind(y, x) ~ z", linear(1)), UsageError);
  EXPECT_THROW(fit(s, "y ~ x + offset(o)", linear(1)), UsageError);
  EXPECT_THROW(fit(s, "n ~ x", of_family("negbin", 1)), UsageError);
  EXPECT_THROW(fit(s, "~ x", linear(1)), UsageError);
  auto o = linear(1);
  o.cov_coef = true;
  EXPECT_THROW(fit(s, "y ~ x", o), UsageError);
  o = linear(1);
  o.lambda_min_ratio = 1;
  EXPECT_THROW(fit(s, "y ~ x", o), UsageError);
  EXPECT_THROW(fit(s, "I(0 * y + 2) ~ x", linear(1)), NumericalError);
  EXPECT_THROW(fit(s, "I(0 * n + 2) ~ x", of_family("poisson", 1)), NumericalError);
  EXPECT_THROW(fit(s, "y ~ I(0 * x + 1)", linear(1)), NumericalError);
  EXPECT_THROW(fit(s, "x ~ y", of_family("poisson", 1)), DataError);
  EXPECT_THROW(fit(s, "I(0 * b) ~ x", of_family("binomial", 1)), DataError);
}

TEST(ElasticNet, RanksGiveTheSameBits) {
  for (auto const* family : {"lm", "binomial", "poisson"}) {
    bool const lm = std::string(family) == "lm";
    auto o = weighted(lm ? linear(0.7) : of_family(family, 0.7));
    o.n_lambda = 8;
    auto const* formula = lm ? "y ~ x + z * g" : std::string(family) == "poisson" ? "n ~ x + z * g" : "b ~ x + z * g";
    auto const want = to_json(fit(made(7), formula, o)).dump();
    o.run.threads = 1;
    for (int ranks : {2, 3, 5}) {
      std::vector<std::string> seen(static_cast<std::size_t>(ranks));
      test::on_ranks(ranks, [&](Communicator& comm) { seen[static_cast<std::size_t>(comm.rank())] = to_json(elastic_net(made(7), formula, o, comm)).dump(); });
      for (auto const& got : seen) EXPECT_EQ(got, want) << family;
    }
  }
}

}  // namespace
}  // namespace rxhpc
