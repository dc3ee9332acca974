// The state of a fit as text: what a checkpoint holds.
#include <nlohmann/json.hpp>

#include "glm_driver.hpp"
#include "result_json.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

using nlohmann::json;

json dd(DD x) { return {number(x.hi), number(x.lo)}; }
DD dd_from(const json& j) { return {number_from(j.at(0)), number_from(j.at(1))}; }
json dds(const std::vector<DD>& x) {
  auto j = json::array();
  for (DD v : x) j.push_back(dd(v));
  return j;
}
std::vector<DD> dds_from(const json& j) {
  std::vector<DD> x;
  for (auto const& v : j) x.push_back(dd_from(v));
  return x;
}
json doubles(const std::vector<double>& x) {
  auto j = json::array();
  for (double v : x) j.push_back(number(v));
  return j;
}
std::vector<double> doubles_from(const json& j) {
  std::vector<double> x;
  for (auto const& v : j) x.push_back(number_from(v));
  return x;
}

}  // namespace

std::string text_of(const GlmState& s) {
  json j{{"attempt", s.attempt}, {"subset", s.subset}, {"subset_begin", s.subset_begin}, {"subset_inherits", s.subset_inherits}, {"exact", s.exact}, {"from_response", s.from_response}, {"finished", s.finished},
         {"converged", s.converged}, {"followed", s.followed}, {"iteration", s.iteration}, {"subset_iteration", s.subset_iteration}, {"halvings", s.halvings},
         {"all_halvings", s.all_halvings}, {"beta", dds(s.beta)}, {"base", dds(s.base)}, {"base_deviance", number(s.base_deviance)},
         {"base_slope", number(s.base_slope)}, {"unit", number(s.unit)}, {"null_base_score", number(s.null_base_score)},
         {"shift", doubles(s.shift)}, {"decided", s.decided}, {"coding", static_cast<int>(s.coding)}, {"order", s.order},
         {"aliased", std::vector<int>(s.aliased.begin(), s.aliased.end())}, {"scale", doubles(s.scale)}, {"constants", s.constants},
         {"weight", dd(s.weight)}, {"weighted_y", dd(s.weighted_y)}, {"likelihood", dd(s.likelihood)}, {"fractional", s.fractional},
         {"null_done", s.null_done}, {"null_value", number(s.null_value)}, {"null_base", number(s.null_base)},
         {"null_base_deviance", number(s.null_base_deviance)}, {"null_deviance", dd(s.null_deviance)}, {"null_passes", s.null_passes},
         {"theta", number(s.theta)}, {"theta_rounds", s.theta_rounds}, {"theta_done", s.theta_done},
         {"theta_given_up", number(s.theta_given_up)}};
  return j.dump();
}

GlmState state_from(const std::string& text) try {
  auto const j = json::parse(text);
  GlmState s;
  s.attempt = j.at("attempt");
  s.subset = j.at("subset");
  if (s.subset < 0) throw DataError("damaged checkpoint");
  s.subset_begin = j.at("subset_begin");
  s.subset_inherits = j.at("subset_inherits");
  s.exact = j.at("exact");
  s.from_response = j.at("from_response");
  s.finished = j.at("finished");
  s.converged = j.at("converged");
  s.followed = j.at("followed");
  s.iteration = j.at("iteration");
  s.subset_iteration = j.at("subset_iteration");
  s.halvings = j.at("halvings");
  s.all_halvings = j.at("all_halvings");
  s.beta = dds_from(j.at("beta"));
  s.base = dds_from(j.at("base"));
  s.base_deviance = number_from(j.at("base_deviance"));
  s.base_slope = number_from(j.at("base_slope"));
  s.unit = number_from(j.at("unit"));
  s.null_base_score = number_from(j.at("null_base_score"));
  s.shift = doubles_from(j.at("shift"));
  s.decided = j.at("decided");
  s.coding = static_cast<Coding>(j.at("coding").get<int>());
  s.order = j.at("order").get<std::vector<int>>();
  for (int a : j.at("aliased")) s.aliased.push_back(static_cast<char>(a));
  s.scale = doubles_from(j.at("scale"));
  s.constants = j.at("constants");
  s.weight = dd_from(j.at("weight"));
  s.weighted_y = dd_from(j.at("weighted_y"));
  s.likelihood = dd_from(j.at("likelihood"));
  s.fractional = j.at("fractional");
  s.null_done = j.at("null_done");
  s.null_value = number_from(j.at("null_value"));
  s.null_base = number_from(j.at("null_base"));
  s.null_base_deviance = number_from(j.at("null_base_deviance"));
  s.null_deviance = dd_from(j.at("null_deviance"));
  s.null_passes = j.at("null_passes");
  s.theta = number_from(j.at("theta"));
  s.theta_rounds = j.at("theta_rounds");
  s.theta_done = j.at("theta_done");
  s.theta_given_up = number_from(j.at("theta_given_up"));
  return s;
} catch (const json::exception&) {
  throw DataError("damaged checkpoint");
}

}  // namespace rxhpc::impl
