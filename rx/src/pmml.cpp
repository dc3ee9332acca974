#include "rxhpc/pmml.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "model_output.hpp"
#include "pmml_expressions.hpp"
#include "rxhpc/elastic_net.hpp"
#include "rxhpc/errors.hpp"
#include "rxhpc/glm.hpp"
#include "rxhpc/lin_mod.hpp"

namespace rxhpc {
namespace {

/// What the markup needs of a model.
struct Part {
  Design design;
  std::vector<Coefficient> coefficients;
  std::vector<std::string> transforms;
  std::string response, offset, attributes;
};

using impl::pmml_attribute, impl::pmml_number;

std::string link_attributes(const Glm& m) {
  auto const power = [](double x) { return pmml_attribute("linkFunction", "power") + pmml_attribute("linkParameter", pmml_number(x)); };
  switch (m.functions.link) {
    case Link::identity: case Link::log: case Link::logit: case Link::probit: case Link::cloglog: return pmml_attribute("linkFunction", m.functions.link == Link::log ? "log" : m.functions.link == Link::identity ? "identity" : m.link);
    case Link::inverse: return power(-1);
    case Link::inverse_square: return power(-2);
    case Link::sqrt: return power(0.5);
    case Link::power: return power(m.functions.link_power);
    case Link::cauchit: break;
  }
  throw UsageError("PMML has no link '" + m.link + "'");
}

std::string distribution(const Glm& m) {
  switch (m.functions.variance) {
    case Variance::constant: return pmml_attribute("distribution", "normal");
    case Variance::mu: return pmml_attribute("distribution", "poisson");
    case Variance::mu_squared: return pmml_attribute("distribution", "gamma");
    case Variance::mu_cubed: return pmml_attribute("distribution", "igauss");
    case Variance::binomial: return pmml_attribute("distribution", "binomial");
    case Variance::negative_binomial: return pmml_attribute("distribution", "negbin") + pmml_attribute("distParameter", pmml_number(m.functions.theta));
    case Variance::power: break;
  }
  return pmml_attribute("distribution", "tweedie") + pmml_attribute("distParameter", pmml_number(m.functions.var_power));
}

Part part_of(const nlohmann::json& model) {
  auto const kind = model.value("kind", "");
  if (kind != "linmod" && kind != "logit" && kind != "glm") throw UsageError("a model of kind '" + kind + "' cannot be written as PMML");
  if (!model.value("design", nlohmann::json::object()).contains("inputs")) throw DataError("the model file does not tell the types of its columns: fit the model again");
  if (kind == "linmod") {
    auto m = lin_mod_from_json(model);
    if (m.fits.size() != 1) throw UsageError("a model of several responses cannot be written as PMML");
    return {m.design, m.fits[0].coefficients, m.rows.transforms, m.fits[0].name, "", pmml_attribute("modelType", "generalLinear")};
  }
  auto m = glm_from_json(model);
  return {m.design, {m.coefficients.begin(), m.coefficients.end()}, m.rows.transforms, m.response, m.offset_expression,
          pmml_attribute("modelType", "generalizedLinear") + distribution(m) + link_attributes(m)};
}

/// The levels of a column's cell, one a factor of its term.
std::vector<std::string> levels_of(const Design& design, const DesignColumn& column) {
  std::vector<std::string> levels;
  auto cell = column.cell;
  for (int v : design.terms[column.term].variables) {
    if (!design.variables[v].factor) continue;
    auto const n = static_cast<std::int64_t>(design.variables[v].levels.size());
    levels.push_back(design.variables[v].levels[static_cast<std::size_t>(cell % n)]);
    cell /= n;
  }
  return levels;
}

/// The columns that are parameters: those with coefficients, and of a variable that has none all, with 0: a row that lacks it has no prediction.
std::vector<char> are_parameters(const Part& part, const std::vector<DesignColumn>& columns) {
  std::set<int> told;
  auto const& terms = part.design.terms;
  for (std::size_t j = 0; j < columns.size(); ++j)
    if (!part.coefficients[j].aliased) told.insert(terms[columns[j].term].variables.begin(), terms[columns[j].term].variables.end());
  std::vector<char> out;
  for (std::size_t j = 0; j < columns.size(); ++j) {
    auto const& variables = terms[columns[j].term].variables;
    out.push_back(!part.coefficients[j].aliased || std::any_of(variables.begin(), variables.end(), [&](int v) { return told.count(v) == 0; }));
  }
  return out;
}

/// Parameters, the predictors that each is made of, and their coefficients.
std::string parameters(const Part& part, const std::vector<std::string>& predictor) {
  std::string list, cells, values;
  auto const columns = part.design.columns();
  auto const wanted = are_parameters(part, columns);
  for (std::size_t j = 0; j < columns.size(); ++j) {
    if (!wanted[j]) continue;
    double const beta = part.coefficients[j].aliased ? 0 : part.coefficients[j].estimate;
    auto const name = "p" + std::to_string(j);
    list += "      <Parameter" + pmml_attribute("name", name) + pmml_attribute("label", part.coefficients[j].name) + "/>\n";
    values += "      <PCell" + pmml_attribute("parameterName", name) + " df=\"1\"" + pmml_attribute("beta", pmml_number(beta)) + "/>\n";
    auto const levels = levels_of(part.design, columns[j]);
    std::size_t factor = 0;
    for (int v : part.design.terms[columns[j].term].variables)
      cells += "      <PPCell" + pmml_attribute("value", part.design.variables[v].factor ? levels[factor++] : "1") + pmml_attribute("predictorName", predictor[v]) +
               pmml_attribute("parameterName", name) + "/>\n";
  }
  std::string factors, covariates;
  for (std::size_t v = 0; v < predictor.size(); ++v) {
    if (std::find(predictor.begin(), predictor.begin() + static_cast<std::ptrdiff_t>(v), predictor[v]) != predictor.begin() + static_cast<std::ptrdiff_t>(v)) continue;
    (part.design.variables[v].factor ? factors : covariates) += "      <Predictor" + pmml_attribute("name", predictor[v]) + "/>\n";
  }
  return "    <ParameterList>\n" + list + "    </ParameterList>\n    <FactorList>\n" + factors + "    </FactorList>\n    <CovariateList>\n" + covariates +
         "    </CovariateList>\n    <PPMatrix>\n" + cells + "    </PPMatrix>\n    <ParamMatrix>\n" + values + "    </ParamMatrix>\n";
}

/// A column of the data. Of a factor's levels those that the model knows are valid, so that engines refuse a row with another one.
std::string data_field(const impl::PmmlFields::Field& column, const DesignVariable* factor) {
  using Kind = impl::PmmlKind;
  if (column.kind != Kind::text && column.kind != Kind::logical)
    return "    <DataField" + pmml_attribute("name", column.name) + " optype=\"continuous\" dataType=\"double\"/>\n";
  std::vector<std::string> valid;
  if (column.kind == Kind::logical) valid = {"FALSE", "TRUE"};
  if (factor) {
    valid.clear();
    for (auto const& level : factor->levels)
      if (std::find(factor->unused.begin(), factor->unused.end(), level) == factor->unused.end()) valid.push_back(level);
  }
  std::string values;
  for (auto const& level : valid) values += "      <Value" + pmml_attribute("value", level) + "/>\n";
  return "    <DataField" + pmml_attribute("name", column.name) + " optype=\"categorical\" dataType=\"string\">\n" + values + "    </DataField>\n";
}

}  // namespace

std::string to_pmml(const nlohmann::json& model, std::optional<double> penalty) {
  impl::check_version(model);
  auto const part = part_of(model_at_penalty(model, penalty));
  impl::PmmlFields fields(part.design.inputs, part.transforms, part.response);
  std::vector<std::string> predictor;
  std::map<std::string, const DesignVariable*> factors;
  for (auto const& v : part.design.variables) {
    auto const field = fields.predictor(v);
    predictor.push_back(field.name);
    if (v.factor) factors.emplace(field.name, &v);
  }
  auto const offset = part.offset.empty() ? "" : pmml_attribute("offsetVariable", fields.number_field(part.offset));
  // A field is the target or is read, not both.
  auto const& columns = fields.columns();
  bool const read = std::any_of(columns.begin(), columns.end(), [&](auto const& c) { return c.name == part.response; });
  auto const target = read ? fields.unique(part.response, "fitted ") : part.response;

  std::string dictionary = "    <DataField" + pmml_attribute("name", target) + " optype=\"continuous\" dataType=\"double\"/>\n";
  std::string schema = "      <MiningField" + pmml_attribute("name", target) + " usageType=\"target\"/>\n";
  for (auto const& column : columns) {
    auto const factor = factors.find(column.name);
    dictionary += data_field(column, factor == factors.end() ? nullptr : factor->second);
    schema += "      <MiningField" + pmml_attribute("name", column.name) + "/>\n";
  }
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PMML version=\"4.4\" xmlns=\"http://www.dmg.org/PMML-4_4\">\n"
         "  <Header><Application name=\"rxhpc\"/></Header>\n  <DataDictionary>\n" + dictionary + "  </DataDictionary>\n" +
         (fields.derived().empty() ? "" : "  <TransformationDictionary>\n" + fields.derived() + "  </TransformationDictionary>\n") +
         "  <GeneralRegressionModel" + pmml_attribute("targetVariableName", target) + " functionName=\"regression\"" + part.attributes + offset +
         ">\n    <MiningSchema>\n" + schema + "    </MiningSchema>\n" + parameters(part, predictor) + "  </GeneralRegressionModel>\n</PMML>\n";
}

}  // namespace rxhpc
