// Link and variance functions of generalised linear models, as the kernels know them.
#pragma once

namespace rxhpc {

/// eta = g(mu). `power`: mu^lambda.
enum class Link { identity, log, logit, probit, cloglog, cauchit, inverse, inverse_square, sqrt, power };

/// V(mu): 1, mu, mu^2, mu^3, mu (1 - mu), mu^p, mu + mu^2 / theta. With it goes the deviance of the exponential family of that variance.
enum class Variance { constant, mu, mu_squared, mu_cubed, binomial, power, negative_binomial };

/// Where R starts a fit: mu from y and the prior weight w.
enum class StartRule {
  response,           ///< y
  response_not_zero,  ///< y, 0.1 where y is 0
  count,              ///< y + 0.1
  share,              ///< (w y + 1/2) / (w + 1)
  sixth               ///< y, 1/6 where y is 0
};

/// Which sum over the rows, free of the coefficients, the log likelihood needs beside the deviance.
enum class LikelihoodTerm {
  none,
  log_weight,       ///< ln w
  log_response,     ///< w ln y
  poisson,          ///< w (y ln y - y - ln Gamma(y + 1)): the likelihood of a perfect fit
};

/// Which responses have no place in a family.
enum class Range { any, from_zero, above_zero, unit_interval, zero_or_one };

struct GlmFamily {
  Link link = Link::identity;
  double link_power = 1;                    ///< lambda of Link::power
  Variance variance = Variance::constant;
  double var_power = 0;                     ///< p of Variance::power
  double theta = 1;                         ///< of Variance::negative_binomial
  StartRule start = StartRule::response;
  Range range = Range::any;
  LikelihoodTerm likelihood = LikelihoodTerm::none;
};

/// eta = g(mu) of one number; NaN or infinite where the link has none.
double glm_link(const GlmFamily& family, double mu);
/// mu = g^-1(eta) and dmu/deta, `rows` of them; NaN where the link does not allow an eta.
void glm_means(const GlmFamily& family, const double* eta, int rows, double* mu, double* slope);
/// V(mu) and the unit deviance of y at mu, `rows` of them.
void glm_variances(const GlmFamily& family, const double* y, const double* mu, int rows, double* variance, double* deviance);

}  // namespace rxhpc
