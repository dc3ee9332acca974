// The names of expressions: columns, transforms, constants; and the DerivedFields.
#include <algorithm>

#include "pmml_expressions.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

PmmlKind kind_of(VarType type) {
  switch (type) {
    case VarType::logical: return PmmlKind::logical;
    case VarType::character:
    case VarType::factor:
    case VarType::ordered: return PmmlKind::text;
    case VarType::date: return PmmlKind::date;
    case VarType::posixct: return PmmlKind::time;
    default: return PmmlKind::number;
  }
}

std::set<std::string> truth_texts() { return {"FALSE", "TRUE"}; }

}  // namespace

PmmlFields::PmmlFields(const std::vector<InputColumn>& inputs, const std::vector<std::string>& transforms, const std::string& target) {
  for (auto const& c : inputs) types_[c.name] = c.type, taken_.insert(c.name);
  for (auto const& text : transforms) transforms_.push_back(parse_assignment(text));
  taken_.insert(target);
}

std::string PmmlFields::unique(const std::string& name, const std::string& prefix) {
  auto fresh = name;
  for (int k = 1; !taken_.insert(fresh).second; ++k) fresh = prefix + name + (k == 1 ? "" : " " + std::to_string(k));
  return fresh;
}

PmmlFields::Field PmmlFields::column(const std::string& name, VarType type) {
  auto const known = std::find_if(columns_.begin(), columns_.end(), [&](auto const& c) { return c.name == name; });
  return known == columns_.end() ? columns_.emplace_back(Field{name, kind_of(type), true, {}}) : *known;
}

/// A text or truth value that is another field is that field: its valid values are those of the column.
PmmlFields::Field PmmlFields::transform(std::size_t place) {
  if (auto const known = made_.find(place); known != made_.end()) return known->second;
  auto const& a = transforms_[place];
  auto const w = write({*a.value, place});
  bool const same = w.field && (w.kind == PmmlKind::text || w.kind == PmmlKind::logical);
  return made_[place] = same ? *w.field : derive(a.name, w, *a.value);
}

PmmlFields::Written PmmlFields::name(Scoped s) {
  auto const& e = s.e;
  if (!e.is_constant_name()) {
    for (auto place = s.before; place-- > 0;) {
      if (transforms_[place].name != e.text) continue;
      if (!transforms_[place].value) throw UsageError("'" + deparse(e) + "' cannot be written as PMML: a transform drops it");
      return of_field(transform(place));
    }
    if (auto const known = types_.find(e.text); known != types_.end()) return of_field(column(known->first, known->second));
  }
  if (!e.quoted) {
    if (e.text == "TRUE" || e.text == "T") return constant(1, PmmlKind::logical);
    if (e.text == "FALSE" || e.text == "F") return constant(0, PmmlKind::logical);
    if (e.text == "pi") return constant(3.14159265358979323846);
  }
  throw UsageError("'" + deparse(e) + "' cannot be written as PMML");
}

PmmlFields::Field PmmlFields::derive(const std::string& name, const Written& w, const Expr& e) {
  if (w.kind == PmmlKind::time && !w.field) throw UsageError("'" + deparse(e) + "' cannot be written as PMML: it is a time");
  Field field{"", w.kind, false, w.kind == PmmlKind::logical ? truth_texts() : w.values};
  auto const text = [](const char* value) { return "      <Constant dataType=\"string\">" + std::string(value) + "</Constant>\n"; };
  auto const body = w.kind == PmmlKind::logical ? choose(w, text("TRUE"), text("FALSE"), "") : w.text;
  bool const categorical = w.kind == PmmlKind::logical || w.kind == PmmlKind::text;
  field.name = unique(name, "derived ");
  derived_ += "    <DerivedField" + pmml_attribute("name", field.name) + pmml_attribute("optype", categorical ? "categorical" : "continuous") +
              pmml_attribute("dataType", categorical ? "string" : "double") + ">\n" + body + "    </DerivedField>\n";
  return field;
}

PmmlFields::Field PmmlFields::field_of(const std::string& expression) {
  if (auto const known = of_expression_.find(expression); known != of_expression_.end()) return known->second;
  auto const e = parse_expression(expression);
  auto const w = write({*e, transforms_.size()});
  bool const same = w.field && (e->kind == Expr::Kind::name || w.kind == PmmlKind::text || w.kind == PmmlKind::logical);
  return of_expression_[expression] = same ? *w.field : derive(expression, w, *e);
}

PmmlFields::Field PmmlFields::predictor(const DesignVariable& v) {
  auto const field = field_of(v.expression);
  bool const categorical = field.kind == PmmlKind::logical || field.kind == PmmlKind::text;
  if (categorical != v.factor) throw UsageError("'" + v.label + "' cannot be written as PMML");
  // A column lists its valid values; a derived text that is none of the levels would count as the one that has no coefficient.
  if (!v.factor || field.column) return field;
  if (!field.values) throw UsageError("'" + v.label + "' cannot be written as PMML: which levels it can have depends on the data");
  for (auto const& level : *field.values) {
    auto const among = [&](const std::vector<std::string>& all) { return std::find(all.begin(), all.end(), level) != all.end(); };
    if (!among(v.levels) || among(v.unused))
      throw UsageError("'" + v.label + "' cannot be written as PMML: it can be " + pmml_shown(level) + ", which had no rows in the fit");
  }
  return field;
}

std::string PmmlFields::number_field(const std::string& expression) {
  auto const e = parse_expression(expression);
  if (auto const known = of_expression_.find(expression); known != of_expression_.end() && known->second.kind != PmmlKind::logical) return known->second.name;
  auto w = write({*e, transforms_.size()});
  if (w.kind == PmmlKind::date || w.kind == PmmlKind::time) w.kind = PmmlKind::number;
  if (w.field && e->kind == Expr::Kind::name && w.kind == PmmlKind::number) return w.field->name;
  return derive(expression, as_number(*e, std::move(w)), *e).name;
}

}  // namespace rxhpc::impl
