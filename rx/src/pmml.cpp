#include "rxhpc/pmml.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

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

std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&quot;";
    else out += c;
  }
  return out;
}
std::string attribute(const char* name, const std::string& value) { return std::string(" ") + name + "=\"" + escaped(value) + "\""; }
std::string exact(double x) { return nlohmann::json(x).dump(); }

std::string link_attributes(const Glm& m) {
  auto const power = [](double x) { return attribute("linkFunction", "power") + attribute("linkParameter", exact(x)); };
  switch (m.functions.link) {
    case Link::identity: case Link::log: case Link::logit: case Link::probit: case Link::cloglog: return attribute("linkFunction", m.functions.link == Link::log ? "log" : m.functions.link == Link::identity ? "identity" : m.link);
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
    case Variance::constant: return attribute("distribution", "normal");
    case Variance::mu: return attribute("distribution", "poisson");
    case Variance::mu_squared: return attribute("distribution", "gamma");
    case Variance::mu_cubed: return attribute("distribution", "igauss");
    case Variance::binomial: return attribute("distribution", "binomial");
    case Variance::negative_binomial: return attribute("distribution", "negbin") + attribute("distParameter", exact(m.functions.theta));
    case Variance::power: break;
  }
  return attribute("distribution", "tweedie") + attribute("distParameter", exact(m.functions.var_power));
}

Part part_of(const nlohmann::json& model) {
  auto const kind = model.value("kind", "");
  if (kind == "linmod") {
    auto m = lin_mod_from_json(model);
    if (m.fits.size() != 1) throw UsageError("a model of several responses cannot be written as PMML");
    return {m.design, m.fits[0].coefficients, m.rows.transforms, m.fits[0].name, "", attribute("modelType", "generalLinear")};
  }
  if (kind != "logit" && kind != "glm") throw UsageError("a model of kind '" + kind + "' cannot be written as PMML");
  auto m = glm_from_json(model);
  return {m.design, {m.coefficients.begin(), m.coefficients.end()}, m.rows.transforms, m.response, m.offset_expression,
          attribute("modelType", "generalizedLinear") + distribution(m) + link_attributes(m)};
}

/// Expressions as PMML's Apply elements; fields that they read are noted.
class Expressions {
 public:
  std::vector<std::string> fields;                ///< of the data, in order of first use
  std::string derived;                            ///< DerivedField elements
  std::map<std::string, std::string> field_name;  ///< a column or expression: the field that holds it

  /// The field of an expression, derived where it is more than a column.
  std::string field(const std::string& expression, bool categorical, bool logical = false) {
    if (auto const known = field_name.find(expression); known != field_name.end()) return known->second;
    auto const e = strip_parentheses(parse_expression(expression));
    if (e->kind == Expr::Kind::name) return name(*e);
    return derive(expression, expression, *e, categorical, logical && e->text != "ifelse");
  }
  /// `logical`: a condition whose levels are written as texts, since PMML writes its own truth values otherwise.
  std::string derive(const std::string& key, std::string as, const Expr& e, bool categorical, bool logical) {
    auto body = markup(e);
    if (logical) body = "      <Apply function=\"if\">\n" + body + constant("string", "TRUE") + constant("string", "FALSE") + "      </Apply>\n";
    if (std::find(fields.begin(), fields.end(), as) != fields.end()) as = "derived " + as;
    derived += "    <DerivedField" + attribute("name", as) + attribute("optype", categorical ? "categorical" : "continuous") +
               attribute("dataType", categorical ? "string" : "double") + ">\n" + body + "    </DerivedField>\n";
    return field_name[key] = as;
  }

 private:
  std::string name(const Expr& e) {
    auto const written = e.text;
    if (auto const known = field_name.find(deparse(e)); known != field_name.end()) return known->second;
    if (std::find(fields.begin(), fields.end(), written) == fields.end()) fields.push_back(written);
    return field_name[deparse(e)] = written;
  }
  static std::string constant(const std::string& type, const std::string& value) {
    return "      <Constant" + attribute("dataType", type) + ">" + escaped(value) + "</Constant>\n";
  }
  std::string apply(const char* function, const Expr& e) {
    std::string out = "      <Apply" + attribute("function", function) + ">\n";
    for (auto const& a : e.args) out += markup(*a);
    return out + "      </Apply>\n";
  }
  std::string markup(const Expr& e) {
    static const std::map<std::string, const char*> functions{
        {"+", "+"}, {"-", "-"}, {"*", "*"}, {"/", "/"}, {"^", "pow"}, {"log", "ln"}, {"log10", "log10"}, {"log1p", "ln1p"}, {"exp", "exp"}, {"expm1", "expm1"},
        {"sqrt", "sqrt"}, {"abs", "abs"}, {"floor", "floor"}, {"ceiling", "ceil"}, {"==", "equal"}, {"!=", "notEqual"}, {"<", "lessThan"},
        {"<=", "lessOrEqual"}, {">", "greaterThan"}, {">=", "greaterOrEqual"}, {"&", "and"}, {"|", "or"}, {"!", "not"}, {"ifelse", "if"}, {"is.na", "isMissing"}};
    if (e.kind == Expr::Kind::number) return constant("double", exact(e.number));
    if (e.kind == Expr::Kind::text) return constant("string", e.text);
    if (e.kind == Expr::Kind::name && !e.is_constant_name()) return "      <FieldRef" + attribute("field", name(e)) + "/>\n";
    if (e.is_call("(") || e.is_call("I")) return markup(*e.args[0]);
    if (e.is_call("as.numeric") || e.is_call("as.integer"))
      return "      <Apply function=\"if\">\n" + markup(*e.args[0]) + constant("double", "1") + constant("double", "0") + "      </Apply>\n";
    auto const known = e.kind == Expr::Kind::call ? functions.find(e.text) : functions.end();
    bool const minus_one = e.is_call("-") && e.args.size() == 1;
    if (known == functions.end() || (e.text == "log" && e.args.size() != 1)) throw UsageError("'" + deparse(e) + "' cannot be written as PMML");
    if (minus_one) return "      <Apply function=\"-\">\n" + constant("double", "0") + markup(*e.args[0]) + "      </Apply>\n";
    return apply(known->second, e);
  }
};

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

/// Parameters, the predictors that each is made of, and their coefficients.
std::string parameters(const Part& part, const std::vector<std::string>& predictor) {
  std::string list, cells, values;
  auto const columns = part.design.columns();
  for (std::size_t j = 0; j < columns.size(); ++j) {
    if (part.coefficients[j].aliased) continue;
    auto const name = "p" + std::to_string(j);
    list += "      <Parameter" + attribute("name", name) + attribute("label", part.coefficients[j].name) + "/>\n";
    values += "      <PCell" + attribute("parameterName", name) + " df=\"1\"" + attribute("beta", exact(part.coefficients[j].estimate)) + "/>\n";
    auto const levels = levels_of(part.design, columns[j]);
    std::size_t factor = 0;
    for (int v : part.design.terms[columns[j].term].variables)
      cells += "      <PPCell" + attribute("value", part.design.variables[v].factor ? levels[factor++] : "1") + attribute("predictorName", predictor[v]) +
               attribute("parameterName", name) + "/>\n";
  }
  std::string factors, covariates;
  for (std::size_t v = 0; v < predictor.size(); ++v)
    (part.design.variables[v].factor ? factors : covariates) += "      <Predictor" + attribute("name", predictor[v]) + "/>\n";
  return "    <ParameterList>\n" + list + "    </ParameterList>\n    <FactorList>\n" + factors + "    </FactorList>\n    <CovariateList>\n" + covariates +
         "    </CovariateList>\n    <PPMatrix>\n" + cells + "    </PPMatrix>\n    <ParamMatrix>\n" + values + "    </ParamMatrix>\n";
}

}  // namespace

std::string to_pmml(const nlohmann::json& model, std::optional<double> penalty) {
  auto const part = part_of(model_at_penalty(model, penalty));
  Expressions expressions;
  for (auto const& t : part.transforms) {
    auto const a = parse_assignment(t);
    // What only makes the response is no part of a scoring.
    bool const used = std::any_of(part.design.variables.begin(), part.design.variables.end(), [&](auto const& v) {
      auto const names = names_in(*parse_expression(v.expression));
      return std::find(names.begin(), names.end(), a.name) != names.end();
    });
    if (a.value && used) expressions.derive(quoted_name(a.name), a.name, *a.value, false, false);
  }
  std::vector<std::string> predictor;
  for (auto const& v : part.design.variables) predictor.push_back(expressions.field(v.expression, v.factor, v.levels == std::vector<std::string>{"FALSE", "TRUE"}));
  auto const offset = part.offset.empty() ? "" : attribute("offsetVariable", expressions.field(part.offset, false));

  std::string dictionary = "    <DataField" + attribute("name", part.response) + " optype=\"continuous\" dataType=\"double\"/>\n";
  std::string schema = "      <MiningField" + attribute("name", part.response) + " usageType=\"target\"/>\n";
  for (auto const& f : expressions.fields) {
    if (f == part.response) continue;
    auto const at = std::find(predictor.begin(), predictor.end(), f);
    bool const factor = at != predictor.end() && part.design.variables[static_cast<std::size_t>(at - predictor.begin())].factor;
    dictionary += "    <DataField" + attribute("name", f) + (factor ? " optype=\"categorical\" dataType=\"string\">\n" : " optype=\"continuous\" dataType=\"double\"/>\n");
    if (factor) {
      for (auto const& level : part.design.variables[static_cast<std::size_t>(at - predictor.begin())].levels) dictionary += "      <Value" + attribute("value", level) + "/>\n";
      dictionary += "    </DataField>\n";
    }
    schema += "      <MiningField" + attribute("name", f) + "/>\n";
  }
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PMML version=\"4.4\" xmlns=\"http://www.dmg.org/PMML-4_4\">\n"
         "  <Header><Application name=\"rxhpc\"/></Header>\n  <DataDictionary>\n" + dictionary + "  </DataDictionary>\n" +
         (expressions.derived.empty() ? "" : "  <TransformationDictionary>\n" + expressions.derived + "  </TransformationDictionary>\n") +
         "  <GeneralRegressionModel" + attribute("targetVariableName", part.response) + " functionName=\"regression\"" + part.attributes + offset +
         ">\n    <MiningSchema>\n" + schema + "    </MiningSchema>\n" + parameters(part, predictor) + "  </GeneralRegressionModel>\n</PMML>\n";
}

}  // namespace rxhpc
