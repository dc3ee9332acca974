// Fits of elastic nets in one line, for their tests.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "rxhpc/elastic_net.hpp"
#include "rxhpc/self_communicator.hpp"

namespace rxhpc::test {

inline ElasticNet fit(const ChunkSource& source, const char* formula, const ElasticNetOptions& options) {
  SelfCommunicator self;
  return elastic_net(source, formula, options, self);
}

inline ElasticNetOptions linear(double alpha, std::vector<double> lambda = {}) {
  ElasticNetOptions o;
  o.linear = true;
  o.alpha = alpha;
  o.lambda = std::move(lambda);
  return o;
}
inline ElasticNetOptions of_family(const char* family, double alpha, std::vector<double> lambda = {}) {
  auto o = linear(alpha, std::move(lambda));
  o.linear = false;
  o.family.name = family;
  return o;
}
inline ElasticNetOptions weighted(ElasticNetOptions o) {
  o.pweights = "w";
  return o;
}

}  // namespace rxhpc::test
