// Families and links by the names that their users give them.
#pragma once
#include <string>

#include "rxhpc/glm.hpp"

namespace rxhpc::impl {

struct NamedFamily {
  GlmFamily functions;
  std::string family, link;       ///< as R prints them
  bool fixed_dispersion = false;
  bool estimate_theta = false;
  enum class Likelihood { none, gaussian, gamma, inverse_gaussian, poisson, binomial, negative_binomial } likelihood = Likelihood::none;
};

/// Throws UsageError: unknown names, options that do not belong to the family.
NamedFamily named_family(const GlmFamilyOptions& options, bool logit);

}  // namespace rxhpc::impl
