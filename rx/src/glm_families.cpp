#include "glm_families.hpp"

#include <cmath>
#include <cstdlib>
#include <optional>
#include <vector>

#include "rxhpc/errors.hpp"
#include "rxhpc/expression.hpp"

namespace rxhpc::impl {
namespace {

using Likelihood = NamedFamily::Likelihood;

/// One row a family: what R's family object of that name holds.
struct FamilyRow {
  const char* name;
  Variance variance;
  const char* link;
  StartRule start;
  Range range;
  LikelihoodTerm term;
  Likelihood likelihood;
  bool fixed_dispersion;
};
constexpr FamilyRow families[] = {
    {"binomial", Variance::binomial, "logit", StartRule::share, Range::unit_interval, LikelihoodTerm::none, Likelihood::binomial, true},
    {"gaussian", Variance::constant, "identity", StartRule::response, Range::any, LikelihoodTerm::log_weight, Likelihood::gaussian, false},
    {"Gamma", Variance::mu_squared, "inverse", StartRule::response, Range::above_zero, LikelihoodTerm::log_response, Likelihood::gamma, false},
    {"inverse.gaussian", Variance::mu_cubed, "1/mu^2", StartRule::response, Range::above_zero, LikelihoodTerm::log_response, Likelihood::inverse_gaussian, false},
    {"poisson", Variance::mu, "log", StartRule::count, Range::from_zero, LikelihoodTerm::poisson, Likelihood::poisson, true},
    {"quasibinomial", Variance::binomial, "logit", StartRule::share, Range::unit_interval, LikelihoodTerm::none, Likelihood::none, false},
    {"quasipoisson", Variance::mu, "log", StartRule::count, Range::from_zero, LikelihoodTerm::none, Likelihood::none, false},
    {"quasi", Variance::constant, "identity", StartRule::response, Range::any, LikelihoodTerm::none, Likelihood::none, false},
    {"tweedie", Variance::power, "", StartRule::response_not_zero, Range::any, LikelihoodTerm::none, Likelihood::none, false},
    {"negbin", Variance::negative_binomial, "log", StartRule::sixth, Range::from_zero, LikelihoodTerm::none, Likelihood::negative_binomial, true}};

struct VarianceRow {
  const char* name;
  Variance variance;
  StartRule start;
  Range range;
};
constexpr VarianceRow variances[] = {{"constant", Variance::constant, StartRule::response, Range::any},
                                     {"mu", Variance::mu, StartRule::response_not_zero, Range::from_zero},
                                     {"mu^2", Variance::mu_squared, StartRule::response_not_zero, Range::from_zero},
                                     {"mu^3", Variance::mu_cubed, StartRule::response, Range::above_zero},
                                     {"mu(1-mu)", Variance::binomial, StartRule::share, Range::unit_interval}};

struct LinkRow {
  const char* name;
  Link link;
};
constexpr LinkRow links[] = {{"identity", Link::identity}, {"log", Link::log},         {"logit", Link::logit},
                             {"probit", Link::probit},     {"cloglog", Link::cloglog}, {"cauchit", Link::cauchit},
                             {"inverse", Link::inverse},   {"1/mu^2", Link::inverse_square}, {"sqrt", Link::sqrt}};

template <class Rows>
std::string names_of(const Rows& rows) {
  std::string all;
  for (auto const& r : rows) all += (all.empty() ? "" : ", ") + std::string(r.name);
  return all;
}

std::string without_spaces(std::string text) {
  std::erase(text, ' ');
  return text;
}

/// `mu^0.5` or `power(0.5)`.
std::optional<double> power_in(const std::string& text) {
  std::string number;
  if (text.starts_with("mu^")) number = text.substr(3);
  else if (text.starts_with("power(") && text.ends_with(")")) number = text.substr(6, text.size() - 7);
  char* end = nullptr;
  double const power = std::strtod(number.c_str(), &end);
  if (number.empty() || *end != 0 || !std::isfinite(power)) return {};
  return power;
}

/// mu^lambda; 0 is the logarithm, 1 the identity, as in R's power().
void set_power_link(NamedFamily& f, double lambda, bool tweedie) {
  f.functions.link_power = lambda;
  f.functions.link = lambda == 0 ? Link::log : lambda == 1 ? Link::identity : Link::power;
  f.link = tweedie || (lambda != 0 && lambda != 1) ? "mu^" + number_text(lambda) : lambda == 0 ? "log" : "identity";
}

void set_link(NamedFamily& f, const std::string& text) {
  auto const name = without_spaces(text);
  for (auto const& l : links)
    if (l.name == name) {
      f.functions.link = l.link;
      f.link = l.name;
      return;
    }
  auto const power = power_in(name);
  if (!power) throw UsageError("--link: '" + text + "' is none of " + names_of(links) + ", mu^POWER");
  set_power_link(f, *power, false);
}

void set_tweedie(NamedFamily& f, const GlmFamilyOptions& o) {
  double const p = o.var_power;
  if (!std::isfinite(p)) throw UsageError("--var-power must be a finite number");
  f.functions.var_power = p;
  f.functions.variance = p == 0 ? Variance::constant : p == 1 ? Variance::mu : p == 2 ? Variance::mu_squared : p == 3 ? Variance::mu_cubed : Variance::power;
  f.functions.range = p <= 0 ? Range::any : p < 2 ? Range::from_zero : Range::above_zero;
  f.family = "Tweedie";
  if (o.link_power && !std::isfinite(*o.link_power)) throw UsageError("--link-power must be a finite number");
  if (!o.link.empty() && !o.link_power) {
    auto const power = power_in(without_spaces(o.link));
    power ? set_power_link(f, *power, true) : set_link(f, o.link);
  } else {
    set_power_link(f, o.link_power.value_or(1 - p), true);
  }
}

}  // namespace

NamedFamily named_family(const GlmFamilyOptions& o, bool logit) {
  std::string const wanted = logit ? "binomial" : o.name;
  const FamilyRow* row = nullptr;
  for (auto const& f : families)
    if (f.name == wanted) row = &f;
  if (!row) throw UsageError("--family: '" + wanted + "' is none of " + names_of(families));
  NamedFamily f;
  f.family = row->name;
  f.functions = {.variance = row->variance, .start = row->start, .range = row->range, .likelihood = row->term};
  f.fixed_dispersion = row->fixed_dispersion;
  f.likelihood = row->likelihood;
  bool const tweedie = wanted == "tweedie", quasi = wanted == "quasi", negbin = wanted == "negbin";
  if (!quasi && !o.variance.empty()) throw UsageError("--variance belongs to --family quasi");
  if (!tweedie && (o.link_power || o.var_power != 0)) throw UsageError("--var-power and --link-power belong to --family tweedie");
  if (!negbin && o.theta) throw UsageError("--theta belongs to --family negbin");
  if (quasi && !o.variance.empty()) {
    const VarianceRow* v = nullptr;
    for (auto const& r : variances)
      if (without_spaces(o.variance) == r.name) v = &r;
    if (!v) throw UsageError("--variance: '" + o.variance + "' is none of " + names_of(variances));
    f.functions.variance = v->variance;
    f.functions.start = v->start;
    f.functions.range = v->range;
  }
  if (tweedie) set_tweedie(f, o);
  else set_link(f, o.link.empty() ? row->link : o.link);
  if (logit) f.functions.range = Range::zero_or_one;
  if (negbin) {
    if (o.theta && !(*o.theta > 0 && std::isfinite(*o.theta))) throw UsageError("--theta must be above 0");
    f.estimate_theta = !o.theta;
    f.functions.theta = o.theta.value_or(1);
    f.family = "Negative Binomial";
  }
  return f;
}

}  // namespace rxhpc::impl
