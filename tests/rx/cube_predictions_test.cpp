// The tables of cells that linmod, logit and glm give with a cube: counts, and predictions at the means of all else.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "memory_source.hpp"
#include "rxhpc/cube.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/glm.hpp"
#include "rxhpc/lin_mod.hpp"
#include "rxhpc/predict.hpp"
#include "rxhpc/self_communicator.hpp"
#include "thread_communicator.hpp"

namespace rxhpc {
namespace {

using test::MemorySource;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

LinModOptions predictions() {
  LinModOptions o;
  o.cube = o.cube_predictions = true;
  return o;
}

GlmOptions glm_predictions(const std::string& family) {
  GlmOptions o;
  o.cube = o.cube_predictions = true;
  o.family.name = family;
  o.coeff_tolerance = 1e-12;
  o.objective_tolerance = 0;
  o.max_iterations = 100;
  return o;
}

LinMod linear(const ChunkSource& source, const char* formula, const LinModOptions& options) {
  SelfCommunicator self;
  return lin_mod(source, formula, options, self);
}

Glm general(const ChunkSource& source, const char* formula, const GlmOptions& options) {
  SelfCommunicator self;
  return glm(source, formula, options, self);
}

/// Every combination of f and g but f = c, g = q has rows; x, z, y and w are missing in one row each, w is 0 in a quarter of them.
MemorySource made(std::int64_t chunk_rows, int rows = 240) {
  MemorySource s(chunk_rows);
  std::mt19937 random(5);
  std::normal_distribution<double> normal;
  std::vector<double> y, y2, x, z, w, n;
  std::vector<int> f, g, h;
  for (int i = 0; i < rows; ++i) {
    f.push_back(i % 7 % 3);
    g.push_back(f.back() == 2 ? 0 : i % 5 % 2);
    h.push_back(i == 31 ? -1 : i % 11 % 4);
    double const a = normal(random), b = 100 + a + normal(random);
    x.push_back(i == 3 ? nan : a);
    z.push_back(i == 8 ? nan : b);
    double const eta = 0.3 * a + 0.2 * f.back() - 0.4 * g.back() + 0.1 * h.back();
    y.push_back(i == 12 ? nan : 2 + eta + 0.5 * normal(random));
    y2.push_back(3 - eta * eta + normal(random));
    n.push_back(std::floor(std::exp(0.5 + eta) + 1.5 * std::abs(normal(random))));
    w.push_back(i == 20 ? nan : 0.25 * (i % 4) + (i % 4 > 0 ? 0.01 * (i % 9) : 0));
  }
  s.numeric("y", y).numeric("y2", y2).numeric("x", x).numeric("z", z).numeric("w", w).numeric("n", n);
  s.factor("f", {"a", "b", "c"}, f).factor("g", {"p", "q"}, g).factor("h", {"h1", "h2", "h3", "h4"}, h);
  return s;
}

/// sum of counts x means over sum of counts, cells without rows left out.
double mean_of(const CountDF& c, std::size_t y = 0) {
  double sum = 0, weight = 0;
  for (std::size_t i = 0; i < c.counts.size(); ++i)
    if (c.valid_obs[i] > 0) sum += c.counts[i] * c.means[y][i], weight += c.counts[i];
  return sum / weight;
}

class MemorySink final : public ChunkSink {
 public:
  explicit MemorySink(std::size_t rows) : values(rows) {}
  void write(const Chunk& chunk) override {
    for (std::int64_t i = 0; i < chunk.rows; ++i) values[static_cast<std::size_t>(chunk.first_row + i)] = chunk.columns[0].value(i);
  }
  void exchange() override {}
  void finish() override {}
  std::vector<double> values;
};

std::vector<double> predicted(const nlohmann::json& model, const ChunkSource& data, const std::string& type) {
  SelfCommunicator self;
  PredictOptions options;
  options.type = type;
  Predictor const p(model, data, options);
  MemorySink sink(static_cast<std::size_t>(data.grid().total()));
  p.run(sink, self);
  return sink.values;
}

// The example of RevoScaleR's help for rxLinMod: set.seed(100); y <- as.integer(xfac1) + as.integer(xfac2) * 2 + rnorm(12). The
// coefficients and the conditional mean are those that it prints.
TEST(CubePredictions, AgreeWithRevoScaleR) {
  double const noise[] = {-0.50219235, 0.13153117, -0.07891709, 0.88678481,  0.11697127, 0.31863009,
                          -0.58179068, 0.71453271, -0.82525943, -0.35986213, 0.08988614, 0.09627446};
  std::vector<int> const one{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2}, two{0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2};
  std::vector<double> y;
  for (std::size_t i = 0; i < 12; ++i) y.push_back(one[i] + 1 + 2 * (two[i] + 1) + noise[i]);
  MemorySource s(5);
  s.numeric("y", y).factor("xfac1", {"One1", "Two1", "Three1"}, one).factor("xfac2", {"One2", "Two2", "Three2"}, two);
  auto const m = linear(s, "y ~ xfac1 + xfac2", predictions());
  EXPECT_NEAR(m.fits[0].coefficients[0].estimate, 7.725231, 5e-7);
  EXPECT_NEAR(m.fits[0].coefficients[3].estimate, -4.615929, 5e-7);
  EXPECT_NEAR(m.fits[0].coefficients[4].estimate, -2.767359, 5e-7);
  EXPECT_NEAR(m.count_df->means[0][0], 4.725427, 1e-6);
  EXPECT_EQ(m.count_df->counts, (std::vector<double>{4, 4, 4}));
  auto without = predictions();
  without.cube_predictions = false;
  EXPECT_TRUE(linear(s, "y ~ xfac1 + xfac2", without).count_df->means.empty());
  without.cube = false;
  EXPECT_FALSE(linear(s, "y ~ xfac1 + xfac2", without).count_df.has_value());
}

TEST(CubePredictions, TheirWeightedMeanIsThatOfTheResponse) {
  auto const s = made(50);
  SelfCommunicator self;
  for (auto const* weight : {"", "w", "fw"})
    for (auto const* formula : {"y ~ f + x + z", "y ~ f:g + x + h", "y ~ f + x:h + g", "y ~ f * h + x", "y ~ f + z + g:f + I(z + 1)"}) {
      auto o = predictions();
      o.rows.transforms = {"fw = floor(w * 4)"};
      (*weight == 'f' ? o.fweights : o.pweights) = weight;
      auto const m = linear(s, formula, o);
      // the rows that the fit has, by the same weights
      CubeOptions rows;
      rows.rows = o.rows;
      rows.rows.row_selection = m.formula.find('h') == std::string::npos ? "!is.na(x + z)" : "!is.na(h)";
      if (m.formula.find('z') == std::string::npos)
        rows.rows.row_selection = "!is.na(x)" + std::string(m.formula.find('h') == std::string::npos ? "" : " & !is.na(h)");
      if (m.formula.find('x') == std::string::npos) rows.rows.row_selection = "!is.na(z)";
      rows.rows.transforms.push_back("all = factor('1', levels = c('1'))");
      rows.pweights = o.pweights;
      rows.fweights = o.fweights;
      auto const whole = cube(s, "y ~ all", rows, self);
      EXPECT_NEAR(mean_of(*m.count_df), whole.means[0][0], 1e-13) << formula << " " << weight;
      double counts = 0;
      std::int64_t used = 0;
      for (std::size_t i = 0; i < m.count_df->counts.size(); ++i) counts += m.count_df->counts[i], used += m.count_df->valid_obs[i];
      EXPECT_NEAR(counts, whole.counts[0], 1e-12 * counts) << formula << " " << weight;
      EXPECT_EQ(used, m.n_valid_obs) << formula << " " << weight;
    }
}

TEST(CubePredictions, CellsAloneHaveTheirMeans) {
  auto const s = made(60);
  SelfCommunicator self;
  for (auto const* weight : {"", "w"}) {
    CubeOptions of_rows;
    of_rows.pweights = weight;
    auto const cells = cube(s, "cbind(y, y2) ~ f:g", of_rows, self);
    LinModOptions o;
    o.cube = true;
    o.pweights = weight;
    auto const m = linear(s, "cbind(y, y2) ~ f:g", o);
    GlmOptions general_options = glm_predictions("poisson");
    general_options.cube_predictions = false;
    general_options.pweights = weight;
    of_rows.rows.row_selection = "!is.na(y2)";
    auto const of_n = cube(s, "n ~ f:g", of_rows, self);
    auto const p = general(s, "n ~ f:g", general_options);
    ASSERT_EQ(m.count_df->counts.size(), 6u);
    EXPECT_EQ(m.count_df->responses, (std::vector<std::string>{"y", "y2"}));
    for (std::size_t i = 0; i < 6; ++i) {
      // the sums behind a cube are exact; a sum of weights is rounded once here too
      EXPECT_EQ(m.count_df->counts[i], cells.counts[i]);
      EXPECT_EQ(m.count_df->valid_obs[i], i == 5 ? 0 : cells.rows[i]);
      EXPECT_EQ(p.count_df->counts[i], of_n.counts[i]);
      if (i == 5) {
        EXPECT_TRUE(std::isnan(m.count_df->means[0][i]) && std::isnan(m.count_df->means[1][i]) && std::isnan(p.count_df->means[0][i]));
        continue;
      }
      for (std::size_t y = 0; y < 2; ++y) EXPECT_NEAR(m.count_df->means[y][i], cells.means[y][i], 1e-14);
      EXPECT_NEAR(p.count_df->means[0][i] / of_n.means[0][i], 1, 1e-11);
      EXPECT_NEAR(p.count_df->links[0][i], std::log(of_n.means[0][i]), 1e-11);
    }
  }
}

// Rows whose other columns stand at the weighted means of those that the fit used.
TEST(CubePredictions, ArePredictionsAtTheMeans) {
  auto const s = made(40);
  SelfCommunicator self;
  CubeOptions rows;
  rows.pweights = "w";
  rows.rows.transforms = {"all = factor('1', levels = c('1'))"};
  rows.rows.row_selection = "!is.na(y)";
  auto const means = cube(s, "cbind(x, z) ~ all", rows, self);
  double const x = means.means[0][0], z = means.means[1][0];
  MemorySource at;
  at.factor("f", {"a", "b", "c"}, {0, 1, 2}).numeric("x", {x, x, x}).numeric("z", {z, z, z});
  auto o = predictions();
  o.pweights = "w";
  auto const m = linear(s, "y ~ f + x + z", o);
  auto const want = predicted(model_json(m), at, "response");
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(m.count_df->means[0][i], want[i], 1e-12);

  for (auto const* family : {"poisson", "Gamma", "gaussian"}) {
    auto g = glm_predictions(family);
    g.pweights = "w";
    g.rows.row_selection = "!is.na(y)";
    g.offset = "x";
    if (g.family.name == "Gamma") g.family.link = "log";
    g.rows.transforms = {"m = n + 1"};
    auto const fitted = general(s, "m ~ f + z", g);
    auto const links = predicted(model_json(fitted), at, "link"), responses = predicted(model_json(fitted), at, "response");
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(fitted.count_df->links[0][i], links[i], 1e-11) << family;
      EXPECT_NEAR(fitted.count_df->means[0][i], responses[i], 1e-11 * responses[i]) << family;
    }
  }

  auto b = glm_predictions("binomial");
  b.logit = true;
  b.rows.transforms = {"late = n > 2"};
  auto const l = general(s, "late ~ f + h", b);
  double eta = l.coefficients[0].estimate;
  std::vector<double> of_h(4, 0);
  for (int i = 0; i < 240; ++i)
    if (i != 31) of_h[static_cast<std::size_t>(i % 11 % 4)] += 1 / 239.0;
  for (std::size_t k = 0; k < 3; ++k) eta += of_h[k] * l.coefficients[3 + k].estimate;
  EXPECT_NEAR(l.count_df->links[0][0], eta, 1e-12);
  EXPECT_NEAR(l.count_df->means[0][0], 1 / (1 + std::exp(-eta)), 1e-13);
}

// Where the response is 0 in a whole cell the working weights go to nothing; its rows are rows all the same.
TEST(CubePredictions, SeparatedCellsHaveTheirRows) {
  auto const s = made(50);
  for (bool weighted : {false, true}) {
    auto o = glm_predictions("binomial");
    o.logit = true;
    o.rows.transforms = {"late = ifelse(f == 'b', 0, as.numeric(n > 2))", "two = 2"};
    if (weighted) o.fweights = "two";
    o.objective_tolerance = 1e-14;
    o.coeff_tolerance = 0;
    auto const m = general(s, "late ~ f", o);
    double rows = 0;
    for (int i = 0; i < 240; ++i) rows += i % 7 % 3 == 1;
    EXPECT_EQ(m.count_df->valid_obs[1], rows);
    EXPECT_EQ(m.count_df->counts[1], weighted ? 2 * rows : rows);
    EXPECT_LT(m.count_df->means[0][1], 1e-6);
    EXPECT_LT(m.count_df->links[0][1], -12);
  }
}

TEST(CubePredictions, LargeProblemsAndPlainSums) {
  constexpr int rows = 480000, columns = 18;
  MemorySource s(32768);
  std::mt19937 random(9);
  std::normal_distribution<double> normal;
  std::vector<std::vector<double>> x(columns, std::vector<double>(rows));
  std::vector<double> y(rows), n(rows);
  std::vector<int> f(rows);
  std::string right = "f";
  double total[2] = {};
  for (int i = 0; i < rows; ++i) {
    f[i] = i % 5;
    double eta = 0.1 * f[i];
    for (int j = 0; j < columns; ++j) eta += 0.03 * (x[j][i] = normal(random));
    for (int j = 0; j < columns; ++j) x[j][i] += 1000 * j;
    total[0] += y[i] = eta + normal(random);
    total[1] += n[i] = std::floor(std::exp(eta) + 2 * std::abs(normal(random)));
  }
  s.numeric("y", y).numeric("n", n).factor("f", {"a", "b", "c", "d", "e"}, f);
  for (int j = 0; j < columns; ++j) {
    s.numeric("x" + std::to_string(j), x[j]);
    right += " + x" + std::to_string(j);
  }
  auto o = predictions();
  o.run.threads = 1;
  auto const m = linear(s, ("y ~ " + right).c_str(), o);
  EXPECT_FALSE(m.exact);
  o.run.threads = 2;
  EXPECT_EQ(to_json(linear(s, ("y ~ " + right).c_str(), o)).dump(), to_json(m).dump());
  EXPECT_NEAR(mean_of(*m.count_df), total[0] / rows, 1e-11);
  auto g = glm_predictions("poisson");
  g.offset = "off";
  g.rows.transforms = {"off = x1 - 1000"};
  auto const fitted = general(s, ("n ~ " + right.substr(0, right.rfind(" + "))).c_str(), g);
  EXPECT_FALSE(fitted.exact);
  double eta = fitted.coefficients[0].estimate, mean = 0;
  for (int j = 0; j < columns - 1; ++j) {
    double sum = 0;
    for (double v : x[j]) sum += v;
    eta += fitted.coefficients[5 + static_cast<std::size_t>(j)].estimate * (sum / rows);
    if (j == 1) mean = sum / rows - 1000;
  }
  EXPECT_NEAR(fitted.count_df->links[0][0], eta + mean, 1e-9);
}

TEST(CubePredictions, RanksThreadsAndChunksOfRowsCannotMatter) {
  auto const bits = [](const ChunkSource& source, Communicator& comm, int threads) {
    auto o = predictions();
    auto g = glm_predictions("poisson");
    o.run.threads = g.run.threads = threads;
    o.pweights = g.pweights = "w";
    o.vif = true;
    return to_json(lin_mod(source, "cbind(y, y2) ~ f:g + x:h + z", o, comm)).dump() +
           to_json(glm(source, "n ~ f + x:h + offset(z / 100)", g, comm)).dump();
  };
  SelfCommunicator self;
  auto const s = made(17);
  auto const want = bits(s, self, 1);
  EXPECT_NE(want.find("count_df"), std::string::npos);
  EXPECT_EQ(bits(s, self, 2), want);
  for (int ranks : {2, 3, 4, 7}) {
    std::vector<std::string> seen(static_cast<std::size_t>(ranks));
    test::on_ranks(ranks, [&](Communicator& comm) { seen[static_cast<std::size_t>(comm.rank())] = bits(s, comm, 1); });
    for (auto const& one : seen) EXPECT_EQ(one, want) << ranks << " ranks";
  }
}

TEST(CubePredictions, AsJsonAndText) {
  auto o = predictions();
  auto const m = linear(made(100), "y ~ f:F(g2) + x", [&] {
    auto with = o;
    with.rows.transforms = {"g2 = as.integer(g)"};
    with.pweights = "w";
    return with;
  }());
  auto const j = to_json(m)["count_df"];
  ASSERT_EQ(j["cells"].size(), 6u);
  EXPECT_EQ(j["factors"][1]["name"], "F_g2");
  EXPECT_EQ(j["cells"][1]["levels"], (nlohmann::json{"b", "1"}));
  EXPECT_EQ(j["cells"][1]["means"]["y"].get<double>(), m.count_df->means[0][1]);
  EXPECT_FALSE(j["cells"][1].contains("links"));
  EXPECT_EQ(j["cells"][5], (nlohmann::json{{"levels", {"c", "2"}}, {"counts", 0}, {"valid_obs", 0}, {"means", {{"y", nullptr}}}}));
  auto const text = to_text(m);
  EXPECT_NE(text.find("\nCells of f:F_g2 and their predictions:\nf  F_g2"), std::string::npos) << text;
  EXPECT_NE(text.find("ValidObs"), std::string::npos);
  EXPECT_NE(text.find("Mean of y"), std::string::npos);
  auto g = glm_predictions("poisson");
  g.cube_predictions = false;
  auto const counts = to_json(general(made(100), "n ~ f + x", g))["count_df"]["cells"][0];
  EXPECT_EQ(counts.size(), 3u) << counts;
  g.cube_predictions = true;
  auto const with_links = to_json(general(made(100), "n ~ f + x", g))["count_df"]["cells"][0];
  EXPECT_NEAR(std::log(with_links["means"]["n"].get<double>()), with_links["links"]["n"].get<double>(), 1e-15);
}

TEST(CubePredictions, NeedACube) {
  auto o = predictions();
  o.cube = false;
  EXPECT_THROW(linear(made(100), "y ~ f", o), UsageError);
  auto g = glm_predictions("poisson");
  g.cube = false;
  EXPECT_THROW(general(made(100), "n ~ f", g), UsageError);
  g.step.emplace();
  EXPECT_THROW(general(made(100), "n ~ f", g), UsageError);
}

}  // namespace
}  // namespace rxhpc
