#include "rxhpc/elastic_net.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "elastic_net_quadratic.hpp"
#include "glm_families.hpp"
#include "glm_response.hpp"
#include "model_rows.hpp"
#include "result_json.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/glm_step.hpp"

namespace rxhpc {
namespace {

using impl::Move, impl::Near, impl::NamedFamily, impl::Regression;

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr int most_halvings = 40;
constexpr double least_alpha = 1e-3;        // in the largest penalty of a path, as glmnet has it
constexpr double most_flops_exact = 2e7;    // n p^2 / 2 up to which every pass is exact

/// Whether a path of its own making ends here, where penalties do not matter any more: glmnet's fdev, devmax and mnlam, with the gain in the explained
/// share of the deviance looked at as glmnet does for each family.
bool settled(const GlmFamily& f, const std::vector<ElasticNetFit>& path) {
  constexpr double least_gain = 1e-5, most_explained = 0.999;
  constexpr std::size_t fewest = 5;
  if (path.size() < fewest) return false;
  double const now = path.back().dev_ratio;
  auto const gain = [&](std::size_t penalties) { return now - path[path.size() - 1 - penalties].dev_ratio; };
  if (now > most_explained) return true;
  if (f.variance == Variance::constant) return gain(1) < least_gain * now;
  if (f.variance == Variance::mu && f.link == Link::log) return gain(fewest - 1) < 10 * least_gain * now;
  return gain(1) < least_gain;
}

class Path {
 public:
  Path(Regression& r, const NamedFamily& family, const ElasticNetOptions& options, Communicator& comm, ElasticNet& out)
      : r_(r), family_(family), options_(options), comm_(comm), out_(out) {}
  void run();

 private:
  void start();
  void use_shift(std::vector<double> shift);
  Near start_linear() const;
  Near pass(std::vector<DD> beta, std::vector<DD> u, bool constants = false);
  bool fit_at(double lambda);
  bool runs_away(const Move& move) const;
  Near go(const Move& move, const std::vector<DD>& u, impl::ElasticPenalty penalty);
  impl::ElasticPenalty penalty_at(double lambda) const;
  std::vector<double> penalties() const;
  double gradient() const;
  void store(double lambda);

  Regression& r_;
  const NamedFamily& family_;
  const ElasticNetOptions& options_;
  Communicator& comm_;
  ElasticNet& out_;
  impl::RegressionFit prior_;      // sums with the prior weights
  impl::ScaledColumns scaled_;
  CrossProductSpec spec_;          // of the passes
  Near near_;
  std::vector<DD> u_, beta_;       // the last solution
  DD deviance_;                    // there
  DD null_deviance_;
  double response_sd_ = 1, tolerance_ = 0;
};

/// Newton's and the scoring method are one where the link is the family's own.
bool canonical(const GlmFamily& f) {
  switch (f.variance) {
    case Variance::constant: return f.link == Link::identity;
    case Variance::mu: return f.link == Link::log;
    case Variance::mu_squared: return f.link == Link::inverse;
    case Variance::mu_cubed: return f.link == Link::inverse_square;
    case Variance::binomial: return f.link == Link::logit;
    default: return false;
  }
}

/// At coefficients 0 the sums of the first pass are all there is: the deviance is a quadratic function.
Near Path::start_linear() const {
  int const y = prior_.sums.gram.n - 1;
  Near near{std::vector<DD>(static_cast<std::size_t>(y), DD(0)), std::vector<DD>(scaled_.at.size(), DD(0)), prior_.sums.gram, prior_.sums.gram(y, y), true, {}};
  find_quadratic(near, scaled_);
  return near;
}

Near Path::pass(std::vector<DD> beta, std::vector<DD> u, bool constants) {
  GlmStepSpec spec;
  spec.products = spec_;
  spec.has_offset = !spec_.carried.empty();
  spec.family = family_.functions;
  spec.constants = constants;
  for (DD b : beta) spec.beta.push_back(b.hi), spec.beta_low.push_back(b.lo);
  auto const step = sweep(r_.rows, r_.read, GlmStep(spec), options_.run, comm_, &out_.timing);
  if (constants) impl::refuse_responses(family_, step);
  auto const sums = impl::sums_of(r_, step.products(), options_, comm_);
  ++out_.iterations;
  if (!out_.exact && step.n_invalid() == 0 && impl::shift_far_off(r_, sums, spec_.shift)) {
    use_shift({});  // rows that count for nothing may have made it
    return pass(std::move(beta), std::move(u), constants);
  }
  Near near{std::move(beta), std::move(u), sums.gram, step.sums().deviance, true, {}};
  int const y = near.gram.n - 1;
  near.valid = step.n_invalid() == 0 && std::isfinite(near.deviance.hi) && std::isfinite(near.gram(y, y).hi) && std::isfinite(near.gram(0, 0).hi);
  return near;
}

/// Plain sums about these values; none: exact ones.
void Path::use_shift(std::vector<double> shift) {
  out_.exact = shift.empty();
  spec_.precision = out_.exact ? Precision::exact : Precision::plain;
  if (!out_.exact) shift.back() = 0;  // of the working residual
  spec_.shift = std::move(shift);
}

void Path::start() {
  prior_ = impl::fit_from_sums(r_, options_, comm_, out_.timing);
  out_.iterations = options_.linear ? 1 : 0;
  auto const& gram = prior_.sums.gram;
  int const y = gram.n - 1;
  scaled_ = impl::scaled_columns(r_, prior_, options_.standardize);
  DD const mean = gram(0, y) / gram(0, 0);
  response_sd_ = static_cast<double>(sqrt((gram(y, y) - (scaled_.intercept ? mean * gram(0, y) : DD(0))) / gram(0, 0)));
  if (options_.linear) {
    out_.exact = prior_.exact;
    near_ = start_linear();
    return;
  }
  // Passes are exact where that is cheap, or plain sums lose digits.
  double const columns = static_cast<double>(r_.dense), rows = static_cast<double>(r_.rows.grid().total());
  spec_ = r_.spec;
  bool const plain = rows * columns * (columns + 1) / 2 > most_flops_exact && prior_.condition <= 1e4;
  use_shift(plain ? impl::first_shift(r_, comm_) : std::vector<double>{});
  std::vector<DD> beta(static_cast<std::size_t>(y), DD(0));
  double const eta = glm_link(family_.functions, static_cast<double>(mean));
  if (scaled_.intercept && std::isfinite(eta)) beta[0] = DD(eta);
  near_ = pass(std::move(beta), std::vector<DD>(scaled_.at.size(), DD(0)), true);
  tolerance_ = 1e-20 * near_.deviance.hi + 1e-26 * near_.gram(0, 0).hi;
  if (!near_.valid) throw NumericalError("the link " + family_.link + " has no fit by a constant to start from");
  find_quadratic(near_, scaled_);
}

impl::ElasticPenalty Path::penalty_at(double lambda) const {
  bool const like_glmnet = options_.linear && options_.like_r;
  return {lambda * options_.alpha, lambda * (1 - options_.alpha) / (like_glmnet ? response_sd_ : 1)};
}

/// The pass at the end of a move, which is halved while the objective rises or the fit leaves the family's range.
Near Path::go(const Move& move, const std::vector<DD>& u, impl::ElasticPenalty penalty) {
  double const before = objective(near_, scaled_, penalty), rounding = 1e-11 * (std::abs(before) + 1e-8);
  auto beta = move.beta;
  auto scaled = u;
  for (int halvings = 0;; ++halvings) {
    auto there = pass(beta, scaled);
    bool const better = there.valid && objective(there, scaled_, penalty) <= before + rounding;
    if (better || halvings == most_halvings) {
      if (there.valid && !canonical(family_.functions)) take_true_curvature(there, near_, scaled_);
      if (there.valid) find_quadratic(there, scaled_);
      return there;
    }
    for (std::size_t j = 0; j < beta.size(); ++j) beta[j] = (beta[j] + near_.beta[j]) * DD(0.5);
    for (std::size_t j = 0; j < scaled.size(); ++j) scaled[j] = (scaled[j] + near_.u[j]) * DD(0.5);
  }
}

/// A step far for the linear predictor that changes nothing: the classes are separated, and the coefficients have no finite best.
bool Path::runs_away(const Move& move) const {
  auto const link = family_.functions.link;
  if (link != Link::log && link != Link::logit && link != Link::probit && link != Link::cloglog && link != Link::cauchit) return false;
  return spread(move, near_, prior_.sums, scaled_) > 0.05;
}

/// The fit at one penalty, from the last one; infinite: the intercept alone. False where it does not converge.
bool Path::fit_at(double lambda) {
  bool const null = std::isinf(lambda);
  auto const penalty = null ? impl::ElasticPenalty{} : penalty_at(lambda);
  auto u = null ? near_.u : u_;
  for (int iteration = 0;; ++iteration) {
    // u = argmin of the quadratic near the coefficients so far, and the penalty
    if (!null && !impl::minimise(near_.f, penalty, u)) return false;
    auto const move = move_to(near_, scaled_, u);
    if (options_.linear || move.curvature.hi <= tolerance_) {
      if (runs_away(move)) return false;
      u_ = std::move(u);
      beta_ = move.beta;
      deviance_ = move.deviance;
      return true;
    }
    if (iteration == options_.max_iterations) return false;
    near_ = go(move, u, penalty);
    if (!near_.valid) return false;
    u = near_.u;
  }
}

/// The least penalty of the lasso that leaves no coefficient; near_ is the fit by the intercept alone.
double Path::gradient() const {
  double largest = 0;
  for (DD c : near_.f.c) largest = std::max(largest, std::abs(c.hi));
  return largest;
}

std::vector<double> Path::penalties() const {
  if (!options_.lambda.empty()) {
    auto given = options_.lambda;
    std::sort(given.begin(), given.end(), std::greater<>());
    return given;
  }
  bool const few_rows = prior_.sums.n_valid < static_cast<std::int64_t>(scaled_.at.size());
  double const ratio = options_.lambda_min_ratio.value_or(few_rows ? 1e-2 : 1e-4), largest = gradient() / std::max(options_.alpha, least_alpha);
  std::vector<double> lambda;
  for (int k = 0; k < options_.n_lambda; ++k)
    lambda.push_back(k == 0 ? largest : largest * std::pow(ratio, static_cast<double>(k) / (options_.n_lambda - 1)));
  return lambda;
}

void Path::store(double lambda) {
  ElasticNetFit fit;
  fit.lambda = lambda;
  fit.deviance = static_cast<double>(deviance_);
  fit.dev_ratio = static_cast<double>(DD(1) - deviance_ / null_deviance_);
  for (DD u : u_) fit.df += u.hi != 0;
  auto const& columns = prior_.solution.columns;
  for (std::size_t j = 0; j < columns.size(); ++j)
    fit.estimates.push_back(columns[j].reference ? none : static_cast<double>(beta_[j + static_cast<std::size_t>(r_.skip())]));
  out_.path.push_back(std::move(fit));
}

void Path::run() {
  start();
  if (scaled_.at.empty()) throw NumericalError("no predictor varies: there is no path");
  int const y = prior_.sums.gram.n - 1;
  if (!(response_sd_ * response_sd_ * scaled_.weight.hi > impl::rank_tolerance * impl::rank_tolerance * prior_.sums.gram(y, y).hi))
    throw NumericalError("the response does not vary: there is no path");
  // The null model, from which the path starts
  if (!fit_at(INFINITY)) throw NumericalError("the model with the intercept alone did not converge");
  null_deviance_ = deviance_;
  tolerance_ = (canonical(family_.functions) ? 1e-14 : 1e-20) * null_deviance_.hi;
  double const no_coefficient = gradient() * (1 - 1e-12);
  bool const automatic = options_.lambda.empty();
  out_.null_deviance = static_cast<double>(null_deviance_);
  out_.converged = true;
  u_ = near_.u;
  for (double lambda : penalties()) {
    // From the largest penalty on all coefficients are 0 exactly: near_ still is the null model.
    bool const nothing = options_.alpha > 0 && lambda * options_.alpha >= no_coefficient;
    if (!nothing && !fit_at(lambda)) {
      out_.converged = false;
      out_.warnings.push_back("did not converge at lambda = " + impl::significant(lambda, 6) + ", where the path ends");
      break;
    }
    store(lambda);
    if (automatic && settled(family_.functions, out_.path)) break;
  }
  out_.n_valid_obs = prior_.sums.n_valid;
  out_.n_missing_obs = prior_.sums.n_missing;
  out_.weight_sum = static_cast<double>(prior_.sums.weight_sum);
  for (auto const& c : prior_.solution.columns) out_.names.push_back(options_.like_r ? c.r_name : c.name);
}

void check(const ElasticNetOptions& o) {
  auto const none_of = [](bool given, const char* what) {
    if (given) throw UsageError(std::string(what) + " cannot be had with an elastic net");
  };
  none_of(o.cube, "--cube");
  none_of(o.cov_coef, "--cov-coef");
  none_of(o.cov_data, "--cov-data");
  none_of(o.vif, "--vif");
  none_of(!o.robust.empty(), "--robust");
  none_of(!o.cluster.empty(), "--cluster");
  none_of(o.step.has_value(), "stepwise selection");
  none_of(!o.initial_values.empty(), "--initial-values");
  none_of(o.checkpoint || !o.resume.empty(), "--checkpoint");
  if (!(o.alpha >= 0 && o.alpha <= 1)) throw UsageError("--alpha lies between 0, ridge, and 1, the lasso");
  for (double lambda : o.lambda)
    if (!(lambda >= 0) || std::isinf(lambda)) throw UsageError("--lambda: penalties are numbers from 0");
  if (o.n_lambda < 1) throw UsageError("--n-lambda must be at least 1");
  if (o.lambda_min_ratio && !(*o.lambda_min_ratio > 0 && *o.lambda_min_ratio < 1)) throw UsageError("--lambda-min-ratio lies between 0 and 1");
  if (o.max_iterations < 1) throw UsageError("--max-iterations must be at least 1");
}

}  // namespace

ElasticNet elastic_net(const ChunkSource& source, std::string_view text, const ElasticNetOptions& given, Communicator& comm) {
  auto options = given;
  check(options);
  if (options.linear) options.family = {};
  auto family = impl::named_family(options.family, options.logit);
  if (family.estimate_theta) throw UsageError("an elastic net of the family negbin needs --theta");
  ElasticNet out;
  Regression r{RowSource(source, options.rows), {}, {}, {}, {}, {}, 0};
  impl::use_sweep_for_ranges(r.rows, options.run, comm);
  impl::resolve_design(r, impl::formula_with_response(r, text, options), options);
  if (options.linear && !r.formula.offsets.empty()) throw impl::no_offset(r.formula);
  auto const response = impl::resolve_response(r, family.functions.variance == Variance::binomial, options);
  if (r.formula.responses.size() == 2) family.functions.range = Range::unit_interval;  // successes and failures are a share
  out.offset_expression = impl::offset_expression(r, options.offset);
  if (!out.offset_expression.empty()) {
    r.spec.carried = {r.place(numeric_column(r.rows, *parse_expression(out.offset_expression), "the offset"))};
    add_inputs(r.design.inputs, r.rows, out.offset_expression);
  }

  add_inputs(r.design.inputs, r.rows, response.expression);

  Path(r, family, options, comm, out).run();
  out.functions = family.functions;
  out.family = family.family;
  out.link = family.link;
  out.logit = options.logit;
  out.alpha = options.alpha;
  out.standardize = options.standardize;
  out.response = response.name;
  out.response_expression = response.expression;
  out.design = std::move(r.design);
  out.formula = r.formula.text;
  out.rows = r.rows.options();
  out.pweights = options.pweights;
  out.fweights = options.fweights;
  out.like_r = options.like_r;
  return out;
}

}  // namespace rxhpc
