#include "rxhpc/glm.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>

#include "memory_source.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/self_communicator.hpp"
#include "thread_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;

GlmOptions options_of(const std::string& family, const std::string& link = "") {
  GlmOptions o;
  o.family.name = family;
  o.family.link = link;
  o.coeff_tolerance = 1e-12;
  o.objective_tolerance = 0;
  o.max_iterations = 100;
  return o;
}

Glm fit(const ChunkSource& source, const char* formula, const GlmOptions& options) {
  SelfCommunicator self;
  return glm(source, formula, options, self);
}

const GlmCoefficient& named(const Glm& m, const std::string& name) {
  for (auto const& c : m.coefficients)
    if (c.name == name) return c;
  throw std::runtime_error("no coefficient " + name);
}

/// The randomised trial of Dobson (1990), as R's help for glm has it.
MemorySource dobson() {
  MemorySource s(4);
  s.numeric("counts", {18, 17, 15, 20, 10, 20, 25, 13, 12});
  s.factor("outcome", {"1", "2", "3"}, {0, 1, 2, 0, 1, 2, 0, 1, 2}).factor("treatment", {"1", "2", "3"}, {0, 0, 0, 1, 1, 1, 2, 2, 2});
  return s;
}

/// Clotting times of McCullagh & Nelder (1989), p. 300.
MemorySource clotting() {
  MemorySource s(5);
  s.numeric("u", {5, 10, 15, 20, 30, 40, 60, 80, 100}).numeric("lot1", {118, 58, 42, 35, 27, 25, 21, 19, 18});
  return s;
}

MemorySource counts() {
  MemorySource s(7);
  std::vector<double> x;
  for (int i = 1; i <= 18; ++i) x.push_back(i / 6.0);
  s.numeric("y", {0, 1, 2, 0, 7, 3, 1, 12, 0, 5, 2, 9, 4, 0, 1, 6, 22, 3}).numeric("x", x);
  return s;
}

/// A made-up binary response with a factor, weights and a missing value.
MemorySource binary(std::int64_t chunk_rows, int rows = 400) {
  MemorySource s(chunk_rows);
  std::mt19937 random(11);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  std::vector<double> x, y, w;
  std::vector<int> g;
  for (int i = 0; i < rows; ++i) {
    x.push_back(i == 7 ? std::nan("") : normal(random));
    g.push_back(i % 3);
    y.push_back(uniform(random) < 1 / (1 + std::exp(-0.4 - (i == 7 ? 0 : x.back()) + 0.5 * g.back())));
    w.push_back(1 + i % 4);
  }
  s.numeric("y", y).numeric("x", x).factor("g", {"a", "b", "c"}, g).numeric("w", w);
  return s;
}

TEST(Glm, PoissonAgreesWithR) {
  auto options = options_of("poisson");
  options.like_r = true;
  auto const m = fit(dobson(), "counts ~ outcome + treatment", options);
  EXPECT_NEAR(named(m, "(Intercept)").estimate, 3.0445224377234221, 1e-12);
  EXPECT_NEAR(named(m, "outcome2").estimate, -0.45425527227759499, 1e-12);
  EXPECT_NEAR(named(m, "outcome2").std_error, 0.20217075, 1e-8);
  EXPECT_NEAR(named(m, "treatment3").estimate, 0, 1e-12);
  EXPECT_NEAR(m.deviance, 5.1291410770011421, 1e-12);
  EXPECT_NEAR(m.null_deviance, 10.5814458637508668, 1e-12);
  EXPECT_NEAR(m.aic, 56.7613184019576735, 1e-11);
  EXPECT_NEAR(m.bic, 57.7474412886387682, 1e-11);
  EXPECT_NEAR(m.log_likelihood, -23.3806592009788368, 1e-11);
  EXPECT_EQ(m.dispersion, 1);
  EXPECT_EQ(m.df_residual, 4);
  EXPECT_TRUE(m.converged);
  EXPECT_TRUE(m.warnings.empty());
}

TEST(Glm, GammaAndInverseGaussianAgreeWithR) {
  auto const m = fit(clotting(), "lot1 ~ log(u)", options_of("Gamma"));
  EXPECT_NEAR(named(m, "(Intercept)").estimate, -0.016554381726200273, 1e-14);
  EXPECT_NEAR(named(m, "log(u)").estimate, 0.015343114910324664, 1e-14);
  EXPECT_NEAR(named(m, "log(u)").std_error, 0.00041495964266633455, 1e-9);
  EXPECT_NEAR(m.deviance, 0.0167297151784837686, 1e-13);
  EXPECT_NEAR(m.null_deviance, 3.5128262638285168, 1e-13);
  EXPECT_NEAR(m.dispersion, 0.0024460362422595939, 1e-9);
  EXPECT_NEAR(m.aic, 37.989923949554, 1e-10);
  EXPECT_NEAR(m.log_likelihood, -15.994961974777, 1e-10);
  auto const i = fit(clotting(), "lot1 ~ log(u)", options_of("inverse.gaussian"));
  EXPECT_NEAR(named(i, "log(u)").estimate, 0.00072191389695060756, 1e-14);
  EXPECT_NEAR(i.deviance, 0.006931128347234505, 1e-14);
  EXPECT_NEAR(i.aic, 61.574852017699698, 1e-9);
}

TEST(Glm, OffsetsAndSuccessesWithFailures) {
  auto const m = fit(counts(), "y ~ x + offset(log(x))", options_of("poisson"));
  EXPECT_NEAR(m.deviance, 80.39800623271813, 1e-11);
  EXPECT_NEAR(m.null_deviance, 80.88574468926926, 1e-9);
  EXPECT_NEAR(named(m, "x").estimate, -0.10764471904514217, 1e-11);
  MemorySource s(2);
  s.numeric("s", {3, 5, 2, 7, 9, 6}).numeric("t", {10, 12, 8, 11, 10, 9}).numeric("z", {1, 2, 3, 4, 5, 6});
  auto const b = fit(s, "cbind(s, t - s) ~ z", options_of("binomial"));
  EXPECT_NEAR(named(b, "z").estimate, 0.45749705176923572, 1e-11);
  EXPECT_NEAR(b.deviance, 5.05637675473017723, 1e-11);
  EXPECT_NEAR(b.null_deviance, 13.01599685589650335, 1e-11);
  EXPECT_NEAR(b.aic, 24.29767263435271, 1e-10);
  auto logit = options_of("binomial");
  logit.logit = true;
  auto const l = fit(s, "cbind(s, t - s) ~ z", logit);
  EXPECT_NEAR(named(l, "z").estimate, 0.45749705176923572, 1e-11);
  EXPECT_NEAR(l.deviance, 5.05637675473017723, 1e-11);
  EXPECT_NEAR(l.null_deviance, 13.01599685589650335, 1e-11);
  EXPECT_THROW(fit(s, "cbind(s, 8 - t) ~ z", logit), DataError);  // negative numbers of failures
}

TEST(Glm, GaussianIsTheLinearModel) {
  auto const m = fit(clotting(), "lot1 ~ u", options_of("gaussian"));
  EXPECT_NEAR(m.deviance, m.pearson, 1e-9);
  EXPECT_LE(m.iterations, 2);
}

TEST(Glm, FrequencyWeightsRepeatRows) {
  MemorySource once(3), repeated(3);
  once.numeric("y", {0, 1, 1, 0}).numeric("x", {1, 2, 3, 4}).numeric("k", {2, 1, 3, 2});
  repeated.numeric("y", {0, 0, 1, 1, 1, 1, 0, 0}).numeric("x", {1, 1, 2, 3, 3, 3, 4, 4});
  auto options = options_of("binomial");
  auto const b = fit(repeated, "y ~ x", options);
  options.fweights = "k";
  auto const a = fit(once, "y ~ x", options);
  EXPECT_NEAR(a.deviance, b.deviance, 1e-12);
  EXPECT_NEAR(named(a, "x").estimate, named(b, "x").estimate, 1e-12);
  EXPECT_EQ(a.df_residual, b.df_residual);
  EXPECT_NEAR(a.aic, b.aic, 1e-12);
}

TEST(Glm, SeparationIsNamed) {
  MemorySource s(4);
  s.numeric("y", {0, 1, 0, 1, 0, 0, 0, 0}).factor("g", {"some", "none"}, {0, 0, 0, 0, 1, 1, 1, 1});
  GlmOptions o;
  o.logit = true;
  auto const m = fit(s, "y ~ g - 1", o);
  ASSERT_FALSE(m.warnings.empty());
  EXPECT_NE(m.warnings.back().find("g=none"), std::string::npos);
  EXPECT_EQ(m.warnings.back().find("g=some"), std::string::npos);
  EXPECT_NEAR(named(m, "g=some").estimate, 0, 1e-9);
}

TEST(Glm, NegativeBinomialIsAtItsMaximum) {
  auto options = options_of("negbin");
  auto const m = fit(counts(), "y ~ x", options);
  ASSERT_TRUE(m.converged);
  double around[2];
  for (int k = 0; k < 2; ++k) {
    options.family.theta = m.theta * (k ? 1.001 : 0.999);
    around[k] = fit(counts(), "y ~ x", options).log_likelihood;
  }
  EXPECT_GT(m.log_likelihood, around[0]);
  EXPECT_GT(m.log_likelihood, around[1]);
  EXPECT_NEAR(around[0], around[1], 1e-7);
  EXPECT_GT(m.theta_error, 0);
  // The curve's second difference is the information that the error comes from.
  double const h = 0.001 * m.theta, curvature = (2 * m.log_likelihood - around[0] - around[1]) / (h * h);
  EXPECT_NEAR(1 / std::sqrt(curvature), m.theta_error, 0.05 * m.theta_error);
}

void expect_near(const std::vector<double>& got, const std::vector<double>& want, double relative) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t k = 0; k < got.size(); ++k) EXPECT_NEAR(got[k], want[k], relative * std::abs(want[k])) << "number " << k;
}

struct NegativeBinomialCase {
  std::vector<double> estimates, errors;
  double theta, theta_error, twice_log_likelihood, deviance, null_deviance;
};
void expect_case(const Glm& m, const NegativeBinomialCase& want) {
  ASSERT_TRUE(m.converged);
  std::vector<double> estimates, errors;
  for (auto const& c : m.coefficients)
    if (!c.aliased) estimates.push_back(c.estimate), errors.push_back(c.std_error);
  expect_near(estimates, want.estimates, 1e-9);
  expect_near(errors, want.errors, 1e-8);
  EXPECT_NEAR(m.theta, want.theta, 1e-9 * want.theta);
  EXPECT_NEAR(m.theta_error, want.theta_error, 1e-7 * want.theta_error);
  EXPECT_NEAR(2 * m.log_likelihood, want.twice_log_likelihood, 1e-10 * std::abs(want.twice_log_likelihood));
  EXPECT_NEAR(m.deviance, want.deviance, 1e-8 * want.deviance);
  EXPECT_NEAR(m.null_deviance, want.null_deviance, 1e-8 * want.null_deviance);
  auto const parameters = static_cast<double>(want.estimates.size() + 1);
  EXPECT_NEAR(m.aic, 2 * parameters - want.twice_log_likelihood, 1e-8);
}

/// Coefficients of MASS::glm.nb(..., control = glm.control(epsilon = 1e-14, maxit = 500)); the rest with theta gone on until it stands still:
///   th <- glm.nb(formula, d, weights = w)$theta
///   repeat { g <- glm.fit(X, y, weights = w, offset = off, family = negative.binomial(th), control = list(epsilon = 1e-15, maxit = 500))
///            th <- theta.ml(y, g$fitted.values, sum(w), w, limit = 500, eps = 1e-13) }
/// Errors are those of dispersion 1, as glm.nb's summary has them. glm.nb itself: theta 1.003693981 (0.4573978), 1.895591436 (0.6246802),
/// 1.504995046 (0.3391907), 16.759515062 (8.0593928); 2 log L -88.897435336, -224.711173659, -449.995802950, -279.328360736.
TEST(Glm, NegativeBinomialAsGlmNb) {
  auto options = options_of("negbin");
  options.like_r = true;  // the first level left out
  expect_case(fit(counts(), "y ~ x", options), {{0.3471098019632609, 0.6245441757704613},
                                                {0.5898617922891153, 0.3126987772988779},
                                                1.003693981377141, 0.4573988070240186, -88.89743533627617, 20.02982014405035, 23.79791676053409});
  MemorySource s(11);
  std::vector<double> x, w, e, centred;
  std::vector<int> g;
  for (int i = 1; i <= 48; ++i) {
    x.push_back(i % 8 / 4.0);
    g.push_back(i % 3);
    w.push_back(1 + i % 3);
    e.push_back(1 + i % 5);
    centred.push_back(i % 7 - 3);
  }
  s.numeric("y", {3, 0, 10, 0, 12, 1, 1, 3, 6, 0, 11, 5, 2, 0, 2, 1, 1, 3, 0, 7, 12, 3, 0, 6, 1, 4, 3, 2, 0, 8, 2, 4, 3, 1, 1, 4, 8, 9, 2, 1, 5, 13, 1, 5, 2, 2, 13, 2});
  s.numeric("v", {3, 1, 19, 34, 7, 21, 9, 6, 25, 3, 12, 31, 36, 6, 1, 10, 13, 23, 49, 4, 5, 5, 15, 18, 5, 7, 24, 15, 14, 3, 15, 14, 33, 79, 2, 8, 7, 17, 36, 6, 12, 3, 7, 14, 6, 5, 14, 43});
  s.numeric("x", x).factor("g", {"a", "b", "c"}, g).numeric("w", w).numeric("e", e).numeric("z", centred);
  expect_case(fit(s, "y ~ x + g", options), {{1.4344299724875977, 0.2442992604276076, -1.1099643780156518, -0.1228668885263242},
                                             {0.2955896042248609, 0.2294936683993628, 0.3383971665003203, 0.3027776585676133},
                                             1.895591436950743, 0.6246817038443856, -224.7111736591518, 52.61371225127888, 65.31073713809712});
  options.pweights = "w";
  expect_case(fit(s, "y ~ x + g", options), {{1.3421935587840130, 0.3632553724957267, -1.1339976025690317, -0.1418401425745037},
                                             {0.2808886200797838, 0.1765798774714655, 0.3046875346733277, 0.2683488027238029},
                                             1.504995046286653, 0.3391911606188134, -449.9958029503681, 107.1662395242577, 130.2922469199197});
  options.pweights = "";
  expect_case(fit(s, "v ~ z + offset(log(e))", options), {{1.4633885676547425, 0.2701721585196466},
                                                          {0.05705489324002379, 0.02863783059860565},
                                                          16.75951506224227, 8.05940545802458, -279.3283607361499, 50.45502676555229, 146.4156024172049});
}

/// The same of counts beyond the kernel's table of sums; and counts that no table could hold.
TEST(Glm, NegativeBinomialOfLargeCounts) {
  auto options = options_of("negbin");
  MemorySource s(7);
  std::vector<double> x, huge, y{310, 1425, 5230, 90, 2604, 815, 7711, 3120, 12020, 660, 4400, 1999, 260, 9040, 2310, 1105, 3333, 720, 15010, 480};
  for (int i = 1; i <= 20; ++i) {
    x.push_back(i % 7 / 4.0);
    huge.push_back(1e9 * y[static_cast<std::size_t>(i - 1)]);
  }
  s.numeric("y", y).numeric("x", x).numeric("huge", huge);
  expect_case(fit(s, "y ~ x", options), {{8.603050070422832, -0.5612142984309453},
                                         {0.4635312064124839, 0.5018637647617721},
                                         0.8523383253633712, 0.2340656382631652, -366.0958578388709, 23.53738434719665, 24.78056670790227});
  auto const m = fit(s, "huge ~ x", options);
  EXPECT_TRUE(m.converged);
  EXPECT_NEAR(m.theta, 0.852061047116, 1e-8);  // as far as glm.nb goes
  EXPECT_NEAR(named(m, "(Intercept)").estimate, 29.326323680332, 1e-9);
  EXPECT_NEAR(named(m, "x").estimate, -0.561224843611, 1e-9);
}

/// s <- c(3, 1, 4, 0, 5, 2); t <- c(7, 2, 6, 3, 9, 4); z <- 1:6; w <- c(1, 2, 0.5, 3, 1, 2); glm(cbind(s, t - s) ~ z, binomial, weights = w)
TEST(Glm, WeightsOfSuccessesAndFailuresAreNoTrials) {
  MemorySource s(4);
  s.numeric("s", {3, 1, 4, 0, 5, 2}).numeric("t", {7, 2, 6, 3, 9, 4}).numeric("z", {1, 2, 3, 4, 5, 6}).numeric("w", {1, 2, 0.5, 3, 1, 2});
  auto options = options_of("binomial");
  options.pweights = "w";
  for (auto const* formula : {"cbind(s, t - s) ~ z", "cbind(s, t - s) ~ z + offset(0 * z)"}) {
    auto const m = fit(s, formula, options);
    EXPECT_NEAR(named(m, "z").estimate, 0.0274363601511387, 1e-11);
    EXPECT_NEAR(named(m, "z").std_error, 0.185438505594417, 1e-7);
    EXPECT_NEAR(m.deviance, 11.4383633553775450, 1e-11);
    EXPECT_NEAR(m.aic, 28.3880658060075390, 1e-10);
    EXPECT_NEAR(m.log_likelihood, -12.1940329030037695, 1e-10);
    EXPECT_NEAR(m.bic, 27.9715847444636481, 1e-10);
  }
}

/// From where no step leads down, not even one halved forty times, the fit begins anew from the means of the family.
TEST(Glm, AHopelessStartIsLeft) {
  auto options = options_of("Gamma", "log");
  auto const want = fit(counts(), "y + 0.5 ~ x", options);
  options.initial_values = "-60,20";
  auto const m = fit(counts(), "y + 0.5 ~ x", options);
  ASSERT_TRUE(m.converged);
  EXPECT_NEAR(named(m, "x").estimate, named(want, "x").estimate, 1e-9);
  EXPECT_NEAR(named(m, "x").estimate, 0.564580762268703, 1e-8);  // glm(y + 0.5 ~ x, Gamma("log"))
  EXPECT_NEAR(m.deviance, 17.403147335272745, 1e-11);
}

/// At the end of the family's range some weights are so large that the others vanish beside them: an estimate stays, its error goes.
TEST(Glm, AnEstimateAtTheEndOfTheRangeIsTold) {
  MemorySource s(4);
  s.numeric("y", {0, 1, 0, 2, 2, 4, 9, 12}).numeric("x", {0.3, 1.3, 2.3, 3.3, 4.3, 5.3, 6.3, 7.3});
  auto options = options_of("poisson", "identity");
  auto const m = fit(s, "y ~ x", options);
  for (auto const& c : m.coefficients) EXPECT_FALSE(c.aliased || std::isnan(c.estimate)) << c.name;
  EXPECT_EQ(m.rank, 2);
  EXPECT_TRUE(std::isnan(m.coefficients[1].std_error));
  EXPECT_NEAR(m.coefficients[0].estimate, -0.3 * m.coefficients[1].estimate, 1e-9);
}

TEST(Glm, IterationsGoOnAfterTheirLastStepIsHalved) {
  // By a linear regression the first step leaves the range of the inverse link.
  MemorySource s(4);
  s.numeric("y", {100, 40, 2, 1, 0.5, 0.4}).numeric("x", {1, 2, 30, 60, 100, 130});
  auto options = options_of("Gamma");
  options.initial_values = "NULL";
  auto const m = fit(s, "y ~ x", options);
  EXPECT_TRUE(m.converged);
  options.initial_values = "NA";
  EXPECT_NEAR(fit(s, "y ~ x", options).deviance, m.deviance, 1e-10);
}

TEST(Glm, SameBitsOnRanksAsThreads) {
  auto options = options_of("binomial");
  options.pweights = "w";
  options.run.threads = 1;
  auto const want = to_json(fit(binary(37), "y ~ x + g", options)).dump();
  for (int ranks : {2, 3, 7}) {
    std::vector<std::string> seen(static_cast<std::size_t>(ranks));
    test::on_ranks(ranks, [&](Communicator& comm) {
      auto const source = binary(37);
      seen[static_cast<std::size_t>(comm.rank())] = to_json(glm(source, "y ~ x + g", options, comm)).dump();
    });
    for (auto const& one : seen) EXPECT_EQ(one, want) << ranks << " ranks";
  }
}

TEST(Glm, ResumedFitsHaveTheSameBits) {
  auto options = options_of("poisson");
  std::vector<std::string> states;
  options.checkpoint = [&](const std::string& state) { states.push_back(state); };
  auto const source = counts();
  auto const whole = to_json(fit(source, "y ~ x + offset(log(x))", options)).dump();
  ASSERT_GT(states.size(), 4u);
  options.checkpoint = {};
  for (std::size_t k = 0; k + 1 < states.size(); ++k) {
    options.resume = states[k];
    EXPECT_EQ(to_json(fit(source, "y ~ x + offset(log(x))", options)).dump(), whole) << "after pass " << k;
  }
  options.resume = "{}";
  EXPECT_THROW(fit(source, "y ~ x + offset(log(x))", options), DataError);
}

/// Where the iterations end before theta is found, the fit as it is has one all the same, and goes on from where it was.
TEST(Glm, AnUnfinishedSearchForThetaGoesOn) {
  auto const source = counts();
  auto options = options_of("negbin");
  auto const whole = to_json(fit(source, "y ~ x", options)).dump();
  for (int limit = 1; limit <= 4; ++limit) {
    auto stopped = options;
    stopped.max_iterations = limit;
    std::string state;
    stopped.checkpoint = [&](const std::string& s) { state = s; };
    auto const m = fit(source, "y ~ x", stopped);
    if (m.converged) continue;
    EXPECT_GT(m.theta, 0);
    EXPECT_TRUE(std::isfinite(m.theta_error) && m.log_likelihood < 0) << limit;
    auto resumed = options;
    resumed.resume = state;
    EXPECT_EQ(to_json(fit(source, "y ~ x", resumed)).dump(), whole) << limit;
  }
}

TEST(Glm, RefusesWhatHasNoAnswer) {
  auto const s = counts();
  EXPECT_THROW(fit(s, "y ~ x", options_of("Gamma")), DataError);      // zeros
  EXPECT_THROW(fit(s, "y - 3 ~ x", options_of("poisson")), DataError);
  EXPECT_THROW(fit(s, "y ~ x", options_of("binomial")), DataError);
  EXPECT_THROW(fit(s, "x - x ~ y", options_of("binomial")), DataError);  // one class
  EXPECT_THROW(fit(s, "y ~ x", options_of("poisson", "weird")), UsageError);
  EXPECT_THROW(fit(s, "y ~ x", options_of("student")), UsageError);
  auto two = options_of("poisson");
  two.initial_values = "1,2,3";
  EXPECT_THROW(fit(s, "y ~ x", two), UsageError);
  two.initial_values = "1,b";
  EXPECT_THROW(fit(s, "y ~ x", two), UsageError);
  auto none = options_of("poisson");
  none.rows.row_selection = "y > 100";
  EXPECT_THROW(fit(s, "y ~ x", none), DataError);
  auto few = options_of("poisson");
  few.rows.row_selection = "y > 11";
  EXPECT_THROW(fit(s, "y ~ x + I(x^2)", few), DataError);
}

// Sums in plain double, a start from every 16th tile and a last step without a pass: the same answer as without all that.
TEST(Glm, LargeProblemsTakeShortCutsToTheSameAnswer) {
  MemorySource s(65536);
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  constexpr int rows = 410000, columns = 11;
  std::vector<std::vector<double>> x(columns, std::vector<double>(rows));
  std::vector<double> y(rows);
  std::string formula = "y ~ x0";
  for (int i = 0; i < rows; ++i) {
    double eta = -0.5;
    for (int j = 0; j < columns; ++j) {
      x[j][i] = 100 * j + normal(random);
      eta += 0.1 * (j + 1) * (x[j][i] - 100 * j);
    }
    y[i] = uniform(random) < 1 / (1 + std::exp(-eta));
  }
  s.numeric("y", y);
  for (int j = 0; j < columns; ++j) {
    s.numeric("x" + std::to_string(j), x[j]);
    if (j > 0) formula += " + x" + std::to_string(j);
  }
  GlmOptions quick;
  quick.logit = true;
  auto const m = fit(s, formula.c_str(), quick);
  EXPECT_FALSE(m.exact);
  EXPECT_LE(m.iterations, 3);
  auto slow = quick;
  slow.initial_values = "0";
  slow.objective_tolerance = 0;
  slow.coeff_tolerance = 1e-12;
  auto const w = fit(s, formula.c_str(), slow);
  EXPECT_GT(w.iterations, m.iterations);
  for (std::size_t j = 0; j < m.coefficients.size(); ++j) {
    EXPECT_NEAR(m.coefficients[j].estimate, w.coefficients[j].estimate, 1e-6 * w.coefficients[j].std_error);
    EXPECT_NEAR(m.coefficients[j].std_error / w.coefficients[j].std_error, 1, 1e-5);
  }
  EXPECT_NEAR(m.deviance / w.deviance, 1, 1e-12);
  EXPECT_NEAR(m.null_deviance / w.null_deviance, 1, 1e-12);
}

TEST(Glm, ModelFilesComeBack) {
  auto options = options_of("binomial", "cauchit");
  options.cov_coef = true;
  auto const m = fit(binary(100), "y ~ x + g", options);
  auto const j = model_json(m);
  EXPECT_EQ(model_json(glm_from_json(j))["coefficients"][0]["estimate"], j["coefficients"][0]["estimate"]);
  EXPECT_EQ(glm_from_json(j).functions.link, Link::cauchit);
  auto damaged = j;
  damaged["functions"]["link"] = "nothing";
  EXPECT_THROW(glm_from_json(damaged), DataError);
  damaged = j;
  damaged["coefficients"].erase(0);
  EXPECT_THROW(glm_from_json(damaged), DataError);
}

}  // namespace
}  // namespace rxhpc
