#include "model_inputs.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_set>

#include "compile.hpp"
#include "rxhpc/column.hpp"
#include "rxhpc/errors.hpp"

namespace rxhpc::impl {
namespace {

/// Factors that an expression makes of the model's levels for their codes: pinned N() and as.integer(). A factor whose levels the user chose
/// may leave others out: pinned, it is one of one.
void coded_factors(const Expr& e, std::vector<const Expr*>& found) {
  bool const codes = !e.args.empty() && (e.is_call("N") || e.is_call("F") || e.is_call("as.integer") || e.is_call("as.numeric") || e.is_call("as.double"));
  auto const& x = codes ? *e.args[0] : e;
  if (codes && x.is_call("factor") && x.args.size() == 2 && x.arg_names[1] == "levels" && x.args[1]->is_call("c")) found.push_back(&x);
  for (auto const& arg : e.args) coded_factors(*arg, found);
}

/// Whether rows have a level of a column of the input; empty where the table does not tell.
std::optional<bool> level_in_use(const ChunkSource& input, int column, std::size_t level) {
  auto const* zones = column >= 0 ? input.zone_map() : nullptr;
  if (!zones || zones->level_counts[column].size() != zones->moments[column].size()) return std::nullopt;  // left out where there are very many levels
  return std::any_of(zones->level_counts[column].begin(), zones->level_counts[column].end(), [&](auto const& chunk) { return chunk[level] > 0; });
}

enum class Meaning { number, logical, levels, date, time };

Meaning meaning_of(VarType type) {
  switch (type) {
    case VarType::logical: return Meaning::logical;
    case VarType::character:
    case VarType::factor:
    case VarType::ordered: return Meaning::levels;
    case VarType::date: return Meaning::date;
    case VarType::posixct: return Meaning::time;
    default: return Meaning::number;
  }
}

/// Whether a text spells a value of that kind, as the functions of `conversion` read it.
bool spells(const std::string& text, Meaning m) {
  if (m == Meaning::number) return parse_number(text).has_value();
  if (m == Meaning::logical) return truth_of(text).has_value();
  return !std::isnan(m == Meaning::date ? parse_date(text) : parse_time(text));
}

const char* conversion(Meaning m) {
  return m == Meaning::number ? "as.numeric" : m == Meaning::logical ? "as.logical" : m == Meaning::date ? "as.Date" : "as.POSIXct";
}

/// What makes a column of the input what it was in the fit; empty where it is that, or where its levels are matched as they are.
std::string converted(const InputColumn& wanted, const ChunkSource& input, int column) {
  auto const& found = input.schema()[static_cast<std::size_t>(column)];
  auto const to = meaning_of(wanted.type), from = meaning_of(found.type);
  auto const name = quoted_name(wanted.name);
  if (to == from || to == Meaning::levels || (to == Meaning::number && from == Meaning::logical)) return "";
  auto const differs = "column '" + wanted.name + "' is " + to_string(wanted.type) + " in the model and " + to_string(found.type) + " in the data";
  bool const temporal = to == Meaning::date || to == Meaning::time;
  if (from == Meaning::levels) {
    if (found.storage == Storage::text) throw DataError(differs);
    for (std::size_t l = 0; l < found.levels.size(); ++l)
      if (!spells(found.levels[l], to) && level_in_use(input, column, l).value_or(true)) throw DataError(differs + "; '" + found.levels[l] + "' is not " + to_string(wanted.type));
    return std::string(conversion(to)) + "(as.character(" + name + "))";
  }
  // Text without any value reads as a logical column.
  if (temporal && from == Meaning::logical) return std::string(conversion(to)) + "(NA)";
  bool const clear = temporal ? from == Meaning::date || from == Meaning::time : to == Meaning::logical && from == Meaning::number;
  if (!clear) throw DataError(differs);
  return std::string(conversion(to)) + "(" + name + ")";
}

}  // namespace

void check_levels(const Design& design, RowSource& rows, const ChunkSource& input, const std::vector<std::string>& expressions) {
  auto const check = [&](const Expr& made, const std::string& label, const std::vector<std::string>& levels, const std::vector<std::string>& unused) {
    int const column = rows.derive(made, deparse(made)), base = rows.base_column(column);
    auto const& found = rows.schema()[column];
    std::unordered_set<std::string_view> const known(levels.begin(), levels.end()), without_rows(unused.begin(), unused.end());
    for (std::size_t l = 0; l < found.levels.size(); ++l) {
      bool const in_vain = without_rows.contains(found.levels[l]);
      if (known.contains(found.levels[l]) && !in_vain) continue;
      // a level that the table has as the model's own list of levels had it, but perhaps not in any row, is no news
      if (level_in_use(input, base, l).value_or(!in_vain))
        throw DataError("column '" + label + "': level '" + found.levels[l] + (in_vain ? "' had no rows when the model was fitted" : "' is unknown to the model"));
    }
  };
  auto const check_codes = [&](const Expr& e, const std::string& label) {
    std::vector<const Expr*> factors;
    coded_factors(e, factors);
    for (auto const* f : factors) {
      std::vector<std::string> levels;
      for (auto const& text : f->args[1]->args) levels.push_back(text->text);
      check(*f->args[0], label.empty() ? deparse(*f->args[0]) : label, levels, {});
    }
  };
  for (auto const& v : design.variables) {
    auto const e = parse_expression(v.expression);
    if (v.factor) check(*e, v.label, v.levels, v.unused);
    check_codes(*e, v.label);
  }
  for (auto const& e : expressions) check_codes(*parse_expression(e), "");
}

std::vector<std::string> columns_of(const Design& design, const std::vector<std::string>& expressions) {
  std::vector<std::string> names;
  auto const add = [&](const std::string& expression) {
    for (auto const& n : names_in(*parse_expression(expression)))
      if (std::find(names.begin(), names.end(), n) == names.end()) names.push_back(n);
  };
  for (auto const& e : expressions) add(e);
  for (auto const& v : design.variables) add(v.expression);
  return names;
}

std::vector<std::string> complete_expressions(const Design& design, std::vector<std::string> expressions) {
  for (auto const& v : design.variables) {
    if (!v.factor) {
      expressions.push_back(v.expression);
      continue;
    }
    std::string known;
    for (auto const& level : v.levels)
      if (std::find(v.unused.begin(), v.unused.end(), level) == v.unused.end()) known += (known.empty() ? "" : ", ") + quoted_text(level);
    expressions.push_back("factor(" + v.expression + ", levels = c(" + known + "))");
  }
  return expressions;
}

Sources sources_of(std::set<std::string> columns, const std::vector<std::string>& transforms, const Schema& input) {
  Sources out{std::move(columns), {}};
  auto const made_before = [&](const std::string& name, std::size_t end) {
    return std::any_of(transforms.begin(), transforms.begin() + static_cast<std::ptrdiff_t>(end), [&](auto const& t) { return parse_assignment(t).name == name; });
  };
  for (std::size_t t = transforms.size(); t-- > 0;) {
    auto const made = parse_assignment(transforms[t]);
    if (!out.columns.contains(made.name)) continue;
    bool known = true, of_itself = false;
    std::vector<std::string> from;
    for (auto const& name : made.value ? names_in(*made.value) : std::vector<std::string>{}) {
      bool const found = input.find(name) >= 0 || made_before(name, t);
      if (!found && (name == "T" || name == "F" || name == "pi")) continue;
      known &= found;
      of_itself |= name == made.name;
      from.push_back(name);
    }
    if (!known && !of_itself && input.find(made.name) >= 0) continue;
    out.transforms.insert(out.transforms.begin(), transforms[t]);
    out.columns.erase(made.name);
    out.columns.insert(from.begin(), from.end());
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> conversions(const std::vector<InputColumn>& inputs, const std::set<std::string>& read, const ChunkSource& input) {
  std::vector<std::pair<std::string, std::string>> out;
  for (auto const& c : inputs)
    if (int const at = input.schema().find(c.name); at >= 0 && read.contains(c.name))
      if (auto value = converted(c, input, at); !value.empty()) out.emplace_back(c.name, std::move(value));
  return out;
}

}  // namespace rxhpc::impl
