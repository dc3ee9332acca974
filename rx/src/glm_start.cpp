// Where the iterations of a generalised linear model begin.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "glm_driver.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {

namespace {
constexpr double none = std::numeric_limits<double>::quiet_NaN();
}

GlmDriver::GlmDriver(Regression& r, NamedFamily& family, bool offset, const GlmOptions& options, Communicator& comm, Timing& timing)
    : r_(r), family_(family), options_(options), comm_(comm), timing_(timing), offset_(offset) {
  auto const& wanted = options.initial_values;
  if (wanted.empty() || wanted == "NULL" || wanted == "NA") {
    bool const linear = wanted == "NULL" || (wanted.empty() && options.logit);
    starts_ = {linear ? Start::linear : Start::response, linear ? Start::response : Start::linear};
  } else {
    starts_ = {Start::values, Start::response, Start::linear};
  }
}

std::vector<double> GlmDriver::given_values() const {
  auto const columns = r_.design.columns().size();
  std::vector<double> values;
  for (std::size_t at = 0; at <= options_.initial_values.size();) {
    auto const comma = std::min(options_.initial_values.find(',', at), options_.initial_values.size());
    auto const word = options_.initial_values.substr(at, comma - at);
    char* end = nullptr;
    double const x = word == "NA" ? 0 : std::strtod(word.c_str(), &end);
    if (word != "NA" && (word.empty() || *end != 0 || !std::isfinite(x))) throw UsageError("--initial-values: '" + word + "' is not a number");
    values.push_back(x);
    at = comma + 1;
  }
  if (values.size() == 1) values.assign(columns, values[0]);
  if (values.size() != columns)
    throw UsageError("--initial-values: " + std::to_string(columns) + " values are needed, one for each coefficient, dropped ones too; " +
                     std::to_string(values.size()) + " were given");
  return values;
}

void GlmDriver::begin(Start start) {
  int const skip = r_.skip();
  state.beta.assign(r_.design.columns().size() + static_cast<std::size_t>(skip), DD(0));
  state.base.clear();
  state.base_deviance = none;
  state.halvings = 0;
  state.from_response = start == Start::response;
  if (start == Start::values) {
    auto const values = given_values();
    for (std::size_t j = 0; j < values.size(); ++j) state.beta[j + skip] = DD(values[j]);
    // References stay out of the model: what they were given is not used.
    std::vector<std::vector<char>> in_use;
    for (auto const& v : r_.design.variables) in_use.emplace_back(v.levels.size(), 1);
    auto const columns = r_.design.coded(coding_of(options_), in_use);
    for (std::size_t j = 0; j < columns.size(); ++j)
      if (columns[j].reference) state.beta[j + skip] = DD(0);
  } else if (start == Start::linear && r_.design.intercept && family_.functions.link != Link::logit && !first_shift_.empty()) {
    // One step from a constant mean is a linear regression of the response; a logit starts at 1/2, where all weights are equal.
    double const eta = glm_link(family_.functions, first_shift_.back());
    if (std::isfinite(eta)) state.beta[0] = DD(eta);
  }
}

void GlmDriver::next_start() {
  if (++state.attempt >= static_cast<int>(starts_.size()))
    throw NumericalError("no valid set of coefficients was found to start from; give some by --initial-values");
  state.iteration = 0;
  begin(starts_[static_cast<std::size_t>(state.attempt)]);
}

}  // namespace rxhpc::impl
