// Large fits start from some of the rows: however little these are like the rest, the answer is that of all rows.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "memory_source.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/glm.hpp"
#include "rxhpc/self_communicator.hpp"
#include "thread_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;

constexpr int rows = 420'000, numbers = 9;
const char* const formula = "y ~ x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9 + g";

/// Tiles of 256 rows, of which each chunk's first and every 128th after it are what the first passes see; every 16th comes next.
bool in_coarse(int row) { return row % static_cast<int>(default_chunk_rows) / 256 % 128 == 0; }

/// y of each row from its number, its linear predictor and a random number generator.
using Response = std::function<double(int row, double eta, std::mt19937& random)>;

MemorySource table(const Response& response, const std::function<double(int row)>& x1 = nullptr, int levels = 3) {
  MemorySource s;
  std::mt19937 random(7);
  std::normal_distribution<double> normal;
  std::vector<std::vector<double>> x(numbers, std::vector<double>(rows));
  std::vector<int> g(rows);
  std::vector<double> y(rows), coarse(rows), one(rows, 1.0);
  for (int i = 0; i < rows; ++i) {
    double eta = -0.5;
    for (int k = 0; k < numbers; ++k) {
      x[k][i] = k == 0 && x1 ? x1(i) : normal(random);
      eta += 0.1 * (k - 4) * x[k][i];
    }
    g[i] = i % 10'007 == 5'000 ? 0 : 1 + static_cast<int>(random() % static_cast<unsigned>(levels - 1));  // the first is rare
    y[i] = response(i, eta + 0.2 * (g[i] % 3), random);
    coarse[i] = in_coarse(i);
  }
  for (int k = 0; k < numbers; ++k) s.numeric("x" + std::to_string(k + 1), x[k]);
  std::vector<std::string> names;
  for (int k = 0; k < levels; ++k) names.push_back("l" + std::to_string(k));
  s.factor("g", names, g).numeric("y", y).numeric("coarse", coarse).numeric("one", one);
  return s;
}

double ordinary(int, double eta, std::mt19937& random) { return std::bernoulli_distribution(1 / (1 + std::exp(-eta)))(random); }
double poisson(int, double eta, std::mt19937& random) { return std::poisson_distribution<int>(std::exp(eta))(random); }

GlmOptions logistic() {
  GlmOptions o;
  o.family.name = "binomial";
  o.logit = true;
  return o;
}

/// The same fit from given values, which no rows are left out for, to the last digit.
void expect_as_by_all_rows(const MemorySource& s, GlmOptions options) {
  SelfCommunicator self;
  auto const fit = glm(s, formula, options, self);
  options.initial_values = "0";
  options.objective_tolerance = 0;
  options.coeff_tolerance = 1e-12;
  auto const whole = glm(s, formula, options, self);
  EXPECT_TRUE(fit.converged);
  EXPECT_TRUE(whole.converged);
  EXPECT_EQ(fit.n_valid_obs, whole.n_valid_obs);
  EXPECT_NEAR(fit.deviance, whole.deviance, 1e-9 * whole.deviance);
  ASSERT_EQ(fit.coefficients.size(), whole.coefficients.size());
  for (std::size_t k = 0; k < fit.coefficients.size(); ++k) {
    auto const &a = fit.coefficients[k], &b = whole.coefficients[k];
    ASSERT_EQ(a.aliased, b.aliased) << a.name;
    if (a.aliased) continue;
    EXPECT_NEAR(a.estimate, b.estimate, 1e-5 * b.std_error) << a.name;
    EXPECT_NEAR(a.std_error, b.std_error, 1e-5 * b.std_error) << a.name;
  }
}

TEST(GlmSubset, GivesTheAnswerOfAllRows) {
  expect_as_by_all_rows(table(ordinary), logistic());
  GlmOptions o;
  o.family.name = "poisson";
  expect_as_by_all_rows(table(poisson), o);
}

TEST(GlmSubset, OfAFactorOfManyLevels) {
  for (bool drop_first : {true, false}) {
    auto options = logistic();
    options.drop_first = drop_first;
    expect_as_by_all_rows(table(ordinary, nullptr, 60), options);
  }
}

TEST(GlmSubset, SparesPasses) {
  SelfCommunicator self;
  auto const s = table(ordinary);
  std::string const of_numbers = std::string(formula).substr(0, std::string(formula).rfind(" + g"));
  auto options = logistic();
  auto const fit = glm(s, of_numbers, options, self);
  options.initial_values = "0";
  EXPECT_LT(fit.iterations, glm(s, of_numbers, options, self).iterations);
}

TEST(GlmSubset, ThatIsSeparated) {
  double x1 = 0;
  expect_as_by_all_rows(table([&](int row, double eta, std::mt19937& random) { return in_coarse(row) ? x1 > 0 : ordinary(row, eta, random); },
                              [&](int row) { return x1 = std::sin(row); }),
                        logistic());
}

TEST(GlmSubset, ThatIsOfAnotherKind) {
  GlmOptions o;
  o.family.name = "poisson";
  expect_as_by_all_rows(table([](int row, double eta, std::mt19937& random) { return poisson(row, in_coarse(row) ? 6 : eta, random); }), o);
  expect_as_by_all_rows(table(ordinary, [](int row) { return in_coarse(row) ? 0 : std::cos(row); }), logistic());  // x1 a constant there
  expect_as_by_all_rows(table(ordinary, [](int row) { return in_coarse(row) ? 1e6 * std::cos(row) : std::cos(row); }), logistic());
}

TEST(GlmSubset, WithoutRows) {
  auto options = logistic();
  options.rows.row_selection = "coarse == 0";
  expect_as_by_all_rows(table(ordinary), options);
}

/// A table of which a first look may give anything, and those that look again find a chunk damaged.
class Damaged final : public ChunkSource {
 public:
  Damaged(const ChunkSource& sound, bool harmful) : sound_(sound), harmful_(harmful) {}
  const Schema& schema() const override { return sound_.schema(); }
  const Grid& grid() const override { return sound_.grid(); }
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override {
    if (harmful_ && chunk == 2) throw DataError("chunk 2 is damaged");
    sound_.read(chunk, columns, out);
  }
  void read_unchecked(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override {
    ++looks;
    sound_.read((chunk + 1) % 3, columns, out);  // rows of another
  }
  mutable std::atomic<int> looks = 0;

 private:
  const ChunkSource& sound_;
  bool harmful_;
};

TEST(GlmSubset, AnswersAreOfCheckedBytesAlone) {
  SelfCommunicator self;
  auto const s = table(ordinary);
  Damaged const harmless(s, false), harmful(s, true);
  auto const seen = glm(harmless, formula, logistic(), self), want = glm(s, formula, logistic(), self);
  EXPECT_GT(harmless.looks, 0);
  EXPECT_NEAR(seen.deviance, want.deviance, 1e-9 * want.deviance);
  EXPECT_EQ(seen.n_valid_obs, want.n_valid_obs);
  EXPECT_THROW(glm(harmful, formula, logistic(), self), DataError);
}

/// A table whose chunks are decoded when they are read, so that a subset is better kept; it counts.
class Decoded final : public ChunkSource {
 public:
  explicit Decoded(const ChunkSource& plain) : plain_(plain) {}
  const Schema& schema() const override { return plain_.schema(); }
  const Grid& grid() const override { return plain_.grid(); }
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override { plain_.read(chunk, columns, out); }
  void read_unchecked(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override {
    ++looks;
    plain_.read(chunk, columns, out);
  }
  std::int64_t held_bytes(std::span<const int>) const override { return 1; }
  mutable std::atomic<int> looks = 0;

 private:
  const ChunkSource& plain_;
};

TEST(GlmSubset, IsReadOnceWhereThatIsDear) {
  SelfCommunicator self;
  auto const s = table(ordinary);
  Decoded const roomy(s), narrow(s);
  auto const want = glm(s, formula, logistic(), self);
  auto options = logistic();
  auto const kept = glm(roomy, formula, options, self);
  EXPECT_EQ(roomy.looks, s.grid().chunks());
  options.run.memory_limit = 1 << 20;  // of which a quarter does not hold the rows
  auto const again = glm(narrow, formula, options, self);
  EXPECT_GT(narrow.looks, s.grid().chunks());
  for (auto const* fit : {&kept, &again}) {
    EXPECT_EQ(fit->iterations, want.iterations);
    for (std::size_t k = 0; k < want.coefficients.size(); ++k) {
      if (want.coefficients[k].aliased) continue;
      EXPECT_EQ(fit->coefficients[k].estimate, want.coefficients[k].estimate);
      EXPECT_EQ(fit->coefficients[k].std_error, want.coefficients[k].std_error);
    }
  }
}

/// Whose first look gives what no fit can take, everywhere.
class Ruined final : public ChunkSource {
 public:
  Ruined(const ChunkSource& sound, double value) : sound_(sound), ruins_(static_cast<std::size_t>(sound.grid().longest()), value) {}
  const Schema& schema() const override { return sound_.schema(); }
  const Grid& grid() const override { return sound_.grid(); }
  void read(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override { sound_.read(chunk, columns, out); }
  void read_unchecked(std::int64_t chunk, std::span<const int> columns, Chunk& out) const override {
    sound_.read(chunk, columns, out);
    for (auto& c : out.columns)
      if (c.storage == Storage::float64) c.data = ruins_.data();
  }

 private:
  const ChunkSource& sound_;
  std::vector<double> ruins_;
};

TEST(GlmSubset, RefusesNothingByUncheckedBytes) {
  SelfCommunicator self;
  auto const s = table(ordinary);
  auto options = logistic();
  options.pweights = "one";
  auto const want = glm(s, formula, options, self);
  for (double value : {-1.0, 0.5, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    Ruined const ruined(s, value);
    auto const seen = glm(ruined, formula, options, self);
    EXPECT_TRUE(seen.converged) << value;
    EXPECT_NEAR(seen.deviance, want.deviance, 1e-9 * want.deviance) << value;
  }
}

// Two rare crossed factors of little weight under a link that is not the family's own: Fisher's scoring brings them on by a constant factor a pass.
TEST(GlmSubset, FollowsRareLevelsForSomePassesOnly) {
  MemorySource s;
  std::mt19937 random(11);
  std::normal_distribution<double> normal;
  std::gamma_distribution<double> two(2, 0.5);
  std::vector<std::vector<double>> x(numbers, std::vector<double>(rows));
  std::vector<double> y(rows), w(rows, 1.0);
  std::vector<int> a(rows), b(rows);
  int const levels_a[] = {1, 1, 2, 2, 0, 0}, levels_b[] = {1, 2, 1, 2, 1, 2};
  double const response[] = {40, 1, 1, 41, 1, 1}, weight[] = {1e-3, 1e-3, 1e-3, 1e-3, 3e-4, 3e-4};
  for (int i = 0; i < rows; ++i) {
    double eta = 0;
    for (int k = 0; k < numbers; ++k) eta += 0.05 * (k - 4) * (x[k][i] = i < 6 ? 0 : normal(random));
    y[i] = i < 6 ? response[i] : std::exp(eta) * two(random);
    if (i < 6) w[i] = weight[i], a[i] = levels_a[i], b[i] = levels_b[i];
  }
  std::string text = "y ~ A + B";
  for (int k = 0; k < numbers; ++k) {
    s.numeric("x" + std::to_string(k + 1), x[k]);
    text += " + x" + std::to_string(k + 1);
  }
  s.numeric("y", y).numeric("w", w).factor("A", {"a", "A1", "A2"}, a).factor("B", {"b", "B1", "B2"}, b);
  GlmOptions o;
  o.family.name = "Gamma";
  o.family.link = "log";
  o.pweights = "w";
  o.drop_first = true;
  SelfCommunicator self;
  auto fit = glm(s, text, o, self);
  EXPECT_TRUE(fit.converged);
  EXPECT_LE(fit.iterations, 7);
  o.max_iterations = fit.iterations - 1;  // where R's own test is met before
  EXPECT_TRUE(glm(s, text, o, self).converged);
}

TEST(GlmSubset, SameBitsForAnyNumberOfRanks) {
  auto const s = table(ordinary);
  std::string want;
  for (int ranks : {1, 3}) {
    test::on_ranks(ranks, [&](Communicator& comm) {
      auto options = logistic();
      options.run.threads = ranks == 1 ? 2 : 1;
      auto const seen = to_json(glm(s, formula, options, comm)).dump();
      if (comm.rank() != 0) return;
      if (want.empty()) want = seen;
      EXPECT_EQ(seen, want);
    });
  }
}

TEST(GlmSubset, ResumesBetweenItsPasses) {
  SelfCommunicator self;
  auto const s = table(ordinary);
  std::vector<std::string> states;
  auto options = logistic();
  options.checkpoint = [&](const std::string& state) { states.push_back(state); };
  auto const unbroken = to_json(glm(s, formula, options, self)).dump();
  options.checkpoint = nullptr;
  ASSERT_GE(states.size(), 4u);
  for (auto const& state : states) {
    options.resume = state;
    EXPECT_EQ(to_json(glm(s, formula, options, self)).dump(), unbroken);
  }
}

}  // namespace
}  // namespace rxhpc
